"""Groups of parameters by patterns over their paths: other optimizers, other numbers, other rates, or none at all."""

import numbers
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import jax

from jgd.core import InputError, Transform, as_function, hyper, part, record, static
from jgd.core.arguments import PATTERN, TRANSFORM, Kind, admits, shown
from jgd.core.cost import Cost
from jgd.core.leaves import check_patterns, fits, is_whole, leaf_paths
from jgd.core.pair import Pair
from jgd.core.tree import widen
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.core.values import with_hyperparams
from jgd.transforms.as_transform import as_transform
from jgd.transforms.compose import Partition
from jgd.transforms.constraints import SetToZero

DEFAULT = "default"
EMBEDDING = re.compile(r"embed|(?<![a-z])emb(?![a-z])|(?<![a-z])w[tp]e(?![a-z])|(cls|mask)_token", re.IGNORECASE)
VALUE = (
    "an optimizer, a dict of hyperparameters that replace the default's, jgd.scaled(0.1), jgd.layerwise(0.9) or "
    "'frozen'"
)
GROUPS = Kind(
    "be a dict with a pattern over the leaves' paths for each key, and at least one",
    lambda x: isinstance(x, Mapping) and bool(x),
)
WHOLE = Kind("be an optimizer or 'frozen'", lambda x: (isinstance(x, str) and x == "frozen") or admits(TRANSFORM, x))


@record
class Scaled:
    """Make a group of `by_path` that takes the default's steps times `factor`: a multiplier of the rate.

    The group shares the default's state, and a norm that the default takes is over both. What does not grow with the
    rate, such as a decay that is independent of it, is scaled too.
    """

    factor: Scalar = hyper(interval="[0, inf)")

    def powers(self, mine: Sequence[str], everything: Sequence[str]) -> list[int]:
        """Return one power of `factor` for each leaf."""
        return [1] * len(mine)

    @property
    def base(self) -> Scalar:
        """The number whose powers multiply the steps."""
        return self.factor


@record
class Layerwise:
    """Let layers take the default's steps times a power of `decay`, the last ones the whole: a group of `by_path`.

    As in BEiT (Bao et al. 2022, arXiv:2106.08254) embeddings have depth 0, layer i has depth i + 1, and all else, such
    as a head or a last norm, comes after the last layer; a leaf of depth d is scaled by decay^(deepest - d). (ELECTRA's
    code has two powers between head and last layer.) Where nothing comes after the last layer, it is the deepest.
    `index` is a regular expression whose first group is the layer's number; by default a name's digits at its end, the
    first such in the path: `blocks/3/attn`, `layer_3/kernel`.
    """

    decay: Scalar = hyper(interval="(0, 1]")
    index: str = static(default=r"(\d+)(?:/|$)", expect=PATTERN)

    def powers(self, mine: Sequence[str], everything: Sequence[str]) -> list[int]:
        """Return one power of `decay` for each leaf: how far below the deepest of `everything` it lies."""
        depths = [self._depth(path) for path in mine]
        layers = [depth for depth in depths if depth]
        if mine and not layers:
            raise InputError(
                f"Layerwise(index={self.index!r}): no path has a layer's number; there are {', '.join(mine[:8])}"
                f"{', ...' if len(mine) > 8 else ''}; pass an index whose first group is the number."
            )
        last = max(layers, default=0)
        deepest = last + any(self._depth(path) is None for path in everything)
        return [0 if depth is None else deepest - depth for depth in depths]

    @property
    def base(self) -> Scalar:
        """The number whose powers multiply the steps."""
        return self.decay

    def _depth(self, path: str) -> int | None:
        """Return 0 for an embedding, i + 1 for layer i, None for what comes after the layers."""
        found = re.search(self.index, path)
        if EMBEDDING.search(path[: found.end()] if found else path):
            return 0
        return int(found[1]) + 1 if found else None


scaled = Scaled
layerwise = Layerwise


def _as_group(pattern: Any, value: Any) -> Any:
    """Return a group's value as a tree of its numbers."""
    if not admits(PATTERN, pattern) or pattern == DEFAULT:
        expected = f"{PATTERN.expected}, and not {DEFAULT!r}, which names the rest"
        raise InputError(f"by_path(groups): the key {pattern!r} must {expected}.")
    if isinstance(value, str) and value == "frozen":
        return SetToZero()
    if isinstance(value, Mapping) and value:
        return {str(name): _as_number(new) for name, new in value.items()}
    if isinstance(value, (Scaled, Layerwise)):
        return value
    if not admits(TRANSFORM, value):
        raise InputError(f"by_path(groups={{{pattern!r}: {shown(value)}}}): groups must have {VALUE} for each pattern.")
    return as_transform(value)


def _as_number(new: Any) -> Any:
    is_number = isinstance(new, numbers.Real) and not isinstance(new, bool)
    return float(new) if is_number else as_function(new)


def _as_groups(groups: Mapping[str, Any]) -> "OrderedDict[str, Any]":
    # Of JAX's dicts only this one keeps its order.
    return OrderedDict((pattern, _as_group(pattern, value)) for pattern, value in groups.items())


