"""Training as pure functions, for `fit` and for sweeps: begin, one step, and a segment of steps in one scan."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from jgd.core.leaves import fixed_leaves
from jgd.core.threefry import fold_in, folded, key_from_words
from jgd.core.tree import where, widen
from jgd.core.types import Params, State, Transform
from jgd.train.microbatch import Part
from jgd.train.output_loss import LossOfOutputs
from jgd.train.pulse import measure_groups, no_samples, samples
from jgd.train.task import (
    Task,
    init_model,
    is_stream,
    judge_model,
    loss_and_metrics,
    num_batches,
    num_examples,
)
from jgd.transforms.averaging import eval_params
from jgd.transforms.in_effect import observe
from jgd.transforms.loss_scale import loss_scale
from jgd.transforms.scale import apply_updates

USES = ("init", "data", "loss")  # of a run's key


class Carry(NamedTuple):
    """Hold what one step hands to the next. Nothing else is needed to go on from it."""

    params: Params
    opt_state: State
    model_state: State  # what the loss hands on beside the parameters, `None` where it has nothing
    key: jax.Array  # the run's own key, the same at every step: draws depend on it and on the step's number alone


class Step(NamedTuple):
    """Hold what one step computed on its way to the next carry."""

    metrics: dict[str, jax.Array]
    grads: Any
    updates: Any


def root_key(seed: Any) -> jax.Array:
    """Return the key of a run. Always threefry, since under vmap other generators draw otherwise than alone.

    A whole number of up to 64 bits is used in full; without 64-bit mode JAX itself would drop all but the last 32.
    """
    if isinstance(seed, (int, np.integer)) and seed >= 0:  # as JAX makes it of up to 32 bits, without a program
        return key_from_words(divmod(int(seed), 2**32))
    return jax.random.key(seed, impl="threefry2x32")


def begin(task: Task, optimizer: Transform, key: jax.Array) -> Carry:
    """Return the carry before the first step.

    Runs under `jit` and under `vmap` over the key, the optimizer or the task.
    """
    params, model_state = first_model(task, key)
    return Carry(params, _strong(optimizer.init(params)), model_state, key)


def first_model(task: Task, key: jax.Array) -> tuple[Params, State]:
    """Return the first parameters and the model's first state of a run with this key."""
    return _strong(init_model(task, _subkey(key, "init")))


def first_models(task: Task, seeds: Sequence[int]) -> tuple[Params, State]:
    """Return the first parameters and model states of a task, a row for each seed.

    They are made operation by operation, as in `jgd.fit`: compiling a program that is used once takes longer.
    """
    leaves, structure = jax.tree.flatten(task)
    task = jax.tree.unflatten(structure, [jnp.asarray(x, jnp.result_type(x)) for x in leaves])
    keys = [np.concatenate(fold_in(divmod(int(seed), 2**32), USES.index("init"))) for seed in seeds]
    return jax.vmap(lambda key: _strong(init_model(task, key)))(key_from_words(np.stack(keys)))


def judged_params(optimizer: Transform, carry: Carry) -> Params:
    """Return the parameters that evaluations and the best of a run mean: an average where the method keeps one."""
    return eval_params(optimizer, carry.opt_state, carry.params)


def evaluation(task: Task, optimizer: Transform, carry: Carry) -> Mapping[str, Any]:
    """Return the task's evaluation of what has been reached, nothing where it has none."""
    return judge_model(task, judged_params(optimizer, carry), carry.model_state)


def segment(
    task: Task, optimizer: Transform, carry: Carry, start: Any, length: int, watched: tuple[str, ...] = ()
) -> tuple[Carry, dict[str, jax.Array]]:
    """Take `length` steps from step number `start`; the metrics are `{"loss": f[length], **scalars of aux}`.

    Those that `watched` names, see `scan_steps`, stand beside them.

    `start` is a traced i32 scalar and `length` a static size. Everything random is a function of the carry's key and of
    a step's number, so any split of a run into segments takes the same steps; XLA may round a segment of one step
    otherwise. Donate the carry when compiling this.
    """
    return scan_steps(task, optimizer, carry, start + jnp.arange(length), pick(task, carry.key, start, length), watched)


