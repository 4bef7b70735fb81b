"""Keeps the results of a run on a device as one JSON and one page, each always whole."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.device.sections import Section
from bench.page import render
from jgd.core.storage import write_whole

UNKNOWN: dict[str, Any] = {
    "date": "", "device": "a device that no case has described", "platform": "", "devices": 0, "cores": 0,
    "system": "", "versions": {}, "commit": None, "changed": False,
}  # fmt: skip


class Document:
    """Results that are written after each row; `place` gives their file once the machine is known."""

    def __init__(self, sections: Mapping[str, Section], quick: bool, minutes: float, place: Any) -> None:
        self._place, self._clock = place, time.perf_counter()
        self.path: Path | None = None
        self.results: dict[str, Any] = {
            "machine": None,
            "quick": quick,
            "minutes": minutes,
            "seconds": 0.0,
            "sections": {
                name: {
                    "title": one.title,
                    "cases": list(one.cases),
                    "status": NOT_REACHED,
                    "seconds": 0.0,
                    "budget": 0.0,
                }
                for name, one in sections.items()
            },
            "cases": {
                case: _empty(case, name, one.cases[case]) for name, one in sections.items() for case in one.cases
            },
            "unmeasured": [],
        }

    def described(self, machine: dict[str, Any]) -> None:
        """The machine, told by the first process that has started JAX."""
        if self.results["machine"] is None:
            self.results["machine"] = machine
            self.path = Path(self._place(machine)).absolute()
            self.path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, page: bool = False) -> None:
        """The JSON and, if wanted, the page beside it."""
        self.results["seconds"] = time.perf_counter() - self._clock
        self.results["unmeasured"] = unmeasured(self.results)
        if self.path is None:
            return
        write_whole(self.path, [f"{json.dumps(self.results, indent=1)}\n".encode()])
        if page:
            write_page(self.path, self.results)

    def end(self) -> None:
        """Write all, also where no process could describe the machine."""
        self.described(UNKNOWN | {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
        self.write(page=True)


NOT_REACHED = "not reached"


def write_page(path: Path, results: dict[str, Any]) -> Path:
    """The page beside a file of results."""
    page = path.with_suffix(".html")
    write_whole(page, [render(results).encode()])
    return page


def unmeasured(results: dict[str, Any]) -> list[str]:
    """Tell what these results leave open, a sentence each: cases without an end, and what needs an accelerator."""
    said = []
    if (results["machine"] or UNKNOWN)["platform"] in ("cpu", ""):
        said.append(
            "No accelerator took part: widths of lanes, running out of memory, tf32 and the percent of the copy that "
            "steps reach are those of a CPU here, and unmeasured on any accelerator."
        )
    if results["quick"]:
        said.append("Sizes were small (--quick), so figures show that the cases work, and not how fast they are.")
    for case in results["cases"].values():
        if case["status"] != "done":
            count = len(case["rows"])
            kept = f"; {count} row{'s were' if count > 1 else ' was'} kept" if count else ""
            error = case["error"].strip().splitlines()
            said.append(f"{case['title']}: {case['status']}{': ' + error[-1] if error else ''}{kept}.")
        said += [f"{case['title']}: {row['unmeasured']}." for row in case["rows"] if row.get("unmeasured")]
    return list(dict.fromkeys(said))


def _empty(name: str, section: str, case: Any) -> dict[str, Any]:
    chart = case.chart and case.chart._asdict()
    command = f"bash bench/device.sh {section}"
    known = {"section": section, "title": case.title, "command": command, "chart": chart, "rows": [], "claims": []}
    return {**known, "status": NOT_REACHED, "error": "", "seconds": 0.0}
