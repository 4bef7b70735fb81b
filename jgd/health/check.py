"""The check-up: one call that looks at a model, its gradients, its optimizer and its data, and says what is wrong."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.arguments import checked, instance_of, whole_from
from jgd.core.leaves import fixed_leaves
from jgd.core.threefry import folded
from jgd.core.tree import all_finite, global_dot, global_norm
from jgd.core.types import Params, Transform
from jgd.health.averaged import share_in_average
from jgd.health.checkup import Checkup
from jgd.health.data import labels_of, measure_data
from jgd.health.decay import decays_of
from jgd.health.evaluating import look_at_evaluation
from jgd.health.finding import Thresholds
from jgd.health.layers import batch_loss, look
from jgd.health.leaves import measure_leaves, redrawn
from jgd.health.measured import Measured
from jgd.health.noise_scale import NoiseScale, largest_batch, noise_scale
from jgd.health.sharpness import critical_step, edge_of, sharpness
from jgd.health.starting import EXAMPLES, STARTING, model_of, without_stream
from jgd.health.trials import first_examples, one_step, run_trials
from jgd.health.verdict import verdict
from jgd.optimizers.proximal import RATES
from jgd.train.loop import Carry, root_key
from jgd.train.pulse import clipped_share
from jgd.train.result import Run
from jgd.train.task import TASK, Task, check_task, num_examples
from jgd.transforms.as_transform import as_transform
from jgd.transforms.compose import Links
from jgd.transforms.in_effect import current_hyperparams
from jgd.transforms.scale import ScaleByLearningRate

_all_finite, _norm = jax.jit(all_finite), jax.jit(global_norm)
DRAWS = 4  # keys under which a batch is compared with its halves


@checked(
    task=TASK,
    params=STARTING,
    steps=whole_from(4),
    examples=whole_from(2),
    thresholds=instance_of("be jgd.health.Thresholds(...)", Thresholds),
)
def check(
    task: Task,
    optimizer: Transform,
    params: Params | Run = None,
    *,
    seed: int = 0,
    steps: int = 60,
    examples: int = EXAMPLES,
    thresholds: Thresholds | None = None,
) -> Checkup:
    """Look for what is wrong with a task and an optimizer, or with a run of both, and tell the remedies.

    params      Parameters to look at, or a `Run`, whose parameters, optimizer state and step are gone on from; those
                that the task's `init` makes unless given.
    steps       Steps of each of the short trainings that try the optimizer: with its updates times 0.01, 0.1, 1 and
                10, and on data whose pairs were broken.
    examples    Examples that are looked at together: memory is that of their activations.
    thresholds  The numbers beyond which a measurement becomes a finding.

    It looks at activations and the signals that come back to them layer by layer, whichever library the model is
    written in (`jgd.health.taps`), dead and saturated units, the largest logits of attention, the z-loss of a
    softmax's loss, outputs that broadcast against the labels, examples that repeat each other, averages of parameters
    in the loss, leaves that the loss does not depend on, the noise of the gradient and the batch that it suggests,
    the sharpness against the optimizer's edge of stability, the longest useful step, the rank of updates, whether
    training works at all, whether a few examples can be learnt by heart, what weight decay takes away, whether the
    rates of groups are far apart, and whether the task's evaluation draws random numbers or reads statistics that
    nothing renews. Costs about `5 * steps + 200` gradients of a batch and 200 of eight examples, `2 * steps` more where
    parameters are given, and compiling some 25 programs; nothing of the arguments is changed or donated.

    Parameters that are given may have been trained on all examples: then the rate is judged by those that the trials
    train on, and pairs by a training from the task's `init` too.

    Printed, it has a row for each layer: the deviation of its output, the share of zeros in it, the share of units that
    are zero on every example, the root mean squares of the signal (the derivative of the loss by the output) and of
    the gradient by its parameters, the norm of a step over theirs, and the effective rank of a step.
    Attention has a row for the logits that enter its softmax, masked ones left out.
    """
    measured = measure_health(task, as_transform(optimizer), params, seed, int(steps), int(examples))
    thresholds = thresholds or Thresholds()
    return Checkup(verdict(measured, thresholds), measured, task.name or "the task", thresholds)


def measure_health(
    task: Task, optimizer: Transform, params: Params | Run, seed: int, steps: int, examples: int
) -> Measured:
    """Measure all that a verdict asks for."""
    check_task(task)
    most, task = largest_batch(task), without_stream(task)  # of which only the first batches are looked at
    carry, taken = _begin(task, optimizer, params, seed)
    key = folded(root_key(seed), 1)
    batch = first_examples(task, examples)
    looked = look(task, carry.params, carry.model_state, batch, key)
    others = look(task, redrawn(carry.params), carry.model_state, batch, key).grads
    trials = run_trials(task, optimizer, carry, taken, steps, params is None) if num_examples(task) >= 4 else None
    healthy = trials is not None and bool(_all_finite(trials.end.params))
    later = trials.end if trials is not None and healthy else carry
    now = taken + steps if healthy else taken
    size = task.batch_size or num_examples(task)
    one = first_examples(task, size)
    _, grads, updates = one_step(task, optimizer, later, now, one)
    _, first, begun = one_step(task, optimizer, carry, taken, one)
    cosines = [_cosine(grads, updates), _cosine(first, begun)]
    leaves = measure_leaves(
        carry.params, looked.grads, others, (later.params, grads, updates),
        trials.end.params if trials else carry.params,
        fixed_leaves(optimizer, carry.params), decays_of(optimizer, carry.params, first),
    )  # fmt: skip
    edge = edge_of(optimizer, later.opt_state, later.params)
    sharp, why, critical = measure_curvature(task, later, batch, one, updates, edge and edge.scale, key)
    return Measured(
        looked, leaves, *measure_data(task, carry, batch, key), _noise(task, carry, seed, most), sharp, why, edge,
        critical, max(cosines), trials, _rates(optimizer, carry, later), chained_rates(optimizer),
        *_linearity(task, carry, one, key), labels_of(looked, batch),
        float(clipped_share(optimizer, first, _norm(first))),
        _memory(optimizer, carry, first, params, looked.loss),
        share_in_average(task, carry.params, carry.model_state, later.model_state, batch, key),
        size, num_examples(task), steps, taken, params is None,
        look_at_evaluation(task, optimizer, carry, later, one),
    )  # fmt: skip


def _begin(task: Task, optimizer: Transform, params: Any, seed: int) -> tuple[Carry, int]:
    model, state = model_of("check", task, params, None, seed)
    if isinstance(params, Run):
        return Carry(model, params.opt_state, state, root_key(seed)), params.steps
    opt_state = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), _init(optimizer, model))
    return Carry(model, opt_state, state, root_key(seed)), 0


@jax.jit
def _init(optimizer: Transform, params: Params) -> Any:
    return optimizer.init(params)


def _noise(task: Task, carry: Carry, seed: int, most: int) -> NoiseScale | None:
    """Estimate the noise scale, for batches of `most` examples at most; `None` where it cannot be seen."""
    if num_examples(task) < 2:
        return None
    size = min(32, num_examples(task)) if task.batch_size == 1 else None
    found = noise_scale(task, carry.params, model_state=carry.model_state, batch_size=size, seed=seed, confidence=0.9)
    return dataclasses.replace(found, examples=most) if np.isfinite(found.trace) else None


def measure_curvature(
    task: Task, carry: Carry, examples: Any, batch: Any, updates: Any, scale: Any, key: jax.Array
) -> tuple[float, str, float]:
    """Return the sharpness of the loss of the examples, and the critical multiple of the updates on their own batch.

    Between them stands why the sharpness is NaN: of complex parameters, or as its second derivative raises an error, be
    that of a `custom_vjp` whose forward rule calls it or the user's own.
    """
    sharp, why = float("nan"), ""
    if any(jnp.iscomplexobj(x) for x in jax.tree.leaves(carry.params)):
        why = "the parameters are complex"
    else:
        try:
            sharp = float(_sharpness(task, carry, examples, scale, key))
        except (TypeError, ValueError, NotImplementedError) as error:
            why = f"the loss's second derivative raises {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return sharp, why, float(_critical(task, carry, batch, updates, key))


@jax.jit
def _sharpness(task: Task, carry: Carry, batch: Any, scale: Any, key: jax.Array) -> jax.Array:
    return sharpness(_loss_of(task, carry, batch, key), carry.params, scale)


@jax.jit
def _critical(task: Task, carry: Carry, batch: Any, updates: Any, key: jax.Array) -> jax.Array:
    return critical_step(_loss_of(task, carry, batch, key), carry.params, updates)


def _loss_of(task: Task, carry: Carry, batch: Any, key: jax.Array) -> Callable[[Params], jax.Array]:
    return lambda params: batch_loss(params, task, carry.model_state, batch, key)


@jax.jit
def _cosine_of(grads: Any, updates: Any) -> jax.Array:
    return -global_dot(grads, updates) / (global_norm(grads) * global_norm(updates))


def _cosine(grads: Any, updates: Any) -> float:
    found = float(_cosine_of(grads, updates))
    return found if np.isfinite(found) else float("-inf")


@jax.jit
def _loss_of_parts(task: Task, carry: Carry, batch: Any, key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the loss of a batch, and the mean over its halves, under each of `DRAWS` keys."""

    def loss(batch: Any, key: jax.Array) -> jax.Array:
        return _loss_of(task, carry, batch, key)(carry.params)

    half = jax.tree.leaves(batch)[0].shape[0] // 2
    parts = jax.tree.map(lambda x: x[: 2 * half].reshape(2, half, *x.shape[1:]), batch)
    whole, keys = jax.tree.map(lambda x: x[: 2 * half], batch), jax.random.split(key, DRAWS)
    return jax.lax.map(lambda key: (loss(whole, key), jnp.mean(jax.lax.map(lambda part: loss(part, key), parts))), keys)