@record
class ByPath(Pair):
    """Treat the leaves whose paths fit a pattern in another way than the rest, which `default` steps.

    A key is a regular expression that is searched in each leaf's path, such as `block_0/attn/query/kernel`; `^` and `$`
    bind it to the ends. The first that fits a leaf decides; one that has no leaf is an error. A value is

    - an optimizer, such as `jgd.adamw(3e-4)`;
    - a dict of hyperparameters that replace the default's, by the names of `jgd.hyperparams`; the others stay one
      leaf for all groups;
    - `jgd.scaled(0.1)`, a multiplier of the default's rate, or `jgd.layerwise(0.9)`, a power of it for each layer;
    - `"frozen"`: updates of zero without a state; `fit` computes no gradients there. `default` may be so too.

    A transform that takes a norm over all leaves, such as a clip, sees those of its group; before `by_path` in a chain
    it sees all. Groups nest, and multipliers of the inner and the outer are taken together:

    >>> import jax.numpy as jnp, jgd
    >>> inner = jgd.by_path({r"(bias|scale)$": dict(weight_decay=0.0)}, jgd.adamw(1e-3, weight_decay=0.1))
    >>> optimizer = jgd.by_path({r"^embed": "frozen", r"^block": jgd.layerwise(0.5)}, inner)
    >>> layer = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    >>> params = {"embed": jnp.ones((4, 2)), "block_0": layer, "block_1": layer, "head": layer}
    >>> [row.learning_rate for row in jgd.describe(optimizer, params).rows if row.path.endswith("bias")]
    ['0.001 * 0.5^2', '0.001 * 0.5', '0.001']
    >>> [name for name in jgd.hyperparams(inner) if "decay" in name]
    ['(bias|scale)$.weight_decay', 'default.weight_decay']
    """

    groups: Mapping[str, Any] = part(convert=_as_groups, expect=GROUPS)
    default: Any = part(convert=lambda x: SetToZero() if isinstance(x, str) else as_transform(x), expect=WHOLE)

    def check_fields(self) -> None:
        """Refuse numbers that the default does not have, or not so, and multipliers of nothing."""
        for pattern, group in self.groups.items():
            place = f"by_path(groups={{{pattern!r}: {shown(group)}}})"
            if isinstance(group, (Scaled, Layerwise)) and isinstance(self.default, SetToZero):
                raise InputError(f"{place}: the default is frozen and has no steps to scale; name an optimizer.")
            try:
                with_hyperparams(self.default, group if isinstance(group, Mapping) else {})
            except InputError as error:
                raise InputError(f"{place}: {error}") from None

    def init(self, params: Params) -> State:
        """Give the states by group; those that only scale the default's steps share its state, the frozen have none."""
        check_patterns("by_path", self.groups, params)
        labels = self.labels(params)
        for pattern in self.groups if labels and is_whole(params) else ():
            if pattern not in labels:
                raise InputError(
                    f"by_path: all leaves that the pattern {pattern!r} fits belong to the patterns before it; put it "
                    "before them."
                )
        partition = self.partition(params)
        self.rate_factors(params)  # which refuses what has no layers
        return partition.init(params)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return each leaf's updates from its own group."""
        whole = grads if params is None else params
        updates, state = self.partition(whole).update(grads, state, params, **extra)
        rows = self.rate_factors(whole)
        if not any(rows):
            return updates, state
        leaves, structure = jax.tree.flatten(updates)
        steps = [_times(row, u) if row else u for row, u in zip(rows, leaves, strict=True)]
        return structure.unflatten(steps), state

    def cost(self, params: Params) -> Cost:
        """Add the costs of the groups, each on its own leaves."""
        return self.partition(params).cost(params)

    def fixed(self, params: Params) -> Any:
        """Tell where a leaf's group is frozen."""
        return self.partition(params).fixed(params)

    @property
    def transforms(self) -> dict[str, Transform]:
        """The transforms by pattern, and the default; a group of replaced numbers is the default with these."""
        own = {}
        for pattern, group in self.groups.items():
            if isinstance(group, Mapping):
                own[pattern] = with_hyperparams(self.default, group)
            elif not isinstance(group, (Scaled, Layerwise)):
                own[pattern] = group
        return {**own, DEFAULT: self.default}

    def partition(self, params: Params) -> Partition:
        """Return the same without the multipliers of the rate, with a label for each leaf."""
        transforms = self.transforms
        labels = [label if label in transforms else DEFAULT for label in self.labels(params)]
        return Partition(transforms, jax.tree.unflatten(jax.tree.structure(params), labels))

    def labels(self, params: Params) -> list[str]:
        """Return the first pattern that fits each leaf, or "default"."""
        return [next((x for x in self.groups if fits(x, path)), DEFAULT) for path in leaf_paths(params)]

    def rate_factors(self, params: Params) -> list[tuple[Scalar, int] | None]:
        """Return for each leaf the number and its power that multiply the default's rate; None where nothing does."""
        paths, labels = leaf_paths(params), self.labels(params)
        found: list[tuple[Scalar, int] | None] = [None] * len(paths)
        for pattern, group in self.groups.items():
            if isinstance(group, (Scaled, Layerwise)):
                mine = [i for i, label in enumerate(labels) if label == pattern]
                powers = group.powers([paths[i] for i in mine], paths)
                for i, power in zip(mine, powers, strict=True):
                    found[i] = (group.base, power) if power else None
        return found

    def __repr__(self) -> str:
        groups = ", ".join(f"{pattern!r}: {_named(group)}" for pattern, group in self.groups.items())
        return f"by_path({{{groups}}}, {_named(self.default)})"


by_path = ByPath


def _named(group: Any) -> str:
    return "'frozen'" if isinstance(group, SetToZero) else repr(group)


def _times(row: tuple[Scalar, int], u: Any) -> jax.Array:
    base, power = row
    return (widen(u) * jax.numpy.asarray(base) ** power).astype(jax.numpy.result_type(u))
