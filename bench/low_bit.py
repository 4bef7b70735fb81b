"""Training with moments in 8 and 4 bits against float32, seed by seed, and what rounding does to an orthogonal step."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jgd
from bench.rows import Claim, Row, Yields, alone

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adamw": lambda: jgd.adamw(3e-3),
    "lion": lambda: jgd.lion(5e-4),
    "heavy_ball": lambda: jgd.heavy_ball(0.05, 0.9),
    "adafactor with momentum": lambda: jgd.adafactor(0.02, momentum=0.9),
    "soap": lambda: jgd.soap(3e-3),
    "muon": lambda: jgd.muon(2e-3),
}
BATCH = 128
T_975 = 2.131  # of 15 degrees of freedom


def low_bit(quick: bool = False, seeds: int = 16, steps: int = 300) -> Yields:
    """Measure the loss on all digits after training a perceptron of one hidden layer, in 8 and 4 bits and in float32.

    Pairs have one seed: the same first parameters and batches. `ratio` is the geometric mean over pairs of the loss in
    few bits over that in float32, `ratio_low` and `ratio_high` its 95 % interval by Student's t on the logarithms.
    """
    size = 32 if quick else 64
    task = jgd.tasks.digits(hidden=size, batch_size=BATCH)
    seeds, steps = (4, 20) if quick else (seeds, steps)
    starts = _starts(task, seeds, steps)
    for name, make in list(OPTIMIZERS.items())[: 1 if quick else None]:
        sides = {"float32": make(), **{f"{bits} bits": _few(make(), bits) for bits in (8, 4)}}
        if name == "muon":  # the momentum of matrices as well, which low_bit leaves alone
            for block in (256, 64):
                sides[f"8 bits, matrices too, blocks of {block}"] = _few(
                    make(), 8, block=block, leaves=lambda path, leaf: leaf.ndim > 1
                )
            sides["4 bits, matrices too"] = _few(make(), 4, leaves=lambda path, leaf: leaf.ndim > 1)
        losses = {side: _losses(task, opt, starts, steps) for side, opt in sides.items()}
        for side, values in losses.items():
            row: Row = {"optimizer": name, "side": side, "loss": float(np.exp(np.mean(np.log(values))))}
            if side != "float32":
                row |= _ratio(values, losses["float32"])
            yield row
            if side == "8 bits":
                yield Claim(f"{name} in 8 bits: lower end of the loss's ratio", row["ratio_low"], 1.0, at_least=False)
    yield from _longer(task, starts, steps)
    yield from _orthogonal()


def _longer(task: jgd.Task, starts: Any, steps: int) -> Yields:
    """Say how much longer AdamW's steps are with its second moment in few bits, and the loss at a rate that much lower.

    Along the float32 run's gradients: rounding at random is right in the mean of v, and 1 / sqrt(v) is above it then.
    """
    base = _losses(task, OPTIMIZERS["adamw"](), starts, steps)
    for bits in (8, 4):
        second = partial(_few, bits=bits, leaves=lambda path, leaf: "nu" in path)
        longer = _along(task, OPTIMIZERS["adamw"](), second(OPTIMIZERS["adamw"]()), starts)
        lower = second(jgd.with_hyperparams(OPTIMIZERS["adamw"](), learning_rate=3e-3 / longer))
        ratio = _ratio(_losses(task, lower, starts, steps), base)
        side = f"{bits} bits, second moment alone, rate lower by what steps are longer"
        yield {"optimizer": "adamw", "side": side, "step_longer_percent": 100 * (longer - 1), **ratio}


def _along(task: jgd.Task, opt: Any, few: Any, starts: Any) -> float:
    """Tell how long steps of `few` are along those of `opt` at the same gradients, in the mean over steps and seeds."""

    def one(params: Any, picks: Any) -> Any:
        def step(carry: Any, picked: Any) -> tuple[Any, Any]:
            params, state, other = carry
            grads = jax.grad(task.loss)(params, jax.tree.map(lambda x: x[picked], task.data))
            updates, state = opt.update(grads, state, params)
            found, other = few.update(grads, other, params)
            products = [sum(jax.tree.leaves(jax.tree.map(jnp.vdot, updates, x))) for x in (found, updates)]
            return (jgd.apply_updates(params, updates), state, other), products[0] / products[1]

        return jax.lax.scan(step, (params, opt.init(params), few.init(params)), picks)[1]

    return float(jnp.mean(jax.jit(jax.vmap(one))(*starts)))


def _few(opt: Any, bits: int, **more: Any) -> Any:
    return jgd.low_bit(opt, bits, min_size=0, **more)


def _losses(task: jgd.Task, opt: Any, starts: Any, steps: int) -> np.ndarray:
    """Return the last loss on all the data from each start, all of them lanes of one program."""

    def last(params: Any, picks: Any) -> Any:
        def step(carry: Any, picked: Any) -> tuple[Any, None]:
            params, state = carry
            grads = jax.grad(task.loss)(params, jax.tree.map(lambda x: x[picked], task.data))
            updates, state = opt.update(grads, state, params)
            return (jgd.apply_updates(params, updates), state), None

        params, _ = jax.lax.scan(step, (params, opt.init(params)), picks)[0]
        return task.loss(params, task.data)

    params, picks = starts
    return np.asarray(jax.jit(jax.vmap(last))(params, picks), float)


def _starts(task: jgd.Task, seeds: int, steps: int) -> Any:
    """Return first parameters for each seed, and the rows of each of its batches."""
    params = jgd.stack([task.init(jax.random.key(seed)) for seed in range(seeds)])
    count = len(jax.tree.leaves(task.data)[0])
    return params, jnp.asarray(np.random.default_rng(0).integers(0, count, (seeds, steps, BATCH)))


def _ratio(values: np.ndarray, others: np.ndarray) -> Row:
    gaps = np.log(values) - np.log(others)
    error = T_975 * gaps.std(ddof=1) / math.sqrt(len(gaps))
    mean = gaps.mean()
    return {"ratio": math.exp(mean), "ratio_low": math.exp(mean - error), "ratio_high": math.exp(mean + error)}


def _orthogonal(size: int = 128) -> Yields:
    """Tell how far a momentum that is rounded once turns Muon's step and momentum's own: |difference| / |step|.

    The momentum's singular values fall from 1 to 10^-3, as those of trained layers do.
    """
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.normal(size=(size, size)))[0] for _ in range(2))
    momentum = {"w": jnp.asarray(left * np.geomspace(1, 1e-3, size) @ right, jnp.float32)}
    matrices = partial(jgd.low_bit, min_size=0, leaves=lambda path, leaf: True)
    for name, rule in (("momentum", jgd.trace(0.5)), ("muon", jgd.scale_by_muon(beta=0.5, nesterov=False))):
        exact = _second_step(rule, momentum)
        for bits, block in ((8, 256), (8, 64), (8, 16), (4, 64)):
            step = _second_step(matrices(rule, bits, block), momentum)
            change = np.linalg.norm(step - exact) / np.linalg.norm(exact)
            yield {
                "optimizer": name,
                "side": f"{bits} bits, blocks of {block}",
                "step_change_percent": float(100 * change),
            }


def _second_step(rule: Any, momentum: Any) -> np.ndarray:
    """Return the step after one that stored this momentum, along no gradient."""
    _, state = rule.update(momentum, rule.init(momentum), momentum)
    return np.asarray(rule.update(jax.tree.map(jnp.zeros_like, momentum), state, momentum)[0]["w"])


if __name__ == "__main__":
    alone(low_bit)
