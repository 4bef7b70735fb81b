"""The result of a check-up: a verdict, a table of layers, and a page."""

import dataclasses
import math
import os

import numpy as np

from jgd.core.finding import Findings
from jgd.core.storage import write_whole
from jgd.health.finding import Thresholds, verdict_sentence
from jgd.health.layers import slope
from jgd.health.measured import Measured
from jgd.health.page import checkup_page
from jgd.health.table import HEAD, LayerRow, layer_cells, layer_rows
from jgd.pages.sheet import Sheet
from jgd.pages.text import count


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Checkup:
    """A check-up: `findings`, causes before what they cause, and `measured`, which they rest on.

    It prints as a verdict, a table with a row for each layer in the order in which they are computed, 40 at most, and
    the findings as sentences. `page(path)` writes the same as a page with pictures.
    """

    findings: Findings
    measured: Measured
    name: str
    thresholds: Thresholds

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        return verdict_sentence(self.name, self.findings)

    @property
    def rows(self) -> list[LayerRow]:
        """The lines of the table: layers in the order of computation, then leaves that belong to none."""
        return layer_rows(self.measured.looked.layers, self.measured.leaves, self.thresholds)

    @property
    def facts(self) -> dict[str, str]:
        """The figures of the whole: loss, signals, noise, sharpness and steps, as texts."""
        m = self.measured
        shown = {"loss": f"{m.looked.loss:.4g}"}
        fall, layers = slope(m.looked.products())
        if math.isfinite(fall):
            shown["slope of signals per layer"] = f"{fall:+.2f} over {count(layers, 'layer')}"
        if (worst := m.looked.largest_attention()) is not None:
            shown["largest logit of attention"] = f"{np.max(worst.largest):.3g} in {worst.tap.label}"
        if m.looked.logits:
            shown["z-loss"] = f"{np.mean(m.looked.logits[-1].z_loss):.3g}, mean of log(Z)^2 of the output logits"
        if m.noise is not None:
            high = f"{m.noise.high:.0f}" if math.isfinite(m.noise.high) else "infinity"
            size = f"{m.noise.value:.0f}" if math.isfinite(m.noise.value) else "above what can be measured"
            shown["gradient noise scale"] = f"{size} ({m.noise.low:.0f} to {high}, nine times in ten)"
            most = ", as large as there can be" if m.noise.is_beyond else ""
            shown["suggested batch"] = f"{m.noise.suggested:,}{most} (now {m.batch_size:,})"
        if math.isfinite(m.sharpness):
            scaled = "preconditioned " if m.edge is not None and m.edge.scale is not None else ""
            shown[f"{scaled}sharpness"] = f"{m.sharpness:.3g}"
            if m.edge is not None:
                shown["sharpness"] = shown.pop(f"{scaled}sharpness") + (f", {scaled.strip()}" if scaled else "")
                shown["share of the edge of stability"] = f"{m.edge.rate * m.sharpness / m.edge.limit:.2g}"
        elif m.no_sharpness:
            shown["sharpness"] = f"not known: {m.no_sharpness}"
        longest = "over a million" if math.isinf(m.critical) else f"{m.critical:.3g}"
        shown["longest useful step"] = f"{longest} times this one" if m.critical > 0 else "none, each raises the loss"
        if m.trials is not None:
            shown[f"loss after {m.span}"] = f"{m.trials.after[2]:.4g} (held out {m.trials.held_after[2]:.4g})"
            if math.isfinite(m.trials.by_heart):
                shown["loss of a few examples learnt by heart"] = f"{m.trials.by_heart:.2g} of the first"
        return shown

    def page(self, path: str | os.PathLike[str]) -> str:
        """Write the check-up as one page that loads nothing: verdict, findings, pictures, table. Returns the path."""
        text = checkup_page(self.name, self.verdict, self.findings, self.facts, self.rows, self.measured)
        write_whole(path, [text.encode()])
        return os.fspath(path)

    def _sheet(self) -> Sheet:
        rows = [layer_cells(row) for row in self.rows]
        facts = [f"{name}: {value}" for name, value in self.facts.items()]
        found = self.findings.lines()
        head = [self.verdict, ""]
        return Sheet(head, HEAD, rows, ["", *facts, *([""] if found else []), *found], left=2)
