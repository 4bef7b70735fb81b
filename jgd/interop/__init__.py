"""jgd and optax: values to optax's pairs, optax's factories to values, and optax's namespace with jgd's values."""

from jgd.interop import optax as optax
from jgd.interop.convert import FromOptax as FromOptax
from jgd.interop.convert import to_optax as to_optax
