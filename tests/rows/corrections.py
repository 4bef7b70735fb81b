"""Rows of corrections that go with any optimizer, of hyperballs and of averages of the parameters."""

from typing import Any

import jax

import jgd
from tests import problems
from tests.row import Row


def _grad_fn(grads, params):
    return {"grad_fn": lambda p, i: jax.grad(problems.bowl)(p)}


ROWS = [
    Row(
        "cautious",
        lambda: jgd.cautious(jgd.adamw(0.05, weight_decay=0.01)),
        state_bytes=8,
        passes=8,  # the mask's mean is known after all of it has been seen
        reference="timm:cautious",
    ),
    Row(
        "add_cautious_decayed_weights",
        lambda: jgd.chain(
            jgd.scale_by_adam(eps=1e-15), jgd.add_cautious_decayed_weights(0.1), jgd.scale_by_learning_rate(0.05)
        ),
        state_bytes=8,
        reference="heavyball:add_cautious_decayed_weights",
    ),
    Row(
        "hyperball",
        lambda: jgd.hyperball(jgd.scale_by_rms(0.999, 1e-15, eps_in_sqrt=False, bias_correction=True), 0.05),
        state_bytes=4,
        passes=12,  # for the norms of the update and of the next point
        reference="heavyball:hyperball",
    ),
    Row(
        "primal_averaging",
        lambda: jgd.primal_averaging(jgd.sgd(0.1)),
        state_bytes=4,
        reference="paper:primal_averaging",
    ),
    Row(
        "polynomial_average",
        lambda: jgd.polynomial_average(jgd.sgd(0.1)),
        state_bytes=4,
        passes=4,  # the parameters once more
        reference="dog-optimizer:polynomial_average",
    ),
    Row("ema_params", lambda: jgd.ema_params(jgd.sgd(0.1), 0.9), torch="ema_params", state_bytes=4, passes=4),
    Row("swa", lambda: jgd.swa(jgd.sgd(0.1), 4, 3), torch="swa", state_bytes=4, passes=4),
    Row(
        "lawa",
        lambda: jgd.lawa(jgd.sgd(0.1), 3, 2),
        state_bytes=12,
        passes=4 - 16,  # one checkpoint of three
        reference="paper:lawa",
    ),
    Row(
        "orthogonalize_gradients",
        lambda: jgd.chain(jgd.orthogonalize_gradients(), jgd.scale_by_learning_rate(0.1)),
        descends=False,  # the length of a leaf stays, but for rounding
        reference="pytorch-optimizer:orthogonalize_gradients",
    ),
    Row(
        "grokfast_ema",
        lambda: jgd.chain(jgd.grokfast_ema(), jgd.sgd(0.1)),
        state_bytes=4,
    ),
    Row(
        "adagc",
        lambda: jgd.chain(jgd.adagc(warmup_steps=9), jgd.adam(0.05, eps=1e-15)),
        state_bytes=8,
        passes=4,
        recorded_error=1e-9,  # the package adds its eps, which is Adam's too, to norms
        reference="pytorch-optimizer:adagc",
    ),
    Row(
        "zclip",
        lambda: jgd.chain(jgd.zclip(warmup_steps=9, z_threshold=0.5), jgd.sgd(0.1)),
        scalar_bytes=8,
        passes=4,
        reference="zclip:zclip",
    ),
    Row(
        "asam",
        lambda: jgd.asam(jgd.sgd(0.1, 0.9)),
        state_bytes=4,
        passes=8,
        extra=_grad_fn,
        complex=False,  # as the bowl whose gradients it takes
        reference="pytorch-optimizer:asam",
        recorded_error=1e-9,  # the package adds 1e-12 to the norm
    ),
    Row(
        "extragradient",
        lambda: jgd.extragradient(jgd.sgd(0.1)),
        passes=8,
        extra=_grad_fn,
        complex=False,  # as the bowl whose gradients it takes
        reference="paper:extragradient",
    ),
]

_WEIGHT: Any = lambda count: 1 - 1 / (count + 1.0)  # noqa: E731, a schedule in the place of a number
RECORDED = [
    Row(
        "grokfast_ema_adam",
        lambda: jgd.chain(jgd.grokfast_ema(), jgd.adam(0.05, b2=0.99, eps=1e-15)),
        reference="pytorch-optimizer:grokfast_ema",
    ),
    Row(
        "primal_averaging_free",
        lambda: jgd.scheduled(jgd.primal_averaging(jgd.sgd(0.05), _WEIGHT)),
        reference="schedulefree:primal_averaging",
    ),
    Row("cautious_lion", lambda: jgd.cautious(jgd.lion(0.02)), reference="timm:cautious_lion"),
    Row(
        "hyperball_muon",
        lambda: jgd.hyperball(jgd.scale_by_muon(eps=0.0, nesterov=False), 0.05),
        shapes=problems.MATRICES,
        reference="emerging-optimizers:hyperball_muon",
    ),
]
