"""Findings of an evaluation: draws that are left on, and statistics that are stale."""

from collections.abc import Iterator

from jgd.core.finding import SLOW, Finding
from jgd.health.finding import Thresholds
from jgd.health.measured import Measured


def evaluation_findings(m: Measured, t: Thresholds) -> Iterator[Finding]:
    """Find random draws at evaluation, and running statistics that are not renewed, not read, or trained with."""
    seen = m.evaluating
    if seen.spread > float(t.evaluation):
        where = f" at {seen.source}" if seen.source else ""
        yield Finding(
            SLOW, "the evaluation", f"relative change of {seen.metric} when it is made again with other random draws",
            seen.spread, f"below {float(t.evaluation):g}",
            f"it draws random numbers{where}: dropout or noise is left on", "evaluate in the model's evaluation mode, "
            "such as deterministic=True, train=False or model.eval()",
        )  # fmt: skip
    if seen.floats and not seen.renewed:
        yield Finding(
            SLOW, "the model's state", "change in training", 0.0, "other than zero", "its statistics are stale, for "
            "the loss returns the state that it got", "return the state that the model has made",
        )  # fmt: skip
    elif seen.floats and not seen.judged:
        yield Finding(
            SLOW, "the evaluation", "change under other running statistics", 0.0, "other than zero", "it does not read "
            "the statistics that training keeps in the model's state, so it normalises by those of its own batch",
            "write evaluate(params, state), and evaluate with the running averages",
        )  # fmt: skip
    elif seen.trained_on:
        yield Finding(
            SLOW, "the loss", "dependence on running statistics", "there", "none", "training normalises by stale "
            "averages and not by its batch, and no gradient passes through them", "train in the model's training mode, "
            "such as train=True or use_running_average=False",
        )  # fmt: skip
