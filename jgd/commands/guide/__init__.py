"""`jgd guide`: the documentation in a terminal, and as a site."""

from jgd.commands.guide.command import add_guide as add_guide
from jgd.commands.guide.pages import guide_pages as guide_pages
