"""The pulse of a run: norms, shares and cosines of groups of leaves, measured at some of its steps."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import PATTERN, WHOLE, Kind, admits
from jgd.core.leaves import check_patterns, fits, leaf_paths
from jgd.core.record import record, static
from jgd.core.tree import abs_sq, safe_sqrt, widen
from jgd.core.types import Grads, Params, Updates
from jgd.train.curves import Arrays, Curves
from jgd.transforms.clip import Clip, ClipByBlockRms, ClipByGlobalNorm, ClipByNorm
from jgd.transforms.compose import Links

QUANTITIES = (
    *("gradient_norm", "params_norm", "update_ratio", "successive_cosine"),
    *("zeros", "nonfinite", "params_nonfinite"),  # shares of entries, the first two of the gradient
)
NUMBER = r"\d+(?=/|$)"  # that a name in a path ends with, or is
EVERYTHING = "all"  # the group of all leaves
SAMPLE = 4096  # entries of a leaf, about, between which cosines of successive gradients are taken
MOST_ROWS = 1024  # that a run keeps; beyond, every second one is dropped


def _are_patterns(x: Any) -> bool:
    texts = x.values() if isinstance(x, Mapping) else x
    return not isinstance(x, str) and len(x) > 0 and all(admits(PATTERN, one) for one in texts)


GROUPS = Kind(
    "be the largest number of groups, or a list or a dict by name of regular expressions that are searched in the "
    "leaves' paths",
    lambda x: admits(WHOLE, x) or _are_patterns(x),
)


def _frozen_groups(x: Any) -> Any:
    if admits(WHOLE, x):
        return int(x)
    return tuple(x.items()) if isinstance(x, Mapping) else tuple((one, one) for one in x)


@record
class Health:
    """Ask `fit` for the pulse of its run: what it measures for each group of leaves, `run.health` shows and judges.

    every   Steps between measurements. Steps 1, 2, 4, 8, ... before the first of them are measured too, for most goes
            wrong there, and so is any whose loss is not finite.
    groups  The largest number of groups. As long as there are more leaves, numbers in their paths are taken for those
            of layers, which come together (`layers/*/w`) but for the first and the last, so that a gradient is seen to
            vanish on the way: their leaves one by one where there is room, else together (`layers/0`); and the paths
            lose their last names. Or patterns over the paths, by the groups' names; a leaf belongs to the first that
            fits, and to none if none does.

    A measured step passes over gradients, updates and parameters. It and the one before, with whose gradient it takes
    its cosine, stand in a loop of their own, and a step of the other loop does nothing that it would not do without a
    pulse; so the step is compiled twice, and XLA may round it otherwise (`python -m bench health` counts bytes,
    operations and seconds). Cosines of successive gradients are those of about 4,096 entries of each leaf, evenly
    spaced, of smaller leaves exact, and NaN where the step before lies in another segment of `eval_every` steps. A run
    keeps at most 1,024 measurements: beyond that, every second one is dropped.
    """

    every: int = static(default=50, expect=WHOLE)
    groups: Any = static(default=12, convert=_frozen_groups, expect=GROUPS)


class Pulse(NamedTuple):
    """Hold what is measured: a value that compiled programs depend on."""

    every: int
    groups: tuple[tuple[str, tuple[int, ...]], ...]  # names, and the positions of their leaves

    def beat(
        self, optimizer: Any, params: Params, grads: Grads, updates: Updates, before: Grads
    ) -> dict[str, jax.Array]:
        """Measure a step: `groups` f32[groups + 1, quantities], the last row of all leaves, and `clipped`.

        `before` are samples of the gradients of the step before.
        """
        rows = _sums(params, grads, updates, before)
        parts = [sum(rows[i] for i in leaves) for _, leaves in self.groups]
        total = sum(rows, start=jnp.zeros(10, jnp.float32))
        found = jnp.stack([_quantities(part) for part in (*parts, total)])
        clipped = clipped_share(optimizer, grads, found[-1, 0])
        return {"groups": found, "clipped": jnp.asarray(clipped, jnp.float32)}

    def is_due(self, number: Any) -> Any:
        """Tell whether a step is due: the last of each period, and in the first the run's 1st, 2nd, 4th, 8th, ..."""
        taken = number + 1
        return (taken % self.every == 0) | ((taken < self.every) & (taken & number == 0))

    def rows(self, beats: Mapping[str, Any], first: int, taken: int, loss: np.ndarray) -> Arrays:
        """Name the columns of the measured steps among the first `taken` of a segment that began at step `first`."""
        steps = first + np.arange(taken)
        due = np.flatnonzero(self.is_due(steps) | ~np.isfinite(loss[:taken]))
        groups = np.asarray(beats["groups"])[due]
        names = (*(name for name, _ in self.groups), EVERYTHING)
        columns = {f"{q}/{name}": groups[:, i, j] for i, name in enumerate(names) for j, q in enumerate(QUANTITIES)}
        return {"step": steps[due], "clipped": np.asarray(beats["clipped"])[due], **columns}


