"""Values in a user's file or module, by a name such as `file.py:task`; the user's failures become one sentence."""

import importlib
import importlib.util
import pathlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax

from jgd.core.errors import InputError, unknown

TRACING = (jax.errors.JAXTypeError, jax.errors.JAXIndexError)  # JAX's, about a function that it cannot trace
TRACEABLE = "write it with jax.numpy in place of numpy, and with jnp.where in place of `if` on values"


def look_up(what: str, name: str) -> Any:
    """Give the value of `file.py:value` or `package.module:value`, which runs the file; `what` names it in an error."""
    place, _, attribute = name.rpartition(":")
    module = _import(f"{what} {name}", place)
    if not hasattr(module, attribute):
        raise unknown(f"{what} {name}", attribute, [key for key in vars(module) if not key.startswith("_")])
    return getattr(module, attribute)


def attempt(
    place: str, call: Callable[[], Any], remedy: str = "", of: tuple[type[Exception], ...] | None = None
) -> Any:
    """Run the user's code, whose failure is one sentence, with the remedy of such errors at its end.

    Unless `of` says otherwise, the remedy of what JAX cannot trace is to write it with jax.numpy. The cause stays
    attached.
    """
    try:
        return call()
    except InputError:
        raise
    except SystemExit as error:
        raise InputError(
            f"{place} ended with exit status {error.code}; move what ends a process below if __name__ == '__main__'."
        ) from error
    except Exception as error:
        reason = (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
        traced = isinstance(error, TRACING)
        fits = isinstance(error, of) if of else not traced
        remedy = remedy if fits else TRACEABLE if traced else ""
        told = f"{reason}; {remedy}" if remedy else reason
        raise InputError(f"{place} failed with {type(error).__name__}: {told}.") from error


def _import(title: str, place: str) -> ModuleType:
    if not place.endswith(".py"):
        return attempt(f"{title}: importing {place}", lambda: importlib.import_module(place))
    path = pathlib.Path(place).resolve()
    if not path.is_file():
        raise InputError(f"{title}: there is no file {place}; give a path from the current folder.")
    return attempt(f"{title}: running {place}", lambda: _run_file(path))


def _run_file(path: pathlib.Path) -> ModuleType:
    """Run a file as a module, which may import its neighbours."""
    spec = importlib.util.spec_from_file_location(f"jgd_file_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look a class's module up there
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
