"""Read what a compiled program does to memory from the compiler's text: its passes over arrays, and what each computes.

Two programs with the same passes and the same operations in them are one program to the machine: what differs is which
numbers are arguments and which are constants, and a ratio of their times is noise.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from jgd.measure import Program

LEAST = 1 << 12  # bytes of what counts as an array; below are hyperparameters and counters
NO_WORK = {"parameter", "constant", "broadcast", "bitcast", "tuple", "get-tuple-element", "fusion", "call"}
GRAPH = "command_buffer"  # how XLA names the computation that becomes one
NO_PASS = NO_WORK - {"fusion", "call", "broadcast"}

_TYPE = r"\((?:[^()]|\([^()]*\))*\)|\S+"
_LINE = re.compile(rf"^\s*(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<type>{_TYPE}) (?P<does>[\w\-]+)\((?P<rest>.*)$")
_HEAD = re.compile(r"^(?P<entry>ENTRY )?%?(?P<name>[\w.\-]+) \(.*\{$")
_ARRAY = re.compile(r"(pred|[a-z]+(\d+)\w*)\[([\d,]*)\]")
_CALLED = re.compile(r"(?:calls|to_apply)=%?([\w.\-]+)")


class Line(NamedTuple):
    """An instruction."""

    name: str
    does: str  # fusion, multiply, copy, ...
    size: int  # bytes of the arrays that it makes
    takes: list[str]
    calls: list[str]
    text: str  # behind the name of the instruction


class Pass(NamedTuple):
    """One way through arrays, from memory to memory."""

    moved: int  # bytes, read and written
    work: tuple[str, ...]  # operations on entries, in alphabetical order


def passes(program: Program) -> list[Pass]:
    """Return those of a program without loops, in its order; what a GPU replays as one graph counts by its parts."""
    return list(_passes(*read_computations(program.text)))


def _passes(computations: dict[str, list[Line]], name: str) -> Iterator[Pass]:
    sizes = {line.name: line.size for line in computations[name]}
    for line in computations[name]:
        graph = next((called for called in line.calls if called.startswith(GRAPH)), None)
        if graph:
            yield from _passes(computations, graph)
        elif line.size and line.does not in NO_PASS:
            moved = line.size + sum(sizes.get(name, 0) for name in set(line.takes))
            yield Pass(moved, tuple(sorted(_work(line, computations))))


def likeness(ours: list[Pass], theirs: list[Pass]) -> str:
    """Tell how far two programs are one: `the same`, `the same passes` that move the same bytes, or nothing."""
    if Counter(ours) == Counter(theirs):
        return "the same"
    alike = sorted(one.moved for one in ours) == sorted(one.moved for one in theirs)
    return "the same passes" if alike else ""


def _work(line: Line, computations: dict[str, list[Line]]) -> list[str]:
    own = [line.does] if line.size and line.does not in NO_WORK else []
    return own + [does for name in line.calls for inner in computations[name] for does in _work(inner, computations)]


def read_computations(text: str) -> tuple[dict[str, list[Line]], str]:
    """Take a program's text apart: the computations by name, and the name of the one that is run."""
    found: dict[str, list[Line]] = {}
    entry = name = ""
    for line in text.splitlines():
        if head := _HEAD.match(line):
            name = head["name"]
            found[name], entry = [], name if head["entry"] else entry
        elif name and (match := _LINE.match(line)):
            takes = re.findall(r"%([\w.\-]+)", match["rest"].partition(")")[0])
            calls, size = _CALLED.findall(match["rest"]), _size(match["type"])
            found[name].append(Line(match["name"], match["does"], size, takes, calls, match["rest"]))
    return found, entry


def _size(kind: str) -> int:
    """Return the bytes of the arrays of a type, which may be a tuple."""
    total = 0
    for _, bits, axes in _ARRAY.findall(kind):
        size = max(1, int(bits or 8) // 8)
        for axis in filter(None, axes.split(",")):
            size *= int(axis)
        total += size if size >= LEAST else 0
    return total
