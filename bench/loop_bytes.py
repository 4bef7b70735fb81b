"""The bytes that a pass of each compiled loop moves, by the compiler's text."""

import re

from bench.passes import NO_PASS, Line, read_computations

_WITHIN = re.compile(r"(body|true_computation|false_computation|branch_computations)=(\{[^}]*\}|%?[\w.\-]+)")


def loop_bytes(text: str) -> list[int]:
    """Count those of every loop, of one that lies within another by itself, the largest first.

    A condition counts as its dearer branch, and a slice as a pass over all that it is taken from.
    """
    computations, _ = read_computations(text)
    loops = [line for lines in computations.values() for line in lines if line.does == "while"]
    return sorted((_moved(computations, _called(line)[0]) for line in loops), reverse=True)


def _called(line: Line) -> list[str]:
    """The computations of a loop's body, or of a condition's branches."""
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
            total += line.size + sum(sizes.get(one, 0) for one in set(line.takes))
    return total
