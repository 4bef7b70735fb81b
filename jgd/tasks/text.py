"""A character language model on the help texts that come with Python."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jgd.core.arguments import checked
from jgd.tasks.transformer import InitTransformer, apply_transformer
from jgd.train.task import BATCH_SIZE, Task

VOCABULARY = 97  # 95 printable ASCII characters, the newline, and everything else as one
JUDGED = 64  # windows of the held-out tenth, evenly spaced


@checked(batch_size=BATCH_SIZE)
def text(context: int = 64, width: int = 32, blocks: int = 1, batch_size: int = 8) -> Task:
    """Predict the next of half a million characters, the topics of Python's `help`. Minimise `bits_per_character`.

    A transformer of 21,000 parameters reads windows of `context` characters; the last tenth is held out. The text is
    `pydoc_data.topics`, of which each Python version has its own, so compare figures under one version only.
    """
    tokens = encode(_corpus())
    windows = tokens[: len(tokens) // (context + 1) * (context + 1)].reshape(-1, context + 1)
    held = len(windows) // 10
    judged = windows[-held:][np.linspace(0, held - 1, min(JUDGED, held)).astype(int)]
    return Task(
        init=InitTransformer(VOCABULARY, context, width, blocks),
        loss=next_character_loss,
        data=windows[:-held],
        batch_size=batch_size,
        evaluate=jax.tree_util.Partial(_judge, jnp.asarray(judged)),
        name="text",
    )


def encode(characters: str) -> np.ndarray:
    """Return characters as u8 tokens below `VOCABULARY`."""
    codes = np.array([ord(c) for c in characters])
    printable = (codes >= 32) & (codes < 127)
    return np.where(printable, codes - 32, np.where(codes == 10, 95, 96)).astype(np.uint8)


def next_character_loss(params: dict[str, jax.Array], windows: jax.Array) -> jax.Array:
    """Return the mean cross-entropy of each next character of u8[batch, context + 1], in nats."""
    logits = apply_transformer(params, windows[:, :-1])
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, windows[:, 1:].astype(jnp.int32)))


def _judge(windows: jax.Array, params: dict[str, jax.Array]) -> dict[str, jax.Array]:
    return {"bits_per_character": next_character_loss(params, windows) / np.log(2)}


def _corpus() -> str:
    topics = importlib.import_module("pydoc_data.topics").topics
    return "".join(topics[name] for name in sorted(topics))
