"""The drop-in namespace under a training script for optax, which runs unchanged and ends where optax's does."""

import textwrap
from typing import Any

import jax
import optax

from jgd.interop import optax as dropin
from tests import problems

SCRIPT = textwrap.dedent(
    """
    import jax
    import jax.numpy as jnp


    def forward(params, x):
        for layer in params["hidden"]:
            x = jax.nn.tanh(x @ layer["w"] + layer["b"][None])
        return x @ params["head"]["w"] + params["head"]["b"][None]


    def init(key, sizes=(5, 8, 8, 3)):
        keys = jax.random.split(key, len(sizes) - 1)
        layers = [
            {"w": jax.random.normal(k, (m, n)) / m**0.5, "b": jnp.zeros((n,))}
            for k, m, n in zip(keys, sizes[:-1], sizes[1:])
        ]
        return {"hidden": layers[:-1], "head": layers[-1]}


    def loss_fn(params, batch, labels):
        logits = forward(params, batch)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, {"accuracy": jnp.mean(jnp.argmax(logits, -1) == labels)}


    steps = 24
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=0.0, peak_value=3e-2, warmup_steps=4, decay_steps=steps, end_value=1e-4
    )


    def decay_mask(params):
        return jax.tree.map(lambda p: p.ndim > 1, params)


    tx = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.multi_transform(
            {
                "body": optax.adamw(schedule, b2=0.99, weight_decay=1e-2, mask=decay_mask),
                "head": optax.chain(
                    optax.trace(decay=0.9, nesterov=True),
                    optax.add_decayed_weights(1e-3),
                    optax.scale_by_schedule(optax.join_schedules(
                        [optax.linear_schedule(0.0, 0.1, 5), optax.exponential_decay(0.1, 5, 0.7)], [5]
                    )),
                    optax.scale(-1.0),
                ),
            },
            lambda params: {"hidden": jax.tree.map(lambda _: "body", params["hidden"]),
                            "head": jax.tree.map(lambda _: "head", params["head"])},
        ),
    )
    assert isinstance(tx, optax.GradientTransformation)
    multi = optax.MultiSteps(optax.apply_if_finite(tx, max_consecutive_errors=2), every_k_schedule=2)
    tx: optax.GradientTransformation = multi.gradient_transformation()

    key = jax.random.key(0)
    x = jax.random.normal(jax.random.fold_in(key, 1), (16, 5))
    y = jnp.argmax(x @ jax.random.normal(jax.random.fold_in(key, 2), (5, 3)), -1)
    params = init(key)
    ema = params
    opt_state = tx.init(params)


    @jax.jit
    def train_step(params, ema, opt_state, batch, labels):
        (loss, aux), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, batch, labels)
        updates, opt_state = tx.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        ema = optax.incremental_update(params, ema, 0.1)
        metrics = {"loss": loss, "grad_norm": optax.tree.norm(grads), **aux}
        return params, ema, opt_state, metrics


    losses = []
    for step in range(steps):
        half = slice(0, 8) if step % 2 == 0 else slice(8, 16)
        params, ema, opt_state, metrics = train_step(params, ema, opt_state, x[half], y[half])
        losses.append(metrics["loss"])

    updated = multi.has_updated(opt_state)
    gradient_steps = opt_state.gradient_step
    sizes = optax.tree.size(params)
    """
)


def test_a_training_script_runs_unchanged(x64):
    ours: dict[str, Any] = {"optax": dropin}
    theirs: dict[str, Any] = {"optax": optax}
    for names in (ours, theirs):
        exec(SCRIPT, names)
    assert jax.tree.structure(ours["opt_state"]) == jax.tree.structure(theirs["opt_state"])
    assert int(ours["gradient_steps"]) == int(theirs["gradient_steps"]) == 12
    assert bool(ours["updated"]) is bool(theirs["updated"]) is True
    assert float(ours["losses"][-1]) < 0.6 * float(ours["losses"][0])
    # optax computes its schedules and 1 - b^t in float32 even here, which 24 steps of Adam carry on.
    for name in ("params", "ema", "losses"):
        problems.close(ours[name], theirs[name], rtol=1e-5, atol=1e-6)
