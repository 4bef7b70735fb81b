"""Line searches by themselves: the conditions hold where they end, within few trials, whatever the function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd.solvers.methods.hager_zhang import hager_zhang
from jgd.solvers.methods.line_searches import armijo, contradiction, strong_wolfe
from jgd.transforms.line_search import RayPoint

SEARCHES = {"strong_wolfe": strong_wolfe(curv_rtol=0.4), "armijo": armijo(), "hager_zhang": hager_zhang()}
# Functions of the step, all falling at 0, among them steep, long, undefined beyond some step, and multimodal ones.
FUNCTIONS = [
    lambda t: (t - 1) ** 2,
    lambda t: (t - 1e3) ** 2 / 1e3,
    lambda t: (t - 1e-3) ** 2,
    lambda t: -t / (t**2 + 2),  # Moré & Thuente (1994), 1
    lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,  # 2
    lambda t: jnp.sqrt(1e-6 + (1 - t) ** 2) + 1e-3 * t**2,
    lambda t: -jnp.log(0.1 - t) - 30 * t,  # NaN beyond 0.1
    lambda t: 1 - t + 0.2 * jnp.sin(10 * t) / 10 + 0.1 * t**2,
    lambda t: jnp.where(t > 2, jnp.inf, (t - 1.5) ** 4),
]


@pytest.fixture(scope="module")
def searched():
    """(name) -> for each function: the start, the end, the trials and whether the search failed."""
    done = {}

    def run(name, longest=np.inf):
        search = SEARCHES[name]

        def at(which, t):
            value, slope = jax.value_and_grad(lambda t: jax.lax.switch(which, FUNCTIONS, t))(t)
            return RayPoint(t, value, slope)

        @jax.jit
        def alone(which, longest):
            start = at(which, jnp.zeros(()))

            def turn(carry):
                state, step = carry
                state = search.receive(state, start, at(which, step), longest)
                return state, search.next(state, longest)

            first = (search.begin(start), jnp.minimum(1.0, longest))
            state, _ = jax.lax.while_loop(lambda c: ~(c[0].done | c[0].failed), turn, first)
            return start, state.point, state.count, state.failed

        if name not in done:
            done[name] = alone
        return [jax.device_get(done[name](i, longest)) for i in range(len(FUNCTIONS))]

    with jax.enable_x64(True):
        yield run


@pytest.mark.parametrize("name", SEARCHES)
def test_the_conditions_hold_at_the_end(name, searched):
    search, trials = SEARCHES[name], 0
    for which, (start, end, count, failed) in enumerate(searched(name)):
        assert not failed, which
        assert end.step > 0
        trials += count
        slope_rtol = search.delta if name == "hager_zhang" else search.slope_rtol
        allowed = slope_rtol * end.step * start.slope + 1e-14 * abs(start.value)  # ten rounding units, as values may
        assert end.value <= start.value + allowed, which
        if name == "strong_wolfe":
            assert abs(end.slope) <= search.curv_rtol * abs(start.slope), which
        if name == "hager_zhang":
            assert end.slope >= search.sigma * start.slope, which
    assert trials <= 10 * len(FUNCTIONS)  # on the average; the steps begin a thousand times too long or too short


@pytest.mark.parametrize("name", SEARCHES)
def test_no_step_is_longer_than_allowed(name, searched):
    for which, (start, end, _, failed) in enumerate(searched(name, 0.05)):
        assert 0 < end.step <= 0.05, which
        assert end.value < start.value or failed, which
    start, end, count, failed = searched(name, 0.05)[0]
    assert (end.step, count, bool(failed)) == (0.05, 1, False)  # where longer ones were lower still


@pytest.mark.parametrize("name", SEARCHES)
def test_rounding_of_the_value_does_not_defeat_the_search(name, x64):
    """The value rises by ten times its spacing at 1e12, 1e-4; the slope says that the step is right."""
    search, found = SEARCHES[name], []
    start = RayPoint(jnp.zeros(()), jnp.array(1e12), jnp.array(-2e-6))
    state, step = search.begin(start), jnp.ones(())
    for _ in range(5):
        new = RayPoint(step, jnp.array(1e12 + 1e-3), 2e-6 * (step - 1))
        state = search.receive(state, start, new, jnp.inf)
        found.append(bool(state.done))
        if state.done:
            break
    assert found == [True]


NOISE = 500 * np.finfo(float).eps  # of values near 1, fifty times what counts as equal by itself


def noisy(size):
    """Return a parabola that falls by 1e-14 from 1, whose values are higher by `size` but at 0."""
    return lambda t: RayPoint(t, 1 + size * (t > 0), 2e-14 * (t - 1))


@pytest.mark.parametrize(("size", "accepted"), [(NOISE, True), (1e4 * NOISE, False)])
def test_noise_of_the_value_is_told_from_a_rise(size, accepted, x64):
    """Trials that are higher where slopes say lower tell the noise; where it is too much they are not believed."""
    search, at = strong_wolfe(curv_rtol=0.4), noisy(size)
    start = at(jnp.zeros(()))
    state, step, noise = search.begin(start), jnp.array(0.3), 0.0
    while not (state.done or state.failed):
        noise = jnp.maximum(noise, contradiction(start, at(step)))
        state = search.receive(state, start, at(step), jnp.inf, noise)
        step = search.next(state, jnp.inf)
    assert bool(state.done) is accepted
    if accepted:
        assert abs(float(state.point.slope)) <= 0.4 * abs(float(start.slope))
    else:
        assert float(state.point.step) == 0.0
