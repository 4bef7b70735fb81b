"""Record what finds its own rate, and old rules beside it, by the authors' packages, by ports and by transcriptions.

Run as `python -m tests.oracles.record_ratefree`; see tests/oracles/record_reference.py.
"""

import os

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # plain torch, step by step

import schedulefree

from tests.oracles.recording import Case, main

PACKAGES = ["schedulefree"]


def _free_radam(t, silent=True):
    return schedulefree.RAdamScheduleFree(
        t, lr=0.05, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.01, r=0.5, silent_sgd_phase=silent
    )


# "package:optimizer"; the settings are those of the rows that name them.
CASES = {
    "schedulefree:schedule_free_radam": Case(_free_radam),
    "schedulefree:schedule_free_radam_average": Case(_free_radam, average=True),
    "schedulefree:schedule_free_radam_loud": Case(lambda t: _free_radam(t, False)),
}


if __name__ == "__main__":
    main("ratefree.npz", CASES, PACKAGES)
