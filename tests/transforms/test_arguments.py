"""Bad arguments of wrappers and of stacks are refused in one sentence where the call enters."""

# Arguments are of a wrong type on purpose:
# pyright: reportArgumentType=false

from typing import Any

import jax.numpy as jnp
import pytest

import jgd
from tests.refusal import refused

SGD = jgd.sgd(0.1)
PAIR = jgd.stack([jgd.adam(0.1), jgd.adam(0.2)])
BAD = [
    (lambda: jgd.chain(3), "Chain(transforms=(3,)): transforms must be"),
    (lambda: jgd.masked(SGD, "bi("), "Masked(mask='bi('): mask must be a tree of True and False"),
    (lambda: jgd.masked(SGD, {"w": 2.5}), "Masked(mask={'w': 2.5}): mask must be a tree of True and False"),
    (lambda: jgd.adamw(0.1, mask=3), "adamw(mask=3): mask must be a tree of True and False"),
    (lambda: jgd.partition({}, {"w": "a"}), "Partition(transforms={}): transforms must be a dict of transforms"),
    (lambda: jgd.partition([SGD], {"w": 0}), "Partition(transforms=["),
    (lambda: jgd.partition({"a": 3}, {"w": "a"}), "Partition(transforms={'a': 3}): transforms must be"),
    (lambda: jgd.partition({"a": SGD}, {"w": 2.5}), "Partition(param_labels={'w': 2.5}): param_labels must be a tree"),
    (lambda: jgd.multi_steps(SGD, 2.5), "MultiSteps(every_k_schedule=2.5): every_k_schedule must be a whole number"),
    (lambda: jgd.multi_steps(3, 2), "MultiSteps(opt=3): opt must be a gradient transformation"),
    (lambda: jgd.multi_steps(SGD, 2, should_skip_update_fn="nan"), "MultiSteps(should_skip_update_fn='nan')"),
    (lambda: jgd.multi_steps(SGD, 2, use_grad_mean="no"), "MultiSteps(use_grad_mean='no'): use_grad_mean must be True"),
    (lambda: jgd.apply_if_finite(SGD, 0.5), "ApplyIfFinite(max_consecutive_errors=0.5): max_consecutive_errors"),
    (lambda: jgd.sgd(0.1, 0.9, nesterov="yes"), "sgd(nesterov='yes'): nesterov must be True or False"),
    (lambda: jgd.sgd(SGD), "sgd(learning_rate=chain("),
    (lambda: jgd.select(PAIR, 2), "select(index=2): the stack holds 2 values; index must lie in [-2, 2)."),
    (lambda: jgd.select(PAIR, "first"), "select(index='first'): index must be a whole number"),
    (lambda: jgd.select(jgd.sgd(0.1), 0), "select(stacked): its leaves have no common leading axis"),
    (lambda: jgd.stack("ab"), "stack(values='ab'): values must be a list of at least one value"),
    (lambda: jgd.stack([]), "stack(values=[]): values must be a list of at least one value"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_arguments_are_one_sentence(call, message):
    refused(call, message)


def test_what_is_meant_is_taken():
    masks = [{"w": True}, lambda params: True, {"w": jnp.array(True)}, True, {}]
    assert [jgd.masked(SGD, mask).inner for mask in masks] == [SGD] * 5
    assert jgd.partition({0: SGD, 1: SGD}, {"w": 0, "b": 1}).transforms[0] is SGD
    rate: Any = jgd.select(PAIR, -1).transforms[-1]
    assert float(rate.learning_rate) == pytest.approx(0.2)
