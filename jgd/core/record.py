"""Records: frozen dataclasses that are pytrees, whose leaves are their hyperparameters."""

import contextlib
import dataclasses
import inspect
import math
import numbers
import operator
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np

from jgd.core.arguments import FLAG, Kind, admits, shown
from jgd.core.attributes import refuse_change, refuse_unknown
from jgd.core.call_arguments import bind_arguments
from jgd.core.call_text import call_text
from jgd.core.errors import ExpectationError, InputError, RefusalError
from jgd.core.given import GIVEN, UNDRAWN, UNNAMED, Placeholder
from jgd.core.interval import Interval
from jgd.core.notebook import record_html
from jgd.core.pair import abstracted, as_pair, explained

T = TypeVar("T")
Convert = Callable[[Any], Any] | None
_MISSING = dataclasses.MISSING
TRACED = ", known before compilation, since it shapes the program"
HASHABLE = "pass a flag, a number, a tuple or a function that is known before compilation"
_NO_NUMBERS = (bool, np.bool_, complex, np.complexfloating, str, bytes, list, tuple, dict)


def hyper(
    *, default: Any = _MISSING, interval: str = "(-inf, inf)", whole: bool = False, optional: bool = False
) -> Any:
    """Declare a number that is a leaf: traced, never recompiled for, checked against `interval` when it is plain.

    `interval` is written as in mathematics: `"[0, 1)"` contains 0 and not 1. Integers become floats, because
    `jax.grad` refuses integer leaves. A plain function becomes a `Function`, so a schedule may stand here too.
    `None` means absent, where it is the default or the number is `optional`. A `whole` number has no fraction.
    """
    kept = {"kind": "hyper", "interval": Interval.parse(interval), "whole": whole, "optional": optional}
    return dataclasses.field(default=default, metadata=kept)


def hypers(
    *, default: Any = _MISSING, interval: str = "(-inf, inf)", convert: Convert = None, lengths: Any = (0, math.inf)
) -> Any:
    """Declare a sequence of numbers, kept as a tuple; each of them is a leaf and is treated as `hyper` treats one.

    `convert` makes that sequence of what a user gives, such as a name; `lengths` are the least and the largest.
    """
    kept = {"kind": "hypers", "interval": Interval.parse(interval), "convert": convert, "lengths": lengths}
    return dataclasses.field(default=default, metadata=kept)


def static(*, default: Any = _MISSING, convert: Convert = None, expect: Kind | None = None) -> Any:
    """Declare structure: a flag, a size, a name, a function. Part of the tree's definition, so it must be hashable.

    What is annotated `bool` takes nothing else; `expect` says what other fields take, before `convert` runs.
    """
    return dataclasses.field(default=default, metadata={"kind": "static", "convert": convert, "expect": expect})


def part(*, default: Any = _MISSING, convert: Convert = None, expect: Kind | None = None) -> Any:
    """Declare a subtree: a transform inside a transform, a tuple of them.

    When a user builds the record, `expect` says what it takes, and then `convert` runs.
    """
    return dataclasses.field(default=default, metadata={"kind": "part", "convert": convert, "expect": expect})


@dataclass_transform(frozen_default=True, eq_default=False, field_specifiers=(hyper, hypers, static, part))
def record(cls: type[T]) -> type[T]:
    """Make a class a frozen dataclass registered as a pytree.

    What a user constructs is converted and checked. What JAX rebuilds from leaves is not: there tracers, `None`,
    axes and sentinels stand where numbers were. Records compare and hash by identity, since they may hold arrays;
    compare `jax.tree.structure` and the leaves instead. A class with `init` and `update` becomes a `Pair` as well,
    which optax and all who ask for its class accept. `check_fields`, where it has one, compares what was constructed.
    """
    # dataclasses would write and compile an __init__ and two guards for each class: half the time of importing jgd.
    cls = dataclasses.dataclass(init=False, eq=False, repr=False)(cls)
    cls.__init__, cls.__setattr__, cls.__delattr__ = _constructor(cls), refuse_change, refuse_change
    if not hasattr(cls, "__getattr__"):
        setattr(cls, "__getattr__", refuse_unknown)  # noqa: B010  which would tell type checkers that all names are there
    for name, shows in (("__repr__", call_text), ("_repr_html_", record_html)):  # in a terminal, in a notebook
        setattr(cls, name, cls.__dict__.get(name, shows))
    if hasattr(cls, "init") and hasattr(cls, "update"):
        for name, wrap in (("init", abstracted), ("update", explained)):
            if name in cls.__dict__:
                setattr(cls, name, wrap(cls.__dict__[name]))
        cls = as_pair(cls)
    _register(cls)
    return cls


