"""Which leaves are matrices and along which axes: guessed, labelled, declared and split."""

import collections
import re
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import jgd
from tests import problems


def test_embeddings_heads_and_vectors_go_to_adamw_and_can_be_seen():
    params = {
        "embed": {"kernel": jnp.ones((5, 4))},
        "block": {"kernel": jnp.ones((4, 4)), "bias": jnp.ones(4), "stack": jnp.ones((2, 4, 4))},
        "lm_head": jnp.ones((4, 5)),
    }
    labels = jgd.muon_labels(params)
    assert labels["block"] == {"kernel": "muon", "bias": "adam", "stack": "adam"}
    assert labels["embed"]["kernel"] == labels["lm_head"] == "adam"
    mine = jgd.muon(0.1, param_labels={**labels, "block": {"kernel": "muon", "bias": "adam", "stack": "muon"}})
    updates, _ = mine.update(params, mine.init(params), params)
    assert updates["block"]["stack"].shape == (2, 4, 4)


ATTENTION = {"query": {"kernel": (64, 4, 16)}, "out": {"kernel": (4, 16, 64)}, "conv": {"kernel": (3, 3, 4, 8)}}


AS_MATRICES = {"query": (64, 64), "out": (64, 64), "conv": (36, 8)}


@pytest.mark.parametrize("labelled", [False, True], ids=["guessed", "labelled by hand"])
def test_attention_and_convolutions_are_orthogonal_as_the_matrices_that_they_are(labelled):
    params = problems.params(ATTENTION)
    opt = jgd.muon(1.0, nesterov=False, param_labels=(lambda _: "muon") if labelled else None)
    updates, _ = opt.update(params, opt.init(params), params)
    for name, shape in AS_MATRICES.items():
        size = max(1.0, shape[1] / shape[0]) ** 0.5
        values = jnp.linalg.svd(updates[name]["kernel"].reshape(shape) / size, compute_uv=False)
        # The band of the quintic's coefficients, but for the few smallest values of a random square matrix.
        assert jnp.all((values > 0.6) & (values < 1.3)) if name == "conv" else jnp.mean(values > 0.6) > 0.9, name
        assert jnp.max(values) < 1.3


DECLARED = {
    "patterns": lambda: jgd.matrix_axes_by_path({"query": jgd.MatrixAxes(0, (1, 2)), "out|conv": "adam"}),
    "optax's tree": lambda: {
        "query": optax.contrib.MuonDimensionNumbers([0], [1, 2]),
        "out": None,
        "conv": None,
    },
    "a function": lambda: lambda params: {"query": jgd.MatrixAxes(0, (1, 2)), "out": None, "conv": None},
}


@pytest.mark.parametrize("how", DECLARED)
def test_axes_are_declared_by_pattern_by_tree_and_by_function(how):
    params = problems.params({"query": {"kernel": (6, 2, 3)}, "out": {"kernel": (2, 3, 6)}, "conv": {"kernel": (2, 2)}})
    opt = jgd.muon(0.1, muon_weight_dimension_numbers=DECLARED[how]())
    updates, _ = jax.jit(opt.update)(params, opt.init(params), params)
    by_hand = jgd.scale_by_muon()
    matrix = {"query": params["query"]["kernel"].reshape(6, 6)}
    expected, _ = by_hand.update(matrix, by_hand.init(matrix))
    problems.close(updates["query"]["kernel"].reshape(6, 6), -0.1 * expected["query"], rtol=1e-3, atol=1e-4)
    adam = jgd.adam(0.1)
    rest = {name: params[name] for name in ("out", "conv")}
    # Adam without decay; the same arithmetic.
    problems.close({n: updates[n] for n in rest}, adam.update(rest, adam.init(rest))[0], rtol=1e-6)


def test_optax_finds_the_parameters_in_a_state_with_declared_axes():
    params = problems.params({"a": (2, 3, 4), "b": (3,)})
    opt = jgd.muon(0.1, muon_weight_dimension_numbers={"a": jgd.MatrixAxes(0, (1, 2)), "b": None})
    state: Any = optax.tree_map_params(opt, lambda x: x + 1, opt.init(params))
    assert float(state.inner_states["muon"].inner_state[0].mu["a"][0, 0, 0]) == 1.0


