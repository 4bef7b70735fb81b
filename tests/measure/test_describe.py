"""The table of what an optimizer does to each parameter."""

import jax
import jax.numpy as jnp
import optax
import pytest

import jgd
from jgd.interop import FromOptax
from tests import problems
from tests.table import ROWS

PARAMS = {
    "block": {"query": {"kernel": jnp.ones((64, 4, 16)), "bias": jnp.ones((4, 16))}},
    "stack": jnp.ones((3, 8, 4), jnp.bfloat16),
}


def rows(optimizer, params=PARAMS):
    return {row.path: row for row in jgd.describe(optimizer, params).rows}


def test_a_task_is_no_tree_of_parameters():
    with pytest.raises(jgd.InputError, match=r"describe\(params=Task\(...\)\): expected parameters; give those of its"):
        jgd.describe(jgd.adam(1e-3), jgd.Task(lambda key: jnp.ones(2), lambda p, batch: jnp.sum(p), jnp.ones((4, 2))))


def test_muon_s_choice_is_shown():
    axes = jgd.matrix_axes_by_path({"stack": jgd.MatrixAxes(2, 1)})
    optimizer = jgd.muon(0.02, weight_decay=0.1, adam_learning_rate=3e-4, muon_weight_dimension_numbers=axes)
    found = rows(jgd.multi_steps(jgd.chain(jgd.clip_by_global_norm(1.0), optimizer), 4))
    kernel, bias = found["block/query/kernel"], found["block/query/bias"]
    assert (kernel.part, kernel.matrices, kernel.learning_rate, kernel.weight_decay) == (
        "muon",
        "64 x (4·16)",
        "0.02",
        "0.1",
    )
    assert (bias.part, bias.matrices, bias.learning_rate, bias.weight_decay) == ("adam", "", "0.0003", "0")
    assert found["stack"].matrices == "3 of 4 x 8"
    assert found["stack"].dtype == "bfloat16"
    assert kernel.rule == "MultiSteps > ClipByGlobalNorm > ScaleByMuon"
    assert (kernel.state_bytes, bias.state_bytes) == (2 * 4 * 64 * 64, 3 * 4 * 64)  # an accumulator, and the moments


def test_blocks_and_their_bare_sides_are_shown():
    shapes = {"w": jnp.ones((64, 5)), "conv": jnp.ones((3, 4, 5)), "b": jnp.ones(5)}

    def cuts(optimizer):
        return {path: row.matrices for path, row in rows(optimizer, shapes).items()}

    assert cuts(jgd.soap(0.1, max_precondition_dim=10)) == {"w": "(64) x 5", "conv": "3 x 4 x 5", "b": ""}
    assert cuts(jgd.shampoo(0.1, block_size=30)) == {"w": "2 of 30 x 5 + 4 x 5", "conv": "12 x 5", "b": ""}
    assert cuts(jgd.psgd_kron(0.1, memory_save_mode="one_diag")) == {"w": "(64) x 5", "conv": "3 x 4 x (5)", "b": ""}
    assert cuts(jgd.splus(0.1)) == {"w": "64 x 5", "conv": "", "b": ""}


def test_masks_and_schedules_are_respected():
    rate = jgd.cosine_decay_schedule(1e-3, 10)
    mask = {"block": True, "stack": False}
    found = rows(jgd.adamw(rate, weight_decay=0.1, mask=mask))
    assert {path: row.weight_decay for path, row in found.items()} == {
        "block/query/bias": "0.1",
        "block/query/kernel": "0.1",
        "stack": "",
    }
    assert found["stack"].learning_rate == repr(rate)
    frozen = rows(jgd.masked(jgd.adam(1e-3), mask))
    assert (frozen["stack"].rule, frozen["stack"].state_bytes) == ("", 0)


def test_it_prints_one_line_for_each_leaf_and_a_total():
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), PARAMS)
    text = str(jgd.describe(jgd.muon(0.02), shapes))
    assert text == repr(jgd.describe(jgd.muon(0.02), PARAMS))
    lines = text.splitlines()
    assert lines[0].split() == [
        "parameter",
        "shape",
        "dtype",
        "part",
        "rule",
        "matrices",
        "learning",
        "rate",
        "weight",
        "decay",
        "state",
    ]
    assert "64 x 4 x 16" in lines[3]
    assert "64 x (4·16)" in lines[3]
    assert len(lines) == 6
    assert lines[-1] == "3 leaves: 16.8 kB of parameters, 17.7 kB of state, 4.00 B of it in counters and the like"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_state_of_every_transform_is_counted(row):
    params = row.params()
    found = jgd.describe(row.make(), params)
    state = jax.eval_shape(row.make().init, params)
    assert found.state_bytes == sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))
    counters = sum(x.dtype.itemsize for x in jax.tree.leaves(state) if not jnp.issubdtype(x.dtype, jnp.inexact))
    if row.name == "zero_nans":
        counters = 0  # its flags stand at their leaves
    if row.name == "apollo":
        counters -= 4 * len(jax.tree.leaves(params))  # its keys stand at their leaves
    scalars = 0 if row.name in ("a2grad", "ldog") else row.scalar_bytes  # theirs stand at their leaves
    assert found.other_bytes == counters + scalars


