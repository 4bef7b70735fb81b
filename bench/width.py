"""The best rate against the width of a network, with the multipliers of `jgd.mup` and without.

For each width a sweep of rates a factor of two apart, the same for both sides. `shift` is how many factors of two the
best rate of the widest network lies from that of the narrowest; `regret_percent` how much larger the widest's loss is
at the narrowest's best rate than at its own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

import jgd
from bench.rows import Claim, Row, Yields, alone
from jgd.sweep import grid, run

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {"adam": jgd.adam, "muon": jgd.muon}


def perceptron(width: int) -> jgd.Task:
    """Make three layers on digits."""
    return jgd.tasks.digits(hidden=(width, width))


def transformer(width: int) -> jgd.Task:
    """Return one block on English characters."""
    return jgd.tasks.text(context=32, width=width, batch_size=4)


MODELS = {"perceptron": (perceptron, "validation_loss"), "transformer": (transformer, "bits_per_character")}


def width(
    quick: bool = False, model: str = "", optimizer: str = "adam", steps: int = 60, seeds: int = 2, widest: int = 512
) -> Yields:
    """Sweep a perceptron and a transformer from width 64 to 512."""
    widths = [w for w in (64, 128, 256, 512) if w <= (128 if quick else widest)]
    rates = 2.0 ** np.arange(-12, -3)
    for name, (task_of, metric) in MODELS.items():
        if model not in ("", name):
            continue
        for side in ("mup", "as it is"):
            rows = [
                _swept(task_of, metric, w, widths[0], side, optimizer, rates, 10 if quick else steps, seeds)
                for w in widths
            ]
            for row in rows:
                yield {"model": name, "side": side, **{k: v for k, v in row.items() if k != "losses"}}
            first, last = rows[0], rows[-1]
            shift = abs(np.log2(last["best_rate"] / first["best_rate"]))
            there = last["losses"][list(rates).index(first["best_rate"])]
            yield {"model": name, "side": side, "width": widths[-1], "shift": float(shift)} | {
                "regret_percent": float(100 * (there / last["loss"] - 1))
            }
            if side == "mup":
                text = f"factors of two by which a {name}'s best rate moves from width {widths[0]} to {widths[-1]}"
                yield Claim(text, float(shift), 1.0, at_least=False, unit="")


def _swept(
    task_of: Callable[[int], jgd.Task], metric: str, width: int, base: int, side: str, optimizer: str,
    rates: np.ndarray, steps: int, seeds: int,
) -> Row:  # fmt: skip
    """Return the best rate and its loss, the mean over seeds, in the order of the rates."""
    task, made = task_of(width), OPTIMIZERS[optimizer](grid(rates.tolist()))
    if side == "mup":
        shapes = jax.eval_shape(task_of(base).init, jax.random.key(0))
        init = task.init
        task = replace(task, init=lambda key: jgd.mup_init(init(key), shapes))
        made = jgd.mup(made, shapes)
    result = run(
        task, made, sampler="grid", num_trials=len(rates), steps=steps, eval_every=steps, metric=metric,
        seeds=seeds, progress=False,
    )  # fmt: skip
    losses = np.asarray(result.values).reshape(len(rates), -1).mean(axis=1)
    best = int(np.nanargmin(losses))
    return {"width": width, "best_rate": float(rates[best]), "loss": float(losses[best]), "losses": losses.tolist()}


if __name__ == "__main__":
    alone(width)
