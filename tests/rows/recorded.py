"""Rows that torch.optim or an author's package is the oracle of, where no other row has the same settings.

They are compared with what tests/oracles recorded, and have the properties of the rows beside them.
"""

import jax.numpy as jnp

import jgd
from tests import problems
from tests.row import Row

NO_SCALARS = {"w": (4, 3), "rest": [(3,), (1,)]}


def gentle(p):
    """Give the bowl with curvatures so small that its gradients are shorter than 1, where first steps are the same."""
    return 0.005 * problems.bowl(p)


def loss(p):
    """Return the value that optimizers by Polyak's step are given."""
    return problems.bowl(p) + 1.0


def _loss(grads, params):
    return {"value": loss(params)}


def _root(b2, step):
    """Return the root of the second moment's bias, as a factor of the rate: what it is without an eps."""
    return jnp.sqrt(1 - b2 ** (step + 1.0))


# Fields of the rows with the defaults.
OVERRIDES = {
    "adabelief": {"reference": "adabelief-pytorch:adabelief"},
    "adamax": {"torch": "adamax"},
    "adamaxw": {"reference": "pytorch-optimizer:adamaxw"},
    "ademamix": {"reference": "pytorch-optimizer:ademamix"},
    "adopt": {"reference": "timm:adopt"},
    "cocob": {"reference": "parameterfree:cocob"},
    "fromage": {"reference": "pytorch-optimizer:fromage"},
    "lars": {"reference": "timm:lars"},
    "madgrad": {"reference": "timm:madgrad"},
    "sign_sgd": {"reference": "pytorch-optimizer:sign_sgd"},
    "signum": {"reference": "pytorch-optimizer:signum"},
    "yogi": {"reference": "torch-optimizer:yogi"},
}

RECORDED = [
    Row("sgd_torch", lambda: jgd.sgd(0.05, 0.9), torch="momentum"),
    # torch adds eps to moments before bias correction, jgd after it as Adam does.
    Row("radam_torch", lambda: jgd.radam(0.05, eps=0.0), torch="radam"),
    Row(  # torch takes the maximum of second moments first, and corrects it for the present step's bias
        "amsgrad_torch",
        lambda: jgd.amsgrad(lambda step: 0.05 * _root(0.999, step), eps=0.0, bias_correction_nu=False),
        torch="amsgrad",
    ),
    Row(  # the package corrects both biases or none
        "simplified_ademamix_reference",
        lambda: jgd.simplified_ademamix(lambda step: 0.0005 / _root(0.95, step), alpha=2.0, eps=0.0),
        reference="emerging-optimizers:simplified_ademamix",
    ),
    Row("adafactor_torch", lambda: jgd.adafactor(0.1, 0, clipping_threshold=1.1), torch="adafactor"),
    Row(  # 100 steps that divide by products of differences, down to a minimum
        "lbfgs_torch",
        lambda: jgd.lbfgs(0.2, 3, True, None),
        torch="lbfgs",
        objective=gentle,
        recorded_error=1e-9,
    ),
    # timm's Adan puts its eps outside the root alone, and decays before the step.
    Row("adan_timm", lambda: jgd.adan(0.05, eps_root=0.0, weight_decay=0.02), reference="timm:adan"),
    Row("lamb_timm", lambda: jgd.lamb(0.05, weight_decay=0.02), reference="timm:lamb"),
    Row("novograd_timm", lambda: jgd.novograd(0.05, weight_decay=0.02), reference="timm:novograd"),
    Row(
        "rmsprop_timm",
        lambda: jgd.rmsprop(0.01, 0.8, 1e-4, 1.0, momentum=0.9),
        reference="timm:rmsprop",
    ),
    Row("dog_reference", lambda: jgd.dog(0.5, ("heuristic", 0.1)), reference="dog-optimizer:dog"),
    Row("dowg_reference", jgd.dowg, shapes=NO_SCALARS, reference="dowg:dowg"),
    # pytorch-optimizer's AliG is Polyak's step with an eps of its own; SM3 keeps a scalar's sum, where optax fails.
    Row(
        "polyak_sgd_alig",
        lambda: jgd.polyak_sgd(1.0, eps=1e-6),
        reference="pytorch-optimizer:polyak_sgd",
        extra=_loss,
    ),
    Row("sm3_reference", lambda: jgd.sm3(0.05), reference="pytorch-optimizer:sm3"),
    Row("momo_reference", lambda: jgd.momo(0.3, 0.8, 0.4, 0.1, True), reference="momo-opt:momo", extra=_loss),
    Row(
        "momo_adam_reference",
        lambda: jgd.momo_adam(0.05, 0.8, 0.99, 1e-3, 0.4, 0.1, True),
        reference="momo-opt:momo_adam",
        extra=_loss,
    ),
    Row(  # the authors add eps before bias correction
        "galore_reference",
        lambda: jgd.galore(0.05, 2, 200, 0.25, jgd.scale_by_adam(eps=0.0)),
        reference="galore-torch:galore",
    ),
    Row(
        "schedule_free_sgd_reference",
        lambda: jgd.schedule_free_sgd(0.5, 5, 0.8, 0.01),
        reference="schedulefree:schedule_free_sgd",
    ),
    Row(
        "schedule_free_adamw_reference",
        lambda: jgd.schedule_free_adamw(0.05, 5, 0.9, 0.99, 1e-3, 0.01),
        reference="schedulefree:schedule_free_adamw",
    ),
]
