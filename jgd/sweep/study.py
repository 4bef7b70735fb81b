"""A study: many trials of one task, each under several seeds, in one compiled program for each structure."""

import dataclasses
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ParamSpec, TypeVar

from jax.sharding import Mesh

from jgd.core.arguments import check_arguments, kinds_by_name
from jgd.core.call_arguments import bind_arguments
from jgd.core.storage import folder_path
from jgd.sweep import arguments
from jgd.sweep.engine.black_box import BlackBoxEngine, is_black_box, name_problem, refuse_inside
from jgd.sweep.engine.executors import cancel, submitted
from jgd.sweep.engine.plan import Plan, make_plan
from jgd.sweep.engine.rounds import Engine, TaskEngine, train_in_rounds
from jgd.sweep.engine.time_limit import TimeLimit
from jgd.sweep.fingerprints import code_texts
from jgd.sweep.lanes.devices import Devices
from jgd.sweep.lanes.lane_mesh import LaneMesh, lane_mesh
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.pruners.population import as_population
from jgd.sweep.pruners.rules import as_rules
from jgd.sweep.result import Result
from jgd.sweep.samplers.ask_tell import Proposals
from jgd.sweep.samplers.by_name import learns, rounds_of
from jgd.sweep.storage.growth import eval_every_of, round_sizes
from jgd.sweep.storage.spec import describe_problem, plain_arguments, study_spec
from jgd.sweep.storage.store import Store

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
TRIALS = 16  # unless their number is given


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Hold what a sweep is asked to do, checked once; `run` and `plan` make one of their arguments.

    task        A `jgd.Task`, or for code that owns its loop a function `train(hp, key) -> {name: scalar}`: `spaces` is
                then whatever it takes, such as a dict with distributions in it, a list of such is several spaces, and
                each call is a lane with curves of one point. Texts and flags are structure. `steps`, `eval_every`,
                `metrics`, `health`, `stop` and `evolve` have no meaning there and are refused; `dir` keeps finished
                calls, and resumes none inside.
    spaces      A space is an optimizer, or a task, with distributions for leaves: `jgd.adam(loguniform(1e-4, 1e-1))`.
                An array of numbers is a `grid`; a `choice` of optimizers or of parts brings its own distributions.
                One space, a list of them, or a dict by name, to compare optimizers. One without
                distributions is one trial.
    num_trials  Of each space, 16 unless given, and fewer where a space has no more settings.
    seeds       How many (0, 1, ...), or which. A seed is the same key in every trial: the same first parameters and
                the same batches, so trials can be compared in pairs; and the same as in `jgd.fit(seed=)`.
    metric      What trials are ranked by, with `mode` "min", the default, or "max": "loss" (the mean of training since
                the last point), a scalar of the loss's aux (likewise), or a value of the task's `evaluate`. One
                called accuracy, score, reward or the like needs a `mode`.
    metrics     Names of further curves, as in `jgd.fit`: "gradient_norm", "update_norm", "params_norm", "update_ratio",
                "zeros", "nonfinite", and any hyperparameter as it is in effect, such as "learning_rate". A point is the
                mean of the steps since the last, as of the loss's aux. Trials whose optimizer has no such
                hyperparameter have no such curve.
    health      Whether to record each lane's pulse: at the last step before each point, for up to 12 groups of leaves
                and for all, gradient norms, norms of parameters, update ratios and shares of zeros and of what is not
                finite, as curves ("update_ratio/head"). `Result.health(trial, seed)` shows and judges them, and
                `Result.autopsy()` finds where a lane went wrong. 24 bytes a lane, point and group.
    sampler     "random", "sobol", "halton", "grid" (all listed values, and even steps of the ranges, ends included),
                "tpe", which learns from round to round where to look, `from_optuna(...)`, an object with `ask(count)`
                and `tell(ids, values)`, or a function of (axes, seed) that returns one. Infinity has failed; what
                `stop` ended has too, unless the sampler has `tell_pruned(ids, values, steps)`, which then hears what
                was reached until then. `seed` is the sampler's.
    rounds      In how many parts the trials are proposed, trained by the same programs, and told to the sampler: 8 for
                those that learn, else 1.
    where       `where(params)` of a trial's values by name: points for which it is false are drawn again.
    enqueue     Settings to begin with, `[{"learning_rate": 1e-3, ...}]`, by names as in `trial.params`; for several
                spaces a dict of such lists. They are the first trials, and count among `num_trials`; "tpe" and Optuna's
                samplers learn from them.
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
    mesh        A `jax.sharding.Mesh` of which each lane has several devices, for models that need them, in place of
                `devices`: along its axis "lanes", if it has one, lanes run at the same time, and each is trained on the
                devices along its other axes as by `jgd.fit(mesh=, data_axis=, specs=, state_specs=)`, batches split
                along the first of them unless `data_axis` names another, and where a batch is all of the data, these
                too. `shard_state` splits the state alone. Results are those of one device, to rounding.
    progress    `None` shows a line in a notebook, and where standard error is a terminal and rich is installed.
    dir         A folder that keeps the sweep, written at the end of every segment. The same call again goes on from it,
                to the same bits as if nothing had happened: Ctrl-C, a kill or a full disk loses at most the running
                segment. Another call is refused, with the difference. `jgd.sweep.load(dir)` reads it, and
                `jgd.sweep.resume(dir, task, spaces)` is the same call. On other devices, or with other `lanes`, it goes
                on too, to the same result within rounding.
    max_seconds After so many, compilation included, the sweep ends with the running segment, as by Ctrl-C: the result
                says so, and with `dir` the same call goes on. At least one segment runs.
    note        Whatever JSON can hold, kept in `dir` for `jgd.sweep.note(dir)`; not compared, and the last one counts.
    workers     How many processes share the trials out through `dir`, each on its own devices: the same call in each of
                them, under `jax.distributed` (then their number unless given) or started by hand or as an array of
                jobs. A process takes chunks of lanes that no living one has, waits where trials are compared, and
                returns the whole result; chunks of one that dies are taken over from their last write. Results are
                those of one process, to the bit if `lanes` is given. All must see `dir`, with working file locks.
    executor    Starts all of them but this one: `submit(function, argument)` of a `concurrent.futures` pool (of spawned
                processes, since JAX has threads), of a `dask.distributed.Client`, `mpi4py.futures` or submitit. The
                arguments are pickled, so the task's functions must be importable there. One that dies is warned of.
    """

    task: Any
    spaces: Any
    _: dataclasses.KW_ONLY
    steps: int | None = None
    num_trials: int | None = None
    seeds: int | Sequence[int] = 1
    metric: str = "loss"
    mode: str | None = None
    metrics: Sequence[str] = ()
    health: bool = False
    sampler: Any = "random"
    seed: int = 0
    rounds: int | None = None
    where: Callable[[dict[str, Any]], Any] | None = None
    enqueue: Any = None
    eval_every: int | None = None
    target: float | None = None
    stop: Any = None
    evolve: Any = None
    lanes: int | None = None
    devices: Sequence[Any] | None = None
    mesh: Mesh | None = None
    data_axis: str | None = None
    specs: Any = None
    state_specs: Mapping[str, Any] | None = None
    progress: bool | None = None
    dir: str | os.PathLike[str] | None = None
    max_seconds: float | None = None
    note: Any = None
    workers: int | None = None
    executor: Any = None

    settings: Settings = dataclasses.field(init=False)
    train: Any = dataclasses.field(init=False)  # the task, or the function that owns its loop, as a value
    named: dict[str, Any] = dataclasses.field(init=False)  # the spaces by name
    spread: LaneMesh | None = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Check every argument, and keep what is made of it."""
        check_arguments("run", inspect.signature(type(self)), vars(self), arguments.OF_RUN)
        owns_loop = is_black_box(self.task)
        if owns_loop:
            inside = {"eval_every": self.eval_every, "metrics": self.metrics or None, "health": self.health or None}
            refuse_inside(steps=self.steps, stop=self.stop, evolve=self.evolve, mesh=self.mesh, **inside)
        else:
            arguments.check_kind(self.task)
        num_trials, seed = self.trials, int(self.seed)
        rounds = rounds_of(self.sampler) if self.rounds is None else int(self.rounds)
        dir = None if self.dir is None else folder_path("run", self.dir)
        eval_every = self.eval_every
        if eval_every is None and dir is not None and not owns_loop:
            eval_every = eval_every_of(dir)
        rules, rounds = as_rules(self.stop, self.target), min(num_trials, rounds)
        metrics = arguments.with_health(self.task, self.metrics) if self.health else self.metrics
        settings = arguments.check_settings(
            1 if owns_loop else self.steps, self.seeds, self.metric, self.mode, eval_every, self.target, rules,
            as_population(self.evolve, rules, num_trials, rounds, self.where), seed, metrics,
        )  # fmt: skip
        train, named = name_problem(self.task, self.spaces)
        spread = lane_mesh(self.mesh, self.data_axis, self.specs, self.state_specs, self.devices)
        chosen = self.devices if spread is None else list(spread.mesh.devices.flat)
        made = {
            "num_trials": None if self.num_trials is None else num_trials,
            "seed": seed,
            "rounds": rounds,
            "lanes": None if self.lanes is None else int(self.lanes),
            "workers": arguments.check_workers(self.workers, self.dir),
            "dir": dir,
            "max_seconds": None if self.max_seconds is None else float(self.max_seconds),
            "devices": arguments.local_devices(chosen),
            "executor": arguments.check_executor(self.executor, self.workers or 1, self.mesh),
        }
        made |= {"settings": settings, "train": train, "named": named, "spread": spread}
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @property
    def trials(self) -> int:
        """How many trials each space has at most."""
        return TRIALS if self.num_trials is None else int(self.num_trials)

    @property
    def sizes(self) -> list[int]:
        """Trials of each space, round by round."""
        return round_sizes(self.trials, self.rounds or 1)

    def proposals(self) -> Proposals:
        """Begin to ask the sampler for trials."""
        # The members of a population part ways even where they begin alike.
        ways = {"repeats": self.settings.evolve is not None, "wanted": self.num_trials is not None}
        return Proposals(self.train, self.named, self.sampler, self.seed, self.where, self.enqueue, **ways)

    def engine(self) -> Engine:
        """Make the engine that trains the trials on the devices."""
        devices, limit = Devices(self.devices or (), self.spread), TimeLimit(self.max_seconds)
        shared = self.lanes, self.workers or 1, limit
        if is_black_box(self.task):
            return BlackBoxEngine(self.settings, devices, *shared)
        return TaskEngine(self.settings, devices, *shared, arguments.curve_names)

    def store(self) -> Any:
        """Return a context with the folder's open store, or with None where there is no folder."""
        if self.dir is None:
            return nullcontext()
        names = ("sampler", "seed", "rounds", "where")
        others = {"num_trials": self.trials} | {name: getattr(self, name) for name in names}
        problem = describe_problem(self.train, self.named, code_texts(self.train, self.named))
        others |= {} if self.enqueue is None else {"enqueue": self.enqueue}
        spec = study_spec(problem, self.settings, **others)
        return Store(self.dir, spec, plain_arguments(others), self.settings, self.sizes, self.note, self.workers or 1)

    def run(self) -> Result:
        """Train the trials; see `jgd.sweep.run`."""
        proposals, engine = self.proposals(), self.engine()
        with self.store() as store, self.others() as others:
            parts = store.parts if store else [self.sizes]
            found = train_in_rounds(proposals, parts, self.settings, engine, self.progress, store)
            if found.interrupted:
                cancel(others)
        told = learns(self.sampler, self.rounds or 1)
        return Result.of(dataclasses.replace(found, asked=store.asked if store else None, learns=told))

    def others(self) -> AbstractContextManager[list[Any]]:
        """Return the futures of the processes that the executor starts."""
        own = {"executor": None, "devices": None, "progress": False}
        asked = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.init} | own
        return submitted(self.executor, take_part, asked, (self.workers or 1) - 1)

    def plan(self) -> Plan:
        """Foretell `run`; see `jgd.sweep.plan`."""
        return make_plan(self.proposals(), self.sizes, self.settings, self.engine())


