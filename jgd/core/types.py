"""The two protocols that everything speaks, and the names of what passes between them."""

from typing import Any, Protocol, TypeAlias, runtime_checkable

import jax

Array: TypeAlias = jax.Array
Arrays: TypeAlias = tuple[jax.Array, ...]
Scalar: TypeAlias = float | jax.Array
Weights: TypeAlias = Any  # a number, an array, or a tree of both that is the parameters' or a prefix of it
DType: TypeAlias = Any  # a dtype or its name; None is the parameter's
Mask: TypeAlias = Any  # a tree of booleans over the parameters, a function that makes one of them, or a pattern
Params: TypeAlias = Any
Grads: TypeAlias = Any
Updates: TypeAlias = Any
State: TypeAlias = Any


@runtime_checkable
class Transform(Protocol):
    """Transform gradients, by optax's protocol to the letter. Optimizers are transforms whose updates are steps."""

    def init(self, params: Params) -> State:
        """Return the state before the first step."""
        ...

    def update(self, grads: Grads, state: State, /, *params: Any, **extra: Any) -> tuple[Updates, State]:
        """Return the updates to add to the parameters, and the next state.

        `params` is third, by place or by name, and may be left out; unknown extra arguments are ignored.
        """
        ...


@runtime_checkable
class Schedule(Protocol):
    """Give a hyperparameter as a function of the number of steps taken before this one: the first step sees 0."""

    def __call__(self, count: Any, /) -> Any:
        """Return the value at `count`."""
        ...


Rate: TypeAlias = Scalar | Schedule
