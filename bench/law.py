"""A law fitted to sweeps at small widths, against a sweep at a width that it has not seen.

`rate_percent` is how far the law's rate lies from the best rate there, `loss_percent` how far its loss from the least,
and `regret_percent` how much larger the loss at the law's rate is than the least.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone
from jgd.law import fit
from jgd.sweep import Result, grid, run


def perceptron(width: int) -> jgd.Task:
    """Two hidden layers on digits; its loss is that of training, which falls towards zero."""
    return jgd.tasks.digits(hidden=(width, width))


def transformer(width: int) -> jgd.Task:
    """One block on English characters; its loss is in bits a character of held-out text, which has a floor."""
    return jgd.tasks.text(context=32, width=width, batch_size=8)


class Family(NamedTuple):
    """Models of several widths, the metric, the rates to sweep, the widths that are fitted, and the one held out."""

    task_of: Callable[[int], jgd.Task]
    metric: str
    optimizer: Callable[[Any], Any]
    rates: tuple[float, float]
    widths: tuple[int, ...]
    held_out: int


FAMILIES = {
    "perceptron, sgd": Family(perceptron, "loss", jgd.sgd, (0.03, 3.0), (16, 32, 64, 128), 256),
    "perceptron, adam": Family(perceptron, "loss", jgd.adam, (1e-3, 1e-1), (16, 32, 64, 128), 256),
    "transformer, adam": Family(
        transformer, "bits_per_character", jgd.adam, (2e-3, 2e-1), (16, 24, 32, 48, 64), 96
    ),
}  # fmt: skip


def study(family: Family, width: int, count: int, steps: int, seeds: int) -> Result:
    """A sweep of rates at one width."""
    rates = np.geomspace(*family.rates, count)
    return run(
        family.task_of(width), family.optimizer(grid(rates.tolist())), sampler="grid", num_trials=count, steps=steps,
        eval_every=max(1, steps // 10), seeds=seeds, metric=family.metric, progress=False,
    )  # fmt: skip


def law(quick: bool = False, family: str = "", steps: int = 100, seeds: int = 6, count: int = 15) -> Yields:
    """Perceptrons of widths 16 to 128 and transformers of 16 to 64, and the law's word at 256 and 96."""
    steps, seeds, count = (20, 2, 7) if quick else (steps, seeds, count)
    for name, one in FAMILIES.items():
        if family not in ("", name) or (quick and one.task_of is transformer):
            continue
        widths, held_out = ((8, 12, 16), 24) if quick else (one.widths, one.held_out)
        studies = [({"width": w}, study(one, w, count, steps, seeds)) for w in (*widths, held_out)]
        found, whole = fit(studies[:-1]), fit(studies)
        best, least = whole.best[0, -1, 0], whole.losses[0, -1]
        rate, loss = found.numbers(width=held_out)["learning_rate"], found.predict(width=held_out)
        losses = np.log(np.nan_to_num(studies[-1][1].values.mean(axis=1), nan=1e30))
        at_law = float(np.interp(np.log(rate), np.log(np.geomspace(*one.rates, count)), losses))
        row = {
            "rate_percent": float(100 * (rate / np.exp(best) - 1)),
            "loss_percent": float(100 * (loss / np.exp(least) - 1)),
            "regret_percent": float(100 * (np.exp(at_law - least) - 1)),
        }
        yield {"family": name, "width": held_out, "rate": float(rate), "low": rate.low, "high": rate.high} | row | {
            "loss": float(loss), "loss_low": loss.low, "loss_high": loss.high, "measured": float(np.exp(least)),
        }  # fmt: skip
        for what, limit in (("rate", 20.0), ("loss", 1.0)):
            text = f"percent by which the law's {what} misses the best one of a {name}, at width {held_out}"
            yield Claim(text, abs(row[f"{what}_percent"]), limit, at_least=False, unit=" %")
        jax.clear_caches()


if __name__ == "__main__":
    alone(law)
