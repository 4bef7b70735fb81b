"""Slopes by a number that stands at the closed end of its range, where a root or a quotient has none."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.optimizers.catalogue import catalogue
from tests import problems
from tests.each_row import gradient_like
from tests.table import ROWS
from tests.tiers import at_once

AT_THE_END = {
    "dadapt_adamw": jgd.dadapt_adamw(betas=(0.9, 0.0)),
    "dadapt_lion": jgd.dadapt_lion(b2=0.0),
    "prodigy": jgd.prodigy(betas=(0.9, 0.0)),
    "racs": jgd.racs(0.1, eps=0.0),
    "soap": jgd.soap(0.1, eps=0.0),
    "kl_soap": jgd.kl_soap(0.1, eps=0.0),
}


def test_slopes_are_finite_where_a_decay_or_eps_is_zero():
    params = problems.params({"w": (3, 2)}, "float32")

    def loss(opt):
        p, state = params, opt.init(params)
        for _ in range(2):
            updates, state = opt.update(gradient_like(p), state, p)
            p = jgd.apply_updates(p, updates)
        return problems.bowl(p)

    slopes = jax.jit(jax.grad(lambda opts: sum(map(loss, opts.values()))))(AT_THE_END)
    for name, found in slopes.items():
        bad = [leaf for leaf, x in jgd.hyperparams(found).items() if not np.all(np.isfinite(x))]
        assert not bad, (name, bad)


def test_adadelta_takes_a_decay_of_zero_which_keeps_the_last_square_alone():
    grads, params = jnp.array([2.0, -1.0]), jnp.zeros(2)
    opt = jgd.adadelta(1.0, 0.0, 0.25)
    updates, _ = opt.update(grads, opt.init(params), params)
    np.testing.assert_allclose(updates, -grads * 0.5 / np.sqrt(grads**2 + 0.25), rtol=1e-6)  # rounding of float32


ADAM = ("adam", "laprop", "novograd", "racs", "sophia")  # at once; the slow tests have the others


@pytest.mark.parametrize("entry", at_once(ADAM, catalogue()))
def test_what_has_no_gradient_does_not_become_nan_where_eps_is_zero(entry):
    """0 / 0 is taken as 0, the limit for small eps; Adam of optax and of torch makes NaN of it."""
    parameters = inspect.signature(entry.make).parameters
    zeros = dict.fromkeys(parameters.keys() & {"eps", "eps_root", "adam_eps_root"}, 0.0)
    if entry.name in ("prox_adam", "stable_adamw"):
        with pytest.raises(jgd.InputError, match=r"eps must lie in \(0, inf\)"):
            entry.make(0.1, **zeros)
        zeros = {}
    needs_rate = "learning_rate" in parameters and parameters["learning_rate"].default is inspect.Parameter.empty
    opt, row = (
        entry.make(**zeros, **{"learning_rate": 0.1} if needs_rate else {}),
        next(row for row in ROWS if row.name == entry.name),
    )
    params = {"w": jnp.ones((4, 3)), "b": jnp.ones(()), "z": jnp.ones((2, 2))}
    state = opt.init(params)
    for large in (1.0, 1e6, 1.0):  # the most that `clip(1e6)` lets pass
        some = jnp.ones((4, 3)).at[0].set(0.0).at[1, 1].set(0.0).at[2].set(large)
        grads = {"w": some, "b": jnp.zeros(()), "z": jnp.zeros((2, 2))}
        updates, state = row.update(opt, grads, state, params)
        params = jgd.apply_updates(params, updates)
    moved = [x for x in jax.tree.leaves((params, state)) if jnp.issubdtype(x.dtype, jnp.inexact)]
    assert all(bool(jnp.isfinite(x).all()) for x in moved)
