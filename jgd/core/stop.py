"""When to stop: one record of rules that every loop shares, and the small state that a plateau needs."""

import re
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import KINDS, TEXT, WHOLE, Kind, instance_of
from jgd.core.errors import InputError
from jgd.core.record import hyper, record, static
from jgd.core.status import Status
from jgd.core.types import Scalar

FIT_ALONE = ("metric",)
SOLVERS_ALONE = ("relative_gradient_norm", "relative_step_norm", "value_change", "max_evaluations")
MORE_IS_BETTER = re.compile(
    r"^(?!.*(?:loss|err)).*(?:(?<![a-z])(?:acc|f1|r2)|auc|score|precision|recall|reward|return|(?<!in)correct)",
    re.IGNORECASE,
)
LIMIT = Kind("be a whole number, at least 1, or None for no limit", WHOLE.admits)


def mode_of(place: str, metric: str | None, mode: str | None) -> str:
    """Say which values of a metric are better, "min" unless given, or refuse a name that says the opposite."""
    if mode is None and metric is not None and MORE_IS_BETTER.search(metric):
        raise InputError(f"{place}(metric={metric!r}): say which is better, with mode='max' or mode='min'.")
    return mode or "min"


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


@record
class Stop:
    """Stop a run at the first step at which one of these rules holds. Thresholds may be traced and batched.

    value          stop once the value (the loss of a step) is at most this.
    gradient_norm  stop once the gradient's global norm is at most this.
    step_norm      stop once the global norm of the updates is at most this, and not 0: accumulation takes no step until
                   its round is full, and a warm-up starts with none. A gradient known to be 0 excuses a step of 0.
    patience       stop after this many steps in a row in which the best value so far did not fall by more than
                   `min_delta`. On mini-batches the values are noisy: choose it as long as an epoch or longer.
    max_steps      the most steps to take.
    seconds        stop after the segment in which this much time has passed, compilation included.

    For `fit` alone:
    metric         what `value` and `patience` look at instead of the loss of a step: an entry of what `evaluate`
                   returns, such as "validation_loss". Patience then counts evaluations.
    mode           "max" where a larger metric is better: `value` is then a least value, and the best the largest. "min"
                   unless given; must be given where the metric is called accuracy, score, reward or the like.

    For solvers alone, `minimize` and its kin:
    relative_gradient_norm  stop once the gradient's norm is at most this times that at the start.
    relative_step_norm      stop once a step's norm is at most this times that of the parameters.
    value_change            stop once a step changes the value by at most this times the larger of the two sizes.
    max_evaluations         the most evaluations of the function, with its derivatives, to make.

    A value, a gradient or an update that is infinite or NaN always stops. Where several rules hold at one step, the
    order is: non-finite, value, gradient_norm, step_norm, value_change, patience, and relative ones with their own.
    """

    gradient_norm: Scalar | None = hyper(default=None, interval="[0, inf)")
    value: Scalar | None = hyper(default=None)
    step_norm: Scalar | None = hyper(default=None, interval="[0, inf)")
    patience: int | None = static(default=None, expect=LIMIT, convert=_whole)
    min_delta: Scalar = hyper(default=0.0, interval="[0, inf)")
    max_steps: int | None = static(default=None, expect=LIMIT, convert=_whole)
    seconds: Scalar | None = hyper(default=None, interval="(0, inf)")
    metric: str | None = static(default=None, expect=TEXT)
    mode: str | None = static(default=None, expect=KINDS["mode"])
    relative_gradient_norm: Scalar | None = hyper(default=None, interval="[0, 1)")
    relative_step_norm: Scalar | None = hyper(default=None, interval="[0, 1)")
    value_change: Scalar | None = hyper(default=None, interval="[0, 1)")
    max_evaluations: int | None = static(default=None, expect=LIMIT, convert=_whole)

    def begin(self) -> "Watch":
        """Begin the record of a plateau, before the first step."""
        return Watch(jnp.array(jnp.inf, float), jnp.zeros((), jnp.int32))

    def refuse(self, fields: tuple[str, ...], owner: str) -> None:
        """Refuse those of `fields` that are set, because only `owner` looks at them."""
        for field in fields:
            if getattr(self, field) is not None:
                raise InputError(
                    f"Stop({field}={getattr(self, field)!r}): only {owner} looks at {field}; leave it out here."
                )

    def check(
        self,
        watch: "Watch",
        *,
        value: Any,
        gradient_norm: Any = None,
        step_norm: Any = None,
        finite: Any = True,
        first_norm: Any = None,
        params_norm: Any = None,
        change: Any = None,
    ) -> tuple["Watch", jax.Array]:
        """Return the next watch, and the status at this step as an i32 scalar: `Status.RUNNING` where no rule holds.

        Those that this record has no threshold for may be left out. `first_norm` is the gradient's at the start,
        `change` that of the value, as a share of the larger of the two values' sizes.
        """
        if self.patience is not None:
            improved = value < watch.best - self.min_delta
            best = jnp.where(improved, value, watch.best).astype(watch.best.dtype)
            watch = Watch(best, jnp.where(improved, 0, watch.since + 1))
        small = self._is_small
        rules = [
            (Status.PLATEAU, self.patience, lambda most: watch.since >= most),
            (Status.VALUE_CHANGE, self.value_change, lambda most: change <= most),
            (
                Status.STEP_NORM,
                self.relative_step_norm,
                lambda most: small(step_norm, gradient_norm, most * params_norm),
            ),
            (Status.STEP_NORM, self.step_norm, lambda most: small(step_norm, gradient_norm, most)),
            (Status.GRADIENT_NORM, self.relative_gradient_norm, lambda most: gradient_norm <= most * first_norm),
            (Status.GRADIENT_NORM, self.gradient_norm, lambda most: gradient_norm <= most),
            (Status.VALUE, self.value, lambda most: value <= most),
        ]
        code = jnp.array(Status.RUNNING, jnp.int32)
        for status, most, holds in rules:
            code = code if most is None else jnp.where(holds(most), jnp.int32(status), code)
        return watch, jnp.where(jnp.logical_not(finite), jnp.int32(Status.NON_FINITE), code)

    @staticmethod
    def _is_small(step_norm: Any, gradient_norm: Any, most: Any) -> Any:
        stepped = step_norm != 0 if gradient_norm is None else (step_norm != 0) | (gradient_norm == 0)
        return stepped & (step_norm <= most)

    @property
    def has_rule(self) -> bool:
        """Whether anything but a non-finite value can stop a run."""
        rules = ("gradient_norm", "value", "step_norm", "patience", "max_steps", "seconds", *SOLVERS_ALONE)
        return any(getattr(self, rule) is not None for rule in rules)


class Watch(NamedTuple):
    """The best value so far, and for how many steps it has stood."""

    best: jax.Array  # f32[], f64[] in x64
    since: jax.Array  # i32[]


STOP = instance_of("be a jgd.Stop, such as Stop(gradient_norm=1e-5, patience=500)", Stop)