def test_the_size_is_that_of_the_declared_sides():
    x = problems.params({"x": (2, 8, 3)})
    for axes, size in ((jgd.MatrixAxes(1, (0, 2)), 1.0), (jgd.MatrixAxes(0, (1, 2)), 12**0.5)):
        opt = jgd.scale_by_muon(weight_dimension_numbers={"x": axes})
        scaled, _ = opt.update(x, opt.init(x))
        plain = jgd.scale_by_muon(weight_dimension_numbers={"x": axes}, shape_scaling=False)
        problems.close(scaled, jax.tree.map(lambda u, s=size: s * u, plain.update(x, plain.init(x))[0]), rtol=1e-6)
        rms = jgd.scale_by_muon(weight_dimension_numbers={"x": axes}, consistent_rms=0.2)
        longest = 8 if axes.output_axis == (0, 2) else 24
        expected = jax.tree.map(lambda u, n=longest: 0.2 * n**0.5 * u, plain.update(x, plain.init(x))[0])
        problems.close(rms.update(x, rms.init(x))[0], expected, rtol=1e-6)


def test_declared_matrices_of_one_shape_share_one_iteration():
    params = {"a": jnp.ones((6, 2, 2)), "b": jnp.ones((2, 2, 6)), "c": jnp.ones((3, 4, 6))}
    axes = {"a": jgd.MatrixAxes(0, (1, 2)), "b": jgd.MatrixAxes((0, 1), 2), "c": jgd.MatrixAxes(2, 1)}
    opt = jgd.scale_by_muon(weight_dimension_numbers=axes)
    lowered = jax.jit(opt.update).trace(params, opt.init(params)).lower(lowering_platforms=("cuda",)).as_text()
    batches = collections.Counter(re.findall(r"dot_general.*-> tensor<([\dx]+)xf32>", lowered))
    assert batches == {"5x4x4": 10, "5x4x6": 5}


def test_a_mask_that_hides_the_biases_changes_no_guess():
    params = problems.params({"first": {"kernel": (4, 2, 3), "bias": (2, 3)}})
    alone = jgd.scale_by_muon(weight_dimension_numbers=jgd.matrix_axes)
    opt = jgd.masked(alone, {"first": {"kernel": True, "bias": False}})
    updates, _ = opt.update(params, opt.init(params), params)
    declared = jgd.scale_by_muon(weight_dimension_numbers=jgd.MatrixAxes(0, (1, 2)))
    kernel = {"first": {"kernel": params["first"]["kernel"]}}
    expected, _ = declared.update(kernel, declared.init(kernel))
    problems.close(updates["first"]["kernel"], expected["first"]["kernel"], rtol=1e-6)


SPLIT = {"qkv": {"kernel": jgd.SplitAxes(0, 1, (6, 2, 2))}, "fused": jgd.SplitAxes(1, 0, 2), "plain": None}


@pytest.mark.parametrize("make", [jgd.muon, jgd.normuon, jgd.dion])
def test_a_fused_kernel_steps_as_its_parts_do_alone(make):
    shapes = {"q": (6, 6), "k": (6, 2), "v": (6, 2), "up": (5, 3), "gate": (5, 3), "plain": (2,)}
    alone = problems.params(shapes)

    def fused(tree):
        qkv = jnp.concatenate([tree[name] for name in "qkv"], axis=1)
        return {"qkv": {"kernel": qkv}, "fused": jnp.concatenate([tree["up"], tree["gate"]]), "plain": tree["plain"]}

    axes = {name: jgd.MatrixAxes(*((1, 0) if name in ("up", "gate") else (0, 1))) for name in shapes} | {"plain": None}
    apart = make(0.1, muon_weight_dimension_numbers=axes)
    together = make(0.1, muon_weight_dimension_numbers=SPLIT)
    a, b = apart.init(alone), together.init(fused(alone))
    for g in problems.gradients(3, alone):
        (u, a), (v, b) = jax.jit(apart.update)(g, a, alone), jax.jit(together.update)(fused(g), b, fused(alone))
        problems.close(v, fused(u), rtol=1e-3, atol=1e-4)  # products of other batches, five times amplified
    assert jax.tree.map(jnp.shape, together.init(fused(alone))) == jax.tree.map(jnp.shape, b)


def test_a_split_can_be_seen():
    text = str(
        jgd.describe(
            jgd.muon(0.1, adam_learning_rate=0.01, muon_weight_dimension_numbers=SPLIT),
            {
                "qkv": {"kernel": jnp.ones((6, 10))},
                "fused": jnp.ones((6, 5)),
                "plain": jnp.ones(2),
            },
        )
    )
    assert "6 x (6 + 2 + 2)" in text
    assert "5 x (3 + 3)" in text
    assert re.search(r"plain .* adam .* 0\.01", text)
    assert re.search(r"qkv/kernel .* muon .* 0\.1 ", text)


