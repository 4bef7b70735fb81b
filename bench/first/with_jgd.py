"""The first calls with jgd."""

import jax

import jgd
from bench.first.problem import BATCH, DATA, HELD_OUT, init, judge, loss
from jgd.sweep import loguniform


def sweep(trials: int, steps: int, every: int) -> None:
    """Train Adam and SGD, each with so many learning rates."""
    spaces = [jgd.adam(loguniform(1e-4, 1e-1)), jgd.sgd(loguniform(1e-3, 1.0))]
    options = {"num_trials": trials, "steps": steps, "eval_every": every, "progress": False}
    print(jgd.sweep.run(task(), spaces, metric="validation_loss", **options).best_value)


def fit(steps: int, every: int) -> None:
    """Train Adam once."""
    print(jgd.fit(task(), jgd.adam(1e-3), steps=steps, eval_every=every).evaluations["validation_loss"][-1])


def task() -> jgd.Task:
    """Return the problem."""
    return jgd.Task(init, loss, DATA, batch_size=BATCH, evaluate=jax.tree_util.Partial(judge, HELD_OUT))
