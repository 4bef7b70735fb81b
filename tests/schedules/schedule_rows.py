"""One row a schedule: how it is made, an independent oracle, and how far to look."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optax
import pytest

import jgd.schedules as js
from tests.tiers import at_once


@dataclass(frozen=True)
class Row:
    """`make(module)` builds it from jgd.schedules and from optax; `oracle(count)` is the closed form optax lacks."""

    name: str
    make: Callable[[Any], Any]
    oracle: Callable[[float], float] | None = None
    last: int = 40  # counts 0..last cover every phase and some steps beyond
    rounds: bool = False  # rounds a turning point to whole steps, so its derivative is not that of its value

    def expected(self, counts: np.ndarray) -> np.ndarray:
        """Return the oracle's values in float64: the closed form, or optax on each Python integer."""
        value = self.oracle or self.make(optax)
        return np.array([float(value(int(count))) for count in counts])


def _warmed(init: float, peak: float, warmup: int, after: Callable[[float], float]) -> Callable[[float], float]:
    return lambda t: init + (peak - init) * t / warmup if t < warmup else after(t - warmup)


def _stable_decay(cooldown: Callable[[float], float]) -> Callable[[float], float]:
    # peak 0.8, 5 warm-up steps from 0.2, 12 stable ones, 16 of cooldown to 0.1
    return _warmed(0.2, 0.8, 5, lambda t: 0.1 + 0.7 * cooldown(min(max((t - 12) / 16, 0.0), 1.0)))


def _restarts(length: float, multiplier: float, peak_multiplier: float) -> Callable[[float], float]:
    def value(t: float) -> float:
        begin, exact, size, height = 0.0, 0.0, length, 0.4
        while t >= math.floor(exact + size):
            begin, exact, size, height = (
                math.floor(exact + size),
                exact + size,
                size * multiplier,
                height * peak_multiplier,
            )
        share = (t - begin) / (math.floor(exact + size) - begin)
        return 0.1 + height * 0.5 * (1 + math.cos(math.pi * share))

    return value


CYCLES = [
    {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 3, "decay_steps": 10, "end_value": 0.1},
    {"init_value": 0.1, "peak_value": 0.6, "warmup_steps": 2, "decay_steps": 15, "end_value": 0.0, "exponent": 2.0},
    {"init_value": 0.0, "peak_value": 0.3, "warmup_steps": 0, "decay_steps": 9},
]

