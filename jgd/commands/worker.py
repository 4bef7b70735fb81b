"""A process beside the one that a user has started, on the same sweep's folder; see `jgd.commands.workers`."""

import argparse
import json
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from jgd.commands.devices import on_cores
from jgd.commands.finish import DONE, RESUMABLE
from jgd.commands.main import status_of
from jgd.commands.problem import code_of
from jgd.sweep.resume import resume
from jgd.sweep.storage.files import read_known

PAUSE = 0.05  # seconds between two looks for what the first process has begun
AGAIN = 1.0  # seconds after which a Ctrl-C that ended nothing was raised in a callback of JAX's, which swallowed it


def work(options: argparse.Namespace) -> int:
    """Go on with the sweep in the folder, once it has begun there; the exit status."""
    while not begun(options.dir, options.asked):
        time.sleep(PAUSE)
    with on_cores(options.cores):
        options.trust = True  # the first process has asked
        _, task, spaces = code_of(options)
        result = resume(options.dir, task, spaces, lanes=options.lanes, progress=False, workers=options.workers)
    return RESUMABLE if result.interrupted else DONE


def begun(folder: Path, asked: Mapping[str, str]) -> bool:
    """Tell whether the folder has all that was asked of the first process: it may have less, of an earlier call."""
    path = folder / "sweep.json"
    return path.exists() and asked.items() <= read_known(path)["asked"].items()


def end_with_the_first() -> None:
    """Wait for the end of standard input, then ask the main thread to end as a Ctrl-C does."""
    sys.stdin.read()
    main = threading.main_thread().ident
    assert main is not None
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # outside of a sweep
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(AGAIN)
    signal.pthread_kill(main, signal.SIGINT)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have switched off for its children
    threading.Thread(target=end_with_the_first, daemon=True).start()
    job = json.loads(sys.argv[1])
    sys.exit(status_of(lambda: work(argparse.Namespace(**{**job, "dir": Path(job["dir"])}))))
