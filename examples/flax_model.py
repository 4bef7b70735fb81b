"""A convolutional flax model with batch normalisation and dropout, trained and stopped early.

Its parameters are what jgd trains; the running statistics and the streams of random numbers travel beside them as the
model's state: a step updates them, an evaluation uses them, and what is kept as the best holds them.
"""

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import jgd


class Net(nnx.Module):
    """Two convolutions and a head for images of 8 x 8 pixels."""

    def __init__(self, rngs):
        self.first = nnx.Conv(1, 8, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(8, momentum=0.9, rngs=rngs)
        self.second = nnx.Conv(8, 8, (3, 3), strides=2, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)
        self.head = nnx.Linear(8 * 4 * 4, 2, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm(self.first(x)))
        x = self.drop(nnx.relu(self.second(x)))
        return self.head(x.reshape(len(x), -1))


def loss(model, batch):
    logits = model(batch["image"])
    return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()


def accuracy(model, held_out):
    return {
        "accuracy": jnp.mean(model(held_out["image"]).argmax(-1) == held_out["label"]),
        "loss": loss(model, held_out),
    }


def bars(seed, n):
    """Draw noisy pictures of a horizontal bar (label 0) or a vertical one (label 1), far from mean 0, deviation 1."""
    rng, image = np.random.default_rng(seed), np.zeros((n, 8, 8))
    image[np.arange(n), rng.integers(0, 8, n)] = 1
    image[1::2] = image[1::2].swapaxes(1, 2)
    image = 50 + 20 * (image + 0.5 * rng.normal(size=image.shape))
    return {"image": image[..., None].astype(np.float32), "label": np.arange(n) % 2}


def main():
    train, held_out = bars(1, 512), bars(2, 128)
    task = jgd.tasks.from_nnx(Net, loss, train, batch_size=32, evaluate=accuracy, validation=held_out)
    stop = jgd.Stop(metric="loss", patience=3)
    run = jgd.fit(task, jgd.adamw(0.01), steps=400, eval_every=16, stop=stop, keep_best="accuracy", mode="max")
    print(run)
    assert run.status is jgd.Status.PLATEAU
    assert run.best is not None
    assert run.best.value > 0.95

    model = Net(nnx.Rngs(0))
    nnx.update(model, run.best.params, run.best.model_state)  # the best weights, with the statistics of their step
    model.eval()
    assert accuracy(model, held_out)["accuracy"] == run.best.value
    print(f"running mean of the first features: {model.norm.mean[...].round(1)}")


if __name__ == "__main__":
    main()
