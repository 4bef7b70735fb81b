"""Pictures of the paths of optimizers over two landscapes: Rosenbrock's valley and an ill-conditioned bowl."""

import inspect
import os
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.commands.guide.drawing import Panel, picture
from jgd.core.values import stack
from jgd.core.without_matrices import NoMatrixWarning
from jgd.optimizers.catalogue import OptimizerEntry
from jgd.transforms import apply_updates, eval_params

STEPS, RATES = 120, 24
STARTS = np.array([[-1.2, 1.0], [-1.5, 1.0]])
STEEPNESS = 30.0  # of the bowl, across over along


def path_pictures(entries: Iterable[OptimizerEntry]) -> dict[str, str]:
    """Draw the optimizers that reach something finite on both landscapes, {name: SVG}; each is one small program."""
    entries = list(entries)
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("ignore", NoMatrixWarning)  # a point of the plane is a matrix 1 x 2
        found = list(pool.map(_best_paths, entries))
    return {
        entry.name: _drawn(entry.name, *best) for entry, best in zip(entries, found, strict=True) if best is not None
    }


def _best_paths(entry: OptimizerEntry) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return f[2, STEPS + 1, 2], f[2], f[2]: the path to the lowest value on each landscape, that value, and its rate.

    The lanes of the program are the rates, from a tenth of the least that is searched to ten times the largest.
    """
    searched = entry.rates is not None and "learning_rate" in inspect.signature(entry.make).parameters
    rates = np.geomspace(entry.rates[0] / 10, entry.rates[1] * 10, RATES) if searched and entry.rates else [np.nan]
    lanes = stack([entry.make(float(rate)) for rate in rates] if searched else [entry.default()])
    over_both = jax.vmap(jax.vmap(_path, (0, None)), (None, 0))
    program = jax.jit(over_both).lower(lanes, jnp.arange(2)).compile({"xla_backend_optimization_level": "0"})
    points, values = (np.asarray(x) for x in program(lanes, jnp.arange(2)))
    ends = np.where(np.isfinite(values[..., -1]), values[..., -1], np.inf)
    best = np.argmin(ends, axis=1)
    if not np.all(np.isfinite(np.min(ends, axis=1))):
        return None
    both = np.arange(2)
    paths = np.concatenate([STARTS[:, None], points[both, best]], axis=1)
    return paths, ends[both, best], np.asarray(rates)[best]


def _path(optimizer: Any, landscape: Any) -> tuple[jax.Array, jax.Array]:
    """Return f[STEPS, 2] points and f[STEPS] values: what the optimizer would be judged by after each step."""

    def outputs_fn(params: Any) -> jax.Array:
        x, y = params["w"][0]
        along, across = jnp.stack([1 - x, 10 * (y - x**2)]), jnp.stack([x, STEEPNESS**0.5 * y])
        return jnp.where(landscape == 0, along, across)[None]

    def fn(params: Any) -> jax.Array:
        return jnp.sum(outputs_fn(params) ** 2)

    extra = {"value_fn": fn, "obj_fn": fn, "outputs_fn": outputs_fn, "loss_fn": lambda outputs: jnp.sum(outputs**2)}

    def step(carry: Any, _: Any) -> Any:
        params, state = carry
        value, grad = jax.value_and_grad(fn)(params)
        updates, state = optimizer.update(grad, state, params, value=value, grad=grad, **extra)
        params = apply_updates(params, updates)
        judged = eval_params(optimizer, state, params)
        return (params, state), (judged["w"][0], fn(judged))

    start = {"w": jnp.asarray(STARTS)[landscape][None]}
    return jax.lax.scan(step, (start, optimizer.init(start)), None, length=STEPS)[1]


def _drawn(name: str, paths: np.ndarray, values: np.ndarray, rates: np.ndarray) -> str:
    """Return the two panels."""
    panels = [
        Panel(_title("Rosenbrock", values[0], rates[0]), (-2.0, 2.0), (-1.0, 3.0)),
        Panel(_title("bowl", values[1], rates[1]), (-2.0, 2.0), (-1.5, 1.5), 1),
    ]
    for line in _valley():
        panels[0].line(line, "level")
    for line in _ellipses():
        panels[1].line(line, "level")
    for panel, path, bottom in zip(panels, paths, ((1.0, 1.0), (0.0, 0.0)), strict=True):
        points = [(float(x), float(y)) for x, y in path]
        panel.line(points)
        panel.dots(points)
        panel.dots(points[:1], radius=4)
        panel.dots([bottom], "end", 3.5)
    return picture(panels, f"The path of {name} over Rosenbrock's valley and an ill-conditioned bowl")


def _title(landscape: str, value: float, rate: float) -> str:
    at = "" if np.isnan(rate) else f", rate {rate:.2g}"
    return f"{landscape}{at}: {value:.1e} in {STEPS} steps"


def _valley() -> list[list[tuple[float, float]]]:
    """Return the curves on which (1 - x)^2 + 100 (y - x^2)^2 has one value: y = x^2 +- sqrt(value - (1 - x)^2) / 10."""
    lines = []
    for value in (0.1, 1.0, 5.0, 25.0, 100.0, 300.0):
        xs = 1 + value**0.5 * np.sin(np.linspace(-np.pi / 2, np.pi / 2, 150))
        half = np.sqrt(np.maximum(value - (1 - xs) ** 2, 0)) / 10
        there, back = xs**2 + half, (xs**2 - half)[::-1]
        lines.append(list(zip([*xs, *xs[::-1], xs[0]], [*there, *back, there[0]], strict=True)))
    return lines


def _ellipses() -> list[list[tuple[float, float]]]:
    """Return the curves on which x^2 + STEEPNESS y^2 has one value."""
    turn = np.linspace(0, 2 * np.pi, 60)
    return [
        list(zip(value**0.5 * np.cos(turn), (value / STEEPNESS) ** 0.5 * np.sin(turn), strict=True))
        for value in (0.25, 1.0, 4.0, 12.0, 30.0, 60.0)
    ]
