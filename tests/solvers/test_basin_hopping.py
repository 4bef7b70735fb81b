"""basin_hopping: chains leave the minima where one search ends, by scipy's rule, each by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import jgd
from jgd.core import InputError
from jgd.solvers import basin_hopping, search_queue
from jgd.solvers.basin_hopping import Hops

STARTS = np.random.default_rng(0).uniform(-3, 3, (16, 2)).astype(np.float32)
BOWL_STARTS = STARTS[:2, :1]


def rastrigin(x):
    """Return a grid of minima a unit apart, the least of them 0 at 0."""
    return jnp.sum(x**2 - 10 * jnp.cos(2 * jnp.pi * x) + 10)


def bowl(x):
    return jnp.sum(x**2)


def hops(starts=STARTS, fn=rastrigin, **keywords):
    given = {"lanes": 8, "step_size": 0.8, "num_hops": 20, "key": 1, "keep": len(starts)} | keywords
    return basin_hopping(fn, "bfgs", starts, **given)


@pytest.fixture
def states(monkeypatch):
    """Return the chains after every segment in which searches have ended."""
    seen, after = [], Hops.after

    def recorded(self, *args):
        found = after(self, *args)
        seen.append(jax.tree.map(np.copy, self.state))
        return found

    monkeypatch.setattr(Hops, "after", recorded)
    return seen


def with_scipy(start, seed):
    """Return the value that scipy's chain finds."""

    def value_and_grad(x):
        return np.sum(x**2 - 10 * np.cos(2 * np.pi * x) + 10), 2 * x + 20 * np.pi * np.sin(2 * np.pi * x)

    local = {"jac": True, "method": "BFGS"}
    return scipy.optimize.basinhopping(
        value_and_grad, start, niter=20, stepsize=0.8, minimizer_kwargs=local, rng=seed
    ).fun


def test_it_finds_the_least_minimum_about_as_often_as_scipys():
    single = np.asarray(jgd.minimize_many(rastrigin, "bfgs", STARTS, lanes=8).value)
    ours = np.asarray(hops().value) < 1e-3
    theirs = np.array([with_scipy(x.astype(float), i) for i, x in enumerate(STARTS)]) < 1e-3
    assert np.mean(single < 1e-3) < 0.2
    assert ours.mean() > 0.4
    assert abs(ours.mean() - theirs.mean()) < 3 * np.sqrt(2 * 0.25 / 16)  # three deviations of 16 throws each


def ackley(x):
    """Ackley's function: a funnel to 0 at 0, under waves a unit apart."""
    waves = jnp.exp(jnp.mean(jnp.cos(2 * jnp.pi * x)))
    return 20 - 20 * jnp.exp(-0.2 * jnp.sqrt(jnp.mean(x**2) + 1e-12)) + jnp.e - waves


def double_well(x):
    """Minima near -1 and 1, of which the left one is lower."""
    return jnp.sum((x**2 - 1) ** 2 + 0.2 * x)


CASES = {  # the function, the starts, the length of a hop, the least value
    "ackley": (ackley, STARTS[:4], 1.5, 0.0),
    "double well": (double_well, np.ones((4, 1), np.float32), 2.0, -0.2024),
}


@pytest.mark.parametrize(("fn", "starts", "size", "least"), CASES.values(), ids=CASES)
def test_restarts_with_noise_leave_what_one_search_ends_in(fn, starts, size, least):
    """At temperature 0, from the best so far. Most of the searches alone end in another minimum."""
    once = jgd.minimize_many(fn, "bfgs", starts, lanes=4)
    found = hops(starts, fn, temperature=0.0, step_size=size, lanes=4)
    assert np.mean(once.value > least + 0.1) > 0.5
    np.testing.assert_allclose(found.value, least, atol=1e-3)  # where the slope falls below 1e-5, or rounding


def test_the_best_comes_with_the_cost_of_all_searches(states):
    best, every = hops(keep=1), hops()
    assert best.status.converged
    assert best.value == every.value[0] == states[-1].least.min()
    assert np.all(np.diff(every.value) >= 0)
    np.testing.assert_allclose(rastrigin(best.params), best.value, atol=1e-4)  # the rounding of a sum of tens
    assert sorted(every.evaluations.tolist()) == sorted(states[-1].evaluations.tolist())
    assert (states[-1].hops == 21).all()
    assert (every.evaluations > 21).all()


