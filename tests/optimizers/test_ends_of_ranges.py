"""Slopes by a number that stands at the closed end of its range, where a root or a quotient has none."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from tests import problems
from tests.each_row import gradient_like

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
