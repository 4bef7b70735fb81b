"""The result of a training run: parameters, curves and the reason that it stopped."""

import dataclasses
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from jgd.core.optional import require
from jgd.core.status import Status
from jgd.core.types import Params, State
from jgd.pages.figure import literal, new_figure, style
from jgd.pages.palette import COLORS, INK
from jgd.pages.sheet import Sheet
from jgd.pages.text import count
from jgd.pages.ticks import log_ticks
from jgd.train.judging import Best
from jgd.train.pulse import Pulse


class Change(NamedTuple):
    """Record what a run went on with from a step on, in place of what it had before."""

    step: int
    by: str  # "resume" or "callback"
    changes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run:
    """Hold a finished, stopped or interrupted run.

    Row k of a metric belongs to the parameters after k steps, before the step that it led to. The step at which a rule
    stopped the run was evaluated and not taken, so then `params` are those that the last row belongs to.
    Where a segment ended with a parameter that had become infinite or NaN, they are those after the last row.
    """

    params: Params
    opt_state: State
    model_state: State  # what the loss hands on beside the parameters, `None` where it has nothing
    status: Status
    steps: int
    metrics: dict[str, np.ndarray]  # "loss" and the scalars of the loss's aux, each of shape [steps]
    evaluations: dict[str, np.ndarray]  # "step" and what evaluate returned, each of shape [evaluations]
    seconds: float  # of this call, compilation included
    compile_seconds: float  # of this call
    reason: str = ""  # at which step it stopped, and why, in a sentence
    best: Best | None = None  # where keep_best asked for it
    history: tuple[Change, ...] = ()  # what was changed on the way, by a resume or a callback
    seed: int = 0
    steps_here: int = 0  # of all steps, those that this call took; the others were read from a folder
    notes: tuple[str, ...] = ()  # what else is to be known
    pulse: Pulse | None = None  # where `health` was asked for: which groups of leaves were measured
    beats: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)  # "step" and what was measured there

    @property
    def health(self) -> Any:
        """The pulse, read: a table that prints, `findings` with the worst first, and `plot()`.

        Only of a run that was asked for it, with `fit(..., health=True)`. Other thresholds: `jgd.health.read_pulse`.
        """
        # By its name: the layer that judges runs lies above the one that makes them.
        return import_module("jgd.health.reading").read_pulse(self)

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        rows = [_summary(name, curve, np.arange(len(curve))) for name, curve in self.metrics.items()]
        steps = self.evaluations.get("step")
        rows += [_summary(name, curve, steps) for name, curve in self._judged().items()]
        taken = count(self.steps, "step")
        head = f"Run of {taken}, {self.seconds:.2f} s of which {self.compile_seconds:.2f} s compiling"
        # The reason may be the status's own message, with the step and the loss.
        told = bool(self.reason) and self.status.message in self.reason
        status = f"{self.status.name.lower()}: {self.status.remedy}." if told else str(self.status)
        foot = [line for line in (*self._remarks(), self.reason, status) if line]
        return Sheet([head], ("", "last", "lowest", "highest"), rows if self.steps else (), foot, left=4)

    def _judged(self) -> dict[str, np.ndarray]:
        """Return the curves of the evaluations by names that the metrics do not have."""
        curves = {name: curve for name, curve in self.evaluations.items() if name != "step"}
        return {f"{name} (evaluated)" if name in self.metrics else name: curve for name, curve in curves.items()}

    def _remarks(self) -> list[str]:
        """Say what stands beside the numbers: the best point, what was read from a folder, and what was changed."""
        read, ran = self.steps - self.steps_here, "" if self.steps_here else ", nothing ran"
        return [
            *([f"best at step {self.best.step}: {self.best.value:.6g}"] if self.best else []),
            *([f"read from the folder: {count(read, 'step')}{ran}"] if read else []),
            *(f"changed at step {x.step} by the {x.by}: {'; '.join(x.changes)}" for x in self.history),
            *self.notes,
        ]

    def dataframe(self) -> Any:
        """Return a pandas table with a row a step; evaluations stand in the rows of their steps, NaN elsewhere."""
        pandas = require("pandas", "Run.dataframe()")
        table = pandas.DataFrame(self.metrics, index=pandas.RangeIndex(self.steps, name="step"))
        if not self.evaluations:
            return table
        judged = pandas.DataFrame(self._judged(), index=pandas.Index(self.evaluations["step"], name="step"))
        return pandas.concat([table, judged], axis=1)

    def plot(self) -> Any:
        """Draw a matplotlib figure: the metrics step by step, and beside them the evaluations."""
        judged = self._judged()
        width = 2 if judged else 1
        figure = new_figure(5 * width, 3.5, "Run.plot()")
        panels = figure.subplots(1, width, squeeze=False)[0]
        _draw(panels[0], np.arange(self.steps), self.metrics)
        if judged:
            _draw(panels[1], self.evaluations["step"], judged)
        figure.suptitle(f"{count(self.steps, 'step')}: {self.status.message}", fontsize=9, color=INK)
        return figure


def _draw(axes: Any, steps: np.ndarray, curves: dict[str, np.ndarray]) -> None:
    for i, (name, curve) in enumerate(curves.items()):
        axes.plot(steps, curve, color=COLORS[i % len(COLORS)], linewidth=1.4, label=literal(name))
    finite = [curve[np.isfinite(curve)] for curve in curves.values()]
    positive = all(curve.size and curve.min() > 0 for curve in finite)
    if positive and any(curve.max() > 100 * curve.min() for curve in finite):  # else its end is not told from zero
        axes.set_yscale("log")
        log_ticks(axes.yaxis)
    axes.set_xlabel("step")
    style(axes)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)


def _summary(name: str, curve: np.ndarray, steps: Any) -> tuple[str, str, str, str]:
    finite = np.flatnonzero(np.isfinite(curve))
    if not len(curve) or not len(finite):
        return (name, f"{curve[-1]:.6g}" if len(curve) else "-", "-", "-")
    low, high = finite[np.argmin(curve[finite])], finite[np.argmax(curve[finite])]
    last = f"{curve[-1]:.6g}"
    return (name, last, f"{curve[low]:.6g} at step {steps[low]}", f"{curve[high]:.6g} at step {steps[high]}")
