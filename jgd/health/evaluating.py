"""How a task's evaluation depends on what it should not: random draws, and statistics that nothing reads or renews."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from jgd.core.subprograms import constants_of, program_of
from jgd.core.tree import path_names
from jgd.core.types import Params, State, Transform
from jgd.health.layers import batch_loss
from jgd.health.origin import source_of
from jgd.health.programs import carried_by, run_equation
from jgd.health.taps import CALLS
from jgd.train.loop import Carry, judged_params
from jgd.train.task import Task, is_on_host, judge_model

DRAWS = ("random_bits", "rng_bit_generator")
TURNS = 4  # other draws, of which one alone may change a mean over many examples hardly at all
AVERAGES = ("mean", "var", "average", "moving", "running")  # within the names of running statistics


class Evaluating(NamedTuple):
    """Hold what an evaluation, and the loss, make of the model's state and of random draws."""

    metric: str = ""  # the one that random draws change most; empty where none does
    spread: float = 0.0  # by how much, relative to its value
    source: str = ""  # the line of code that draws; empty on the host
    floats: bool = False  # whether the state has floating arrays
    renewed: bool = True  # whether training changes one of them
    judged: bool = True  # whether the evaluation depends on them, or there is none
    trained_on: bool = False  # whether the loss depends on one that is called a mean or a variance


def look_at_evaluation(task: Task, optimizer: Transform, carry: Carry, later: Carry, batch: Any) -> Evaluating:
    """Evaluate again with other random bits and with another state, and see which results change.

    `later` is the carry after some training, or the same one. Bits are exchanged in calls and scans; a draw within a
    `cond` or a `while_loop` is not seen. Costs six evaluations and two losses; on the host, two evaluations.
    """
    params, state = judged_params(optimizer, later), later.model_state
    metric, spread, source = _draws(task, params, state)
    before, after = _floats(carry.model_state), _floats(state)
    if not before:
        return Evaluating(metric, spread, source)
    changed = any(not bool(jnp.all(x == y)) for x, y in zip(before, after, strict=True))
    judged = True
    if task.evaluate is not None and not is_on_host(task):
        ours, theirs = (_judge(task, params, one) for one in (state, _other_state(state, ())))
        judged = _apart(ours, theirs)[1] > 0
    loss, both = jax.jit(batch_loss), (state, _other_state(state, AVERAGES))
    losses = [loss(later.params, task, one, batch, later.key) for one in both]
    return Evaluating(
        metric, spread, source, True, changed or later is carry, judged, _relative(*map(float, losses)) > 1e-6
    )  # fmt: skip


def _draws(task: Task, params: Params, state: State) -> tuple[str, float, str]:
    """Return the metric that other random bits change most, by how much, and the line that draws."""
    if task.evaluate is None:
        return "", 0.0, ""
    if is_on_host(task):
        ours, theirs = judge_model(task, params, state), judge_model(task, params, state)
        return *_apart(ours, theirs), ""
    closed = jax.make_jaxpr(lambda *args: judge_model(task, *args))(params, state)
    source = _source(closed.jaxpr)
    if source is None:
        return "", 0.0, ""

    @jax.jit
    def other(params: Params, state: State, turn: jax.Array) -> Any:
        names = jax.tree.structure(jax.eval_shape(lambda: judge_model(task, params, state)))
        return names.unflatten(_with_other_bits(closed.jaxpr, closed.consts, jax.tree.leaves((params, state)), turn))

    ours, turns = _judge(task, params, state), jnp.arange(1, TURNS + 1)
    return *max((_apart(ours, other(params, state, turn)) for turn in turns), key=lambda found: found[1]), source


@jax.jit
def _judge(task: Task, params: Params, state: State) -> Any:
    return judge_model(task, params, state)


