"""Transforms made of transforms: chains, masks, partitions and hyperparameters on a schedule."""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import InputError, Transform, part, record, static
from jgd.core.arguments import BY_LABEL, LABELS, MASK
from jgd.core.cost import Cost, cost, total
from jgd.core.errors import unknown
from jgd.core.frozen import frozen, thaw
from jgd.core.leaves import check_patterns, fixed_leaves, flags_of, prefix_mismatch
from jgd.core.matrices import for_params
from jgd.core.pair import Pair
from jgd.core.record import part_names
from jgd.core.tree import increment, zero_count
from jgd.core.types import Grads, Params, State, Updates
from jgd.core.values import one_number
from jgd.core.without_matrices import warn_without_matrices
from jgd.transforms.as_transform import as_transform


class Links(Pair):
    """Follow from the promises of `links`, one after another, what they promise together, with or without names."""

    @property
    def links(self) -> tuple[Transform, ...]:
        """The transforms, in their order."""
        raise NotImplementedError

    def cost(self, params: Params) -> Cost:
        """Add the costs of the links."""
        return total(cost(link, params) for link in self.links)

    def fixed(self, params: Params) -> Any:
        """Tell where the last link's updates are zero, or those of one that only links follow which keep zeros zero."""
        flags = jax.tree.map(lambda _: False, params)
        for link in self.links:
            own, kept = fixed_leaves(link, params), getattr(link, "keeps_zeros", False)
            flags = jax.tree.map(lambda now, before, kept=kept: now or (kept and before), own, flags)
        return flags

    @property
    def keeps_zeros(self) -> bool:
        """Whether all links do."""
        return all(getattr(link, "keeps_zeros", False) for link in self.links)


@record
class Chain(Links):
    """Transforms one after another: the updates of each are the gradients of the next. State: a tuple of theirs."""

    transforms: tuple[Transform, ...] = part(convert=lambda links: tuple(map(as_transform, links)))

    @property
    def links(self) -> tuple[Transform, ...]:
        """The transforms."""
        return self.transforms

    def init(self, params: Params) -> State:
        """Return the states of the links."""
        return tuple(link.init(params) for link in self.transforms)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the updates of the last link."""
        if not isinstance(state, (tuple, list)) or len(state) != len(self.transforms):
            one_each = isinstance(state, (tuple, list))
            found = f"the states of {len(state)} transforms" if one_each else f"a {type(state).__name__}"
            raise InputError(
                f"Chain.update: got {found}, expected the states of {len(self.transforms)} transforms; pass the "
                "state that this chain's init returned, as update(grads, state, params)."
            )
        states = []
        for link, link_state in zip(self.transforms, state, strict=True):
            grads, new = link.update(grads, link_state, params, **extra)
            states.append(new)
        return grads, tuple(states)

    def __repr__(self) -> str:
        return f"chain({', '.join(map(repr, self.transforms))})"


@record
class Masked(Pair):
    """Apply `inner` where the mask is true; elsewhere gradients pass unchanged and no state is kept.

    `mask` is a tree of booleans, the parameters' or a prefix of it; a function of the parameters that returns one; or a
    regular expression, which is searched in each leaf's path, such as `block_0/attn/query/kernel`.
    """

    inner: Transform = part(convert=as_transform)
    mask: Any = static(convert=frozen, expect=MASK)

    def init(self, params: Params) -> State:
        """Return the inner state on the leaves that are kept."""
        if not jax.tree.leaves(params):  # an empty tree, or optax.tree_map_params, which asks with a placeholder
            return optax.MaskedState(self.inner.init(params))
        if isinstance(self.mask, str):
            check_patterns("Masked(mask)", [self.mask], params)
        return optax.MaskedState(for_params(self.inner, params).init(self.kept(params)))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return inner updates where the mask is true, the gradients elsewhere."""
        whole = grads if params is None else params
        flags = self._flags(whole)
        kept_params = None if params is None else _keep(flags, params)
        kept = _keep(flags, grads)
        updates, inner = for_params(self.inner, whole).update(kept, state.inner_state, kept_params, **extra)
        merged = jax.tree.map(lambda keep, new, old: new if keep else old, flags, updates, grads)
        return merged, optax.MaskedState(inner)

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform on the leaves that are kept."""
        return cost(for_params(self.inner, params), self.kept(params))

    def fixed(self, params: Params) -> Any:
        """Tell where the mask is true and the inner transform's updates are zero."""
        flags = self._flags(params)
        inner = fixed_leaves(self.inner, _keep(flags, params))
        return jax.tree.map(
            lambda keep, own, p: own if keep else jax.tree.map(lambda _: False, p), flags, inner, params
        )

    @property
    def keeps_zeros(self) -> bool:
        """Whether the inner transform does."""
        return getattr(self.inner, "keeps_zeros", False)

    def kept(self, params: Params) -> Params:
        """Return the parameters with `optax.MaskedNode` in place of the leaves where the mask is false."""
        return _keep(self._flags(params), params)

    def _flags(self, params: Params) -> Any:
        flags = flags_of(self.mask, params)
        if not all(jnp.result_type(flag) == jnp.bool_ for flag in jax.tree.leaves(flags)):
            raise InputError(f"Masked(mask={flags!r}): every leaf of the mask must be True or False.")
        return flags


