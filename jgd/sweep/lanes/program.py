"""The programs of a group: its lanes' first states, and a segment of their training, over lanes and devices."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jgd.core.tree import all_finite, widen
from jgd.core.types import Params, State
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.lane_mesh import LANE_AXIS, LaneMesh
from jgd.train.loop import Carry, begin, evaluation, pick, root_key, scan_steps
from jgd.train.task import Task

LANES = PartitionSpec(LANE_AXIS)
EVERYWHERE = PartitionSpec()


class Lane(NamedTuple):
    """Hold what differs from lane to lane; in a program every leaf has a leading axis of lanes."""

    numbers: list[Any]  # the leaves of task and optimizer that differ between trials
    seed: Any  # u32[]
    slot: Any  # i32[], the position of the seed among the sweep's
    alive: Any  # bool[]


class Shared(NamedTuple):
    """Hold what all lanes read."""

    numbers: list[Any]  # the leaves that do not differ, the data among them
    first: Any  # first parameters and model states, a row for each seed; None where each lane makes its own
    picks: Any  # the rows of each batch, i32[seeds, length, batch], or None
    start: Any  # i32[], steps taken before


class LaneState(NamedTuple):
    """Hold the state that a lane hands from one segment to the next; its key is made from its seed again."""

    params: Params
    opt_state: State
    model_state: State  # what the loss hands on beside the parameters, None where it has nothing
    bad_since: Any  # i32[], the first of the losses that have not been finite since, or -1


class Block(NamedTuple):
    """Hold what the host sees of a segment."""

    metrics: dict[str, jax.Array]  # means over the segment's steps, and evaluations at its end
    diverged_at: jax.Array  # i32[], the first of the losses that were not finite, if the lane is lost, else -1


def mesh_of(devices: Sequence[Any]) -> Mesh:
    """Return the devices in a row."""
    return jax.make_mesh((len(devices),), (LANE_AXIS,), devices=devices, axis_types=(jax.sharding.AxisType.Auto,))


def begin_program(group: Group, mesh: Mesh, width: int, places: Any = None, spread: LaneMesh | None = None) -> Any:
    """Return a jitted `(lanes, shared) -> states`, all lanes side by side where first parameters need but be copied.

    `places` are the states' shardings, over lanes alone unless given, and `spread` says how a lane lies on several
    devices.
    """
    # An array without elements would come back on every device in place of split.
    places = NamedSharding(mesh, LANES) if places is None else places
    return jax.jit(over_lanes(partial(_begin_lane, group, spread), mesh, width), out_shardings=places)


def segment_program(
    group: Group,
    mesh: Mesh,
    width: int,
    length: int,
    watched: tuple[str, ...] = (),
    places: Any = None,
    spread: LaneMesh | None = None,
) -> Any:
    """Return a jitted `(states, lanes, shared) -> (states, blocks)` that takes `length` steps. The states are donated.

    `watched` names further metrics of a step, which the group's optimizer knows. `places` and `spread` are as in
    `begin_program`.

    A dead lane costs nothing where lanes run one by one; side by side with others it runs on unseen.
    """
    train = jax.jit(
        partial(_train_lane, group, length, watched, spread)
    )  # jitted so that asking for its shapes traces it only once

    def lane(args: tuple[LaneState, Lane], shared: Shared) -> tuple[LaneState, Block]:
        state, lane = args
        if width > 1:
            return train(state, lane, shared)
        shapes = jax.eval_shape(train, state, lane, shared)[1]
        blank = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return jax.lax.cond(lane.alive, lambda: train(state, lane, shared), lambda: (state, blank))

    run = over_lanes(lane, mesh, width)

    def segment(states: LaneState, lanes: Lane, shared: Shared) -> tuple[LaneState, Block]:
        return run((states, lanes), shared)

    lanes_alone = NamedSharding(mesh, LANES)
    where = lanes_alone if places is None else (places, lanes_alone)
    return jax.jit(segment, donate_argnames="states", out_shardings=where)


def pick_program(task: Task, mesh: Mesh, length: int) -> Any:
    """Return a jitted `(seeds, start) -> picks`: the trials of one seed share its batches, so they are drawn once."""

    def picks(seeds: jax.Array, start: jax.Array) -> jax.Array | None:
        return jax.vmap(lambda seed: pick(task, root_key(seed), start, length))(seeds)

    return jax.jit(picks, out_shardings=NamedSharding(mesh, EVERYWHERE))


def over_lanes(fn: Callable[[Any, Shared], Any], mesh: Mesh, width: int) -> Callable[..., Any]:
    """Return `fn(lane, shared)` for all lanes: split over devices, and on each `width` at a time."""

    def local(lanes: Any, shared: Shared) -> Any:
        def one(lane: Any) -> Any:
            return fn(lane, shared)

        return side_by_side(one, lanes, width) if width > 1 else jax.lax.map(one, lanes)

    return jax.shard_map(
        local, mesh=mesh, in_specs=(LANES, EVERYWHERE), out_specs=LANES, check_vma=False, axis_names={LANE_AXIS}
    )


def side_by_side(fn: Callable[[Any], Any], lanes: Any, width: int) -> Any:
    """Compute `jax.lax.map(fn, lanes, batch_size=width)`, which cannot return an array without elements (jax 0.10)."""
    count = len(jax.tree.leaves(lanes)[0])
    whole = count - count % width
    parts = []
    if whole:
        rows = jax.tree.map(lambda x: x[:whole].reshape(whole // width, width, *x.shape[1:]), lanes)
        done = jax.lax.map(jax.vmap(fn), rows)
        parts.append(jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), done))
    if whole < count:
        parts.append(jax.vmap(fn)(jax.tree.map(lambda x: x[whole:], lanes)))
    return parts[0] if len(parts) == 1 else jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


def _begin_lane(group: Group, spread: LaneMesh | None, lane: Lane, shared: Shared) -> LaneState:
    task, optimizer = group.rebuild(shared.numbers, lane.numbers)
    if shared.first is None:
        carry = begin(task, optimizer, root_key(lane.seed))
    else:
        params, model_state = jax.tree.map(lambda x: x[lane.slot], shared.first)
        opt_state = jax.tree.map(lambda x: jnp.asarray(x, jnp.result_type(x)), optimizer.init(params))
        carry = Carry(params, opt_state, model_state, root_key(lane.seed))
    carry = carry if spread is None else spread.kept(optimizer, carry)
    return LaneState(carry.params, carry.opt_state, carry.model_state, jnp.int32(-1))


def _train_lane(
    group: Group,
    length: int,
    watched: tuple[str, ...],
    spread: LaneMesh | None,
    state: LaneState,
    lane: Lane,
    shared: Shared,
) -> tuple[LaneState, Block]:
    """Train one lane for a segment, as `jgd.train.loop.segment` with the batches drawn beforehand."""
    task, optimizer = group.rebuild(shared.numbers, lane.numbers)
    picks = None if shared.picks is None else shared.picks[lane.slot]
    carry = Carry(state.params, state.opt_state, state.model_state, root_key(lane.seed))
    carry, metrics = scan_steps(task, optimizer, carry, shared.start + jnp.arange(length), picks, watched, spread)
    judged = evaluation(task, optimizer, carry)
    means = {name: _finite_mean(values) for name, values in metrics.items()}
    bad = ~jnp.isfinite(metrics["loss"])
    since = _bad_since(bad, state.bad_since, shared.start)
    # A lane that meets a bad batch and recovers, as with jgd.apply_if_finite, has not diverged.
    lost = jnp.all(bad) | ~all_finite(carry.params)
    block = Block(
        {**means, **{name: _real(x) for name, x in judged.items()}},
        jnp.where(lost, jnp.where(since >= 0, since, shared.start + length), -1),
    )
    return LaneState(carry.params, carry.opt_state, carry.model_state, since), block


def _bad_since(bad: jax.Array, before: jax.Array, start: jax.Array) -> jax.Array:
    """Give the first step of the unbroken run of bad ones that a segment ends with, or -1. It may have begun before."""
    length = bad.shape[0]
    last_good = jnp.max(jnp.where(bad, -1, jnp.arange(length, dtype=jnp.int32)))
    began = jnp.where((last_good < 0) & (before >= 0), before, start + last_good + 1)
    return jnp.where(last_good == length - 1, -1, began)


def _finite_mean(values: jax.Array) -> jax.Array:
    """Return the mean of the finite ones."""
    finite = jnp.isfinite(values)
    return jnp.sum(jnp.where(finite, values, 0)) / jnp.sum(finite)


def _real(x: Any) -> jax.Array:
    return widen(jnp.asarray(x)).astype(jnp.float32)
