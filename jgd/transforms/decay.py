"""Weight decay: an L2 penalty before an adaptive rule, decoupled after it, and its other kinds."""

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Any, ClassVar, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from jgd.core import InputError, Transform, hyper, record, static
from jgd.core.arguments import MASK, checked, one_of
from jgd.core.frozen import frozen
from jgd.core.pair import Pair, abstracted, explained
from jgd.core.tree import check_params, copied, map_unzip, map_updates, where_both
from jgd.core.types import Grads, Params, Rate, Scalar, State, Updates
from jgd.transforms.compose import Chain, Masked, chain, masked
from jgd.transforms.rate_and_decay import ScaleThenDecay, ScaleWithCorrectedDecay
from jgd.transforms.scale import init_rate, next_rate, scale_by_learning_rate


class DecayRule:
    """Lift `step(wd, g, p)`, on one array, to a transform; wd is a number or a schedule's value at this step.

    State: empty for a number, an i32 counter for a schedule.
    """

    weight_decay: Any
    step: ClassVar[Callable[..., Any]]

    @abstracted
    def init(self, params: Params) -> State:
        """Return a counter, if there is a schedule."""
        return init_rate(self.weight_decay)

    @explained
    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients with the decay."""
        place = f"{type(self).__name__}.update"
        check_params(place, params)
        decay, state = next_rate(self, "weight_decay", state)

        def decayed(grads: Grads, params: Params) -> Updates:
            return map_updates(lambda g, p: self.step(decay, g, p), grads, params, place=place)

        return where_both(decayed, grads, params), state


@record
class AddDecayedWeights(DecayRule):
    """u = g + wd p, and g where either is `None`. State: empty for a number, an i32 counter for a schedule.

    First in a chain it is L2 regularisation, whose gradient the adaptive rule then rescales; after the rule it is
    decoupled decay, shrinking the parameters by lr wd a step (Loshchilov & Hutter 2019, arXiv:1711.05101).
    """

    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")
    called = "add_decayed_weights"

    def step(self, wd: Any, g: jax.Array, p: jax.Array) -> jax.Array:
        return g + wd * p


@checked()
def add_decayed_weights(weight_decay: Rate = 0.0, mask: Any = None) -> AddDecayedWeights | Masked:
    """Add `weight_decay * params`, where `mask` is true if one is given."""
    decay = AddDecayedWeights(weight_decay)
    return decay if mask is None else masked(decay, mask)


@record
class SubtractDecayedWeights(DecayRule):
    """Decay the weights after the learning rate, independently of it.

    u = g - wd p: after the learning rate, a decay that is independent of it.
    """

    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")

    def step(self, wd: Any, g: jax.Array, p: jax.Array) -> jax.Array:
        return g - wd * p


subtract_decayed_weights = SubtractDecayedWeights


@record
class AddCautiousDecay(DecayRule):
    """Add weight decay to the entries that the step already makes smaller.

    u = g + wd p where the signs of g and p do not differ, and g elsewhere: what a step makes smaller, or leaves.

    (Chen et al. 2025, arXiv:2510.12402, with g the rule's update.) `strict` leaves alone what a step leaves, where g is
    zero. Of complex entries the sign is that of Re(g* p).
    """

    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")
    _: KW_ONLY
    strict: bool = static(default=False)

    def step(self, wd: Any, g: jax.Array, p: jax.Array) -> jax.Array:
        agreed = agreement(g, p)
        return g + wd * jnp.where(agreed > 0 if self.strict else agreed >= 0, p, 0)


add_cautious_decay = AddCautiousDecay


def agreement(u: jax.Array, v: jax.Array) -> jax.Array:
    """Compute a number for each entry that is positive where two arrays agree in sign: Re(u* v) of complex ones."""
    # Of real entries the product of the signs: that of the entries may underflow.
    return (u.conj() * v).real if jnp.iscomplexobj(u) else jnp.sign(u) * jnp.sign(v)


class InitialDecayState(NamedTuple):
    """The first parameters, and the counter of a schedule."""

    init_params: Params
    rate: State


@record
class AddInitialDecay(Pair):
    """Pull the parameters back to where they began.

    u = g + wd (p - p0): decay towards the parameters at `init`, as fine-tuning asks for (L2-SP).

    (Li et al. 2018, arXiv:1802.01483; there a penalty, which it is before the rule.) State: 4 bytes a parameter, and
    an i32 counter for a schedule.
    """

    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")

    def init(self, params: Params) -> State:
        """Return a copy of the parameters."""
        return InitialDecayState(copied(params), init_rate(self.weight_decay))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the gradients plus the decayed way from the first parameters."""
        check_params("AddInitialDecay.update", params)
        decay, rate = next_rate(self, "weight_decay", state.rate)
        updates, first = map_unzip(
            lambda g, p0, p: (g + decay * (p - p0), p0),
            grads,
            state.init_params,
            place="AddInitialDecay.update",
            read=(params,),
        )
        return updates, InitialDecayState(first, rate)


add_initial_decay = AddInitialDecay


@record
class WeightDecay:
    """Choose the kind of a recipe's weight decay: `adamw(1e-3, weight_decay=weight_decay(0.1, "l2"))`.

    With u the rule's update, p <- p - lr u and, where `mask` is true or where there is none,

    "decoupled"    lr wd p less (Loshchilov & Hutter 2019, arXiv:1711.05101): what a plain number means.
    "l2"           wd p added to the gradient before the rule: a penalty, as in `torch.optim.Adam(weight_decay=)`.
    "independent"  wd p less, whatever the rate is.
    "corrected"    lr wd (lr / peak) p less (Defazio 2025, arXiv:2506.02285); `peak` is the schedule's largest value;
                   one with a `peak_value` needs none.
    "initial"      lr wd (p - p0) less, with p0 the first parameters (L2-SP, Li et al. 2018, arXiv:1802.01483).
    "cautious"     lr wd p less where the signs of u and p do not differ (Chen et al. 2025, arXiv:2510.12402).
    "after"        p <- (p - lr u)(1 - lr wd): what the step leads to decays, as SOAP and GaLore have it.
    """

    weight_decay: Rate = hyper(interval="[0, inf)")
    kind: str = static(
        default="decoupled",
        expect=one_of("decoupled", "l2", "independent", "corrected", "initial", "cautious", "after"),
    )
    _: KW_ONLY
    mask: Any = static(default=None, convert=frozen, expect=MASK)
    peak: Scalar | None = hyper(default=None, interval="(0, inf)")

    def chained(self, links: tuple[Transform, ...], learning_rate: Rate | None, mask: Any, then: Any = ()) -> Chain:
        """Return a rule's `links`, `then` those between decoupled decay and the rate, and the decay in its place."""
        if mask is not None and self.mask is not None:
            raise InputError(f"weight_decay(mask={self.mask!r}): the recipe has a mask of its own; give one of them.")
        if self.peak is not None and self.kind != "corrected":
            raise InputError(f"weight_decay(peak={self.peak!r}): only the kind 'corrected' has a peak; leave it out.")
        mask = self.mask if mask is None else mask
        if self.kind == "corrected":
            if not callable(learning_rate):
                raise InputError(
                    f"weight_decay(kind='corrected'): the learning rate is {learning_rate!r}, expected a schedule; for "
                    "a number take 'decoupled', which is the same."
                )
            last = ScaleWithCorrectedDecay(learning_rate, self.weight_decay, mask, self.peak)
            last.largest_rate()
            return chain(*links, *then, last)
        if self.kind == "after":
            if learning_rate is None:
                raise InputError("weight_decay(kind='after'): there is no learning rate; take 'independent'.")
            return chain(*links, *then, ScaleThenDecay(learning_rate, self.weight_decay, mask))
        make = KINDS.get(self.kind, AddDecayedWeights)
        decay, rate = make(self.weight_decay), scale_by_learning_rate(learning_rate)
        decay = decay if mask is None else masked(decay, mask)
        if self.kind == "l2":
            return chain(decay, *links, *then, rate)
        return chain(*links, *then, rate, decay) if self.kind == "independent" else chain(*links, decay, *then, rate)


KINDS = {"independent": SubtractDecayedWeights, "initial": AddInitialDecay, "cautious": AddCautiousDecay}

weight_decay = WeightDecay

Decay: TypeAlias = Rate | WeightDecay
