"""Population-based training against random search at equal budgets, where the best learning rate falls on the way.

Stochastic gradient descent on a quadratic of condition 100, whose gradients are noisy: large rates are fast and end
far away, small ones are slow. Each search has the same trials and steps; what it chose is then trained under new seeds,
so that nobody is judged by the draws that it was chosen by. Rows have medians over searches of the excess loss.

  random       constant rates
  cosine       peaks of half a cosine, which knows beforehand how the rate should fall
  population   constant rates to begin with, judged every twentieth of the steps
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone
from jgd.sweep import Result, loguniform, run
from jgd.sweep import population as evolving

CURVATURES = np.geomspace(1, 100, 20).astype(np.float32)
FRESH = range(100, 108)  # seeds that no search has seen


def population(quick: bool = False, trials: int = 16, steps: int = 1000, repeats: int = 7) -> Yields:
    """16 trials of 1,000 steps: the excess loss of what is found, under new seeds."""
    if quick:
        trials, steps, repeats = 8, 200, 3
    rate = loguniform(1e-5, 1e-1)
    spaces = {"random": jgd.sgd(rate), "cosine": jgd.sgd(jgd.cosine_decay_schedule(rate, steps))}
    options = {"steps": steps, "metric": "excess", "progress": False}
    sides: dict[str, Any] = {name: partial(run, bowl(), space, **options) for name, space in spaces.items()}
    sides["population"] = partial(sides["random"], evolve=evolving(every=max(1, steps // 20)))
    found: dict[str, list[float]] = {name: [] for name in sides}
    for seed in range(repeats):
        for name, side in sides.items():
            result: Result = side(num_trials=trials, seed=seed)
            chosen = result.best_schedule() if result.lineage else result.best_optimizer()
            again = run(bowl(), chosen, num_trials=1, seeds=list(FRESH), **options)
            found[name].append(again.summary(again.trials[0]).median)
    for name, values in found.items():
        low, high = np.quantile(values, (0.25, 0.75))
        yield {"search": name, "excess": float(np.median(values)), "low": float(low), "high": float(high)}
    ratio, low, high = ratio_of_medians(np.array(found["random"]), np.array(found["population"]))
    why = f"95% from {low:.2f}x to {high:.2f}x over {repeats} searches"
    yield Claim("less excess loss than random search", ratio, 1.5, why=why)


def bowl() -> jgd.Task:
    """Return a quadratic with noise in its gradients that does not fade."""

    def init(key: jax.Array) -> jax.Array:
        return jnp.ones(len(CURVATURES))

    def loss(x: jax.Array, batch: dict[str, jax.Array], key: jax.Array) -> jax.Array:
        noise = jax.random.normal(key, x.shape) * jnp.sqrt(batch["curvatures"][0])
        return 0.5 * jnp.sum(batch["curvatures"][0] * x**2) + jnp.dot(x, noise)

    def evaluate(x: jax.Array) -> dict[str, Any]:
        return {"excess": 0.5 * jnp.sum(CURVATURES * x**2)}

    return jgd.Task(init, loss, {"curvatures": CURVATURES[None]}, evaluate=evaluate)


def ratio_of_medians(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    """Return the median ratio over pairs, and its 95% bootstrap interval."""
    ratios = ours / theirs
    draws = np.random.default_rng(0).integers(0, len(ratios), (2000, len(ratios)))
    low, high = np.quantile(np.median(ratios[draws], axis=1), (0.025, 0.975))
    return float(np.median(ratios)), float(low), float(high)


if __name__ == "__main__":
    alone(population)
