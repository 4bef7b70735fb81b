"""Basin hopping: chains of local searches, each from a random step away from the last minimum that was accepted."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import ARRAYS, COUNT, FLAG, POSITIVE, SHARE, Kind, admits, checked, whole_from
from jgd.core.errors import InputError
from jgd.core.fingerprint import leaf_texts
from jgd.core.stop import STOP, Stop
from jgd.core.tree import name_of, where
from jgd.core.types import Params
from jgd.nonsmooth.nonsmooth import NONSMOOTH, broadcasts
from jgd.solvers.constraints import CONSTRAINTS
from jgd.solvers.derivatives import is_traced
from jgd.solvers.many import DRAWN_FROM, WIDTH, SearchRequest, random_key, run_all
from jgd.solvers.multistart import best_solutions, check_keep
from jgd.solvers.names import METHOD
from jgd.solvers.restarts import Once
from jgd.solvers.search import TUPLE
from jgd.solvers.solution import Solution
from jgd.solvers.user_problem import BOUNDS, FUNCTION

TEMPERATURE = Kind(
    "be a number, at least 0", lambda x: admits(POSITIVE, x) or (not isinstance(x, bool) and float(x) == 0.0)
)


@checked(
    fn=FUNCTION, optimizer=METHOD, starts=ARRAYS, stop=STOP, args=TUPLE, has_aux=FLAG,
    step_size=ARRAYS, temperature=TEMPERATURE, num_hops=COUNT, interval=whole_from(1), target_accept_rate=SHARE,
    stepwise_factor=SHARE, keep=whole_from(1), lanes=WIDTH, nonsmooth=NONSMOOTH, key=DRAWN_FROM, bounds=BOUNDS,
    constraints=CONSTRAINTS,
)  # fmt: skip
def basin_hopping(
    fn: Callable[..., Any],
    optimizer: Any,
    starts: Params,
    stop: Stop | None = None,
    *,
    args: tuple[Any, ...] = (),
    has_aux: bool = False,
    bounds: Any = None,
    constraints: Any = (),
    nonsmooth: Any = None,
    key: Any = None,
    step_size: Any = 0.5,
    temperature: float = 1.0,
    num_hops: int = 100,
    interval: int = 50,
    target_accept_rate: float = 0.5,
    stepwise_factor: float = 0.9,
    keep: int = 1,
    lanes: int | None = None,
    dir: Any = None,
    progress: bool | None = None,
) -> Solution:
    """Minimize a function with many minima by chains of local searches (Wales & Doye 1997): the best `Solution`.

    The leaves of `starts` have a leading axis of chains, so that `x[None]` is one chain from x. A chain minimizes from
    its start and then hops `num_hops` times: it draws each number uniformly from within `step_size` of the minimum
    where it is, minimizes from there, and moves to what it finds with the probability
    min(1, exp((f_old - f_new) / temperature)). The cost is that of (num_hops + 1) searches for each chain; chains wait
    for no other, and what one does depends on its start, its place in `starts` and `key` alone.

    step_size    a number, or a tree like the parameters, in their units: about the distance between two minima. Every
                 `interval` hops each chain multiplies its own by `stepwise_factor`, where fewer than
                 `target_accept_rate` of them were accepted, and divides by it where more were; scipy counts all hops
                 since the first instead of the last `interval`.
    temperature  in units of the function: about the difference of neighbouring minima. At 0 no chain ever goes up, and
                 each restarts with noise from the best that it has found.
    key          a seed or a random key; 0 if nothing is said.
    keep         more than 1 returns so many chains' best, the best first, along a leading axis.

    The other keywords are those of `minimize_many`. `steps` and `evaluations` are those of a chain's searches
    together. A hop to where the function is not finite, or constraints are missed, is not accepted. Draws are clipped
    to `bounds`. It runs on the host, and so neither under `jit` nor under `vmap`.
    """
    if is_traced():
        raise InputError(
            "basin_hopping: it cannot act under jit, vmap or a derivative; call it outside, and then minimize from the "
            "point that it found."
        )
    place = "basin_hopping"
    check_keep(place, keep, starts, "chains")
    rule = HopRule(
        np.float64(temperature), np.float64(target_accept_rate), np.float64(stepwise_factor), np.int32(interval)
    )
    hops = Hops(rule, step_size, num_hops, random_key(key))
    problem = SearchRequest(fn, optimizer, starts, stop, args, None, has_aux, bounds, nonsmooth, constraints)
    return best_solutions(run_all(place, problem, lanes, hops, dir, progress), keep)


class HopRule(NamedTuple):
    """The numbers by which chains move."""

    temperature: Any
    target_accept_rate: Any
    stepwise_factor: Any
    interval: Any


class HopState(NamedTuple):
    """The state of a chain between two searches. The host's have a leading axis of chains."""

    current: Params  # the minimum where it is
    value: Any  # f[], there; inf before the first
    least: Any  # f[], of all that it has found
    step: Any  # f[], a factor of the step size
    hops: Any  # i32[], searches that have ended
    accepted: Any  # i32[], of the hops since the step was adapted
    steps: Any  # i32[], of all searches
    evaluations: Any  # i32[], of all searches


