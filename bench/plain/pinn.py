"""The physics-informed network by hand: a scan of Adam's steps, then optax's L-BFGS, which stops by the error."""

from typing import Any

import jax
import optax

from examples.pinn import error, init, residual


def train(start: Any = None) -> tuple[Any, list[float]]:
    """Return the parameters, and the error every fifty steps of both phases."""
    points = jax.random.uniform(jax.random.key(7), (64,))
    params = init(jax.random.key(0)) if start is None else start
    errors = []

    adam = optax.adam(optax.cosine_decay_schedule(1e-2, 500))

    def adam_step(carry: Any, _: Any) -> Any:
        params, state = carry
        value, grads = jax.value_and_grad(residual)(params, points)
        updates, state = adam.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), value

    lbfgs = optax.lbfgs()
    value_and_grad = optax.value_and_grad_from_state(lambda params: residual(params, points))

    def lbfgs_step(carry: Any, _: Any) -> Any:
        params, state = carry
        value, grads = value_and_grad(params, state=state)
        updates, state = lbfgs.update(
            grads, state, params, value=value, grad=grads, value_fn=lambda params: residual(params, points)
        )
        return (optax.apply_updates(params, updates), state), value

    for step, optimizer, steps, enough in ((adam_step, adam, 500, None), (lbfgs_step, lbfgs, 300, 1e-4)):
        segment = jax.jit(lambda carry, step=step: jax.lax.scan(step, carry, length=50))
        carry = params, optimizer.init(params)
        for number in range(50, steps + 1, 50):
            carry, losses = segment(carry)
            errors.append(float(error(carry[0])["error"]))
            print(f"step {number}: loss {losses[-1]:.3g}, error {errors[-1]:.3g}")
            if enough is not None and errors[-1] <= enough:
                break
        params = carry[0]
    return params, errors
