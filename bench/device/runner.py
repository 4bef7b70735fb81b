"""Runs sections, each within its share of the time and in its own processes, and records each row as it comes.

A section's cases share a process, as an accelerator takes seconds to start one. A case that raises leaves it running;
one that crashes it, or that takes longer than its part of the section's seconds, ends it, and another goes on with the
next.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.device.document import Document
from bench.device.sections import Section
from bench.rows import put
from bench.runner import ROOT, end_group
from jgd.measure import cores

PROGRAMS = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}
POLL = 0.05  # seconds between looks at what a process tells
QUICK_FLAGS = "--xla_backend_optimization_level=0"  # compiles fast, and runs slowly
LEAST = 3.0  # seconds under which no process is started


def run_sections(sections: Mapping[str, Section], document: Document, quick: bool, seconds: float) -> None:
    """Run all sections within so many seconds; what one leaves over goes to those after it.

    Their processes share the programs that they compile: an accelerator takes a tenth of a second for the least of
    them, and every process begins with dozens.
    """
    ends, left = time.monotonic() + seconds, dict(sections)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as programs:
        for name, section in sections.items():
            there = max(0.0, ends - time.monotonic())
            budget = there * section.seconds / (sum(one.seconds for one in left.values()) or 1.0)
            del left[name]
            Run(name, section, document, quick, budget, programs).all()


class Run:
    """A section on its way."""

    def __init__(
        self, name: str, section: Section, document: Document, quick: bool, budget: float, programs: str
    ) -> None:
        self.programs = programs
        self.section, self.document, self.quick = section, document, quick
        self.known = document.results["sections"][name]
        self.cases = document.results["cases"]
        self.known["budget"] = budget
        self.todo = list(section.cases)
        self.running: str | None = None
        self.begun = self.case_begun = time.monotonic()
        self.ends = self.deadline = self.begun + budget

    def all(self) -> None:
        """Start processes until no case is left, or no time."""
        for name in list(self.todo):
            if missing := [package for package in self.section.cases[name].needs if not find_spec(package)]:
                self._ended(name, "skipped", f"{', '.join(missing)} is not installed here")
        try:
            while self.todo and self.ends - time.monotonic() > LEAST:
                self._process()
        except KeyboardInterrupt:
            if self.running:
                self._ended(self.running, "cut short", "the run was interrupted")
            raise
        finally:
            for name in self.todo:
                self.cases[name]["error"] = "no time was left for it"
            self.known["seconds"] = time.monotonic() - self.begun
            done = sum(self.cases[name]["status"] == "done" for name in self.section.cases)
            self.known["status"] = f"{done} of {len(self.section.cases)} done"
            self.document.write(page=True)

    def _process(self) -> None:
        """Run a process for the cases that are left, until it ends or one of them takes too long."""
        plan = {
            "describe": self.document.results["machine"] is None,
            "cases": [
                (name, one.place, {"quick": self.quick, **one.options})
                for name, one in self.section.cases.items()
                if name in self.todo
            ],
        }
        self.running, self.deadline = None, self.ends
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+", errors="replace") as said:
            events = Path(folder) / "events"
            events.touch()
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.device.worker", str(events), json.dumps(plan)],
                cwd=ROOT, env=self._environment(), stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
            )  # fmt: skip
            try:
                late = self._listen(process, events)
            finally:
                end_group(process)
            said.seek(0)
            self._judge(process.returncode, late, said.read())

    def _environment(self) -> dict[str, str]:
        own = {"JAX_NUM_CPU_DEVICES": str(cores()), "PYTHONUNBUFFERED": "1", **self.section.environment}
        own |= {"JAX_COMPILATION_CACHE_DIR": self.programs, **PROGRAMS}
        flags = [os.environ.get("XLA_FLAGS", ""), own.get("XLA_FLAGS", ""), QUICK_FLAGS if self.quick else ""]
        own["XLA_FLAGS"] = " ".join(filter(None, flags))
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return os.environ | {"PYTHONPATH": path} | own

    def _listen(self, process: subprocess.Popen[bytes], events: Path) -> bool:
        """Record its events until it ends; tell whether it was too late for that."""
        with events.open() as file:
            torn = ""
            while True:
                over, late = process.poll() is not None, time.monotonic() > self.deadline
                while line := file.readline():
                    torn += line
                    if torn.endswith("\n"):
                        self._record(json.loads(torn))
                        torn = ""
                if over or late:
                    return not over
                time.sleep(POLL)

    def _record(self, event: dict[str, Any]) -> None:
        if "machine" in event:
            self.document.described(event["machine"])
        elif "begin" in event:
            self.running = event["begin"]
            weights = [self.section.cases[name].seconds for name in self.todo]
            self.case_begun = now = time.monotonic()
            share = self.section.cases[event["begin"]].seconds / (sum(weights) or 1.0)
            self.deadline = now + share * max(0.0, self.ends - now)
            self.cases[event["begin"]]["status"] = "running"
        elif self.running and "row" in event:
            put(self.cases[self.running]["rows"], event["row"])
        elif self.running and "claim" in event:
            self.cases[self.running]["claims"].append(event["claim"])
        elif "end" in event:
            self._ended(event["end"], "failed" if event["error"] else "done", event["error"])
            self.running, self.deadline = None, self.ends
        self.document.write()

    def _judge(self, code: int, late: bool, said: str) -> None:
        """Note that a process which ended badly takes the case that it was at with it, or all if it came to none."""
        if not self.todo:
            return
        if late:
            status, error = "cut short", "its time was over"
        else:
            with contextlib.suppress(ValueError):
                said += f"\nkilled by {signal.Signals(-code).name}" if code < 0 else f"\nexit status {code}"
            status, error = "failed", "\n".join(said.strip().splitlines()[-8:])
        for name in [self.running] if self.running else list(self.todo):
            self._ended(name, status, error)

    def _ended(self, name: str, status: str, error: str) -> None:
        self.cases[name] |= {"status": status, "error": error}
        if name == self.running:
            self.cases[name]["seconds"] = time.monotonic() - self.case_begun
        self.todo.remove(name)
