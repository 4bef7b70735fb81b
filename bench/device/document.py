"""Keeps the results of a run on a device as one JSON and one page, each always whole.

A file that a run before it has written on the same device keeps the cases that this run leaves out, or that yield no
row in it.
"""

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.device.sections import SECTIONS, Section
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
        self._before: dict[str, Any] | None = None  # of an earlier run
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
        """Describe the machine, as told by the first process that has started JAX."""
        if self.results["machine"] is None:
            self.results["machine"] = machine
            for case in self.results["cases"].values():
                case |= {"date": machine["date"], "commit": machine["commit"]}
            self.path = Path(self._place(machine)).absolute()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._before = _earlier(self.path, self.results)

    def write(self, page: bool = False) -> None:
        """Write the JSON and, if wanted, the page beside it."""
        self.results["seconds"] = time.perf_counter() - self._clock
        self.results["unmeasured"] = unmeasured(self.results)
        if self.path is None:
            return
        whole = merged(self._before, self.results) if self._before else self.results
        write_whole(self.path, [f"{json.dumps(whole, indent=1)}\n".encode()])
        if page:
            write_page(self.path, whole)

    def end(self) -> None:
        """Write all, also where no process could describe the machine."""
        self.described(UNKNOWN | {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
        self.write(page=True)


NOT_REACHED = "not reached"


def write_page(path: Path, results: dict[str, Any]) -> Path:
    """Return the page beside a file of results."""
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
        if again := case.get("again"):
            said.append(f"{case['title']}: {again}; its rows are of {case['date'][:10]}.")
        said += [f"{case['title']}: {row['unmeasured']}." for row in case["rows"] if row.get("unmeasured")]
    return list(dict.fromkeys(said))


def merged(before: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """Put a run's results into those of an earlier one: of each case the newest that has rows."""
    cases = {name: dict(case) for name, case in before["cases"].items()}
    for name, case in results["cases"].items():
        if case["rows"] or not cases.get(name, {}).get("rows"):
            cases[name] = case
        else:
            error = case["error"].strip().splitlines()
            why = f"run again on {case['date'][:10]}: {case['status']}{': ' + error[-1] if error else ''}"
            cases[name]["again"] = why
    order = [case for one in SECTIONS.values() for case in one.cases]
    cases = dict(sorted(cases.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))
    sections = {}
    for name, one in {**before["sections"], **results["sections"]}.items():
        names = [case for case, found in cases.items() if found["section"] == name]
        done = sum(cases[case]["status"] == "done" for case in names)
        sections[name] = {**one, "cases": names, "status": f"{done} of {len(names)} done"}
    both = {**results, "cases": cases, "sections": sections, "seconds": before["seconds"] + results["seconds"]}
    return {**both, "unmeasured": unmeasured(both)}


def _earlier(path: Path, results: dict[str, Any]) -> dict[str, Any] | None:
    """Read the results in a file if they are of a run of the same kind on the same device, to stand beside these."""
    if not path.exists():
        return None
    machine, before = results["machine"], json.loads(path.read_text())
    if before.get("quick") != results["quick"] or any(
        (before.get("machine") or {}).get(key) != machine[key] for key in ("device", "platform", "devices")
    ):
        print(f"{path} was of another device, or of other sizes: it is written anew.", file=sys.stderr)
        return None
    for case in before["cases"].values():
        for key in ("date", "commit"):
            case.setdefault(key, before["machine"][key])
    return before


def _empty(name: str, section: str, case: Any) -> dict[str, Any]:
    chart = case.chart and case.chart._asdict()
    command = f"bash bench/device.sh {section}.{name}"
    known = {"section": section, "title": case.title, "command": command, "chart": chart, "rows": [], "claims": []}
    return {**known, "status": NOT_REACHED, "error": "", "seconds": 0.0, "date": "", "commit": None}
