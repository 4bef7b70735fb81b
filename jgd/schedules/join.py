"""Schedules made of schedules: one after another, and cosine cycles that restart."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.arguments import Kind, admits, checked, instance_of, listed
from jgd.core.errors import InputError
from jgd.core.outline import brief
from jgd.core.record import as_function, hyper, hypers, part, record
from jgd.core.tree import widen
from jgd.core.types import Rate, Scalar, Schedule
from jgd.schedules.curves import SHORTEST, are_plain, geometric, half_cosine, progress, whole_steps
from jgd.schedules.time import SCHEDULE, STEP, VALUE, OfTime, Time, ask
from jgd.schedules.warmup import WarmupCosineDecay, warmup_cosine_decay_schedule

BOUNDARIES = listed("rising numbers of steps, at least 0", STEP)
SCHEDULES = listed("functions of the count, where a number is jgd.constant_schedule(number)", SCHEDULE, least=1)
CYCLE = listed("WarmupCosineDecay schedules", instance_of("be one", WarmupCosineDecay), least=1)
ARGUMENTS = listed("dicts of the arguments of warmup_cosine_decay_schedule", instance_of("be one", Mapping), least=1)
CYCLES = Kind(ARGUMENTS.expected, lambda x: isinstance(x, Iterator) or admits(ARGUMENTS, x))


def _schedules(values: Any) -> tuple[Schedule, ...]:
    """Return records as they are, plain functions as `Function`."""
    return tuple(map(as_function, values))


@record
class Join(OfTime):
    """Each schedule in its turn: `schedules[i]` until step `boundaries[i]`, then the next, whose count starts at 0.

    A boundary may be fractional (a swept one is): the next schedule then starts at a fraction too, except that a plain
    function always gets whole steps, since it may look them up in a table.
    """

    schedules: tuple[Schedule, ...] = part(expect=SCHEDULES, convert=_schedules)
    boundaries: tuple[Scalar, ...] = hypers(default=(), interval="[0, inf)")
    called = "join_schedules"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        if len(self.schedules) != len(self.boundaries) + 1:
            raise InputError(
                f"Join: got {len(self.schedules)} schedules and {len(self.boundaries)} boundaries; "
                "there is one boundary between each two schedules."
            )
        value = ask(self.schedules[0], time)
        for boundary, schedule in zip(self.boundaries, self.schedules[1:], strict=True):
            since = time.since(boundary)
            value = jnp.where(since.value < 0, value, ask(schedule, since.positive()))
        return value


@record
class Switch(OfTime):
    """`values[0]` until step `boundaries[0]`, then the next, and so on: numbers, or schedules that see every step.

    Unlike in a `Join`, the count of a later schedule does not start at 0. Numbers are returned exactly.
    """

    values: tuple[Rate, ...] = hypers()
    boundaries: tuple[Scalar, ...] = hypers(default=(), interval="[0, inf)")
    called = "switch_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        if len(self.values) != len(self.boundaries) + 1:
            raise InputError(
                f"Switch: got {len(self.values)} values and {len(self.boundaries)} boundaries; "
                "there is one boundary between each two values."
            )
        shape = time.whole.shape
        value, *others = (ask(x, time) if callable(x) else jnp.broadcast_to(widen(x), shape) for x in self.values)
        for boundary, other in zip(self.boundaries, others, strict=True):
            value = jnp.where(time.since(boundary).value < 0, value, other)
        return value


@record
class Restarts(OfTime):
    """Warm-ups and cosine decays one after another; each cycle lasts its own `decay_steps`, the last one for ever.

    (SGDR: Loshchilov and Hutter 2017, arXiv:1608.03983.)
    """

    cycles: tuple[WarmupCosineDecay, ...] = part(expect=CYCLE, convert=tuple)

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        lengths = [cycle.decay_steps for cycle in self.cycles]
        return Join(self.cycles, tuple(accumulate(lengths[:-1]))).at_time(time)

    def __repr__(self) -> str:
        cycles = [{f.name: brief(getattr(one, f.name)) for f in dataclasses.fields(one)} for one in self.cycles]
        return f"sgdr_schedule({cycles!r})"


@record
class CosineRestarts(OfTime):
    """Half cosines from `init_value` to `end_value`, for ever; each cycle is `cycle_multiplier` times as long.

    The first takes `decay_steps`, and each starts `peak_multiplier` times as high above `end_value` as the one before.
    Cycles start at whole steps (rounded down; derivatives ignore the rounding). With multipliers of 1 and 2 this is
    `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts` (arXiv:1608.03983).
    """

    init_value: Scalar = hyper()
    decay_steps: Scalar = hyper(interval="[1, inf)")
    end_value: Scalar = hyper(default=0.0)
    cycle_multiplier: Scalar = hyper(default=1.0, interval="[1, inf)")
    peak_multiplier: Scalar = hyper(default=1.0, interval="[0, inf)")
    called = "cosine_restarts_schedule"

    def at_time(self, time: Time) -> jax.Array:
        """Return the value at `time`."""
        end = widen(self.end_value)
        cycle, share = self._phase(time)
        height = (widen(self.init_value) - end) * geometric(self.peak_multiplier, cycle)
        return end + height * half_cosine(share)

    def _phase(self, time: Time) -> tuple[jax.Array, jax.Array]:
        """Return the number of the cycle, and the share of it that has passed."""
        cycle = self._cycle(time.value)
        begin = self._start(cycle)
        share = progress(time, begin, self._start(cycle + 1) - begin)
        if jnp.issubdtype(time.whole.dtype, jnp.inexact):
            return cycle, share
        # Cycles of one whole length are counted in integers, for ever; grown ones are long where float32 is coarse.
        steps = widen(self.decay_steps)
        length = jnp.clip(jax.lax.stop_gradient(steps), 1.0, 1e9).astype(time.whole.dtype)
        even = (widen(self.cycle_multiplier) == 1) & (length == steps)
        number = time.whole // length * 1.0
        moved = number * (jax.lax.stop_gradient(steps) - steps)  # zero; its derivative is that of the cycle's beginning
        passed = jnp.clip((time.whole % length * 1.0 + time.fraction + moved) / jnp.maximum(steps, 1.0), 0.0, 1.0)
        return jnp.where(even, number, cycle), jnp.where(even, passed, share)

    def _cycle(self, time: jax.Array) -> jax.Array:
        """Give the number of the cycle: the closed form's, moved to a neighbour where rounding put it beyond an end."""
        growth = jnp.maximum(widen(self.cycle_multiplier) - 1, 0.0)
        grows = growth > 1e-6
        safe = jnp.where(grows, growth, 1.0)
        ratio = time / jnp.maximum(widen(self.decay_steps), SHORTEST)
        guess = jax.lax.stop_gradient(jnp.floor(jnp.where(grows, jnp.log1p(ratio * safe) / jnp.log1p(safe), ratio)))
        guess = jnp.where(time < self._start(guess), guess - 1, guess)
        guess = jnp.where(time >= self._start(guess + 1), guess + 1, guess)
        return jnp.maximum(guess, 0.0)

    def _start(self, cycle: jax.Array) -> jax.Array:
        """Compute decay_steps (m^cycle - 1) / (m - 1), to first order in m - 1 where that is tiny."""
        growth = jnp.maximum(widen(self.cycle_multiplier) - 1, 0.0)
        grows = growth > 1e-6
        safe = jnp.where(grows, growth, 1.0)
        grown = jnp.expm1(jnp.where(grows, cycle * jnp.log1p(safe), 0.0)) / safe
        even = cycle * (1 + jnp.where(grows, 0.0, growth) * (cycle - 1) / 2)
        return whole_steps(widen(self.decay_steps) * jnp.where(grows, grown, even))


