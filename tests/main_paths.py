"""Calls of the main paths under beartype, which checks each against jgd's annotations: `python -m tests.main_paths`."""

import beartype
import jaxtyping

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # where a float is declared, an int will do
jaxtyping.install_import_hook("jgd", "__main__.check")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import jgd  # noqa: E402


def train():
    """Take a task through `fit`, a sweep and a check-up; a space has no numbers."""
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    task = jgd.Task(
        lambda key: {"w": jnp.zeros((1, 1)), "b": jnp.zeros(1)},
        lambda p, batch: jnp.mean((jnp.tanh(batch["x"] @ p["w"]) + p["b"] - batch["y"]) ** 2),
        {"x": x, "y": 2 * x + 1},
        10,
        evaluate=lambda p: {"distance": jnp.sum((p["w"] - 2) ** 2)},
    )
    optimizer = jgd.adam(jgd.cosine_decay_schedule(0.1, 8))
    run = jgd.fit(task, optimizer, steps=8, eval_every=4, progress=False, keep_best="distance", mode="min")
    result = jgd.sweep.run(task, optimizer, num_trials=1, seeds=2, steps=8, eval_every=4, progress=False)
    print(run, result, result.best(), jgd.health.check(task, jgd.adam(0.1)))


def solve():
    """Minimize by a method of each kind."""

    def fn(p):
        return jnp.sum((p - 1) ** 2)

    start = jnp.zeros(2)
    print(jgd.minimize(fn, "bfgs", start), jgd.minimize(fn, "l-bfgs-b", start, bounds=(0.0, 0.5)))
    print(jgd.minimize(fn, "fista", start, nonsmooth=jgd.nonsmooth.l1(0.1)))
    print(jgd.least_squares(lambda p: p - 1, "lm", start))


def step():
    """Take the shapes of a step, and describe it."""
    params = {"w": jnp.ones((4, 3)), "b": jnp.zeros(3)}
    for optimizer in (jgd.muon(0.1), jgd.lion(0.1), jgd.multi_steps(jgd.adamw(0.1), 2)):
        jax.eval_shape(optimizer.update, params, optimizer.init(params), params)
        print(jgd.describe(optimizer, params), jgd.citation(optimizer))


if __name__ == "__main__":
    step()
    solve()
    train()
