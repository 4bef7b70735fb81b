"""Hyperparameters in the state: read and set there, and moved by schedules."""

import functools
import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core import Transform, as_function, part, record, static
from jgd.core.arguments import DTYPE, Kind, checked, function_of
from jgd.core.call_arguments import bind_arguments
from jgd.core.cost import Cost, cost
from jgd.core.errors import unknown
from jgd.core.frozen import Frozen, dtype_name, frozen
from jgd.core.given import Placeholder
from jgd.core.pair import Pair
from jgd.core.record import Function
from jgd.core.tree import increment, zero_count
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.stateful import WrappedSchedule

FACTORY = function_of("that makes an optimizer, such as jgd.adam, not called")
NAMES = Kind(
    "be the name of a parameter of inner_factory, or a list of such names",
    lambda x: all(isinstance(name, str) and name for name in ([x] if isinstance(x, str) else x)),
)
STRUCTURE = ("mask", "_fn", "_numbers")  # how parameters end whose functions are no schedules
SEEDS = ("key", "seed")  # parameters whose whole numbers are no sizes


@record
class InjectHyperparams(Pair):
    """A transform that `inner_factory` makes in each step, of the numbers that its state holds by their names.

    `state.hyperparams["learning_rate"]` is what the last step used; put another number there and the next step uses
    it, without compiling again. A schedule writes its value there in each step. The numbers are float32 at least, or as
    `hyperparam_dtype` says, however narrow the parameters (optax rounds them: b2 = 0.999 is 1 in bfloat16).
    State: a counter, the numbers, the states of the schedules and the inner one.
    """

    inner_factory: Callable[..., Any] = static()
    numbers: Mapping[str, Any] = part()
    schedules: Mapping[str, Any] = part()
    transforms: Mapping[str, Transform] = part()
    options: tuple[tuple[str, Any], ...] = static()
    static_args: tuple[str, ...] = static(default=())
    hyperparam_dtype: Any = static(default=None, convert=dtype_name)

    def init(self, params: Params) -> State:
        """Return the numbers, those of schedules at their first step."""
        dtype = self._dtype(params)
        states = {name: _stateful(one).init() for name, one in self.schedules.items()}
        given: dict[str, Any] = {name: _number(x, dtype) for name, x in self.numbers.items()}
        values: dict[str, Any] = given | {
            name: _moved(_stateful(x)(states[name]), dtype) for name, x in self.schedules.items()
        }
        return optax.InjectStatefulHyperparamsState(zero_count(), values, states, self.at(values).init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner update with the numbers of this step."""
        values = self.current(state, grads if params is None else params, **extra)
        states = {
            name: _stateful(one).update(state.hyperparams_states[name], **extra) for name, one in self.schedules.items()
        }
        updates, inner = self.at(values).update(grads, state.inner_state, params, **extra)
        count = increment(state._asdict()["count"])  # every tuple has a method `count`
        return updates, optax.InjectStatefulHyperparamsState(count, values, states, inner)

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform."""
        return cost(self.first(), params)

    def current(self, state: State, params: Params = None, **extra: Any) -> dict[str, Any]:
        """Return the numbers by their names that the next step takes at `state`."""
        dtype = self._dtype(params)
        given = {name: _number(x, dtype) for name, x in state.hyperparams.items()}
        moved = {name: _stateful(one)(state.hyperparams_states[name], **extra) for name, one in self.schedules.items()}
        return given | {name: jnp.asarray(x, given[name].dtype) for name, x in moved.items()}

    def at(self, values: Mapping[str, Any]) -> Transform:
        """Return the inner transform with these numbers."""
        signature = inspect.signature(self.inner_factory)
        options = {name: x.tree if isinstance(x, Frozen) else x for name, x in self.options}
        found = {**options, **self.transforms, **values}
        bound = signature.bind_partial()
        bound.arguments.update((name, found[name]) for name in signature.parameters if name in found)
        return as_transform(self.inner_factory(*bound.args, **bound.kwargs))

    @property
    def counts_alone(self) -> bool:
        """Whether no schedule reads more than the count."""
        return all(isinstance(one, WrappedSchedule) for one in self.schedules.values())

    def first(self) -> Transform:
        """Return the inner transform of the first step."""
        moved = {name: _stateful(one)(_stateful(one).init()) for name, one in self.schedules.items()}
        return self.at({**self.numbers, **moved})

    def __repr__(self) -> str:
        name = _name(self.inner_factory)
        how = [name]
        if self.static_args:
            how.append(f"static_args={self.static_args!r}")
        if self.hyperparam_dtype:
            how.append(f"hyperparam_dtype={self.hyperparam_dtype!r}")
        found = {**dict(self.options), **self.transforms, **self.numbers, **self.schedules}
        parameters = inspect.signature(self.inner_factory).parameters
        shown = [f"{key}={found[key]!r}" for key in parameters if found.get(key) is not None]
        return f"inject_hyperparams({', '.join(how)})({', '.join(shown)})"

    def _dtype(self, params: Params) -> Any:
        return self.hyperparam_dtype or jnp.finfo(jnp.result_type(jnp.float32, *_inexact(params))).dtype


@checked(inner_factory=FACTORY, static_args=NAMES, hyperparam_dtype=DTYPE)
def inject_hyperparams(
    inner_factory: Callable[..., Any], static_args: str | Iterable[str] = (), hyperparam_dtype: Any = None
) -> Callable[..., InjectHyperparams]:
    """Make a function like `inner_factory` whose transform keeps its numbers in its state.

    `opt = inject_hyperparams(adam)(learning_rate=1e-3)`; then `state.hyperparams["learning_rate"] = 1e-4`. Any number
    may be a schedule, also one with a state (`WrappedSchedule`). Flags, texts, tuples, seeds, what `static_args` names,
    and functions of parameters that end with `mask` or `_fn` stay structure. jgd's optimizers need it only for what
    reads the state: their numbers are leaves as they are, and `scheduled` moves them.
    """
    signature = inspect.signature(inner_factory)
    fixed = (static_args,) if isinstance(static_args, str) else tuple(static_args)
    for name in fixed:
        if name not in signature.parameters:
            raise unknown("inject_hyperparams(static_args)", name, signature.parameters)

    @functools.wraps(inner_factory)
    def make(*args: Any, **kwargs: Any) -> InjectHyperparams:
        bound = bind_arguments(_name(inner_factory), signature, args, kwargs)
        bound.apply_defaults()
        sorts: dict[str, dict[str, Any]] = {"numbers": {}, "schedules": {}, "transforms": {}, "options": {}}
        for name, value in bound.arguments.items():
            sorts[_sort(name, value, fixed)][name] = value
        made = InjectHyperparams(
            inner_factory,
            OrderedDict((name, float(x) if _is_plain(x) else x) for name, x in sorts["numbers"].items()),
            OrderedDict((name, _with_state(x)) for name, x in sorts["schedules"].items()),
            OrderedDict((name, as_transform(x)) for name, x in sorts["transforms"].items()),
            tuple((name, frozen(x)) for name, x in sorts["options"].items()),
            fixed,
            hyperparam_dtype,
        )
        if not any(isinstance(x, Placeholder) for x in made.numbers.values()):
            made.first()  # which refuses what the factory does not take
        return made

    return make


@checked(inner_factory=FACTORY, static_args=NAMES, hyperparam_dtype=DTYPE)
def inject_stateful_hyperparams(
    inner_factory: Callable[..., Any], static_args: str | Iterable[str] = (), hyperparam_dtype: Any = None
) -> Callable[..., InjectHyperparams]:
    """Do what `inject_hyperparams` does, which has replaced it: a deprecated name."""
    warnings.warn("inject_stateful_hyperparams is deprecated; use inject_hyperparams.", DeprecationWarning, 3)
    return inject_hyperparams(inner_factory, static_args, hyperparam_dtype)


def _name(factory: Callable[..., Any]) -> str:
    return getattr(factory, "__name__", repr(factory))


def _sort(name: str, value: Any, fixed: tuple[str, ...]) -> str:
    """Tell whether an argument is a number, a schedule, a transform or structure."""
    if name in fixed or isinstance(value, (bool, np.bool_)) or (name in SEEDS and isinstance(value, int)):
        return "options"
    if isinstance(value, optax.GradientTransformation):
        return "transforms"
    if callable(value) and not name.endswith(STRUCTURE) and not isinstance(value, type):
        return "schedules"
    if isinstance(value, (int, float, np.ndarray, np.number, jax.Array, Placeholder)):
        return "numbers"
    return "options"


def _is_plain(x: Any) -> bool:
    """Tell whether it is one of Python's or NumPy's numbers, which become floats: `jax.grad` refuses integers."""
    return isinstance(x, (int, float, np.number))


def _with_state(schedule: Any) -> Any:
    """Return a schedule with a state as a tree; a plain one gets a counter."""
    has_state = isinstance(schedule, optax.schedules.StatefulSchedule)
    return as_function(schedule if has_state else WrappedSchedule(schedule))


def _stateful(schedule: Any) -> Any:
    return schedule.fn if isinstance(schedule, Function) else schedule


def _number(x: Any, dtype: Any) -> jax.Array:
    """Return a number as the state keeps it; an array keeps the dtype that it was given."""
    if jnp.issubdtype(jnp.result_type(x), jax.dtypes.extended) or (isinstance(x, jax.Array) and not x.weak_type):
        return x
    return jnp.asarray(x, dtype)


def _moved(x: Any, dtype: Any) -> jax.Array:
    """Return a schedule's value as the state keeps it: one that is whole now may have a fraction later."""
    return _number(x, dtype) if jnp.issubdtype(jnp.result_type(x), jnp.inexact) else jnp.asarray(x, dtype)


def _inexact(tree: Any) -> list[Any]:
    return [x for x in jax.tree.leaves(tree) if jnp.issubdtype(jnp.result_type(x), jnp.inexact)]
