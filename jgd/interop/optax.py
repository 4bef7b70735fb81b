"""optax's whole public namespace, with jgd's values where jgd has the name: `from jgd.interop import optax`.

Existing code runs unchanged. What has a name in both is jgd's: the same parameters, and a value instead of a pair of
functions; a call with a parameter that only optax knows is optax's. All else is optax's own object: its classes, of
which jgd's transforms are instances, and its wrappers, which forward extra arguments to such.
"""

from types import ModuleType
from typing import TYPE_CHECKING, Any

import optax as _optax
import optax.experimental as _experimental

from jgd import optimizers as _optimizers
from jgd import schedules as _schedules
from jgd import transforms as _transforms
from jgd.interop import adapt as _adapt
from jgd.interop import contrib as _contrib
from jgd.interop import optax_forms as _forms
from jgd.interop.convert import FromOptax as FromOptax
from jgd.interop.convert import to_optax as to_optax

if TYPE_CHECKING:  # for tools that read the source; what runs is below, without optax's deprecated names
    from optax import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary]


def _public(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def _submodule(theirs: ModuleType, *sources: ModuleType) -> ModuleType:
    """Return a module of optax with some names replaced."""
    module = ModuleType(f"{__name__}.{theirs.__name__.rpartition('.')[2]}", theirs.__doc__)
    module.__dict__.update(_public(theirs) | _adapt.replaced(theirs, *sources))
    return module


def _experiments() -> ModuleType:
    """Return the module `experimental`, with its one module replaced."""
    module = _submodule(_experimental)
    module.__dict__["aggregating"] = _submodule(_experimental.aggregating, _transforms)
    return module


globals().update(
    _public(_optax) | _adapt.replaced(_optax, _forms, _optimizers, _transforms, _schedules),
    experimental=_experiments(),
    contrib=_submodule(_optax.contrib, _contrib, _forms, _optimizers, _transforms),
    schedules=_submodule(_optax.schedules, _schedules, _transforms),
    transforms=_submodule(_optax.transforms, _transforms),
)


__all__ = (*_public(_optax), "FromOptax", "to_optax")  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Resolve what optax itself resolves when asked: deprecated names, with its warning, and its version."""
    return getattr(_optax, name)


def __dir__() -> list[str]:
    return sorted({*dir(_optax), "FromOptax", "to_optax"})
