"""The pictures of a result, by name: `result.plot`."""

import inspect
from typing import Any

from jgd.core.errors import InputError, unknown
from jgd.pages.sheet import Sheet
from jgd.sweep.plots.curves import best_curves_figure, curves_figure, sensitivity_figure
from jgd.sweep.plots.parallel import parallel_figure
from jgd.sweep.plots.search import best_of_k_figure, best_so_far_figure, importance_figure
from jgd.sweep.plots.slices import axis_figure, isolation_figure
from jgd.sweep.results.outcomes import Outcomes


class Plots:
    """Each method draws a matplotlib figure, `result.plot.axis("learning_rate").savefig("rate.png")`.

    A space has one colour in all pictures. A value is a trial's median over seeds; the scales show differences among
    the good ones, and what is far worse lies at the frame's edge. Of more than 600 trials in a panel the best 300 are
    drawn, and 300 of the others.
    """

    def __init__(self, result: Outcomes) -> None:
        self._result = result

    def __call__(self) -> Any:
        """Draw the overview: the `curves` of several spaces, which compare them, else all trials as `axis` has them.

        Where nothing was swept, there are only curves; of functions that own their loop, there are none.
        """
        result = self._result
        curved, swept = len(result.steps) > 1, any(trial.axes for trial in result.trials)
        return self.curves() if curved and (len(result.spaces) > 1 or not swept) else self.axis()

    def __repr__(self) -> str:
        return str(_sheet())

    def _repr_html_(self) -> str:
        return _sheet().html()

    def axis(self, *names: str, space: str | None = None) -> Any:
        """Draw all trials against one hyperparameter in each panel, on its own scale: those named, or all.

        A cross is a trial of which a seed diverged, a hollow mark one that a rule ended, at the value it had then. A
        bar at an end of the axis tells that the best trial touches it, so that better may lie beyond.
        """
        return axis_figure(self._result, names, space)

    def isolation(self, *names: str, space: str | None = None) -> Any:
        """Draw the best achievable as a function of one hyperparameter: of each part of its range the best trial.

        A flat line is a hyperparameter that the others can make up for. The bars are the range of seeds.
        """
        return isolation_figure(self._result, names, space)

    def sensitivity(self, name: str = "learning_rate") -> Any:
        """Draw the best achievable by one hyperparameter of several optimizers, beside each other on one scale."""
        return sensitivity_figure(self._result, name)

    def curves(self, space: str | None = None, best: int = 5) -> Any:
        """Draw the metric while training, its median and range over seeds: of the best few trials of one space.

        With several spaces and none named, of the best trial of each, in a panel of its own.
        """
        if space is None and len(self._result.spaces) > 1:
            return curves_figure(self._result)
        return best_curves_figure(self._result, space, best)

    def parallel(self, space: str | None = None) -> Any:
        """Draw each trial of a space, the best unless named, as a line over its hyperparameters to the metric."""
        return parallel_figure(self._result, space)

    def best_so_far(self) -> Any:
        """Draw the best of the first 1, 2, ... trials, for samplers that learn where to look."""
        return best_so_far_figure(self._result)

    def best_of_k(self) -> Any:
        """Draw the best of so many random trials, median and quartiles; a curve that is still rising asks for more."""
        return best_of_k_figure(self._result)

    def importance(self, space: str | None = None) -> Any:
        """Draw how much of the trials' ranking each hyperparameter decides; see `Result.importance`."""
        return importance_figure(self._result, space)

    def named(self, kind: str, name: str | None = None, space: str | None = None) -> Any:
        """Give the picture of a kind by its name, as the command knows it, of a hyperparameter and a space if given."""
        if kind not in KINDS:
            raise unknown("plot", kind, KINDS)
        given = {"name": name, "space": space}
        taken = inspect.signature(getattr(self, kind)).parameters
        for what, value in given.items():
            if value is not None and what not in taken and f"{what}s" not in taken:
                raise InputError(f"plot {kind}: it shows all {what}s; leave the {what} out.")
        names = [] if name is None else [name]
        return getattr(self, kind)(*names, **({} if space is None else {"space": space}))


def _sheet() -> Sheet:
    head = "The pictures of a result, as matplotlib figures; result.plot() draws the overview."
    return Sheet([head], ["result.plot", ""], [[f".{name}()", says] for name, says in KINDS.items()], left=2)


KINDS = {
    name: (getattr(Plots, name).__doc__ or "").split("\n")[0]
    for name in ("axis", "isolation", "sensitivity", "curves", "parallel", "best_so_far", "best_of_k", "importance")
}
