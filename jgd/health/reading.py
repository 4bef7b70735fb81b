"""The pulse of a run, read: a table by groups of leaves, findings with remedies, and a picture."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from jgd.core.arguments import checked, instance_of
from jgd.core.errors import InputError
from jgd.core.finding import Findings, worst_first
from jgd.health.finding import Thresholds
from jgd.health.heard import Heard
from jgd.health.pulse_findings import heard_findings
from jgd.health.pulse_picture import pulse_figure
from jgd.pages.sheet import Sheet
from jgd.pages.text import count
from jgd.train.pulse import EVERYTHING
from jgd.train.result import Run

BLOCKS = "▁▂▃▄▅▆▇█"
WIDEST = 16  # characters of a curve in the table
RUN = instance_of("be a run of jgd.fit", Run)
THRESHOLDS = instance_of("be a jgd.health.Thresholds", Thresholds)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Reading:
    """Show what a run's pulse tells: printed, it is a table with a row for each group of leaves, and the findings.

    |g| is the norm of the gradient at the first and the last measurement, and as a curve on a logarithmic scale over
    all; |u|/|theta| the norm of a step over that of the parameters, `cosine` that of successive gradients, and `zero`
    the share of the gradient's entries that are zero, each the median of the later half; `not finite` the largest share
    of its entries that were NaN or infinite.
    """

    heard: Heard
    thresholds: Thresholds
    name: str = ""  # of the lane, in a sweep

    @functools.cached_property
    def findings(self) -> Findings:
        """Everything that is wrong, with its evidence and its remedy, the worst first."""
        return worst_first(heard_findings(self.heard, self.thresholds))

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def plot(self) -> Any:
        """Draw a matplotlib figure: gradient norms, update ratios, cosines of successive gradients, and the loss."""
        return pulse_figure(self.heard, self.findings)

    def dataframe(self) -> Any:
        """Make a pandas table with a row for each measured step, a column for each quantity of each group."""
        return self.heard.dataframe()

    def _sheet(self) -> Sheet:
        heard = self.heard
        taken = f"{self.name}, {count(heard.taken, 'step')}" if self.name else count(heard.taken, "step")
        measured = count(len(heard.steps), "measurement")
        verdict = "no findings" if not self.findings else count(len(self.findings), "finding")
        names = (*heard.groups, EVERYTHING)
        rows = [self._row(name) for name in (names if len(heard.groups) > 1 else names[:-1])]
        header = ("", "|g| first", "last", "log |g|", "|u|/|theta|", "cosine", "zero", "not finite")
        return Sheet([f"Pulse of {taken}, {measured}: {verdict}"], header, rows, self.findings.lines())

    def _row(self, group: str) -> tuple[str, ...]:
        heard = self.heard
        norms = heard.of("gradient_norm", group)
        ends = ("-", "-") if not len(norms) else (f"{norms[0]:.2g}", f"{norms[-1]:.2g}")
        bad = heard.of("nonfinite", group)
        return (
            group, *ends, sparkline(norms), _middle(heard.later("update_ratio", group), "{:.1e}"),
            _middle(heard.later("successive_cosine", group), "{:+.2f}"), _middle(heard.later("zeros", group), "{:.0%}"),
            f"{np.max(bad, initial=0.0):.0%}",
        )  # fmt: skip


@checked(run=RUN, thresholds=THRESHOLDS)
def read_pulse(run: Run, thresholds: Thresholds | None = None) -> Reading:
    """Read the pulse of a run of `fit(..., health=True)`, with other thresholds than the default ones if given."""
    if run.pulse is None:
        raise InputError("Run.health: the run has no pulse; ask for it with jgd.fit(..., health=True).")
    leaves = jax.tree.leaves(run.params)
    wide = [name for name, members in run.pulse.groups if any(leaves[i].ndim > 1 for i in members)]
    groups = tuple(name for name, _ in run.pulse.groups)
    heard = Heard(run.beats, run.metrics["loss"], groups, tuple(wide))
    return Reading(heard, Thresholds() if thresholds is None else thresholds)


def sparkline(values: np.ndarray) -> str:
    """Draw positive numbers as a line of eighth blocks on a logarithmic scale; `!` is not finite, `.` is zero."""
    if not len(values):
        return ""
    picked = values[np.unique(np.linspace(0, len(values) - 1, min(len(values), WIDEST)).astype(int))]
    good = np.isfinite(picked) & (picked > 0)
    logs = np.log(np.where(good, picked, 1.0))
    low, high = (logs[good].min(), logs[good].max()) if good.any() else (0.0, 0.0)
    level = np.clip((logs - low) / max(high - low, 1e-9) * 7.999 if high - low > 0.05 else logs * 0 + 3, 0, 7)
    return "".join(
        BLOCKS[int(k)] if ok else "." if x == 0 else "!" for k, ok, x in zip(level, good, picked, strict=True)
    )


def _middle(values: np.ndarray, form: str) -> str:
    finite = values[np.isfinite(values)]
    return form.format(np.median(finite)) if len(finite) else "-"
