"""A problem of the suite: a task with a target, a budget, and a setting that is known to win it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.types import Transform
from jgd.train.task import Task
from jgd.transforms import chain, clip_by_global_norm


def clipped(optimizer: Transform) -> Transform:
    """Return the optimizer behind a clip of the gradients' norm at 1."""
    return chain(clip_by_global_norm(1.0), optimizer)


def unchanged(optimizer: Transform) -> Transform:
    """Return the optimizer as it is."""
    return optimizer


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem that can be won: `method(witness)` brings `metric` to `target` within `steps`, which a test holds.

    make      Makes the task. Its seeds begin at different points.
    method    What the problem does to the optimizer, such as withholding gradients for some steps.
    probes    Which weakness it looks for.
    source    Whose problem it is, or who has described the difficulty.
    """

    name: str
    make: Callable[[], Task]
    target: float
    steps: int
    witness: Transform
    probes: str
    source: str
    method: Callable[[Transform], Transform] = unchanged
    metric: str = "excess"
    mode: str = "min"
    family: str = dataclasses.field(kw_only=True)


def descent(
    objective: Callable[[Any], jax.Array],
    start: Callable[[jax.Array], Any],
    *,
    loss: Callable[..., Any] | None = None,
    data: Any = None,
    batch_size: int | None = None,
    minimum: float = 0.0,
) -> Task:
    """Return the task of descending on `objective(params)`, judged by its `excess` over `minimum`.

    `start(key)` makes the first parameters. `loss` is what the optimizer sees, if that is not the objective.
    """

    def as_it_is(params: Any, batch: Any) -> jax.Array:
        return objective(params)

    def judge(params: Any) -> dict[str, Any]:
        return {"excess": objective(params) - minimum}

    # A task has data, and a function needs none.
    rows = jnp.zeros(1) if data is None else data
    return Task(start, loss or as_it_is, rows, batch_size, judge)


def near(point: Sequence[float] | jax.Array, spread: float) -> Callable[[jax.Array], jax.Array]:
    """Return a function of a key that draws starts, normal around a point, f[n]."""
    center = tuple(float(x) for x in point)

    def start(key: jax.Array) -> jax.Array:
        return jnp.array(center) + spread * jax.random.normal(key, (len(center),))

    return start
