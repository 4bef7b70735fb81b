"""Rows of tests/table.py by family. A module may define two names, both of which are collected.

OVERRIDES   {optimizer: {field of Row: value}}: what is declared about an optimizer of the catalogue with its defaults
RECORDED    a list of rows that only what tests/oracles recorded is compared with
ROWS        a list of further rows, for settings that are not the default
"""
