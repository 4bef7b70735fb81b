"""The host's loops that run a sweep."""
