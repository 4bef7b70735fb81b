"""Spaces written as TOML: each table is a space, and names become optimizers, schedules and distributions.

    [adam]                                      # the table's name is the optimizer's, unless `optimizer` says another
    learning_rate = { loguniform = [1e-4, 1e-1] }
    b1 = { uniform = [0.8, 0.99], step = 0.01 }

    ["adam, cosine"]
    optimizer = "adam"
    learning_rate = { schedule = "cosine_decay", init_value = { loguniform = [1e-4, 1e-1] }, decay_steps = "steps" }

A list of numbers is a grid, `{ structural = [16, 32] }` lists sizes, `{ integer = [1, 64], log = true }` draws
factors, `{ choice = [...] }` and `{ choice = { label = ... } }` choose, `chain = [...]` composes,
"steps" stands for the steps of the sweep and `{ steps = 0.1 }` for a tenth of them.
What does not fit on a line goes into a table of its own, `[adam.learning_rate]`, with its keys below.

For a function that owns its loop a table is what it is called with: numbers and distributions by name, no optimizer.
"""

import inspect
import os
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jgd.optimizers
import jgd.schedules
import jgd.transforms
from jgd.core.arguments import FLAG, checked
from jgd.core.errors import InputError, unknown
from jgd.optimizers.catalogue import catalogue
from jgd.sweep.spaces.functions import (
    Named,
    choice,
    grid,
    integer,
    loguniform,
    normal,
    quantized,
    structural,
    uniform,
)

RANGES = {"uniform": uniform, "loguniform": loguniform, "integer": integer, "normal": normal}
NOT_PARTS = (  # they take functions
    *("apply_updates", "as_transform", "chain", "masked", "partition", "muon_labels"),
    *("every_matrix_axes", "matrix_axes", "matrix_axes_by_path"),
)
ENDINGS = {"schedule": "_schedule"}  # that a name may leave out


@checked(closed=FLAG)
def read_spaces(path: str | os.PathLike[str], steps: int | None = None, *, closed: bool = False) -> dict[str, Any]:
    """Read the spaces of a TOML file by name, for `jgd.sweep.run`; `steps` are those that its "steps" stands for.

    `closed` says that they are those of a function `train(hp, key)`.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"{os.fspath(path)}: cannot read it ({reason}); name a TOML file of spaces.") from None
    return parse_spaces(text, os.fspath(path), steps, closed=closed)


def parse_spaces(text: str, place: str, steps: int | None = None, *, closed: bool = False) -> dict[str, Any]:
    """Return the spaces of a TOML text, which errors call `place`."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{place}: it is not TOML: {error}.") from None
    alone = {*RANGES, "choice", "grid", "structural"} if closed else set()  # tables that are no spaces
    loose = [name for name, x in tables.items() if not isinstance(x, dict) or (len(x) <= 2 and alone & set(x))]
    if loose or not tables:
        what = f"{loose[0]} {_why_no_table(tables[loose[0]], alone)}" if loose else "there is no space in it"
        example = "[train] with rate" if closed else "[adam] with learning_rate"
        raise InputError(f"{place}: {what}; each space is a table, such as {example} = ... below it.")
    reader = _Reader(steps)
    if closed:
        return Named({name: reader.arguments(f"{place}: {name}", table) for name, table in tables.items()})
    return {name: reader.space(f"{place}: {name}", name, table) for name, table in tables.items()}


def _why_no_table(found: Any, alone: set[str]) -> str:
    given = alone & set(found) if isinstance(found, dict) else ()
    return f"reads as a distribution, as it has {min(given)!r}" if given else "stands outside of a table"


