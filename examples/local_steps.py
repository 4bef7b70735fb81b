"""Eight workers that meet every H steps: how often they must, and how far to go then, in one compiled sweep.

Each worker has its own parameters, its own part of every batch and its own AdamW. Between meetings nothing passes
between them: sharded over a mesh axis, H = 32 means a thirty-second of the communication of H = 1.
"""

import jax
import jax.numpy as jnp

import jgd
from jgd.distributed import diloco, local_sgd, per_worker
from jgd.sweep import choice

WORKERS, STEPS = 8, 256
x = jax.random.normal(jax.random.key(0), (4096, 16))
teacher = jax.random.normal(jax.random.key(1), (16, 3))
label = jnp.argmax(jnp.tanh(x @ teacher) + 0.3 * jax.random.normal(jax.random.key(2), (4096, 3)), axis=1)
train, test = (x[:3072], label[:3072]), (x[3072:], label[3072:])


def init(key):
    first, second = jax.random.split(key)
    return {"in": jax.random.normal(first, (16, 32)) / 4, "out": jax.random.normal(second, (32, 3)) / 8}


def loss(params, batch):
    x, label = batch
    logits = jnp.tanh(x @ params["in"]) @ params["out"]
    chosen = jnp.take_along_axis(logits, label[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=1) - chosen)


def evaluate(params):  # of the mean of the workers
    return {"test": loss(params, test)}


def main():
    task = per_worker(jgd.Task(init, loss, train, 8 * WORKERS, evaluate), WORKERS)
    options = {"steps": STEPS, "eval_every": STEPS, "progress": False}

    # One run: DiLoCo with the paper's outer optimizer.
    run = jgd.fit(task, diloco(jgd.adamw(1e-2), jgd.nesterov(0.7, 0.9), WORKERS, every=16), **options)
    print(f"DiLoCo, H = 16: test loss {run.evaluations['test'][-1]:.3f} after {STEPS // 16} meetings")

    # How often must they meet? `every` is a number like any other.
    space = local_sgd(jgd.adamw(1e-2), WORKERS, every=choice([1, 4, 16, 64]))
    means = jgd.sweep.run(task, space, num_trials=4, sampler="grid", metric="test", mode="min", **options)
    for trial, value in zip(means.trials, means.values[:, 0], strict=True):
        print(f"the mean of the workers, {trial.params}: {value:.3f}")

    # And how far along their mean way? The outer rate and H in one program.
    outer = jgd.nesterov(choice([0.3, 0.7, 1.0]), choice([0.5, 0.9]))
    space = diloco(jgd.adamw(1e-2), outer, WORKERS, every=choice([4, 16]))
    found = jgd.sweep.run(task, space, num_trials=12, sampler="grid", metric="test", mode="min", **options)
    print(found)

    single = per_worker(jgd.Task(init, loss, train, 8, evaluate), 1)
    alone = jgd.fit(single, local_sgd(jgd.adamw(1e-2), 1, 1), **options).evaluations["test"][-1]
    print(f"One worker alone: {alone:.3f}; the mean of eight: {means.best_value:.3f}; DiLoCo: {found.best_value:.3f}")
    assert means.best_value < alone  # eight workers see eight times the examples
    assert found.best_value < alone


if __name__ == "__main__":
    main()
