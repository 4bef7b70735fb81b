"""A first sweep and a first run, each in a process of its own: with jgd, and as a person writes them by hand."""
