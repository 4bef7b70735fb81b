"""The forms of laws, and their fits to the logarithms of what studies have found, all samples at once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jgd.solvers.curve_fit import curve_fit

FLOORS = (0.02, 0.5, 0.9)  # of the least loss, from which fits begin
POWERS = (0.3, 1.0)
USUAL, WEIGHT = 0.5, 0.003  # a power, and how much its log counts beside that of a loss: what data do not determine


def number_laws(x: np.ndarray, best: np.ndarray) -> np.ndarray:
    """The coefficients of lines through logs of numbers f[samples, studies, names], f[samples, names, 1 + sizes]."""
    centre, start = x.mean(axis=0), jnp.zeros(1 + x.shape[1])

    def one(y: jax.Array) -> Any:
        return curve_fit(_line, jnp.asarray(x - centre), y, start).params

    ys = np.moveaxis(best, 2, 1)
    found = np.asarray(jax.jit(jax.vmap(jax.vmap(one)))(jnp.asarray(ys, jnp.float32)), float)
    found[..., 0] -= found[..., 1:] @ centre
    return found


def loss_laws(x: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The parameters of the loss's law for each sample, f[samples, 1 + 2 sizes], the floor -inf where none is."""
    centre, count = x.mean(axis=0), x.shape[1]
    has_floor = len(x) >= 2 * count + 2
    middle, least = losses[0].mean(), losses[0].min()
    starts = []
    for share in FLOORS if has_floor else FLOORS[:1]:
        rest = np.log(np.maximum(np.exp(middle) - share * np.exp(least), 1e-3 * np.exp(middle)) / count)
        for power in POWERS:
            start = {"factors": jnp.full(count, rest), "powers": jnp.full(count, np.log(power))}
            starts.append(start | ({"floor": jnp.asarray(least + np.log(share))} if has_floor else {}))
    every = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(one, jnp.float32) for one in leaves]), *starts)
    at, prior = jnp.asarray(x - centre, jnp.float32), jnp.full(count, WEIGHT * np.log(USUAL), jnp.float32)

    def one(y: jax.Array, start: Any) -> Any:
        wanted = jnp.concatenate([y, prior])
        params = curve_fit(_loss_and_prior, at, wanted, start).params
        return params, jnp.sum((_loss_and_prior(at, params) - wanted) ** 2)

    fit_all = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))
    found, misses = jax.tree.map(lambda p: np.asarray(p, float), fit_all(jnp.asarray(losses, jnp.float32), every))
    rows, chosen = np.arange(len(losses)), np.argmin(np.where(np.isfinite(misses), misses, np.inf), axis=1)
    found = {name: leaf[rows, chosen] for name, leaf in found.items()}
    factors = found["factors"] + np.exp(found["powers"]) * centre
    floor = found["floor"][:, None] if "floor" in found else np.full((len(losses), 1), -np.inf)
    return np.concatenate([floor, factors, found["powers"]], axis=1)


def loss_logs(x: np.ndarray, params: np.ndarray) -> np.ndarray:
    """Logs of the losses of the law at logs of sizes f[samples or 1, points, sizes], f[samples, points]."""
    count = x.shape[-1]
    floor, factors, powers = params[:, :1], params[:, None, 1 : 1 + count], np.exp(params[:, None, 1 + count :])
    return np.log(np.exp(floor) + np.sum(np.exp(factors - powers * x), axis=-1))


def _line(x: jax.Array, params: jax.Array) -> jax.Array:
    return params[0] + x @ params[1:]


def _loss_and_prior(x: jax.Array, params: dict[str, jax.Array]) -> jax.Array:
    """The loss's law in the form that is fitted: sizes over their means, and the logs of powers, of little weight."""
    terms = params["factors"][None] - jnp.exp(params["powers"])[None] * x
    floor = [jnp.broadcast_to(params["floor"], x.shape[:1])[:, None]] if "floor" in params else []
    law = jax.nn.logsumexp(jnp.concatenate([terms, *floor], axis=1), axis=1)
    return jnp.concatenate([law, WEIGHT * params["powers"]])