def test_optax_s_own_are_opaque():
    assert rows(optax.adamw(1e-3))["stack"].rule == "optax.chain"
    row = rows(FromOptax(optax.adamw, 1e-3))["stack"]
    assert (row.rule, row.learning_rate, row.state_bytes) == ("FromOptax", "0.001", 2 * 2 * 96)
    only = rows(jgd.adam(0.1), jnp.ones(3))["the root"]
    assert (only.state_bytes, only.learning_rate) == (24, "0.1")
    assert str(jgd.describe(jgd.adam(jnp.asarray(0.1)), problems.params())).count("0.1") == 3


def test_schedules_shared_inits_and_wrappers_read_well():
    params = {"a": jnp.zeros(2), "b": jnp.zeros(2)}
    rate = jgd.schedules.Switch((0.1, 0.01), (100,))
    frozen = jgd.partition({"on": jgd.sgd(rate, 0.9), "off": optax.set_to_zero()}, {"a": "on", "b": "off"})
    on, off = jgd.describe(frozen, params).rows
    assert on.learning_rate == "switch_schedule(values=(0.1, 0.01), boundaries=(100.0,))"
    assert off.rule == "optax.set_to_zero"
    wrapped = jgd.describe(jgd.apply_if_finite(jgd.adam(0.1), 3), params)
    assert str(wrapped).startswith("around all: ApplyIfFinite\nparameter")
    assert str(wrapped).count("ApplyIfFinite") == 1
    assert {row.rule for row in wrapped.rows} == {"ApplyIfFinite > ScaleByAdam"}
    assert "around all" not in str(jgd.describe(jgd.adam(0.1), params))


def test_rules_are_shown_and_wrappers_stand_above():
    params = {"w": jnp.ones((4, 3)), "b": jnp.ones(3)}
    grafted, splus = jgd.describe(jgd.shampoo(0.1), params), jgd.describe(jgd.splus(0.1), params)
    assert str(grafted).startswith("around all: Graft\nparameter")
    assert str(grafted).count("ScaleByRms > ScaleByShampoo > Trace") == 2
    assert [row.learning_rate for row in splus.rows] == ["0.1 * 0.001", "0.1 * 0.2857"]  # 2 / (4 + 3)


@pytest.mark.parametrize("make", [jgd.soap, jgd.shampoo, jgd.psgd_kron, jgd.splus])
def test_what_is_kept_for_the_blocks_of_a_leaf_is_its_own(make):
    params = {"a": [jnp.ones((4, 3)), jnp.ones((6, 5))], "b": jnp.ones(3)}
    found = jgd.describe(make(0.1), params)
    assert found.other_bytes <= 16  # counters
    alone = jgd.describe(make(0.1), {"a": jnp.ones((6, 5))})
    assert found.rows[1].state_bytes == alone.rows[0].state_bytes


def test_a_schedule_stands_once_below_the_table():
    rate = jgd.warmup_cosine_decay_schedule(0.0, peak_value=1e-3, warmup_steps=10, decay_steps=100)
    text = str(jgd.describe(jgd.adam(rate), {"w": jnp.ones(3), "b": jnp.ones(2)}))
    assert text.count("peak_value=0.001") == 1
    assert text.count("(1)") == 3  # a leaf each, and the line that says what it is


def test_the_links_of_a_named_chain_are_shown():
    optimizer = jgd.named_chain(("clip", jgd.clip(1.0)), ("opt", jgd.adamw(0.01, weight_decay=0.1)))
    row = rows(optimizer)["stack"]
    assert (row.rule, row.learning_rate, row.weight_decay) == ("Clip > ScaleByAdam", "0.01", "0.1")


def test_labels_stand_in_the_order_in_which_a_leaf_passes_them():
    inner = jgd.by_path({"bias": "frozen"}, jgd.adam(0.1))
    outer = jgd.partition({"all": inner}, lambda params: "all")
    assert [row.part for row in rows(outer).values()] == ["all > bias", "all > default", "all > default"]
