"""The problem to train on: how parameters begin, what is minimised, on which data, and how it is judged."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp

from jgd.core.arguments import TEXT, WHOLE, Kind, checked, function_of, instance_of
from jgd.core.errors import InputError
from jgd.core.frozen import dtype_name
from jgd.core.outline import outline, shown
from jgd.core.record import Function, as_function, part, record, static
from jgd.core.tree import name_of, widen
from jgd.core.types import Params, State
from jgd.core.user_code import attempt
from jgd.train.calls import OnHost, loss_call, takes_state
from jgd.train.computing import COMPUTE_DTYPE, REMAT, computed, in_dtypes_of
from jgd.train.data import check_arrays, check_stream, resident
from jgd.train.microbatch import MICROBATCH, as_microbatch

REAL = (jnp.integer, jnp.floating)
NUMBERS = (
    "numbers and flags inside a Partial are traced, and must not decide shapes or branches; bind those that do by "
    "functools.partial, or in a sweep list numbers by sweep.structural([16, 32]) and functions by sweep.choice"
)
STATE_HINT = ", as the state of a model whose loss is loss(params, state, batch, key)"


BATCH_SIZE = Kind("be a whole number, at least 1, or None for the full batch", WHOLE.admits)


def _batch_size(value: Any) -> int | None:
    return None if value is None else int(value)


@record
class Task:
    """Hold a problem as a value: its functions are structure, its data and any numbers inside its functions are leaves.

    init      `init(key) -> params`, floating or complex arrays; of a model with a state, `(params, state)`.
    loss      `loss(params, batch)` or `loss(params, batch, key)`; a scalar, or `(scalar, aux)`, where `aux` is a dict
              of scalars, which are recorded as metrics. The key is passed where the argument after the batch has no
              default or is called `key` or `rng`.
              A model has a state (running statistics, streams of random numbers, whatever is not trained) where the
              loss's second argument is called `state`: `loss(params, state, batch)` or `loss(params, state, batch,
              key)`, which return `(loss, (state, aux))`. The state is any pytree of arrays; a step keeps the one that
              its loss returned, unless that loss is not finite.
    data      A pytree of arrays with one leading axis of n examples, kept on the device: of JAX, NumPy, torch or pandas
              (a table is an array with a column each); or, for `fit` alone, a function `data(epoch) -> iterator of
              batches` of one shape, the same batches for the same epoch, in every process of `jax.distributed`: whole
              ones, of which `fit(mesh=)` takes each device's part.
    batch_size  Examples in a step: each epoch is shuffled without replacement, and the n % batch_size examples at its
              end are left out of it (others in each epoch). `None` is the full batch, in its own order.
    evaluate  `evaluate(params) -> {name: scalar}`, or `evaluate(params, state)`, called at the ends of segments;
              traced, like the loss, unless it is `jgd.on_host(evaluate)`.
    allow_nan  Whether NaN and infinities in the data are meant, as where the loss masks missing entries.
    microbatch  A size in examples, or a `jgd.Microbatch`: a step's gradients are averaged over parts of its batch.
    compute_dtype  A dtype, such as "bfloat16", to which the loss gets its parameters and the floats of its batch cast,
              and in which it computes. Parameters, gradients, the recorded loss and the optimizer stay as they are, in
              float32 as a rule; float16 needs `jgd.dynamic_loss_scale` around the optimizer.
    remat     The policy of `jax.checkpoint` for the whole loss: what its backward pass reads instead of computing it
              anew, by a name in `jax.checkpoint_policies` ("dots_saveable": products alone) or such a function.
              Gradients are the same, memory is less, time more. To keep the inputs of a model's blocks alone, put
              `jax.checkpoint` around a block. A CPU's compiler takes what is computed twice together again.

    A loss or an evaluation that needs numbers or arrays of its own should be a callable pytree, such as
    `jax.tree_util.Partial(loss, smoothing)`: its leaves are then arguments of the compiled program. What a plain
    function closes over becomes a constant in it. A number that decides a shape or a branch is bound by
    `functools.partial` instead, and is structure; one to be swept is a `jgd.sweep.structural`.
    """

    init: Callable[[jax.Array], Params] = part(expect=function_of("init(key) -> params"), convert=as_function)
    loss: Callable[..., Any] = part(expect=function_of("loss(params, batch) -> scalar"), convert=as_function)
    data: Any = part(convert=resident)
    batch_size: int | None = static(default=None, expect=BATCH_SIZE, convert=_batch_size)
    evaluate: Callable[..., Mapping[str, Any]] | None = part(
        default=None, expect=function_of("evaluate(params) -> {name: scalar}"), convert=as_function
    )
    name: str | None = static(default=None, expect=TEXT)
    allow_nan: bool = static(default=False)
    microbatch: Any = part(default=None, expect=MICROBATCH, convert=as_microbatch)
    compute_dtype: Any = static(default=None, expect=COMPUTE_DTYPE, convert=dtype_name)
    remat: Any = static(default=None, expect=REMAT)


TASK = instance_of("be a jgd.Task(init, loss, data, ...)", Task)


def is_stream(task: Task) -> bool:
    """Tell whether the data come from a factory of iterators."""
    return callable(task.data)


def is_on_host(task: Task) -> bool:
    """Tell whether the evaluation runs in Python, where nothing is traced."""
    return isinstance(task.evaluate, OnHost)


def num_examples(task: Task) -> int:
    """Return the length of the data's leading axis."""
    return jax.tree.leaves(task.data)[0].shape[0]


def num_batches(task: Task) -> int:
    """Count the steps in an epoch: whole batches only."""
    return num_examples(task) // (task.batch_size or num_examples(task))


def has_state(task: Task) -> bool:
    """Tell whether the model has a state beside its parameters, which the loss's signature says."""
    return loss_call(task.loss, _place(task, "loss")).state


def init_model(task: Task, key: jax.Array) -> tuple[Params, State]:
    """Return the first parameters, and the first state of the model, `None` where it has none."""
    made = _with_numbers(task, "init", lambda: task.init(key))
    if not has_state(task):
        return made, None
    if not isinstance(made, tuple) or len(made) != 2:
        raise InputError(
            f"{_place(task, 'init')}: init must return (params, state), because the loss takes a state, but it "
            f"returned {shown(made)}."
        )
    return made


def _with_numbers(task: Task, field: str, call: Callable[[], Any]) -> Any:
    """Call a function of the task; one whose numbers are traced is told what it may not do with them, if it fails."""
    if not any(isinstance(x, jax.core.Tracer) for x in jax.tree.leaves(getattr(task, field))):
        return call()
    return attempt(f"{_place(task, field)}: {field}", call, NUMBERS, of=(TypeError,))  # JAX's, of a traced number


def loss_and_metrics(
    task: Task, params: Params, model_state: State, batch: Any, key: jax.Array
) -> tuple[jax.Array, tuple[State, dict[str, jax.Array]]]:
    """Return the loss, the model's next state and the scalars of `aux`; refuse what else a loss may return."""
    call, place = loss_call(task.loss, _place(task, "loss")), _place(task, "loss")
    fn = computed(partial(call, task.loss), task.compute_dtype, task.remat)
    out = _with_numbers(task, "loss", lambda: fn(params, model_state, batch, key))
    value, rest = out if isinstance(out, tuple) and len(out) == 2 else (out, None)
    if not _is_real_scalar(value):
        expected = "(scalar, (state, aux))" if call.state else "(scalar, aux)"
        raise InputError(
            f"{place}: the loss must be a real floating scalar or {expected}, but it is {shown(value)}; reduce it, "
            "for example with .mean()."
        )
    value = jnp.asarray(value) if task.compute_dtype is None else widen(value)
    if not call.state:
        return value, (None, _metrics(place, rest))
    if not isinstance(rest, tuple) or len(rest) != 2:
        raise InputError(
            f"{place}: a loss with a state must return (loss, (state, aux)), but beside the loss it returned "
            f"{shown(rest)}; where there is no aux, return (loss, (state, None))."
        )
    state = rest[0] if task.compute_dtype is None else in_dtypes_of(model_state, rest[0])
    return value, (state, _metrics(place, rest[1]))


def judge_model(task: Task, params: Params, model_state: State) -> Mapping[str, Any]:
    """Return the task's evaluation, nothing where it has none."""
    if task.evaluate is None:
        return {}
    return task.evaluate(params, model_state) if takes_state(task.evaluate) else task.evaluate(params)


def batch_shapes(task: Task) -> Any:
    """Return the shapes of a batch; the data are checked on the way."""
    check = check_stream if is_stream(task) else check_arrays
    batch = check(task.data, task.batch_size, task.allow_nan)
    if task.microbatch is not None:
        task.microbatch.check(batch)
    return batch


def check_evaluation(task: Task, values: Any) -> None:
    """Refuse what an evaluation returned unless it is a dict of scalars."""
    if not _is_metrics(values):
        raise InputError(
            f"{_place(task, 'evaluate')}: evaluate must return a dict of scalars, but it returned "
            f"{shown(values)}; for example {{'accuracy': accuracy.mean()}}."
        )


class CheckedTask(NamedTuple):
    """Hold the names of what training tells, at each step and by the task's `evaluate`, and the parameters' shapes."""

    steps: tuple[str, ...]  # "loss" first
    judged: tuple[str, ...]  # none of an evaluation on the host, which only tells when it runs
    params: Params  # shapes


@checked(task=TASK)
def check_task(task: Task) -> CheckedTask:
    """Refuse what cannot be trained on, before anything is compiled: one pass over the data, and shapes alone."""
    batch = batch_shapes(task)
    key = jax.eval_shape(partial(jax.random.key, 0, impl="threefry2x32"))
    params, state = _shapes(task, "init", "init(key)", partial(init_model, task), key)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if not jnp.issubdtype(leaf.dtype, jnp.inexact):
            raise InputError(
                f"{_place(task, 'init')}: the parameter at {name_of(path)} has dtype {leaf.dtype}, expected a floating "
                f"or complex one; convert it, or keep it out of params{'' if has_state(task) else STATE_HINT}."
            )
    if not jax.tree.leaves(params):
        raise InputError(f"{_place(task, 'init')}: init(key) returned no parameters; return a pytree of arrays.")
    call = f"the loss on a batch of {outline(batch)}"
    _, (next_state, metrics) = _shapes(task, "loss", call, partial(loss_and_metrics, task), params, state, batch, key)
    _check_state(_place(task, "loss"), state, next_state)
    curves = ("loss", *metrics) if task.microbatch is None else ("loss", *task.microbatch.curves(metrics))
    if task.evaluate is not None and takes_state(task.evaluate) and not has_state(task):
        raise InputError(
            f"{_place(task, 'evaluate')}: it asks for a state, but the loss has none; call the loss's second argument "
            "state, as in loss(params, state, batch, key), or write evaluate(params)."
        )
    if task.evaluate is None or is_on_host(task):
        return CheckedTask(curves, (), params)
    call = "evaluate(params, state)" if takes_state(task.evaluate) else "evaluate(params)"
    values = _shapes(task, "evaluate", call, partial(judge_model, task), params, state)
    check_evaluation(task, values)
    return CheckedTask(curves, tuple(values), params)


def _shapes(task: Task, field: str, call: str, fn: Callable[..., Any], *args: Any) -> Any:
    """Call `jax.eval_shape`, whose failure says which of the task's functions failed."""
    return attempt(f"{_place(task, field)}: {call}", lambda: jax.eval_shape(fn, *args), "try it on its own first")


def _metrics(place: str, aux: Any) -> dict[str, jax.Array]:
    """Return the scalars that a loss returns beside itself; anything else is refused, since it would be lost."""
    if aux is None:
        return {}
    if not isinstance(aux, dict) or not all(isinstance(name, str) for name in aux):
        raise InputError(
            f"{place}: aux must be a dict of scalars by name, which are recorded, but it is {shown(aux)}; for what "
            "a model changes beside its parameters write loss(params, state, batch, key)."
        )
    for name, x in aux.items():
        if not _is_number(x):
            raise InputError(
                f"{place}: aux[{name!r}] is {shown(x)}, expected a real scalar, recorded at each step; reduce it, "
                "for example with .mean(), or leave it out."
            )
    if "loss" in aux:
        raise InputError(f"{place}: aux has an entry 'loss', which is the loss's own name; rename it.")
    return {name: widen(x) for name, x in aux.items()}


def _check_state(place: str, state: Any, new: Any) -> None:
    """Require that the loss returns a state of the structure, shapes and dtypes of the one that it got."""
    ours, theirs = ({name_of(p): shown(x) for p, x in jax.tree_util.tree_leaves_with_path(t)} for t in (state, new))
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            raise InputError(
                f"{place}: the state that it returns has {theirs.get(name, 'nothing')} at {name}, but init's has "
                f"{ours.get(name, 'nothing')}; return (loss, (state, aux)) with a state like the one that it got."
            )
    if jax.tree.structure(state) != jax.tree.structure(new):
        raise InputError(
            f"{place}: the state that it returns is {jax.tree.structure(new)}, but init's is "
            f"{jax.tree.structure(state)}; return (loss, (state, aux)) with a state like the one that it got."
        )


def _is_metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(k, str) and _is_number(x) for k, x in value.items())


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, int, float)):
        return True
    return getattr(value, "shape", None) == () and any(jnp.issubdtype(value.dtype, x) for x in (jnp.bool_, *REAL))


def _is_real_scalar(value: Any) -> bool:
    return _is_number(value) and jnp.issubdtype(jnp.result_type(value), jnp.floating)


def _place(task: Task, field: str) -> str:
    fn = getattr(task, field)
    fn = fn.fn if isinstance(fn, Function) else fn
    return f"Task({field}={getattr(fn, '__qualname__', None) or type(fn).__name__})"
