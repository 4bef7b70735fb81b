"""jgd's own cases against its peers: `python -m bench`.

All cases run in about an hour on two cores, each in a process of its own, and are written to
bench/results/<device>-<date>.json and a page beside it. Some, or a quick run, are only shown unless --out is given.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from bench.cases import CASES
from bench.format import table
from bench.runner import run_cases

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run, list or render; the exit status is 1 if a case failed and 2 if the command is wrong."""
    options = parse()
    if options.list:
        print("\n".join(f"{name:12} {case.seconds:>4.0f} s  {case.title}" for name, case in CASES.items()))
        return 0
    if options.page:
        return write_page(Path(options.page))
    if options.pages:
        for path in sorted(RESULTS.glob("*.json")):
            write_page(path)
        return 0
    return run(options.names, options.quick, options.out)


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="cases to run; all unless given")
    parser.add_argument("--list", action="store_true", help="show the cases and their seconds on two cores")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether everything works, in 3 minutes")
    parser.add_argument("--out", metavar="FILE.json", help="where to write results; a page stands beside it")
    parser.add_argument("--page", metavar="FILE.json", help="write the page of these results anew, and run nothing")
    parser.add_argument("--pages", action="store_true", help="write the pages of all files in bench/results, likewise")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in CASES]:
        parser.error(f"there is no case {unknown[0]!r}; expected {', '.join(CASES)}.")
    return options


def run(names: list[str], quick: bool, out: str | None) -> int:
    """Run the cases and write what they found, after each, so that nothing is lost."""
    from bench.machine import describe, file_name

    machine, cases = describe(), {name: CASES[name] for name in names or CASES}
    path = Path(out) if out else None if names or quick else RESULTS / file_name(machine)
    results: dict[str, Any] = {"machine": machine, "quick": quick, "seconds": 0.0, "cases": {}}
    clock, line = time.perf_counter(), Line(cases, quick)

    def done(name: str, found: dict[str, Any]) -> None:
        line.clear()
        print(f"{name}: {found['title']}, {found.get('seconds', 0):.0f} s\n{shown(found)}\n", flush=True)
        results["cases"][name], results["seconds"] = found, time.perf_counter() - clock
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(results, indent=1) + "\n")

    found = run_cases(cases, quick, line.begin, done)
    if path:
        write_page(path)
    failed = [name for name, case in found.items() if case["status"] == "failed"]
    missed = [claim["text"] for case in found.values() for claim in case["claims"] if not claim["met"]]
    print(f"{len(found) - len(failed)} of {len(found)} cases done in {time.perf_counter() - clock:.0f} s", end="")
    print(f"; {len(missed)} goals missed{'; failed: ' + ', '.join(failed) if failed else ''}.")
    return 1 if failed else 0


def shown(found: dict[str, Any]) -> str:
    """Return a case's table, or what it died of."""
    lines = [f"{found['status']}: {found['error']}"] if found["status"] != "done" else []
    return "\n".join([*lines, table(found["rows"], found["claims"])] if found["rows"] else lines)


class Line:
    """On a terminal, what runs and when all will be done, by the cases' expected seconds."""

    def __init__(self, cases: dict[str, Any], quick: bool) -> None:
        self.cases, self.quick, self.shown = cases, quick, sys.stderr.isatty()

    def begin(self, name: str) -> None:
        """Show that a case begins."""
        names = list(self.cases)
        left = sum(self.cases[other].seconds for other in names[names.index(name) :])
        when = "" if self.quick else f", {left / 60:.0f} min left"
        if self.shown:
            print(f"[{names.index(name) + 1}/{len(names)}] {name}{when} ...", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def write_page(path: Path) -> int:
    """Return the page beside a file of results."""
    from bench import leaderboard_page, page, solver_page

    found = json.loads(path.read_text())
    kinds = {"standings": leaderboard_page.render, "cases": page.render}  # by what only such a document has
    render = next((make for key, make in kinds.items() if key in found), solver_page.render)
    path.with_suffix(".html").write_text(render(found))
    print(f"wrote {path.with_suffix('.html')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