class _Reader:
    """Turns what TOML holds into parts of a space; every error begins with the place."""

    def __init__(self, steps: int | None) -> None:
        self.steps = steps
        rules = {name: getattr(jgd.optimizers, name) for name in dir(jgd.optimizers) if name.startswith("scale_by_")}
        self.known = {
            "optimizer": {name: entry.make for name, entry in catalogue().items()},
            "schedule": _functions(jgd.schedules, ENDINGS["schedule"]),
            "transform": _functions(jgd.transforms, "") | rules,
        }
        self.kinds = (*self.known, "chain", "choice", "grid", "structural", *RANGES, "steps")

    def space(self, place: str, name: str, table: dict[str, Any]) -> Any:
        """Return the optimizer that a table of the first level is."""
        if not any(kind in table for kind in self.kinds):
            if name not in self.known["optimizer"]:
                error = unknown(place, name, self.known["optimizer"])
                raise InputError(f'{str(error).rstrip(".")}; or say in the table which: optimizer = "adam".')
            table = {"optimizer": name, **table}
        return self.value(place, table)

    def value(self, place: str, given: Any) -> Any:
        """Return a number, a text, a grid, or what a table describes."""
        if isinstance(given, list):
            return _told(place, grid, given)
        if given == "steps":
            return self.share(place, 1)
        if not isinstance(given, dict):
            return given
        kinds = [kind for kind in self.kinds if kind in given]
        if not kinds:
            raise unknown(place, next(iter(given), "{}"), self.kinds)
        kind, others = kinds[0], {name: value for name, value in given.items() if name != kinds[0]}
        if kind in self.known:
            return self.call(place, kind, given[kind], others)
        if kind in RANGES:
            return self.range(place, kind, given[kind], others)
        if others:
            raise InputError(f"{place}: {kind} stands alone, but {next(iter(others))!r} is beside it; take that out.")
        if kind == "steps":
            return self.share(place, given[kind])
        read = {"chain": self.chain, "choice": self.choice, "grid": self.grid, "structural": self.structural}
        return read[kind](f"{place}.{kind}", given[kind])

    def call(self, place: str, kind: str, name: Any, arguments: dict[str, Any]) -> Any:
        """Return an optimizer, a schedule or a transform with its arguments."""
        short = str(name).removesuffix(ENDINGS.get(kind, ""))
        if short not in self.known[kind]:
            raise unknown(f"{place}.{kind}", name, self.known[kind])
        function = self.known[kind][short]
        signature = inspect.signature(function)
        for argument in arguments:
            if argument not in signature.parameters:
                raise unknown(f"{place}: {kind} {name}", argument, signature.parameters)
        needed = [key for key, one in signature.parameters.items() if one.default is one.empty and key not in arguments]
        if needed:
            raise InputError(f"{place}: {kind} {name} needs {needed[0]}; write {needed[0]} = ... in it.")
        made = self.arguments(place, arguments)
        return _told(place, lambda: function(**made))

    def arguments(self, place: str, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a function's call."""
        return {key: self.value(f"{place}.{key}", value) for key, value in given.items()}

    def range(self, place: str, kind: str, ends: Any, others: dict[str, Any]) -> Any:
        """Return a distribution of two numbers, maybe rounded to steps."""
        known = ["step", "log"] if kind == "integer" else ["step"]
        if wrong := [name for name in others if name not in known]:
            raise unknown(f"{place}: beside {kind}", wrong[0], known)
        if not isinstance(ends, list) or len(ends) != 2:
            names = "mean, std" if kind == "normal" else "low, high"
            raise InputError(f"{place}.{kind} = {ends!r}: expected two numbers, {{ {kind} = [{names}] }}.")
        drawn = partial(integer, log=others.get("log", False)) if kind == "integer" else RANGES[kind]
        made = _told(f"{place}.{kind}", drawn, *ends)
        return _told(place, quantized, made, others["step"]) if "step" in others else made

    def grid(self, place: str, values: Any) -> Any:
        """Return numbers, all of them taken by the grid sampler."""
        return _told(place, grid, values)

    def structural(self, place: str, values: Any) -> Any:
        """Return whole numbers that shape the program."""
        return _told(place, structural, values)

    def choice(self, place: str, options: Any) -> Any:
        """Return numbers or parts, in a list or by their labels."""
        if isinstance(options, Mapping):
            return _told(place, choice, {label: self.value(f"{place}.{label}", x) for label, x in options.items()})
        if not isinstance(options, list):
            raise InputError(f"{place} = {options!r}: expected a list of options, or a table of them by label.")
        return _told(place, choice, [self.value(f"{place}[{i}]", x) for i, x in enumerate(options)])

    def chain(self, place: str, links: Any) -> Any:
        """Return transforms and optimizers one after the other."""
        if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
            raise InputError(f'{place}: expected a list of tables, such as [{{ optimizer = "adam", ... }}].')
        made = [self.value(f"{place}[{i}]", link) for i, link in enumerate(links)]
        return _told(place, jgd.transforms.chain, *made)

    def share(self, place: str, share: Any) -> int:
        """Return so many of the sweep's steps."""
        if self.steps is None:
            raise InputError(f"{place}: how many steps the sweep has is not known here; write a number.")
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise InputError(f"{place}.steps = {share!r}: expected a share of the sweep's steps, from 0 to 1.")
        return round(share * self.steps)


def _functions(module: Any, ending: str) -> dict[str, Callable[..., Any]]:
    """Return the public functions of a package by their names, without the ending."""
    public = (name for name in dir(module) if name in dir(jgd) and name not in NOT_PARTS)
    found = {name: getattr(module, name) for name in public}
    return {name.removesuffix(ending): x for name, x in found.items()}


def _told(place: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function, whose errors begin with the place."""
    try:
        return function(*arguments)
    except (InputError, TypeError, ValueError) as error:
        raise InputError(f"{place}: {error}" if str(error).endswith(".") else f"{place}: {error}.") from None
