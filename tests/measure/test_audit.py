"""An audit finds each planted fault, and only that; healthy steps of the catalogue have no finding."""

import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import jgd
from jgd.commands.main import main
from jgd.core.record import InputError
from jgd.measure import program_work
from jgd.optimizers.catalogue import catalogue
from tests.table import OPTIMIZERS

wrong: Any = jgd  # for arguments of a wrong type

CATALOGUE = catalogue()
SIDE = 600  # a matrix of more than 1 MiB, from which on copies and constants count
PARAMS = {"w": jax.ShapeDtypeStruct((SIDE, SIDE), jnp.float32), "b": jax.ShapeDtypeStruct((SIDE,), jnp.float32)}
BATCH = jax.ShapeDtypeStruct((8, SIDE), jnp.float32)
NONE = {"w": False, "b": False}


def loss(params, batch):
    return jnp.mean((batch @ params["w"] + params["b"][None]) ** 2)


def stepping(optimizer, **jit):
    @functools.partial(jax.jit, **jit)
    def step(params, state, batch):
        value, grads = jax.value_and_grad(loss)(params, batch)
        updates, state = optimizer.update(grads, state, params)
        return jgd.apply_updates(params, updates), state, value

    return step


def audited(optimizer, step=None, **jit):
    jit = jit or {"donate_argnums": (0, 1)}
    state = jax.eval_shape(optimizer.init, PARAMS)
    return jgd.audit(step or stepping(optimizer, **jit), PARAMS, state, BATCH)


def quantities(found):
    return [finding.quantity for finding in found.findings]


def test_a_healthy_step_shows_its_memory_and_no_finding():
    found = audited(jgd.adamw(1e-3))
    assert found.findings == ()
    size = 4 * (SIDE * SIDE + SIDE)
    assert found.memory["params"] == size
    assert found.memory["state"] == 2 * size + 4  # two moments and a count
    assert found.memory["donated"] >= 3 * size
    assert "nothing found" in repr(found)
    assert json.loads(json.dumps(found.as_json()))["memory"]["params"] == size


def test_memory_that_is_not_donated_is_found():
    found = audited(jgd.adamw(1e-3), donate_argnums=())
    assert quantities(found) == ["memory that is not donated"]
    assert "donate_argnums=(0, 1)" in str(found.findings[0])


def test_memory_donated_in_vain_is_found():
    step = jax.jit(lambda params, batch: loss(params, batch), donate_argnums=0)
    found = jgd.audit(step, PARAMS, BATCH)
    assert set(quantities(found)) == {"donated buffers that no output takes"}


def test_a_constant_that_is_baked_in_is_found():
    table = np.ones((SIDE, SIDE), np.float32)
    found = jgd.audit(jax.jit(lambda batch: batch @ table), BATCH)
    assert quantities(found) == ["a constant in it"]


@pytest.mark.parametrize(
    ("start", "add", "said"),
    [(jnp.bfloat16, jnp.ones(3, jnp.float32), "float32"), (jnp.int32, 0.5, "float32, weakly typed")],
)
def test_a_type_that_comes_back_otherwise_is_found(start, add, said):
    params = {"a": jnp.ones(3, start), "b": jnp.ones(3, jnp.float32)}
    found = jgd.audit(jax.jit(lambda params: {"a": params["a"] + add, "b": params["b"]}), params)
    assert [(one.where, one.value) for one in found.findings] == [("params['a']", said)]


def test_two_calls_that_compile_apart_are_told_apart():
    first, second = jgd.adamw(1e-3), jgd.adamw(2e-3, nesterov=True)
    update = jax.jit(lambda optimizer, scale: jax.tree.map(lambda x: x * scale, optimizer))
    found = jgd.audit(update, first, jnp.float32(1), again=(second, 1))
    places = [one.where for one in found.findings]
    assert places == ["optimizer.transforms[0].nesterov", "scale"]
    assert jgd.audit(update, first, jnp.float32(1), again=(jgd.adamw(5e-3), jnp.float32(2))).findings == ()


def test_a_product_of_widened_matrices_is_found():
    x = jnp.ones((4, 8), jnp.bfloat16)
    wide = jgd.audit(jax.jit(lambda x: x.astype(jnp.float32) @ x.T.astype(jnp.float32)), x)
    assert quantities(wide) == ["products in 32 bits of matrices that were in 16"]
    summed = jgd.audit(jax.jit(lambda x: jnp.matmul(x, x.T, preferred_element_type=jnp.float32)), x)
    assert summed.findings == ()


def test_doubles_that_no_argument_brings_are_found(x64):
    x = jnp.ones(3, jnp.float32)
    assert quantities(jgd.audit(jax.jit(lambda x: (x * np.float64(2)).sum()), x)) == ["arrays in float64"]
    assert jgd.audit(jax.jit(lambda x: (x * 2.0).sum()), x).findings == ()


