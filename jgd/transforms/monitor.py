"""Measures of the updates that pass: kept in the state, as they are or averaged."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jgd.core import Transform, as_function, part, record, static
from jgd.core.arguments import TEXT, Kind, admits, function_of
from jgd.core.cost import Cost
from jgd.core.frozen import dtype_name
from jgd.core.pair import Pair
from jgd.core.record import hyper
from jgd.core.tree import cast_like
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.momentum import Ema

MEASURE = function_of("(updates) -> a number or a tree of them", 1)
MEASURES = Kind(
    "be a mapping of names to functions of the updates, or to transforms that measure them",
    lambda x: isinstance(x, Mapping) and all(admits(TEXT, name) for name in x),
)


@record
class MeasureSnapshot(Pair):
    """Pass gradients unchanged and keep `measure(gradients)` in its state, by its name; at first, of the parameters.

    `optax.tree.get(state, "norm")` finds it. State: what the measure returns; its shapes and dtypes are those that it
    has for the parameters.
    """

    measure_name: str = static(expect=TEXT)
    measure: Callable[..., Any] = part(convert=as_function, expect=MEASURE)
    called = "snapshot"

    def init(self, params: Params) -> State:
        """Return the measure of the parameters."""
        # A copy, should the measure return what it was given: parameters may be donated.
        found = jax.tree.map(lambda x: jnp.array(x, jnp.result_type(x), copy=True), self.measure(params))
        return optax.SnapshotState({self.measure_name: found})

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients, and their measure."""
        found = cast_like(self.measure(grads), state.measurement[self.measure_name])
        return grads, optax.SnapshotState({self.measure_name: found})

    def cost(self, params: Params) -> Cost:
        """Count nothing: the measure may read what is read anyway."""
        return Cost()


snapshot = MeasureSnapshot


@record
class Measure(Pair):
    """u = measure(g): a transform for `monitor`, whose updates are no gradients."""

    measure: Callable[..., Any] = part(convert=as_function, expect=MEASURE)

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the measure of the gradients."""
        return self.measure(grads), state


def _measures(table: Mapping[str, Any]) -> OrderedDict[str, Transform]:
    def taken(value: Any) -> Transform:
        return Measure(value) if callable(value) and not isinstance(value, Pair) else as_transform(value)

    return OrderedDict((name, taken(value)) for name, value in table.items())


@record
class Monitor(Pair):
    """Pass gradients unchanged and keep several measures of them in its state, by their names.

    A measure is a function of the gradients, or a transform whose update is the measure, as `measure_with_ema` makes.
    State: the measures, zero before the first step, and the states of their transforms.
    """

    measures: Mapping[str, Any] = part(convert=_measures, expect=MEASURES)

    def init(self, params: Params) -> State:
        """Return zeros for the measures, and the states of their transforms."""
        states = tuple(one.init(params) for one in self.measures.values())
        shapes = jax.eval_shape(lambda: self.update(params, optax.MonitorState({}, states), params)[1].measurements)
        return optax.MonitorState(jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes), states)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients, and their measures."""
        found, states = {}, []
        for (name, one), old in zip(self.measures.items(), state.measure_states, strict=True):
            value, new = one.update(grads, old, params, **extra)
            kept = state.measurements.get(name)
            found[name] = jax.tree.map(jnp.asarray, value) if kept is None else cast_like(value, kept)
            states.append(new)
        return grads, optax.MonitorState(found, tuple(states))

    def cost(self, params: Params) -> Cost:
        """Count nothing: the measures may read what is read anyway."""
        return Cost()

    def __repr__(self) -> str:
        shown = {name: one.measure if isinstance(one, Measure) else one for name, one in self.measures.items()}
        return f"monitor({shown!r})"


monitor = Monitor


@record
class MeasureWithEma(Pair):
    """Measure the gradients, and keep a running mean of the measure.

    u = the moving average of measure(g): a transform for `monitor`, whose updates are no gradients.

    The average is `ema`'s; a measure that is a whole number is averaged in float32.
    """

    measure: Callable[..., Any] = part(convert=as_function, expect=MEASURE)
    decay: Scalar = hyper(interval="[0, 1)")
    debias: bool = static(default=True)
    accumulator_dtype: Any = static(default=None, convert=dtype_name)
    called = "measure_with_ema"

    def init(self, params: Params) -> State:
        """Return the state of a chain of the measure and its average."""
        return optax.EmptyState(), self._ema.init(self._measured(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the average."""
        mean, average = self._ema.update(self._measured(grads), state[1])
        return mean, (optax.EmptyState(), average)

    @property
    def _ema(self) -> Ema:
        return Ema(self.decay, self.debias, self.accumulator_dtype)

    def _measured(self, grads: Grads) -> Any:
        return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x, jnp.float32)), self.measure(grads))


measure_with_ema = MeasureWithEma