def group_names(params: Params) -> tuple[str, ...]:
    """Give the names under which a sweep may watch its groups of leaves, `update_ratio/head`; all leaves are `all`."""
    return tuple(f"{quantity}/{group}" for group in (*groups_of(params), EVERYTHING) for quantity in QUANTITIES)


def measure_groups(
    names: Sequence[str], params: Params, grads: Grads, updates: Updates, before: Grads
) -> dict[str, jax.Array]:
    """Measure what `names`, of `group_names`, say; `before` are samples of the gradients of the step before."""
    leaves = {**groups_of(params), EVERYTHING: tuple(range(len(jax.tree.leaves(params))))}
    rows = _sums(params, grads, updates, before)
    split = {name: name.partition("/")[::2] for name in names}
    groups = {group: _quantities(sum(rows[i] for i in leaves[group])) for _, group in split.values()}
    return {name: groups[group][QUANTITIES.index(quantity)] for name, (quantity, group) in split.items()}


def pulse_of(health: Health | bool | None, params: Params) -> Pulse | None:
    """Return the pulse that is asked for, of parameters or their shapes; None where none is."""
    if not health:
        return None
    asked = health if isinstance(health, Health) else Health()
    return Pulse(asked.every, tuple(groups_of(params, asked).items()))


def groups_of(params: Params, asked: Health | None = None) -> dict[str, tuple[int, ...]]:
    """Return the positions of the leaves of each group, by its name, of parameters or their shapes."""
    asked = Health() if asked is None else asked
    paths = leaf_paths(params)
    if isinstance(asked.groups, int):
        names = short_names(paths, asked.groups)
    else:
        check_patterns("Health(groups)", [pattern for _, pattern in asked.groups], params)
        names = [next((name for name, pattern in asked.groups if fits(pattern, path)), "") for path in paths]
    inexact = [jnp.issubdtype(jnp.result_type(x), jnp.inexact) for x in jax.tree.leaves(params)]
    order = dict.fromkeys(name for name, kept in zip(names, inexact, strict=True) if name and kept)
    return {g: tuple(i for i, name in enumerate(names) if name == g and inexact[i]) for g in order}


def short_names(paths: Sequence[str], most: int) -> list[str]:
    """Return names of at most `most` groups for these paths: numbers become `*`, or last names are dropped.

    As long as there is room the least and the largest numbers stay, if need be as one group for all of that number.
    """
    names = whole = [path or "params" for path in paths]
    while names:  # the layers at the ends apart
        kinds, layers = list(map(_kind, names)), _layers(names)
        apart = [n if is_end else k for n, k, (_, is_end) in zip(names, kinds, layers, strict=True)]
        ends = [(layer or n) if is_end else n for n, (layer, is_end) in zip(apart, layers, strict=True)]
        for some in (names, apart, ends if apart != names else kinds):  # of two layers nothing is between
            if len(set(some)) <= most:
                return some
        names = _shorter(names, [len(layer) for layer, _ in layers])
    names = list(map(_kind, whole))
    while names and len(set(names)) > most:
        names = _shorter(names, [0] * len(names))
    return names or [EVERYTHING + " leaves"] * len(whole)


def _kind(name: str) -> str:
    return re.sub(NUMBER, "*", name)


def _layers(names: Sequence[str]) -> list[tuple[str, bool]]:
    """Return each path up to the number of its layer, empty without one, and whether that is the first or the last.

    It is the first number in which paths that are alike but for numbers differ: of blocks, not of what is in them.
    """
    like: dict[str, list[list[str]]] = {}
    for name in names:
        like.setdefault(_kind(name), []).append(re.findall(NUMBER, name))
    at = {kind: _first_varying(numbers) for kind, numbers in like.items()}
    ends = {
        kind: {f(int(one[at[kind]]) for one in numbers) for f in (min, max)} if numbers[0] else set()
        for kind, numbers in like.items()
    }
    found = []
    for name in names:
        kind, places = _kind(name), list(re.finditer(NUMBER, name))
        place = places[at[kind]] if places else None
        found.append((name[: place.end()], int(place[0]) in ends[kind]) if place else ("", True))
    return found


def _first_varying(rows: Sequence[Sequence[str]]) -> int:
    """Return the first column in which rows of numbers differ, the last one where none does."""
    return next((i for i, column in enumerate(zip(*rows, strict=True)) if len({*column}) > 1), -1)


def _shorter(names: Sequence[str], kept: Sequence[int]) -> list[str]:
    """Drop the last name of the deepest paths that have one behind their `kept` characters; all, where none has."""
    depths = [name.count("/") if "/" in name[n:] else 0 for name, n in zip(names, kept, strict=True)]
    deepest = max(depths)
    cut = [name.rpartition("/")[0] if n == deepest else name for name, n in zip(names, depths, strict=True)]
    return cut if deepest > 0 else []


