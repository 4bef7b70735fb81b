"""The group lasso: Euclidean norms of groups of entries, which vanish together."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core import InputError, part, record, static
from jgd.core.arguments import checked
from jgd.core.errors import ExpectationError
from jgd.core.tree import abs_sq, cast_like, nth_name, ratio, safe_sqrt, widen
from jgd.core.types import Params, Weights
from jgd.nonsmooth.nonsmooth import POSITIVE, Nonsmooth, Shape, broadcasts, for_each_leaf, number, vectors


@record
class GroupL2(Nonsmooth):
    """Penalise scale sum |x_G| over groups G: each leaf whole, or each slice of it at one index of the axis `groups`.

    prox(v)_G = max(1 - step scale / |v_G|, 0) v_G, and 0 where v_G is 0. `scale` broadcasts to the groups of a leaf;
    Yuan & Lin (2006), whose penalty it is, weigh a group by the root of its size. Cost: two passes.
    """

    scale: Weights = part(convert=number("[0, inf)"))
    groups: int | None = static(default=None)
    called = "group_l2"

    def room(self, shape: Shape) -> Shape:
        """Return the shape of the groups of a leaf."""
        if self.groups is None:
            return ()
        vectors(shape, self.groups)
        return (shape[self.groups],)

    def value_of(self, x: jax.Array, scale: jax.Array) -> jax.Array:
        """Return the penalty of one array."""
        return jnp.sum(scale * self.norms(x).reshape(scale.shape))

    def prox_of(self, v: jax.Array, t: jax.Array, scale: jax.Array) -> jax.Array:
        """Apply soft thresholding to the norms."""
        norms = self.norms(v)
        return v * remaining(norms, (t * scale).reshape(norms.shape))

    def norms(self, x: jax.Array) -> jax.Array:
        """Return the norms of the groups, with axes of length 1 in the place of those over which they are."""
        axes = tuple(i for i in range(x.ndim) if self.groups is None or i != self.groups % x.ndim)
        return safe_sqrt(jnp.sum(abs_sq(x), axis=axes, keepdims=True))


class Labels(NamedTuple):
    """A tree of labels as a hashable value."""

    leaves: tuple[tuple[tuple[int, ...], bytes], ...]  # shape, and the labels as i32
    structure: Any

    @property
    def tree(self) -> Any:
        """The tree itself."""
        return self.structure.unflatten([np.frombuffer(x, np.int32).reshape(shape) for shape, x in self.leaves])

    def __repr__(self) -> str:
        return repr(self.tree)


@record
class LabelledGroupL2(Nonsmooth):
    """Penalise scale sum |x_G| over groups G: the entries, of all leaves together, that bear one label.

    `groups` is a tree of whole numbers, the parameters' or a prefix of it, whose arrays broadcast to the leaves; -1
    labels what has no penalty. `scale` is a number or f[number of labels]. Otherwise as `GroupL2`.
    """

    scale: Weights = part(convert=number("[0, inf)"))
    groups: Any = static(convert=lambda groups: _as_labels(groups))
    called = "group_l2"

    def check_fields(self) -> None:
        """Refuse a tree of scales, which are by label."""
        if not jax.tree_util.all_leaves([self.scale]):
            raise InputError(
                f"LabelledGroupL2(scale={self.scale!r}): scale must be a number or an array with one for each label."
            )

    def value(self, params: Params) -> jax.Array:
        """Return the penalty of `params`: a scalar in float32 at least."""
        _, norms, scale = self._grouped("value", params)
        return jnp.sum(scale * norms)

    def prox(self, params: Params, step: Any) -> Params:
        """Apply soft thresholding to the norms; `step` is a positive number."""
        labels, norms, scale = self._grouped("prox", params)
        if jnp.ndim(step) or (isinstance(step, (int, float)) and step not in POSITIVE):
            raise InputError(f"LabelledGroupL2.prox(step={step!r}): step must be a number in {POSITIVE.text}.")
        share = jnp.append(remaining(norms, step * scale), 1.0)  # which label -1 finds
        leaves, structure = jax.tree.flatten(params)
        return structure.unflatten(
            [
                cast_like(widen(x) * share[label].astype(jnp.finfo(widen(x).dtype).dtype), x)
                for x, label in zip(leaves, labels, strict=True)
            ]
        )

    def _grouped(self, method: str, params: Params) -> tuple[list[np.ndarray], jax.Array, jax.Array]:
        """Return the labels of each leaf, and the norm and the scale of each group."""
        rows, _ = self.rows(method, params)
        leaves = [x for x, _ in rows]
        given, place = self.groups.tree, f"LabelledGroupL2.{method}"
        if isinstance(given, (list, tuple)) and jax.tree_util.all_leaves([params]):
            given = np.array(given)  # labels written as a list, of one array's entries
        count = 1 + max((int(x.max()) for x in jax.tree.leaves(given) if x.size), default=-1)
        labels = []
        for i, (x, label) in enumerate(zip(leaves, for_each_leaf(place, "groups", given, params), strict=True)):
            if not broadcasts(np.shape(label), jnp.shape(x)):
                raise InputError(
                    f"{place}: the labels at {nth_name(params, i)} have shape {np.shape(label)}, where the leaf has "
                    f"{jnp.shape(x)}; pass a label for each entry, or an array of them that broadcasts."
                )
            labels.append(np.broadcast_to(label, jnp.shape(x)))
        squares = jnp.zeros(count + 1, jnp.float32)
        for x, label in zip(leaves, labels, strict=True):
            found = jax.ops.segment_sum(abs_sq(widen(x)).reshape(-1), label.reshape(-1) % (count + 1), count + 1)
            squares = squares + found
        scale = jnp.asarray(self.scale)
        if not broadcasts(scale.shape, (count,)):
            raise InputError(
                f"{place}: scale has shape {scale.shape}, where there are {count} labels; pass one for each."
            )
        return labels, safe_sqrt(squares[:-1]), jnp.broadcast_to(scale, (count,)).astype(squares.dtype)

    def room(self, shape: Shape) -> Shape:
        """Return the scale's own shape: it is for all leaves together."""
        return jnp.shape(self.scale)


