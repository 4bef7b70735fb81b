"""The pulse of a run: definitions by NumPy, groups, bounded rows, resume, and training that it does not touch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.train.curves import Curves
from jgd.train.pulse import MOST_ROWS, Health, bounded, clipped_share, pulse_of, samples, short_names
from tests.train import problems

PARAMS = {"layers": [{"w": jnp.ones((2, 3)), "b": jnp.zeros(3)} for _ in range(3)], "head": jnp.ones((3, 1))}


def test_a_step_is_measured_as_numpy_measures_it():
    rng = np.random.default_rng(0)
    trees = [jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape), jnp.float32), PARAMS) for _ in range(4)]
    params, grads, updates, before = trees
    grads["head"] = grads["head"].at[0].set(0.0)
    pulse = pulse_of(Health(every=1, groups={"head": "head", "first": "layers/0"}), PARAMS)
    assert pulse is not None
    beat = pulse.beat(jgd.sgd(0.1), params, grads, updates, before)
    rows = pulse.rows(jax.tree.map(lambda x: x[None], beat), 3, 1, np.ones(1))

    def flat(tree):
        return np.concatenate([np.ravel(tree["layers"][0]["w"]), np.ravel(tree["layers"][0]["b"])])

    p, g, u, b = map(flat, trees)
    expected = {
        "gradient_norm/first": np.linalg.norm(g),
        "params_norm/first": np.linalg.norm(p),
        "update_ratio/first": np.linalg.norm(u) / np.linalg.norm(p),
        "successive_cosine/first": g @ b / np.linalg.norm(g) / np.linalg.norm(b),
        "zeros/head": 1 / 3,
        "nonfinite/all": 0.0,
        "gradient_norm/all": float(jgd.global_norm(grads)),
        "step": 3,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(rows[name][0], value, rtol=1e-5, err_msg=name)  # float32 sums of 30 terms


def test_all_sums_of_a_leaf_are_one_reduction():
    """One for a vector, and for a matrix a second one over its rows; each is a program of its own on the CPU."""
    pulse = pulse_of(True, PARAMS)
    assert pulse is not None
    program = str(jax.make_jaxpr(lambda x: pulse.beat(jgd.sgd(0.1), x, x, x, x))(PARAMS))
    assert program.count("= reduce[") == 3 * 2 + 3 + 2
    assert "reduce_sum" not in program


def test_cosines_of_a_large_leaf_are_those_of_a_sample_of_it():
    rng = np.random.default_rng(0)
    g, b = (jnp.asarray(rng.normal(size=(300, 200)), jnp.float32) for _ in range(2))
    g = g + b  # whose cosine with b is the root of a half
    pulse = pulse_of(Health(every=1), {"w": g})
    assert pulse is not None
    before = samples({"w": b})
    assert 2048 < before["w"].size <= 4096
    beat = pulse.beat(jgd.sgd(0.1), {"w": g}, {"w": g}, {"w": g}, before)
    found = pulse.rows(jax.tree.map(lambda x: x[None], beat), 3, 1, np.ones(1))["successive_cosine/w"][0]
    np.testing.assert_allclose(found, 0.5**0.5, atol=0.04)  # four standard errors of 3,750 entries


def test_ratios_of_zero_parameters_are_the_size_of_updates_and_what_is_not_finite_is_counted():
    params, grads = {"w": jnp.zeros(4)}, {"w": jnp.array([1.0, jnp.nan, jnp.inf, 0.0])}
    pulse = pulse_of(True, params)
    assert pulse is not None
    beat = pulse.beat(jgd.sgd(0.1), params, grads, {"w": jnp.full(4, 0.5)}, params)
    rows = pulse.rows(jax.tree.map(lambda x: x[None], beat), 0, 1, np.array([np.nan]))
    assert (rows["update_ratio/w"], rows["nonfinite/w"], rows["zeros/w"]) == (0.5, 0.5, 0.25)
    assert np.isnan(rows["successive_cosine/w"])


@pytest.mark.parametrize(
    "optimizer",
    [
        jgd.adam(0.1),
        jgd.chain(jgd.add_noise(0.01, 0.5, 0), jgd.sgd(0.1)),
        jgd.chain(jgd.clip_by_global_norm(0.1), jgd.sgd(0.1, 0.9)),
    ],
)
def test_health_changes_training_by_rounding_alone(optimizer):
    """XLA rounds a step otherwise in another loop: by 3e-7 in 40 steps of Adam on diabetes."""
    plain, heard = (
        jgd.fit(problems.task(5), optimizer, steps=23, eval_every=10, health=health, progress=False)
        for health in (False, Health(every=4))
    )
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)  # 23 steps of float32
    jax.tree.map(close, (plain.params, plain.metrics), (heard.params, heard.metrics))
    np.testing.assert_array_equal(heard.beats["step"], [0, 1, 3, 7, 11, 15, 19])
    assert np.isnan(heard.beats["successive_cosine/all"][0])
    assert np.all(np.abs(heard.beats["successive_cosine/all"][1:]) <= 1 + 1e-6)


def test_steps_whose_loss_is_not_finite_are_measured_whether_or_not_they_end_the_run():
    """Batches of one row; those of a NaN are rows 2 and 5 of each epoch of 8, in an order of its own."""
    x = jnp.arange(8.0).at[jnp.array([2, 5])].set(jnp.nan)
    task = jgd.Task(
        lambda key: {"w": jnp.ones(3)}, lambda p, x: jnp.sum(p["w"] ** 2) + 0 * x[0] * p["w"][0], x, 1, allow_nan=True
    )
    skips = jgd.apply_if_finite(jgd.sgd(0.01), 9)
    ended, skipped, all_steps = (
        jgd.fit(task, optimizer, steps=24, eval_every=6, health=Health(every=every), progress=False)
        for optimizer, every in ((jgd.sgd(0.01), 5), (skips, 5), (skips, 1))
    )
    bad = np.flatnonzero(np.isnan(skipped.metrics["loss"]))
    np.testing.assert_array_equal(skipped.beats["step"], np.union1d([0, 1, 3, 4, 9, 14, 19], bad))
    assert ended.steps == bad[0] + 1
    assert ended.beats["step"][-1] == bad[0]
    for beats in (ended.beats, skipped.beats):
        np.testing.assert_allclose(beats["nonfinite/w"], np.isin(beats["step"], bad) / 3)
        assert np.all(np.isnan(beats["successive_cosine/w"][np.isin(beats["step"], bad)]))
    assert np.all(np.diff(skipped.beats["params_norm/w"]) <= 0)
    for name, column in skipped.beats.items():  # a measurement is that of its step, however many there are
        np.testing.assert_allclose(column, all_steps.beats[name][skipped.beats["step"]], rtol=1e-6, err_msg=name)


def test_the_first_period_is_measured_at_powers_of_two():
    pulse = pulse_of(True, PARAMS)
    assert pulse is not None
    np.testing.assert_array_equal(np.flatnonzero(pulse.is_due(np.arange(130))), [0, 1, 3, 7, 15, 31, 49, 99])


def test_a_resumed_run_has_the_pulse_of_an_uninterrupted_one(tmp_path):
    def run(steps, dir=None):
        return jgd.fit(problems.task(5), jgd.adam(0.1), steps=steps, eval_every=5, health=True, dir=dir, progress=False)

    whole, _ = run(20), run(10, tmp_path)
    for name, column in run(20, tmp_path).beats.items():
        np.testing.assert_array_equal(column, whole.beats[name], err_msg=name)


def test_rows_are_bounded_and_the_last_is_kept():
    curves = Curves({"step": np.arange(3 * MOST_ROWS)})
    kept = bounded(curves).rows()["step"]
    assert len(kept) <= MOST_ROWS
    assert kept[-1] == 3 * MOST_ROWS - 1
    assert set(np.diff(kept)) == {4}


def test_many_leaves_come_into_few_groups():
    paths = [f"layers/{i}/{name}" for i in range(30) for name in ("w", "b")] + ["head/w", "head/b"]
    assert set(short_names(paths, 6)) == {"layers/0", "layers/29", "layers/*/w", "layers/*/b", "head/w", "head/b"}
    assert set(short_names(paths, 4)) == {"layers/0", "layers/29", "layers/*", "head"}
    assert set(short_names(paths, 3)) == {"layers/*", "head/w", "head/b"}
    assert set(short_names(paths, 1)) == {"all leaves"}
    apart = {f"layers/{i}/{name}" for i in (0, 29) for name in ("w", "b")}
    assert set(short_names(paths, 12)) == {"layers/*/w", "layers/*/b", "head/w", "head/b", *apart}
    assert short_names([""], 1) == ["params"]
    flax = [f"params/Block_{i}/Dense_{j}/kernel" for i in range(12) for j in (0, 1)]  # the layers are the blocks
    ends = {f"params/Block_{i}/Dense_{j}/kernel" for i in (0, 11) for j in (0, 1)}
    assert set(short_names(flax, 12)) == {"params/Block_*/Dense_*/kernel", *ends}
    assert set(short_names(flax, 3)) == {"params/Block_*/Dense_*/kernel", "params/Block_0", "params/Block_11"}
    paths = [f"blocks/{i}/{kind}" for i in (0, 1) for kind in "qkvoud"] + ["emb", "pos", "out"]
    assert set(short_names(paths, 12)) == {*(f"blocks/*/{kind}" for kind in "qkvoud"), "emb", "pos", "out"}
    paths = [f"{side}/{i}/{kind}/w" for side in ("in", "out") for i in range(6) for kind in "qkvoud"] + ["head"]
    ends = {f"{side}/{i}" for side in ("in", "out") for i in (0, 5)}  # so that a gradient is seen to vanish
    assert set(short_names(paths, 12)) == {"in/*", "out/*", "head", *ends}


@pytest.mark.parametrize(
    ("clip", "share"),
    [
        (jgd.clip_by_global_norm(5.1), 0.0),
        (jgd.clip_by_global_norm(4.9), 1.0),
        (jgd.clip(3.5), 0.25),
        (jgd.clip_by_norm(1.0), 0.5),
        (jgd.clip_by_block_rms(1.0), 0.5),
        (jgd.scale(1.0), np.nan),
    ],
)
def test_the_share_that_a_first_link_clips(clip, share):
    grads = {"a": jnp.array([3.0, 4.0]), "b": jnp.zeros(2)}
    found = clipped_share(jgd.chain(clip, jgd.sgd(0.1)), grads, jnp.float32(5.0))
    np.testing.assert_array_equal(np.asarray(found, float), share)


@pytest.mark.parametrize(
    ("health", "words"),
    [
        ("yes", "fit(health='yes'): health must be True or False, or a jgd.Health."),
        (Health(groups=["nothing"]), "Health(groups): the pattern 'nothing' fits no path"),
    ],
)
def test_bad_requests_are_one_sentence(health, words):
    with pytest.raises(InputError) as error:
        jgd.fit(problems.task(5), jgd.sgd(0.1), steps=1, health=health, progress=False)
    assert str(error.value).startswith(words)
    with pytest.raises(InputError, match=r"Health\(groups=0\): groups must be"):
        Health(groups=0)
