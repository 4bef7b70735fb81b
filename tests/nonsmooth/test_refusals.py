"""Penalties refuse in one sentence what they cannot mean, with the path of the leaf."""

# Arguments are of a wrong type on purpose:
# pyright: reportArgumentType=false

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jgd import linear_schedule
from jgd import nonsmooth as ns
from jgd.core import InputError

W = {"w": jnp.ones(3), "b": jnp.ones(())}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ns.l1(-1.0), r"L1Norm\(scale=-1.0\): scale must lie in \[0, inf\)."),
        (lambda: ns.l1(float("nan")), r"scale must lie in \[0, inf\)"),
        (lambda: ns.l1(np.array([1.0, -2.0])), r"scale must lie in"),
        (lambda: ns.l1("0.1"), r"scale must be a number in \[0, inf\), an array or a tree"),
        (lambda: ns.l1(None), r"scale must be a number"),
        (lambda: ns.l1(True), r"scale must be a number"),
        (lambda: ns.l1({}), r"scale must be a number"),
        (lambda: ns.l1(jnp.sin), r"scale must be a number"),
        (lambda: ns.huber(1.0, 0.0), r"Huber\(delta=0.0\): delta must lie in \(0, inf\)"),
        (lambda: ns.simplex(0.0), r"radius must lie in \(0, inf\)"),
        (lambda: ns.simplex(axis=1.5), r"axis must be a whole number, or None"),
        (lambda: ns.total_variation(1.0, axis=None), r"axis must be a whole number"),
        (lambda: ns.box(1.0, 0.0), r"Box\(lo=1.0, hi=0.0\): lo must not exceed hi; swap them."),
        (lambda: ns.box({"w": 0.0}, {"v": 1.0}), r"Box: the tree of hi must .* it says nothing of \['w'\]"),
        (lambda: ns.group_l2(1.0, "w"), r"groups must be None, an axis, or a tree"),
        (lambda: ns.group_l2(1.0, np.array([0.5])), r"groups must be None, an axis, or a tree"),
        (lambda: ns.group_l2(1.0, np.array([-2])), r"groups must be None, an axis, or a tree"),
        (lambda: ns.group_l2({"w": 1.0}, {"w": 0}), r"scale must be a number or an array with one for each label"),
        (lambda: ns.by_path({}), r"groups must be a dict with a penalty for each pattern"),
        (lambda: ns.by_path({"w": 0.1}), r"groups must have for 'w' what must be a penalty or a set"),
        (lambda: ns.by_path({"w": ns.l1(1.0)}, default=ns.l1), r"default must be a penalty or a set"),
        (lambda: ns.l1(1.0).prox(W, 0.0), r"L1Norm.prox\(step=0.0\): step must lie in \(0, inf\)."),
        (lambda: ns.group_l2(1.0, {"w": 0, "b": 0}).prox(W, -1.0), r"step must be a number in"),
        (lambda: ns.l1(np.ones(2)).prox(W, 1.0), r"L1Norm.prox: scale has shape \(2,\) for the leaf at \['b'\], which"),
        (lambda: ns.l1({"w": 1.0}).value(W), r"L1Norm.value: the tree of scale must .* it says nothing of \['b'\]"),
        (lambda: ns.box({"v": 0.0}).prox(W, 1.0), r"Box.prox: the tree of lo must have the parameters' structure"),
        (lambda: ns.simplex(np.ones(3)).prox(W, 1.0), r"Simplex.prox: radius has shape \(3,\)"),
        (lambda: ns.nuclear(1.0).prox(W, 1.0), r"Nuclear.prox: the leaf at \['b'\] must be a matrix or a batch"),
        (lambda: ns.total_variation(1.0).prox(W, 1.0), r"the leaf at \['b'\] must have an axis -1"),
        (lambda: ns.group_l2(1.0, 0).prox(W, 1.0), r"GroupL2.prox: the leaf at \['b'\] must have an axis 0"),
        (lambda: ns.group_l2(1.0, 0).prox({"w": W["w"]}, {"v": 1.0}), r"the tree of step must"),
        (
            lambda: ns.nuclear(1.0).prox(jnp.ones((2, 2)), jnp.ones(2)),
            r"step has shape \(2,\) for the leaf at the root",
        ),
        (lambda: ns.group_l2(1.0, {"w": 0}).value(W), r"the tree of groups must .* it says nothing of \['b'\]"),
        (lambda: ns.group_l2(1.0, {"w": np.zeros(2, int), "b": 0}).value(W), r"the labels at \['w'\] have shape"),
        (
            lambda: ns.group_l2(np.ones(3), {"w": 0, "b": 1}).value(W),
            r"scale has shape \(3,\), where there are 2 labels",
        ),
        (lambda: ns.box(0.0, 1.0).prox({"z": jnp.ones(2) * 1j}, 1.0), r"Box.prox: the leaf at \['z'\] is complex"),
        (lambda: ns.l1(1.0).prox({"n": jnp.arange(3)}, 1.0), r"L1Norm.prox: the leaf at \['n'\] has dtype int32"),
        (lambda: ns.by_path({"kernel": ns.l1(1.0)}).value(W), r"by_path: the pattern 'kernel' fits no path"),
        (lambda: ns.by_path({"w": ns.box(0, 1)}).lmo(W), r"by_path.lmo: the leaf at \['b'\] is in no set"),
        (
            lambda: ns.by_path({"w": ns.l1(1.0)}, ns.box(0, 1)).lmo(W),
            r"by_path.lmo: L1Norm has none; pass sets that have one",
        ),
        (
            lambda: ns.l1(linear_schedule(1.0, 0.0, 9)),
            r"^L1Norm\(scale=linear.*\): scale must be .*, and no schedule",
        ),
        (lambda: ns.box({"w": abs}, 1.0), r"Box\(lo=.*\): lo must be a number .*, and no schedule"),
        (lambda: ns.non_negative().lmo(W), r"NonNegative.lmo: the set is not bounded"),
    ],
)
def test_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()


def test_what_is_traced_is_not_looked_at():
    assert jnp.isfinite(jax.jit(lambda s: ns.box(s, 2.0).prox(W, s)["w"])(1.0)).all()
