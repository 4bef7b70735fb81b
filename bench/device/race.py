"""`jgd race`, whole: eight optimizers, 16 learning rates and 3 seeds each, on digits."""

import contextlib
import io
import json
import tempfile
from pathlib import Path

import jax

from bench.compiling import keep_in
from bench.rows import Claim, Yields
from jgd.commands import main

SECONDS = 60  # in which it ends on an accelerator, with nothing compiled before
TINY = ["--optimizers", "adam,lion", "--trials", "2", "--seeds", "1", "--steps", "20"]


def race(quick: bool = False) -> Yields:
    """Run the command with --json: a row for each optimizer, and one of what it took."""
    with tempfile.TemporaryDirectory() as folder:
        keep_in(str(Path(folder) / "programs"))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            status = main(["race", "--json", "--out", str(Path(folder) / "race"), *(TINY if quick else [])])
        keep_in(None)
    if status:
        raise RuntimeError(f"jgd race ended with exit status {status}")
    found = json.loads(printed.getvalue())
    for row in found["standings"]:
        shown = {name: value for name, value in row.items() if not isinstance(value, (dict, list))}
        yield {**shown, "step_seconds": 1e-6 * shown.pop("microseconds")}
    took = {name: found[name] for name in ("programs", "compile_seconds", "run_seconds", "trial_steps_per_second")}
    yield {"optimizer": "all of them", **took}
    if jax.default_backend() != "cpu":
        whole = found["compile_seconds"] + found["run_seconds"]
        yield Claim("jgd race, compiling and all", whole, SECONDS, at_least=False, unit=" s")
