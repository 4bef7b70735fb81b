"""Samplers at equal budgets: the median over sampler seeds of the best value found.

Closed forms are swept as functions that own their loop: Branin (2 axes), Hartmann-6, a 5-axis sphere, Rosenbrock (4)
and a "rate" whose best lies next to a cliff where everything fails. Digits is the built-in task with a choice of
optimizers that bring their own axes, judged by its validation loss.

Optuna's TPE runs too where it is installed. Lower is better; all functions but digits have their minimum at zero.

`tpe` asks both TPEs directly, without a sweep: the time of a proposal, and the regret over many sampler seeds.
"""

import functools
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Yields, alone
from jgd.sweep import choice, from_optuna, loguniform, run, uniform
from jgd.sweep.samplers.by_name import make_sampler
from jgd.sweep.spaces.space import axes

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
    """Return a bowl off the centre."""
    return jnp.sum((jnp.stack(hp) - jnp.array([0.3, 0.8, 0.1, 0.55, 0.62])) ** 2)


def rosenbrock(hp: Any, key: jax.Array) -> jax.Array:
    """Return a long bent valley."""
    x = 4 * jnp.stack(hp) - 2
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rate(hp: Any, key: jax.Array) -> jax.Array:
    """Better and better up to the cliff, which momentum moves; a third number matters little."""
    effective = hp[0] + 0.35 * hp[1]
    smooth = 4 * (effective - 0.85) ** 2 + 0.02 * (hp[1] - 0.6) ** 2 + 0.05 * (hp[2] - 0.3) ** 2
    return jnp.where(effective > 1, jnp.inf, smooth)


def ackley(hp: Any, key: jax.Array) -> jax.Array:
    """Return a funnel off the centre, with ripples."""
    x = 6 * (jnp.stack(hp) - 0.4)
    ripples = jnp.exp(jnp.mean(jnp.cos(2 * jnp.pi * x)))
    return 20 - 20 * jnp.exp(-0.2 * jnp.sqrt(jnp.mean(x**2))) + jnp.e - ripples


def rastrigin(hp: Any, key: jax.Array) -> jax.Array:
    """Return a bowl off the centre, with ripples as high."""
    x = 3 * (jnp.stack(hp) - 0.6)
    return jnp.sum(x**2 + 3 * (1 - jnp.cos(2 * jnp.pi * x)))


def styblinski(hp: Any, key: jax.Array) -> jax.Array:
    """Two wells on each axis, of which one is deeper."""
    x = 10 * jnp.stack(hp) - 5
    return jnp.sum(x**4 - 16 * x**2 + 5 * x) / 2 + 39.16617 * len(hp)


def levy(hp: Any, key: jax.Array) -> jax.Array:
    """Waves in a bowl."""
    w = 1 + (20 * jnp.stack(hp) - 11) / 4
    middle = (w[:-1] - 1) ** 2 * (1 + 10 * jnp.sin(jnp.pi * w[:-1] + 1) ** 2)
    last = (w[-1] - 1) ** 2 * (1 + jnp.sin(2 * jnp.pi * w[-1]) ** 2)
    return jnp.sin(jnp.pi * w[0]) ** 2 + jnp.sum(middle) + last


def stretched(hp: Any, key: jax.Array) -> jax.Array:
    """Return a bowl whose axes count 1 to 1,000."""
    x = jnp.stack(hp) - jnp.array([0.3, 0.8, 0.1, 0.55])
    return jnp.sum(jnp.array([1, 10, 100, 1000]) * x**2)


FUNCTIONS = {"branin": (branin, 2), "hartmann": (hartmann, 6), "sphere": (sphere, 5), "rosenbrock": (rosenbrock, 4)}
FUNCTIONS |= {"rate": (rate, 3)}
OTHERS = {"ackley": (ackley, 4), "rastrigin": (rastrigin, 3), "styblinski": (styblinski, 3), "levy": (levy, 4)}
OTHERS |= {"stretched": (stretched, 4)}


def closed_form(name: str) -> Callable[..., float]:
    """Return the best value of a sweep of a function."""
    fn, axes = FUNCTIONS[name]
    # In a dict, because a list would be a list of spaces.
    space = {"x": tuple(uniform(0, 1) for _ in range(axes))}
    return lambda **options: run(lambda hp, key: fn(hp["x"], key), space, progress=False, **options).best_value