def _apart(ours: Any, theirs: Any) -> tuple[str, float]:
    """Return the name of the metric that differs most, and the relative difference; nothing where none does."""
    gaps = {name: _relative(float(np.asarray(ours[name])), float(np.asarray(theirs[name]))) for name in ours}
    worst = max(gaps, key=gaps.__getitem__, default="")
    return (worst, gaps[worst]) if worst and gaps[worst] > 1e-6 else ("", 0.0)  # the device's own rounding


def _relative(x: float, y: float) -> float:
    if np.isnan(x) or np.isnan(y):
        return 0.0 if np.isnan(x) and np.isnan(y) else float("inf")
    return abs(x - y) / max(abs(x), abs(y)) if x != y else 0.0


def _floats(state: State) -> list[jax.Array]:
    return [x for x in jax.tree.leaves(state) if jnp.issubdtype(x.dtype, jnp.floating)]


def _other_state(state: State, named: Sequence[str]) -> State:
    """Return the state with its floating arrays, of leaves with such a name alone where names are given, drawn anew."""
    draw = np.random.default_rng(0)

    def other(path: Any, x: jax.Array) -> jax.Array:
        name = "/".join(path_names(path)).lower()
        if not jnp.issubdtype(x.dtype, jnp.floating) or (named and not any(one in name for one in named)):
            return x
        return (x * np.exp(draw.normal(size=x.shape)) + np.abs(draw.normal(size=x.shape))).astype(x.dtype)

    return jax.tree_util.tree_map_with_path(other, state)


def _source(program: Any) -> str | None:
    """Return the line of the first draw in a program, `None` where there is none."""
    for eqn in program.eqns:
        if eqn.primitive.name in DRAWS:
            return source_of(eqn)
        inner = program_of(eqn)
        found = _source(inner) if inner is not None else None
        if found is not None:
            return found or source_of(eqn)
    return None


def _with_other_bits(program: Any, consts: Sequence[Any], args: Sequence[Any], turn: jax.Array) -> list[Any]:
    """Run a program whose draws are replaced by a one-to-one function of their bits, which are as random."""
    held = dict(zip((*program.constvars, *program.invars), (*consts, *args), strict=True))

    def read(x: Any) -> Any:
        return x.val if isinstance(x, Literal) else held[x]

    for eqn in program.eqns:
        given, inner, name = [read(x) for x in eqn.invars], program_of(eqn), eqn.primitive.name
        if inner is not None and (name in CALLS or name.startswith("custom_")):
            outs = _with_other_bits(inner, constants_of(eqn), given, turn)
        elif inner is not None and name == "scan":
            outs = _scan_with_other_bits(eqn, inner, given, turn)
        else:
            outs = run_equation(program, eqn, given)
            if name in DRAWS:
                outs = [_mixed(x, turn) for x in outs]
        held.update(zip(eqn.outvars, outs, strict=True))
    return [read(x) for x in program.outvars]


def _scan_with_other_bits(eqn: Any, program: Any, given: Sequence[Any], turn: jax.Array) -> list[Any]:
    fixed, carried = carried_by(eqn, program)

    def body(carry: Any, x: Any) -> Any:
        outs = _with_other_bits(program, constants_of(eqn), [*given[:fixed], *carry, *x], turn)
        return outs[:carried], outs[carried:]

    first, along = list(given[fixed : fixed + carried]), list(given[fixed + carried :])
    last, outs = jax.lax.scan(body, first, along, length=eqn.params["length"], reverse=eqn.params["reverse"])
    return [*last, *outs]


def _mixed(bits: Any, turn: jax.Array) -> Any:
    """Return other bits for each turn: plus it and times an odd number is one-to-one; then all are turned around."""
    if not jnp.issubdtype(bits.dtype, jnp.unsignedinteger):
        return bits
    size = jnp.iinfo(bits.dtype).bits
    odd = jnp.asarray(0x9E3779B97F4A7C15 & ((1 << size) - 1) | 1, bits.dtype)
    return ~((bits + turn.astype(bits.dtype)) * odd)
