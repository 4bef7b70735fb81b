"""Models of other libraries, as their users write them, as tasks."""

from jgd.tasks.models.equinox import from_equinox as from_equinox
from jgd.tasks.models.linen import from_linen as from_linen
from jgd.tasks.models.nnx import from_nnx as from_nnx
