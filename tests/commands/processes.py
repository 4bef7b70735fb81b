"""Commands as processes of their own, and a task that tells them apart and waits, so that a test knows where they are.

A process in a segment has written `waiting-` and its id, and ends the segment once there is a file `go`. A worker that
was asked to end has written `heard`: Python heeds a signal only after the segment.
"""

import os
import subprocess
import sys
import time
from typing import Any

CODE = """
import os, pathlib, signal, sys, threading, time
import jax, jax.numpy as jnp, numpy as np
from jgd.train import Task

def wait(x):
    pathlib.Path(f"waiting-{os.getpid()}").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
    time.sleep(0.02)
    return np.float32(x)

def evaluate(params):
    return {"error": jax.pure_callback(wait, jax.ShapeDtypeStruct((), jnp.float32), jnp.sum(params**2))}

def hear():
    os.read(reading, 1)
    pathlib.Path("heard").touch()

if sys.argv[0].endswith("worker.py"):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    threading.Thread(target=hear, daemon=True).start()

data = jnp.zeros((6, 2))
task = Task(lambda key: jnp.ones(2), lambda p, b: jnp.mean((p[None] - b) ** 2), data, evaluate=evaluate)
"""
SPACE = "[sgd]\nlearning_rate = { loguniform = [1e-3, 0.1] }\n"
SWEEP = ["sweep", "mine.py:task", "--space", "space.toml", "--lanes", "1", "--trials", "8", "--steps", "40"]
SWEEP += ["--eval-every", "4", "--metric", "error"]


def begin(*arguments, cwd) -> Any:
    """Return the command as a process that compiles as cheaply as the tests do, and is told of no number of devices."""
    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if "device_count" not in flag]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_NUM_CPU_DEVICES"}
    environment["XLA_FLAGS"] = " ".join(flags)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "jgd", *arguments], cwd=cwd, env=environment, **pipes)


def jgd(*arguments, cwd):
    process = begin(*arguments, cwd=cwd)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def until(found, process=None, seconds=120):
    """Wait until `found()` returns something true, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def at_work(folder):
    """Return the ids of the processes that run a segment: to have taken lanes is not to have begun with them."""
    return {int(path.name.removeprefix("waiting-")) for path in folder.glob("waiting-*")}
