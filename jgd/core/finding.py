"""Findings: something wrong, with the number that shows it, its cause and its remedy."""

import dataclasses
import numbers
from collections.abc import Iterable

WATCH, SLOW, BROKEN = 1, 2, 3  # severities: look at it, it costs progress, nothing useful comes of the run


@dataclasses.dataclass(frozen=True)
class Finding:
    """Tell one thing that is wrong, as one sentence: where, what was measured and expected, the cause, the remedy.

    `Finding(2, "hidden3", "update ratio", 0.21, "below 0.03", "the learning rate is too high for this layer", "lower it
    7x")` prints as `hidden3: update ratio is 0.21, expected below 0.03; the learning rate is too high for this layer:
    lower it 7x.`

    severity  1 to watch, 2 costs progress, 3 nothing useful comes of the run.
    where     A layer, a leaf, a group of leaves, or what the whole run is called: "the loss", "the optimizer".
    quantity  The name of the measurement, the same for all findings of its kind.
    value     The number that was measured, or a text where it is none.
    """

    severity: int
    where: str
    quantity: str
    value: float | str
    expected: str
    because: str
    remedy: str

    def __str__(self) -> str:
        value = f"{float(self.value):.3g}" if isinstance(self.value, numbers.Real) else str(self.value)
        return (
            f"{self.where}: {self.quantity} is {value}, expected {self.expected}; {self.because}: "
            f"{self.remedy.rstrip('.')}."
        )


class Findings(tuple[Finding, ...]):
    """Hold findings in an order; printed, each is a numbered sentence on a line of its own."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(self.lines()) or "no findings"

    def lines(self) -> list[str]:
        """Return the findings as numbered sentences."""
        return [f"{i}. {finding}" for i, finding in enumerate(self, 1)]


def worst_first(findings: Iterable[Finding]) -> Findings:
    """Sort findings by falling severity; those of one severity keep their order."""
    return Findings(sorted(findings, key=lambda finding: -finding.severity))
