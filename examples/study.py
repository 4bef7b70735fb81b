"""A study: which optimizer, which schedule, which rates? Sampled, halved, kept in a folder, answered and drawn.

A space is an optimizer with distributions where numbers would stand; each structure is one compiled program, and the
trials of all of them share their seeds, so that differences are paired.
"""

import pathlib
import tempfile

import jax
import jax.numpy as jnp

import jgd
from jgd.sweep import halving, loguniform, uniform

STEPS = 160


def two_moons():
    """Draw two half circles, one inside the other's arm; make a small network."""
    keys = jax.random.split(jax.random.key(0), 2)
    angle = jax.random.uniform(keys[0], (200,), maxval=jnp.pi)
    label = jnp.arange(200) % 2
    x = jnp.stack([jnp.cos(angle) + label, jnp.where(label == 1, -1, 1) * jnp.sin(angle) + 0.5 * label], axis=1)
    x = x + 0.15 * jax.random.normal(keys[1], x.shape)

    def init(key):
        first, second = jax.random.split(key)
        w1, w2 = jax.random.normal(first, (2, 16)), jax.random.normal(second, (16,)) / 4
        return {"w1": w1, "b1": jnp.zeros((1, 16)), "w2": w2, "b2": jnp.zeros(())}

    def logits(p, x):
        return jnp.tanh(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]

    def loss(p, batch):
        return jnp.mean(jnp.logaddexp(0, jnp.where(batch["label"] == 1, -1, 1) * logits(p, batch["x"])))

    return jgd.Task(init, loss, {"x": x, "label": label}, batch_size=50, name="two moons")


def main():
    spaces = {
        "adam": jgd.adam(loguniform(1e-4, 1.0), b1=uniform(0.5, 0.99)),
        "adam, cosine": jgd.adam(jgd.cosine_decay_schedule(loguniform(1e-4, 1.0), STEPS), b1=uniform(0.5, 0.99)),
        "nesterov": jgd.nesterov(loguniform(1e-4, 1.0), momentum=uniform(0.5, 0.99)),
    }
    with tempfile.TemporaryDirectory() as folder:
        study = {"num_trials": 8, "seeds": 2, "steps": STEPS, "sampler": "sobol", "dir": f"{folder}/moons"}
        result = jgd.sweep.run(two_moons(), spaces, **study)
        print(result)
        again = jgd.sweep.run(two_moons(), spaces, **study)
        print(f"\nThe same call again finds everything done: {again.compilations} compilations.")
        assert again.best_params == result.best_params

        # In a study of yours, `report("study.html")`, and `result.plot.axis().savefig("rates.png")`.
        result.report(f"{folder}/study.html", "Two moons")
        result.plot.isolation("learning_rate", "momentum").savefig(f"{folder}/isolation.svg")
        print("Written:", ", ".join(sorted(path.name for path in pathlib.Path(folder).iterdir())))

    halved = jgd.sweep.run(two_moons(), spaces["adam"], num_trials=16, seeds=2, steps=STEPS, stop=halving(min_steps=20))
    print(f"\n{halved}\nHalving took {halved.lane_steps} of {16 * 2 * STEPS} steps.")
    assert halved.lane_steps < 0.5 * 16 * 2 * STEPS

    run = jgd.fit(two_moons(), result.best_optimizer(), steps=STEPS)
    print(f"\nThe best optimizer, a value:\n  {result.best_optimizer()}\n\n{run}")
    assert result.best_value < 0.1


if __name__ == "__main__":
    main()
