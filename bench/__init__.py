"""jgd's own cases against its peers, as tables of rows: `python -m bench`, and `python -m bench --list`."""
