"""Record what finds its own rate, and old rules beside it, by the authors' packages, by ports and by transcriptions.

Run as `python -m tests.oracles.record_ratefree`; see tests/oracles/record_reference.py.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import dadaptation
import dog
import schedulefree

from tests import problems
from tests.oracles.recording import Case, main

PACKAGES = ["dadaptation", "dog-optimizer", "schedulefree"]


def _free_radam(t, silent=True):
    return schedulefree.RAdamScheduleFree(
        t, lr=0.05, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.01, r=0.5, silent_sgd_phase=silent
    )


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "dadaptation:dadapt_adagrad": Case(  # over random gradients its distance does not grow
        lambda t: dadaptation.DAdaptAdaGrad(t, 0.9, momentum=0.5, eps=1e-3, d0=0.01), objective=problems.bowl
    ),
    "dadaptation:dadapt_lion": Case(lambda t: dadaptation.DAdaptLion(t, 0.3, (0.8, 0.95), 0.01, d0=0.1)),
    "dadaptation:dadapt_sgd": Case(lambda t: dadaptation.DAdaptSGD(t, 0.1, momentum=0.5, d0=0.1)),
    "dog-optimizer:ldog": Case(lambda t: dog.LDoG(t, reps_rel=0.1, lr=0.5, weight_decay=0.01)),
    "dog-optimizer:ldog_first": Case(lambda t: dog.LDoG(t, lr=0.5, init_eta=0.01)),
    "schedulefree:schedule_free_radam": Case(_free_radam),
    "schedulefree:schedule_free_radam_average": Case(_free_radam, average=True),
    "schedulefree:schedule_free_radam_loud": Case(lambda t: _free_radam(t, False)),
}


if __name__ == "__main__":
    main("ratefree.npz", CASES, PACKAGES)
