"""A row of the table of optimizers, transforms and wrappers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests import problems


@dataclass(frozen=True, eq=False)  # a key of what is kept for a row
class Row:
    """A transform, the oracle that nobody here wrote, and what is declared about it."""

    name: str
    make: Callable[[], Any]
    oracle: Callable[[], Any] | None = None  # the same transform by optax
    torch: str | None = None  # the same optimizer in tests/oracles/torch.npz
    state_bytes: float | None = 0  # per float32 parameter, counters apart; None: not declared
    scalar_bytes: int = 0  # of floating state that no parameter's size scales, such as a distance
    passes: float = 0  # bytes a parameter moved beyond gradient, parameters and state: a norm reads all gradients first
    descends: bool = True  # an optimizer: its updates are steps
    complex: bool = True  # defined for complex parameters
    shapes: Any = None  # other parameters than problems.SHAPES
    rounding: float = 1.0  # how much more than an elementwise rule it amplifies rounding
    oracle_error: float = 1e-11  # relative error that its oracle has in float64
    reference: str | None = None  # the same by an author's package or a port, in tests/oracles/reference.npz
    recorded_error: float = 1e-11  # relative error of what is recorded
    guards: bool = False  # turns what is not finite into zeros
    same_state: bool = True  # the state is optax's, node by node
    extra: Callable[[Any, Any], dict[str, Any]] | None = None  # what its update needs, of gradients and parameters
    objective: Callable[[Any], Any] | None = None  # whose gradients a trajectory follows, in place of random ones
    reverse: bool = True  # reverse-mode derivatives pass through its step; no while_loop is in it

    def recorded(self):
        """Return the names of the recorded trajectories that it is compared with, each "package:name"."""
        return [f"torch:{self.torch}"] * bool(self.torch) + [self.reference] * bool(self.reference)

    def params(self, dtype=None):
        """Parameters for this row."""
        return problems.params(self.shapes or problems.SHAPES, dtype)

    def few(self, dtype=None):
        """Fewer and smaller parameters for this row, for what compiles long."""
        return problems.params(self.shapes or problems.FEW, dtype)

    def update(self, opt, grads, state, params, **more):
        """Return the step of a transform of this row, with the extra arguments that it needs."""
        return opt.update(grads, state, params, **(self.extra(grads, params) if self.extra else {}) | more)

    def trajectory(self, opt, start, grads):
        """Return the parameters after each step of a transform of this row."""
        return problems.trajectory(opt, start, grads, self.extra, self.objective)
