"""Parameters and data spread over eight devices, killed in the middle and resumed: the sharding and the bits are kept.

`fit` leaves arrays where `init` and the data put them, so data and tensor parallelism are two `device_put`s; a restored
run lies as the first one did. Any machine shows it: `jax_num_cpu_devices` makes eight devices of one CPU.
"""

import os
import subprocess
import sys
import tempfile

import jax
import jax.numpy as jnp
import numpy as np

import jgd

STEPS, EVERY, KILLED_AT = 60, 20, 40


def spread(*axes):
    """Return the placement that cuts an array's axes along those of a mesh of 4 x 2 devices."""
    mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
    return jax.NamedSharding(mesh, jax.P(*axes))


def task():
    x = np.random.default_rng(0).normal(size=(256, 16)).astype(np.float32)
    data = {"x": x, "y": np.sin(x.sum(axis=1))}

    def init(key):
        first, second = jax.random.split(key)
        hidden = {"w1": jax.random.normal(first, (16, 64)) / 4, "b1": jnp.zeros((1, 64))}
        out = {"w2": jax.random.normal(second, (64,)) / 8}
        return jax.device_put(hidden, spread(None, "model")) | jax.device_put(out, spread("model"))

    def loss(params, batch):
        hidden = jnp.tanh(batch["x"] @ params["w1"] + params["b1"])
        return jnp.mean((hidden @ params["w2"] - batch["y"]) ** 2)

    return jgd.Task(init, loss, jax.device_put(data, spread("data")))


def train(dir=None, callback=None):
    return jgd.fit(task(), jgd.adam(0.01), steps=STEPS, eval_every=EVERY, dir=dir, callback=callback)


def die(step, metrics):
    if step == KILLED_AT:
        print(f"The process dies at step {step}, loss {metrics['loss']:.5f}.", flush=True)
        os._exit(9)


def go_on(folder):
    resumed, whole = train(folder), train()
    print(f"\nResumed in another process:\n{resumed}\n")
    print("w1 lies as", resumed.params["w1"].sharding.spec, "on", len(resumed.params["w1"].devices()), "devices.")
    assert resumed.steps_here == STEPS - KILLED_AT + EVERY  # of which it lost the segment that it died in
    both = [jax.tree.leaves((run.params, run.opt_state)) for run in (resumed, whole)]
    for ours, theirs in zip(*both, strict=True):
        assert ours.sharding == theirs.sharding
        assert np.array_equal(ours, theirs)
    print("Parameters and moments lie and are, to the bit, as in a run that nothing happened to.")


def main():
    if sys.argv[1:2] in (["first"], ["second"]):  # one of the two processes that train
        jax.config.update("jax_num_cpu_devices", 8)
        train(sys.argv[2], die) if sys.argv[1] == "first" else go_on(sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as folder:
        for part, ends_with in (("first", 9), ("second", 0)):
            run = subprocess.run([sys.executable, __file__, part, folder], stdout=subprocess.PIPE, text=True)
            print(run.stdout, end="")
            assert run.returncode == ends_with


if __name__ == "__main__":
    main()
