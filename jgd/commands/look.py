"""`jgd show` and `jgd plot`: what a sweep's folder holds, at any time, as tables, pictures or the whole report."""

import argparse
import json
from pathlib import Path
from typing import Any

from jgd.commands.finish import provenance_of
from jgd.commands.options import add_command
from jgd.commands.results_json import jsonable, standings_json, status_counts
from jgd.core.errors import InputError
from jgd.core.optional import require
from jgd.core.storage import write_whole
from jgd.pages.text import label_of
from jgd.sweep.load import load
from jgd.sweep.plots.accessor import KINDS
from jgd.sweep.report.page import sweep_report
from jgd.sweep.result import Result
from jgd.sweep.results.table import plain
from jgd.sweep.results.text import counts, described, setting
from jgd.sweep.spaces.space import short

SHOW = "Show what a sweep's folder holds, even while the sweep runs: the best of each space, and the best trials."
PLOT = "Draw a sweep from its folder, even while it runs: one picture, or the whole report."
FORMATS = ("png", "svg", "pdf")
MORE_PLOT = (
    "kinds\n"
    + "\n".join(f"  {kind:<13}{about}" for kind, about in KINDS.items())
    + "\n\n  jgd plot runs/mine                          the whole report, report.html in the folder"
    "\n  jgd plot runs/mine --kind isolation --out isolation.svg"
    "\n  jgd plot runs/mine --kind axis --name learning_rate\n"
)
OF_PLOT = {
    "dir": {"type": Path, "help": "the sweep's folder"},
    "--kind": {"help": "the picture (default: the whole report)"},
    "--name": {"help": "the hyperparameter, for axis, isolation and sensitivity"},
    "--space": {"help": "the space, for pictures of one"},
    "--out": {"type": Path, "metavar": "FILE", "help": "what to write: a .png, .svg or .pdf, or an .html"},
}


def add_show(commands: Any) -> None:
    """Add `show` to the commands of a parser."""
    parser = commands.add_parser("show", help=SHOW, description=SHOW)
    parser.set_defaults(command=show)
    parser.add_argument("dir", type=Path, help="the sweep's folder")
    parser.add_argument("--trials", type=int, default=10, help="how many of the best to list (default: 10)")
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")


def add_plot(commands: Any) -> None:
    """Add `plot` to the commands of a parser."""
    add_command(commands, "plot", plot, PLOT, OF_PLOT, MORE_PLOT)


def show(options: argparse.Namespace) -> int:
    """Print the tables."""
    result = load(options.dir)
    best = result.ranking()[: max(0, options.trials)]
    if options.json:
        settings = result.settings
        document = {"folder": str(options.dir), "metric": settings.metric, "mode": settings.mode}
        document |= {"steps": settings.steps, "seeds": list(settings.seeds), "trials": len(result.trials)}
        document |= {"status": status_counts(result)}
        document |= {"standings": standings_json(result), "best": [_trial(result, trial.number) for trial in best]}
        print(json.dumps(document, indent=1))
        return 0
    print(described(result, running=True))
    header = ["trial", "space", label_of(result.settings.metric), "seeds", "setting"]
    rows = [
        [
            str(trial.number),
            trial.space,
            short(float(result.medians[trial.number])),
            counts(result, trial=trial.number),
            setting(trial),
        ]
        for trial in best
    ]
    if rows:
        print(f"\nThe best {len(rows)} of {len(result.trials):,} trials\n{plain(header, rows, left=2)}")
    if result.interrupted:
        print(f"\nNot ended yet. If no process runs it: jgd resume {options.dir}")
    return 0


def plot(options: argparse.Namespace) -> int:
    """Write the picture, or the report."""
    require("matplotlib", "a picture of a sweep")
    result, kind = load(options.dir), options.kind
    out = options.out or options.dir / ("report.html" if kind is None else f"{kind}.png")
    ending = out.suffix.removeprefix(".").lower()
    if (kind is None) != (ending == "html") or ending not in (*FORMATS, "html"):
        raise InputError(
            f"--out {out}: expected a .png, .svg or .pdf for a picture (--kind), or an .html for the whole report."
        )
    if kind is None:
        title = f"Sweep in {options.dir.name}"
        write_whole(out, [sweep_report(result, title, provenance_of(options.dir, result)).encode()])
    else:
        result.plot.named(kind, options.name, options.space).savefig(out, dpi=150)
    print(out)
    return 0


def _trial(result: Result, number: int) -> dict[str, Any]:
    trial = result.trials[number]
    return {
        "trial": number,
        "space": trial.space,
        "params": trial.params,
        "value": jsonable(result.medians[number]),
        "values": jsonable(result.values[number].tolist()),
        "status": result.status[number].tolist(),
    }
