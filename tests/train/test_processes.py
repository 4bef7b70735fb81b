"""`fit` in two processes on one mesh: both killed in mid-run, it goes on from the last checkpoint to the same bits."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, os, signal, sys
import jax, jax.numpy as jnp, numpy as np
number, port, folder, killed = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
jax.distributed.initialize(f"localhost:{port}", 2, number, heartbeat_timeout_seconds=10)
import jgd
from jax.sharding import PartitionSpec as P
x = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)

def init(key):
    return {"w": jax.random.normal(key, (6, 4)), "b": jnp.zeros(4)}

def loss(params, batch):
    return jnp.mean((jnp.tanh(batch @ params["w"]) + params["b"][None] - 1) ** 2)

def callback(step, metrics):
    if number == 1 and step == killed:
        os.kill(os.getpid(), signal.SIGKILL)

task = jgd.Task(init, loss, x, 8, evaluate=lambda params: {"norm": jnp.linalg.norm(params["w"])})
mesh = jax.make_mesh((2,), ("data",))
run = jgd.fit(task, jgd.adam(0.1), steps=12, eval_every=4, dir=folder, mesh=mesh, callback=callback, progress=False,
              specs={"w": P("data"), "b": None}, keep_best="norm", mode="max")
from jgd.core.processes import on_host
found = {"loss": run.metrics["loss"].tolist(), "w": on_host(run.params["w"]).tolist(), "here": run.steps_here}
print(json.dumps(found), flush=True)
"""


def launched(folder, killed=0):
    """The answers of two processes, `None` for one that died; the second dies at step `killed`."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(i), str(port), str(folder), str(killed)],
            env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for i in range(2)
    ]  # fmt: skip
    try:
        if killed:  # the launcher's part: what is left ends, and all is started anew
            assert both[1].wait(120) == -signal.SIGKILL, both[1].stderr.read()[-3000:]
            both[0].kill()
        said = [process.communicate(timeout=120) for process in both]
    finally:
        for process in both:
            process.kill()
    if killed:
        return None
    assert [process.returncode for process in both] == [0, 0], said[0][1][-3000:] + said[1][1][-3000:]
    return [json.loads(out.splitlines()[-1]) for out, _ in said]


@pytest.mark.slow
def test_a_killed_process_costs_a_segment(tmp_path):
    whole = launched(tmp_path / "whole")
    launched(tmp_path / "killed", killed=8)
    again = launched(tmp_path / "killed")
    for mine, theirs in zip(again, whole, strict=True):
        assert mine["here"] in (4, 8)  # the checkpoint of step 8 was written by the first process, or that of step 4
        np.testing.assert_array_equal(mine["loss"], theirs["loss"])
        np.testing.assert_array_equal(mine["w"], theirs["w"])
    assert whole[0]["loss"] == whole[1]["loss"]
