"""Samplers at equal budgets: the median over sampler seeds of the best value found.

Closed forms are swept as functions that own their loop: Branin (2 axes), Hartmann-6, a 5-axis sphere, Rosenbrock (4)
and a "rate" whose best lies next to a cliff where everything fails. Digits is the built-in task with a choice of
optimizers that bring their own axes, judged by its validation loss.

Optuna's TPE runs too where it is installed. Lower is better; all functions but digits have their minimum at zero.
"""

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Yields, alone
from jgd.sweep import choice, from_optuna, loguniform, run, uniform

HEIGHTS = np.array([1, 1.2, 3, 3.2])
SHARPNESS = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
CENTRES = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(hp: Any, key: jax.Array) -> jax.Array:
    """Three equal minima in a curved valley."""
    x, y = -5 + 15 * hp[0], 15 * hp[1]
    bend = y - 5.1 / (4 * jnp.pi**2) * x**2 + 5 / jnp.pi * x - 6
    return bend**2 + 10 * (1 - 1 / (8 * jnp.pi)) * jnp.cos(x) + 10 - 0.397887


def hartmann(hp: Any, key: jax.Array) -> jax.Array:
    """Four narrow wells in six dimensions."""
    distances = jnp.sum(SHARPNESS * (jnp.stack(hp)[None] - CENTRES) ** 2, axis=1)
    return 3.32237 - jnp.sum(HEIGHTS * jnp.exp(-distances))


def sphere(hp: Any, key: jax.Array) -> jax.Array:
    """A bowl off the centre."""
    return jnp.sum((jnp.stack(hp) - jnp.array([0.3, 0.8, 0.1, 0.55, 0.62])) ** 2)


def rosenbrock(hp: Any, key: jax.Array) -> jax.Array:
    """A long bent valley."""
    x = 4 * jnp.stack(hp) - 2
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rate(hp: Any, key: jax.Array) -> jax.Array:
    """Better and better up to the cliff, which momentum moves; a third number matters little."""
    effective = hp[0] + 0.35 * hp[1]
    smooth = 4 * (effective - 0.85) ** 2 + 0.02 * (hp[1] - 0.6) ** 2 + 0.05 * (hp[2] - 0.3) ** 2
    return jnp.where(effective > 1, jnp.inf, smooth)


FUNCTIONS = {"branin": (branin, 2), "hartmann": (hartmann, 6), "sphere": (sphere, 5), "rosenbrock": (rosenbrock, 4)}
FUNCTIONS |= {"rate": (rate, 3)}


def closed_form(name: str) -> Callable[..., float]:
    """The best value of a sweep of a function."""
    fn, axes = FUNCTIONS[name]
    # In a dict, because a list would be a list of spaces.
    space = {"x": tuple(uniform(0, 1) for _ in range(axes))}
    return lambda **options: run(lambda hp, key: fn(hp["x"], key), space, progress=False, **options).best_value


def digits(steps: int) -> Callable[..., float]:
    """The best validation loss of a sweep over optimizers and their numbers."""
    task = jgd.tasks.load("digits")
    adam = jgd.adamw(loguniform(1e-5, 1), uniform(0, 0.99), weight_decay=loguniform(1e-5, 1))
    space = choice({"adamw": adam, "sgd": jgd.heavy_ball(loguniform(1e-4, 10), uniform(0, 0.99))})
    options = {"steps": steps, "eval_every": steps, "metric": "validation_loss", "progress": False}
    return lambda **more: run(task, space, **options, **more).best_value


def of_seed(seed: int) -> dict[str, Any]:
    """What is compared, by name."""
    named: dict[str, Any] = {"random": "random", "sobol": "sobol", "tpe": "tpe"}
    if find_spec("optuna"):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        named["optuna_tpe"] = from_optuna(optuna.samplers.TPESampler(seed=seed))
    return named


def samplers(quick: bool = False, trials: int = 64, repeats: int = 3, steps: int = 60) -> Yields:
    """The best of 64 trials on six problems, the median over sampler seeds."""
    if quick:
        trials, repeats, steps = 16, 2, 10
    for problem in (*FUNCTIONS, "digits"):
        clock, call = time.perf_counter(), digits(steps) if problem == "digits" else closed_form(problem)
        found: dict[str, list[float]] = {}
        for seed in range(repeats):
            for label, sampler in of_seed(seed).items():
                found.setdefault(label, []).append(call(sampler=sampler, seed=seed, num_trials=trials))
        medians = {label: statistics.median(values) for label, values in found.items()}
        yield {"problem": problem, **medians, "all_seconds": time.perf_counter() - clock}


if __name__ == "__main__":
    alone(samplers)
