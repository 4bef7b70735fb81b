"""Estimates of curvature, for every optimizer that uses one: of the Hessian's diagonal, of Gauss-Newton and Fisher."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core import InputError, record, static
from jgd.core.arguments import one_of
from jgd.core.errors import CallError
from jgd.core.frozen import first_key, frozen_key, split_key
from jgd.core.leaves import PARTS, check_real, is_whole
from jgd.core.outline import shown
from jgd.core.pair import Pair
from jgd.core.tree import cast_like, check_extra, check_fits, check_inexact, check_params, widen
from jgd.core.types import Grads, Params, State, Updates

Outputs = Any  # a tree of arrays whose first axis counts the examples
Product = Callable[[Params], Params]


@record
class HutchinsonEstimatorDiagHessian(Pair):
    """Estimate the Hessian's diagonal by a product with random signs.

    u = r (H r), whose mean over random signs r is the diagonal of the Hessian H (Hutchinson 1989).

    `update` takes no notice of the gradients and needs the objective, a function of the parameters alone, as `obj_fn`,
    or as `value_fn`, which `jgd.fit` and `jgd.minimize` pass. It costs about two gradients. `random_seed` is a seed, or
    a random key that is known before compilation; 0 unless given. State: the key's data.
    """

    random_seed: Any = static(default=None, convert=frozen_key)
    called = "hutchinson_estimator_diag_hessian"

    def init(self, params: Params) -> State:
        """Return the first key."""
        return optax.contrib.HutchinsonState(first_key(self.random_seed))

    def update(
        self,
        grads: Grads,
        state: State,
        params: Params = None,
        *,
        obj_fn: Callable[[Params], Any] | None = None,
        value_fn: Callable[[Params], Any] | None = None,
        **extra: Any,
    ) -> tuple[Updates, State]:
        """Return an estimate of the Hessian's diagonal."""
        place = "HutchinsonEstimatorDiagHessian.update"
        kept, (key,) = split_key(self.random_seed, state.key)
        check_params(place, params)
        fn: Any = value_fn if obj_fn is None else obj_fn
        check_extra(place, "obj_fn", fn)
        check_inexact(place, params)
        check_fits(place, grads, params)
        if not is_whole(params):
            raise InputError(
                f"{place}: a mask hides some of the parameters, without which obj_fn has no value; put no mask around "
                "it."
            )
        leaves, structure = jax.tree.flatten(params)
        keys = jax.random.split(key, max(len(leaves), 1))
        signs = [
            jax.random.rademacher(k, jnp.shape(p), jnp.float32).astype(jnp.result_type(p))
            for k, p in zip(keys, leaves, strict=False)
        ]
        products = jax.jvp(jax.grad(fn), (params,), (structure.unflatten(signs),))[1]
        return jax.tree.map(jnp.multiply, products, structure.unflatten(signs)), optax.contrib.HutchinsonState(kept)


hutchinson_estimator_diag_hessian = HutchinsonEstimatorDiagHessian


class Family(NamedTuple):
    """A distribution of the targets whose natural parameters are a model's outputs."""

    log_partition: Callable[[jax.Array], jax.Array]  # its second derivative is the Fisher matrix of the outputs
    score: Callable[[jax.Array, jax.Array], jax.Array]  # (key, z): the slope of -log p at targets drawn from the model


FAMILIES = {
    "categorical": Family(
        lambda z: jnp.sum(jax.nn.logsumexp(z, -1)),
        lambda key, z: jax.nn.softmax(z) - jax.nn.one_hot(jax.random.categorical(key, z), z.shape[-1], dtype=z.dtype),
    ),
    "bernoulli": Family(
        lambda z: jnp.sum(jax.nn.softplus(z)),
        lambda key, z: jax.nn.sigmoid(z) - jax.random.bernoulli(key, jax.nn.sigmoid(z)).astype(z.dtype),
    ),
    "normal": Family(
        lambda z: jnp.sum(z**2) / 2,
        lambda key, z: jax.random.normal(key, z.shape, jnp.float32).astype(z.dtype),
    ),
}
"""Of logits along the last axis; of a logit in each entry; of a mean in each entry, with variance 1."""
FAMILY = one_of(*FAMILIES)


