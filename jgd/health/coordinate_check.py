"""A coordinate check: whether the sizes and changes of a model's layers depend on its width."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import WHOLE, Kind, checked, function_of, listed
from jgd.core.errors import InputError
from jgd.core.outline import shown
from jgd.core.types import Transform
from jgd.health.taps import Tapped, tap_loss
from jgd.pages.figure import literal, new_figure, style
from jgd.pages.palette import COLORS, INK
from jgd.pages.sheet import Sheet
from jgd.pages.text import count
from jgd.pages.ticks import log_ticks
from jgd.train.loop import Carry, advance, begin, root_key
from jgd.train.stream import Feed, Position
from jgd.train.task import Task, check_task, is_stream, loss_and_metrics, num_examples
from jgd.transforms.as_transform import as_transform

TINY = 1e-30  # the least size that is told from none
STEADY = 0.2  # the largest slope of a layer that does not depend on its width
SHRINKS = -0.3  # the slope of first outputs that are a readout's in muP: -1/2 in theory, its weights' alone -1
RISES = 1.5  # times its first loss that the narrowest model may reach on the way
TASK_OF = function_of("(width) -> jgd.Task", 1)
OPTIMIZER_OF = Kind(
    "be an optimizer, or a function (width) -> optimizer", lambda x: isinstance(x, Transform) or callable(x)
)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class CoordinateCheck:
    """Hold, for each width, step and layer, the size of its outputs and how far they have moved from the start."""

    widths: tuple[int, ...]
    layers: tuple[str, ...]
    sizes: np.ndarray  # f[widths, steps + 1, layers], the mean of |h|, over seeds by the mean of the logs
    changes: np.ndarray  # f[widths, steps, layers], the root mean square of h_t - h_0, likewise
    losses: np.ndarray  # f[widths, steps + 1], of the batch that the layers are looked at with, the mean over seeds

    @property
    def size_slopes(self) -> np.ndarray:
        """The slope of log mean|h| over log width after the last step, f[layers]."""
        return _slopes(self.widths, self.sizes[:, -1])

    @property
    def change_slopes(self) -> np.ndarray:
        """The slope of log RMS(h_t - h_0) over log width after the last step, f[layers]."""
        return _slopes(self.widths, self.changes[:, -1])

    @property
    def holds(self) -> bool:
        """Whether no layer's change grows or shrinks with the width, at a rate that lowers the narrowest one's loss.

        Every slope of a change lies within 0.2 of zero, and that loss does not reach 1.5 times its first value.
        """
        return not self._rises and bool(np.all(np.abs(self.change_slopes) <= STEADY))

    @property
    def _rises(self) -> bool:  # a rate that is too high for wide models alone is what muP is for
        first = self.losses[0, 0]
        return bool(self.losses[0].max() - first > (RISES - 1) * abs(first))

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        steps = self.changes.shape[1]
        rows = [
            (name, f"{size:+.2f}", f"{change:+.2f}", "" if abs(change) <= STEADY else _says(change))
            for name, size, change in zip(self.layers, self.size_slopes, self.change_slopes, strict=True)
        ]
        verdict, remedy = self._verdict()
        head = f"Coordinate check at widths {', '.join(map(str, self.widths))} after {count(steps, 'step')}: {verdict}"
        return Sheet([head], ("slope over log width of", "|h|", "change of h", ""), rows, [remedy] if remedy else [])

    def _verdict(self) -> tuple[str, str]:
        """Say whether layers move alike, and what to do where they do not, or where that cannot be told."""
        if self.holds:
            return "layers move alike, as in muP: one rate serves all widths", ""
        if self._rises:
            return (
                f"nothing can be told, for the rate is too high: at width {self.widths[0]} the loss rose from "
                f"{self.losses[0, 0]:.3g} to {self.losses[0].max():.3g}",
                "Lower the rate, and check again.",
            )
        first = _slopes(self.widths, self.sizes[:, 0])
        last, slopes = int(np.argmin(first)), self.change_slopes
        if first[last] < SHRINKS and first[last] - STEADY <= slopes.min() and slopes.max() <= STEADY:
            return (
                f"nothing can be told, for what is unlearnt first are the first outputs of {self.layers[last]}, which "
                "are smaller the wider the model is",
                f"Set the first weights of {self.layers[last]} to zero, as muP's authors advise, and check again.",
            )
        return (
            "layers do not move alike, as they do in muP: the best rate depends on the width",
            "Wrap the optimizer in jgd.mup and the first parameters in jgd.mup_init.",
        )

    def plot(self) -> Any:
        """Draw a matplotlib figure: on the left sizes and on the right changes after the last step, against width."""
        figure = new_figure(8.4, 3.4, "CoordinateCheck.plot()")
        panels = figure.subplots(1, 2)
        for panel, values, title in zip(
            panels, (self.sizes, self.changes), ("mean |h|", "RMS change of h"), strict=True
        ):
            for i, name in enumerate(self.layers):
                color = COLORS[i % len(COLORS)]
                panel.plot(self.widths, values[:, -1, i], color=color, marker="o", markersize=3, label=literal(name))
            panel.set_xscale("log", base=2)
            panel.set_yscale("log")
            panel.set_title(title, loc="left", fontsize=9, color=INK)
            panel.set_xticks(self.widths, map(str, self.widths))
            panel.set_xticks([], minor=True)
            log_ticks(panel.yaxis)
            panel.set_xlabel("width")
            style(panel)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)
        return figure


@checked(task_of=TASK_OF, optimizer=OPTIMIZER_OF, widths=listed("widths", WHOLE, least=2), steps=WHOLE, seeds=WHOLE)
def coordinate_check(
    task_of: Callable[[int], Task],
    optimizer: Transform | Callable[[int], Transform],
    *,
    widths: Sequence[int] = (64, 128, 256, 512),
    steps: int = 4,
    seeds: int = 5,
) -> CoordinateCheck:
    """Train models of several widths for a few steps, and see whether their layers move alike (Yang et al. 2022).

    In a maximal update parametrization (arXiv:2203.03466, App. D.1; after microsoft/mup's coord check) the outputs of
    all layers change by the same amount at every width, so that the best rate is the same; elsewhere they grow or
    shrink as a power of the width.

    task_of    `task_of(width)`, a task whose model is so wide.
    optimizer  One for all widths, as `jgd.mup(...)` is, or a function of the width.
    seeds      How many models of each width are averaged; with fewer than five the slopes are uncertain by 0.1.

    A rate with which the narrowest model's loss rises tells nothing, and it says so. So do gradients that are steps, as
    those of SGD, as long as they unlearn a readout's first outputs, which fall as the root of the width in muP: where
    its first weights are zero, as muP's authors advise, slopes of 0.6 become 0.1.

    The layers are the products of an input with parameters, found in the program of the loss. Costs widths x seeds x
    (2 steps + 1) passes of a batch, in one program for each width.
    """
    widths = tuple(sorted({int(w) for w in widths}))
    tasks = [task_of(w) for w in widths]
    if not all(isinstance(task, Task) for task in tasks):
        raise InputError(f"coordinate_check(task_of): it returned {shown(tasks[0])}, expected a jgd.Task; return one.")
    shapes = [jax.tree.map(jnp.shape, check_task(task).params) for task in tasks]
    if len(widths) < 2 or shapes[0] == shapes[-1]:
        reason = f"the models of widths {', '.join(map(str, widths))} have parameters of the same shapes"
        raise InputError(f"coordinate_check(task_of): {reason}; make models of at least two widths.")
    made: Any = (lambda width: optimizer) if isinstance(optimizer, Transform) else optimizer
    found = [_measured(task, as_transform(made(w)), steps, seeds) for w, task in zip(widths, tasks, strict=True)]
    layers = found[0][0]
    for width, (names, sizes, changes, _) in zip(widths, found, strict=True):
        if not np.isfinite([sizes[-1], changes[-1]]).all():
            reason = f"at width {width} outputs became infinite or NaN within {count(steps, 'step')}"
            raise InputError(f"coordinate_check(optimizer): {reason}; lower the rate.")
        if (changes[-1] < 2 * TINY).all():
            raise InputError(f"coordinate_check(optimizer): at width {width} no layer has moved; raise the rate.")
        if names != layers:
            raise InputError(
                f"coordinate_check(task_of): at width {width} the model has the layers {', '.join(names)}, and at "
                f"{widths[0]} {', '.join(layers)}; make models that differ in their widths alone."
            )
    return CoordinateCheck(widths, layers, *(np.stack([one[i] for one in found]) for i in (1, 2, 3)))


def _measured(
    task: Task, optimizer: Any, steps: int, seeds: int
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray]:
    """Return the layers' names, geometric means over seeds of their sizes and changes, and the losses' means."""
    batches = _batches(task, steps)
    probe = jax.tree.map(lambda x: jnp.asarray(x[0]), batches)
    key = root_key(0)

    def tapped(carry: Carry) -> Tapped:
        def loss(params: Any, batch: Any) -> jax.Array:
            return loss_and_metrics(task, params, carry.model_state, batch, key)[0]

        return tap_loss(loss, carry.params, probe)

    names: tuple[str, ...] = ()

    def outputs(carry: Carry) -> tuple[jax.Array, list[jax.Array]]:
        nonlocal names
        one = tapped(carry)
        value, values = one.values((carry.params, probe), one.zeros())
        names = tuple(tap.label for tap in one.taps if tap.is_layer)
        if not names:
            raise InputError("coordinate_check(task_of): the loss has no layer, a product of an input with parameters.")
        return value, [x for tap, x in zip(one.taps, values, strict=True) if tap.is_layer]

    def run(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        carry = begin(task, optimizer, key)
        value, first = outputs(carry)

        def body(carry: Carry, x: Any) -> tuple[Carry, tuple[jax.Array, jax.Array, jax.Array]]:
            number, batch = x
            carry = advance(task, optimizer, carry, number, batch)[0]
            value, now = outputs(carry)
            moved = jnp.stack([jnp.sqrt(jnp.mean((a - b) ** 2)) for a, b in zip(now, first, strict=True)])
            return carry, (_sizes(now), moved, value)

        _, (later, moved, values) = jax.lax.scan(body, carry, (jnp.arange(steps), batches))
        return jnp.concatenate([_sizes(first)[None], later]), moved, jnp.append(value, values)

    keys = jnp.stack([root_key(seed) for seed in range(seeds)])
    sizes, moved, losses = (np.asarray(x, float) for x in jax.jit(jax.vmap(run))(keys))
    return names, np.exp(_logs(sizes).mean(axis=0)), np.exp(_logs(moved).mean(axis=0)), losses.mean(axis=0)


def _batches(task: Task, steps: int) -> Any:
    """Return the first batches of the data, stacked; the full batch at each step where the task has no smaller one."""
    if is_stream(task):
        return Feed(task.data, Position(0, 0)).take(steps)
    n = num_examples(task)
    rows = np.arange(steps * (task.batch_size or n)).reshape(steps, -1) % n
    return jax.tree.map(lambda x: x[rows], task.data)


def _sizes(outputs: Sequence[jax.Array]) -> jax.Array:
    return jnp.stack([jnp.mean(jnp.abs(x)) for x in outputs])


def _logs(x: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(x, TINY))


def _slopes(widths: Sequence[int], values: np.ndarray) -> np.ndarray:
    """Return the slopes of least squares, f[layers]."""
    return np.polyfit(np.log(widths), _logs(values), 1)[0]


def _says(slope: float) -> str:
    return "moves more the wider it is" if slope > 0 else "moves less the wider it is"