def test_at_temperature_0_a_chain_never_goes_up(states):
    hops(temperature=0.0)
    values = np.stack([state.value for state in states])
    assert (np.diff(np.where(np.isinf(values), 1e9, values), axis=0) <= 0).all()
    states.clear()
    hops(temperature=1e6)
    assert (states[-1].value > states[-1].least + 0.5).any()  # minima lie about a unit apart


def test_the_step_grows_where_hops_are_accepted_and_shrinks_where_not(states):
    hops(BOWL_STARTS, bowl, interval=5, stepwise_factor=0.5, lanes=2)
    np.testing.assert_array_equal(states[-1].step, 2.0**4)  # every hop leads to the one minimum
    states.clear()
    hops(0 * STARTS, temperature=0.0, step_size=30.0, interval=5, stepwise_factor=0.5)
    np.testing.assert_array_equal(states[-1].step, 0.5**4)  # no other minimum is as low


def test_a_chain_is_the_same_whatever_the_others_do(states):
    hops()
    first = jax.tree.map(lambda x: x[:3], states[-1])
    hops(np.concatenate([STARTS[:3], STARTS[:2:-1]]))
    jax.tree.map(np.testing.assert_array_equal, jax.tree.map(lambda x: x[:3], states[-1]), first)


@pytest.mark.slow
def test_trees_and_complex_numbers_hop_within_their_bounds():
    starts = {"x": np.zeros((2, 2), np.float32), "z": np.zeros(2, np.complex64)}

    def wells(p):
        return rastrigin(p["x"] - 1.0) + jnp.abs(p["z"] ** 2 + 1) ** 2

    sizes = {"x": 0.8, "z": 0.5}
    found = basin_hopping(wells, "bfgs", starts, step_size=sizes, num_hops=10, key=3)
    assert found.value < 1.1
    np.testing.assert_allclose(np.abs(found.params["z"]), 1.0, atol=1e-2)  # i and -i
    inside = basin_hopping(rastrigin, "l-bfgs-b", STARTS[:2], bounds=(0.5, 2.4), num_hops=5, keep=2, key=3)
    assert ((inside.params >= 0.5) & (inside.params <= 2.4)).all()
    np.testing.assert_allclose(inside.value[0], 1.99, atol=0.01)  # at (1, 1), to the first order of the curvature


def test_a_folder_goes_on_after_an_interruption(tmp_path, monkeypatch):
    whole, go, calls = hops(), search_queue.go, []

    def interrupted(*args):
        calls.append(1)
        if len(calls) > 9:
            raise KeyboardInterrupt
        return go(*args)

    with monkeypatch.context() as patch:
        patch.setattr(search_queue, "go", interrupted)
        with pytest.raises(KeyboardInterrupt):
            hops(dir=tmp_path)
    again = hops(dir=tmp_path)
    jax.tree.map(np.testing.assert_array_equal, again, whole)
    for name, other in {"temperature": 0.5, "num_hops": 21, "key": 2, "step_size": 0.7}.items():
        with pytest.raises(InputError, match=rf"basin_hopping\(dir=.*another call's searches.*{name}"):
            hops(dir=tmp_path, **{name: other})


BAD = {
    "temperature": ({"temperature": -1.0}, "temperature must be a number, at least 0"),
    "hops": ({"num_hops": 1.5}, "num_hops must be"),
    "rate": ({"target_accept_rate": 1.5}, "target_accept_rate must be a number between 0 and 1"),
    "keep": ({"keep": 17}, r"basin_hopping\(keep=17\): there are 16 chains"),
    "structure": ({"step_size": {"x": 1.0}}, r"basin_hopping\(step_size=\): it is PyTreeDef"),
    "shape": ({"step_size": np.ones(3)}, r"step_size=\): at .* it has shape \(3,\)"),
    "sign": ({"step_size": -1.0}, "it must be positive and finite"),
    "method": ({"bounds": (0, 1)}, r"basin_hopping\(optimizer='bfgs'\): it does not take bounds"),
    "start": ({"starts": {"x": np.float32(1.0)}}, r"basin_hopping\(starts\): the leaf at .* has shape \(\)"),
}


@pytest.mark.parametrize(("keywords", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_one_sentence(keywords, words):
    with pytest.raises(InputError, match=words) as error:
        hops(**({"starts": STARTS, "keep": 1} | keywords))
    assert "\n" not in str(error.value)


def test_under_jit_it_is_refused():
    with pytest.raises(InputError, match="basin_hopping: it cannot act under jit"):
        jax.jit(lambda x: hops(x).value)(STARTS)
