"""A bench as rows: measured in turn, then on a terminal, in plain text and as JSON."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from jgd.commands.bench.cases import Case
from jgd.commands.bench.peers import PEERS, InJax, check_same, difference, peers_of
from jgd.commands.bench.trees import Tree
from jgd.core.cost import Cost
from jgd.core.errors import InputError
from jgd.core.memory import free_bytes
from jgd.core.tree import tree_bytes
from jgd.measure import Ratio, Share, Timing, compare, floor, interleave, judge, machine, state_bytes
from jgd.measure.device import Copy, default_device
from jgd.measure.program import Memory, Program
from jgd.measure.timing import Runner
from jgd.measure.units import bytes_text, time_text

BUSY = 1.2  # of the load that one process with a thread for each core brings
HEADER = ["optimizer", "by", "step", "IQR", "GB/s", "of the\nfloor", "vs ours", "state\nB/param", "compile", "temp."]


class Row(NamedTuple):
    """One optimizer by one library, on one tree."""

    optimizer: str
    by: str
    timing: Timing
    copied: Timing  # a copy's, in turn with it
    share: Share | None
    least: Cost
    parameters: int
    state_bytes: int
    memory: Memory | None  # None for what JAX does not compile
    operations: float  # of a step, by the compiler's count
    ratio: Ratio | None  # of its time to ours
    difference: float | None  # from where our steps lead
    median_ratio: float | None  # of the two medians that a table shows

    @property
    def bandwidth(self) -> float:
        """The least bytes over the time, bytes a second."""
        return self.least.bytes / self.timing.median

    @property
    def verdict(self) -> str:
        """Tell whether it is "slower" or "faster" than ours; empty where that may be chance or the medians disagree."""
        if self.ratio is None or not self.median_ratio:
            return ""
        found = self.ratio.verdict
        return found if found == ("slower" if self.median_ratio > 1 else "faster") else ""


def measure_case(name: str, case: Case, tree: Tree, names: Sequence[str], blocks: int, seconds: float) -> list[Row]:
    """Measure one optimizer by us and by those of the peers who have it, a block of each in turn, and a copy."""
    ours, others = InJax(case.ours), peers_of(case, names)
    apart = {peer: difference(ours, found, tree.params) for peer, found in others.items()}
    for peer, found in apart.items():
        check_same(name, peer, found)
    _check_room(name, case, tree, 1 + len(others))
    copy = Copy()
    runners: dict[str, Runner] = {"copy": copy, "jgd": ours.runner(tree.params)}
    runners |= {peer: found.runner(tree.params) for peer, found in others.items()}
    timings = interleave(runners, blocks=blocks, block_seconds=seconds)
    least, size = floor(case.ours, tree.params), state_bytes(case.ours, tree.params)
    copied, rows = timings.pop("copy"), []
    ours_counted = runners["jgd"].operations  # type: ignore[attr-defined]
    for by, timing in timings.items():
        runner = runners[by]
        rows.append(
            Row(
                name,
                by,
                timing,
                copied._replace(seconds=tuple(x / copy.moved for x in copied.seconds)),
                judge(f"{name} by {by}", case.ours, tree.params, timing, copied, copy),
                least,
                tree.parameters,
                size,
                runner.memory if isinstance(runner, Program) else None,
                max(ours_counted, sum(least.flops.values())),
                None if by == "jgd" else compare(timings["jgd"], timing),
                apart.get(by),
                None if by == "jgd" else timing.median / timings["jgd"].median,
            )
        )
    return rows


def cells(row: Row) -> list[str]:
    """Return a row as text."""
    low, high = row.timing.quartiles
    compilation = row.timing.compilation
    return [
        row.optimizer,
        row.by,
        time_text(row.timing.median),
        f"{100 * (high - low) / row.timing.median:.0f}%",
        f"{row.bandwidth / 1e9:#.3g}".rstrip("."),
        "-" if row.share is None else f"{row.share.percent:.0f}%",
        _against(row),
        f"{row.state_bytes / row.parameters:.1f}",
        "-" if compilation is None else time_text(compilation.seconds),
        "-" if row.memory is None else bytes_text(row.memory.temporaries),
    ]


def _against(row: Row) -> str:
    """Return its time over ours, from blocks in pairs.

    A tilde where that may be chance, `~1x` where the medians disagree.
    """
    if row.ratio is None or row.median_ratio is None:
        return ""
    if (row.ratio.ratio > 1) != (row.median_ratio > 1):
        return "~1x"
    return f"{'' if row.verdict else '~'}{row.ratio.ratio:.2f}x"


def load_warning() -> str:
    """Return a warning if others keep this machine's cores busy; empty if not, or if nobody tells."""
    load, cores = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0, machine()["cores"]
    if load < BUSY * cores:
        return ""
    return f"! The machine was busy as this began, with a load of {load:.1f} on {cores} cores: measure again when idle."


def remarks(rows: Sequence[Row], cases: dict[str, Case], names: Sequence[str]) -> list[str]:
    """Say in sentences what the table does not show."""
    found = []
    for package, peer in {PEERS[name]: name for name in names}.items():
        lacking = [name for name, case in cases.items() if not peers_of(case, [peer])]
        if lacking:
            found.append(f"{package} has no {', '.join(lacking)} that computes the same.")
    if any(row.share is None for row in rows):
        found.append(
            "No floor is shown where parameters, gradients and state fit into twice the last cache: memory is no limit."
        )
    return found


def as_json(tree: Tree, row: Row) -> dict[str, Any]:
    """Return a row as JSON has it; `case`, `seconds` and `copy` are what `jgd compare` reads."""
    timing = row.timing.as_json()
    return {
        "case": f"{tree.name} {row.optimizer} by {row.by}",
        "optimizer": row.optimizer,
        "by": row.by,
        # Seconds of a copied byte, where memory is what limits the step.
        "copy": None if row.share is None else list(row.copied.seconds),
        **timing,
        "bandwidth": row.bandwidth,
        "percent_of_floor": None if row.share is None else row.share.as_json(),
        "least_bytes": row.least.bytes,
        "least_flops": dict(row.least.flops),
        "state_bytes_per_parameter": row.state_bytes / row.parameters,
        "memory": None if row.memory is None else row.memory.as_json(),
        "ratio_to_jgd": None if row.ratio is None else row.ratio.as_json(),
        "difference_from_jgd": row.difference,
    }


def _check_room(name: str, case: Case, tree: Tree, contestants: int) -> None:
    """Refuse what memory has no room for: all together, with a copy's array, and once more while they are made."""
    free = free_bytes(default_device())
    each = 3 * tree_bytes(tree.params) + 2 * state_bytes(case.ours, tree.params)
    if free is not None and free < contestants * each:
        raise InputError(
            f"--params {tree.name}: {name} needs up to {bytes_text(contestants * each)} for {contestants} side by "
            f"side, and {bytes_text(free)} are free; choose fewer parameters or fewer peers."
        )
