"""A law fitted to sweeps at small widths, against a sweep at a width that it has not seen.

`rate_percent` is how far the law's rate lies from the best rate there, `loss_percent` how far its loss from the least,
whose own standard error over seeds is `least_error`, and `regret_percent` how much larger the loss at the law's rate is
than the least.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone
from jgd.law import fit
from jgd.sweep import Result, grid, run

INPUTS, TEACHER, EXAMPLES, HELD_OUT = 8, 256, 16384, 4096


def student(width: int) -> jgd.Task:
    """One layer of ReLUs that learns from a teacher of 256 tanh, whose noise of 0.09 no student can learn."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(EXAMPLES + HELD_OUT, INPUTS)).astype(np.float32)
    inner, outer = (1.5 * draw.normal(size=shape) / shape[0] ** 0.5 for shape in ((INPUTS, TEACHER), (TEACHER, 1)))
    y = np.tanh(x @ inner + draw.normal(size=TEACHER)) @ outer
    y = (y + 0.3 * draw.normal(size=y.shape)).astype(np.float32)

    def init(key: jax.Array) -> Any:
        a, b, c = jax.random.split(key, 3)
        return {
            "inner": jax.random.normal(a, (INPUTS, width)) * (2 / INPUTS) ** 0.5,
            "bias": 0.5 * jax.random.normal(b, (width,)),
            "outer": jax.random.normal(c, (width, 1)) * width**-0.5,
        }

    def loss(params: Any, batch: Any) -> jax.Array:
        hidden = jax.nn.relu(batch[0] @ params["inner"] + params["bias"])
        return jnp.mean((hidden @ params["outer"] - batch[1]) ** 2)

    held_out = jnp.asarray(x[EXAMPLES:]), jnp.asarray(y[EXAMPLES:])
    data = x[:EXAMPLES], y[:EXAMPLES]
    return jgd.Task(init, loss, data, 64, evaluate=lambda params: {"held_out": loss(params, held_out)}, name="student")


def transformer(width: int) -> jgd.Task:
    """One block on English characters; its loss is in bits a character of held-out text, which has a floor."""
    return jgd.tasks.text(context=16, width=width, batch_size=8)


def clipped_momentum(rate: Any) -> Any:
    """Make SGD with momentum and a clip, without which its best rate is the last one before it diverges."""
    return jgd.chain(jgd.clip_by_global_norm(0.5), jgd.sgd(rate, momentum=0.9))


class Family(NamedTuple):
    """Models of several widths, the metric, the rates to sweep, the widths that are fitted, and the one held out."""

    task_of: Callable[[int], jgd.Task]
    metric: str
    optimizer: Callable[[Any], Any]
    rates: tuple[float, float]
    widths: tuple[int, ...]
    held_out: int
    steps: int
    seeds: int


WIDTHS = (8, 12, 16, 24, 32, 48, 64)
FAMILIES = {
    "student, momentum": Family(student, "held_out", clipped_momentum, (3e-3, 1.0), WIDTHS, 128, 600, 6),
    "student, adam": Family(student, "held_out", jgd.adam, (3e-3, 0.3), WIDTHS, 128, 600, 6),
    "transformer, adam": Family(transformer, "bits_per_character", jgd.adam, (5e-3, 0.1), (8, 12, 16, 24), 32, 100, 3),
}


def study(family: Family, width: int, count: int, steps: int, seeds: int) -> Result:
    """A sweep at one width of first rates that fall to zero, so that the last loss is not that of a noisy iterate."""
    rates = jgd.linear_schedule(grid(np.geomspace(*family.rates, count).tolist()), 0.0, steps)
    return run(
        family.task_of(width), family.optimizer(rates), sampler="grid", num_trials=count, steps=steps,
        eval_every=steps, seeds=seeds, metric=family.metric, progress=False,
    )  # fmt: skip


def law(quick: bool = False, family: str = "", count: int = 13) -> Yields:
    """Students of widths 8 to 64 and small transformers of 8 to 24, and the law's word at 128 and 32."""
    for name, one in FAMILIES.items():
        if family not in ("", name) or (quick and one.task_of is transformer):
            continue
        one = one._replace(widths=(4, 6, 8), held_out=12, steps=30, seeds=2) if quick else one
        rates = 7 if quick else count
        studies = [({"width": w}, study(one, w, rates, one.steps, one.seeds)) for w in (*one.widths, one.held_out)]
        yield from _judged(name, one, studies)
        jax.clear_caches()


def _judged(name: str, family: Family, studies: list[Any]) -> Yields:
    """A law of all studies but the last, against that one, whose own best is found as in the others."""
    found, whole = fit(studies[:-1]), fit(studies)
    width, last = family.held_out, studies[-1][1]
    best, least = np.exp(whole.best[:, -1, 0]), np.exp(whole.losses[:, -1])
    (rate,), loss = found.numbers(width=width).values(), found.predict(width=width)
    chosen = last.values[int(np.nanargmin(last.values.mean(axis=1)))]
    error = float(np.std(chosen, ddof=1) / len(chosen) ** 0.5)
    means = np.nan_to_num(last.values.mean(axis=1), nan=1e30)
    at_law = float(np.exp(np.interp(np.log(rate), np.log(np.geomspace(*family.rates, len(means))), np.log(means))))
    misses = {"rate": abs(100 * (rate / best[0] - 1)), "loss": abs(100 * (loss / least[0] - 1))}
    yield {
        "family": name, "width": width, "rate": float(rate), "rate_low": rate.low, "rate_high": rate.high,
        "best_rate": float(best[0]), "rate_percent": float(misses["rate"]), "loss": float(loss), "loss_low": loss.low,
        "loss_high": loss.high, "least": float(least[0]), "least_error": error,
        "loss_percent": float(misses["loss"]), "regret_percent": float(100 * (at_law / least[0] - 1)),
    }  # fmt: skip
    for what, limit in (("rate", 20.0), ("loss", 1.0)):
        text = f"percent by which the law's {what} misses the best one of a {name}, at width {width}"
        yield Claim(text, float(misses[what]), limit, at_least=False, unit=" %")
    inside = int(rate.low <= best[0] <= rate.high) + int(loss.low <= least[0] <= loss.high)
    yield Claim(f"of the law's two intervals that hold what was measured of a {name}", float(inside), 2.0)


if __name__ == "__main__":
    alone(law)