@checked()
def group_l2(scale: Weights, groups: Any = None) -> GroupL2 | LabelledGroupL2:
    """Penalise the sum of the Euclidean norms of groups of entries, which become zero together: the group lasso.

    `groups` is None for each leaf whole; an axis for each slice at one of its indices, so that `groups=0` takes the
    rows of a kernel f[inputs, outputs] and drops inputs; or a tree of labels, whole numbers from 0 in arrays that
    broadcast to the leaves, -1 for no penalty: entries of one label are one group, in whatever leaves they lie. A list
    will do where the parameters are one array.
    (Yuan & Lin 2006.)
    """
    if groups is None or type(groups) is int:
        return GroupL2(scale, groups)
    return LabelledGroupL2(scale, groups)


def remaining(norms: jax.Array, t: jax.Array) -> jax.Array:
    """Return the share of each group that soft thresholding of its norm leaves."""
    return ratio(jnp.maximum(norms - t, 0), norms)


def _as_labels(groups: Any) -> Labels:
    if isinstance(groups, Labels):
        return groups
    leaves, structure = jax.tree.flatten(groups)
    expected = "be None, an axis, or a tree of arrays of whole numbers from 0 on, or -1, known before compilation"
    if not leaves or any(isinstance(x, (jax.core.Tracer, str, bool)) for x in leaves):
        raise ExpectationError("groups", expected)
    arrays = [np.asarray(x) for x in leaves]
    if any(x.dtype.kind not in "iu" or (x.size and x.min() < -1) for x in arrays):
        raise ExpectationError("groups", expected)
    return Labels(tuple((x.shape, x.astype(np.int32).tobytes()) for x in arrays), structure)
