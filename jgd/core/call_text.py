"""Records as the calls that make them."""

import dataclasses
import re
import sys
from typing import Any

from jgd.core.outline import brief


def call_text(value: Any) -> str:
    """Return the call that makes a record, which can be pasted back; structure that has its default is left out."""
    arguments = []
    for field in dataclasses.fields(value):
        argument = value.__dict__[field.name]
        default = argument is field.default and (argument is None or field.metadata.get("kind") != "hyper")
        if not default and not (isinstance(argument, str) and argument == field.default):
            argument = brief(argument)
            name = getattr(argument, "__qualname__", None) if callable(argument) else None
            arguments.append(f"{field.name}={name or repr(argument)}")
    return f"{call_name(type(value))}({', '.join(arguments)})"


def call_name(cls: type) -> str:
    """Return the name by which a record is called: `scale_by_lion` of `ScaleByLion` where it is bound to the class.

    A record that a function of another signature makes has that function's name as `called`.
    """
    if hasattr(cls, "called"):
        return cls.called
    lower = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
    return lower if getattr(sys.modules.get(cls.__module__), lower, None) is cls else cls.__name__