def digits(steps: int) -> Callable[..., float]:
    """Return the best validation loss of a sweep over optimizers and their numbers."""
    task = jgd.tasks.load("digits")
    adam = jgd.adamw(loguniform(1e-5, 1), uniform(0, 0.99), weight_decay=loguniform(1e-5, 1))
    space = choice({"adamw": adam, "sgd": jgd.heavy_ball(loguniform(1e-4, 10), uniform(0, 0.99))})
    options = {"steps": steps, "eval_every": steps, "metric": "validation_loss", "progress": False}
    return lambda **more: run(task, space, **options, **more).best_value


def of_seed(seed: int) -> dict[str, Any]:
    """Make what is compared under a seed, by name."""
    named: dict[str, Any] = {"random": "random", "sobol": "sobol", "tpe": "tpe"}
    if find_spec("optuna"):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        named["optuna_tpe"] = from_optuna(optuna.samplers.TPESampler(seed=seed))
    return named


def samplers(quick: bool = False, trials: int = 64, repeats: int = 3, steps: int = 60) -> Yields:
    """Compare the best of 64 trials on six problems, the median over sampler seeds."""
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


def tpe(quick: bool = False, asked: int = 2000, trials: int = 64, repeats: int = 30) -> Yields:
    """Milliseconds of a proposal over 2,000 trials; the best of 64 on ten functions, one by one and eight at once."""
    if quick:
        asked, trials, repeats = 100, 16, 2
    spent: dict[str, float] = {}
    for label, sampler in tpes(0).items():
        spent[label] = asked_best(sampler, *FUNCTIONS["sphere"], 0, asked, 1)[1] / asked
    yield {"problem": "sphere, one by one", **{f"{label}_seconds": seconds for label, seconds in spent.items()}}
    yield Claim(f"ms of a trial over {asked:,} trials", 1000 * spent["tpe"], 1.2, at_least=False, unit=" ms")
    if "optuna_tpe" in spent:
        text = f"time of a trial over {asked:,} trials, of Optuna's"
        yield Claim(text, spent["tpe"] / spent["optuna_tpe"], 1.0, at_least=False)
    for batch, how in ((1, "one by one"), (8, "eight at once")):
        ratios = []
        for problem, (fn, size) in (FUNCTIONS | OTHERS).items():
            medians = regrets(fn, size, trials, repeats, batch)
            yield {"problem": f"{problem}, {how}", **medians}
            if "optuna_tpe" in medians:
                ratios.append(medians["tpe"] / medians["optuna_tpe"])
        if ratios:
            text = f"regret of that of Optuna's TPE, {how}, the geometric mean over functions"
            yield Claim(text, statistics.geometric_mean(ratios), 1.0, at_least=False)


def regrets(fn: Callable[..., Any], size: int, trials: int, repeats: int, batch: int) -> dict[str, float]:
    """Return the median over sampler seeds of the best value, of each TPE."""
    found: dict[str, list[float]] = {}
    for seed in range(repeats):
        for label, sampler in tpes(seed).items():
            found.setdefault(label, []).append(asked_best(sampler, fn, size, seed, trials, batch)[0])
    return {label: statistics.median(values) for label, values in found.items()}


def tpes(seed: int) -> dict[str, Any]:
    """Return the two TPEs, or the one that there is, by name."""
    return {label: sampler for label, sampler in of_seed(seed).items() if label.endswith("tpe")}


def asked_best(
    sampler: Any, fn: Callable[..., Any], size: int, seed: int, trials: int, batch: int
) -> tuple[float, float]:
    """Return the best value that a sampler finds, asked for so many points at a time, and its own seconds."""
    space = axes({"x": tuple(uniform(0, 1) for _ in range(size))}, None)
    made, value, best, seconds = make_sampler(sampler, space, seed), jitted(fn), float("inf"), 0.0
    for start in range(0, trials, batch):
        clock = time.perf_counter()
        points = made.ask(min(batch, trials - start))
        seconds += time.perf_counter() - clock
        values = np.asarray(value(tuple(points.T)), float)
        clock = time.perf_counter()
        made.tell(range(start, start + len(points)), values.tolist())
        seconds += time.perf_counter() - clock
        best = min(best, float(values.min()))
    return best, seconds


@functools.cache
def jitted(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of many points, of which each is a column."""
    return jax.jit(jax.vmap(functools.partial(fn, key=jax.random.key(0))))


if __name__ == "__main__":
    alone(samplers, tpe)
