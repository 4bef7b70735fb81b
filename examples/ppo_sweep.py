"""Three lines to a sweep of PPO: a function that owns its loop, `train(hp, key) -> {"return": ...}`, over a space.

The cart-pole, the rollouts and the updates are plain JAX, so all trials under all seeds are lanes of one program.
"""

import jax
import jax.numpy as jnp

import jgd
from jgd.sweep import loguniform, uniform

ENVS, STEPS, UPDATES, ROUNDS, BATCH, GAMMA, LAMBDA, LIMIT = 8, 64, 40, 16, 128, 0.99, 0.95, 200


def network(params, env):
    """Return the log-probabilities of the two pushes, and the value."""
    out = jnp.tanh(env[:4] @ params["w1"] + params["b1"]) @ params["w2"] + params["b2"]
    return jax.nn.log_softmax(out[:2]), out[2]


def act(params, env, random):
    """Step a cart-pole (position, speed, angle, its speed, time), which begins anew when an episode ends."""
    log_p, value = network(params, env)
    action = (random[5] >= jnp.exp(log_p[0])).astype(int)
    x, v, angle, spin, time = env
    push = (20.0 * action - 10 + 0.05 * spin**2 * jnp.sin(angle)) / 1.1
    turn = (9.8 * jnp.sin(angle) - jnp.cos(angle) * push) / (0.5 * (4 / 3 - 0.1 * jnp.cos(angle) ** 2 / 1.1))
    faster = v + 0.02 * (push - 0.05 * turn * jnp.cos(angle) / 1.1)
    after = jnp.stack([x + 0.02 * v, faster, angle + 0.02 * spin, spin + 0.02 * turn, time + 1])
    done = (abs(after[0]) > 2.4) | (abs(after[2]) > 0.2095) | (after[4] >= LIMIT)
    seen = {"env": env, "action": action, "log_p": log_p[action], "value": value, "done": done, "time": after[4]}
    return jnp.where(done, (0.1 * random[:5] - 0.05).at[4].set(0), after), seen


def loss(params, batch, hp):
    log_p, value = jax.vmap(network, (None, 0))(params, batch["env"])
    ratio = jnp.exp(jnp.where(batch["action"] == 1, log_p[:, 1], log_p[:, 0]) - batch["log_p"])
    gain = (batch["gain"] - batch["gain"].mean()) / (batch["gain"].std() + 1e-8)
    policy = jnp.minimum(ratio * gain, jnp.clip(ratio, 1 - hp["clip"], 1 + hp["clip"]) * gain).mean()
    entropy = -jnp.sum(jnp.exp(log_p) * log_p, axis=1).mean()
    return 0.5 * jnp.mean((value - batch["gain"] - batch["value"]) ** 2) - policy - hp["entropy"] * entropy


def train(hp, key):
    optimizer = jgd.chain(jgd.clip_by_global_norm(0.5), jgd.adam(hp["learning_rate"]))

    def update(carry, key):
        learner, envs = carry
        random = jax.random.uniform(key, (STEPS, ENVS, 6))
        envs, seen = jax.lax.scan(lambda e, r: jax.vmap(act, (None, 0, 0))(learner[0], e, r), envs, random)

        def advantage(carry, now):
            gain = 1 - now["value"] + GAMMA * (1 - now["done"]) * (carry[1] + LAMBDA * carry[0])
            return (gain, now["value"]), gain

        def learn(carry, rows):
            batch = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[rows], seen)
            updates, state = optimizer.update(jax.grad(loss)(carry[0], batch, hp), carry[1], carry[0])
            return (jgd.apply_updates(carry[0], updates), state), None

        last = jnp.zeros(ENVS), jax.vmap(network, (None, 0))(learner[0], envs)[1]
        seen["gain"] = jax.lax.scan(advantage, last, seen, reverse=True)[1]
        rows = (STEPS * ENVS * jax.random.uniform(jax.random.fold_in(key, 1), (ROUNDS, BATCH))).astype(int)
        ended = jnp.stack([seen["done"], seen["done"] * seen["time"]]).sum((1, 2))
        return (jax.lax.scan(learn, learner, rows)[0], envs), ended

    params = {"w1": jax.random.normal(key, (4, 32)), "b1": jnp.zeros(32), "w2": jnp.zeros((32, 3)), "b2": jnp.zeros(3)}
    start = (params, optimizer.init(params)), jnp.zeros((ENVS, 5))
    ended, steps = jax.lax.scan(update, start, jax.random.split(key, UPDATES))[1][-5:].sum(0)
    return {"return": steps / jnp.maximum(ended, 1)}  # of the episodes that ended in the last five updates


if __name__ == "__main__":
    space = {"learning_rate": loguniform(1e-4, 3e-2), "clip": uniform(0.05, 0.4), "entropy": loguniform(1e-4, 0.1)}
    result = jgd.sweep.run(train, space, num_trials=8, seeds=2, metric="return", mode="max", sampler="sobol")
    print(result)
    assert result.best_value > 120