def _linearity(task: Task, carry: Carry, batch: Any, key: jax.Array) -> tuple[float, float]:
    """Give the relative difference of a loss and the mean over halves, beyond what its draws make of it; and these."""
    if jax.tree.leaves(batch)[0].shape[0] < 2:
        return 0.0, 0.0
    whole, parts = (np.asarray(x, np.float64) for x in _loss_of_parts(task, carry, batch, key))
    apart = abs(whole.mean() - parts.mean()) - 3 * (whole.std() + parts.std())
    scale = abs(whole.mean()) or math.inf
    return max(0.0, float(apart / scale)), float(whole.std() / scale)


def _rates(optimizer: Transform, carry: Carry, later: Carry) -> dict[str, tuple[float, float, float]]:
    """Return the learning rates in effect at the optimizer's first step, at the next and after the trials."""
    states = [_init(optimizer, carry.params), carry.opt_state, later.opt_state]
    values = [current_hyperparams(optimizer, state) for state in states]
    names = [name for name, x in values[0].items() if name.rpartition(".")[2] in RATES and np.ndim(x) == 0]
    return {name: tuple(float(np.asarray(one[name])) for one in values) for name in names}  # type: ignore[misc]


def chained_rates(node: Any) -> int:
    """Count the learning rates that a chain applies one after another, each with a sign of its own."""
    if isinstance(node, ScaleByLearningRate):
        return int(node.flip_sign and node.learning_rate is not None)
    return sum(map(chained_rates, node.links)) if isinstance(node, Links) else 0


def _memory(optimizer: Transform, carry: Carry, grads: Any, run: Any, loss: float) -> float:
    """Return how large the gradients were that a run's second moment is of, as a multiple of this one.

    Divided by the root of the loss's fall, as which the gradient of a quadratic falls.
    """
    edge = edge_of(optimizer, carry.opt_state, carry.params) if isinstance(run, Run) else None
    if edge is None or edge.scale is None:
        return float("nan")
    fall = max(1.0, float(np.nanmax(run.metrics["loss"], initial=0.0)) / loss) if loss > 0 else 1.0
    return float(_norm(edge.scale) / _norm(grads)) / fall**0.5
