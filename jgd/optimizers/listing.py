"""The list of all that steps: the catalogue's optimizers, the wrappers of optimizers, and the transforms."""

import fnmatch
import inspect
import re
import sys
import textwrap
from types import ModuleType
from typing import Any, NamedTuple, get_args

from jgd.core.arguments import checked
from jgd.core.errors import unknown
from jgd.optimizers.catalogue import OptimizerEntry, catalogue, known_table, source_in

# A parameter of one of these names takes an optimizer or a transform, several, or what makes one.
WRAPPED = {
    *("args", "base_optimizer", "fast_optimizer", "groups", "inner", "inner_factory", "magnitude", "opt", "optimizer"),
    *("preprocessor", "rule", "transforms", "tx"),
}


class TransformEntry(NamedTuple):
    """A wrapper or a transform, or an optimizer without defaults, in the list."""

    name: str
    family: str  # "wrapper", or the file that defines it
    make: Any
    summary: str  # one line

    @property
    def source(self) -> str:
        """The paper that its docstring names."""
        return source_in(self.make.__doc__)


class OptimizerList(dict[str, OptimizerEntry | TransformEntry]):
    """Entries by name, which print as a table."""

    def __repr__(self) -> str:
        return known_table(self.values())


@checked()
def list(pattern: str = "*", *packages: ModuleType) -> OptimizerList:
    """List the optimizers, wrappers and transforms whose names match a pattern such as `adam*`, as a table.

    Optimizers come first, then wrappers, then transforms, each in order. `jgd list 'adam*'` shows the same. `packages`
    are others to look through, such as `jgd.distributed`.
    """
    from jgd import optimizers, transforms  # whose names are imported on first use

    found: dict[str, Any] = dict(catalogue())
    shown = set(vars(sys.modules["jgd"])["__all__"])
    rest = {}
    for package in (optimizers, transforms, *packages):
        names = [name for name in dir(package) if name.islower() and (name in shown or package in packages)]
        rest |= {name: _entry(name, getattr(package, name)) for name in names if name not in found}
    others = [entry for entry in rest.values() if entry is not None]
    found |= {entry.name: entry for entry in sorted(others, key=lambda entry: (entry.family != "wrapper", entry.name))}
    matching = OptimizerList((name, entry) for name, entry in found.items() if fnmatch.fnmatch(name, pattern))
    if not matching:
        raise unknown("jgd list", pattern, sorted(found))
    return matching


def _entry(name: str, value: Any) -> TransformEntry | None:
    """Describe a public name, or return None where it makes no transform."""
    if not callable(value) or not _makes_transform(value):
        return None
    holds = not WRAPPED.isdisjoint(inspect.signature(value).parameters)
    family = "wrapper" if holds else value.__module__.rpartition(".")[2]
    sentence = re.split(r"(?<=\.) (?=[A-Z(`])|\n\n", " ".join((value.__doc__ or "").partition("\n\n")[0].split()))[0]
    return TransformEntry(name, family, value, textwrap.shorten(sentence, 110, placeholder=" ..."))


def _makes_transform(value: Any) -> bool:
    if inspect.isclass(value):
        return _steps(value)
    made = inspect.signature(value).return_annotation
    return _steps(made) or any(map(_steps, get_args(made)))


def _steps(kind: Any) -> bool:
    return hasattr(kind, "init") and hasattr(kind, "update")
