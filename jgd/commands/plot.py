"""`jgd plot`: one picture of a sweep from its folder, or the whole report."""

import argparse
import io
from typing import Any

from jgd.commands.finish import provenance_of
from jgd.commands.options import add_command, to_file, to_folder, to_name
from jgd.commands.output_folder import check_file
from jgd.core.errors import InputError
from jgd.core.optional import require
from jgd.core.storage import write_whole
from jgd.sweep.load import load
from jgd.sweep.plots.accessor import KINDS
from jgd.sweep.report.page import sweep_report

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
    "dir": {"type": to_folder, "help": "the sweep's folder"},
    "--kind": {"type": to_name, "help": "the picture (default: the whole report)"},
    "--name": {"type": to_name, "help": "the hyperparameter, for axis, isolation and sensitivity"},
    "--space": {"type": to_name, "help": "the space, for pictures of one"},
    "--out": {"type": to_file, "metavar": "FILE", "help": "what to write: a .png, .svg or .pdf, or an .html"},
}


def add_plot(commands: Any) -> None:
    """Add `plot` to the commands of a parser."""
    add_command(commands, "plot", plot, PLOT, OF_PLOT, MORE_PLOT)


def plot(options: argparse.Namespace) -> int:
    """Write the picture, or the report."""
    require("matplotlib", "a picture of a sweep")
    check_file(options.out)
    for option in ("name", "space"):
        if options.kind is None and (given := getattr(options, option)) is not None:
            raise InputError(f"--{option} {given}: the whole report shows all; pass --kind too, or leave it out.")
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
        picture = io.BytesIO()
        result.plot.named(kind, options.name, options.space).savefig(picture, format=ending, dpi=150)
        write_whole(out, [picture.getvalue()])
    print(out)
    return 0
