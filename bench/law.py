"""A law fitted to sweeps at small widths, against a sweep at a width that it has not seen.

`rate_percent` is how far the law's rate lies from the best rate there, `loss_percent` how far its loss from the least,
and `regret_percent` how much larger the loss at the law's rate is than the least.
"""

import jax
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone
from jgd.law import fit
from jgd.law.optimum import optimum, swept_trials
from jgd.sweep import Result, grid, run


def study(width: int, optimizer: str, rates: np.ndarray, steps: int, seeds: int) -> Result:
    """A sweep of rates on digits with two hidden layers of this width; the loss is the mean of the last tenth."""
    task = jgd.tasks.digits(hidden=(width, width))
    made = {"sgd": jgd.sgd, "adam": jgd.adam}[optimizer](grid(rates.tolist()))
    return run(
        task, made, sampler="grid", num_trials=len(rates), steps=steps, eval_every=max(1, steps // 10), seeds=seeds,
        progress=False,
    )  # fmt: skip


def law(quick: bool = False, optimizer: str = "", steps: int = 100, seeds: int = 6, held_out: int = 256) -> Yields:
    """Perceptrons on digits at widths 16 to 128, and the law's word at 256."""
    widths, count = ((8, 12, 16, 24), 7) if quick else ((16, 32, 64, 128), 15)
    held_out, steps, seeds = (32, 20, 2) if quick else (held_out, steps, seeds)
    for name, (low, high) in {"sgd": (0.03, 3.0), "adam": (1e-3, 1e-1)}.items():
        if optimizer not in ("", name):
            continue
        rates = np.geomspace(low, high, count)
        found = fit([({"width": w}, study(w, name, rates, steps, seeds)) for w in widths])
        there = swept_trials(study(held_out, name, rates, steps, seeds), "bench.law")
        best, least = optimum(there, np.arange(seeds))
        rate, loss = found.numbers(width=held_out)["learning_rate"], found.predict(width=held_out)
        losses = np.nan_to_num(there.losses.mean(axis=1), nan=np.inf)
        at_law = float(np.exp(np.interp(np.log(rate), there.logs[:, 0], np.log(losses))))
        row = {
            "rate_percent": float(100 * (rate / np.exp(best[0]) - 1)),
            "loss_percent": float(100 * (loss / np.exp(least) - 1)),
            "regret_percent": float(100 * (at_law / np.exp(least) - 1)),
        }
        yield {"optimizer": name, "width": held_out, "rate": float(rate), "low": rate.low, "high": rate.high} | row | {
            "loss": float(loss), "loss_low": loss.low, "loss_high": loss.high, "measured": float(np.exp(least)),
        }  # fmt: skip
        for what, limit in (("rate", 20.0), ("loss", 1.0)):
            text = f"percent by which the law's {what} misses the best one of {name} at width {held_out}"
            yield Claim(text, abs(row[f"{what}_percent"]), limit, at_least=False, unit=" %")
        jax.clear_caches()


if __name__ == "__main__":
    alone(law)
