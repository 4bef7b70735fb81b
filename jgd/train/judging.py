"""Decisions by evaluations: when a run stops, and which of its points was the best."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import unknown
from jgd.core.outline import brief
from jgd.core.status import Status
from jgd.core.stop import Stop
from jgd.core.types import Params, State
from jgd.pages.text import count


class Best(NamedTuple):
    """The point of a run whose evaluation was the best."""

    params: Params
    model_state: State
    step: int
    value: float  # of the metric that keep_best names

    def __repr__(self) -> str:
        params, state = brief(self.params), brief(self.model_state)
        return f"Best(step={self.step}, value={self.value:.6g}, params={params}, model_state={state})"


def is_better(value: float, best: float, mode: str, by: float = 0.0) -> bool:
    """Tell whether a value beats another one by more than `by`; NaN never does."""
    return value > best + by if mode == "max" else value < best - by


class Judge:
    """Follows the metric of a `Stop` from evaluation to evaluation; what it says is a function of the curve alone."""

    def __init__(self, stop: Stop, since: int = 0) -> None:
        self._stop, self._since = stop, since  # evaluations up to this step do not count
        self._value = None if stop.value is None else float(np.asarray(stop.value))
        self._mode, self._delta = stop.mode or "min", float(np.asarray(stop.min_delta))
        self._best, self._at, self._waited, self._last = math.nan, 0, 0, math.nan

    def see(self, evaluation: Mapping[str, Any]) -> None:
        """Take in one more evaluation, with its `step`."""
        step, metric = int(evaluation["step"]), self._stop.metric
        if metric is None or step <= self._since:
            return
        self._last = metric_value(evaluation, metric, "Stop(metric=)")
        if math.isnan(self._best) or is_better(self._last, self._best, self._mode, self._delta):
            self._best, self._at, self._waited = self._last, step, 0
        else:
            self._waited += 1

    def verdict(self) -> tuple[Status, str] | None:
        """Tell whether a rule on the metric holds, and the sentence that says why."""
        metric, patience = self._stop.metric, self._stop.patience
        if metric is None:
            return None
        target = math.nan if self._value is None else self._value
        if math.isfinite(self._last) and (self._last == target or is_better(self._last, target, self._mode)):
            return Status.VALUE, f"{metric} is {self._last:.6g}, and its threshold {target:.6g}"
        if patience is None or self._waited < patience:
            return None
        since = f"on {self._best:.6g}, of step {self._at}, in {count(self._waited, 'evaluation')}"
        return Status.PLATEAU, f"{metric} has not improved {since}"


def metric_value(evaluation: Mapping[str, Any], metric: str, place: str) -> float:
    """Return a metric's number, or the error that there is none of this name."""
    if metric == "step" or metric not in evaluation:
        raise unknown(place, metric, [name for name in evaluation if name != "step"])
    return float(evaluation[metric])
