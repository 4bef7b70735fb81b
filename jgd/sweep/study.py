"""A sweep: many trials of one task, each under several seeds, in one compiled program for each structure."""

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from jgd.sweep.arguments import open_study
from jgd.sweep.engine.dry import dry_run
from jgd.sweep.engine.plan import Plan
from jgd.sweep.engine.rounds import train_in_rounds
from jgd.sweep.result import Result

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def run(
    task: Any,
    spaces: Any,
    *,
    steps: int | None = None,
    num_trials: int = 16,
    seeds: int | Sequence[int] = 1,
    metric: str = "loss",
    mode: str = "min",
    sampler: Any = "random",
    seed: int = 0,
    rounds: int | None = None,
    where: Callable[[dict[str, Any]], Any] | None = None,
    eval_every: int | None = None,
    target: float | None = None,
    stop: Any = None,
    evolve: Any = None,
    lanes: int | None = None,
    devices: Sequence[Any] | None = None,
    progress: bool | None = None,
    dir: str | os.PathLike[str] | None = None,
    note: Any = None,
    workers: int | None = None,
) -> Result:
    """Train `num_trials` settings of each space for `steps` steps under every seed.

    task        A `jgd.Task`, or for code that owns its loop a function `train(hp, key) -> {name: scalar}`: `spaces` is
                then whatever it takes, such as a dict with distributions in it, a list of such is several spaces, and
                each call is a lane with curves of one point. Texts and flags are structure. `steps`, `eval_every`,
                `stop` and `evolve` have no meaning there and are refused; `dir` keeps finished calls, and
                resumes none inside.
    spaces      A space is an optimizer, or a task, with distributions for leaves: `jgd.adam(loguniform(1e-4, 1e-1))`.
                An array of numbers is a `grid`; a `choice` of optimizers or of parts brings its own distributions.
                One space, a list of them, or a dict by name, to compare optimizers. One without
                distributions is one trial.
    seeds       How many (0, 1, ...), or which. A seed is the same key in every trial: the same first parameters and
                the same batches, so trials can be compared in pairs; and the same as in `jgd.fit(seed=)`.
    metric      What trials are ranked by, with `mode` "min" or "max": "loss" (the mean training loss of the steps since
                the last point), a scalar of the loss's aux (likewise), or a value of the task's `evaluate`.
    sampler     "random", "sobol", "halton", "grid" (all listed values, and even steps of the ranges, ends included),
                "tpe", which learns from round to round where to look, `from_optuna(...)`, an object with `ask(count)`
                and `tell(ids, values)`, or a function of (axes, seed) that returns one. Infinity has failed; what
                `stop` ended has too, unless the sampler has `tell_pruned(ids, values, steps)`, which then hears what
                was reached until then. `seed` is the sampler's.
    rounds      In how many parts the trials are proposed, trained by the same programs, and told to the sampler: 8 for
                those that learn, else 1.
    where       `where(params)` of a trial's values by name: points for which it is false are drawn again.
    eval_every  Steps in a compiled segment, about a thirtieth of `steps` unless given. Curves have a point at the end
                of each. A second program serves a shorter last one: a divisor of `steps` needs none.
    target      A value of the metric: `Result.steps_to_target()` then tells when each lane reached it.
    stop        Rules that end lanes early, at the ends of segments: `halving`, `asha` (for samplers that learn),
                `hyperband`, `median_rule`, `at_target`, or a list of them. What is left goes on in narrower programs.
    evolve      `population(every=...)` instead lets bad trials go on from good ones with other hyperparameters. What it
                finds is a schedule: `Result.lineage`, `Result.best_schedule()`.
    lanes       How many run side by side on a device; chosen unless given. Results do not depend on it.
    devices     All local ones unless given. On a CPU, `jax.config.update("jax_num_cpu_devices", os.cpu_count())` before
                JAX is first used makes one of each core; `jgd race` does so itself.
    progress    `None` shows a line where standard error is a terminal and rich is installed.
    dir         A folder that keeps the sweep, written at the end of every segment. The same call again goes on from it,
                to the same bits as if nothing had happened: Ctrl-C, a kill or a full disk loses at most the running
                segment. Another call is refused, with the difference. `jgd.sweep.load(dir)` reads it, and
                `jgd.sweep.resume(dir, task, spaces)` is the same call. On other devices, or with other `lanes`, it goes
                on too, to the same result within rounding.
    note        Whatever JSON can hold, kept in `dir` for `jgd.sweep.note(dir)`; not compared, and the last one counts.
    workers     How many processes share the trials out through `dir`, each on its own devices: the same call in each of
                them, under `jax.distributed` (then their number unless given) or started by hand or as an array of
                jobs. A process takes chunks of lanes that no living one has, waits where trials are compared, and
                returns the whole result; chunks of one that dies are taken over from their last write. Results are
                those of one process, to the bit if `lanes` is given. All must see `dir`, with working file locks.

    Ctrl-C ends the sweep after the running segment; the result says that it was interrupted.
    """
    study = open_study(**locals())
    with study.store() as store:
        return train_in_rounds(study.proposals, study.sizes, study.settings, study.machine, study.progress, store)


def _called_as(other: Callable[Arguments, Any]) -> Callable[[Callable[..., Answer]], Callable[Arguments, Answer]]:
    """A function that takes the arguments of another, all by their names."""

    def decorate(fn: Callable[..., Answer]) -> Callable[Arguments, Answer]:
        signature = inspect.signature(other)

        def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return fn(**bound.arguments)

        returned = inspect.signature(fn).return_annotation
        call.__name__ = call.__qualname__ = fn.__name__
        call.__module__, call.__doc__ = fn.__module__, fn.__doc__
        call.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
        return call

    return decorate


@_called_as(run)
def plan(**arguments: Any) -> Plan:
    """What `run` would do with the same arguments: programs, lanes, memory and time. No trial is trained.

    A program for each structure is compiled, and takes one segment of as many lanes as run side by side, from which its
    time and its memory are foretold; a function that owns its loop is compiled only. A sampler that learns has told
    only its first round: the others are taken to be like it. Nothing is written to `dir`.
    """
    study = open_study(**arguments)
    return dry_run(study.proposals, study.sizes, study.settings, study.machine)
