"""A tiny GPT in flax's nnx: Muon with a warm-up, four batches a step, averaged weights, and a resume to the same bits.

`from_nnx` takes the model as its users write it. The optimizer is one value made of parts, and evaluation sees the
weights that it means: the average.
"""

import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import jgd

CONTEXT, WIDTH, HEADS, VOCABULARY = 32, 32, 2, 97


class GPT(nnx.Module):
    """One block: attention to what came before, then a layer of four times the width."""

    def __init__(self, rngs):
        self.tokens = nnx.Embed(VOCABULARY, WIDTH, rngs=rngs)
        self.positions = nnx.Embed(CONTEXT, WIDTH, rngs=rngs)
        self.norms = nnx.List([nnx.LayerNorm(WIDTH, rngs=rngs) for _ in range(3)])
        self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
        self.up = nnx.Linear(WIDTH, 4 * WIDTH, rngs=rngs)
        self.down = nnx.Linear(4 * WIDTH, WIDTH, rngs=rngs)
        self.head = nnx.Linear(WIDTH, VOCABULARY, rngs=rngs)

    def __call__(self, tokens):
        x = self.tokens(tokens) + self.positions(jnp.arange(CONTEXT))[None]
        x = x + self.attention(self.norms[0](x), mask=nnx.make_causal_mask(tokens))
        x = x + self.down(nnx.gelu(self.up(self.norms[1](x))))
        return self.head(self.norms[2](x))


def loss(model, windows):
    logits, following = model(windows[:, :-1]), windows[:, 1:].astype(jnp.int32)
    return optax.softmax_cross_entropy_with_integer_labels(logits, following).mean()


def bits(model, windows):
    return {"bits_per_character": loss(model, windows) / jnp.log(2)}


def main():
    windows = np.asarray(jgd.tasks.text(context=CONTEXT).data)  # characters of Python's help texts, u8[n, 33]
    task = jgd.tasks.from_nnx(GPT, loss, windows[:-64], batch_size=8, evaluate=bits, validation=windows[-64:])

    rate = jgd.warmup_cosine_decay_schedule(0.0, peak_value=0.02, warmup_steps=10, decay_steps=80)
    optimizer = jgd.chain(jgd.clip_by_global_norm(1.0), jgd.muon(rate, consistent_rms=0.2, weight_decay=0.01))
    optimizer = jgd.multi_steps(jgd.ema_params(optimizer, 0.9), 4)

    def interrupt(step, metrics):  # as Ctrl-C would
        if step == 160:
            raise KeyboardInterrupt

    def train(dir, callback=None):
        return jgd.fit(task, optimizer, steps=320, eval_every=80, dir=dir, callback=callback)

    with tempfile.TemporaryDirectory() as folder:
        first, resumed = train(f"{folder}/gpt", interrupt), train(f"{folder}/gpt")
        whole = train(f"{folder}/whole")
    print(jgd.describe(optimizer, resumed.params))
    print(f"\nInterrupted at step {first.steps}, and resumed:\n{resumed}\n")
    for ours, theirs in zip(*(jax.tree.leaves((r.params, r.opt_state)) for r in (resumed, whole)), strict=True):
        assert np.array_equal(ours, theirs)
    print("Every bit is as in a run that was not interrupted.")
    assert task.evaluate is not None
    averaged = jgd.eval_params(optimizer, resumed.opt_state, resumed.params)
    mean = task.evaluate(averaged, resumed.model_state)["bits_per_character"]
    print(f"Bits per character of the averaged weights: {mean:.3f}.")
    assert np.isclose(mean, resumed.evaluations["bits_per_character"][-1], rtol=1e-4)
    assert mean < 4.2


if __name__ == "__main__":
    main()
