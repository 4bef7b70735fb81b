"""GPT-2 small as plain functions, to have a training step beside an optimizer's: `trees.gpt2_small` are its parameters.

Its blocks are one scan over their stacked parameters, so that one of them is compiled, and not twelve. Float32
parameters are cast to bfloat16 where they are used; logits and the loss are float32 (Radford et al. 2019).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.commands.bench.trees import gpt2_small
from jgd.measure import random_like

Attention = Literal["xla", "cudnn"] | None


class Size(NamedTuple):
    """Name the sizes of a model and of a batch for it."""

    blocks: int
    heads: int
    batch: int
    context: int


SMALL = Size(12, 12, 8, 1024)
TINY = Size(1, 2, 2, 32)


def parameters(size: Size) -> Any:
    """Return shapes: GPT-2 small's; of another number of blocks, the same tree with few and narrow ones."""
    whole = gpt2_small()
    if size[:2] == SMALL[:2]:  # whatever its batch
        return whole
    kept = {name: x for name, x in whole.items() if not name.startswith("h") or int(name[1:]) < size.blocks}
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(tuple(-(-n // 24) for n in x.shape), x.dtype), kept)


def stacked(size: Size) -> Any:
    """Return the shapes of these as the model takes them: under `h`, those of all blocks behind a leading axis."""
    whole = parameters(size)
    blocks = [whole.pop(f"h{i}") for i in range(size.blocks)]
    return {**whole, "h": jax.tree.map(lambda x: jax.ShapeDtypeStruct((size.blocks, *x.shape), x.dtype), blocks[0])}


def hidden(params: Any) -> Any:
    """Label the matrices of stacked blocks "muon" and all else "adam"."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: "muon" if "['h']" in (at := jax.tree_util.keystr(path)) and "kernel" in at else "adam", params
    )


def first_parameters(size: Size) -> Any:
    """Draw random ones of a model's size, stacked: weights about 0.02, scales about one."""
    return jax.tree_util.tree_map_with_path(
        lambda path, x: 1.0 + 0 * x if "scale" in jax.tree_util.keystr(path) else 0.02 * x,
        random_like(stacked(size), 0),
    )


def tokens(size: Size) -> jax.Array:
    """Return a batch, i32[batch, context + 1]."""
    vocabulary = parameters(size)["wte"].shape[0]
    return jnp.asarray(np.random.default_rng(0).integers(vocabulary, size=(size.batch, size.context + 1)), jnp.int32)


def loss(params: Any, batch: jax.Array, heads: int, attention: Attention = None) -> jax.Array:
    """Return the mean cross-entropy of each next token of i32[batch, context + 1]; parameters as `stacked` has them."""
    params = jax.tree.map(lambda x: x.astype(jnp.bfloat16), params)
    x = params["wte"][batch[:, :-1]] + params["wpe"][None, : batch.shape[1] - 1]
    x, _ = jax.lax.scan(lambda x, block: (_block(block, x, heads, attention), None), x, params["h"])
    logits = (_norm(params["ln_f"], x) @ params["wte"].T).astype(jnp.float32)
    taken = jnp.take_along_axis(logits, batch[:, 1:, None], axis=-1)[..., 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=-1) - taken)


def gradient(size: Size, attention: Attention = None) -> Callable[[Any, jax.Array], Any]:
    """Return one forward and backward pass, `(params, batch) -> (loss, grads)`."""
    return jax.value_and_grad(partial(loss, heads=size.heads, attention=attention))


def operations(size: Size) -> float:
    """Count those of a forward and a backward pass: six a parameter and token, and those of the attention."""
    shapes = parameters(size)
    count = sum(x.size for x in jax.tree.leaves(shapes)) - shapes["wpe"].size
    width, examples = shapes["wpe"].shape[1], size.batch * size.context
    return 6.0 * count * examples + 12.0 * size.blocks * width * size.context * examples


def _block(params: Any, x: jax.Array, heads: int, attention: Attention) -> jax.Array:
    split = _dense(params["attn"]["c_attn"], _norm(params["ln_1"], x)).reshape(*x.shape[:2], 3, heads, -1)
    seen = jax.nn.dot_product_attention(
        split[:, :, 0], split[:, :, 1], split[:, :, 2], is_causal=True, implementation=attention
    )
    x = x + _dense(params["attn"]["c_proj"], seen.reshape(x.shape))
    hidden = jax.nn.gelu(_dense(params["mlp"]["c_fc"], _norm(params["ln_2"], x)))
    return x + _dense(params["mlp"]["c_proj"], hidden)


def _dense(params: Any, x: jax.Array) -> jax.Array:
    return x @ params["kernel"] + params["bias"][None, None]


def _norm(params: Any, x: jax.Array) -> jax.Array:
    wide = x.astype(jnp.float32)
    wide = wide - jnp.mean(wide, axis=-1, keepdims=True)
    wide = wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + 1e-5)
    return wide.astype(x.dtype) * params["scale"][None, None] + params["bias"][None, None]
