"""Penalties by patterns over the paths of leaves, and none for the rest."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import InputError, part, record
from jgd.core.arguments import PATTERN, Kind, admits
from jgd.core.errors import ExpectationError
from jgd.core.leaves import check_patterns, fits, leaf_paths
from jgd.core.tree import abs_sq, nth_name
from jgd.core.types import Grads, Params
from jgd.nonsmooth.nonsmooth import NONSMOOTH, for_each_leaf

GROUPS = Kind(
    "be a dict with a penalty for each pattern over the leaves' paths, such as {'kernel$': jgd.nonsmooth.l1(0.1)}",
    lambda x: isinstance(x, Mapping) and bool(x) and all(admits(PATTERN, key) for key in x),
)


def _as_groups(groups: Mapping[str, Any]) -> dict[str, Any]:
    for pattern, penalty in groups.items():
        if not admits(NONSMOOTH, penalty):
            raise ExpectationError("groups", f"have for {pattern!r} what must {NONSMOOTH.expected}")
    return dict(groups)


@record
class PenaltyByPath:
    """Penalise groups of leaves, each in its way: a leaf belongs to the first pattern that is found in its path.

    Paths are as in `jgd.by_path`: `block_0/attn/kernel`. What fits no pattern takes `default`, and is free where that
    is None: `by_path({"kernel$": l1(1e-4)})` spares the biases. A pattern that fits no leaf is refused. Trees of
    numbers within a group are like the parameters. Cost: that of each penalty on its own leaves.
    """

    groups: Mapping[str, Any] = part(convert=_as_groups, expect=GROUPS)
    default: Any = part(default=None, expect=NONSMOOTH)
    called = "by_path"

    @property
    def separable(self) -> bool:
        """Whether all penalties are."""
        return all(penalty.separable for penalty in self.penalties)

    @property
    def is_set(self) -> bool:
        """Whether all penalties are sets."""
        return all(penalty.is_set for penalty in self.penalties)

    @property
    def penalties(self) -> list[Any]:
        """The penalties of the groups, then the default's, if any."""
        return [*self.groups.values(), *([] if self.default is None else [self.default])]

    def value(self, params: Params) -> jax.Array:
        """Return the sum of the penalties: a scalar in float32 at least."""
        parts = [penalty.value(self._part(params, i)) for i, penalty in enumerate(self.penalties)]
        return sum(parts, start=jnp.zeros((), jnp.float32))

    def prox(self, params: Params, step: Any) -> Params:
        """Return the proximal operator of each group on its own leaves; the free ones stay."""
        steps = jax.tree.unflatten(jax.tree.structure(params), for_each_leaf("by_path.prox", "step", step, params))
        one = jax.tree_util.all_leaves([step])
        return self._joined(params, lambda i, x: self.penalties[i].prox(x, step if one else self._part(steps, i)))

    def lmo(self, grads: Grads) -> Params:
        """Return the linear minimisation oracle of each set on its own leaves."""
        self._refuse_those_without("lmo", "a box")
        for i, label in enumerate(self._labels(grads)):
            if label == len(self.penalties):
                raise InputError(f"by_path.lmo: the leaf at {nth_name(grads, i)} is in no set; pass a default.")
        return self._joined(grads, lambda i, x: self.penalties[i].lmo(x))

    def mirror(self, params: Params, grads: Grads, step: Any) -> Params:
        """Return the step of mirror descent of each set on its own leaves; the free ones take a gradient step."""
        self._refuse_those_without("mirror", "a box or a simplex")
        free = jax.tree.map(lambda x, g: x - step * g, params, grads)
        groups = self.penalties
        return self._joined(free, lambda i, _: groups[i].mirror(self._part(params, i), self._part(grads, i), step))

    def divergence(self, params: Params, others: Params) -> jax.Array:
        """Return the sum of the sets' divergences, and of half the squared distances of the free leaves."""
        groups = range(len(self.penalties) + 1)
        new, old = ([self._part(tree, i) for i in groups] for tree in (params, others))
        parts = [penalty.divergence(x, y) for penalty, x, y in zip(self.penalties, new, old, strict=False)]
        free = jax.tree.map(lambda x, y: jnp.sum(abs_sq(x - y)) / 2, new[-1], old[-1])
        return sum([*parts, *jax.tree.leaves(free)], start=jnp.zeros((), jnp.float32))

    def _refuse_those_without(self, name: str, example: str) -> None:
        for penalty in self.penalties:
            if not hasattr(penalty, name):
                raise InputError(
                    f"by_path.{name}: {type(penalty).__name__} has none; pass sets that have one, such as {example}."
                )

    def _labels(self, params: Params) -> list[int]:
        """Return the number of each leaf's penalty; one more than there are for the free."""
        check_patterns("by_path", self.groups, params)
        patterns = list(self.groups)
        found = ([i for i, x in enumerate(patterns) if fits(x, path)] for path in leaf_paths(params))
        return [fitting[0] if fitting else len(patterns) for fitting in found]

    def _part(self, params: Params, group: int) -> Params:
        """Return `params` with None in place of the other groups' leaves."""
        leaves, structure = jax.tree.flatten(params)
        labels = self._labels(params)
        return structure.unflatten([x if i == group else None for x, i in zip(leaves, labels, strict=True)])

    def _joined(self, params: Params, of_group: Callable[[int, Params], Params]) -> Params:
        """Return `params` with the leaves of each group replaced by what `of_group(number, part)` makes of them."""
        leaves, structure = jax.tree.flatten(params)
        labels = self._labels(params)
        for group in range(len(self.penalties)):
            found = iter(jax.tree.leaves(of_group(group, self._part(params, group))))
            leaves = [next(found) if i == group else x for x, i in zip(leaves, labels, strict=True)]
        return structure.unflatten(leaves)


by_path = PenaltyByPath
