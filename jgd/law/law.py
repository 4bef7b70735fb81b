"""Power laws of the best hyperparameters and of the loss, fitted to sweeps at several sizes, with intervals."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jgd.core.arguments import SHARE, Kind, checked, whole_from
from jgd.core.errors import InputError
from jgd.core.outline import shown
from jgd.core.types import Transform
from jgd.core.values import with_hyperparams
from jgd.law.estimate import Estimate
from jgd.law.forms import loss_laws, loss_logs, number_laws
from jgd.law.optimum import optimum, resampled, swept_trials
from jgd.pages.figure import literal, new_figure
from jgd.pages.palette import COLORS, GRID, INK
from jgd.pages.sheet import Sheet
from jgd.sweep.results.outcomes import Outcomes

STUDIES = Kind(
    "be a list of pairs (sizes, result), such as ({'width': 64}, result), at least three",
    lambda x: len(x) >= 3 and all(isinstance(s, Mapping) and s and isinstance(r, Outcomes) for s, r in x),
)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Law:
    """Hold how the best numbers and the least loss depend on sizes, each as fitted to samples of seeds and misfits.

    number = c prod_k size_k^a_k, and loss = E + sum_k A_k size_k^-alpha_k (Hoffmann et al. 2022, arXiv:2203.15556),
    where E is left out if there are too few studies for it.
    """

    sizes: tuple[str, ...]  # names
    at_sizes: np.ndarray  # f[studies, sizes]
    names: tuple[str, ...]  # of the numbers
    best: np.ndarray  # f[samples, studies, names], logs of the best numbers; the first row of all seeds
    losses: np.ndarray  # f[samples, studies], logs
    exponents: np.ndarray  # f[samples, names, 1 + sizes], log c and a
    loss_params: np.ndarray  # f[samples, 1 + 2 sizes]: log E, log A, log alpha
    spread: np.ndarray  # f[samples, names + 1], of a study around the law in logs, the loss's last
    drift: np.ndarray  # f[names + 1], how far laws of smaller sizes missed larger ones, in logs, for each log beyond
    optimizer: Transform  # of the best trial of the last study
    confidence: float

    def at(self, **sizes: float) -> Transform:
        """The optimizer for these sizes; its numbers are `Estimate`s, which know their intervals."""
        x = self._logs("at", sizes)
        found = self.optimizer
        for i, name in enumerate(self.names):
            number = self._number(i, x)
            # A record makes plain floats of its numbers: the leaf that the name means is the one that it changes.
            this, other = (with_hyperparams(found, {name: float(number) * k}) for k in (1, 2))
            found = jax.tree.map(lambda a, b, number=number: a if a is b or a == b else number, this, other)
        return found

    def numbers(self, **sizes: float) -> dict[str, Estimate]:
        """The numbers of that optimizer by their names."""
        x = self._logs("numbers", sizes)
        return {name: self._number(i, x) for i, name in enumerate(self.names)}

    def predict(self, **sizes: float) -> Estimate:
        """The least loss at these sizes, that of the optimizer `at` them."""
        x = self._logs("predict", sizes)
        return self._estimate(x, loss_logs(x[None, None], self.loss_params)[:, 0], -1)

    def _number(self, i: int, x: np.ndarray) -> Estimate:
        rows = self.exponents[:, i]
        return self._estimate(x, rows[:, 0] + rows[:, 1:] @ x, i)

    def _estimate(self, x: np.ndarray, logs: np.ndarray, i: int) -> Estimate:
        """The first of these logs, with the interval in which a study of as many seeds would find its own."""
        known = np.log(self.at_sizes)
        beyond = float(np.linalg.norm(np.maximum(0, np.maximum(known.min(axis=0) - x, x - known.max(axis=0)))))
        draw = np.random.default_rng(1)
        found = logs + self.spread[:, i] * draw.standard_normal(len(logs))
        found = found + self.drift[i] * beyond * draw.standard_normal(len(logs))
        low, high = np.quantile(found, [(1 - self.confidence) / 2, (1 + self.confidence) / 2])
        return Estimate(float(np.exp(logs[0])), float(np.exp(min(low, logs[0]))), float(np.exp(max(high, logs[0]))))

    def _logs(self, method: str, sizes: Mapping[str, float]) -> np.ndarray:
        if set(sizes) != set(self.sizes) or not all(float(x) > 0 for x in sizes.values()):
            given = ", ".join(f"{k}={shown(v)}" for k, v in sizes.items())
            raise InputError(f"Law.{method}({given}): expected positive {', '.join(self.sizes)}; give each of them.")
        return np.log([float(sizes[name]) for name in self.sizes])

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        rows = []
        for i, name in enumerate(self.names):
            powers = [self._spread(self.exponents[:, i, 1 + k]) for k in range(len(self.sizes))]
            rows.append((name, f"{np.exp(self.exponents[0, i, 0]):.3g}", *powers))
        count = len(self.sizes)
        powers = [self._spread(-np.exp(self.loss_params[:, 1 + count + k])) for k in range(count)]
        rows.append(("loss", f"{np.exp(self.loss_params[0, 0]):.3g}", *powers))
        head = f"Law of {len(self.at_sizes)} studies, {100 * self.confidence:g} % intervals"
        return Sheet([head], ("", "factor, floor", *(f"power of {name}" for name in self.sizes)), rows)

    def _spread(self, values: np.ndarray) -> str:
        low, high = np.quantile(values, [(1 - self.confidence) / 2, (1 + self.confidence) / 2])
        return f"{values[0]:+.2f} [{low:+.2f}, {high:+.2f}]"

    def plot(self) -> Any:
        """Draw a matplotlib figure: each number and the loss against each size, studies as dots, the law as a line.

        Where there are several sizes, the others are those of each study, so that a line has a kink at each.
        """
        count = len(self.names) + 1
        figure = new_figure(3.6 * len(self.sizes), 2.8 * count, "Law.plot()")
        panels = figure.subplots(count, len(self.sizes), squeeze=False)
        fitted = [self.exponents[0, i, 0] + np.log(self.at_sizes) @ self.exponents[0, i, 1:] for i in range(count - 1)]
        fitted.append(loss_logs(np.log(self.at_sizes)[None], self.loss_params[:1])[0])
        found = [*(self.best[..., i] for i in range(count - 1)), self.losses]
        for row, name, law, logs in zip(panels, (*self.names, "loss"), fitted, found, strict=True):
            for k, panel in enumerate(row):
                order = np.argsort(self.at_sizes[:, k], kind="stable")
                x, logs_here = self.at_sizes[order, k], logs[:, order]
                low, high = np.quantile(logs_here, [0.05, 0.95], axis=0)
                panel.plot(x, np.exp(law[order]), color=COLORS[1], linewidth=1.4)
                panel.vlines(x, np.exp(low), np.exp(high), color=COLORS[0], linewidth=1)
                panel.plot(x, np.exp(logs_here[0]), "o", color=COLORS[0], markersize=4)
                panel.set_xscale("log", base=2)
                panel.set_yscale("log")
                panel.grid(color=GRID)
                panel.set_xlabel(literal(self.sizes[k]), fontsize=9, color=INK)
                panel.set_ylabel(literal(name), fontsize=9, color=INK)
        return figure


@checked(studies=STUDIES, confidence=SHARE, resamples=whole_from(20))
def fit(
    studies: Sequence[tuple[Mapping[str, float], Outcomes]],
    *,
    confidence: float = 0.9,
    resamples: int = 200,
    seed: int = 0,
) -> Law:
    """Fit power laws to the best numbers and the least losses of sweeps at several sizes.

    studies    Pairs of sizes and the result of `jgd.sweep.run` there: `[({"width": 64, "steps": 500}, result), ...]`,
               each over the same positive numbers, such as a rate, wide enough that the best lies inside. At least two
               more than there are sizes, with three values of each; from twice as many as sizes plus two on the loss
               has a floor E.
    resamples  Samples of the seeds to which the laws are fitted again. To each is added a draw of how far studies lie
               from the law beyond the noise of their seeds, by Student's t for as few of them as there are, so that
               the law's own uncertainty grows with the distance from the studies. Beyond the sizes of the studies the
               interval also grows by how far laws of all but the largest one or two sizes have missed those. It is the
               interval in which a study of as many seeds would find its best number or its least loss.

    A number's law is a line in logarithms, the loss's is fitted to the logs of the losses; both by
    `jgd.curve_fit`, all samples at once, the latter from several starts. The best number of a study is the vertex of a
    parabola through the trials around its best, see `jgd.law.optimum`. A loss that reaches zero has no such law: judge
    by held-out data, or by a task with noise.
    """
    sizes = tuple(dict.fromkeys(name for at, _ in studies for name in at))
    for i, (at, _) in enumerate(studies):
        if set(at) != set(sizes) or not all(isinstance(x, (int, float)) and x > 0 for x in at.values()):
            raise InputError(f"law.fit(studies): study {i} has the sizes {shown(dict(at))}, expected positive {sizes}.")
    if len(studies) < len(sizes) + 2:
        raise InputError(
            f"law.fit(studies): {len(studies)} studies for {len(sizes)} sizes; run at least {len(sizes) + 2}."
        )
    x = np.log([[float(at[name]) for name in sizes] for at, _ in studies])
    few = [name for name, column in zip(sizes, x.T, strict=True) if len(np.unique(column)) < 3]
    if few:
        raise InputError(f"law.fit(studies): {few[0]} has fewer than three values; run studies at three or more.")
    if _is_flat(x):
        raise InputError("law.fit(studies): some sizes change only together, or not at all; vary each by itself.")
    trials = [swept_trials(result, f"law.fit(studies), study {i}") for i, (_, result) in enumerate(studies)]
    if len({one.names for one in trials}) > 1:
        raise InputError("law.fit(studies): the studies sweep different numbers; sweep the same in each.")
    samples = [resampled(one.losses.shape[1], resamples, seed) for one in trials]
    found = [[optimum(one, rows[s]) for one, rows in zip(trials, samples, strict=True)] for s in range(resamples + 1)]
    best = np.array([[numbers for numbers, _ in row] for row in found])
    losses = np.array([[loss for _, loss in row] for row in found])
    draw = np.random.default_rng(seed)
    lines = number_laws(x, best[:1])
    fitted = lines[0, :, :1] + lines[0, :, 1:] @ x.T
    spreads = []
    for i in range(best.shape[2]):
        best[1:, :, i], spread = _with_misfit(best[..., i], fitted[i], lines.shape[2], draw)
        spreads.append(spread)
    first = loss_laws(x, losses[:1])
    free = int(np.isfinite(first[0]).sum())
    losses[1:], spread = _with_misfit(losses, loss_logs(x[None], first)[0], free, draw)
    return Law(
        sizes, np.exp(x), trials[0].names, best, losses, number_laws(x, best), loss_laws(x, losses),
        np.stack([*spreads, spread], axis=1), _drift(x, best[0], losses[0]), studies[-1][1].best_optimizer(),
        confidence,
    )  # fmt: skip


def _drift(x: np.ndarray, best: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """How far laws of all but the largest one or two values of a size miss these, f[names + 1], for each log beyond."""
    rates: list[np.ndarray] = []
    for k in range(x.shape[1]):
        values = np.unique(x[:, k])
        for last in (1, 2):
            kept = x[:, k] < values[-last]
            if len(np.unique(x[kept, k])) < 3 or kept.sum() < 2 * x.shape[1] + 2 or _is_flat(x[kept]):
                break
            lines, form = number_laws(x[kept], best[None, kept]), loss_laws(x[kept], losses[None, kept])
            next_one = x[:, k] == values[-last]
            missed = lines[0, :, 0] + x[next_one] @ lines[0, :, 1:].T - best[next_one]
            missed_loss = loss_logs(x[None, next_one], form)[0] - losses[next_one]
            both = np.concatenate([missed, missed_loss[:, None]], axis=1)
            rates.append(np.mean(both**2, axis=0) / (values[-last] - values[-last - 1]) ** 2)
    return np.sqrt(np.mean(rates, axis=0)) if rates else np.zeros(best.shape[1] + 1)


def _is_flat(x: np.ndarray) -> bool:
    """Whether some sizes change only together, or not at all."""
    return bool(np.linalg.matrix_rank(x - x.mean(axis=0)) < x.shape[1])


def _with_misfit(
    logs: np.ndarray, fitted: np.ndarray, free: int, draw: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Samples f[samples - 1, studies] with draws of the misfit, and the spread of a study around the law, f[samples].

    The misfit's variance is that of the residuals less that of the seeds. Of few residuals it is itself uncertain: each
    sample has one of its own, drawn from the inverse of chi squared, as in Student's t.
    """
    left = max(len(fitted) - free, 1)
    of_seeds = float(np.var(logs[1:], axis=0).mean())
    misfit = max(float(np.sum((logs[0] - fitted) ** 2)) / left - of_seeds, 0.0)
    variances = misfit * left / draw.chisquare(left, size=len(logs))
    moved = logs[1:] + np.sqrt(variances[1:, None]) * draw.standard_normal(logs[1:].shape)
    return moved, np.sqrt(variances + of_seeds)
