"""Runs cases one by one, each in a process of its own, and collects what they found; one that fails stops no other."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.cases import Case

PATIENCE = 5  # a case that takes so many times as long as expected, and at least ten minutes, is ended
ROOT = Path(__file__).parent.parent


def run_cases(
    cases: dict[str, Case], quick: bool, begin: Callable[[str], None], done: Callable[[str, dict[str, Any]], None]
) -> dict[str, Any]:
    """Run each case and return what it found, by name; `begin` and `done` are told of each."""
    found: dict[str, Any] = {}
    for name, case in cases.items():
        begin(name)
        found[name] = run_case(name, case, quick)
        done(name, found[name])
    return found


def run_case(name: str, case: Case, quick: bool) -> dict[str, Any]:
    """Return its rows and claims, or why there are none; `status` is "done", "failed" or "skipped"."""
    chart = case.chart and case.chart._asdict()
    known = {"title": case.title, "command": f"python -m bench {name}", "chart": chart, "rows": [], "claims": []}
    if missing := [name for name in case.needs if not find_spec(name)]:
        return {**known, "status": "skipped", "error": f"needs {', '.join(missing)}: pip install '.[all,optuna,torch]'"}
    clock = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        command = [
            sys.executable,
            "-m",
            case.module,
            *case.arguments,
            "--out",
            str(out),
            *(["--quick"] if quick else []),
        ]
        error = _failure(command, max(600, PATIENCE * case.seconds))
        read = json.loads(out.read_text()) if out.exists() else {}
    status = {"status": "failed", "error": error} if error else {"status": "done"}
    return {**known, **status, "seconds": time.perf_counter() - clock, **read}


def _failure(command: Sequence[str], patience: float) -> str | None:
    """Run it; the last lines of what it said, if it did not end well."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
        )
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            return f"took more than {patience:.0f} s"
        finally:
            end_group(process)
        said.seek(0)
        lines = [line for line in said.read().splitlines() if not line.startswith("{")]
        return None if code == 0 else f"exit status {code}: " + "\n".join(lines[-8:])


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a case that is still running, and the processes that it started, those too that outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
