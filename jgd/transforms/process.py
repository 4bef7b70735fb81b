"""Optimizers of the gradients of single examples: before, across and after their mean."""

from collections.abc import Sequence
from typing import Any

import optax
from optax.experimental import aggregating

from jgd.core import Transform, part, record, static
from jgd.core.arguments import FLAG, TRANSFORM, checked, whole_from
from jgd.core.cost import Cost, cost, total
from jgd.core.leaves import fixed_leaves
from jgd.core.pair import Pair
from jgd.core.types import Grads, Params, Scalar, State, Updates
from jgd.transforms.aggregating import (
    AXES,
    GetPerElementMeanAndSumSqDiffGrads,
    TrackPerElementMeanAndVarianceWithEma,
)
from jgd.transforms.as_transform import as_transform
from jgd.transforms.compose import chain
from jgd.transforms.scale import identity
from jgd.transforms.wrappers import step_if


@record
class Process(Pair):
    """Apply `preprocessor`, then `aggregator`, and `postprocessor` once the aggregator's mean is whole.

    Before that the updates are zero and the last part does not run (under `vmap` it runs and is discarded). The first
    two take gradients with axes for the examples where `aggregator` is an `optax.experimental.aggregating.Aggregator`.
    With `aggregator_has_aux` it returns a pair, whose second is a dict of extra arguments for the last part. State: a
    tuple of the three states.
    """

    preprocessor: Transform = part(convert=as_transform, expect=TRANSFORM)
    aggregator: Transform = part(convert=as_transform, expect=TRANSFORM)
    postprocessor: Transform = part(convert=as_transform, expect=TRANSFORM)
    aggregator_has_aux: bool = static(default=False)
    called = "process"

    def init(self, params: Params) -> State:
        """Return the three states."""
        return tuple(x.init(params) for x in (self.preprocessor, self.aggregator, self.postprocessor))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the last part's updates, or zeros."""
        first, middle, last = state
        grads, first = self.preprocessor.update(grads, first, params, **extra)
        mean, middle = self.aggregator.update(grads, middle, params, **extra)
        if self.aggregator_has_aux:
            mean, more = mean
            extra = extra | more
        ready = optax.tree.get(middle, "ready", None)
        if ready is None:
            updates, last = self.postprocessor.update(mean, last, params, **extra)
        else:
            updates, last = step_if(ready, self.postprocessor, mean, last, params, **extra)
        return updates, (first, middle, last)

    def cost(self, params: Params) -> Cost:
        """Add the costs of the three."""
        return total(cost(x, params) for x in (self.preprocessor, self.aggregator, self.postprocessor))

    def fixed(self, params: Params) -> Any:
        """Tell where the last part's updates are zero."""
        return fixed_leaves(self.postprocessor, params)


@record
class ProcessPerElement(Process, aggregating.Aggregator):
    """Transform, aggregate and transform gradients that have axes for the examples, as `Process` does without."""


@checked(preprocessor=TRANSFORM, aggregator=TRANSFORM, postprocessor=TRANSFORM, aggregator_has_aux=FLAG)
def process(preprocessor: Any, aggregator: Any, postprocessor: Any, aggregator_has_aux: bool = False) -> Transform:
    """Transform gradients of single examples, aggregate them, and transform the aggregate; see `Process`."""
    per_element = isinstance(aggregator, aggregating.Aggregator)
    kind: Any = ProcessPerElement if per_element else Process
    return kind(preprocessor, aggregator, postprocessor, aggregator_has_aux)


@checked(opt=TRANSFORM, per_elt_axis=AXES, accumulation_steps=whole_from(1))
def add_mean_variance_to_opt(
    opt: Any, ema_decay: Scalar = 0.9, per_elt_axis: int | Sequence[int] = 0, accumulation_steps: int = 1
) -> Transform:
    """Let `opt` step by the mean of the examples' gradients, and keep running means of them and of their variance.

    `get_unbiased_mean_and_variance_ema` reads these. `update` takes gradients with an axis for the examples.
    """
    return process(
        identity(),
        GetPerElementMeanAndSumSqDiffGrads(per_elt_axis, accumulation_steps),
        chain(TrackPerElementMeanAndVarianceWithEma(ema_decay), opt),
        aggregator_has_aux=True,
    )
