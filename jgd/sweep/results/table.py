"""A table in plain text."""

from jgd.pages.text import plain as plain
