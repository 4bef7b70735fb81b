"""GPT-2 with its blocks in a scan: the model, and Muon on stacked blocks, are those of blocks one by one."""

import time

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench import training_step
from bench.gpt2 import Size, first_parameters, hidden, loss, parameters, stacked, tokens
from bench.rows import put
from jgd.measure import random_like

TWO = Size(2, 2, 1, 8)


def test_blocks_follow_one_another():
    params, batch = first_parameters(TWO), tokens(TWO)
    value = jax.jit(lambda blocks: loss({**params, "h": blocks}, batch, heads=2))
    blocks = jax.tree.map(lambda x: 50 * x, params["h"])  # large enough to show in the loss
    none = jax.tree.map(lambda x: 0 * x, blocks)  # blocks that add nothing
    last = jax.tree.map(lambda x, y: x.at[0].set(y[0]), blocks, none)
    first = jax.tree.map(lambda x: x[::-1], last)  # the same block, before the one that adds nothing
    np.testing.assert_allclose(value(first), value(last), rtol=1e-6)
    assert len({float(value(one)) for one in (blocks, last, none)}) == 3


def test_muon_on_stacked_blocks_is_muon_on_each():
    apart = random_like(parameters(TWO), 0)
    together = {name: x for name, x in apart.items() if name not in ("h0", "h1")}
    together["h"] = jax.tree.map(lambda *x: jnp.stack(x), apart["h0"], apart["h1"])
    assert jax.tree.map(jnp.shape, together) == jax.tree.map(jnp.shape, stacked(TWO))
    assert jax.tree.leaves(hidden(together)).count("muon") == 4

    def update(opt, params):
        return jax.jit(lambda params: opt.update(params, opt.init(params), params)[0])(params)

    found = update(jgd.muon(1e-3, param_labels=hidden), together)["h"]
    wanted = update(jgd.muon(1e-3), apart)
    for i in range(2):
        for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(wanted[f"h{i}"]), strict=True):
            np.testing.assert_allclose(x[i], y, rtol=1e-4, atol=1e-7)  # batched products round in another order


def test_rows_come_early_and_a_side_that_fails_stops_no_other(monkeypatch):
    class Runs:
        compilation = None

        def run(self, calls):
            time.sleep(1e-4 * calls)

    def fails():
        raise MemoryError

    monkeypatch.setattr(training_step, "_passes", lambda size: (Runs(), "a pass"))
    rows, early = [], 0
    for row in training_step._beside(TWO, {"a": Runs, "b": fails, "c": Runs}, 2, 1e-4):
        put(rows, row)
        early += bool(row.get("early"))
    assert early == 3
    assert [row["name"] for row in rows] == [training_step.PASSES, "a", "c", "b"]
    assert rows[3]["unmeasured"] == "b: MemoryError"
    assert all("share_percent" in row and row["repeats"] == 2 for row in rows[1:3])
