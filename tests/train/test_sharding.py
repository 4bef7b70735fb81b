"""A run whose parameters are spread over devices is resumed spread alike, moments too, and to the same bits."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys, tempfile
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_num_cpu_devices", 8)
from jax.sharding import NamedSharding, PartitionSpec as P
import jgd
from tests.train.problems import assert_same

x = np.random.default_rng(0).normal(size=(32, 16)).astype(np.float32)

def check(devices):
    mesh = jax.make_mesh((devices,), ("d",), devices=jax.devices()[:devices])
    split, everywhere = NamedSharding(mesh, P("d")), NamedSharding(mesh, P())

    def init(key):
        w = jax.device_put(jax.random.normal(key, (16, 3)), split)
        return {"w": w, "b": jax.device_put(jnp.zeros(3), everywhere)}, {"mean": jax.device_put(jnp.zeros(16), split)}

    def loss(params, state, batch):
        mean = 0.9 * state["mean"] + 0.1 * batch.mean(0)
        return jnp.mean((batch @ params["w"] + params["b"][None] - 1) ** 2), ({"mean": mean}, None)

    task = jgd.Task(init, loss, jax.device_put(x, everywhere), 8)
    def go(folder=None, stop=None):
        def interrupt(step, metrics):
            if step == stop:
                raise KeyboardInterrupt
        return jgd.fit(task, jgd.adam(0.1), steps=15, eval_every=5, dir=folder, callback=interrupt)

    whole = go()
    with tempfile.TemporaryDirectory() as folder:
        first, again = go(folder, 10), go(folder)
        assert (first.steps, again.steps_here) == (10, 5)
    started = [jgd.fit(task, jgd.adam(0.1), steps=5, start=whole)] if devices == 8 else []
    for run in (whole, first, again, *started):
        moments = run.opt_state[0]
        for tree in (run.params, moments.mu, moments.nu):
            assert tree["w"].sharding.is_equivalent_to(split, 2), tree["w"].sharding
            assert tree["b"].sharding.is_equivalent_to(everywhere, 1), tree["b"].sharding
        assert run.model_state["mean"].sharding.is_equivalent_to(split, 1)
    assert_same((again.params, again.opt_state, again.metrics), (whole.params, whole.opt_state, whole.metrics))

for devices in (2, 4, 8):
    check(devices)
print("well")
"""


@pytest.mark.slow
def test_on_two_four_and_eight_devices():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    call = [sys.executable, "-c", PROGRAM]
    environment = {**os.environ, "PYTHONPATH": root, "JAX_PLATFORMS": "cpu"}  # eight of its devices, on any machine
    result = subprocess.run(call, capture_output=True, text=True, cwd=root, env=environment)
    assert result.stdout.strip() == "well", result.stderr[-2000:]
