"""Read what a compiled program does on each device: collectives and products, loops by the number of their turns."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from jgd.core.arguments import TEXT, checked

KINDS = ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")
_BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "s64": 8, "u64": 8, "f64": 8, "c64": 8, "c128": 16}
_SHAPE = re.compile(r"(\w+)\[([\d,]*)\]")
_NAME = re.compile(r"^(?:ENTRY )?%?([\w.-]+) \(.*\{$")
_RESULT = re.compile(r"^\s*(?:ROOT )?%?([\w.-]+) = (.*?) ([\w-]+)\(")
_CALLED = re.compile(r"(?:body|to_apply|calls|true_computation|false_computation|condition)=%?([\w.-]+)")


class Work(NamedTuple):
    """Hold what one run of a program does on a device.

    `collectives` has for each kind how often it runs, `bytes` what they return, `repeated` how many of them run within
    loops, and `flops` are those of products of matrices, 2 for each product of two entries.
    """

    collectives: dict[str, int]
    bytes: int
    repeated: int
    flops: int

    @property
    def count(self) -> int:
        """The collectives of all kinds."""
        return sum(self.collectives.values())


@checked(program=TEXT)
def program_work(program: str) -> Work:
    """Count collectives and products in the text of a compiled program (`compiled.as_text()`)."""
    lines = _computations(program)
    entry = next(line for line in program.splitlines() if line.startswith("ENTRY"))
    found = _run(lines, _name(entry), 1)
    kinds = {kind: sum(times for name, _, times in found if name == kind) for kind in KINDS}
    return Work(
        {kind: n for kind, n in kinds.items() if n},
        sum(size * times for name, size, times in found if name in KINDS),
        sum(times for name, _, times in found if name in KINDS and times > 1),
        sum(size * times for name, size, times in found if name == "dot"),
    )


def _run(lines: dict[str, list[str]], name: str, times: int) -> list[tuple[str, int, int]]:
    """Return the collectives with their bytes and the products with their operations, each with how often it runs."""
    found, shapes = [], dict(_shapes(lines[name]))
    for line in lines[name]:
        match = _RESULT.match(line)
        if match is None:
            continue
        kind = match[3].removesuffix("-start")
        if kind in KINDS:
            found.append((kind, _size(match[2]), times))
        elif kind == "dot":
            found.append((kind, 2 * _entries(match[2]) * _contracted(line, shapes), times))
        elif kind in ("while", "call", "fusion", "conditional"):
            turns = re.search(r'known_trip_count":\{"n":"(\d+)"', line) if kind == "while" else None
            branches = re.search(r"branch_computations=\{([^}]*)\}", line)
            called = re.split(r",\s*", branches[1].replace("%", "")) if branches else _CALLED.findall(line)
            for inner in called:
                found += _run(lines, inner, times * int(turns[1] if turns else 1))
    return found


def _computations(program: str) -> dict[str, list[str]]:
    """Return the lines of each computation by its name."""
    found: dict[str, list[str]] = {}
    here: list[str] = []
    for line in program.splitlines():
        if line.endswith("{") and _NAME.match(line):
            here = found.setdefault(_name(line), [])
        here.append(line)
    return found


def _name(line: str) -> str:
    match = _NAME.match(line)
    if match is None:
        raise ValueError(f"no computation begins so: {line}")
    return match[1]


def _shapes(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if match := _RESULT.match(line):
            yield match[1], match[2]


def _contracted(line: str, shapes: dict[str, str]) -> int:
    """Return the length of the axes that a product sums over."""
    operand = re.search(r" dot\((?:\w+\[[\d,]*\](?:\{[^}]*\})? )?%?([\w.-]+)", line)
    axes = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", line)
    shape = operand and _SHAPE.search(shapes[operand[1]])
    if not (shape and axes):
        raise ValueError(f"this is no product of matrices: {line}")
    lengths = [int(n) for n in shape[2].split(",") if n]
    return math.prod(lengths[int(axis)] for axis in axes[1].split(",") if axis)


def _entries(result: str) -> int:
    return sum(math.prod(int(n) for n in lengths.split(",") if n) for _, lengths in _SHAPE.findall(result))


def _size(result: str) -> int:
    """Return the bytes of a result, an array or a tuple of them."""
    return sum(
        math.prod(int(n) for n in lengths.split(",") if n) * _BYTES.get(dtype, 4)
        for dtype, lengths in _SHAPE.findall(result)
    )


def entry_results(program: str) -> Iterator[tuple[str, int]]:
    """Yield the kind of each instruction of the entry, and the bytes that it returns."""
    lines = _computations(program)
    entry = next(line for line in program.splitlines() if line.startswith("ENTRY"))
    for line in lines[_name(entry)]:
        if match := _RESULT.match(line):
            yield match[3], _size(match[2])
