"""How a sweep ends on the command line: its report and table, what is printed, and the exit status."""

import argparse
import contextlib
import json
import shlex
from pathlib import Path

import jax
import numpy as np

from jgd.commands.devices import describe_devices
from jgd.commands.results_json import document_of, standings_json
from jgd.core.lock import turn
from jgd.core.storage import write_whole
from jgd.pages.text import count
from jgd.sweep.report.page import Provenance, sweep_report
from jgd.sweep.result import Result
from jgd.sweep.storage.files import read_sweep

DONE, FAILED, UNUSABLE, RESUMABLE = range(4)  # exit statuses
STATUSES = """\
exit status: 0 done, 1 every trial or a worker failed, 2 an input cannot be used, 3 interrupted (jgd resume goes on)"""


def provenance_of(folder: Path, result: Result, command: str | None = None) -> Provenance:
    """Tell where the sweep of a folder ran, and the commands that have it again."""
    known = read_sweep(folder, "report")
    best, seed = result.ranking()[0].number, result.settings.seeds[0]
    replay = f"jgd replay {shlex.quote(str(folder))} {best} --seed {seed}"
    return Provenance(known["environments"][-1], [*([command] if command else []), replay])


def finish(
    options: argparse.Namespace, folder: Path, result: Result, task: str, command: str | None = None, well: bool = True
) -> int:
    """Write the report and the table of trials, print the outcome, and say how it ended.

    `well` is false if one of the processes that shared the sweep has failed.
    """
    title = f"Sweep of {Path(task.rpartition(':')[0]).stem if ':' in task else task}"
    page = folder / "report.html" if options.out is None else options.out
    report = sweep_report(result, title, provenance_of(folder, result, command)).encode()
    with turn(folder / "turn") if options.join else contextlib.nullcontext():  # others may be ending too
        write_whole(page, [report])
        result.to_csv(folder / "trials.csv")
    if options.json:
        devices = describe_devices(jax.local_devices())
        rest = {"standings": standings_json(result), "report": str(page)}
        print(json.dumps(document_of(result, task, devices, folder) | rest, indent=1))
    else:
        print(f"{result}\n\nReport: {page}")
    if result.interrupted:
        if not options.json:
            left = count(int((result.status == "pending").sum()), "run")
            why = "Out of time" if result.out_of_time else "Interrupted"
            print(f"{why} with {left} not ended: jgd resume {shlex.quote(str(folder))} goes on.")
        return RESUMABLE
    return DONE if well and np.isfinite(result.medians).any() else FAILED