def test_each_head_is_a_matrix_by_declaration():
    kernel = problems.params({"query": (6, 2, 3)})
    opt = jgd.scale_by_muon(weight_dimension_numbers=jgd.MatrixAxes(0, 2))
    whole, _ = opt.update(kernel, opt.init(kernel))
    rule = jgd.scale_by_muon()
    heads = [kernel["query"][:, i] for i in range(2)]
    apart, _ = rule.update(heads, rule.init(heads))
    problems.close(whole["query"], jnp.stack(apart, axis=1), rtol=1e-3, atol=1e-4)


BAD = {
    "a split that does not add up": (
        lambda p: jgd.scale_by_muon(weight_dimension_numbers=jgd.SplitAxes(0, (1, 2), (4, 4))).init(p),
        r"leaf at \['x'\] has 12 outputs and SplitAxes\(.*\): the sizes add up to 8; declare others\.$",
    ),
    "a split that does not divide": (
        lambda p: jgd.muon(0.1, muon_weight_dimension_numbers={"x": jgd.SplitAxes(0, (1, 2), 5)}).init(p),
        r"has 12 outputs and SplitAxes\(.*\): 5 does not divide them; declare others\.$",
    ),
    "no sizes": (
        lambda p: jgd.muon(0.1, muon_weight_dimension_numbers={"x": jgd.SplitAxes(0, (1, 2), (12, 0))}).init(p),
        r"expected sizes such as \(64, 16, 16\), or the number of equal parts; declare others\.$",
    ),
    "a split where none is taken": (
        lambda p: jgd.galore(0.1, 2, weight_dimension_numbers={"x": jgd.SplitAxes(0, (1, 2), 2)}).init(p),
        r"takes no split; declare MatrixAxes",
    ),
    "an axis that is not there": (
        lambda p: jgd.scale_by_muon(weight_dimension_numbers=jgd.MatrixAxes(0, 3)).init(p),
        r"leaf at \['x'\] has 3 axes and MatrixAxes\(0, 3\): there is no axis 3",
    ),
    "an axis twice": (
        lambda p: jgd.scale_by_muon(weight_dimension_numbers=jgd.MatrixAxes(0, (0, 1))).init(p),
        r"\['x'\] has shape \(2, 3, 4\).*none of them twice",
    ),
    "none declared": (
        lambda p: jgd.scale_by_muon(weight_dimension_numbers={"x": None}).init(p),
        r"no axes declared; declare them as MatrixAxes",
    ),
    "another tree": (
        lambda p: jgd.muon(0.1, muon_weight_dimension_numbers={"y": jgd.MatrixAxes()}).init(p),
        r"muon\(muon_weight_dimension_numbers\): the tree of axes .* must have the parameters' structure",
    ),
    "no axes at all": (
        lambda p: jgd.muon(0.1, muon_weight_dimension_numbers={"x": "muon"}).init(p),
        r"at \['x'\] the tree of axes has 'muon', expected MatrixAxes",
    ),
    "a pattern for nothing": (
        lambda p: jgd.muon(0.1, muon_weight_dimension_numbers=jgd.matrix_axes_by_path({"quer": "adam"})).init(p),
        r"the pattern 'quer' fits no path; there are x",
    ),
    "a pattern's value": (
        lambda p: jgd.matrix_axes_by_path({"x": "muon"}),
        r"matrix_axes_by_path\(\{'x': 'muon'\}\): expected MatrixAxes",
    ),
    "both": (
        lambda p: jgd.muon(0.1, muon_weight_dimension_numbers=jgd.matrix_axes, param_labels="muon"),
        "both say which leaves are matrices; give one",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_declaration_is_one_clear_sentence(case):
    call, sentence = BAD[case]
    with pytest.raises(jgd.InputError, match=sentence) as error:
        call({"x": jnp.ones((2, 3, 4))})
    assert "\n" not in str(error.value)


def test_attention_and_mixing_are_hidden_layers():
    names = ("multi_head_attention", "MultiHeadDotProductAttention_0", "multihead_attn", "token_mixing")
    assert set(jgd.muon_labels({name: jnp.ones((4, 4)) for name in names}).values()) == {"muon"}
    names = ("head", "heads", "lm_head", "token_embedding", "token", "multi_head_attention_logits")
    assert set(jgd.muon_labels({name: jnp.ones((4, 4)) for name in names}).values()) == {"adam"}
