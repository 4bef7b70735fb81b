"""Both versions of each project from the same start over the same batches, and the figures that must agree."""

import importlib
import pathlib
import tempfile
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.plain.starts import calls, init_key, sweep_keys
from bench.workload import batches_of
from jgd.interop import optax


class Figure(NamedTuple):
    """A figure of both versions."""

    what: str
    jgd: float
    plain: float
    tolerance: float  # of the difference
    why: str  # the versions may differ by as much

    @property
    def met(self) -> bool:
        """Whether they agree."""
        return bool(abs(self.jgd - self.plain) <= self.tolerance)


ROUNDING = "rounding"


def agreement(name: str) -> list[Figure]:
    """Run both versions of a project, in a process that has used no device yet."""
    if name == "eight_devices":
        jax.config.update("jax_num_cpu_devices", 8)
    with tempfile.TemporaryDirectory() as folder:
        return globals()[name](pathlib.Path(folder))


def nano_gpt(folder: pathlib.Path) -> list[Figure]:
    """Bits per character of the averaged weights; and the plain version's own resume, to the bit.

    `jgd.muon` follows Muon's source; `optax.contrib.muon` corrects its momentum for bias, and its AdamW is Nesterov's.
    So jgd also trains with what its drop-in has under that name.
    """
    from bench.plain import nano_gpt as plain

    (task, *_), run = calls("nano_gpt", "fit")[-1]
    start, rows = task.init(init_key(0))[0], batches_of(task, 320, 0)
    plain.train(str(folder), start=start, rows=rows, until=160)
    params, _, curve = plain.train(str(folder), start=start, rows=rows)
    whole = plain.train(str(folder / "whole"), start=start, rows=rows)[0]
    gap = max(float(np.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, (params, whole)), strict=True))
    rate = jgd.warmup_cosine_decay_schedule(0.0, peak_value=0.02, warmup_steps=10, decay_steps=80)
    muon = optax.contrib.muon(
        rate, consistent_rms=0.2, weight_decay=0.01, muon_weight_dimension_numbers=plain.dimensions
    )
    optimizer = jgd.multi_steps(jgd.ema_params(jgd.chain(jgd.clip_by_global_norm(1.0), muon), 0.9), 4)
    same = jgd.fit(task, optimizer, steps=320, eval_every=80, progress=False)
    source, form = (float(x.evaluations["bits_per_character"][-1]) for x in (run, same))
    theirs = float(curve[-1]["bits_per_character"])
    return [
        Figure("bits per character, by optax's form of Muon in both", form, theirs, 0.02, ROUNDING),
        Figure("bits per character, by jgd.muon", source, theirs, 0.1, "optax corrects Muon's momentum for bias"),
        Figure("largest difference of the plain resume", 0.0, gap, 0.0, "a resume keeps the bits"),
    ]


def cnn_batch_norm_sweep(folder: pathlib.Path) -> list[Figure]:
    """Return the mean and the best accuracy over the trials."""
    from bench.plain import cnn_batch_norm_sweep as plain

    (task, *_), result = calls("cnn_batch_norm_sweep", "run")[0]
    rates = result.trials_dataframe().groupby("trial")["learning_rate"].first().to_numpy()
    params, states = jax.vmap(task.init)(jnp.stack([init_key(seed) for seed in range(2)]))
    starts = params, states["batch_stats"]
    values = plain.sweep(rates, starts, np.stack([batches_of(task, 80, seed) for seed in range(2)]))
    why = "dropout draws from other keys"
    ours, theirs = result.curves["accuracy"][:, :, -1], values[:, :, -1]
    return [
        Figure("best accuracy", result.best_value, float(np.median(theirs, axis=1).max()), 0.03, why),
        Figure("mean accuracy of eight runs", float(ours.mean()), float(theirs.mean()), 0.03, why),
    ]


def ppo_sweep(folder: pathlib.Path) -> list[Figure]:
    """Give the return of the best trial."""
    from bench.plain import ppo_sweep as plain

    _, result = calls("ppo_sweep", "run")[0]
    table = result.trials_dataframe().groupby("trial").first()
    settings = {name: jnp.asarray(table[name].to_numpy(), jnp.float32) for name in plain.SPACE}
    values = plain.sweep(settings, sweep_keys(2))
    ours = result.values
    return [Figure("mean return of sixteen runs", float(ours.mean()), float(values.mean()), 5.0, "an action flips")]