ROWS = [
    Row("constant", lambda m: m.constant_schedule(0.3)),
    Row("linear", lambda m: m.linear_schedule(1.0, 0.1, 20)),
    Row("linear_later", lambda m: m.linear_schedule(0.0, 0.7, 13, 6)),
    Row("polynomial", lambda m: m.polynomial_schedule(1.0, 0.1, 2.5, 23, transition_begin=4)),
    Row(
        "polynomial_root",
        lambda m: m.polynomial_schedule(0.2, 1.0, power=0.5, transition_steps=17),
    ),
    Row("exponential", lambda m: m.exponential_decay(1.0, 10, 0.5)),
    Row("exponential_stairs", lambda m: m.exponential_decay(0.8, 7, 0.5, 3, True, 0.15)),
    Row("exponential_growth", lambda m: m.exponential_decay(0.1, 5, 1.5, end_value=0.9)),
    Row("piecewise_constant", lambda m: m.piecewise_constant_schedule(1.0, {20: 0.5, 10: 0.1, 30: 3.0})),
    Row("piecewise_none", lambda m: m.piecewise_constant_schedule(0.4)),
    Row("piecewise_linear", lambda m: m.piecewise_interpolate_schedule("linear", 1.0, {4: 0.1, 18: 5.0, 30: 0.3})),
    Row("piecewise_cosine", lambda m: m.piecewise_interpolate_schedule("cosine", 0.5, {25: 0.0, 6: 2.0})),
    Row("cosine", lambda m: m.cosine_decay_schedule(0.9, 25)),
    Row("cosine_power", lambda m: m.cosine_decay_schedule(0.9, 25, alpha=0.1, exponent=1.7)),
    Row("warmup_constant", lambda m: m.warmup_constant_schedule(0.1, 0.9, 12)),
    Row("linear_warmup", lambda m: m.linear_warmup_schedule(0.9, 12), lambda t: 0.9 * min(1.0, (t + 1) / 12)),
    Row("warmup_cosine", lambda m: m.warmup_cosine_decay_schedule(0.0, 1.0, 6, 30, 0.05, 1.3)),
    Row("warmup_cosine_cold", lambda m: m.warmup_cosine_decay_schedule(0.0, 1.0, 0, 30)),
    Row("warmup_exponential", lambda m: m.warmup_exponential_decay_schedule(0.0, 1.0, 6, 8, 0.6, 2, end_value=0.1)),
    Row(
        "warmup_exponential_stairs", lambda m: m.warmup_exponential_decay_schedule(0.1, 1.0, 5, 7, 0.6, staircase=True)
    ),
    Row("linear_onecycle", lambda m: m.linear_onecycle_schedule(37, 1.0), rounds=True),
    Row("linear_onecycle_turns", lambda m: m.linear_onecycle_schedule(30, 2.0, 0.2, 0.6, 10.0, 100.0), rounds=True),
    Row("cosine_onecycle", lambda m: m.cosine_onecycle_schedule(37, 1.0), rounds=True),
    Row("sgdr", lambda m: m.sgdr_schedule(CYCLES)),
    Row(
        "join",
        lambda m: m.join_schedules(
            [m.linear_schedule(0.0, 1.0, 8), m.constant_schedule(0.7), m.polynomial_schedule(1.0, 0.2, 2, 10)], [8, 20]
        ),
    ),
    Row(
        "switch",
        lambda m: m.switch_schedule([0.3, m.linear_schedule(1.0, 0.0, 40), 0.0], [8, 20]),
        lambda t: 0.3 if t < 8 else 1 - t / 40 if t < 20 else 0.0,
    ),
    Row(
        "stable_linear",
        lambda m: m.warmup_stable_decay_schedule(0.8, 5, 12, 16, 0.2, 0.1),
        _stable_decay(lambda p: 1 - p),
    ),
    Row(
        "stable_cosine",
        lambda m: m.warmup_stable_decay_schedule(0.8, 5, 12, 16, 0.2, 0.1, cooldown="cosine"),
        _stable_decay(lambda p: 0.5 * (1 + math.cos(math.pi * p))),
    ),
    Row(
        "stable_sqrt",
        lambda m: m.warmup_stable_decay_schedule(0.8, 5, 12, 16, 0.2, 0.1, cooldown="sqrt"),
        _stable_decay(lambda p: 1 - math.sqrt(p)),
    ),
    Row(
        "inverse_sqrt",
        lambda m: m.inverse_sqrt_schedule(0.9, 9, 0.1),
        _warmed(0.1, 0.9, 9, lambda t: 0.9 * math.sqrt(9 / (t + 9))),
    ),
    Row(
        "inverse_sqrt_timescale",
        lambda m: m.inverse_sqrt_schedule(0.9, 4, timescale=20),
        _warmed(0.0, 0.9, 4, lambda t: 0.9 / math.sqrt((t + 20) / 20)),
    ),
    Row("restarts", lambda m: m.cosine_restarts_schedule(0.5, 9, 0.1), _restarts(9, 1, 1), last=60, rounds=True),
    Row(
        "restarts_double",
        lambda m: m.cosine_restarts_schedule(0.5, 4, 0.1, 2.0, 0.7),
        _restarts(4, 2, 0.7),
        last=200,
        rounds=True,
    ),
    Row(
        "restarts_fraction",
        lambda m: m.cosine_restarts_schedule(0.5, 10, 0.1, 1.5, 0.9),
        _restarts(10, 1.5, 0.9),
        last=200,
        rounds=True,
    ),
]


def each(rows: list[Row]) -> Any:
    """Run a test once for every row, under the row's name."""
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


# A schedule of each form; the others' derivatives and batches are among the slow tests.
FORMS = ("linear", "polynomial", "exponential_stairs", "piecewise_linear", "cosine_power", "join", "stable_sqrt")


def costly(rows: list[Row]) -> Any:
    """Run a test of what compiles for long: for a row of each form at once, for all others among the slow tests."""
    return pytest.mark.parametrize("row", at_once(FORMS, {row.name: row for row in rows}))


def make(row: Row) -> Any:
    """jgd's schedule."""
    return row.make(js)