def scan_steps(
    task: Task,
    optimizer: Transform,
    carry: Carry,
    numbers: jax.Array,
    rows: jax.Array | None,
    watched: Sequence[str] = (),
    layout: Any = None,
) -> tuple[Carry, dict[str, jax.Array]]:
    """Take the steps of these numbers on batches of these rows: the last carry, and the metrics f[steps] by name.

    `watched` names further ones: what `advance` knows, and quantities of groups of leaves, see
    `jgd.train.pulse.group_names`, which are those of the last step and NaN before. The last two steps are then a loop
    of their own, the first of them for the samples of its gradients, so that no other step does more than without.
    """
    of_groups = tuple(name for name in watched if "/" in name)
    others = tuple(name for name in watched if "/" not in name)

    def take(carry: Carry, x: Any) -> tuple[Carry, Step]:
        number, rows = x
        new, step = advance(task, optimizer, carry, number, batch_at(task, rows), others, layout)
        return new if layout is None else layout.kept(optimizer, new), step

    def plain(carry: Carry, x: Any) -> tuple[Carry, dict[str, jax.Array]]:
        new, step = take(carry, x)
        return new, step.metrics

    def measured(now: tuple[Carry, Any], x: Any) -> tuple[tuple[Carry, Any], dict[str, jax.Array]]:
        (carry, before), (new, step) = now, take(now[0], x)
        found = measure_groups(of_groups, carry.params, step.grads, step.updates, before)
        return (new, samples(step.grads)), {**step.metrics, **found}

    if not of_groups:
        return jax.lax.scan(plain, carry, (numbers, rows))
    carry, early = jax.lax.scan(plain, carry, jax.tree.map(lambda x: x[:-2], (numbers, rows)))
    last = jax.tree.map(lambda x: x[-2:], (numbers, rows))
    (carry, _), late = jax.lax.scan(measured, (carry, no_samples(carry.params)), last)
    blank = jnp.full(len(numbers), jnp.nan, jnp.float32)
    metrics = {name: jnp.append(x, late[name], axis=0) for name, x in early.items()}
    return carry, {**metrics, **{name: blank.at[-1].set(late[name][-1]) for name in of_groups}}


def advance(
    task: Task,
    optimizer: Transform,
    carry: Carry,
    number: Any,
    batch: Any,
    watched: tuple[str, ...] = (),
    layout: Any = None,
) -> tuple[Carry, Step]:
    """Take one step on one batch. The optimizer also gets `value`, `grad` and `value_fn`, for line searches.

    Of a `loss_of_outputs` it gets the two parts as well, on the whole batch. Where its state holds a loss scale, the
    gradients are those of the scaled loss, divided by the scale in float32.

    Leaves that it keeps frozen are not differentiated; it sees zeros for their gradients. Where the task has a
    `microbatch`, losses and gradients are averaged over parts of the batch.

    `watched` names further metrics of the step, see `jgd.transforms.in_effect.observe`. With a `layout` on a mesh, see
    `jgd.train.mesh_layout`, the batch is split over its devices, or its parts are taken by several at a time.
    """
    params, opt_state, model_state, key = carry
    key_now = jax.random.fold_in(_subkey(key, "loss"), number)
    fixed = fixed_leaves(optimizer, params)
    batch = batch if layout is None or task.microbatch is not None else layout.split(batch)

    def on_batch(part: Part) -> Any:
        whole = part if task.microbatch is None else partial(task.microbatch.averaged, part, layout=layout)
        return whole(model_state, batch, key_now)

    def with_grads(state: State, batch: Any, key: jax.Array) -> Any:
        def objective(params: Params) -> Any:
            return loss_and_metrics(task, params, state, batch, key)

        return _value_and_grad(objective, params, fixed, loss_scale(opt_state))

    def value_fn(params: Params) -> jax.Array:
        return on_batch(lambda state, batch, key: (loss_and_metrics(task, params, state, batch, key), ()))[0][0]

    (value, (new_state, metrics)), grads = on_batch(with_grads)
    # For complex parameters JAX returns the conjugate of the direction of steepest ascent.
    grads = jax.tree.map(jnp.conj, grads)
    parts = task.loss.parts(batch, key_now) if isinstance(task.loss, LossOfOutputs) else {}
    updates, new_opt_state = optimizer.update(
        grads, opt_state, params, value=value, grad=grads, value_fn=value_fn, **parts
    )
    # A bad batch that the optimizer skips must not leave a NaN in running statistics for ever.
    model_state = where(jnp.isfinite(value), _strong(new_state), model_state)
    new = Carry(apply_updates(params, updates), new_opt_state, model_state, key)
    seen = observe(watched, optimizer, opt_state, params=params, grads=grads, updates=updates)
    return new, Step({"loss": value, **metrics, **seen}, grads, updates)


