"""Runs cases one after another in one process, and tells what they yield as it comes.

As a command: `python -m bench.device.worker EVENTS PLAN`. EVENTS is a file that gets a line of JSON for each event;
PLAN is JSON as `runner` writes it. Where a case crashes the process, what it had told is there.
"""

import faulthandler
import gc
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from bench.cases import function_of


def main() -> None:
    """Run the plan; a case that raises is told of, and the next one runs."""
    path, plan = Path(sys.argv[1]), json.loads(sys.argv[2])
    faulthandler.enable()
    with path.open("a", buffering=1) as file:

        def tell(**event: Any) -> None:
            file.write(json.dumps(event, default=float) + "\n")

        if plan["describe"]:
            from bench.machine import describe  # starts JAX

            tell(machine=describe())
        for name, place, options in plan["cases"]:
            tell(begin=name)
            tell(end=name, error=_run(place, options, tell))
            gc.collect()  # the next case finds the memory free


def _run(place: str, options: dict[str, Any], tell: Any) -> str:
    """Return all that a case yields; the error that ended it, or nothing."""
    try:
        for item in function_of(place)(**options):
            if isinstance(item, dict):
                tell(row=item)
            else:
                tell(claim=item.as_json())
    except Exception as error:
        traceback.print_exc()
        return "".join(traceback.format_exception_only(error)).strip()[-2000:]
    return ""


if __name__ == "__main__":
    main()
