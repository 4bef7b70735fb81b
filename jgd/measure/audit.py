"""An audit of a compiled step: memory, collectives, and what costs more than it should, with a remedy each."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax

from jgd.core.arguments import Kind, checked
from jgd.core.finding import Finding, Findings, worst_first
from jgd.core.memory import bytes_on_a_device
from jgd.measure.collectives import Work, program_work
from jgd.measure.idle_options import idle_options
from jgd.measure.program_findings import (
    calls_apart,
    carried_pairs,
    copies,
    large_constants,
    not_donated,
    recompiled,
    widened,
)
from jgd.measure.units import bytes_text
from jgd.pages.sheet import Sheet


@dataclass(frozen=True)
class Audit:
    """Hold what a compiled step takes, and what is wrong with it; it prints as a table and a sentence for each finding.

    findings     Worst first, each with its evidence and its remedy.
    memory       Bytes on one device by argument, and of outputs, of what is donated (outputs that lie where arguments
                 lay) and of temporaries; "peak" is arguments + outputs - donated + temporaries.
    collectives  How often each kind runs in a step, what they return, and how many run within loops.
    notes        What could not be looked at, and why.
    """

    findings: Findings
    memory: Mapping[str, int]
    collectives: Work
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the same as JSON has it."""
        findings = [vars(finding) for finding in self.findings]
        return {
            "findings": findings,
            "memory": dict(self.memory),
            "collectives": self.collectives._asdict(),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def _sheet(self) -> Sheet:
        rows = [(name, bytes_text(count)) for name, count in self.memory.items()]
        found = self.collectives
        kinds = ", ".join(f"{count} {kind}" for kind, count in found.collectives.items())
        said = f"{kinds}, {bytes_text(found.bytes)} a step" if kinds else "none"
        count = len(self.findings)
        verdict = f"{count} finding{'s' * (count > 1)}" if count else "nothing found"
        foot = [f"collectives: {said}", *map(str, self.findings), *(f"not looked at: {note}" for note in self.notes)]
        return Sheet([f"audit: {verdict}"], ("memory on a device", "bytes"), rows, foot)


@checked(
    step=Kind("be a function, jitted as it will be called", callable),
    again=Kind("be a tuple of a second call's arguments", lambda x: x is None or isinstance(x, tuple)),
)
def audit(step: Callable[..., Any], *args: Any, again: tuple[Any, ...] | None = None) -> Audit:
    """Compile `step(*args)` and tell what it takes and what is wrong with it: it is not run.

    `step` is a training step, jitted as it will be called: its donated arguments are read from it. `args` are arrays or
    their shapes (`jax.ShapeDtypeStruct`). An output of the structure and shapes of an argument is taken for its next
    value: `step(params, state, batch) -> (params, state, loss)` carries two. `again` is a second call's arguments, for
    the question whether it compiles anew.

    Looked for, each with a remedy: donated arguments that no output takes; from 1 MiB on carried ones that are not
    donated, copies and baked-in constants; products in float32 of what was in 16 bits, and float64 that no
    argument brings; outputs that come back with another dtype, so that the second call compiles anew, and what differs
    between two calls; collectives within loops; and, where an optimizer of jgd is among the arguments or in the step's
    closure, with its parameters among the arguments: masks that leave nothing, labels that no leaf has, flags and
    numbers without effect.

    Costs one compilation, and a few traces of the optimizer's update.
    """
    jitted: Any = step if hasattr(step, "trace") and hasattr(step, "lower") else jax.jit(step)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        traced = jitted.trace(*args)
        lowered = traced.lower()
    compiled = lowered.compile()
    names = argument_names(step, len(args))
    given = dict(zip(names, args, strict=True))
    pairs = carried_pairs(given, traced.out_info)
    text = compiled.as_text()
    collectives = program_work(text)
    found = [
        *not_donated(given, lowered.args_info[0], pairs, [str(one.message) for one in said]),
        *recompiled(given, traced.jaxpr, pairs),
        *([] if again is None else calls_apart(given, again)),
        *large_constants(traced.jaxpr),
        *widened(traced.jaxpr),
        *copies(text),
        *_in_loops(collectives),
    ]
    options, notes = idle_options(step, args)
    return Audit(worst_first([*found, *options]), _memory(given, compiled), collectives, tuple(notes))


def argument_names(step: Callable[..., Any], count: int) -> list[str]:
    """Return the names of so many arguments, as the function's signature has them."""
    try:
        parameters = list(inspect.signature(step).parameters.values())
    except (TypeError, ValueError):  # a builtin
        parameters = []
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return [names[i] if i < len(names) else f"argument {i}" for i in range(count)]


def _memory(given: Mapping[str, Any], compiled: Any) -> dict[str, int]:
    found = compiled.memory_analysis()
    donated, temporaries, outputs = found.alias_size_in_bytes, found.temp_size_in_bytes, found.output_size_in_bytes
    peak = found.argument_size_in_bytes + outputs - donated + temporaries
    named = {name: bytes_on_a_device(tree) for name, tree in given.items()}
    return {**named, "outputs": outputs, "donated": donated, "temporaries": temporaries, "peak": peak}


def _in_loops(found: Work) -> list[Finding]:
    if not found.repeated:
        return []
    return [
        Finding(
            2, "the program", "collectives within loops", found.repeated, "0",
            f"each turn of a loop waits for the other devices ({found.count} collectives a step)",
            "sum over the loop first and reduce once after it, or shard an axis that the loop does not touch",
        )
    ]  # fmt: skip