class Hops(Once):
    """A search that has ended is followed by one from a step away, so many times."""

    state: HopState

    def __init__(self, rule: HopRule, step_size: Any, num_hops: int, key: jax.Array) -> None:
        self.rule, self.step_size, self.num_hops, self.key = rule, step_size, num_hops, key

    def begin(self, starts: Params, solutions: Solution) -> None:
        """Put every chain at its start."""
        super().begin(starts, solutions)
        self.step_size = _sizes(self.step_size, starts)
        infinite = np.full(self.count, np.inf, solutions.value.dtype)
        none = np.zeros(self.count, np.int32)
        step = np.ones(self.count, solutions.value.dtype)
        self.state = HopState(jax.tree.map(np.array, starts), infinite, infinite.copy(), step, none, *_copies(none, 3))

    @property
    def total(self) -> int:
        """One search more than hops, for each chain."""
        return self.count * (self.num_hops + 1)

    def after(self, slots: np.ndarray, over: np.ndarray, ended: Solution, starts: Params) -> tuple[Any, Any]:
        """Move the chains whose search is over, and draw their next starts."""
        self.ended += int(over.sum())
        chains = np.maximum(slots, 0)
        rows = jax.tree.map(lambda x: x[chains], self.state)
        moved = _hop_all(self.rule, self.step_size, self.key, chains, rows, dataclasses.replace(ended, aux=None))
        new, drawn, better = jax.tree.map(np.asarray, moved)
        at = chains[over]
        again = over & (new.hops <= self.num_hops)
        for into, values in zip(jax.tree.leaves(self.state), jax.tree.leaves(new), strict=True):
            into[at] = values[over]
        for into, values in zip(jax.tree.leaves(starts), jax.tree.leaves(drawn), strict=True):
            into[chains[again]] = values[again]
        return again, over & better

    def finished(self, found: Solution) -> Solution:
        """Return the best of each chain, with the cost of all its searches."""
        return dataclasses.replace(found, steps=self.state.steps, evaluations=self.state.evaluations)

    def spec(self) -> dict[str, str]:
        """Return the numbers and the key."""
        given = {"rule": self.rule._asdict(), "step_size": self.step_size, "num_hops": np.int64(self.num_hops)}
        given["key"] = jax.random.key_data(self.key)
        return {name: text for title, value in given.items() for name, text in leaf_texts(title, value).items()}


@jax.jit
def _hop_all(rule: HopRule, sizes: Params, key: jax.Array, chains: Any, rows: HopState, ended: Solution) -> Any:
    """Move many chains as `_hop` does, with keys of their own."""
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, chains)
    return jax.vmap(_hop, in_axes=(None, None, 0, 0, 0))(rule, sizes, keys, rows, ended)


