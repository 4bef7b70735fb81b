"""Between jgd's values and optax's pairs of functions: `to_optax` there, `FromOptax` back."""

import contextlib
import enum
import inspect
import math
import numbers
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
import optax

from jgd.core.arguments import TRANSFORM, checked
from jgd.core.errors import InputError, unknown
from jgd.core.frozen import Frozen, frozen
from jgd.core.pair import Pair
from jgd.core.types import Grads, Params, State, Transform, Updates
from jgd.transforms import as_transform


@checked(opt=TRANSFORM)
def to_optax(opt: Any) -> optax.GradientTransformationExtraArgs:
    """Turn a jgd transform into optax's pair of functions, with extra arguments forwarded.

    jgd's transforms are members of this class as they are. The conversion is for what looks into a pytree and refuses
    the arrays that it finds, as `flax.nnx.Optimizer` does with a value from `jgd.select`: here the hyperparameters
    become constants of the two functions.
    """
    value = as_transform(opt)
    return optax.GradientTransformationExtraArgs(value.init, value.update)  # type: ignore[arg-type]


def is_value(x: Any) -> bool:
    """Tell whether `x` is a transform and a pytree, as jgd's are and optax's pairs are not."""
    if isinstance(x, (Pair, type)) or not isinstance(x, Transform):
        return isinstance(x, Pair)
    return not isinstance(x, optax.GradientTransformation) and not jax.tree_util.all_leaves([x])


@jax.tree_util.register_pytree_with_keys_class
class FromOptax(Pair):
    """Hold any optax factory as a value: `FromOptax(optax.adafactor, learning_rate=1e-3, factored=False)`.

    The numbers that are given are the hyperparameters, and so are those inside schedules and transforms that are
    pytrees; numbers left at their defaults stay optax's constants. Flags, names, functions, masks, and integers where
    optax's signature has an integer are structure. `static_args` names numbers that optax must know while it compiles,
    such as those it branches on. optax builds its functions anew in each call, which costs nothing once compiled.
    """

    _factory: Callable[..., Any]
    _static_args: frozenset[str]
    _numbers: dict[str, Any]
    _options: dict[str, Any]

    def __init__(self, factory: Callable[..., Any], /, *args: Any, static_args: Iterable[str] = (), **kwargs: Any):
        if not callable(factory):
            raise InputError(
                f"FromOptax({factory!r}): expected the function that makes an optimizer, such as optax.adam, and its "
                "arguments apart: FromOptax(optax.adam, learning_rate=1e-3)."
            )
        signature, name = inspect.signature(factory), _name(factory)
        for key in (*kwargs, *static_args):
            if key not in signature.parameters and not _takes_any(signature):
                raise unknown(f"FromOptax({name})", key, signature.parameters)
        try:
            arguments = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise InputError(f"FromOptax({name}): {error}; its signature is {name}{signature}.") from None
        self._fill(factory, frozenset(static_args), arguments)

    def _fill(self, factory: Callable[..., Any], static_args: frozenset[str], arguments: dict[str, Any]) -> None:
        parameters = inspect.signature(factory).parameters
        self._factory, self._static_args, self._numbers, self._options = factory, static_args, {}, {}
        for name, value in arguments.items():
            place = f"FromOptax({_name(factory)}, {name}={value!r})"
            if name not in static_args and _is_number(value, parameters[name]):
                self._numbers[name] = _checked(place, value)
            else:
                self._options[name] = _hashable(place, value)

    def init(self, params: Params) -> State:
        """Return the state of optax's transform."""
        with self._explained():
            return self.build().init(params)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the update of optax's transform; extra arguments reach it if it takes them."""
        with self._explained():
            return self.build().update(grads, state, params, **extra)

    def build(self) -> optax.GradientTransformationExtraArgs:
        """Make optax's pair of functions with these hyperparameters."""
        arguments = inspect.signature(self._factory).bind_partial()
        for name in inspect.signature(self._factory).parameters:
            if name in self._numbers or name in self._options:
                value = self._argument(name)
                arguments.arguments[name] = to_optax(value) if is_value(value) else value
        return optax.with_extra_args_support(self._factory(*arguments.args, **arguments.kwargs))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerIntegerConversionError) as error:
            raise InputError(
                f"FromOptax({_name(self._factory)}): optax must know one of the numbers {', '.join(self._numbers)} "
                "while it compiles; name it in static_args, which makes it structure."
            ) from error

    def tree_flatten_with_keys(self) -> tuple[Any, Any]:
        """Return the numbers by the names of optax's arguments; the rest is structure."""
        children = [(jax.tree_util.GetAttrKey(name), value) for name, value in self._numbers.items()]
        return children, (self._factory, self._static_args, tuple(self._numbers), tuple(self._options.items()))

    def tree_flatten(self) -> tuple[Any, Any]:
        """Return the same without keys."""
        children, structure = self.tree_flatten_with_keys()
        return tuple(value for _, value in children), structure

    @classmethod
    def tree_unflatten(cls, structure: Any, children: Any) -> "FromOptax":
        """Rebuild it as JAX does, unchecked: tracers and sentinels may stand where numbers were."""
        self = cls.__new__(cls)
        self._factory, self._static_args, names, options = structure
        self._numbers, self._options = dict(zip(names, children, strict=True)), dict(options)
        return self

    def _replace(self, **changes: Any) -> "FromOptax":
        """Return a copy with other arguments, checked again: what `jgd.with_hyperparams` calls."""
        new = type(self).__new__(type(self))
        arguments = {name: self._argument(name) for name in (*self._numbers, *self._options)}
        new._fill(self._factory, self._static_args, {**arguments, **changes})
        return new

    def _argument(self, name: str) -> Any:
        value = self._numbers[name] if name in self._numbers else self._options[name]
        return value.tree if isinstance(value, Frozen) else value

    def __getattr__(self, name: str) -> Any:
        # Underscores are Python's and JAX's questions, some of them asked before there are arguments.
        if name.startswith("_") or not (name in self._numbers or name in self._options):
            raise AttributeError(f"FromOptax has no attribute {name!r}.")
        return self._argument(name)

    def __repr__(self) -> str:
        parameters = inspect.signature(self._factory).parameters
        shown = [f"{n}={_text(self._argument(n))}" for n in parameters if n in self._numbers or n in self._options]
        static = [f"static_args={tuple(sorted(self._static_args))!r}"] if self._static_args else []
        return f"FromOptax({', '.join([_name(self._factory), *shown, *static])})"


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)