def test_a_copy_of_a_large_array_is_found():
    x = jax.ShapeDtypeStruct((SIDE, SIDE), jnp.float32)
    found = jgd.audit(jax.jit(lambda x: (x.at[0, 0].set(1.0), x), donate_argnums=0), x)
    assert "copies of large arrays" in quantities(found)


def test_collectives_in_a_loop_are_found_and_those_after_it_are_counted():
    mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
    split = NamedSharding(mesh, PartitionSpec(None, "data"))
    whole = NamedSharding(mesh, PartitionSpec())
    x = jax.device_put(jnp.ones((4, 2, 16)), split)

    @jax.jit
    def each(x):
        def body(total, part):
            return jax.lax.with_sharding_constraint(total + part.sum(0), whole), None

        return jax.lax.scan(body, jnp.zeros(16), x)[0]

    found = jgd.audit(each, x)
    assert quantities(found) == ["collectives within loops"]
    assert found.collectives.repeated == 4
    once = jgd.audit(jax.jit(lambda x: x.sum((0, 1)), out_shardings=whole), x)
    assert once.findings == ()
    assert once.collectives.count == 1
    assert found.memory["x"] == x.nbytes // 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: jgd.adamw(1e-3, weight_decay=0.1, mask=NONE), ["leaves that the mask keeps"]),
        (lambda: jgd.partition({"a": jgd.sgd(0.1), "c": jgd.adam(1e-3)}, dict.fromkeys(NONE, "a")),
         ["leaves with this label"]),
        (lambda: jgd.multi_steps(jgd.masked(jgd.adam(1e-3), NONE), 2), ["leaves that the mask keeps"]),
        (lambda: jgd.muon(1e-3), []),
    ],
)  # fmt: skip
def test_options_that_act_on_nothing_are_found(make, said):
    found = audited(make())
    assert quantities(found) == said
    assert found.notes == ()


def test_a_flag_and_a_number_without_effect_are_found():
    @jgd.record
    class Idle:
        rate: float = jgd.hyper(default=0.1)
        idle: float = jgd.hyper(default=1.0)
        flag: bool = jgd.static(default=False)

        def init(self, params):
            return ()

        def update(self, grads, state, params=None, **extra):
            return jax.tree.map(lambda g: -self.rate * g, grads), state

    assert audited(Idle(rate=0.2)).findings == ()
    found = jgd.audit(jax.jit(lambda o, s, p: o.update(p, s, p)), Idle(idle=3.0, flag=True), {"count": 1}, PARAMS)
    assert found.notes  # no argument is its state, so its options are not looked at, and this is said
    found = audited(Idle(idle=3.0, flag=True))
    assert sorted(one.where for one in found.findings) == ["flag", "idle"]


def test_operations_of_products_are_counted_on_either_operand():
    x, y = jnp.ones((3, 5)), jnp.ones((5, 7))
    text: Any = jax.jit(lambda x, y: (x @ y, x @ y[:, 0])).lower(x, y).compile().as_text()
    assert program_work(text).flops in (2 * 3 * 5 * 7, 2 * 3 * 5 * 8)  # a compiler may sum a vector's terms without dot


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in OPTIMIZERS if row.name in CATALOGUE], ids=lambda row: row.name)
def test_the_catalogue_has_no_findings(row):
    params, optimizer = row.params(), row.make()
    state = jax.eval_shape(optimizer.init, params)

    def step(params, state, grads):
        updates, state = row.update(optimizer, grads, state, params)
        return jgd.apply_updates(params, updates), state

    assert jgd.audit(jax.jit(step, donate_argnums=(0, 1)), params, state, params).findings == ()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: wrong.audit(3), r"audit\(step=3\): step must be a function"),
        (lambda: wrong.audit(jax.jit(lambda x: x), jnp.ones(2), again=3), r"audit\(again=3\)"),
    ],
)
def test_errors_name_the_argument(call, said):
    with pytest.raises(InputError, match=said):
        call()


def test_the_command_prints_and_judges(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "import jax, jax.numpy as jnp\n"
        "step = jax.jit(lambda params: jax.tree.map(lambda x: x + 1, params))\n"
        "args = ({'a': jnp.ones((600, 600)), 'b': jnp.ones(3)},)\n"
        "def shapes():\n    return ({'a': jax.ShapeDtypeStruct((6,), jnp.float32), 'b': jnp.ones(3)},)\n"
    )
    assert main(["audit", f"{file}:step"]) == 0
    assert "memory that is not donated is 1.44 MB" in capsys.readouterr().out
    assert main(["audit", f"{file}:step", "--check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["where"] == "params"
    assert main(["audit", f"{file}:step", "--args", "shapes", "--check"]) == 0
    assert main(["audit", f"{file}:step", "--args", "step"]) == 2
    assert main(["audit", "step"]) == 2
