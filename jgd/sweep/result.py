"""The result of a sweep: its outcomes, with pictures, a page, tables and exports."""

import dataclasses
import os
from typing import Any

from jgd.core.optional import require
from jgd.core.storage import write_whole
from jgd.health.autopsy import Autopsy
from jgd.health.finding import Thresholds
from jgd.health.reading import Reading
from jgd.sweep.plots.accessor import Plots
from jgd.sweep.report.page import sweep_report
from jgd.sweep.results.export import table_columns, write_csv, write_parquet
from jgd.sweep.results.health import lane_autopsy, lane_health
from jgd.sweep.results.outcomes import Outcomes
from jgd.sweep.results.text import described
from jgd.sweep.samplers.optuna import to_optuna
from jgd.sweep.spaces.space import Trial


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Result(Outcomes):
    """A finished or interrupted sweep: `Outcomes`, which hold the data, drawn, printed, written and exported."""

    @classmethod
    def of(cls, outcomes: Outcomes) -> "Result":
        """Return the result of these outcomes."""
        return cls(**{field.name: getattr(outcomes, field.name) for field in dataclasses.fields(outcomes)})

    @property
    def plot(self) -> Plots:
        """The pictures: `result.plot.axis()`, `result.plot.curves()` and others."""
        return Plots(self)

    def trials_dataframe(self) -> Any:
        """Return a pandas table with a row for each lane: trial, space, seed, parameters, status and final metrics."""
        rows = self.trials_rows()
        return require("pandas", "Result.trials_dataframe()").DataFrame(rows, columns=table_columns(rows))

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table of `trials_dataframe`, a row for each lane."""
        write_csv(self.trials_rows(), path)

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the table of `trials_dataframe`, a row for each lane."""
        write_parquet(self.trials_rows(), path)

    def to_optuna(self, storage: Any = None, name: str | None = None) -> Any:
        """Return an Optuna study with these trials, in memory, or kept where `storage` says: "sqlite:///study.db".

        A trial's value is its median over seeds, which are attributes. One that a rule ended is pruned, with its curve
        as intermediate values; one with a lane that diverged or is pending, or without a finite value, has failed.
        """
        return to_optuna(self, storage, name)

    def report(self, path: str | os.PathLike[str], title: str | None = None) -> None:
        """Write the sweep as one HTML page that loads nothing: the answer, pictures, a sortable table of the trials."""
        write_whole(path, [sweep_report(self, title).encode()])

    def health(
        self, trial: Trial | int | None = None, seed: int | None = None, thresholds: Thresholds | None = None
    ) -> Reading:
        """Show the pulse of a lane of `run(..., health=True)` by groups of leaves, and what is wrong with it.

        The lane is that of the best trial under the first seed unless told.
        """
        return lane_health(self, trial, seed, thresholds)

    def autopsy(self, trial: Trial | int | None = None, seed: int | None = None, spike: float = 6.0) -> Autopsy:
        """Find the first step, leaf, operation and value at which a lane went wrong, as `jgd.health.autopsy` does.

        The lane is the one that diverged first unless told. Its steps are run again, those up to there. Of a folder,
        `jgd.sweep.load(dir, task, spaces)` makes the result.
        """
        return lane_autopsy(self, trial, seed, spike)

    def __repr__(self) -> str:
        return str(described(self))

    def _repr_html_(self) -> str:
        return described(self).html()
