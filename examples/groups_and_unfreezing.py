"""Parameter groups with rates of their own, a frozen embedding, and a backbone that is unfrozen later.

A group is a label, its rate a number or a schedule: zero until a step is frozen until then. `jgd.describe` shows who
gets what before anything runs, and the rates are hyperparameters like all others.
"""

import jax
import jax.numpy as jnp
import optax

import jgd

UNFREEZE, STEPS = 200, 600
WORDS = 40


def init(key):
    keys = jax.random.split(key, 4)
    return {
        "embed": jax.random.normal(keys[0], (WORDS, 16)),
        "backbone": {"w": jax.random.normal(keys[1], (16, 32)) / 4, "b": jnp.zeros((1, 32))},
        "head": {"w": jax.random.normal(keys[2], (32, 1)) / 6, "b": jnp.zeros(())},
    }


def loss(params, batch):
    h = params["embed"][batch["words"]].mean(1)
    h = jnp.tanh(h @ params["backbone"]["w"] + params["backbone"]["b"])
    logit = (h @ params["head"]["w"])[:, 0] + params["head"]["b"]
    return optax.sigmoid_binary_cross_entropy(logit, batch["label"]).mean()


def sentences(seed, rule):
    """Draw eight words each; the label is what `rule` says of them."""
    words = jax.random.randint(jax.random.key(seed), (512, 8), 0, WORDS)
    return {"words": words, "label": rule(words).astype(jnp.float32)}


def group(params):
    """Return a label for each leaf, or for all leaves below a name."""
    return {"embed": "frozen", "backbone": "backbone", "head": {"w": "head", "b": "no decay"}}


def main():
    small_words = jgd.Task(init, loss, sentences(0, lambda w: (w < 15).sum(1) >= 3), 64)
    even_words = jgd.Task(init, loss, sentences(1, lambda w: (w % 2 == 0).sum(1) >= 4), 64)
    pretrained = jgd.fit(small_words, jgd.adam(3e-3), steps=300)
    print(f"Pretrained: loss {pretrained.metrics['loss'][-1]:.3f}\n")

    groups = {
        "frozen": jgd.set_to_zero(),
        "backbone": jgd.adamw(jgd.switch_schedule((0.0, 3e-3), (UNFREEZE,)), weight_decay=1e-2),
        "head": jgd.adamw(1e-2, weight_decay=1e-2),
        "no decay": jgd.adam(1e-2),
    }
    optimizer = jgd.chain(jgd.clip_by_global_norm(1.0), jgd.partition(groups, group))
    print(jgd.describe(optimizer, pretrained.params))
    print("The rates by name:", {k: v for k, v in jgd.hyperparams(optimizer).items() if "rate" in k or "values" in k})

    moved = {}

    def watch(snapshot):
        change = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), snapshot.params, pretrained.params)
        moved[snapshot.step] = {"embed": change["embed"], **{k: change[k]["w"] for k in ("backbone", "head")}}

    run = jgd.fit(even_words, optimizer, steps=STEPS, eval_every=100, params=pretrained.params, callback=watch)
    print("\nLargest change of a weight since the pretrained parameters:")
    for step, change in moved.items():
        print(f"  step {step}: " + ", ".join(f"{name} {x:.4f}" for name, x in change.items()))
    print(f"\n{run}")

    assert all(change["embed"] == 0 for change in moved.values())
    assert [step for step, change in moved.items() if change["backbone"] == 0] == [100, UNFREEZE]
    assert run.metrics["loss"][-50:].mean() < 0.8 * run.metrics["loss"][UNFREEZE - 50 : UNFREEZE].mean()


if __name__ == "__main__":
    main()
