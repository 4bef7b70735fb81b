"""A small sweep of two spaces, which tests store, cut short, load and compare."""

import jgd
from jgd.sweep import grid, loguniform, run
from tests.train import problems

TASK = problems.task(5)


SPACES = {"adam": jgd.adam(loguniform(1e-3, 1.0)), "sgd": jgd.sgd(grid([0.01, 0.1, 1e12]))}


def sweep(folder=None, task=TASK, spaces=SPACES, **options):
    usual = {
        "num_trials": 3,
        "seeds": 2,
        "steps": 20,
        "eval_every": 5,
        "sampler": "grid",
        "progress": False,
        "target": 1.0,
    }
    return run(task, spaces, dir=folder, **{**usual, **options})
