"""`jgd compare`: two benches of one machine, case by case; slower beyond its interval is a failure."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from jgd.commands.options import add_command
from jgd.core.errors import InputError
from jgd.measure import Ratio, Timing, compare
from jgd.measure.units import time_text
from jgd.pages.text import plain_table

ABOUT = "Compare two benches: which cases got slower or faster, beyond the interval of their ratio."
MORE = """
  jgd bench --out before; ...; jgd bench --out after
  jgd compare before/results.json after/results.json --fail-above 5%

The ratio is the second's time over the first's, with an interval over blocks: at least 95% from six blocks on, and the
true level stands with it. Where memory limits a step, times are taken relative to the copy that ran in turn with it,
so that a busy machine is not a slower optimizer. The interval is that of one process: two runs of the same differ by
some percent more, so fail above 5% or 10%, not 1%. The files are those that jgd bench writes: any JSON with machine,
versions, and rows of case, seconds and copy will do.

exit status: 0 nothing got slower, 1 something got slower than --fail-above, 2 an input cannot be used
"""
ARGUMENTS = {
    "before": {"type": Path, "help": "results.json of the first bench"},
    "after": {"type": Path, "help": "results.json of the second"},
    "--fail-above": {"metavar": "PERCENT", "help": "fail if a case got slower by more, such as 5%%"},
    "--force": {"action": "store_true", "help": "compare across machines and versions all the same"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_compare(commands: Any) -> None:
    """Add the command to those of a parser."""
    add_command(commands, "compare", compare_files, ABOUT, ARGUMENTS, MORE)


def compare_files(options: argparse.Namespace) -> int:
    """Compare, print, and tell by the exit status."""
    limit = None if options.fail_above is None else _percent(options.fail_above)
    before, after = _read(options.before), _read(options.after)
    if not options.force:
        _check_alike(before, after)
    old, new = ({row["case"]: row for row in document["rows"]} for document in (before, after))
    common = [case for case in old if case in new]
    if not common:
        raise InputError(f"compare: {options.before} and {options.after} have no case in common; bench the same again.")
    ratios = {case: _ratio(old[case], new[case]) for case in common}
    slower = [case for case in common if limit is not None and ratios[case].low > 1 + limit]
    if options.json:
        print(
            json.dumps(
                {"ratios": {case: ratio.as_json() for case, ratio in ratios.items()}, "slower": slower}, indent=1
            )
        )
        return int(bool(slower))
    lines = [[case, _time(old[case]), _time(new[case]), str(ratios[case]), ratios[case].verdict] for case in common]
    print(plain_table(["case", "before", "after", "ratio (interval)", ""], lines))
    for missing, where in ((set(old) - set(new), options.before), (set(new) - set(old), options.after)):
        if missing:
            print(f"Only in {where}: {', '.join(sorted(missing))}.")
    if slower:
        print(f"Slower by more than {options.fail_above}: {', '.join(slower)}.")
    return int(bool(slower))


def _ratio(old: dict[str, Any], new: dict[str, Any]) -> Ratio:
    """Return the second's time over the first's, each relative to its copy where both have one."""
    relative = old.get("copy") and new.get("copy")
    timings = [
        Timing(tuple(np.divide(row["seconds"], row["copy"]) if relative else row["seconds"]), 1) for row in (old, new)
    ]
    return compare(*timings, paired=False)


def _time(row: dict[str, Any]) -> str:
    return time_text(float(np.median(row["seconds"])))


def _percent(text: str) -> float:
    try:
        found = float(text.removesuffix("%")) / 100
    except ValueError:
        found = -1.0
    if not found >= 0:
        raise InputError(f"--fail-above {text}: expected a percentage of at least 0, such as 5%.")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
        for row in document["rows"]:
            copy = row.get("copy")
            usable = len(row["seconds"]) > 0 and isinstance(row["case"], str)
            if not usable or min(row["seconds"]) <= 0 or (copy and len(copy) != len(row["seconds"])):
                raise ValueError(f"the row {row['case']!r} has no usable times")
        return {"machine": document["machine"], "versions": dict(document["versions"]), "rows": document["rows"]}
    except OSError as error:
        raise InputError(f"compare: cannot read {path} ({error.strerror}); pass the results.json of a bench.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"compare: {path} is not a bench's results ({error}); pass the results.json of one.") from None


def _check_alike(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Require the same machine and, of the packages that both name, the same versions, jgd itself apart."""
    both = (before["versions"].keys() & after["versions"].keys()) - {"jgd"}
    theirs, ours = ({name: x["versions"][name] for name in sorted(both)} for x in (before, after))
    for what, a, b in (("machines", before["machine"], after["machine"]), ("versions", theirs, ours)):
        if a != b:
            differing = [key for key in {**a, **b} if a.get(key) != b.get(key)]
            said = ", ".join(f"{key} {a.get(key, 'absent')} and {b.get(key, 'absent')}" for key in differing)
            raise InputError(f"compare: the {what} differ ({said}); bench both alike, or pass --force.")
