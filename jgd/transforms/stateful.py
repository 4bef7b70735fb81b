"""Schedules with a state of their own, which `inject_hyperparams` carries along."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from optax.schedules import WrappedSchedule as OptaxSchedule

from jgd.core import as_function
from jgd.core.tree import increment
from jgd.core.types import Schedule, State


@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True, eq=False)
class WrappedSchedule:
    """A schedule of the count as one with a state: `init()`, `update(state)` and the value at a state.

    The state is the counter. Other forms may read extra arguments of `update`, such as the loss.
    """

    schedule_fn: Schedule

    def init(self) -> State:
        """Return a counter at zero."""
        return OptaxSchedule(self.schedule_fn).init()

    def update(self, state: State, **extra: Any) -> State:
        """Return the next count."""
        return type(state)(increment(jnp.asarray(state[0])))

    def __call__(self, state: State, **extra: Any) -> Any:
        """Return the schedule's value."""
        return self.schedule_fn(state[0])

    def tree_flatten_with_keys(self) -> tuple[Any, None]:
        """Return the schedule, a plain function of it as structure."""
        return ((jax.tree_util.GetAttrKey("schedule_fn"), as_function(self.schedule_fn)),), None

    @classmethod
    def tree_unflatten(cls, _: None, children: Any) -> "WrappedSchedule":
        """Rebuild it as JAX does."""
        return cls(*children)
