"""A range test of the learning rate: many rates under several seeds in one program, and the bracket they leave."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import POSITIVE, TEXT, WHOLE, checked, whole_from
from jgd.core.errors import InputError
from jgd.core.types import Transform
from jgd.core.values import with_hyperparams
from jgd.pages.figure import style
from jgd.pages.palette import COLORS, FAINT, INK, WARN
from jgd.pages.sheet import Sheet
from jgd.pages.text import count
from jgd.pages.ticks import log_ticks
from jgd.sweep.plots.style import blank
from jgd.sweep.spaces.distributions import LogUniform
from jgd.train.loop import advance, batch_at, begin, pick, root_key
from jgd.train.stream import Feed, Position
from jgd.train.task import TASK, Task, check_task, is_stream
from jgd.transforms.as_transform import as_transform

BELOW, ABOVE = 30.0, 3.0  # how far from the best rate of a short run that of a long one may lie
TAIL = 4  # the last 1/4 of the steps is what a rate is judged by


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RateRange:
    """Hold what each rate reached under each seed, and the bracket in which the best rate of a long run lies.

    By how much the best rate of few steps differs from that of many depends on method and task, and no rule serves all
    (on digits, for the training loss after 300 steps: SGD 1.8 times, Adam 2.1 times, Lion 0.4 times the best of 60), so
    it ends in a `bracket` for a sweep and not in a number.
    """

    rates: np.ndarray  # f[rates], each a fixed factor above the last
    losses: np.ndarray  # f[rates, seeds], the mean loss of the last quarter of the steps; infinite where it left
    start: np.ndarray  # f[seeds], the first loss
    steps: int
    name: str = "learning_rate"

    @property
    def best(self) -> float:
        """The rate with the least loss, the geometric mean over seeds."""
        return float(np.exp(np.log(self._found).mean()))

    @property
    def best_interval(self) -> tuple[float, float]:
        """The least and the largest of the seeds' best rates, and half a step between rates below and above.

        With three seeds and the usual 36 rates it held the best rate of 30 seeds, on a grid four times as fine, in 71
        to 100 % of the times on four problems.
        """
        half = float(np.sqrt(self.rates[1] / self.rates[0]))
        return float(self._found.min()) / half, float(self._found.max()) * half

    @property
    def diverges(self) -> float:
        """The first rate above the best from which on training ends no lower than it began; the median over seeds.

        Infinite where it is above all rates that were tried.
        """
        return float(np.median(self._diverges))

    @property
    def diverges_interval(self) -> tuple[float, float]:
        """The least and the largest over seeds."""
        return float(self._diverges.min()), float(self._diverges.max())

    @property
    def bracket(self) -> LogUniform:
        """The rates from a thirtieth of the best up to three times it or where no gain is, as a leaf of a search space.

        `jgd.sweep.run(task, jgd.adam(found.bracket), num_trials=16, ...)` finds the best of them.
        """
        low, high = self.best_interval
        return LogUniform(max(low / BELOW, float(self.rates[0])), min(ABOVE * high, max(self._diverges.max(), high)))

    @property
    def _found(self) -> np.ndarray:
        """The best rate under each seed."""
        return self.rates[self._best]

    @property
    def _best(self) -> np.ndarray:
        return np.argmin(self.losses, axis=0)

    @property
    def _diverges(self) -> np.ndarray:
        above = np.arange(len(self.rates))[:, None] > self._best
        lost = above & ~(self.losses < self.start)
        return np.where(lost.any(axis=0), self.rates[np.argmax(lost, axis=0)], np.inf)

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        (low, high), (first, last), bracket = self.best_interval, self.diverges_interval, self.bracket
        rows = [
            ("least loss", f"{self.best:.3g}", f"{low:.3g} to {high:.3g}"),
            ("no gain from", self._tried(self.diverges), f"{self._tried(first)} to {self._tried(last)}"),
        ]
        head = (
            f"Range test of {self.name}: {count(len(self.rates), 'rate')} from {self.rates[0]:.3g} to "
            f"{self.rates[-1]:.3g}, {count(self.steps, 'step')} under {count(self.losses.shape[1], 'seed')}"
        )
        feet = [f"Search between {bracket.low:.3g} and {bracket.high:.3g}: the best rate of a long run is another."]
        if self._found.max() == self.rates[-1]:
            feet.append(f"The loss still fell at {self.rates[-1]:.3g}, the largest that was tried; raise high.")
        if self._found.min() == self.rates[0]:
            feet.append(f"The loss was least at {self.rates[0]:.3g}, the smallest that was tried; lower low.")
        return Sheet([head], ("", self.name, "over seeds"), rows, feet)

    def _tried(self, rate: float) -> str:
        return f"{rate:.3g}" if np.isfinite(rate) else f"above {self.rates[-1]:.3g}"

    def plot(self) -> Any:
        """Draw a matplotlib figure: the loss that each rate reached, its range over seeds, and the bracket."""
        figure = blank(6.4, 3.6)
        panel = figure.subplots()
        style(panel)
        panel.set_xscale("log")
        losses = np.where(np.isfinite(self.losses), self.losses, np.nan)
        seen = np.isfinite(losses).any(axis=1)
        x, losses = self.rates[seen], losses[seen]
        top = 2 * np.abs(self.start).max()
        panel.fill_between(x, np.nanmin(losses, axis=1), np.nanmax(losses, axis=1), color=COLORS[0], alpha=0.2, lw=0)
        panel.plot(x, np.nanmedian(losses, axis=1), color=COLORS[0], marker="o", markersize=3, linewidth=1.4)
        panel.axhline(np.median(self.start), color=FAINT, linewidth=1)
        panel.annotate("first loss", (self.rates[0], np.median(self.start)), color=INK, fontsize=8, va="bottom")
        bracket = self.bracket
        panel.axvspan(bracket.low, bracket.high, color=COLORS[2], alpha=0.12, lw=0)
        if np.isfinite(self.diverges):
            panel.axvline(self.diverges, color=WARN, linewidth=1.2, linestyle=(0, (4, 2)))
        least = np.nanmin(losses)
        if least > 0 and top > 20 * least:
            panel.set_yscale("log")
            panel.set_ylim(least / 1.3, top)
            log_ticks(panel.yaxis)
        else:
            panel.set_ylim(least - 0.05 * (top - least), top)
        panel.set_xlim(self.rates[0] / 1.2, self.rates[-1] * 1.2)
        log_ticks(panel.xaxis)
        panel.set_xlabel(self.name.replace("_", " "), fontsize=9, color=INK)
        panel.set_ylabel(f"loss after {count(self.steps, 'step')}", fontsize=9, color=INK)
        panel.set_title("green: the bracket to search; dashed: no gain from here on", loc="left", fontsize=8, color=INK)
        return figure


@checked(task=TASK, low=POSITIVE, high=POSITIVE, rates=whole_from(5), seeds=WHOLE, name=TEXT, steps=whole_from(4))
def rate_range(
    task: Task,
    optimizer: Transform,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    rates: int = 36,
    steps: int = 60,
    seeds: int = 3,
    lanes: int | None = None,
    name: str = "learning_rate",
) -> RateRange:
    """Train with `rates` rates from `low` to `high`, each from the start for `steps` steps, under every seed.

    All are lanes of one program. Each rate is held constant, in place of any schedule, and judged by its mean loss of
    the last quarter of the steps; the range test that lets one run's rate grow (Smith 2015, arXiv:1506.01186) is
    cheaper, but judges a rate by where those before it had led, and never sees a smooth valley diverge.

    lanes    How many rates run side by side; all of them unless given. Each takes the memory of a run for every seed.
    name     The hyperparameter that is varied, with which any other positive one can be tested.

    Costs rates x seeds x steps steps: 6,480 unless given otherwise. Answers to the same task, optimizer and
    arguments are the same.
    """
    if not low < high:
        raise InputError(f"rate_range(low={low:g}, high={high:g}): low must be below high; exchange or widen them.")
    check_task(task)
    optimizer, grid = as_transform(optimizer), np.geomspace(low, high, rates)
    try:
        with_hyperparams(optimizer, {name: float(grid[0])})
    except InputError as error:
        reason = f"{error} Pass an optimizer of jgd, whose numbers are its leaves, or another name."
        raise InputError(f"rate_range(name={name!r}): {reason}") from None
    keys = jnp.stack([root_key(seed) for seed in range(seeds)])
    batches = Feed(task.data, Position(0, 0)).take(steps) if is_stream(task) else None
    width = min(rates, lanes or rates)
    curves = np.asarray(
        _curves(task, optimizer, jnp.asarray(grid, jnp.float32), keys, batches, name=name, steps=steps, width=width)
    )
    tail = curves[..., -max(1, steps // TAIL) :]
    losses = np.where(np.isfinite(curves).all(axis=-1), tail.mean(axis=-1), np.inf)
    found = RateRange(grid, losses, curves[0, :, 0], steps, name)
    if not np.isfinite(losses).any(axis=0).all():
        raise InputError(f"rate_range(low={low:g}): under every rate the loss became infinite or NaN; lower it.")
    if (found.losses >= found.start).all():
        reason = (
            f"no rate made the loss fall within {count(steps, 'step')}; raise it, take more steps or check the gradient"
        )
        raise InputError(f"rate_range(high={high:g}): {reason}.")
    return found


@partial(jax.jit, static_argnames=("name", "steps", "width"))
def _curves(
    task: Task, optimizer: Any, rates: jax.Array, keys: jax.Array, batches: Any, *, name: str, steps: int, width: int
) -> jax.Array:
    """Return the loss at each step, f32[rates, seeds, steps]."""

    def lane(rate: jax.Array, key: jax.Array) -> jax.Array:
        made = with_hyperparams(optimizer, {name: rate})
        draws = pick(task, key, 0, steps) if batches is None else batches

        def body(carry: Any, x: Any) -> tuple[Any, jax.Array]:
            number, draw = x
            batch = batch_at(task, draw) if batches is None else draw
            carry, step = advance(task, made, carry, number, batch)
            return carry, step.metrics["loss"].astype(jnp.float32)

        return jax.lax.scan(body, begin(task, made, key), (jnp.arange(steps), draws))[1]

    return jax.lax.map(lambda rate: jax.vmap(lane, (None, 0))(rate, keys), rates, batch_size=width)
