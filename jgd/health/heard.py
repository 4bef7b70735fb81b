"""The curves of a pulse, as they are judged and drawn."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jgd.core.optional import require
from jgd.train.pulse import EVERYTHING

SHOWN = 4  # groups that a finding names


class Heard(NamedTuple):
    """Hold the curves of a pulse, of the groups of leaves by their names."""

    beats: dict[str, np.ndarray]
    loss: np.ndarray  # f[steps], at each step
    groups: tuple[str, ...]
    wide: tuple[str, ...]  # those with leaves of two axes or more

    @property
    def steps(self) -> np.ndarray:
        """The measured steps."""
        return self.beats.get("step", np.zeros(0, int))

    @property
    def taken(self) -> int:
        """How many steps have a loss."""
        return len(self.loss)

    def of(self, quantity: str, group: str = EVERYTHING) -> np.ndarray:
        """Return a quantity of a group at each measured step."""
        return self.beats.get(f"{quantity}/{group}", np.zeros(0))

    def later(self, quantity: str, group: str = EVERYTHING) -> np.ndarray:
        """Return the later half of those finite where the gradient is, at least three, for a short run has few."""
        values = self.of(quantity, group)
        values = values[np.isfinite(values) & (self.of("nonfinite") == 0)]
        return values[-max(3, -(-len(values) // 2)) :]

    def dataframe(self) -> Any:
        """Return a pandas table of it all, with the steps for its index."""
        return require("pandas", "Reading.dataframe()").DataFrame(self.beats).set_index("step")


def first_names(groups: Sequence[str]) -> str:
    """Name the first groups of some, and tell that there are more."""
    return ", ".join(groups[:SHOWN]) + (", ..." if len(groups) > SHOWN else "")
