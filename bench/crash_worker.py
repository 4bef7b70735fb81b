"""The sweep that bench.crash_recovery kills: two programs, in which some lanes diverge.

As a command: `python -m bench.crash_worker [--halving | --asha] [--workers N] [--steps N] DIR`.
"""

import argparse
from typing import Any

import jax
import numpy as np

import jgd
from jgd.sweep import asha, halving, loguniform, run

STEPS, EVERY = 2400, 4


def init(key: jax.Array) -> dict[str, jax.Array]:
    """Parameters of a regression."""
    return {"w": jax.random.normal(key, (8,))}


def loss(params: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
    """Its mean squared error."""
    return ((batch["x"] @ params["w"] - batch["y"]) ** 2).mean()


def task() -> jgd.Task:
    """64 examples with noise, so that the loss does not end at zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    return jgd.Task(init, loss, {"x": x, "y": x.sum(axis=1) + rng.normal(size=64).astype(np.float32)}, batch_size=8)


def spaces() -> dict[str, Any]:
    """Two structures."""
    return {"adam": jgd.adam(loguniform(1e-4, 1.0)), "sgd": jgd.sgd(loguniform(1e-3, 1e3))}


def main() -> None:
    """Run it, or go on with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--halving", action="store_true", help="end lanes on the way")
    parser.add_argument("--asha", action="store_true", help="and ask a sampler that learns, round by round")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the folder")
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    first = args.steps // 8
    stop = halving(first) if args.halving else asha(first) if args.asha else None
    asked = {"sampler": "tpe", "rounds": 3} if args.asha else {"sampler": "sobol"}
    options = {"num_trials": 12, "seeds": 2, "progress": False, "stop": stop, **asked}
    # Workers differ from one process in their layout; lanes one by one have the same program in any.
    shared = {"lanes": 1, "workers": args.workers, "dir": args.folder}
    run(task(), spaces(), steps=args.steps, eval_every=EVERY, **shared, **options)


if __name__ == "__main__":
    main()
