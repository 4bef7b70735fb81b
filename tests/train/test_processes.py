"""`fit` in several processes on one mesh: killed in mid-run, it goes on from the last checkpoint."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd

ROOT = Path(__file__).parents[2]
PROGRAM = """
import dataclasses, functools, json, os, signal, sys
import jax, jax.numpy as jnp, numpy as np
number, count, killed = map(int, sys.argv[1:4])
port, folder, kind = sys.argv[4:]
jax.distributed.initialize(f"localhost:{port}", count, number)
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

def stream(epoch):
    return (x[8 * i : 8 * i + 8] for i in range(4))

data, size = (x, 8) if kind == "arrays" else (stream, None)
task = jgd.Task(init, loss, data, size, evaluate=lambda params: {"norm": jnp.linalg.norm(params["w"])})
mesh = jax.make_mesh((count,), ("data",))
fit = functools.partial(jgd.fit, optimizer=jgd.adam(0.1), steps=12, eval_every=4, mesh=mesh, progress=False,
                        specs={"w": P(None, "data"), "b": None})
run = fit(task, dir=folder, callback=callback, keep_best="norm", mode="max")
refused = ""
if kind == "stream":
    try:
        fit(dataclasses.replace(task, data=lambda epoch: (batch + number for batch in stream(epoch))))
    except jgd.InputError as error:
        refused = str(error)
from jgd.core.processes import on_host
found = {"loss": run.metrics["loss"].tolist(), "w": on_host(run.params["w"]).tolist(), "here": run.steps_here,
         "refused": refused}
print(json.dumps(found), flush=True)
"""


def launched(folder, count=2, killed=0, kind="arrays"):
    """Return the answers of so many processes; none where the second dies, at step `killed`."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    each = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, (i, count, killed, port, folder, kind))],
            env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for i in range(count)
    ]  # fmt: skip
    try:
        if killed:  # the launcher's part: what is left ends, and all is started anew
            assert each[1].wait(240) == -signal.SIGKILL, each[1].communicate()[1][-3000:]
            return []
        said = [process.communicate(timeout=240) for process in each]
    finally:
        for process in each:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                assert pipe
                pipe.close()
    assert [process.returncode for process in each] == [0] * count, [error[-2000:] for _, error in said]
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


@pytest.mark.slow  # six processes, each of which imports JAX and compiles: 25 s of CPU
def test_four_processes_of_which_one_dies_are_gone_on_with_by_two(tmp_path):
    launched(tmp_path / "killed", count=4, killed=8, kind="stream")
    again = launched(tmp_path / "killed", kind="stream")
    x = np.random.default_rng(0).normal(size=(32, 6)).astype(np.float32)

    def loss(params, batch):
        return jnp.mean((jnp.tanh(batch @ params["w"]) + params["b"][None] - 1) ** 2)

    task = jgd.Task(
        lambda key: {"w": jax.random.normal(key, (6, 4)), "b": jnp.zeros(4)},
        loss,
        lambda epoch: (x[8 * i : 8 * i + 8] for i in range(4)),
    )
    alone = jgd.fit(task, jgd.adam(0.1), steps=12, eval_every=4, progress=False)
    for found in again:
        assert found["here"] in (4, 8)
        # Sums over two and four processes associate otherwise: roundings of each of 12 steps.
        np.testing.assert_allclose(found["loss"], alone.metrics["loss"], rtol=1e-4)
        np.testing.assert_allclose(found["w"], alone.params["w"], rtol=1e-4, atol=1e-5)
        assert "must yield the whole batch in each of them" in found["refused"]
