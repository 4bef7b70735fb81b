"""`jgd bench target`."""

from jgd.commands.bench.target.command import add_target as add_target
