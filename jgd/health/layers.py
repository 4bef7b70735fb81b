"""Statistics of a model's layers: what they put out, what comes back to them, and its slope over the depth."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import logsumexp

from jgd.core.errors import InputError
from jgd.core.tree import widen
from jgd.core.types import Params, State
from jgd.health.taps import LOGITS, SQUASHING, Tap, tap_loss
from jgd.train.loop import loss_and_metrics
from jgd.train.task import Task

NEAR = 0.97  # of tanh, from where on it counts as saturated
MASKED = -9e3  # entries of attention's logits that are no larger are taken for masked


class Layer(NamedTuple):
    """Hold what one tap has shown. Arrays have an entry for each pass of the scans that it lies in, else one.

    Of attention's logits, entries below -9000 are left out, for they are masked.
    """

    tap: Tap
    mean: np.ndarray
    deviation: np.ndarray
    largest: np.ndarray  # of the moduli
    zero: np.ndarray  # share of entries
    dead: np.ndarray  # share of units that are zero on every example; 0 of products, whose zero weights have gradients
    saturated: np.ndarray  # share of entries of a tanh or a sigmoid near its ends
    alike: np.ndarray  # whether all units are alike, not zero, and get the same signal
    nonfinite: np.ndarray  # share of entries
    z_loss: np.ndarray  # mean of (log sum exp)^2 of a loss's logits
    signal: np.ndarray  # RMS of the derivative of the loss by the output


class Looked(NamedTuple):
    """Hold a loss, its gradients, and the layers in the order in which they are computed."""

    loss: float
    grads: Params
    finite: Params  # whether each leaf's gradient is finite
    layers: tuple[Layer, ...]
    logits: tuple[Layer, ...]  # that enter the softmaxes of the loss
    crossed: int = 0  # examples or their tokens, where the outputs of all meet the data of all; else 0

    def products(self) -> list[Layer]:
        """Return the layers that count for the depth."""
        return [layer for layer in self.layers if layer.tap.operation != "gather" and layer.tap.is_layer]

    def attention(self) -> list[Layer]:
        """Return the logits that enter the softmaxes of attention."""
        return [layer for layer in self.layers if layer.tap.is_attention]

    def largest_attention(self) -> Layer | None:
        """Return those of them with the largest logit; `None` without attention."""
        return max(self.attention(), key=lambda layer: np.max(layer.largest), default=None)


def look(task: Task, params: Params, model_state: State, batch: Any, key: jax.Array) -> Looked:
    """Evaluate the loss of a batch with its taps: two to three times a gradient in time, all activations in memory."""
    taps, _, crossed = tap_loss(batch_loss, params, task, model_state, batch, key)
    if all(tap.operation == LOGITS for tap in taps):
        raise InputError(
            f"{task.name or 'the task'}: the loss has no layers to look at: no product of an input with parameters and "
            "no activation; look at a model's loss, or fit a function with jgd.minimize."
        )
    loss, grads, finite, found = _look(task, params, model_state, batch, key)
    seen = [Layer(tap, **jax.tree.map(np.asarray, one)) for tap, one in zip(taps, found, strict=True)]
    layers = tuple(layer for layer in seen if layer.tap.operation != LOGITS)
    logits = tuple(layer for layer in seen if layer.tap.operation == LOGITS)
    rows = jax.tree.leaves(batch)[0].shape[0]
    of_examples = max((n for n in crossed if n % rows == 0), default=0)
    return Looked(float(loss), grads, jax.device_get(finite), layers, logits, of_examples)


def unrolled(layers: Iterable[Layer], depth: int = 0) -> Iterator[Layer]:
    """Yield the passes of scans as layers of their own, `name[pass]`, in the order in which they are computed.

    Scans of one length that follow each other, without a layer between them, are taken for one.
    """
    for length, group in itertools.groupby(layers, lambda x: x.tap.shape[depth] if depth < x.tap.stacked else 0):
        some = list(group)
        for i in range(length):
            yield from unrolled([_pass(layer, i) for layer in some], depth + 1)
        if not length:
            yield from some


def slope(layers: Iterable[Layer]) -> tuple[float, int]:
    """Fit log RMS of the signals over the depth by least squares: its slope per layer, and the number of layers.

    Positive where the signal vanishes towards the input. Layers where it is zero or not finite are left out; NaN where
    fewer than four remain.
    """
    return _fitted([float(layer.signal) for layer in unrolled(layers)])


def slope_of_parameters(layers: Iterable[Layer]) -> tuple[float, int]:
    """Fit the same over layers with parameters of their own: of one that is passed several times, the largest signal.

    As in a recurrent network, whose layer is passed at each time, and gets what it learns by from the last ones.
    """
    largest: dict[tuple[int, ...], float] = {}
    for layer in unrolled(layers):
        largest[layer.tap.weights] = max(float(layer.signal), largest.get(layer.tap.weights, 0.0))
    return _fitted(list(largest.values()))


def _fitted(each: list[float]) -> tuple[float, int]:
    signals = np.array(each)
    depth = np.flatnonzero(np.isfinite(signals) & (signals > 0))
    return (float(np.polyfit(depth, np.log(signals[depth]), 1)[0]) if len(depth) >= 4 else float("nan")), len(signals)


def _pass(layer: Layer, number: int) -> Layer:
    """Return one pass of the outermost scan that a layer lies in."""
    tap, *statistics = layer
    weights = (*tap.weights, number) if tap.own[:1] == (True,) else tap.weights
    tap = tap._replace(name=f"{tap.name}[{number}]", weights=weights, own=tap.own[1:])
    return Layer(tap, *(x[number] for x in statistics))


def batch_loss(params: Params, task: Task, model_state: State, batch: Any, key: jax.Array) -> jax.Array:
    """Return the loss of a batch alone."""
    return loss_and_metrics(task, params, model_state, batch, key)[0]


@jax.jit
def _look(task: Task, params: Params, model_state: State, batch: Any, key: jax.Array) -> Any:
    rest = (task, model_state, batch, key)
    tapped = tap_loss(batch_loss, params, *rest)

    def values(params: Params, zeros: Any) -> Any:
        return tapped.values((params, *rest), zeros)

    (loss, seen), (grads, signals) = jax.value_and_grad(values, argnums=(0, 1), has_aux=True)(params, tapped.zeros())
    found = [_statistics(tap, x, d) for tap, x, d in zip(tapped.taps, seen, signals, strict=True)]
    finite = jax.tree.map(lambda g: jnp.all(jnp.isfinite(g)), grads)
    return loss, jax.tree.map(jnp.conj, grads), finite, found


def _same(x: jax.Array, units: tuple[int, ...]) -> jax.Array:
    """Tell where all units of an example have one value."""
    return jnp.max(x, units, keepdims=True) == jnp.min(x, units, keepdims=True)


def _statistics(tap: Tap, x: jax.Array, signal: jax.Array) -> dict[str, jax.Array]:
    """Reduce a tapped value and its signal over all axes but those of scans."""
    x, signal = widen(x), widen(signal)
    rest = tuple(range(tap.stacked, x.ndim))
    examples = tuple(i for i in rest if i not in tap.units)
    shown = ~(x <= MASKED) if tap.is_attention else None
    mean, near = jnp.mean(x, rest, where=shown), jnp.zeros(())
    if tap.operation in SQUASHING:
        centred = x if tap.operation == "tanh" else 2 * x - 1
        near = jnp.abs(centred) > NEAR
    dead = jnp.all(x == 0, examples) & (not (tap.is_layer or tap.is_attention))
    several = tap.is_layer and tap.has_several_units
    alike = several & jnp.all(_same(x, tap.units) & _same(signal, tap.units), rest) & jnp.any(x != 0, rest)
    scale = jnp.maximum(jnp.max(jnp.abs(signal), rest, keepdims=True), jnp.finfo(signal.dtype).tiny)
    return {
        "mean": mean,
        "deviation": jnp.std(x, rest, where=shown),
        "largest": jnp.max(jnp.abs(x), rest, initial=0, where=shown),
        "zero": jnp.mean(x == 0, rest, where=shown),
        "dead": jnp.mean(dead, tuple(range(tap.stacked, dead.ndim))),
        "saturated": jnp.mean(near, rest) if tap.operation in SQUASHING else jnp.zeros_like(mean),
        "alike": alike,
        "nonfinite": jnp.mean(~jnp.isfinite(x), rest, where=shown),
        "z_loss": jnp.mean(logsumexp(x, tap.units, keepdims=True) ** 2, rest)
        if tap.operation == LOGITS
        else jnp.zeros_like(mean),
        "signal": jnp.sqrt(jnp.mean((signal / scale) ** 2, rest)) * jnp.squeeze(scale, rest),
    }
