"""The commands of the command line."""

from jgd.commands.main import main as main
