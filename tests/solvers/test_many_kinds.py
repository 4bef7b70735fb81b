"""minimize_many with every kind of method and of problem: a lane takes the steps that the search takes alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from tests.tiers import at_once

RNG = np.random.default_rng(3)
COUNT = 6
STARTS = {
    "x": RNG.normal(size=(COUNT, 2)).astype(np.float32),
    "z": (RNG.normal(size=COUNT) + 1j * RNG.normal(size=COUNT)).astype(np.complex64),
}
REAL = {"x": STARTS["x"], "z": STARTS["z"].real}
TARGETS = RNG.normal(size=COUNT).astype(np.float32)
BEND = jnp.float32(0.5)
STOP = jgd.Stop(gradient_norm=1e-3, max_steps=40)


def valley(params, target, bend):
    """Return a curved valley, beside a number that follows; the aux says where."""
    x, y = params["x"]
    value = (x - target) ** 2 + (y - bend * x**2) ** 2 + jnp.abs(params["z"] - x) ** 2
    return value, {"z": params["z"]}


def clipped():
    """Return a rule with one norm over all leaves.

    Without momentum every step goes down, so that the last is the best.
    """
    return jgd.chain(jgd.clip_by_global_norm(0.5), jgd.sgd(0.1))


INSIDE = {"bounds": ({"x": jnp.array([-0.4, -jnp.inf]), "z": -1.0}, 0.6)}
KINDS = {  # the method, the starts, the keywords
    "l-bfgs-b": ("l-bfgs-b", REAL, INSIDE),
    "fista": ("fista", REAL, {"nonsmooth": jgd.nonsmooth.l1(0.1)}),
    "trust-exact": ("trust-exact", STARTS, {}),
    "nelder-mead": ("nelder-mead", STARTS, {}),
    "global norm": (clipped(), STARTS, {}),
    "trust ratio": (jgd.lamb(0.05), STARTS, {}),
}
AT_ONCE = ("l-bfgs-b", "fista", "nelder-mead", "global norm")


@pytest.mark.parametrize("kind", at_once(AT_ONCE, KINDS.keys()))
def test_a_lane_takes_the_steps_of_the_search_alone(kind):
    """Bit for bit whatever its neighbours do; beside `minimize`, whose program is vectorized otherwise, to rounding."""
    method, starts, keywords = KINDS[kind]
    stop = jgd.Stop(max_steps=5) if kind == "trust ratio" else STOP  # which divides by norms that become small
    search = functools.partial(
        jgd.minimize_many, valley, method, stop=stop, has_aux=True, in_axes=(0, None), **keywords
    )
    found = search(starts, args=(TARGETS, BEND), lanes=4)
    # The last two searches, which begin where others have ended, then come first, and begin with others.
    order = np.array([5, 4, 0, 1, 2, 3])
    moved = search(jax.tree.map(lambda x: x[order], starts), args=(TARGETS[order], BEND), lanes=4)
    jax.tree.map(np.testing.assert_array_equal, moved, jax.tree.map(lambda x: x[order], found))
    np.testing.assert_array_equal(found.aux["z"], found.params["z"])
    for i in (0, 5):
        start, lane = (jax.tree.map(lambda x, i=i: x[i], tree) for tree in (starts, found))
        solo = jgd.minimize(valley, method, start, stop, args=(TARGETS[i], BEND), has_aux=True, **keywords)
        assert lane.status == solo.status
        on_cpu = jax.default_backend() == "cpu"  # elsewhere sums of another width have another order
        assert lane.steps == solo.steps or not on_cpu
        # A hundred roundings of numbers of about 1; after another number of steps, Stop's norm over the curvature.
        atol = 1e-5 if on_cpu else 5e-3
        for ours, theirs in zip(jax.tree.leaves(lane.params), jax.tree.leaves(solo.params), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=atol)
    if "bounds" in keywords:
        assert (found.params["x"][:, 0] >= -0.4).all()
        assert (found.params["x"] <= 0.6).all()


def decay(t, params):
    return params["a"] * jnp.exp(-params["b"] * t)


def test_a_batch_of_curves_is_a_vmap_of_curve_fit():
    """The example in curve_fit's docstring; each curve as it is fitted alone."""
    t = jnp.linspace(0, 2, 20, dtype=jnp.float32)
    scales, rates = jnp.linspace(1, 3, 8), jnp.linspace(0.5, 2, 8)
    noise = 0.01 * RNG.normal(size=(8, 20)).astype(np.float32)
    y = scales[:, None] * jnp.exp(-rates[:, None] * t[None]) + noise
    start = {"a": 1.0, "b": 1.0}
    fits = jax.jit(jax.vmap(lambda y: jgd.curve_fit(decay, t, y, start)))(y)
    assert fits.covariance.shape == (8, 2, 2)
    assert fits.solution.success.all()
    np.testing.assert_allclose(fits.params["a"], scales, atol=0.05)  # five of the noise's standard errors
    solo = jgd.curve_fit(decay, t, y[3], start)
    for ours, theirs in (
        (fits.params["a"][3], solo.params["a"]),
        (fits.params["b"][3], solo.params["b"]),
        (fits.covariance[3], solo.covariance),
        (fits.standard_errors["b"][3], solo.standard_errors["b"]),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)  # float32's square root, to which the minimum is known
