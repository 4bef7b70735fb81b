"""The studies and the run that bench.crash_recovery kills, one of each kind; in some of them lanes diverge.

As a command: `python -m bench.crash_worker KIND [--workers N] [--steps N] DIR`.
"""

import argparse
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from jgd.sweep import asha, choice, halving, hyperband, loguniform, population, run, structural

STEPS, EVERY = 2400, 4
TRIALS = 12


class Kind(NamedTuple):
    """A kind of study; `rule` is called with the steps after which it first decides."""

    spaces: Any
    options: dict[str, Any] = {}  # noqa: RUF012  never written to
    rule: Any = None
    workers: int = 1


def init(key: jax.Array) -> dict[str, jax.Array]:
    """Make parameters of a regression."""
    return {"w": jax.random.normal(key, (8,))}


def loss(params: dict[str, jax.Array], batch: dict[str, jax.Array]) -> jax.Array:
    """Return its mean squared error."""
    return ((batch["x"] @ params["w"] - batch["y"]) ** 2).mean()


def task() -> jgd.Task:
    """Make 64 examples with noise, so that the loss does not end at zero."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    return jgd.Task(init, loss, {"x": x, "y": x.sum(axis=1) + rng.normal(size=64).astype(np.float32)}, batch_size=8)


def stateful_task() -> jgd.Task:
    """Return the same with running statistics and random numbers, judged now and then."""

    def first(key: jax.Array) -> Any:
        return init(key), {"mean": jnp.zeros(8), "key": jax.random.fold_in(key, 1)}

    def noisy(params: Any, state: Any, batch: Any) -> Any:
        key, now = jax.random.split(state["key"])
        new = {"mean": 0.9 * state["mean"] + 0.1 * batch["x"].mean(axis=0), "key": key}
        return loss(params, batch) * (1 + 0.1 * jax.random.uniform(now)), (new, {"norm": jgd.global_norm(params)})

    def judge(params: Any, state: Any) -> Any:
        return {"distance": jnp.linalg.norm(params["w"] - 1 + state["mean"])}

    plain = task()
    return jgd.Task(first, noisy, plain.data, plain.batch_size, evaluate=judge)


def train(hp: Any, key: jax.Array) -> dict[str, jax.Array]:
    """Descend a random quadratic in a loop of its own."""
    start = jax.random.normal(key, (64,))
    body = lambda i, x: x - hp["rate"] * jnp.tanh(x) * jnp.cos(i * x)  # noqa: E731
    return {"loss": jnp.sum(jax.lax.fori_loop(0, int(hp["steps"]), body, start) ** 2)}


def functions(steps: int) -> Any:
    """Return the space of that function; its loop is long enough to be killed in."""
    return {"rate": loguniform(1e-3, 1.0), "steps": structural([16 * steps, 32 * steps])}


WILD, ADAM = jgd.sgd(loguniform(1e-3, 1e3)), jgd.adam(loguniform(1e-4, 1.0))
BOTH = {"adam": ADAM, "sgd": WILD}
LEARNS = {"sampler": "tpe", "rounds": 3}

KINDS: dict[str, Kind] = {
    "all to the end": Kind(BOTH, {"metrics": ("learning_rate", "gradient_norm")}),
    "halving": Kind(BOTH, rule=halving),
    "hyperband": Kind(BOTH, rule=hyperband),
    "TPE and ASHA": Kind(BOTH, LEARNS, asha),
    "population": Kind(WILD, rule=population),
    "choice": Kind(choice(BOTH), LEARNS),
    "functions": Kind(None),
    "two workers": Kind(BOTH, rule=halving, workers=2),
    "fit": Kind(None),  # with a model's state, and the best kept
}


def call(name: str, folder: Any, steps: int = STEPS, workers: int = 1) -> Any:
    """Run what is of this kind, or go on with it."""
    kind = KINDS[name]
    if name == "fit":
        options = {"keep_best": "distance", "mode": "min", "progress": False, "dir": folder}
        return jgd.fit(stateful_task(), jgd.adam(0.01), steps=steps, eval_every=EVERY, **options)
    # Workers differ from one process in their layout; lanes one by one have the same program in any.
    options = {"num_trials": TRIALS, "seeds": 2, "progress": False, "lanes": 1, "workers": workers, "dir": folder}
    if name == "functions":
        return run(train, functions(steps), **options)
    decides = {} if kind.rule is None else {"evolve" if kind.rule is population else "stop": kind.rule(steps // 8)}
    options |= {"sampler": "sobol", **kind.options, **decides}
    return run(task(), kind.spaces, steps=steps, eval_every=EVERY, **options)


def problem(name: str, steps: int) -> tuple[Any, Any]:
    """Return the task and the spaces of a study, for `load`."""
    return (train, functions(steps)) if name == "functions" else (task(), KINDS[name].spaces)


def main() -> None:
    """Run it, or go on with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the folder")
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()
    call(args.kind, args.folder, args.steps, args.workers)


if __name__ == "__main__":
    main()
