"""The kinds of weight decay by their formulas, in the recipes that take one, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jgd
import jgd.schedules
from tests import problems

wrong: Any = jgd  # for arguments of a wrong type

P = {"w": jnp.array([1.0, -2.0, 3.0]), "b": jnp.array([4.0])}
G = {"w": jnp.array([0.5, 0.5, -0.5]), "b": jnp.array([1.0])}
RATE = jgd.schedules.linear_schedule(0.2, 0.1, 2)  # 0.2, 0.15, 0.1


def two_steps(kind: str | None, **settings):
    """Return the first and the second update of signs of gradients, whose rule does not see how large they are."""
    optimizer = jgd.signum(RATE, 0.0)
    if kind:
        optimizer = jgd.lion(RATE, 0.0, 0.5, weight_decay=jgd.weight_decay(0.1, kind, **settings))
    state, moved, found = optimizer.init(P), P, []
    for _ in range(2):
        updates, state = jax.jit(optimizer.update)(G, state, moved)
        moved = jgd.apply_updates(moved, updates)
        found.append((np.asarray(updates["w"]), np.asarray(updates["b"])))
    return found


@pytest.mark.parametrize(
    ("kind", "settings", "decays"),
    [
        ("decoupled", {}, lambda p, first, lr, sign: lr * 0.1 * p),
        ("independent", {}, lambda p, first, lr, sign: 0.1 * p),
        ("corrected", {"peak": 0.2}, lambda p, first, lr, sign: lr * 0.1 * lr / 0.2 * p),
        ("initial", {}, lambda p, first, lr, sign: lr * 0.1 * (p - first)),
        ("cautious", {}, lambda p, first, lr, sign: lr * 0.1 * p * (sign * p >= 0)),
        ("after", {}, lambda p, first, lr, sign: lr * 0.1 * (p - lr * sign)),
    ],
)
@pytest.mark.parametrize("mask", [None, "w", {"w": True, "b": False}], ids=["everywhere", "pattern", "tree"])
def test_each_kind_is_its_formula(kind, settings, decays, mask):
    first = np.asarray(P["w"])
    p, bias = first, np.asarray(P["b"])
    for (w, b), lr in zip(two_steps(kind, mask=mask, **settings), (0.2, 0.15), strict=True):
        sign = np.sign(np.asarray(G["w"]))
        np.testing.assert_allclose(w, -lr * sign - decays(p, first, lr, sign), rtol=1e-6)
        expected = -lr - (0 if mask else decays(bias, 4.0, lr, 1.0))
        np.testing.assert_allclose(b, [float(np.squeeze(expected))], rtol=1e-6)
        p, bias = p + w, bias + b


def test_decay_after_the_step_may_start_late():
    decay = jgd.scale_then_decay(0.5, 0.1, "w", start=1)
    first, state = decay.update(G, decay.init(P), P)
    problems.close(first, jax.tree.map(lambda g: -0.5 * g, G), rtol=1e-6)
    second, _ = decay.update(G, state, P)
    np.testing.assert_allclose(second["w"], -0.5 * G["w"] - 0.05 * (P["w"] - 0.5 * G["w"]), rtol=1e-6)
    problems.close(second["b"], first["b"], rtol=0)


def test_a_penalty_goes_through_the_rule():
    (w, b), _ = two_steps("l2", mask="w")
    np.testing.assert_allclose(w, -0.2 * np.sign(np.asarray(G["w"]) + 0.1 * np.asarray(P["w"])), rtol=1e-6)
    strong = jgd.lion(0.2, 0.0, weight_decay=jgd.weight_decay(10.0, "l2"))
    updates, _ = strong.update(G, strong.init(P), P)
    np.testing.assert_allclose(updates["w"], [-0.2, 0.2, -0.2], rtol=1e-6)  # the signs of the parameters
    np.testing.assert_allclose(b, [-0.2], rtol=1e-6)


def test_a_plain_number_is_decoupled_and_programs_are_the_same():
    grads = problems.gradients(3, P)
    for make in (jgd.adamw, jgd.lion, jgd.nadamw, jgd.adamaxw, jgd.adan, jgd.lamb, jgd.muon):
        plain, kind = make(0.1, weight_decay=0.3), make(0.1, weight_decay=jgd.weight_decay(0.3))
        assert jax.tree.structure(plain) == jax.tree.structure(kind)
        assert jgd.hyperparams(plain) == jgd.hyperparams(kind)
    penalty = jgd.dog(0.1, weight_decay=jgd.weight_decay(0.3, "l2"))
    problems.close(
        problems.trajectory(penalty, P, grads),
        problems.trajectory(jgd.dog(0.1, weight_decay=0.3), P, grads),
        rtol=1e-6,
    )


def test_decay_may_follow_a_schedule_in_each_kind():
    wd = jgd.schedules.linear_schedule(0.0, 0.1, 1)
    for kind in ("decoupled", "l2", "independent", "initial", "cautious", "corrected", "after"):
        peak = {"peak": 0.2} if kind == "corrected" else {}
        optimizer = jgd.adamw(RATE, weight_decay=jgd.weight_decay(wd, kind, **peak))
        plain = jgd.adamw(RATE, weight_decay=0.0)
        first, state = optimizer.update(G, optimizer.init(P), P)
        problems.close(first, plain.update(G, plain.init(P), P)[0], rtol=1e-6)
        moved = jax.tree.map(lambda p: 2 * p, P)
        second, _ = optimizer.update(G, state, moved)
        expected, _ = plain.update(G, plain.update(G, plain.init(P), P)[1], moved)
        if kind != "l2":  # Adam's first steps hardly see how large a gradient is
            assert np.max(np.abs(second["b"] - expected["b"])) > 1e-3


def test_a_schedule_that_knows_its_peak_needs_none_and_others_do():
    rate = jgd.schedules.warmup_cosine_decay_schedule(0.0, 0.4, 2, 9)
    decay = jgd.weight_decay(0.1, "corrected")
    known, told = (
        jgd.adamw(rate, weight_decay=x) for x in (decay, jgd.weight_decay(0.1, "corrected", peak=jnp.float32(0.4)))
    )
    grads = problems.gradients(4, P)
    problems.close(problems.trajectory(known, P, grads), problems.trajectory(told, P, grads), rtol=1e-6)
    # The peak is the schedule's own number, so that both follow it.
    assert "peak" not in jgd.hyperparams(known)
    for make, message in {
        lambda: jgd.adamw(RATE, weight_decay=decay): "its largest value is not known; pass peak",
        lambda: jgd.adamw(0.1, weight_decay=decay): "expected a schedule; for a number take 'decoupled'",
        lambda: jgd.adamw(0.1, weight_decay=jgd.weight_decay(0.1, peak=1.0)): "only the kind 'corrected' has a peak",
        lambda: jgd.adamw(0.1, weight_decay=jgd.weight_decay(0.1, mask="w"), mask="b"): "a mask of its own",
        lambda: jgd.weight_decay(0.1, "decouple"): "kind must be one of",
        lambda: wrong.prodigy(weight_decay=jgd.weight_decay(0.1, "l2")): r"prodigy\(weight_decay=.*must be a number",
        lambda: jgd.scale_with_corrected_decay(rate, 0.1, "v").init(P): "the pattern 'v' fits no path",
    }.items():
        with pytest.raises(jgd.InputError, match=message):
            make()


def test_the_table_shows_where_each_kind_decays():
    for kind in ("decoupled", "independent", "initial", "cautious", "corrected", "after"):
        peak = {"peak": 0.2} if kind == "corrected" else {}
        optimizer = jgd.adamw(RATE, weight_decay=jgd.weight_decay(0.1, kind, mask="w", **peak))
        rows = {row.path: row for row in jgd.describe(optimizer, P).rows}
        assert (rows["w"].weight_decay, rows["b"].weight_decay) == ("0.1", ""), kind
        assert rows["w"].learning_rate == repr(RATE)


def test_cautious_decay_looks_at_signs_where_products_would_vanish():
    tiny = jnp.array([1e-30, -1e-30])
    updates, _ = jgd.add_cautious_decay(1.0).update(tiny, jgd.add_cautious_decay(1.0).init(tiny), jnp.full(2, 1e-20))
    np.testing.assert_allclose(updates, [1e-20, -1e-30], rtol=1e-6)
