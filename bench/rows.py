"""Define what a case yields, time sides in turn, and run the cases of a module alone."""

import argparse
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from bench.format import table
from jgd.measure import Timing, compare, cores

T = TypeVar("T")

# A row of a table, of numbers, texts and flags; rows of a case need not have the same columns. A column's name says how
# it is shown: `seconds` and `_seconds`, `bytes` and `_bytes`, `percent`, `ratio`, `_per_second`.
Row = dict[str, Any]


class Claim(NamedTuple):
    """A figure against its goal."""

    text: str
    value: float
    goal: float
    at_least: bool = True  # else at most
    unit: str = "x"
    why: str = ""  # what bounds it, for a reader who sees the goal missed

    @property
    def met(self) -> bool:
        """Whether the goal is reached; a NaN never is."""
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def as_json(self) -> dict[str, Any]:
        """Return the fields, and whether it is met."""
        return {**self._asdict(), "met": bool(self.met)}


Yields = Iterator[Row | Claim]


def early(row: Row) -> Row:
    """Mark a row as that of a first turn, for a case that may be cut short before it has measured all sides in turn."""
    return {**row, "early": True}


def put(rows: list[Row], row: Row) -> None:
    """Add a row to a case's, in the place of the first early one unless it is early itself."""
    place = next((i for i, one in enumerate(rows) if one.get("early") and not row.get("early")), len(rows))
    rows[place : place + 1] = [row]


def in_turn(sides: Mapping[str, Callable[[], T]], repeats: int, seldom: Iterable[str] = ()) -> dict[str, list[T]]:
    """Run all sides in turn, A B A B, so that what disturbs the machine disturbs all; the `seldom` ones run once."""
    found: dict[str, list[T]] = {name: [] for name in sides}
    once = set(seldom)
    for turn in range(repeats):
        for name, side in sides.items():
            if turn == 0 or name not in once:
                found[name].append(side())
    return found


def timed(seconds: Iterable[float], ours: Iterable[float]) -> Row:
    """Give median and quartiles, and how many times as long as ours, with an interval where both have several repeats.

    Paired where there are as many repeats of both, which then ran in turn.
    """
    timing, other = Timing(tuple(seconds), 1), Timing(tuple(ours), 1)
    low, high = timing.quartiles
    ratio = compare(other, timing, paired=len(timing.seconds) == len(other.seconds))
    row: Row = {"seconds": timing.median, "low_seconds": low, "high_seconds": high, "repeats": len(timing.seconds)}
    low, high = (ratio.low, ratio.high) if ratio.level else (ratio.ratio, ratio.ratio)
    return {**row, "ratio": ratio.ratio, "ratio_low": low, "ratio_high": high}


def without_ratio(row: Row) -> Row:
    """Return a timing that is compared with no other."""
    return {name: value for name, value in row.items() if not name.startswith("ratio")}


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the median relative difference of two sides' final losses, over the runs that are finite on both."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    if not both.any():
        raise ValueError("no run is finite on both sides")
    return float(np.median(np.abs(ours - theirs)[both] / np.abs(ours)[both]))


def alone(*cases: Callable[..., Yields]) -> None:
    """Run one of a module's cases: `python -m bench.MODULE [CASE] [--FLAG ...]`.

    Every argument of the case's function is a flag; `--out` writes what it yielded as JSON.
    """
    named = {case.__name__: case for case in cases}
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if len(named) > 1:
        commands = parser.add_subparsers(dest="case", required=True, metavar="CASE")
    for name, case in named.items():
        command = commands.add_parser(name, help=inspect.getdoc(case)) if len(named) > 1 else parser
        command.add_argument("--out", metavar="FILE", help="write rows and claims as JSON")
        for key, parameter in inspect.signature(case).parameters.items():
            kind: Any = {"action": "store_true"} if parameter.default is False else {"type": type(parameter.default)}
            command.add_argument(f"--{key.replace('_', '-')}", default=parameter.default, **kind)
    options = vars(parser.parse_args())
    case, out = named[options.pop("case", next(iter(named)))], options.pop("out")
    jax.config.update("jax_num_cpu_devices", cores())
    rows, claims = [], []
    for item in case(**options):
        if isinstance(item, Claim):
            claims.append(item.as_json())
        else:
            put(rows, item)
            print(json.dumps(item), file=sys.stderr, flush=True)
    print(table(rows, claims))
    if out:
        Path(out).write_text(json.dumps({"rows": rows, "claims": claims}))
