"""The table of planted faults, of which a check-up names so many first: `python -m tests.health.fault_table`.

Takes some 8 minutes on two cores. `--out FILE` writes it as a file of results, of which `python -m bench --page FILE`
makes a page.
"""

import argparse
import itertools
import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.format import table
from bench.machine import describe
from bench.rows import Claim, Row
from jgd.measure import cores
from tests import cheap_compilation  # noqa: F401  before anything is compiled: most of the time goes there
from tests.health.faults import FAULTS, GOOD, METHODS, missed_at

COMMAND = "python -m tests.health.fault_table"
TITLE = "Planted faults that a check-up names first, on the tasks that its thresholds were set on"
SETTINGS = tuple(itertools.product(GOOD, METHODS, (0, 1)))  # task, optimizer, seed
KINDS = 3  # good settings of each


def found() -> Iterator[tuple[tuple, tuple]]:
    """Yield of each setting the faults that were missed, and the findings of the good ones."""
    with ProcessPoolExecutor(cores(), multiprocessing.get_context("spawn")) as pool:
        yield from zip(SETTINGS, pool.map(missed_at, *zip(*SETTINGS, strict=True)), strict=True)


def results(missed: Mapping[tuple, tuple], seconds: float) -> dict:
    """Return what was found as the results of a case: a row for each fault, and one for the good settings."""
    wrong = Counter((fault, name) for (name, *_), (faults, _) in missed.items() for fault, _ in faults)
    alarms = Counter(name for (name, *_), (_, good) in missed.items() for one in good if one)
    times = Counter(name for name, *_ in missed)
    rows: list[Row] = []
    for fault in (fault.__name__ for fault in FAULTS):
        each = {name: f"{times[name] - wrong[fault, name]} of {times[name]}" for name in GOOD}
        rows.append({"planted": fault.replace("_", " "), **each})
    good = {name: f"alarms in {alarms[name]} of {KINDS * times[name]}" for name in GOOD}
    rows.append({"planted": "nothing", **good})
    count = len(FAULTS) * len(missed)
    named = Claim(f"percent of {count} planted faults named first", 100 * (1 - wrong.total() / count), 95.0, unit=" %")
    count = KINDS * len(missed)
    text = f"percent of {count} good settings with an alarm"
    alarmed = Claim(text, 100 * alarms.total() / count, 2.0, at_least=False, unit=" %")
    case = {"title": TITLE, "command": COMMAND, "chart": None, "rows": rows, "status": "done", "seconds": seconds}
    return {**case, "claims": [claim.as_json() for claim in (named, alarmed)]}


def main() -> None:
    """Print each setting when it is done, and the table at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table as a file of results")
    options, clock, missed = parser.parse_args(), time.perf_counter(), {}
    machine = describe()
    for setting, (faults, alarms) in found():
        missed[setting] = faults, alarms
        print(*setting, "missed:", faults or "none", "alarms:", [x for x in alarms if x] or "none", flush=True)
    seconds = time.perf_counter() - clock
    case = results(missed, seconds)
    print(table(case["rows"], case["claims"]))
    if options.out:
        whole = {"machine": machine, "quick": False, "seconds": seconds, "cases": {"faults": case}}
        options.out.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
