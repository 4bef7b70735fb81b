"""Sweep as a person writes it by hand: a jitted scan, a loop over a jitted step, and programs for each trial."""

import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jgd
from bench.workload import Ran, Tree, Work


def scan(work: Work, batches: Sequence[np.ndarray]) -> Callable[[], Ran]:
    """Make a jitted scan from evaluation to evaluation, compiled once, on one device: runs queue up."""
    train = pieces(work)

    def segment(optimizer: jgd.Transform, carry: Tree, data: Tree, rows: jax.Array) -> tuple[Tree, jax.Array]:
        carry = jax.lax.scan(lambda carry, rows: (train(optimizer, carry, data, rows), None), carry, rows)[0]
        return carry, judge(work, carry[0])

    rows = [jnp.asarray(b.reshape(-1, work.every, b.shape[1])) for b in batches]
    carry = begin(work)
    example = jgd.adam(0.1), carry, work.task.data, rows[0][0]
    clock = time.perf_counter()
    program = jax.jit(segment).lower(*example).compile()
    compiling = time.perf_counter() - clock

    def run(rate: float, seed: int) -> jax.Array:
        optimizer, state, end = jgd.adam(float(rate)), carry, None
        for piece in rows[seed]:
            state, end = program(optimizer, state, work.task.data, piece)
        return end  # type: ignore[return-value]

    return lambda: _all(work, run, compiling)


def loop(work: Work, batches: Sequence[np.ndarray]) -> Callable[[], Ran]:
    """Return a Python loop over a jitted step that is compiled once: the usual script, its rate an argument."""
    step = jax.jit(pieces(work), donate_argnums=1)
    look = jax.jit(lambda params: judge(work, params))
    rows, first = [list(jnp.asarray(b)) for b in batches], jax.jit(lambda: begin(work))
    clock = time.perf_counter()
    jax.block_until_ready((step(jgd.adam(0.1), first(), work.task.data, rows[0][0]), look(first()[0])))
    compiling = time.perf_counter() - clock

    def run(rate: float, seed: int) -> jax.Array:
        optimizer, carry, end = jgd.adam(rate), first(), None
        for number in range(work.steps):
            carry = step(optimizer, carry, work.task.data, rows[seed][number])
            if (number + 1) % work.every == 0:
                end = look(carry[0])
        return end  # type: ignore[return-value]

    return lambda: _all(work, run, compiling)


def rejit(work: Work, batches: Sequence[np.ndarray], few: int, whole: bool) -> Ran:
    """optax.adam(rate) closed over, so that each run compiles: its step, or the `whole` scan. A few stand for all."""
    rows, first = [jnp.asarray(b) for b in batches], begin(work)[0]
    look = jax.jit(lambda params: judge(work, params))

    def run(rate: float, seed: int) -> jax.Array:
        optimizer = optax.adam(rate)

        @jax.jit
        def step(params: Tree, state: Tree, rows: jax.Array) -> Tree:
            batch = jax.tree.map(lambda x: x[rows], work.task.data)
            updates, state = optimizer.update(jax.grad(work.task.loss)(params, batch), state, params)
            return optax.apply_updates(params, updates), state

        @jax.jit
        def train(params: Tree, state: Tree, rows: jax.Array) -> jax.Array:
            params, _ = jax.lax.scan(lambda c, r: (step(*c, r), None), (params, state), rows)[0]
            return judge(work, params)

        state = optimizer.init(first)
        if whole:
            return train(first, state, rows[seed])
        params = first
        for number in range(work.steps):
            params, state = step(params, state, rows[seed][number])
        return look(params)

    # Not the ends: at the highest rates rounding grows to the size of the loss.
    picked = np.linspace(0, len(work.runs) - 1, few + 2)[1:-1].astype(int)
    clock = time.perf_counter()
    found = [run(*work.runs[i]) for i in picked]
    jax.block_until_ready(found)
    seconds = (time.perf_counter() - clock) * len(work.runs) / few
    ends = np.full(len(work.runs), np.nan)
    ends[picked] = np.array(found)
    return Ran(seconds, float("nan"), ends, f"extrapolated from {few} runs")


def pieces(work: Work) -> Callable[..., Tree]:
    """Return a step `(optimizer, (params, state), data, rows) -> (params, state)`."""

    def step(optimizer: jgd.Transform, carry: Tree, data: Tree, rows: jax.Array) -> Tree:
        params, state = carry
        grads = jax.grad(work.task.loss)(params, jax.tree.map(lambda x: x[rows], data))
        updates, state = optimizer.update(grads, state, params)
        return jgd.apply_updates(params, updates), state

    return step


def begin(work: Work) -> Tree:
    """Return the carry before the first step."""
    params = work.task.init(jax.random.key(0))
    return params, jgd.adam(0.1).init(params)


def judge(work: Work, params: Tree) -> jax.Array:
    """Return the metric of these parameters."""
    assert work.task.evaluate is not None
    return jnp.asarray(work.task.evaluate(params)[work.metric])


def _all(work: Work, run: Callable[[float, int], jax.Array], compiling: float) -> Ran:
    clock = time.perf_counter()
    ends = [run(*one) for one in work.runs]
    jax.block_until_ready(ends)
    return Ran(time.perf_counter() - clock, compiling, np.array(ends))
