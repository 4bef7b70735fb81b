"""Give the plain versions what they need to train the same runs: jgd's keys, and the example's own calls of it."""

import pathlib
import runpy
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.sweep import uniform

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def init_key(seed: int) -> jax.Array:
    """Return the key that a task's `init` gets under a seed."""
    task = jgd.Task(_bits, lambda params, batch: 0.0 * params.sum(), jnp.zeros((1, 1)))
    return _key(jgd.fit(task, jgd.sgd(0.0), steps=1, seed=seed, progress=False).params)


def sweep_keys(seeds: int) -> jax.Array:
    """Return the keys that a sweep's function gets under the seeds, key[seeds]."""

    def tell(hp: Any, key: jax.Array) -> dict[str, jax.Array]:
        return {"loss": jnp.zeros(()), **{str(i): bits for i, bits in enumerate(_bits(key))}}

    curves = jgd.sweep.run(tell, {"x": uniform(0, 1)}, num_trials=1, seeds=seeds, progress=False).curves
    return jnp.stack([_key([curves[str(i)][0, seed, 0] for i in range(4)]) for seed in range(seeds)])


def _bits(key: jax.Array) -> jax.Array:
    """Return the key in four pieces, which a float32 holds exactly."""
    data = jax.random.key_data(key)
    return jnp.stack([data >> 16, data & 0xFFFF], axis=1).ravel().astype(jnp.float32)


def _key(bits: Any) -> jax.Array:
    high, low = np.asarray(bits, np.uint32).reshape(-1, 2).T
    return jax.random.wrap_key_data(jnp.asarray(high << 16 | low))


def calls(name: str, function: str) -> list[tuple[tuple[Any, ...], Any]]:
    """Run an example as a person does, and tell what it passes to `fit` or `sweep.run` and gets, call by call."""
    owner = jgd if function == "fit" else jgd.sweep
    real, found = getattr(owner, function), []

    def recorded(*args: Any, **options: Any) -> Any:
        result = real(*args, **options)
        found.append((args, result))
        return result

    with mock.patch.object(owner, function, recorded):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return found
