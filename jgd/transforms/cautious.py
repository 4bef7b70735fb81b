"""Cautious updates: only the entries that agree with the present gradient are taken."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import Transform, hyper, part, record
from jgd.core.arguments import TRANSFORM, checked
from jgd.core.cost import Cost, cost, total
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.tree import map_unzip, tree_bytes
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.compose import Chain, Links, Masked, Partition, chain, masked
from jgd.transforms.decay import AddCautiousDecay, AddInitialDecay, DecayRule, agreement
from jgd.transforms.rate_and_decay import ScaleThenDecay, ScaleWithCorrectedDecay
from jgd.transforms.scale import Identity, Negate, Scale, ScaleByLearningRate, ScaleBySchedule, as_rule

LAST = (
    AddInitialDecay,
    DecayRule,
    Negate,
    Scale,
    ScaleByLearningRate,
    ScaleBySchedule,
    ScaleThenDecay,
    ScaleWithCorrectedDecay,
)
"""The links that follow a rule in a recipe: decay and rate."""


class CautiousState(NamedTuple):
    """The state of the rule."""

    inner_state: State


@record
class Cautious(Pair):
    """u = u [u g > 0] / max(mean([u g > 0]), eps) for each leaf, with u the updates of `inner`, which is a rule.

    (Liang et al. 2024, arXiv:2411.16085.) g is the gradient, with whose sign a rule's updates come; of complex entries
    the agreement is Re(g* u). The mean is that of the leaf's mask. State: the rule's.
    """

    inner: Transform = part(convert=as_rule)
    eps: Scalar = hyper(default=1e-3, interval="(0, inf)")
    called = "cautious"

    def init(self, params: Params) -> State:
        """Return the rule's state."""
        return CautiousState(self.inner.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the rule's updates where they agree with the gradients, as much longer as that leaves them fewer."""
        updates, inner = self.inner.update(grads, state.inner_state, params, **extra)
        eps = jnp.asarray(self.eps)

        def agreed(u: jax.Array, g: jax.Array) -> tuple[jax.Array]:
            mask = (agreement(u, g) > 0).astype(jnp.finfo(u.dtype).dtype)
            share = jnp.sum(mask) / max(u.size, 1)
            return (u * (mask / jnp.maximum(share, eps)),)  # a product, which passes a NaN on

        place = "Cautious.update"
        return map_unzip(agreed, updates, place=place, read=(grads,), what="update")[0], CautiousState(inner)

    def cost(self, params: Params) -> Cost:
        """Count one more pass over the gradients and the updates: the mask's mean is known after all have been seen."""
        return total([Cost(2 * tree_bytes(params)), cost(self.inner, params)])

    def fixed(self, params: Params) -> Any:
        """Tell where the rule's updates are zero."""
        return fixed_leaves(self.inner, params)

    @property
    def keeps_zeros(self) -> bool:
        """Whether the rule does."""
        return getattr(self.inner, "keeps_zeros", False)


@checked(inner=TRANSFORM)
def cautious(inner: Any, eps: Scalar = 1e-3) -> Transform:
    """Take only the entries of a rule's updates that agree with the gradient (Liang et al. 2024, arXiv:2411.16085).

    `cautious(adamw(1e-3))` and `chain(cautious(scale_by_adam()), ...)` are the same: of an optimizer that is a chain
    the rule is made cautious, before decay and rate, and of a partition each part. `inner` must otherwise be a rule,
    whose updates come with the gradient's sign; an optimizer whose rate stands within or before its rule, as in
    `prodigy` and in `rmsprop` with momentum, is refused. optax's own are opaque: take a rule of theirs, such as
    `optax.scale_by_adam()`.
    """
    rule = as_transform(inner)
    if isinstance(rule, Partition):
        return Partition({label: cautious(one, eps) for label, one in rule.transforms.items()}, rule.param_labels)
    if isinstance(rule, Masked):
        return Masked(cautious(rule.inner, eps), rule.mask)
    links = _flat(rule)
    while len(links) > 1 and isinstance(links[-1], Identity):  # in the place of a momentum, as rmsprop has it
        links = links[:-1]
    end = len(links)
    while end and isinstance(_unmasked(links[end - 1]), LAST):
        end -= 1
    first, last = links[:end], links[end:]
    rule = first[0] if len(first) == 1 else Chain(first) if first else Identity()
    return chain(Cautious(rule, eps), *last) if last else Cautious(rule, eps)


@checked()
def add_cautious_decayed_weights(weight_decay: Rate, mask: Any = None) -> AddCautiousDecay | Masked:
    """Add `weight_decay * params` to a rule's updates where the two agree in sign, strictly, and `mask` is true.

    (Chen et al. 2025, arXiv:2510.12402.) Between a rule and its rate: the sign is that of the direction.
    """
    decay = AddCautiousDecay(weight_decay, strict=True)
    return decay if mask is None else masked(decay, mask)


def _flat(transform: Transform) -> tuple[Transform, ...]:
    """Return the links of a chain, those of chains in it taken apart."""
    if not isinstance(transform, Links):
        return (transform,)
    return tuple(link for one in transform.links for link in _flat(one))


def _unmasked(link: Transform) -> Transform:
    return link.inner if isinstance(link, Masked) else link