def _constructor(cls: Any) -> Callable[..., None]:
    """Make the `__init__` of a record, which converts and checks, and give the class its signature."""
    fields = dataclasses.fields(cls)
    signature = inspect.Signature(sorted(map(_parameter, fields), key=lambda parameter: parameter.kind))
    setattr(cls, "__signature__", signature)  # noqa: B010  what inspect.signature and help show

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        bound = bind_arguments(cls.__name__, signature, args, kwargs)
        bound.apply_defaults()
        self.__dict__.update(bound.arguments, **{GIVEN: UNNAMED})
        for field in fields:
            self.__dict__[field.name] = _admit(self, field)
        if hasattr(cls, "check_fields"):
            self.check_fields()

    return __init__


def _register(cls: Any) -> None:
    """Register a record as a pytree: what is static, and the names that its constructor gave, are its structure."""
    fields = dataclasses.fields(cls)
    data = tuple(f.name for f in fields if f.metadata.get("kind") != "static")
    meta = (*(f.name for f in fields if f.metadata.get("kind") == "static"), GIVEN)
    keys = tuple(jax.tree_util.GetAttrKey(name) for name in data)
    leaves, structure = _getter(data), _getter(meta)

    def flatten(self: Any) -> tuple[tuple[Any, ...], tuple[Hashable, ...]]:
        values = self.__dict__
        return leaves(values), structure(values)

    def flatten_with_keys(self: Any) -> tuple[Any, tuple[Hashable, ...]]:
        children, aux = flatten(self)
        return tuple(zip(keys, children, strict=True)), aux

    def unflatten(aux: tuple[Hashable, ...], children: Any) -> Any:
        self = cls.__new__(cls)
        self.__dict__.update(zip(data, children, strict=True))
        self.__dict__.update(zip(meta, aux, strict=True))
        return self

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)


def part_names(value: Any) -> tuple[str, ...]:
    """Return the fields of a record that are parts, in their order; none for anything else."""
    fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
    return tuple(field.name for field in fields if field.metadata.get("kind") == "part")


