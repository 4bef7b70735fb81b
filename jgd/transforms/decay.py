"""Weight decay: before an adaptive rule it is an L2 penalty, after it, decoupled."""

from typing import Any

from jgd.core import hyper, record
from jgd.core.tree import check_params, map_updates, where_both
from jgd.core.types import Grads, Params, Rate, State, Updates
from jgd.transforms.compose import Masked, masked
from jgd.transforms.scale import init_rate, next_rate


@record
class AddDecayedWeights:
    """u = g + wd p, and g where either is `None`. State: empty for a number, an i32 counter for a schedule.

    First in a chain it is L2 regularisation, whose gradient the adaptive rule then rescales; after the rule it is
    decoupled decay, shrinking the parameters by lr wd a step (Loshchilov & Hutter 2019, arXiv:1711.05101).
    """

    weight_decay: Rate = hyper(default=0.0, interval="[0, inf)")
    called = "add_decayed_weights"

    def init(self, params: Params) -> State:
        """A counter, if there is a schedule."""
        return init_rate(self.weight_decay)

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """The gradients plus the decayed parameters."""
        check_params("AddDecayedWeights.update", params)
        decay, state = next_rate(self.weight_decay, state)

        def decayed(grads: Grads, params: Params) -> Updates:
            return map_updates(lambda g, p: g + decay * p, grads, params, place="AddDecayedWeights.update")

        return where_both(decayed, grads, params), state


def add_decayed_weights(weight_decay: Rate = 0.0, mask: Any = None) -> AddDecayedWeights | Masked:
    """Add `weight_decay * params`, where `mask` is true if one is given."""
    decay = AddDecayedWeights(weight_decay)
    return decay if mask is None else masked(decay, mask)
