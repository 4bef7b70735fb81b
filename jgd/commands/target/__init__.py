"""`jgd bench target`."""

from jgd.commands.target.command import add_target as add_target
