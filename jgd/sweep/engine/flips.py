"""A warning where trials are ended in the middle of a decay, because rankings may flip before its end."""

import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jgd.sweep.lanes.settings import Settings
from jgd.sweep.spaces.space import Trial

FALL = 2.0  # a value that falls by less than this after the first decision is no decay


def warn_of_flips(trials: Sequence[Trial], settings: Settings) -> None:
    """Warn of each space with a schedule that falls far after the first decision of a rule (arXiv:2509.02046)."""
    if not settings.decisions:
        return
    first = int(settings.points[settings.decisions[0] - 1])
    place, fate, remedy = ("evolve", "replaced", "every") if settings.evolve else ("stop", "ended", "min_steps")
    for trial in {trial.space: trial for trial in reversed(trials)}.values():
        for schedule in _schedules(trial.optimizer):
            then, last = (float(np.abs(schedule(np.int32(step)))) for step in (first, settings.steps - 1))
            if then > FALL * last:
                warnings.warn(
                    f"run({place}=): a schedule of {trial.space!r} falls from {then:.3g} at step {first}, where trials "
                    f"are first {fate}, to {last:.3g} at the last, and rankings may flip before the end; raise "
                    f"{remedy}, or compare a few full runs.",
                    stacklevel=4,
                )
                break


def _schedules(node: Any) -> Iterator[Any]:
    """What stands for a number and is a function of the step."""
    if dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if field.metadata.get("kind") == "hyper" and callable(value):
                yield value
            elif field.metadata.get("kind") != "static":
                yield from _schedules(value)
    elif isinstance(node, (tuple, list, dict)):
        for child in node.values() if isinstance(node, dict) else node:
            yield from _schedules(child)
