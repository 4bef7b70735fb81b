"""The bytes that a pass of each compiled loop moves, and the operations that it runs, by the compiler's text."""

import re

from bench.passes import NO_PASS, Line, read_computations

SLICES = ("slice", "dynamic-slice", "gather")
IDLE = {"parameter", "constant", "bitcast", "tuple", "get-tuple-element"}  # what runs nothing
LINE = 16  # entries of float32 in a line of the cache, below which nothing is read
_STRIDE = re.compile(r"slice=\{[^}]*\[\d+:\d+:(\d+)\]\}")  # along the last axis
_WITHIN = re.compile(r"(body|true_computation|false_computation|branch_computations)=(\{[^}]*\}|%?[\w.\-]+)")


def loop_bytes(text: str) -> list[int]:
    """Count those of every loop, of one that lies within another by itself, the largest first.

    A condition counts as its dearer branch. Of an array of which a pass takes slices alone, those count, and what
    lies between their entries in a line of the cache.
    """
    computations, bodies = _loops(text)
    return sorted((_moved(computations, body) for body in bodies), reverse=True)


def loop_operations(text: str) -> list[int]:
    """Count what a pass of every loop runs, a fusion or a branch as one, its condition left out, the most first."""
    computations, bodies = _loops(text)
    return sorted((sum(line.does not in IDLE for line in computations[body]) for body in bodies), reverse=True)


def _loops(text: str) -> tuple[dict[str, list[Line]], list[str]]:
    """Return a program's computations, and the names of those that are bodies of loops."""
    computations, _ = read_computations(text)
    loops = [line for lines in computations.values() for line in lines if line.does == "while"]
    return computations, [_called(line)[0] for line in loops]


def _called(line: Line) -> list[str]:
    """Return the computations of a loop's body, or of a condition's branches."""
    found = [name for key, name in _WITHIN.findall(line.text) if line.does != "while" or key == "body"]
    return [one.strip(" %") for names in found for one in names.strip("{}").split(",")]


def _moved(computations: dict[str, list[Line]], name: str) -> int:
    sizes, total = {line.name: line.size for line in computations[name]}, 0
    for line in computations[name]:
        if line.does == "conditional":
            total += max(_moved(computations, one) for one in _called(line))
        elif line.does == "call":
            total += _moved(computations, line.calls[0])
        elif line.size and line.does not in NO_PASS and line.does != "while":
            total += line.size + sum(_read(computations, line, one, sizes.get(one, 0)) for one in set(line.takes))
    return total


def _read(computations: dict[str, list[Line]], line: Line, taken: str, size: int) -> int:
    """Return the bytes that a line reads of an operand of this size."""
    users = [line]
    if line.does == "fusion":
        inner = computations[line.calls[0]]
        own = next(x.name for x in inner if x.does == "parameter" and x.text.startswith(f"{line.takes.index(taken)})"))
        users = [x for x in inner if own in x.takes]
    slices = users and all(x.does in SLICES for x in users)
    return min(size, sum(x.size * _stride(x) for x in users)) if slices else size


def _stride(line: Line) -> int:
    """Tell how many entries a slice reads for each that it takes."""
    found = _STRIDE.search(line.text)
    return min(int(found[1]), LINE) if found else 1
