"""The sweep of PPO by hand: Sobol points on their scales, two vmaps, and a table by the median over seeds."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from examples.ppo_sweep import train

SPACE = {"learning_rate": (1e-4, 3e-2, True), "clip": (0.05, 0.4, False), "entropy": (1e-4, 0.1, True)}


def points(count: int) -> dict[str, jax.Array]:
    """Draw settings by name, f[count]."""
    unit = qmc.Sobol(len(SPACE), rng=0).random(count)
    found = {}
    for u, (name, (low, high, is_log)) in zip(unit.T, SPACE.items(), strict=True):
        found[name] = jnp.asarray(low * (high / low) ** u if is_log else low + (high - low) * u, jnp.float32)
    return found


def sweep(settings: Any = None, keys: Any = None) -> np.ndarray:
    """Give the returns of eight trials under two seeds, f[trials, seeds]."""
    settings = points(8) if settings is None else settings
    keys = jax.vmap(jax.random.key)(jnp.arange(2)) if keys is None else keys
    lanes = jax.jit(jax.vmap(jax.vmap(lambda hp, key: train(hp, key)["return"], (None, 0)), (0, None)))
    values = np.asarray(lanes(settings, keys))
    middle = np.median(np.where(np.isfinite(values), values, -np.inf), axis=1)
    for i in np.argsort(-middle):
        shown = ", ".join(f"{name}={float(x[i]):.4g}" for name, x in settings.items())
        print(f"return {middle[i]:.1f} ({values[i].min():.1f} .. {values[i].max():.1f}): {shown}")
    return values
