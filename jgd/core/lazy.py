"""Packages whose names are imported from their modules on first use, so that a long catalogue costs nothing."""

import sys
import textwrap
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """A package that imports a name's module when the name is first asked for.

    A module may bear the name of what it holds, as `optimizers.adam` does; the package shows what it holds.
    """

    _homes: dict[str, str]
    _folders: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        home = self._homes.get(name) if not name.startswith("__") else None
        if home is not None:
            value = getattr(import_module(home), name)
        elif name in self._folders:
            value = import_module(f"{self.__name__}.{name}")
        else:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        vars(self)[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and self._homes.get(name) == value.__name__:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return list(self.__all__)


def lazy(package: str, homes: Mapping[str, str], folders: str = "") -> None:
    """Let a package show names of modules: `homes` has the names, spaces between them, by what defines them.

    `folders` are packages below it that are imported on first use too. Its docstring ends with the list of the names.
    """
    module = sys.modules[package]
    found = {name: home for home, names in homes.items() for name in names.split()}
    shown = sorted({*found, *folders.split()})
    vars(module).update(_homes=found, _folders=tuple(folders.split()), __all__=shown)
    listed = {**homes, package: folders} if folders else homes
    lines = [textwrap.fill(f"{home}: {names}.", 116, subsequent_indent="    ") for home, names in listed.items()]
    module.__doc__ = "\n".join([module.__doc__ or "", *lines])
    module.__class__ = LazyPackage
