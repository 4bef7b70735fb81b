"""Optional packages, imported when they are used, and the files that they bring."""

import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from jgd.core.errors import InputError


def require(module: str, purpose: str, extra: str = "all") -> ModuleType:
    """Return the module, or an error that says what it was for and how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise _absent(module, purpose, extra) from None


def brought_file(package: str, path: str, purpose: str, extra: str = "all") -> Path:
    """Return the place of a file that a package brings, without importing the package; `require`'s error without it."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise _absent(package, purpose, extra)
    return Path(found.origin).parent / path


def _absent(module: str, purpose: str, extra: str) -> InputError:
    package = {"sklearn": "scikit-learn"}.get(module.split(".")[0], module.split(".")[0])
    return InputError(
        f"{purpose} needs {package}, which is not installed: pip install {package}, or pip install 'jgd[{extra}]'."
    )
