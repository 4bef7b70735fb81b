"""Trials a second against lanes side by side, by `jgd.sweep.run(lanes=)`: the scaling curve of a device.

One lane is a loop: trials follow one another on each device. On an accelerator lanes fill it; on a CPU they gain only
while a step is so small that its instructions are mostly dispatch, and lose when their states outgrow the cache.
"""

import tempfile
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Row, Yields, alone, in_turn, timed

MOST_ON_CPU = {"tiny": 4096, "digits": 64}  # lanes on a device; beyond, a curve only falls further


def lanes(quick: bool = False, repeats: int = 2, steps: int = 60) -> Yields:
    """A perceptron of 33 parameters and digits', with 1 to 4096 lanes on each device, and with jgd's own choice."""
    jax.config.update("jax_compilation_cache_dir", tempfile.mkdtemp())
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    on_cpu = jax.default_backend() == "cpu"
    for network, task in {"tiny": tiny(), "digits": jgd.tasks.digits()}.items():
        most = MOST_ON_CPU[network] if on_cpu else 4096
        most = 16 if quick else most
        trials = most * jax.local_device_count() * (1 if network == "tiny" else 2)
        chosen = seconds_of(task, trials, steps, None)[1]
        widths = sorted({chosen, *(4**i for i in range(7) if 4**i <= most)})
        found = in_turn({str(w): partial(seconds_of, task, trials, steps, w) for w in widths}, 2 if quick else repeats)
        rates: dict[int, float] = {}
        for width, turns in zip(widths, found.values(), strict=True):
            spread = timed([x for x, _ in turns], [x for x, _ in found["1"]])
            rates[width] = trials / spread["seconds"]
            row: Row = {"network": network, "lanes": width, "choice": "jgd's" if width == chosen else ""}
            yield {**row, "trials": trials, **spread, "trials_per_second": rates[width]}
        text = f"{network}: throughput with the lanes that jgd chose, {chosen}, of the best width's"
        yield Claim(text, 100 * rates[chosen] / max(rates.values()), 90, unit="%")


def seconds_of(task: jgd.Task, trials: int, steps: int, width: int | None) -> tuple[float, int]:
    """Seconds that a sweep's programs run, and the lanes side by side on a device.

    Making trials, the same for all widths, is left out: one in two or three sweeps of 8,192 meets a garbage collection
    of 80 ms there.
    """
    rates = jnp.geomspace(1e-4, 1e-1, trials)
    result = jgd.sweep.run(
        task, jgd.adam(rates), num_trials=trials, sampler="grid", steps=steps, eval_every=steps, lanes=width,
        progress=False,
    )  # fmt: skip
    return result.run_seconds, result.groups[0].layout.width


def tiny() -> jgd.Task:
    """A regression of 64 examples by 4-4-1 neurons, the full batch."""
    x = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    layers = {"first": (5, 4), "second": (5, 1)}

    def init(key: jax.Array) -> dict[str, jax.Array]:
        return {name: jax.random.normal(jax.random.fold_in(key, shape[1]), shape) for name, shape in layers.items()}

    def loss(params: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
        first, second = params["first"], params["second"]
        hidden = jnp.tanh(batch["x"] @ first[:4] + first[4:])
        return jnp.mean((hidden @ second[:4] + second[4:] - batch["y"]) ** 2)

    return jgd.Task(init, loss, {"x": x, "y": np.sin(x.sum(axis=1, keepdims=True))})


if __name__ == "__main__":
    alone(lanes)
