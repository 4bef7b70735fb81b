"""A mixed space: a choice of optimizers, rates on a log scale, whole and rounded numbers; TPE proposes, halving prunes.

Each `# %%` begins a notebook's cell: there the last value of a cell, a result or a picture, shows itself.
"""

# %% the problem, with a number of its own: the share of label smoothing
import pathlib
import tempfile

import jax
import jax.numpy as jnp

import jgd
from jgd.sweep import choice, halving, integer, loguniform, quantized, uniform

x = jax.random.normal(jax.random.key(0), (256, 2))
label = (x[:, 0] * x[:, 1] > 0).astype(jnp.float32)


def init(key):
    return {"w": jax.random.normal(key, (2, 16)), "b": jnp.zeros((1, 16)), "v": jnp.zeros(16)}


def logits(params, x):
    return jnp.tanh(x @ params["w"] + params["b"]) @ params["v"]


def loss(smoothing, params, batch):
    x, label = batch
    wanted = (1 - smoothing) * label + smoothing / 2
    return jnp.mean(jnp.logaddexp(0, logits(params, x)) - wanted * logits(params, x))


def evaluate(params):
    return {"accuracy": jnp.mean((logits(params, x) > 0) == (label > 0))}


# %% the space: distributions stand where numbers would
smoothing = quantized(uniform(0.0, 0.3), 0.05)
task = jgd.Task(init, jax.tree_util.Partial(loss, smoothing), (x, label), 32, evaluate)
rules = {
    "adam": jgd.adam(loguniform(1e-4, 0.3)),
    "nesterov": jgd.nesterov(loguniform(1e-3, 3.0), momentum=uniform(0.5, 0.99)),
}
space = jgd.multi_steps(choice(rules), integer(1, 4))  # one to four batches a step

# %% the study
options = {"num_trials": 8, "rounds": 2, "steps": 160, "eval_every": 40, "metric": "accuracy", "mode": "max"}
result = jgd.sweep.run(task, space, sampler="tpe", stop=halving(min_steps=40), **options)
print(result)  # or `result` alone, a notebook's table

# %% the answer as a value, its page and its pictures
best = result.best()
with tempfile.TemporaryDirectory() as folder:
    result.report(f"{folder}/mixed.html", "A mixed space")
    print("The page has", pathlib.Path(f"{folder}/mixed.html").stat().st_size // 1000, "kB.")
result.plot.axis()

# %% checked
print(best.optimizer, "with", result.best_params)
assert result.best_value > 0.9
assert result.lane_steps < 8 * 160