@record
class GaussNewtonBartlettEstimator(Pair):
    """Estimate the diagonal of the Gauss-Newton matrix from drawn targets.

    u = n g^2, g the gradient of the mean of -log p at n targets drawn from the model (Liu et al. 2023, Alg. 2).

    Its mean is the diagonal of the model's Fisher matrix, which for cross-entropy and squared errors is Gauss-Newton's
    (arXiv:2305.14342). `family` is the targets': "categorical", the outputs being logits along the last axis,
    "bernoulli", a logit in each entry, or "normal", a mean in each entry. `update` takes no notice of the gradients
    and needs the model as `outputs_fn`, a function of the parameters alone, which `jgd.fit` passes where the task's
    loss is a `jgd.loss_of_outputs`. It costs about a gradient. State: the key's data.
    """

    family: str = static(default="categorical", expect=FAMILY)
    random_seed: Any = static(default=None, convert=frozen_key)

    def init(self, params: Params) -> State:
        """Return the first key."""
        return optax.contrib.HutchinsonState(first_key(self.random_seed))

    def update(
        self, grads: Grads, state: State, params: Params = None, *, outputs_fn: Any = None, **extra: Any
    ) -> tuple[Updates, State]:
        """Return an estimate of the diagonal."""
        kept, (key,) = split_key(self.random_seed, state.key)
        model = model_at("GaussNewtonBartlettEstimator.update", grads, params, outputs_fn)
        leaves, structure = jax.tree.flatten(model.outputs)
        keys = jax.random.split(key, max(len(leaves), 1))
        score = FAMILIES[self.family].score
        scores = structure.unflatten([score(k, z) for k, z in zip(keys, leaves, strict=False)])
        count = targets(self.family, model.outputs)
        # The pull of the scores is n times the gradient of the mean.
        diagonal = jax.tree.map(lambda g: widen(g) ** 2 / count, model.pull(scores))
        return cast_like(diagonal, params), optax.contrib.HutchinsonState(kept)


gauss_newton_bartlett_estimator = GaussNewtonBartlettEstimator


class ModelAt(NamedTuple):
    """A model's outputs at some parameters, z(p), and its Jacobian J there as two linear maps, found once."""

    outputs: Outputs
    push: Callable[[Params], Outputs]  # v -> J v
    pull: Callable[[Outputs], Params]  # w -> J' w

    def product(self, metric: Callable[[Outputs], Outputs]) -> Product:
        """Return the map v -> J' M J v, where `metric` is w -> M w."""
        return lambda v: self.pull(metric(self.push(v)))


def model_at(place: str, grads: Grads, params: Params, outputs_fn: Any) -> ModelAt:
    """Return the outputs and the Jacobian, or refuse with what is missing."""
    check_params(place, params)
    if outputs_fn is None:
        raise CallError(
            f"{place}: outputs_fn is missing, the model's outputs as a function of the parameters; write the task's "
            "loss as jgd.loss_of_outputs(outputs, loss), or call update(grads, state, params, outputs_fn=..., "
            "loss_fn=...)."
        )
    check_fits(place, grads, params)
    check_inexact(place, params)
    if not is_whole(params):
        raise InputError(
            f"{place}: a mask hides some of the parameters, without which outputs_fn has no value; put no mask around "
            "it."
        )
    check_real(place, params, "its products with a curvature are of real vectors", PARTS)
    outputs, push = jax.linearize(outputs_fn, params)
    if len({jnp.shape(z)[:1] or None for z in jax.tree.leaves(outputs)} | {None}) != 2:
        raise InputError(
            f"{place}: outputs_fn must return arrays with one first axis, that of the examples, not {shown(outputs)}; "
            "such as logits, f[batch, classes]."
        )
    back = jax.linear_transpose(push, params)
    return ModelAt(outputs, lambda v: push(cast_like(v, params)), lambda w: back(cast_like(w, outputs))[0])


def loss_metric(loss_fn: Callable[[Outputs], jax.Array], outputs: Outputs) -> Callable[[Outputs], Outputs]:
    """Take the Hessian of the loss of the outputs, Gauss-Newton's metric."""
    return jax.linearize(jax.grad(loss_fn), outputs)[1]


def family_metric(family: str, outputs: Outputs) -> Callable[[Outputs], Outputs]:
    """Take the mean Fisher matrix of the outputs, if the targets are distributed as the model says."""
    count = targets(family, outputs)

    def total(z: Outputs) -> jax.Array:
        return sum(map(FAMILIES[family].log_partition, jax.tree.leaves(z)), start=jnp.zeros(())) / count

    return jax.linearize(jax.grad(total), outputs)[1]


def empirical_metric(slope: Outputs) -> Callable[[Outputs], Outputs]:
    """Take the mean of r r', where r is an example's slope of its own loss; `slope` is that of their mean."""
    count = max(jax.tree.leaves(slope)[0].shape[0], 1)

    def over_examples(r: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.sum(widen(r) * widen(w), axis=tuple(range(1, r.ndim)))

    def metric(w: Outputs) -> Outputs:
        inner = count * sum(jax.tree.leaves(jax.tree.map(over_examples, slope, w)))
        return jax.tree.map(lambda r: inner.reshape(-1, *[1] * (r.ndim - 1)) * r, slope)

    return metric


def squared_gradients(key: jax.Array, model: ModelAt, slope: Outputs) -> Params:
    """Estimate the mean square of the examples' gradients: one product, with a random sign for each."""
    count = max(jax.tree.leaves(slope)[0].shape[0], 1)
    signs = jax.random.rademacher(key, (count,), jnp.float32)
    signed = jax.tree.map(lambda r: signs.reshape(-1, *[1] * (r.ndim - 1)) * r, slope)
    return jax.tree.map(lambda g: count * widen(g) ** 2, model.pull(signed))


def targets(family: str, outputs: Outputs) -> int:
    """Count the targets that the outputs are for: every index but the last axis', or those of the first axis."""
    z = jax.tree.leaves(outputs)[0]
    return max(z.size // z.shape[-1] if family == "categorical" else z.shape[0], 1)
