"""The guess of what is a matrix, leaf by leaf, for models as flax, equinox, haiku and torch name and shape them."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from flax import nnx

import jgd
from jgd.core.matrices import declared_axes
from jgd.core.tree import path_names

KEY = jax.random.key(0)
IN_OUT, OUT_IN = jgd.MatrixAxes((0,), (1,)), jgd.MatrixAxes((1,), (0,))
CONV, EQX_CONV = jgd.MatrixAxes((0, 1, 2), (3,)), jgd.MatrixAxes((1, 2, 3), (0,))
QUERY, OUT = jgd.MatrixAxes((0,), (1, 2)), jgd.MatrixAxes((0, 1), (2,))
ATTENTION = {"query/kernel": QUERY, "key/kernel": QUERY, "value/kernel": QUERY, "out/kernel": OUT}


def under(name, axes):
    return {f"{name}/{path}": x for path, x in axes.items()}


class LinenBlock(nn.Module):
    bias: bool

    @nn.compact
    def __call__(self, x):
        x = nn.MultiHeadDotProductAttention(2, use_bias=self.bias)(nn.LayerNorm()(x))
        return nn.Dense(8)(nn.Dense(16)(x))


class LinenTransformer(nn.Module):
    bias: bool = True

    @nn.compact
    def __call__(self, tokens):
        x = nn.Embed(11, 8)(tokens) + self.param("position_embedding", nn.initializers.normal(), (3, 8))
        return nn.Dense(11)(nn.LayerNorm()(LinenBlock(self.bias)(x)))


class LinenCNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.GroupNorm(2)(nn.Conv(4, (3, 3))(x))
        x = nn.Conv(8, (3, 3), use_bias=False)(x).reshape(x.shape[0], -1)
        return nn.Dense(10)(nn.Dense(16)(x))


class NnxModel(nnx.Module):
    def __init__(self, rngs):
        self.embed = nnx.Embed(11, 8, rngs=rngs)
        self.c1 = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, 8, rngs=rngs)
        self.norm = nnx.LayerNorm(8, rngs=rngs)
        self.blocks = nnx.List([nnx.Linear(8, 8, rngs=rngs)])
        self.general = nnx.LinearGeneral((2, 3), (4, 5), axis=(-2, -1), rngs=rngs)
        self.linear_out = nnx.Linear(8, 11, rngs=rngs)


class EqxModel(eqx.Module):
    def __init__(self, key):
        self.lookup_embedding = eqx.nn.Embedding(11, 8, key=key)
        self.down = eqx.nn.Conv2d(2, 8, 3, key=key)
        self.conv = eqx.nn.Conv2d(8, 8, 3, use_bias=False, key=key)
        self.norm = eqx.nn.LayerNorm((3, 4))
        self.attention = eqx.nn.MultiheadAttention(2, 8, key=key)
        self.stacked = jax.vmap(lambda k: eqx.nn.Linear(3, 4, key=k))(jax.random.split(key, 2))
        self.head = eqx.nn.Linear(8, 11, key=key)

    lookup_embedding: eqx.nn.Embedding
    down: eqx.nn.Conv2d
    conv: eqx.nn.Conv2d
    norm: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    stacked: eqx.nn.Linear
    head: eqx.nn.Linear


def linen(model, *inputs):
    def make():
        with jax.numpy_rank_promotion("allow"):  # flax broadcasts biases
            return jax.eval_shape(lambda: model.init(KEY, *inputs))["params"]

    return make


def equinox(make, *args, **kwargs):
    return lambda: eqx.filter(eqx.filter_eval_shape(make, *args, **kwargs, key=KEY), lambda x: hasattr(x, "shape"))


def shapes(**tree):
    return lambda: {name.replace("__", "."): jax.ShapeDtypeStruct(shape, float) for name, shape in tree.items()}


def haiku():
    shaped = {
        "net/linear": {"w": (3, 4), "b": (4,)},
        "net/linear_1": {"w": (4, 2), "b": (2,)},
        "net/~/conv2_d": {"w": (3, 3, 4, 8), "b": (8,)},
        "net/conv2_d_transpose": {"w": (3, 3, 8, 4), "b": (8,)},
        "net/embed": {"embeddings": (5, 6)},
        "net/layer_norm": {"scale": (4,), "offset": (4,)},
    }
    return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s, float), shaped, is_leaf=lambda x: isinstance(x, tuple))


def stacked_flax():
    shaped = {
        "layers": {"dense": {"kernel": (3, 4, 5), "bias": (3, 5)}, "up": {"kernel": (3, 5, 4)}},
        "attn": {"query": {"kernel": (3, 8, 2, 4), "bias": (3, 2, 4)}},
        "norm": {"scale": (3, 4)},
    }
    return jax.tree.map(lambda s: jax.ShapeDtypeStruct(s, float), shaped, is_leaf=lambda x: isinstance(x, tuple))


BLOCK = {"Dense_0/kernel": IN_OUT, "Dense_1/kernel": IN_OUT, **under("MultiHeadDotProductAttention_0", ATTENTION)}
MODELS = {
    "a linen transformer": (linen(LinenTransformer(), jnp.ones((2, 3), int)), under("LinenBlock_0", BLOCK)),
    "without biases": (linen(LinenTransformer(False), jnp.ones((2, 3), int)), under("LinenBlock_0", BLOCK)),
    "a linen CNN": (
        linen(LinenCNN(), jnp.ones((2, 4, 4, 1))),
        {"Conv_0/kernel": CONV, "Conv_1/kernel": CONV, "Dense_0/kernel": IN_OUT},
    ),
    "an nnx model": (
        lambda: nnx.state(nnx.eval_shape(lambda: NnxModel(nnx.Rngs(0))), nnx.Param),
        {
            "c1/kernel": CONV,
            "blocks/0/kernel": IN_OUT,
            "general/kernel": jgd.MatrixAxes((0, 1), (2, 3)),
            **under("attention", ATTENTION),
        },
    ),
    "an equinox model": (
        equinox(EqxModel),
        {
            "down/weight": EQX_CONV,
            "conv/weight": EQX_CONV,
            "stacked/weight": jgd.MatrixAxes((2,), (1,)),
            **{f"attention/{name}_proj/weight": OUT_IN for name in ("query", "key", "value", "output")},
        },
    ),
    "equinox's MLP": (equinox(eqx.nn.MLP, 2, 8, 3, 2), {"layers/0/weight": OUT_IN, "layers/1/weight": OUT_IN}),
    "equinox's attention": (
        equinox(eqx.nn.MultiheadAttention, 2, 8),
        {f"{name}_proj/weight": OUT_IN for name in ("query", "key", "value", "output")},
    ),
    "haiku": (
        haiku,
        {
            "net/linear/w": IN_OUT,
            "net/conv2_d/w": CONV,
            "net/conv2_d_transpose/w": jgd.MatrixAxes((0, 1, 3), (2,)),
        },
    ),
    "torch": (
        shapes(
            layers__0__self_attn__in_proj_weight=(12, 4),
            layers__0__self_attn__in_proj_bias=(12,),
            layers__0__mlp__fc1__weight=(8, 4),
            layers__0__ln_1__weight=(4,),
            conv1__weight=(8, 4, 3, 3),
            conv1__bias=(8,),
            up__weight=(4, 8, 2, 2),
            up__bias=(8,),
            tok_emb__weight=(9, 4),
            lm_head__weight=(9, 4),
        ),
        {
            "layers/0/self_attn/in_proj_weight": OUT_IN,
            "layers/0/mlp/fc1/weight": OUT_IN,
            "conv1/weight": EQX_CONV,
            "up/weight": jgd.MatrixAxes((0, 2, 3), (1,)),
        },
    ),
    "stacks with biases": (
        stacked_flax,
        {"layers/dense/kernel": jgd.MatrixAxes((1,), (2,)), "attn/query/kernel": jgd.MatrixAxes((1,), (2, 3))},
    ),
    "plain functions": (
        shapes(w1=(4, 3), b1=(3,), w2=(3, 4), b2=(4,), mixing=(5, 6), stack=(2, 4, 4), b=(3, 3), codes=(3,)),
        {"w1": IN_OUT, "w2": IN_OUT, "mixing": IN_OUT, "b": IN_OUT},
    ),
    "a readout by its size": (
        shapes(embedding=(9, 4), up=(4, 8)),
        {"up": IN_OUT},
    ),
}


def chosen(params, which=jgd.matrix_axes):
    paths = ["/".join(path_names(path)) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    axes = declared_axes("test", which, params).of(params)
    return {path: x for path, x in zip(paths, axes, strict=True) if x is not None}


@pytest.mark.parametrize("name", MODELS)
def test_every_leaf_is_cut_as_its_layer_uses_it_or_not_at_all(name):
    make, expected = MODELS[name]
    params = make()
    labels = jax.tree.leaves(jgd.muon_labels(params))
    rows = jgd.describe(jgd.muon(0.1), params).rows
    assert {row.path for row in rows if row.matrices} == set(expected)
    assert [row.part for row in rows] == labels
    assert chosen(params) == expected


def test_a_dense_layer_of_a_vocabulary_s_size_is_a_readout():
    tree = {"Embed_0": {"embedding": (9, 4)}, "unnamed": {"kernel": (4, 9)}, "up": {"kernel": (4, 8)}}
    params = jax.tree.map(lambda s: jnp.ones(s), tree, is_leaf=lambda x: isinstance(x, tuple))
    assert chosen(params) == {"up/kernel": IN_OUT}


def test_stacked_layers_are_declared_by_a_pattern():
    params = stacked_flax()
    behind = jgd.MatrixAxes((1,), (2,))
    assert chosen(params, jgd.matrix_axes_by_path(stacked="layers")) == {
        "attn/query/kernel": jgd.MatrixAxes((1,), (2, 3)),
        "layers/dense/kernel": behind,
        "layers/up/kernel": behind,
    }


def test_patterns_come_before_the_guess_and_the_first_decides():
    params = {"attn": {"qkv": jnp.ones((4, 3, 2)), "out": jnp.ones((4, 4)), "up": jnp.ones((4, 4))}}
    which = jgd.matrix_axes_by_path({"attn/qkv": jgd.MatrixAxes(0, (1, 2)), "out": "adam", "attn/o": IN_OUT})
    assert chosen(params, which) == {"attn/qkv": jgd.MatrixAxes(0, (1, 2)), "attn/up": IN_OUT}
    assert eval(repr(which), dict(vars(jgd))) == which


def test_names_above_all_leaves_count_and_a_single_matrix_is_one():
    deep = {"kernel": jnp.ones((3, 4)), "bias": jnp.ones(4)}
    assert chosen({"head": {"a": {"dense": deep}, "b": {"dense": deep}}}) == {}
    assert chosen(jnp.ones((3, 4))) == {"": IN_OUT}
    assert chosen([jnp.ones((3, 4)), jnp.ones((4, 5))]) == {"0": IN_OUT, "1": IN_OUT}
    assert chosen({"Dense_0": deep}) == {"Dense_0/kernel": IN_OUT}
    assert chosen({}) == {}


def test_complex_matrices_are_matrices():
    assert jgd.matrix_axes({"w": jnp.ones((3, 4), complex)}) == {"w": IN_OUT}