masked = Masked


def _by_label(table: Mapping[Any, Any]) -> dict[Hashable, Transform]:
    try:
        sorted(table)
    except TypeError:
        raise InputError(
            f"Partition(transforms): the labels {', '.join(map(repr, table))} cannot be sorted, as JAX sorts the keys "
            "of a dict; use labels of one kind, such as strings."
        ) from None
    return {label: as_transform(inner) for label, inner in dict(table).items()}


@record
class Partition(Pair):
    """Apply to each leaf the transform that its label names, e.g. Muon to matrices and AdamW to the rest.

    `param_labels` is a tree of labels, the parameters' or a prefix of it, or a function of the parameters that returns
    one. Each transform keeps state for its own leaves only.
    """

    transforms: Mapping[Any, Any] = part(convert=_by_label, expect=BY_LABEL)
    param_labels: Any = static(convert=frozen, expect=LABELS)

    def init(self, params: Params) -> State:
        """Return the states by label."""
        masks = self.masks(params)
        if jax.tree.leaves(params):  # not an empty tree, nor the placeholder of optax.tree_map_params
            warn_without_matrices(params, [(mask.inner, mask.kept(params)) for mask in masks.values()])
        return optax.transforms.PartitionState({k: masks[k].init(params) for k in self.transforms})

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return each leaf's updates from its own transform."""
        masks, states = self.masks(grads if params is None else params), {}
        for label in self.transforms:
            grads, states[label] = masks[label].update(grads, state.inner_states[label], params, **extra)
        return grads, optax.transforms.PartitionState(states)

    def cost(self, params: Params) -> Cost:
        """Add the costs of the transforms, each on its own leaves."""
        return total(mask.cost(params) for mask in self.masks(params).values())

    def fixed(self, params: Params) -> Any:
        """Tell where the updates of a leaf's own transform are zero."""
        return jax.tree.map(lambda *flags: any(flags), *(mask.fixed(params) for mask in self.masks(params).values()))

    def masks(self, params: Params) -> dict[Hashable, Masked]:
        """Return each transform, masked to the leaves of its label."""
        labels = thaw(self.param_labels, params)
        for label in jax.tree.leaves(labels):
            if label not in self.transforms:
                raise unknown("Partition(param_labels)", label, self.transforms)
        if jax.tree.leaves(params) and (mismatch := prefix_mismatch(labels, params)):  # as in init
            raise InputError(
                f"Partition(param_labels): the labels {labels!r} must have the parameters' structure "
                f"{jax.tree.structure(params)} or be a prefix of it: {mismatch}."
            )
        # A label stands for all leaves below it, so its mask may be a prefix too.
        return {
            key: Masked(inner, jax.tree.map(lambda label, key=key: label == key, labels))
            for key, inner in self.transforms.items()
        }


partition = Partition


class ScheduledState(NamedTuple):
    """The step counter that the schedules see, and the state of the transform."""

    count: jax.Array  # i32[]
    inner_state: State


@record
class Scheduled(Pair):
    """Let any hyperparameter of a transform be a schedule: each step uses their values at its count.

    `scheduled(adam(1e-3, b2=linear_schedule(0.9, 0.999, 1000)))`. A learning rate and a weight decay need no wrapper.
    """

    inner: Transform = part(convert=as_transform)

    def init(self, params: Params) -> State:
        """Return a counter and the inner state."""
        count = zero_count()
        return ScheduledState(count, self.at(count).init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the inner update with the hyperparameters of this step."""
        updates, inner = self.at(state.count).update(grads, state.inner_state, params, **extra)
        return updates, ScheduledState(increment(state.count), inner)

    def cost(self, params: Params) -> Cost:
        """Return the cost of the inner transform."""
        return cost(self.at(zero_count()), params)

    def fixed(self, params: Params) -> Any:
        """Tell where the inner updates are zero."""
        return fixed_leaves(self.inner, params)

    def at(self, count: Any) -> Transform:
        """Return the inner transform with every schedule replaced by its value at `count`: what to log."""
        return _at(count, self.inner)


scheduled = Scheduled


def chain(*args: Any) -> Chain:
    """Apply transforms one after another: `chain(clip_by_global_norm(1.0), adam(1e-3))`. optax's are welcome."""
    return Chain(args)


def _at(count: Any, node: Any) -> Any:
    """Evaluate the schedules in `node`. What a record holds as a part, such as a function that skips, is none."""
    if callable(node):
        return one_number("Scheduled.update", node, count)
    if jax.tree_util.all_leaves([node]):
        return node
    rows, structure = jax.tree_util.tree_flatten_with_path(node, is_leaf=lambda x: x is not node)
    parts = part_names(node)
    return structure.unflatten(
        x if callable(x) and getattr(path[0], "name", None) in parts else _at(count, x) for path, x in rows
    )


def _keep(flags: Any, tree: Any) -> Any:
    try:
        return jax.tree.map(lambda keep, x: x if keep else optax.MaskedNode(), flags, tree)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"Masked: the mask {flags!r} must have the parameters' structure {jax.tree.structure(tree)} or be a prefix "
            f"of it: {prefix_mismatch(flags, tree) or str(error).splitlines()[0]}."
        ) from None
