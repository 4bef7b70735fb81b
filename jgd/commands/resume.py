"""`jgd resume`: going on with a sweep from its folder."""

import argparse
from functools import partial
from typing import Any

from jgd.commands.devices import on_cores, shares
from jgd.commands.finish import STATUSES, finish
from jgd.commands.options import MAX_TIME, add_command, seconds_of, to_file, to_folder, to_whole
from jgd.commands.output_folder import check_file
from jgd.commands.problem import CODE, code_of
from jgd.commands.sweep import interrupted
from jgd.commands.workers import SHARING, starts, with_workers
from jgd.core.optional import require
from jgd.sweep.resume import resume

RESUME = "Go on with an interrupted sweep from its folder, to the same bits as if nothing had happened."
OF_RESUME = {
    "dir": {"type": to_folder, "help": "the sweep's folder"},
    **CODE,
    "--lanes": {"type": to_whole, "help": "side by side on a device (default: chosen)"},
    **MAX_TIME,
    **SHARING,
    "--out": {"type": to_file, "metavar": "FILE", "help": "the report (default: report.html in the folder)"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}


def add_resume(commands: Any) -> None:
    """Add `resume` to the commands of a parser."""
    add_command(commands, "resume", run_resume, RESUME, OF_RESUME, STATUSES)


def run_resume(options: argparse.Namespace) -> int:
    """Go on, and end as `jgd sweep` does."""
    require("matplotlib", "the report's pictures")
    check_file(options.out)
    seconds = seconds_of(options)
    parts = shares(starts(options))
    with on_cores(parts[0]):
        name, task, spaces = code_of(options)
        again = partial(
            resume, options.dir, task, spaces, lanes=options.lanes, workers=options.workers, max_seconds=seconds
        )
        try:
            result, well = with_workers(again, options, options.dir, parts, options.task, options.space)
        except KeyboardInterrupt:
            return interrupted(options.dir)
        return finish(options, options.dir, result, name, well=well)