def _text(value: Any) -> str:
    return _name(value) if callable(value) and jax.tree_util.all_leaves([value]) else repr(value)


def _takes_any(signature: inspect.Signature) -> bool:
    return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())


def _is_number(value: Any, parameter: inspect.Parameter) -> bool:
    """Tell whether a value is a hyperparameter: a number, or a pytree of nothing else."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return not _wants_integer(parameter)
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(_is_numeric_leaf(leaf) for leaf in leaves)


def _is_numeric_leaf(leaf: Any) -> bool:
    if isinstance(leaf, (bool, np.bool_, str, bytes, type, np.dtype, enum.Enum, numbers.Integral)):
        return False
    if isinstance(leaf, (np.ndarray, jax.Array)):
        return leaf.dtype != bool
    # What is neither a number nor callable is a placeholder for one, such as a distribution to sample from.
    return isinstance(leaf, numbers.Real) or not callable(leaf)


def _wants_integer(parameter: inspect.Parameter) -> bool:
    default, annotation = parameter.default, str(parameter.annotation)
    whole = isinstance(default, numbers.Integral) and not isinstance(default, bool)
    return whole or (re.search(r"\bint\b", annotation) is not None and "float" not in annotation)


def _checked(place: str, value: Any) -> Any:
    """Return plain numbers as floats, since `jax.grad` refuses integers; refuse NaN."""

    def check(leaf: Any) -> Any:
        if isinstance(leaf, numbers.Real):
            leaf = float(leaf)
            if math.isnan(leaf):
                raise InputError(f"{place}: expected a number, not NaN.")
        return leaf

    return jax.tree.map(check, value)


def _hashable(place: str, value: Any) -> Any:
    value = frozen(value)
    try:
        hash(value)
    except TypeError:
        raise InputError(
            f"{place}: this is structure and must be hashable, not {type(value).__name__}; pass numbers as floats."
        ) from None
    return value
