"""A CNN with batch norm and dropout in a sweep: each lane has running statistics of its own, and evaluation uses them.

The model is flax's linen, written as its users write it; what it changes beside its parameters is the task's state.
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

import jgd
from jgd.sweep import loguniform


class Net(nn.Module):
    """A convolution and a head for digits of 8 x 8 pixels."""

    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(nn.Conv(4, (3, 3), strides=2)(x))
        x = nn.Dropout(0.1, deterministic=not train)(nn.relu(x))
        return nn.Dense(10)(x.reshape(len(x), -1))


def loss(model, batch):
    logits = model(batch["image"], train=True)
    return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()


def accuracy(model, held_out):
    right = model(held_out["image"], train=False).argmax(-1) == held_out["label"]
    statistics = model.variables[1]["batch_stats"]["BatchNorm_0"]
    return {"accuracy": jnp.mean(right), "running_mean": jnp.mean(statistics["mean"] ** 2)}


def main():
    images, labels = load_digits(return_X_y=True)
    digits = {"image": images.reshape(-1, 8, 8, 1).astype(np.float32), "label": labels}
    train, held_out = ({name: x[rows] for name, x in digits.items()} for rows in (slice(1200), slice(1200, None)))
    task = jgd.tasks.from_linen(Net(), loss, train, batch_size=32, evaluate=accuracy, validation=held_out)

    space = jgd.adam(loguniform(1e-4, 0.1))
    options = {"num_trials": 4, "seeds": 2, "steps": 80, "eval_every": 40, "sampler": "sobol", "lanes": 4}
    result = jgd.sweep.run(task, space, metric="accuracy", mode="max", **options)
    print(result)

    print("\nThe size of the running means at the end, a lane each (trials x seeds):")
    ends = result.curves["running_mean"][:, :, -1] ** 0.5
    print(np.round(ends, 2))
    assert result.best_value > 0.85
    assert len(np.unique(ends)) == ends.size  # no two lanes share their statistics


if __name__ == "__main__":
    main()
