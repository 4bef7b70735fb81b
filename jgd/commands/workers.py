"""The other processes of a command on this machine, which share its sweep's folder: started, heard of, and ended.

What a worker runs is `jgd.commands.worker`. Its standard input stays open as long as it is to run, and is closed by
the system if this process dies, so nothing outlives its command by more than a segment. Workers have a session of
their own: a terminal's Ctrl-C reaches the first process alone, which passes it on.
"""

import argparse
import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import jax

from jgd.commands.options import to_whole
from jgd.core.errors import InputError
from jgd.measure import cores
from jgd.pages.text import count
from jgd.sweep.load import load
from jgd.sweep.result import Result

PER_CORE = 8  # processes, beyond which a number of them is a mistake
SHARING: dict[str, dict[str, Any]] = {
    "--workers": {
        "type": to_whole,
        "metavar": "N",
        "help": "processes that share the folder: this one and N-1 that it starts",
    },
    "--join": {"action": "store_true", "help": "start none: the others are, or will be, started by you"},
}


def starts(options: argparse.Namespace) -> int:
    """Tell how many processes on this machine the options ask for, with this one; what they cannot mean is an error."""
    workers = options.workers or 1
    if not options.join:
        if workers > (most := PER_CORE * cores()):
            raise InputError(
                f"--workers {workers}: this machine has {count(cores(), 'core')}, and each process takes one and some "
                f"hundred MB; ask for at most {most}, or start those of other machines there, with --join."
            )
        return workers
    if workers == 1:
        raise InputError("--join: this process is one of several on a folder; say how many, as in --workers 8 --join.")
    if options.dir is None:
        raise InputError("--join: name the folder that all the processes see, as in --dir /shared/runs/mine.")
    return 1


def with_workers(
    call: Callable[[], Result],
    options: argparse.Namespace,
    folder: Path,
    parts: Sequence[Sequence[int]],
    task: str | None = None,
    space: str | None = None,
    asked: Mapping[str, str] | None = None,
) -> tuple[Result, bool]:
    """Call `call` on the sweep in the folder, with a worker for each part of the cores but the first.

    Return its result, and whether no worker has failed. Workers take the task and the space from the folder's note
    unless given. They begin when the folder's sweep has been `asked` for this.
    """
    refuse_accelerators(len(parts))
    job = {"task": task, "space": space, "lanes": options.lanes, "asked": asked or {}}
    with LocalWorkers(folder, parts[1:], **job) as workers:
        result = call()
    if result.interrupted and len(parts) > 1:  # what the workers have written since
        spent = {"compilations": result.compilations, "compile_seconds": result.compile_seconds}
        result = dataclasses.replace(load(folder), **spent)
    return result, not workers.failed


def refuse_accelerators(processes: int) -> None:
    """Refuse several processes where each would take all the memory of the same devices."""
    devices = jax.local_devices()
    if processes > 1 and devices[0].platform != "cpu":
        raise InputError(
            f"--workers {processes}: one process uses all of {count(len(devices), devices[0].device_kind)} here, and a "
            f"second finds no memory on them; leave --workers out, or start each process yourself with --workers "
            f"{processes} --join and devices of its own, as by CUDA_VISIBLE_DEVICES."
        )


class LocalWorkers:
    """Further processes on a sweep's folder, one for each of `shares` of the cores, while it is open.

    `failed` tells whether one has met an error. What one ran that died is taken over by the others.
    """

    def __init__(self, folder: Path, shares: Sequence[Sequence[int]], **job: Any) -> None:
        self.failed = self._ending = False
        self._jobs = [{**job, "dir": str(folder), "workers": 1 + len(shares), "cores": list(cores)} for cores in shares]
        self._folder, self._children, self._threads = folder, [], []

    def __enter__(self) -> "LocalWorkers":
        try:
            for job in self._jobs:
                self._children.append(_start(job))
            for number, child in enumerate(self._children, 2):
                self._threads.append(threading.Thread(target=self._hear, args=(number, child)))
                self._threads[-1].start()
            self._pass_on_interrupts()
        except BaseException:  # then nobody calls __exit__
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._ending = True
        self._stop_passing_on()
        self._end()
        try:
            if kind is None:
                self._wait()
        finally:  # also of a Ctrl-C that waits for no segment
            self._kill()
            self._wait()

    def _wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _kill(self) -> None:
        for child in self._children:
            child.kill()

    def _end(self) -> None:
        """Have every worker end after its segment."""
        for child in self._children:
            child.stdin.close()

    def _hear(self, number: int, child: "subprocess.Popen[str]") -> None:
        """Read what a worker says until it ends, and tell if that is early."""
        assert child.stderr
        with child.stderr:
            said = [line for line in child.stderr.read().splitlines() if line.strip()]
        status = child.wait()
        if status == 0 or self._ending:
            return
        name = f"jgd: worker {number} of {len(self._jobs) + 1}"
        if status < 0:
            reason = f"was killed ({signal.Signals(-status).name})"
        else:
            self.failed = True
            reason = f"failed ({said[-1].removeprefix('jgd: ').rstrip('.') if said else f'status {status}'})"
        again = f"jgd resume {shlex.quote(str(self._folder))} --workers {len(self._jobs) + 1} --join"
        print(f"{name} {reason}; the others go on with what it ran, and another may join: {again}", file=sys.stderr)

    def _pass_on_interrupts(self) -> None:
        """Have a Ctrl-C end the workers at once, while this process finishes its segment."""
        self._before: int | None = None
        if threading.current_thread() is not threading.main_thread():
            return
        reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._before = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._threads.append(threading.Thread(target=self._listen, args=(reading,)))
        self._threads[-1].start()

    def _listen(self, reading: int) -> None:
        while heard := os.read(reading, 1):
            if heard[0] == signal.SIGINT:
                self._ending = True
                self._end()
        os.close(reading)

    def _stop_passing_on(self) -> None:
        if self._before is not None:
            signal.set_wakeup_fd(self._before)
            os.close(self._writing)


def _start(job: dict[str, Any]) -> "subprocess.Popen[str]":
    """Start a worker, which imports from where this process does: `-P` keeps the current folder out otherwise."""
    path = os.pathsep.join(name or os.getcwd() for name in sys.path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "jgd.commands.worker", json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