def _hop(
    rule: HopRule, sizes: Params, key: jax.Array, chain: HopState, ended: Solution
) -> tuple[HopState, Params, Any]:
    """Return the chain after a search that has ended, its next start, and whether that found its best point so far."""
    dtype, first = chain.value.dtype, chain.hops == 0
    to_accept, to_draw = jax.random.split(jax.random.fold_in(key, chain.hops))
    value = jnp.where(jnp.isfinite(ended.value) & ended.is_feasible, ended.value, jnp.inf)
    rise, heat = value - chain.value, rule.temperature.astype(dtype)
    chance = jnp.where(heat > 0, jnp.exp(-rise / jnp.where(heat > 0, heat, 1)), 0)
    accepted = (rise <= 0) | (jnp.isfinite(value) & (jax.random.uniform(to_accept, dtype=dtype) < chance))
    hops, count = chain.hops + 1, chain.accepted + (accepted & ~first)
    due = ~first & (chain.hops % rule.interval == 0)
    factor = rule.stepwise_factor.astype(dtype)
    often = count > rule.target_accept_rate.astype(dtype) * rule.interval
    step = jnp.where(due, jnp.where(often, chain.step / factor, chain.step * factor), chain.step)
    current = where(accepted, ended.params, chain.current)
    better = first | (value < chain.least)
    moved = HopState(
        current,
        jnp.where(accepted, value, chain.value),
        jnp.minimum(value, chain.least),
        step,
        hops,
        jnp.where(due, 0, count),
        chain.steps + ended.steps,
        chain.evaluations + ended.evaluations,
    )
    return moved, _near(to_draw, current, sizes, step), better


def _near(key: jax.Array, params: Params, sizes: Params, factor: jax.Array) -> Params:
    """Return a draw, each number uniformly from within its size; of complex ones the real and the imaginary part."""
    leaves, structure = jax.tree.flatten(params)
    keys = structure.unflatten(list(jax.random.split(key, len(leaves))))

    def drawn(key: jax.Array, p: jax.Array, size: jax.Array) -> jax.Array:
        parts = jnp.finfo(p.dtype).dtype
        scale, (real, imaginary) = factor.astype(parts) * size.astype(parts), jax.random.split(key)
        noise = jax.random.uniform(real, p.shape, parts, -1, 1)
        if jnp.iscomplexobj(p):
            noise = noise + 1j * jax.random.uniform(imaginary, p.shape, parts, -1, 1)
        return (p + scale * noise).astype(p.dtype)

    return jax.tree.map(drawn, keys, params, sizes)


def _sizes(given: Any, starts: Params) -> Params:
    """Return the step sizes in the shapes of one start's leaves."""
    if jax.tree.structure(given) == jax.tree.structure(0):
        given = jax.tree.map(lambda _: given, starts)
    if jax.tree.structure(given) != jax.tree.structure(starts):
        raise InputError(
            f"basin_hopping(step_size=): it is {jax.tree.structure(given)}, and a start is "
            f"{jax.tree.structure(starts)}; pass a number, or a tree like one of the starts."
        )

    def fitted(path: Any, size: Any, start: np.ndarray) -> np.ndarray:
        size = np.asarray(size, float)
        if not broadcasts(size.shape, start.shape[1:]):
            raise InputError(
                f"basin_hopping(step_size=): at {name_of(path)} it has shape {size.shape}, and a start "
                f"{start.shape[1:]}; pass a number, or a tree like one of the starts."
            )
        if not (np.isfinite(size).all() and (size > 0).all()):
            raise InputError(
                f"basin_hopping(step_size=): at {name_of(path)} it must be positive and finite; pass about the "
                "distance between two minima."
            )
        return np.broadcast_to(size, start.shape[1:])

    return jax.tree_util.tree_map_with_path(fitted, given, starts)


def _copies(array: np.ndarray, count: int) -> list[np.ndarray]:
    return [array.copy() for _ in range(count)]
