"""One run on an accelerator, in minutes: `bash bench/device.sh`.

Sections run in order of worth, each within its share of the time; one that fails, crashes or runs over it stops no
other. They are all unless named, in the order of their names; `sweeps.digits` is one case of a section. After every row
the JSON is written, after every section the page beside it. Without --out that is bench/results/<device>-<date>.json on
an accelerator, and in the folder runs on a CPU or with --quick. A file that is there already, of the same device, keeps
the cases that this run has no rows of; each has its date.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from bench.device.document import Document, write_page
from bench.device.runner import run_sections
from bench.device.sections import SECTIONS, chosen
from bench.format import table
from bench.runner import ROOT


def main() -> int:
    """Run, list or render; the exit status is 1 if a case failed or was cut short, 2 if the command is wrong."""
    options = parse()
    if options.page:
        print(f"wrote {write_page(options.page, json.loads(options.page.read_text()))}")
        return 0
    if options.list:
        for name, one in SECTIONS.items():
            print(f"{name:12} {one.seconds:>4.0f} s  {one.title}: {', '.join(one.cases)}")
        return 0
    return run(options)


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="bench/device.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="SECTION", help="sections, or one case of one as in sweeps.digits")
    parser.add_argument("--list", action="store_true", help="show the sections, their seconds and their cases")
    parser.add_argument("--quick", action="store_true", help="small sizes: whether everything works")
    parser.add_argument("--minutes", type=float, help="in which all of it ends (default: 8; with --quick 30)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="where to write; a page stands beside it")
    parser.add_argument("--page", type=Path, metavar="FILE.json", help="write the page of these results anew")
    options = parser.parse_args()
    try:
        options.sections = chosen(options.names)
    except KeyError as error:
        expected = (f"{name}: {', '.join(one.cases)}" for name, one in SECTIONS.items())
        parser.error(f"there is no section or case {error}; expected SECTION or SECTION.CASE of {'; '.join(expected)}.")
    if options.minutes is None:
        options.minutes = 30 if options.quick else 8
    if not options.minutes > 0:
        parser.error(f"--minutes {options.minutes}: expected more than 0.")
    return options


def run(options: argparse.Namespace) -> int:
    """Return the sections that were asked for, in their order."""
    clock = time.monotonic()

    def place(machine: dict[str, Any]) -> Path:
        from bench.machine import file_name

        kept = not options.quick and machine["platform"] not in ("cpu", "")
        return options.out or ROOT / ("bench/results" if kept else "runs/device") / file_name(machine)

    document = Document(options.sections, options.quick, options.minutes, place)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        run_sections(options.sections, document, options.quick, 60 * options.minutes)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    document.end()
    _print(document.results)
    print(f"\n{document.path} and its page were written in {time.monotonic() - clock:.0f} s.")
    statuses = {case["status"] for case in document.results["cases"].values()}
    return 130 if interrupted else int(not statuses <= {"done", "skipped"})


def _interrupt(number: int, _: Any) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


def _print(results: dict[str, Any]) -> None:
    """Print every table, and what is open."""
    for name, case in results["cases"].items():
        print(f"\n{case['section']}, {name}: {case['title']}; {case['status']}, {case['seconds']:.1f} s")
        if case["error"]:
            print(case["error"])
        if case["rows"]:
            print(table(case["rows"], case["claims"]))
    print("\nUnmeasured:")
    for line in results["unmeasured"]:
        print(f"* {line}")


if __name__ == "__main__":
    sys.exit(main())
