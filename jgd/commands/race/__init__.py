"""`jgd race`: optimizers against each other on one task."""

from jgd.commands.race.command import add_race as add_race