def take_part(asked: dict[str, Any]) -> None:
    """Work on a sweep as one of its processes, with the arguments of a study."""
    Study(**asked).run()


def arguments_of(
    study: Callable[Arguments, Study],
) -> Callable[[Callable[[Study], Answer]], Callable[Arguments, Answer]]:
    """Make a function of a study one of the arguments that make the study, with their signature and documentation."""

    def decorate(fn: Callable[[Study], Answer]) -> Callable[Arguments, Answer]:
        def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
            bind_arguments(fn.__name__, signature, args, kwargs)  # a call that does not fit is one of `fn`
            return fn(study(*args, **kwargs))

        signature = inspect.signature(study).replace(return_annotation=inspect.signature(fn).return_annotation)
        _, _, meaning = inspect.cleandoc(Study.__doc__ or "").partition("\n\n")
        call.__name__ = call.__qualname__ = fn.__name__
        call.__module__, call.__doc__ = fn.__module__, f"{inspect.cleandoc(fn.__doc__ or '')}\n\n{meaning}"
        call.__signature__ = signature  # type: ignore[attr-defined]
        setattr(call, "__kinds__", kinds_by_name(signature, arguments.OF_RUN))  # noqa: B010
        return call

    return decorate


@arguments_of(Study)
def run(study: Study) -> Result:
    """Train `num_trials` settings of each space for `steps` steps under every seed.

    Ctrl-C ends the sweep after the running segment; the result says that it was interrupted.
    """
    return study.run()


@arguments_of(Study)
def plan(study: Study) -> Plan:
    """Tell what `run` would do with the same arguments: programs, lanes, memory and time. No trial is trained.

    A program for each structure is compiled, and takes one segment of as many lanes as run side by side, from which its
    time and its memory are foretold; a function that owns its loop is compiled only. A sampler that learns has told
    only its first round: the others are taken to be like it. Nothing is written to `dir`.
    """
    return study.plan()
