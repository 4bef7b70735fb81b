"""Rows of more rules that find their own rate, and of old rules beside them, with the settings that were recorded."""

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from tests import problems
from tests.row import Row
from tests.rows.second_order import model

KERNELS = {"conv": (3, 2, 2, 3), "rest": [(3,)]}


def curvature(shape):
    """Curvatures of both signs that no two entries share."""
    return np.cos(1.0 + np.arange(np.prod(shape, dtype=int))).reshape(shape)


def _bowl(grads, params):
    return {"obj_fn": problems.bowl}


def _curved(grads, params):
    """Return an objective of which every entry has its own curvature."""
    return {"obj_fn": lambda p: sum(jnp.sum(curvature(x.shape) * x * x) / 2 for x in jax.tree.leaves(p))}


OVERRIDES: dict = {
    "schedule_free_radam": {
        "make": lambda: jgd.schedule_free_radam(0.05, 0.9, 0.99, 1e-3, 0.01, 0.5, silent_sgd_phase=False),
        "reference": "schedulefree:schedule_free_radam_loud",
        "state_bytes": 8,
        "scalar_bytes": 12,
    },
    "ldog": {
        "make": lambda: jgd.ldog(0.5, 0.1, weight_decay=0.01),
        "reference": "dog-optimizer:ldog",
        "state_bytes": 4,
        "scalar_bytes": 8,
    },
    "dadapt_sgd": {
        "make": lambda: jgd.dadapt_sgd(0.1, 0.5, 0.1),
        "reference": "dadaptation:dadapt_sgd",
        "state_bytes": 8,
        "scalar_bytes": 12,
    },
    "dadapt_lion": {
        "make": lambda: jgd.dadapt_lion(0.3, 0.8, 0.95, 0.1, 0.01),
        "reference": "dadaptation:dadapt_lion",
        "state_bytes": 8,
        "scalar_bytes": 8,
    },
    "dadapt_adagrad": {
        "make": lambda: jgd.dadapt_adagrad(0.9, 0.5, 1e-3, 0.01),
        "reference": "dadaptation:dadapt_adagrad",
        "state_bytes": 12,
        "scalar_bytes": 8,
        "objective": problems.bowl,  # over random gradients its distance does not grow
    },
    "qhm": {"reference": "qhoptim:qhm", "state_bytes": 4},
    "qhadam": {
        "make": lambda: jgd.qhadam(0.05, nu2=0.8),
        "reference": "qhoptim:qhadam",
        "state_bytes": 8,
    },
    "aggmo": {"make": lambda: jgd.aggmo(0.01), "reference": "torch-optimizer:aggmo", "state_bytes": 12},
    "pid": {"make": lambda: jgd.pid(0.001), "reference": "torch-optimizer:pid", "state_bytes": 12},
    "accsgd": {"make": lambda: jgd.accsgd(0.01), "reference": "torch-optimizer:accsgd", "state_bytes": 4},
    "a2grad": {"reference": "torch-optimizer:a2grad", "state_bytes": 8, "scalar_bytes": 8},
    "kate": {
        "make": lambda: jgd.kate(0.05, 0.1),
        "reference": "pytorch-optimizer:kate",
        "state_bytes": 8,
    },
    "gravity": {  # damps large gradients so much that 60 steps are too few
        "reference": "pytorch-optimizer:gravity",
        "state_bytes": 4,
        "descends": False,
    },
    "msvag": {"reference": "pytorch-optimizer:msvag", "state_bytes": 8},
    "ftrl": {
        "make": lambda: jgd.ftrl(0.5, 0.3, 0.4, 0.1),
        "reference": "pytorch-optimizer:ftrl",
        "state_bytes": 8,
    },
    "hypergradient_descent": {"reference": "paper:hypergradient_descent", "state_bytes": 4, "scalar_bytes": 4},
    "osgm": {
        "make": lambda: jgd.osgm(0.02, 0.7),
        "reference": "paper:osgm",
        "state_bytes": 8,
        "extra": model,
        "objective": problems.bowl,
    },
    "adahessian": {  # the draws do not matter on the bowl, whose Hessian is diagonal
        "reference": "pytorch-optimizer:adahessian",
        "extra": _bowl,
        "complex": False,
        "state_bytes": None,  # 8, and its key
        "scalar_bytes": 4,
    },
}

RECORDED = [
    Row("a2grad_inc", lambda: jgd.a2grad(variant="inc"), reference="torch-optimizer:a2grad_inc"),
    Row("a2grad_exp", lambda: jgd.a2grad(rho=0.7, variant="exp"), reference="torch-optimizer:a2grad_exp"),
    Row(
        "adahessian_kernels",
        lambda: jgd.adahessian(0.05, 0.9, 0.99, 1e-8, 0.5, 0.01),
        reference="paper:adahessian",
        shapes=KERNELS,
        extra=_curved,
    ),
    Row(
        "schedule_free_radam_silent",
        lambda: jgd.schedule_free_radam(0.05, 0.9, 0.99, 1e-3, 0.01, 0.5),
        reference="schedulefree:schedule_free_radam",
    ),
    Row("ldog_first", lambda: jgd.ldog(0.5, init_eta=0.02), reference="dog-optimizer:ldog_first"),
]
