"""When to stop: one record of rules that every loop shares, and the small state that a plateau needs."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import KINDS, TEXT, WHOLE, Kind, instance_of
from jgd.core.errors import InputError
from jgd.core.record import hyper, record, static
from jgd.core.status import Status
from jgd.core.types import Scalar

LIMIT = Kind("be a whole number, at least 1, or None for no limit", WHOLE.admits)


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


@record
class Stop:
    """Rules for stopping; the first that holds at a step stops the run there. Thresholds may be traced and batched.

    value          stop once the value (the loss of a step) is at most this.
    gradient_norm  stop once the gradient's global norm is at most this.
    step_norm      stop once the global norm of the updates is at most this, and not 0: accumulation takes no step until
                   its round is full, and a warm-up starts with none. A gradient known to be 0 excuses a step of 0.
    patience       stop after this many steps in a row in which the best value so far did not fall by more than
                   `min_delta`. On mini-batches the values are noisy: choose it as long as an epoch or longer.
    max_steps      the most steps to take.
    seconds        stop after the segment in which this much time has passed, compilation included; for `fit` alone.
    metric         what `value` and `patience` look at instead of the loss of a step: an entry of what `evaluate`
                   returns, such as "validation_loss". Patience then counts evaluations; for `fit` alone.
    mode           "max" where a larger metric is better: `value` is then a least value, and the best the largest.

    A value, a gradient or an update that is infinite or NaN always stops. Where several rules hold at one step, the
    order is: non-finite, value, gradient_norm, step_norm, patience.
    """

    gradient_norm: Scalar | None = hyper(default=None, interval="[0, inf)")
    value: Scalar | None = hyper(default=None)
    step_norm: Scalar | None = hyper(default=None, interval="[0, inf)")
    patience: int | None = static(default=None, expect=LIMIT, convert=_whole)
    min_delta: Scalar = hyper(default=0.0, interval="[0, inf)")
    max_steps: int | None = static(default=None, expect=LIMIT, convert=_whole)
    seconds: Scalar | None = hyper(default=None, interval="(0, inf)")
    metric: str | None = static(default=None, expect=TEXT)
    mode: str = static(default="min", expect=KINDS["mode"])

    def begin(self) -> "Watch":
        """Begin the record of a plateau, before the first step."""
        if self.metric is not None or self.seconds is not None:
            field = "metric" if self.metric is not None else "seconds"
            raise InputError(
                f"Stop({field}={getattr(self, field)!r}): only jgd.fit looks at {field}; leave it out here."
            )
        return Watch(jnp.array(jnp.inf, float), jnp.zeros((), jnp.int32))

    def check(
        self, watch: "Watch", *, value: Any, gradient_norm: Any = None, step_norm: Any = None, finite: Any = True
    ) -> tuple["Watch", jax.Array]:
        """The next watch, and the status at this step as an i32 scalar: `Status.RUNNING` where no rule holds.

        `gradient_norm` and `step_norm` may be left out where this record has no threshold for them.
        """
        if self.patience is not None:
            improved = value < watch.best - self.min_delta
            best = jnp.where(improved, value, watch.best).astype(watch.best.dtype)
            watch = Watch(best, jnp.where(improved, 0, watch.since + 1))
        rules = [
            (Status.PLATEAU, None if self.patience is None else watch.since >= self.patience),
            (Status.STEP_NORM, None if self.step_norm is None else self._is_small(step_norm, gradient_norm)),
            (Status.GRADIENT_NORM, None if self.gradient_norm is None else gradient_norm <= self.gradient_norm),
            (Status.VALUE, None if self.value is None else value <= self.value),
            (Status.NON_FINITE, jnp.logical_not(finite)),
        ]
        code = jnp.array(Status.RUNNING, jnp.int32)
        for status, holds in rules:
            code = code if holds is None else jnp.where(holds, jnp.int32(status), code)
        return watch, code

    def _is_small(self, step_norm: Any, gradient_norm: Any) -> Any:
        stepped = step_norm != 0 if gradient_norm is None else (step_norm != 0) | (gradient_norm == 0)
        return stepped & (step_norm <= self.step_norm)

    @property
    def has_rule(self) -> bool:
        """Whether anything but a non-finite value can stop a run."""
        rules = (self.gradient_norm, self.value, self.step_norm, self.patience, self.max_steps, self.seconds)
        return any(rule is not None for rule in rules)


class Watch(NamedTuple):
    """The best value so far, and for how many steps it has stood."""

    best: jax.Array  # f32[], f64[] in x64
    since: jax.Array  # i32[]


STOP = instance_of("be a jgd.Stop, such as Stop(gradient_norm=1e-5, patience=500)", Stop)
