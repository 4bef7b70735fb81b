"""Streaming DiLoCo: DiLoCo where nothing streams, and on quadratics what a loop over steps and fragments gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.distributed import diloco, streaming_diloco
from tests import problems

RATE = 0.3
CURVES = {"a": 0.2, "b": 1.0, "c": 2.0}
SIZES = {"a": 6, "b": 4, "c": 1}  # a alone is a fragment, b and c another
WORKERS = 2


def start():
    return {name: jnp.tile(jnp.linspace(1, 2, n), (WORKERS, 1)) for name, n in SIZES.items()}


def walk(opt, steps, noise):
    """Return the workers' parameters after each step; `noise` is [steps, workers]."""

    def body(carry, e):
        params, state = carry
        grads = {name: CURVES[name] * p + e[:, None] for name, p in params.items()}
        updates, state = opt.update(grads, state, params)
        params = jgd.apply_updates(params, updates)
        return (params, state), params

    return jax.jit(lambda opt: jax.lax.scan(body, (start(), opt.init(start())), noise)[1])(opt)


def by_hand(every, fragments, overlap, alpha, rate, steps, noise):
    """Return the same with gradient descent inside and outside, for each leaf in a loop."""
    found = {}
    for name, curve in CURVES.items():
        part = 0 if fragments == 1 or name == "a" else 1
        p = np.asarray(start()[name], np.float64)
        anchor, path, due = p[0], [], []
        for t in range(1, steps + 1):
            p = p - RATE * (curve * p + noise[t - 1][:, None])
            if (t - (part + 1) * every // fragments) % every == 0 and t >= (part + 1) * every // fragments:
                anchor = anchor - rate * (anchor - p.mean(0))
                due.append(t + overlap)
            if t in due:
                p = alpha * p + (1 - alpha) * anchor
            path.append(p)
        found[name] = np.stack(path)
    return found


def noise_of(steps):
    return jnp.asarray(np.random.default_rng(0).normal(size=(steps, WORKERS)), jnp.float32)


def test_what_does_not_stream_is_diloco_to_the_bit():
    inner, outer, noise = jgd.adamw(0.1), jgd.nesterov(0.7, 0.9), noise_of(9)
    found = walk(streaming_diloco(inner, outer, WORKERS, 3), 9, noise)
    jax.tree.map(np.testing.assert_array_equal, found, walk(diloco(inner, outer, WORKERS, 3), 9, noise))


@pytest.mark.parametrize(("every", "fragments", "overlap", "alpha"), [(4, 2, 0, 0.0), (4, 1, 3, 0.5), (5, 2, 2, 0.25)])
def test_fragments_meet_in_turn_and_hear_of_it_later(every, fragments, overlap, alpha):
    steps, noise = 4 * every, noise_of(4 * every)
    opt = streaming_diloco(jgd.sgd(RATE), jgd.sgd(0.7), WORKERS, every, fragments, overlap, alpha)
    wanted = by_hand(every, fragments, overlap, alpha, 0.7, steps, np.asarray(noise))
    problems.close(walk(opt, steps, noise), wanted, rtol=1e-4, atol=1e-5)  # float32, twenty steps


def test_overlap_and_alpha_are_swept_in_one_program():
    noise, taus, alphas = noise_of(8), jnp.array([0.0, 1.0, 3.0]), jnp.array([0.0, 0.5, 0.9])

    def last(overlap, alpha):
        return walk(streaming_diloco(jgd.sgd(RATE), jgd.sgd(0.7), WORKERS, 4, 2, overlap, alpha), 8, noise)

    lanes = jax.vmap(last)(taus, alphas)
    for i, (overlap, alpha) in enumerate(zip((0, 1, 3), (0.0, 0.5, 0.9), strict=True)):
        problems.close(jax.tree.map(lambda x, i=i: x[i], lanes), last(overlap, alpha), rtol=1e-5, atol=1e-6)


def test_lost_workers_do_not_count_and_nobody_meets_while_all_are_lost():
    opt, params = streaming_diloco(jgd.sgd(RATE), jgd.sgd(1.0), WORKERS, 1), start()
    grads = jax.tree.map(lambda p: p.at[1].set(jnp.nan), params)
    update = jax.jit(lambda grads, state, alive: opt.update(grads, state, params, alive=alive))
    updates, state = update(grads, opt.init(params), jnp.array([True, False]))
    problems.close(updates, jax.tree.map(lambda p: -RATE * p, params), rtol=1e-5)  # the first worker's, for both
    updates, state = update(grads, state, jnp.zeros(WORKERS, bool))
    assert not any(np.any(x) for x in jax.tree.leaves(updates))


@pytest.mark.parametrize(
    ("kw", "said"),
    [
        ({"fragments": 4}, r"streaming_diloco\(fragments=4\): the parameters have 3 leaves"),
        ({"overlap": 4}, r"streaming_diloco\(overlap=4, every=4\): overlap must be below every"),
        ({"alpha": 1.0}, r"alpha=1.*\[0, 1\)"),
    ],
)
def test_what_cannot_be_is_one_sentence(kw, said):
    with pytest.raises(jgd.InputError, match=said):
        streaming_diloco(jgd.sgd(RATE), jgd.sgd(0.7), WORKERS, 4, **kw).init(start())
