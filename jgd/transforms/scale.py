"""Scaling: not at all, by a number, by the learning rate, by a schedule; and adding updates to parameters."""

import numbers
from dataclasses import KW_ONLY
from typing import Any

import jax
import optax

from jgd.core import Rule, Transform, hyper, record, static
from jgd.core.arguments import shown
from jgd.core.errors import ExpectationError
from jgd.core.pair import Pair
from jgd.core.tree import increment, map_unzip, map_updates, where_both, zero_count
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.core.values import at_count
from jgd.transforms.as_transform import as_transform
from jgd.transforms.compose import Links


@record
class Identity(Pair):
    """Leave the gradients as they are.

    With a rate after it, this is gradient descent, of the whole loss or of batches (Cauchy 1847; Robbins & Monro 1951).
    """

    keeps_zeros = True

    def init(self, params: Params) -> State:
        """Return an empty state."""
        return optax.EmptyState()

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients."""
        return grads, state


identity = Identity


@record
class Scale(Rule):
    """Multiply the gradient by a number.

    u = s g.
    """

    step_size: Scalar = hyper()
    keeps_zeros = True
    integers = True

    def step(self, t: Any, g: jax.Array) -> jax.Array:
        return self.step_size * g


scale = Scale


@record
class Negate(Rule):
    """Change the sign of the gradient.

    u = -g: the last link of a recipe whose links before it keep the gradient's sign.
    """

    keeps_zeros = True
    integers = True

    def step(self, t: Any, g: jax.Array) -> jax.Array:
        return -g


negate = Negate


@record
class ScaleByLearningRate(Pair):
    """Multiply by the learning rate, and turn the step downhill.

    u = -lr g, or lr g if `flip_sign` is off: the last link of most optimizers; g itself if the rate is `None`.

    A schedule sees the number of steps taken before, 0 at first. State: empty for a number, an i32 counter for a
    schedule.
    """

    learning_rate: Rate | None = hyper(default=None, interval="[0, inf)")
    _: KW_ONLY
    flip_sign: bool = static(default=True)
    keeps_zeros = True

    def init(self, params: Params) -> State:
        """Return a counter, if there is a schedule."""
        return init_rate(self.learning_rate)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return a step down the gradient."""
        if self.learning_rate is None:
            return grads, state
        rate, state = next_rate(self, "learning_rate", state)
        rate = -rate if self.flip_sign else rate
        return map_updates(lambda g: rate * g, grads, place="ScaleByLearningRate.update", integers=True), state


scale_by_learning_rate = ScaleByLearningRate


@record
class ScaleBySchedule(Pair):
    """Multiply by a schedule.

    u = s(count) g. State: an i32 counter.
    """

    step_size_fn: Rate = hyper()
    keeps_zeros = True

    def init(self, params: Params) -> State:
        """Return a counter."""
        return init_rate(self.step_size_fn)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients scaled by the schedule's value at this step."""
        size, state = next_rate(self, "step_size_fn", state)
        return map_updates(lambda g: size * g, grads, place="ScaleBySchedule.update", integers=True), state


scale_by_schedule = ScaleBySchedule


def apply_updates(params: Params, updates: Updates) -> Params:
    """Add updates to parameters, each leaf in its parameter's dtype; the sum is taken in float32 at least.

    A half-precision parameter swallows updates below half a unit in its last place: 1 + 0.001 is 1 in bfloat16. A
    `None` for a parameter stays, and one for an update leaves its parameter as it is. The sum with an integer parameter
    is cut off to a whole number.
    """

    def sums(params: Params, updates: Updates) -> Params:
        rule, place = lambda u, p: (u, p + u), "apply_updates"
        return map_unzip(rule, updates, params, place=place, what="update", integers=True)[1]

    return where_both(sums, params, updates)


def init_rate(rate: Rate | None) -> State:
    """Make the state that a number or a schedule needs."""
    return optax.ScaleByScheduleState(zero_count()) if callable(rate) else optax.EmptyState()


def next_rate(rule: Any, name: str, state: State) -> tuple[Any, State]:
    """Return the value of a record's number or schedule at this step, and the next state."""
    if callable(getattr(rule, name)):
        return at_count(rule, name, state.count), optax.ScaleByScheduleState(increment(state.count))
    return getattr(rule, name), state


def as_rule(value: Any) -> Transform:
    """Make `value` a record that holds no learning rate; the updates of one that does already point down.

    A rule that takes a rate and yet keeps the gradient's sign says so by `keeps_sign`, as `scale_by_adabound` does, and
    one that takes none and turns it by the opposite.
    """

    def is_rate(x: Any) -> bool:
        return not getattr(x, "keeps_sign", not hasattr(x, "learning_rate"))

    rule = last = as_transform(value)
    while isinstance(last, Links) and last.links:
        last = last.links[-1]
    turns = isinstance(last, Scale) and isinstance(last.step_size, numbers.Real) and last.step_size < 0
    if turns or isinstance(last, Negate) or any(map(is_rate, jax.tree.leaves(rule, is_leaf=is_rate))):
        raise ExpectationError(
            shown(value),
            "be a rule without a learning rate, such as scale_by_adam(): an optimizer's updates point down",
        )
    return rule
