"""The built-in data sets as problems."""

from functools import partial

from jgd.core.types import Transform
from jgd.optimizers import adam, heavy_ball
from jgd.schedules import cosine_decay_schedule
from jgd.tasks.registry import BUILTIN
from jgd.tasks.suite.problem import Problem

HIDDEN = 32  # units, so that many runs are quick


def _row(name: str, target: float, steps: int, witness: Transform, probes: str, source: str) -> Problem:
    entry = BUILTIN[name]
    make = partial(entry.make, hidden=HIDDEN)  # type: ignore[call-arg]
    return Problem(
        name, make, target, steps, witness, probes, source, metric=entry.metric, mode=entry.mode, family="data"
    )


PROBLEMS = [
    _row("digits", 0.95, 200, adam(0.01), "a classifier of ten classes", "Alpaydin & Kaynak 1998"),
    _row("breast_cancer", 0.95, 100, adam(0.01), "a classifier that fits at once", "Wolberg et al. 1993"),
    # The built-in target, 55, is within reach of only some seeds.
    _row(
        "diabetes",
        58.0,
        150,
        heavy_ball(cosine_decay_schedule(0.003, 150)),
        "a regression that soon overfits",
        "Efron et al. 2004",
    ),
]