def pinn(folder: pathlib.Path) -> list[Figure]:
    """Return the errors after both phases."""
    from bench.plain import pinn as plain

    ((task, *_), first), (_, second) = calls("pinn", "fit")
    _, errors = plain.train(task.init(init_key(0)))
    ours = [float(run.evaluations["error"][-1]) for run in (first, second)]
    return [
        Figure("error after Adam", ours[0], errors[9], 0.01 * ours[0], ROUNDING),
        Figure("error after L-BFGS", ours[1], errors[-1], 1e-4, "its line search blows rounding up"),
    ]


def hypergradient(folder: pathlib.Path) -> list[Figure]:
    """Return the validation loss that the learnt numbers reach, from the example's own functions."""
    from bench.plain import hypergradient as plain
    from examples import hypergradient as example

    numbers, values = plain.learn()
    optimizer = jgd.sgd(numbers["learning_rate"], momentum=numbers["momentum"])
    training, validation = example.problem()
    reached = float(example.squared_error(example.train(optimizer, training), validation))
    before = float(example.squared_error(example.train(jgd.sgd(0.01, momentum=0.5), training), validation))
    return [
        Figure("validation loss before", before, values[0], 1e-4 * before, ROUNDING),
        Figure("validation loss of the learnt numbers", reached, values[-1], 0.02 * values[-1], "one step more"),
    ]


def mixed_space(folder: pathlib.Path) -> list[Figure]:
    """Return the best accuracy."""
    from bench.plain import mixed_space as plain

    example = importlib.import_module("examples.mixed_space")  # a notebook's cells, which run at once
    study = plain.study()
    why = "each TPE draws its own eight trials"
    return [Figure("best accuracy", example.result.best_value, study.best_value, 0.08, why)]


def groups_and_unfreezing(folder: pathlib.Path) -> list[Figure]:
    """Return the losses of both phases, and what had moved when the backbone was still frozen."""
    from bench.plain import groups_and_unfreezing as plain

    ((first, *_), before), ((second, *_), after) = calls("groups_and_unfreezing", "fit")
    rows = batches_of(first, 300, 0), batches_of(second, 600, 0)
    losses, later, moved = plain.train(first.init(init_key(0)), rows)
    frozen = moved[200]["backbone"] + moved[600]["embed"]
    ours, theirs = float(before.metrics["loss"][-50:].mean()), float(losses[-50:].mean())
    ours_later, later = float(after.metrics["loss"][-50:].mean()), float(later[-50:].mean())
    return [
        Figure("loss of the first phase", ours, theirs, 1e-3 * ours, ROUNDING),
        Figure("loss of the second phase", ours_later, later, 1e-2 * ours_later, ROUNDING),
        Figure("change of what is frozen", 0.0, frozen, 0.0, "frozen is frozen"),
    ]


def streaming_keep_best(folder: pathlib.Path) -> list[Figure]:
    """Return the best validation loss and its step."""
    from bench.plain import streaming_keep_best as plain
    from examples.streaming_keep_best import write_shards

    (task, *_), run = calls("streaming_keep_best", "fit")[0]
    write_shards(folder)
    start = task.init(init_key(0))
    curve, best, _ = plain.train(folder, folder / "run", start)
    again = plain.train(folder, folder / "run", start)[2]
    return [
        Figure("first validation loss", float(run.evaluations["validation_loss"][0]), curve[0], 1e-3, ROUNDING),
        Figure("best validation loss", run.best.value, best[0], 1e-2, ROUNDING),
        Figure("its step", run.best.step, best[1], 0, "the same checks at the same steps"),
        Figure("steps of the second call", 0, again, 0, "it has ended"),
    ]


def eight_devices(folder: pathlib.Path) -> list[Figure]:
    """Return the loss at the end, and the plain version's own resume, to the bit."""
    from bench.plain import eight_devices as plain
    from examples import eight_devices as example

    run = example.train()
    start = example.task().init(init_key(0))
    plain.train(str(folder), until=40, start=start)
    params, _, losses, taken = plain.train(str(folder), start=start)
    whole, *_ = plain.train(str(folder / "whole"), start=start)
    gap = max(float(jnp.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, (params, whole)), strict=True))
    ours = float(run.metrics["loss"][-1])
    return [
        Figure("loss at the end", ours, losses[-1], 1e-4 * ours, ROUNDING),
        Figure("largest difference of the plain resume", 0.0, gap, 0.0, "a resume keeps the bits"),
        Figure("steps after the kill", 20, taken, 0, "the checkpoint was at step 40"),
    ]
