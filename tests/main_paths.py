"""Calls of the main paths under beartype, which checks each against jgd's annotations: `python -m tests.main_paths`.

Shapes are checked too, where they are declared, and bound to each other within a call.
"""

import beartype
import jaxtyping

check = beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))  # where a float is declared, an int will do
jaxtyping.install_import_hook("jgd", "__main__.check")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

import jgd  # noqa: E402
from jgd.core.eigen import inverse_root, newton_inverse_root  # noqa: E402
from jgd.law.optimum import Trials, optimum  # noqa: E402
from jgd.law.regression import of_loss, of_number  # noqa: E402


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
    print(run, result, result.best(), jgd.health.check(task, jgd.adam(0.1)), result.best_of_k(), result.ranking())
    print(jgd.health.check_layers(task, run))


def solve():
    """Minimize by a method of each kind."""

    def fn(p):
        return jnp.sum((p - 1) ** 2)

    start = jnp.zeros(2)
    print(jgd.minimize(fn, "bfgs", start), jgd.minimize(fn, "l-bfgs-b", start, bounds=(0.0, 0.5)))
    print(jgd.minimize(fn, "fista", start, nonsmooth=jgd.nonsmooth.l1(0.1)))
    for method in ("lm", "gauss-newton"):
        print(jgd.least_squares(lambda p: jnp.concatenate([p - 1, p]), method, start))


def step():
    """Take the shapes of a step, and describe it."""
    params = {"w": jnp.ones((4, 3)), "b": jnp.zeros(3)}
    for optimizer in (
        jgd.muon(0.1),
        jgd.lion(0.1),
        jgd.multi_steps(jgd.adamw(0.1), 2),
        jgd.soap(0.1),
        jgd.shampoo(0.1),
    ):
        jax.eval_shape(optimizer.update, params, optimizer.init(params), params)
        print(jgd.describe(optimizer, params), jgd.citation(optimizer))


def shapes():
    """Take roots of a matrix and laws of studies of two sizes; what has another shape is refused."""
    print(inverse_root(jnp.eye(3), 4), newton_inverse_root(jnp.eye(3), 4))
    for count in (1, 2):
        trials = Trials(("a", "b")[:count], np.log(np.arange(1.0, 5))[:, None].repeat(count, 1), np.full((4, 3), 0.5))
        print(optimum(trials, 7, 0))
    x = np.log([[8.0, 1], [16, 2], [32, 1], [64, 4]])
    for fit in (of_number, of_loss):
        law = fit(x, -x[:, 0], np.full(4, 0.01), 0.01)
        print(law.at(x[0]), law.parameters())
        try:
            fit(x, x[:3, 0], np.full(4, 0.01), 0.01)
        except jaxtyping.TypeCheckError:
            continue
        raise AssertionError("three readings of four studies were taken")


if __name__ == "__main__":
    step()
    shapes()
    solve()
    train()