def _getter(names: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Make a getter of these values of a dict as a tuple, in C where it can: a jitted step flattens its optimizer."""
    if len(names) > 1:
        return operator.itemgetter(*names)
    return (lambda values: (values[names[0]],)) if names else lambda values: ()


def _parameter(field: dataclasses.Field[Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is _MISSING else field.default
    kind = inspect.Parameter.KEYWORD_ONLY if field.kw_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(field.name, kind, default=default, annotation=field.type)


def _admit(self: Any, field: dataclasses.Field[Any]) -> Any:
    """Return the value of a field as the record keeps it.

    A placeholder may stand where a number may, and one that is structural for structure.
    """
    value, kind = self.__dict__[field.name], field.metadata.get("kind")
    if not isinstance(value, Placeholder):
        return _kept(self, field, value)
    if kind == "static" and value.structural:
        return value
    with contextlib.suppress(RefusalError):
        if kind != "static":
            return _kept(self, field, value)
    raise _refusal(self, field, UNDRAWN)


def _kept(self: Any, field: dataclasses.Field[Any], value: Any) -> Any:
    """Return a value checked where it is a plain number or `expect` asks for it, and converted where asked."""
    kind, expect = field.metadata.get("kind"), field.metadata.get("expect")
    if kind == "hyper":
        return _number(self, field, value)
    if kind == "hypers":
        return _numbers(self, field, _converted(self, field, value))
    if kind == "static" and isinstance(value, np.generic):
        value = value.item()
    if expect is not None and value is not field.default and not admits(expect, value):
        raise _refusal(self, field, expect.expected + (TRACED if isinstance(value, jax.Array) else ""))
    value = _converted(self, field, value)
    if kind == "static":
        _check_structure(self, field, value)
    return value


def _check_structure(self: Any, field: dataclasses.Field[Any], value: Any) -> None:
    """Refuse structure that has no hash, and all but a flag where one is declared."""
    try:
        hash(value)
    except TypeError:
        raise _refusal(self, field, f"be hashable, as structure is, not {type(value).__name__}; {HASHABLE}") from None
    if field.type is bool and field.metadata.get("convert") is None and not admits(FLAG, value):
        raise _refusal(self, field, f"{FLAG.expected}, not {type(value).__name__}")


def _converted(self: Any, field: dataclasses.Field[Any], value: Any) -> Any:
    convert = field.metadata.get("convert")
    try:
        return value if convert is None else convert(value)
    except ExpectationError as error:
        raise _refusal(self, field, error.expected) from None


def _numbers(self: Any, field: dataclasses.Field[Any], value: Any) -> tuple[Any, ...]:
    """Return a sequence of hyperparameters as the record keeps it, each as `_number` does."""
    if not hasattr(value, "__iter__"):
        raise _refusal(self, field, f"be a sequence of numbers, not {type(value).__name__}")
    value = tuple(value)
    least, most = field.metadata["lengths"]
    if not least <= len(value) <= most:
        wanted = f"{least} numbers" if most == least else f"numbers, at least {least}"
        raise _refusal(self, field, f"be a sequence of {wanted}, not of {len(value)}")
    return tuple(_number(self, field, item) for item in value)


def _number(self: Any, field: dataclasses.Field[Any], value: Any) -> Any:
    """Return a hyperparameter as the record keeps it: a plain number as a float in its interval, all else as it is."""
    interval: Interval = field.metadata["interval"]
    optional = field.default is None or field.metadata.get("optional", False)
    if value is None and optional:
        return None
    whole = field.metadata.get("whole", False)
    if value is None or isinstance(value, _NO_NUMBERS) or not _may_be_number(value, optional):
        sort = "whole number" if whole else "number"
        raise _refusal(self, field, f"be a {sort} in {interval.text}, not {type(value).__name__}")
    if isinstance(value, numbers.Real):
        number = float(value)
        if number not in interval:
            raise _refusal(self, field, f"lie in {interval.text}")
        if whole and not number.is_integer() and math.isfinite(number):
            raise _refusal(self, field, f"be a whole number in {interval.text}")
        return number
    return as_function(value)


def _may_be_number(value: Any, optional: bool) -> bool:
    """Tell whether it is a number or an array of them, or stands for one, as a schedule and a distribution do."""
    if isinstance(value, Placeholder):
        return optional or all(option is not None for option in getattr(value, "options", ()))
    if hasattr(value, "init") and hasattr(value, "update"):
        return False  # a transform, even one that can be called
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return getattr(value.dtype, "kind", "") not in "USOb"  # no texts, objects or flags
    return isinstance(value, numbers.Real) or callable(value)


def _refusal(self: Any, field: dataclasses.Field[Any], expected: str) -> InputError:
    """Return the error of a field's value; call it only to raise, since the repr of an array waits for its device."""
    return RefusalError(type(self).__name__, field.name, self.__dict__[field.name], expected, shown)


@record
class Function:
    """A plain function as a value: structure, so that it passes through `jit`. Each new lambda recompiles."""

    fn: Callable[..., Any] = static()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the function's own value."""
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        """Return the function's name, which can be pasted back where it is known."""
        return getattr(self.fn, "__qualname__", None) or repr(self.fn)


def as_function(fn: Any) -> Any:
    """Make a pytree of a function: a callable that is one stays, a plain function becomes a `Function`."""
    return Function(fn) if callable(fn) and jax.tree_util.all_leaves([fn]) else fn