@checked(schedules=SCHEDULES, boundaries=BOUNDARIES)
def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[Scalar]) -> Join:
    """Follow each schedule until its boundary, then the next: `join_schedules([warmup, decay], [100])`."""
    if are_plain(*boundaries) and list(boundaries) != sorted(boundaries):
        raise InputError(f"join_schedules(boundaries={list(boundaries)!r}): boundaries must rise; sort the phases.")
    if len(schedules) != len(boundaries) + 1:
        raise InputError(
            f"join_schedules(boundaries={list(boundaries)!r}): {len(schedules)} schedules need "
            f"{len(schedules) - 1} boundaries, one between each two."
        )
    return Join(tuple(schedules), tuple(boundaries))


@checked(values=listed("numbers and schedules", VALUE, least=1), boundaries=BOUNDARIES)
def switch_schedule(values: Sequence[Rate], boundaries: Sequence[Scalar]) -> Switch:
    """Hold each value until its boundary: `switch_schedule([0.1, 0.02], [100])`. A value may be a schedule.

    What a population finds is one of these (`jgd.sweep.Lineage.schedule`).
    """
    if are_plain(*boundaries) and list(boundaries) != sorted(boundaries):
        raise InputError(f"switch_schedule(boundaries={list(boundaries)!r}): boundaries must rise; sort the values.")
    if len(values) != len(boundaries) + 1:
        raise InputError(
            f"switch_schedule(boundaries={list(boundaries)!r}): {len(values)} values need {len(values) - 1} "
            "boundaries, one between each two."
        )
    return Switch(tuple(values), tuple(boundaries))


@checked(cosine_kwargs=CYCLES)
def sgdr_schedule(cosine_kwargs: Iterable[Mapping[str, Scalar]]) -> Restarts:
    """Repeat cosine cycles with warm restarts, one for each set of `warmup_cosine_decay_schedule`'s arguments."""
    return Restarts(tuple(map(_cycle, cosine_kwargs)))


@checked()
def cosine_restarts_schedule(
    init_value: Scalar,
    decay_steps: Scalar,
    end_value: Scalar = 0.0,
    cycle_multiplier: Scalar = 1.0,
    peak_multiplier: Scalar = 1.0,
) -> CosineRestarts:
    """Repeat half cosines for ever, each `cycle_multiplier` times as long as the one before."""
    return CosineRestarts(init_value, decay_steps, end_value, cycle_multiplier, peak_multiplier)


def _cycle(arguments: Mapping[str, Scalar]) -> WarmupCosineDecay:
    try:
        return warmup_cosine_decay_schedule(**arguments)
    except TypeError as error:
        raise InputError(f"sgdr_schedule(cosine_kwargs=[{dict(arguments)!r}, ...]): {error}.") from None
