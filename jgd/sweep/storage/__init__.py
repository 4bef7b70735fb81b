"""A sweep on disk: its store, the spec that identifies it, locks, and processes that share it."""