def bounded(curves: Curves) -> Curves:
    """Return curves with at most `MOST_ROWS` rows: every second is dropped while there are more, the last never."""
    while curves.length > MOST_ROWS:
        keep = np.arange(curves.length) % 2 == (curves.length - 1) % 2
        curves = Curves({name: column[keep] for name, column in curves.rows().items()})
    return curves


def clipped_share(optimizer: Any, grads: Grads, norm: jax.Array) -> Any:
    """Give the share of the gradient that the optimizer's first link clips: of all, leaves or entries; NaN without one.

    `norm` is the global norm. Only a clip that sees the gradients themselves is known, and one whose limit is a number.
    """
    link = optimizer
    while isinstance(link, Links) and link.links:
        link = link.links[0]
    limit = getattr(link, "max_norm", getattr(link, "max_delta", getattr(link, "threshold", None)))
    leaves = [widen(g) for g in jax.tree.leaves(grads)]
    if limit is None or callable(limit) or not leaves:
        return jnp.nan
    if isinstance(link, ClipByGlobalNorm):
        return norm > limit
    if isinstance(link, Clip):
        return sum(jnp.sum(jnp.abs(g) > limit) for g in leaves) / max(1, sum(g.size for g in leaves))
    if isinstance(link, (ClipByNorm, ClipByBlockRms)):
        sizes = [1 if isinstance(link, ClipByNorm) else max(1, g.size) for g in leaves]
        over = [safe_sqrt(jnp.sum(abs_sq(g)) / n) > limit for g, n in zip(leaves, sizes, strict=True)]
        return sum(x.astype(jnp.float32) for x in over) / len(leaves)
    return jnp.nan


def _sums(params: Params, grads: Grads, updates: Updates, before: Grads) -> list[jax.Array]:
    """Give each leaf's sums of squares and products and counts of entries, f32[10], in the order of `_quantities`."""
    trees = [[widen(x) for x in jax.tree.leaves(tree)] for tree in (params, grads, updates, samples(grads), before)]
    found = []
    for p, g, u, now, b in zip(*trees, strict=True):
        share = max(1, g.size) / max(1, now.size)
        of_all = [abs_sq(g), abs_sq(u), abs_sq(p), g == 0, ~jnp.isfinite(g), ~jnp.isfinite(p)]
        of_some = [abs_sq(now), abs_sq(b), (now.conj() * b).real]
        sums = _totals(of_all + of_some) if share == 1 else _totals(of_all) + _totals(of_some)
        scaled = [*sums[:6], *(share * x for x in sums[6:]), jnp.asarray(g.size)]
        found.append(jnp.stack([x.astype(jnp.float32) for x in scaled]))
    return found


def _totals(arrays: Sequence[jax.Array]) -> list[jax.Array]:
    """Sum each of some arrays of one shape, in one pass over all: along the last axis, then along the others.

    A reduction by itself is a program of its own on the CPU, which a small leaf feels. In float32 a sum along one axis
    is more exact than one along all.
    """
    sums = tuple(x.astype(jnp.float32) if x.dtype == bool else x for x in arrays)
    last = sums[0].ndim - 1
    for axes in ((last,), range(last)) if last > 0 else (range(last + 1),):
        zeros = tuple(jnp.zeros((), x.dtype) for x in sums)
        sums = jax.lax.reduce(sums, zeros, lambda a, b: tuple(map(jnp.add, a, b)), axes)
    return list(sums)


def samples(grads: Grads) -> Grads:
    """Return the entries of each leaf between which cosines are taken: all, or some, evenly spaced along all axes."""
    return jax.tree.map(_sample, grads)


def no_samples(params: Params) -> Grads:
    """Return samples of the gradients before a first step: zeros, with which no cosine is formed."""
    return jax.tree.map(jnp.zeros_like, samples(params))


def _sample(x: jax.Array) -> jax.Array:
    stride = math.ceil((x.size / SAMPLE) ** (1 / x.ndim)) if x.size > SAMPLE else 1
    return x if stride == 1 else x[tuple(slice(None, None, min(stride, size)) for size in x.shape)]


def _quantities(sums: Any) -> jax.Array:
    """Return the quantities of a group, in the order of `QUANTITIES`, of its sums."""
    g2, u2, p2, zeros, bad, bad_params, now2, before2, dot, size = sums
    size = jnp.maximum(size, 1)
    ratio = safe_sqrt(jnp.where(p2 > 0, u2 / jnp.where(p2 > 0, p2, 1), u2 / size))
    both = safe_sqrt(now2) * safe_sqrt(before2)
    cosine = jnp.where(both > 0, jnp.clip(dot / jnp.where(both > 0, both, 1), -1, 1), jnp.nan)
    return jnp.stack([safe_sqrt(g2), safe_sqrt(p2), ratio, cosine, zeros / size, bad / size, bad_params / size])
