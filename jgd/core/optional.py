"""Optional packages, imported when they are used."""

import importlib
from types import ModuleType

from jgd.core.errors import InputError


def require(module: str, purpose: str, extra: str = "all") -> ModuleType:
    """Return the module, or an error that says what it was for and how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = {"sklearn": "scikit-learn"}.get(module.split(".")[0], module.split(".")[0])
        raise InputError(
            f"{purpose} needs {package}, which is not installed: pip install {package}, or pip install 'jgd[{extra}]'."
        ) from None
