"""Programs as texts: what changes a number changes the text, and what changes nothing does not."""

import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.core.fingerprint import code_fingerprint, differences, program_fingerprint

X = jax.ShapeDtypeStruct((3,), jnp.float32)


def made(body, **names):
    """Return a function of x from its source, so that two of them share nothing but what they compute."""
    scope = {"jnp": jnp, "jax": jax, "np": np, **names}
    exec(f"def f(x):\n{body}", scope)
    return scope["f"]


def custom(rule):
    @jax.custom_jvp
    def f(x):
        return jnp.sin(x)

    f.defjvp(lambda primals, tangents: (f(*primals), rule * tangents[0]))
    return f


def custom_reverse(rule):
    @jax.custom_vjp
    def f(x):
        return jnp.sin(x)

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (rule * ct,))
    return f


def gradient(f):
    return jax.grad(lambda x: f(x).sum())


SCAN = "    return jax.lax.scan(lambda c, z: (c + {} * z, jax.jit(jnp.sin)(z)), x.sum(), x)[0]"
HOST = "    return jax.pure_callback(lambda v: v * {}, x, x)"
DIFFERENT = {
    "a number": [made("    return scale * x", scale=s) for s in (1.0, 1000.0)],
    "an array": [made("    return a + x", a=a) for a in (np.arange(3.0), np.array([0.0, 1.0, 2.5]))],
    "a key": [made("    return x + jax.random.normal(k, (3,))", k=jax.random.key(i)) for i in (0, 1)],
    "the code": [made("    return jnp.sin(x)"), made("    return jnp.cos(x)")],
    "two numbers exchanged": [made("    return 2 * x[0] + 3 * x[1]"), made("    return 3 * x[0] + 2 * x[1]")],
    "the order": [made("    return x[0] - x[1]"), made("    return x[1] - x[0]")],
    "inside a scan": [made(SCAN.format(s)) for s in (1.0, 2.0)],
    "a host function": [made(HOST.format(s)) for s in (2, 3)],
    "a rule of derivatives": [gradient(custom(r)) for r in (1.0, 2.0)],
    "a reverse rule": [gradient(custom_reverse(r)) for r in (1.0, 2.0)],
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_what_changes_a_number_changes_the_program(pair):
    first, second = (program_fingerprint(fn, X) for fn in pair)
    assert first != second
    assert program_fingerprint(pair[0], X) == first


SAME = {
    "a comment": [made("    return jnp.sin(x) + 1.0"), made("    # twice\n\n    return jnp.sin(x) + 1.0")],
    "a name": [made("    y = jnp.sin(x)\n    return y + y"), made("    z = jnp.sin(x)\n    return z + z")],
    "a function's name": [lambda x: jax.jit(made("    return x + 1"))(x), lambda y: jax.jit(lambda z: z + 1)(y)],
    "another object": [made("    return a + x", a=np.arange(3.0)) for _ in range(2)],
    "a scan": [made(SCAN.format(1.0)) for _ in range(2)],
    "a host function": [made(HOST.format(2)), made(HOST.format(2) + "  # the same")],
    "a custom rule": [gradient(custom(2.0)) for _ in range(2)],
}


@pytest.mark.parametrize("pair", SAME.values(), ids=SAME)
def test_what_changes_nothing_keeps_the_program(pair):
    first, second = (program_fingerprint(fn, X) for fn in pair)
    assert first == second
    assert " at 0x" not in first


def test_the_numbers_are_shown():
    assert program_fingerprint(made("    return 1000.0 * x"), X).endswith("with constants 1000.0")


def test_a_difference_names_the_numbers_that_differ():
    there, here = ({"loss": program_fingerprint(made(f"    return 0.5 * x + {s}"), X)} for s in (1.0, 1000.0))
    assert differences(there, here) == "loss is another program here, with 1.0 only there and 1000.0 only here"
    code = {"loss": program_fingerprint(jnp.sin, X)}
    assert differences(code, {"loss": program_fingerprint(jnp.cos, X)}) == "loss is another program here"
    assert differences({"seed": "0"}, {"seed": "1"}) == "seed is 0 there and 1 here"
    assert differences(there, dict(there)) == ""


def test_shapes_and_dtypes_count():
    texts = {
        program_fingerprint(jnp.sin, jax.ShapeDtypeStruct(s, d)) for s, d in (((3,), "f4"), ((4,), "f4"), ((3,), "f2"))
    }
    assert len(texts) == 3


PROGRAM = """
import jax, jax.numpy as jnp
from jgd.core.fingerprint import code_fingerprint, differences, program_fingerprint
def f(x):
    grown = jax.lax.while_loop(lambda c: c < 3.0, jnp.exp, 0.0)
    return jax.nn.relu(x).sum() + jax.random.normal(jax.random.key(1), ()) + grown
print(program_fingerprint(jax.value_and_grad(f), jax.ShapeDtypeStruct((3,), "f4")), code_fingerprint(f))
"""


def test_it_is_the_same_in_another_process():
    texts = {subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
             for _ in range(2)}  # fmt: skip
    assert len(texts) == 1


def test_code_that_is_not_traced_is_known_by_what_it_does_and_holds():
    def judge(scale):
        return lambda params: {"rmse": float(np.sqrt(scale * params))}

    def commented(scale):
        return lambda params: {"rmse": float(np.sqrt(scale * params))}  # in metres

    assert code_fingerprint(judge(2.0)) == code_fingerprint(commented(2.0)) != code_fingerprint(judge(3.0))
    assert code_fingerprint(functools.partial(judge, 2.0)) != code_fingerprint(functools.partial(judge, 3.0))
    arrays = [judge(np.arange(1000.0) + shift) for shift in (0.0, 1e-9)]
    assert code_fingerprint(arrays[0]) != code_fingerprint(arrays[1])
