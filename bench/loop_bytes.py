"""The bytes that a pass of a compiled loop moves, by the compiler's text, with what it only does at times set apart."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from bench.passes import NO_PASS, Line, read_computations

_WITHIN = re.compile(r"(body|true_computation|false_computation|branch_computations)=(\{[^}]*\}|%?[\w.\-]+)")


class Moved(NamedTuple):
    """Bytes read and written: always, and more than that where each condition takes its dearer branch."""

    always: int
    at_times: int


def loop_bytes(text: str) -> Moved:
    """Count those of the loop that moves most. A slice counts as a pass over all that it is taken from."""
    computations, _ = read_computations(text)
    called = {line.name: _called(line) for lines in computations.values() for line in lines}
    bodies = [called[line.name][0] for lines in computations.values() for line in lines if line.does == "while"]
    return max(_moved(computations, body) for body in bodies)


def _called(line: Line) -> list[str]:
    """The computations of a loop's body, or of a condition's branches."""
    found = [name for key, name in _WITHIN.findall(line.text) if line.does != "while" or key == "body"]
    return [one.strip(" %") for names in found for one in names.strip("{}").split(",")]


def _moved(computations: dict[str, list[Line]], name: str) -> Moved:
    parts = list(_parts(computations, name))
    return Moved(sum(one.always for one in parts), sum(one.at_times for one in parts))


def _parts(computations: dict[str, list[Line]], name: str) -> Iterator[Moved]:
    sizes = {line.name: line.size for line in computations[name]}
    for line in computations[name]:
        if line.does == "conditional":
            branches = sorted(sum(_moved(computations, one)) for one in _called(line))
            yield Moved(branches[0], branches[-1] - branches[0])
        elif line.does == "call":
            yield _moved(computations, line.calls[0])
        elif line.size and line.does not in NO_PASS and line.does != "while":
            yield Moved(line.size + sum(sizes.get(one, 0) for one in set(line.takes)), 0)