def _value_and_grad(
    objective: Callable[[Params], Any], params: Params, fixed: Any, scale: jax.Array | None = None
) -> tuple[Any, Any]:
    """Return the objective's value and gradients, which are zeros, and not computed, where leaves are fixed.

    With a `scale` they pass through the objective's dtype times that.
    """
    if scale is not None:

        def scaled(params: Params) -> tuple[jax.Array, Any]:
            value, aux = objective(params)
            return widen(value) * scale, (value, aux)

        (_, found), grads = _value_and_grad(scaled, params, fixed)
        return found, jax.tree.map(lambda g: widen(g) / scale, grads)
    if not any(jax.tree.leaves(fixed)):
        return jax.value_and_grad(objective, has_aux=True)(params)
    leaves, structure = jax.tree.flatten(params)
    still = jax.tree.leaves(fixed)

    def of_moving(moving: list[Any]) -> Any:
        rest = iter(moving)
        return objective(structure.unflatten([x if f else next(rest) for x, f in zip(leaves, still, strict=True)]))

    moving = [x for x, f in zip(leaves, still, strict=True) if not f]
    value, grads_of_moving = jax.value_and_grad(of_moving, has_aux=True)(moving)
    rest = iter(grads_of_moving)
    grads = [jnp.zeros_like(x) if f else next(rest) for x, f in zip(leaves, still, strict=True)]
    return value, structure.unflatten(grads)


def pick(task: Task, key: jax.Array, start: Any, length: int) -> jax.Array | None:
    """Return the rows of the data that each step of a segment uses, i32[length, batch_size]; `None` for the full batch.

    Each epoch is a permutation of its own, made from its number. All that the segment touches are made here, before
    the scan, so that no step sorts. Costs 4 * n bytes for each epoch touched.
    """
    if not draws_batches(task):
        return None
    n, per_epoch = num_examples(task), num_batches(task)
    size = task.batch_size or n
    touched = (length + per_epoch - 2) // per_epoch + 1
    epochs = start // per_epoch + jnp.arange(touched)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(_subkey(key, "data"), epochs)
    # One sort of 32-bit draws: equal draws among n keep their order, which shifts odds by about n / 2^32, and it
    # compiles in a third of the time of jax.random.permutation, which sorts again to avoid that.
    orders = jax.vmap(lambda key: jnp.argsort(jax.random.bits(key, (n,))))(keys)
    rows = orders[:, : per_epoch * size].reshape(touched * per_epoch, size)
    return jax.lax.dynamic_slice_in_dim(rows, start % per_epoch, length)


def draws_batches(task: Task) -> bool:
    """Tell whether the steps use parts of the data, drawn anew for each epoch."""
    return not (is_stream(task) or task.batch_size in (None, num_examples(task)))


def batch_at(task: Task, rows: jax.Array | None) -> Any:
    """Return the batch made of these rows of the data."""
    if rows is None:
        return task.data
    return jax.tree.map(lambda x: x.at[rows].get(mode="promise_in_bounds", unique_indices=True), task.data)


def _subkey(key: jax.Array, use: str) -> jax.Array:
    """Return independent keys for the three uses of a run's key, made without a program where the key is known."""
    if isinstance(key, jax.core.Tracer):
        return jax.random.fold_in(key, np.uint32(USES.index(use)))
    return folded(key, USES.index(use))


def _strong(tree: Any) -> Any:
    """Return arrays without weak types, so that every segment has the signature of the first."""
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), tree)
