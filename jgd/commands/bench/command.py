"""`jgd bench`: what a step of each optimizer costs on this device, against the floor and against peers."""

import argparse
import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jgd.commands.bench.cases import CASES, DEFAULT, load_cases
from jgd.commands.bench.peers import PEERS, STEPS, TOLERANCE, load_peers
from jgd.commands.bench.report import bench_report
from jgd.commands.bench.rows import HEADER, Row, as_json, cells, load_warning, measure_case, remarks
from jgd.commands.bench.target import add_target
from jgd.commands.bench.trees import KNOWN, Tree, load_tree
from jgd.commands.options import add_command, line_of, to_folder, to_kind
from jgd.commands.output_folder import new_folder
from jgd.commands.results_json import versions
from jgd.commands.terminal import print_table
from jgd.core.arguments import whole_from
from jgd.core.optional import require
from jgd.core.progress import Progress
from jgd.core.storage import write_whole
from jgd.measure import flops, machine
from jgd.pages.text import count

ABOUT = (
    "Bench optimizer steps on this device: time, bandwidth, percent of the floor that memory sets, state, compiling."
)
MORE = f"""
Without options: {DEFAULT}
on the shapes of GPT-2 small, 124 million parameters: about 4 GB, and 8 with two peers; a minute on two cores.

trees       {", ".join(KNOWN)}; 1e8 for so many parameters in one leaf, 1e8x64 in 64;
            or your own as file.py:params, a tree of arrays or shapes, or a function that returns one
optimizers  {", ".join(list(CASES)[:9])},
            {", ".join(list(CASES)[9:])}, and without peers what `jgd list` has; or your own as
            file.py:optimizer
peers       {", ".join(PEERS)} (torch: fused kernels where it has them)

  jgd bench --params resnet50 --optimizers adam,lion
  jgd bench --params 1e7x256 --peers optax,torch
  jgd bench --params model.py:params --optimizers train.py:optimizer
  jgd bench target --help     steps and time to target on tasks, instead of the cost of a step
  jgd bench --json > after.json; jgd compare before.json after.json --fail-above 5%

A step is an update and its application to random parameters, for one random gradient; parameters and state are donated
and passed from step to step. Everyone's steps run in blocks of 100 ms in turn, in one process, with a copy through
memory between them; the table has medians over blocks. Percent of the floor: the time that the copy's bandwidth needs
for the least bytes (gradient read, parameters and state read and written, and what a transform declares beyond them),
over the step's. A peer is timed only if {STEPS} of its steps lead where ours lead, to {TOLERANCE:g} of the way.
The folder gets report.html (open it in a browser) and results.json.

exit status: 0 done, 2 an input cannot be used, 130 interrupted by Ctrl-C
"""

OPTIONS = {
    "--optimizers": {"default": DEFAULT, "metavar": "NAMES", "help": "names with commas between them, or all"},
    "--params": {"default": "gpt2-small", "metavar": "TREE", "help": "the parameters (default: gpt2-small)"},
    "--peers": {"default": "", "metavar": "NAMES", "help": "who else does the same work (default: nobody)"},
    "--blocks": {"type": to_kind(whole_from(2), int), "default": 10, "help": "blocks of each (default: 10)"},
    "--out": {"type": to_folder, "metavar": "FOLDER", "help": "where to write (default: a new folder in runs)"},
    "--json": {"action": "store_true", "help": "print JSON on standard output, and nothing else"},
}
BLOCK_SECONDS = 0.1


def add_bench(commands: Any) -> None:
    """Add the command to those of a parser."""
    parser = add_command(commands, "bench", bench, ABOUT, OPTIONS, MORE)
    add_target(parser.add_subparsers(title="further benches", metavar="target"))


def bench(options: argparse.Namespace) -> int:
    """Measure, write the folder and print the table; the exit status."""
    require("matplotlib", "the report's pictures")
    cases, peers, tree = load_cases(options.optimizers), load_peers(options.peers), load_tree(options.params)
    with new_folder(options.out, f"bench-{Path(options.params).stem}") as folder:
        warning, rows = load_warning(), []
        with Progress("bench", len(cases), show=False if options.json else None) as progress:
            for done, (name, case) in enumerate(cases.items()):
                progress.update(done, name)
                rows += measure_case(name, case, tree, peers, options.blocks, BLOCK_SECONDS)
        document = _document(tree, rows, peers)
        said = [*remarks(rows, cases, peers), *filter(None, [warning])]
        text = json.dumps(document, indent=1)
        write_whole(folder / "results.json", [f"{text}\n".encode()])
        report = bench_report(document, rows, said, line_of("jgd bench", options, OPTIONS))
        write_whole(folder / "report.html", [report.encode()])
    if options.json:
        print(text)
    else:
        _print(document, rows, said, folder)
    return 0


def _document(tree: Tree, rows: Sequence[Row], peers: Sequence[str]) -> dict[str, Any]:
    """Return the results as JSON has them, and as `jgd compare` reads them."""
    packages = ["jaxlib", *dict.fromkeys(PEERS[peer] for peer in peers)]
    copied = sorted(row.copied.median for row in rows)
    return {
        "machine": machine(),
        "versions": versions(**{name: version(name) for name in packages}),
        "params": tree.as_json(),
        "copy_bandwidth": 1 / copied[len(copied) // 2],
        "product_flops": flops(),
        "rows": [as_json(tree, row) for row in rows],
    }


def _print(document: dict[str, Any], rows: Sequence[Row], said: Sequence[str], folder: Path) -> None:
    """Print the table, in colours on a terminal."""
    params, on = document["params"], document["machine"]
    print(
        f"{params['name']}: {params['parameters']:,} parameters in {count(params['leaves'], 'array')}, "
        f"on {on['device']}; a copy moves {document['copy_bandwidth'] / 1e9:.1f} GB/s.\n"
    )
    print_table(HEADER, [cells(row) for row in rows], lambda i: "bold" if rows[i].by == "jgd" else "dim")
    print()
    for line in said:
        print(line)
    print(f"Report: {folder / 'report.html'}")
