"""Rates that hold for every width: multipliers by a leaf's inputs and outputs (maximal update, spectral rule)."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core import InputError, Transform, part, record, static
from jgd.core.arguments import ARRAYS, TRANSFORM, Kind, admits, checked, one_of, shown
from jgd.core.cost import Cost, cost
from jgd.core.leaves import is_whole, leaf_paths
from jgd.core.matrices import MatrixAxes, cut, declared_axes, for_params, frozen_axes
from jgd.core.tree import widen
from jgd.core.types import Grads, Params, State, Updates
from jgd.core.values import each_part
from jgd.transforms.as_transform import Foreign, as_transform
from jgd.transforms.by_path import EMBEDDING, ByPath
from jgd.transforms.clip import ClipByGlobalNorm
from jgd.transforms.compose import Links, Masked, Partition
from jgd.transforms.decay import AddDecayedWeights
from jgd.transforms.grafting import Graft
from jgd.transforms.inner_transforms import inner_transforms
from jgd.transforms.matrix_axes import NO_MATRIX, every_matrix_axes
from jgd.transforms.momentum import Trace
from jgd.transforms.parameter_averages import ParameterAverage
from jgd.transforms.running_clip import Zclip
from jgd.transforms.scale import Identity, Scale, ScaleByLearningRate, ScaleBySchedule
from jgd.transforms.wrappers import ApplyIfFinite, MultiSteps

LINEAR = (AddDecayedWeights, ClipByGlobalNorm, Identity, Scale, ScaleByLearningRate, ScaleBySchedule, Trace, Zclip)
WRAPPERS = (ApplyIfFinite, ByPath, Graft, Links, Masked, MultiSteps, ParameterAverage, Partition)
KIND = Kind("be 'adam', 'sgd' or 'muon', or None to look", lambda x: x is None or admits(one_of(*KINDS), x))
KINDS = ("adam", "sgd", "muon")


class WidthState(NamedTuple):
    """The state of the optimizer."""

    opt_state: State


class ByWidth:
    """Multiply the steps of `optimizer` by a number for each leaf, of its inputs and outputs."""

    optimizer: Any
    kind: str | None
    weight_dimension_numbers: Any
    sizes: ClassVar[Any]

    def init(self, params: Params) -> State:
        """Return the optimizer's state."""
        self.rate_factors(params)  # which refuses other parameters than the base's
        return WidthState(self.optimizer.init(params))

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the optimizer's updates, multiplied."""
        updates, inner = self.optimizer.update(grads, state.opt_state, params, **extra)
        leaves, structure = jax.tree.flatten(updates)
        factors = self.rate_factors(grads if params is None else params)
        steps = [u if row is None else _times(row[0], u) for row, u in zip(factors, leaves, strict=True)]
        return structure.unflatten(steps), WidthState(inner)

    def cost(self, params: Params) -> Cost:
        """Return the optimizer's own."""
        return cost(self.optimizer, params)

    def rate_factors(self, params: Params) -> list[tuple[float, int] | None]:
        """Return for each leaf a number and its power, 1, that multiply the optimizer's rate; `None` where it is 1."""
        optimizer = for_params(self.optimizer, params)
        rules, sizes = (_rules_with(method, optimizer, params) for method in ("length", "rate_of_shape"))
        if self.kind is None and _is_opaque(self.optimizer):
            raise InputError(
                f"{type(self).__name__}(kind=None): the optimizer holds a pair of functions that does not tell its "
                "rule, such as optax's own; pass kind='adam', or 'sgd' where its steps are gradients."
            )
        kind = self.kind or ("sgd" if _is_linear(self.optimizer) else "muon" if rules else "adam")

        def numbers(model: Params) -> list[float]:
            rows = zip(leaf_paths(params), map(jnp.shape, jax.tree.leaves(model)), self._sides(model), strict=True)
            return [
                _factor(kind, rules.get(path), shape, *sides)
                / (sizes[path].rate_of_shape(shape) if path in sizes else 1)
                for path, shape, sides in rows
            ]

        base = self._base(params)
        factors = numbers(params)
        if base is not None:
            factors = [now / then for now, then in zip(factors, numbers(base), strict=True)]
        return [None if factor == 1 else (factor, 1) for factor in factors]

    def _sides(self, params: Params) -> list[tuple[int, int]]:
        """Return the inputs and outputs of each leaf."""
        declared = self.weight_dimension_numbers or every_matrix_axes
        axes = declared_axes(type(self).__name__, declared, params).of(params)
        paths, shapes = leaf_paths(params), map(jnp.shape, jax.tree.leaves(params))
        return [_sides(path, shape, x) for path, shape, x in zip(paths, shapes, axes, strict=True)]

    def _base(self, params: Params) -> Params | None:
        """Return the model that the rate was found for; `None`: one whose layers have one input and output."""
        return None


@record
class SpectralRates(ByWidth):
    """Multiply each leaf's steps by its inputs and outputs, so that layers of all widths learn at one speed.

        1 / in                  for steps whose entries do not grow with the gradient: Adam, Lion, ...
        out / in                for steps that are gradients: SGD with or without momentum
        sqrt(out / in) / s      for matrices made orthogonal, where s is the rule's own factor: Muon

    which makes the spectral norm of a step the rate times sqrt(out / in) (Yang et al. 2023, arXiv:2310.17813). A
    vector, such as a bias, has one input, and so has each row of an embedding. `kind` says which of "adam", "sgd" and
    "muon" the steps are of; by default a chain of momentum, decay, rates and clips of the global norm, wrapped or in
    groups, is "sgd", an optimizer with a matrix rule "muon", whose other leaves are Adam's, and all else "adam"; of
    optax's own transforms, which do not tell their rule, it must be given. Shampoo without grafting is "muon", its
    vectors "sgd"; with it, what it is grafted on. Rates that a rule has by shape, as SPlus does, are taken off first.
    `jgd.describe(optimizer, params)` shows what each leaf gets. Decoupled decay is multiplied like the rate.
    `weight_dimension_numbers` declares which axes are inputs and outputs, as `matrix_axes_by_path` does; by default
    they are guessed.
    """

    optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    kind: str | None = static(default=None, expect=KIND)
    weight_dimension_numbers: Any = static(default=None, convert=frozen_axes)


spectral_rates = SpectralRates


@record
class Mup(ByWidth):
    """Multiply each leaf's steps so that the best rate at the base model's width is the best at every width.

    A leaf's number is that of `spectral_rates` over that of its namesake in `base_shapes`: with r_in times the inputs
    and r_out times the outputs 1 / r_in for Adam, r_out / r_in for SGD, about sqrt(r_out / r_in) for Muon; at the
    base's own width all are 1. This is the maximal update parametrization (Yang & Hu 2021, arXiv:2011.14522; Yang et
    al. 2022, arXiv:2203.03466, table 3). What is not the optimizer's is the model's: `mup_init` makes the readout of
    fresh parameters smaller, and attention whose heads grow divides by their size and not its root. From width 64 to
    512 Adam's best rate moves by a factor of 2 for a perceptron and a transformer, and without it by 4 and 16
    (`python -m bench width`).

    `base_shapes` is the base model's parameters or their shapes, `jax.eval_shape(init, key)`, or a dict of shapes by
    path, `{"head/kernel": (64, 10)}`. For the rest see `spectral_rates`.
    """

    optimizer: Transform = part(convert=as_transform, expect=TRANSFORM)
    base_shapes: Any = static(convert=lambda tree: _BaseShapes.of(tree))
    kind: str | None = static(default=None, expect=KIND)
    weight_dimension_numbers: Any = static(default=None, convert=frozen_axes)

    def _base(self, params: Params) -> Params:
        return _base_of("Mup", self.base_shapes, params)


mup = Mup


@checked()
def mup_init(params: Params, base_shapes: Any, weight_dimension_numbers: Any = None) -> Params:
    """Scale fresh parameters of a standard initialization to those of the maximal update parametrization.

    Leaves of which only the inputs have grown since `base_shapes`, such as a head's kernel, are divided by the root of
    r_in, so that their deviation falls with the inputs and not with their root; all others are as they were.
    """
    sides = Mup(Identity(), base_shapes, "adam", weight_dimension_numbers)

    def scaled(x: Any, now: tuple[int, int], base: tuple[int, int]) -> Any:
        is_readout = now[1] == base[1] and now[0] != base[0]
        return _times(math.sqrt(base[0] / now[0]), x) if is_readout else x

    leaves, structure = jax.tree.flatten(params)
    return structure.unflatten(map(scaled, leaves, sides._sides(params), sides._sides(sides._base(params))))


class _BaseShapes(NamedTuple):
    """The shapes of a model's leaves by their paths."""

    by_path: tuple[tuple[str, tuple[int, ...]], ...]

    @classmethod
    def of(cls, tree: Any) -> "_BaseShapes":
        if isinstance(tree, cls):
            return tree
        if isinstance(tree, Mapping) and tree and all(map(_is_shape, tree.values())):
            return cls(tuple((str(path), tuple(shape)) for path, shape in tree.items()))
        if not jax.tree.leaves(tree) or not admits(ARRAYS, tree):
            raise InputError(
                f"mup(base_shapes={shown(tree)}): base_shapes must be the base model's parameters or their shapes, "
                "such as jax.eval_shape(init, key)."
            )
        return cls(tuple(zip(leaf_paths(tree), map(jnp.shape, jax.tree.leaves(tree)), strict=True)))

    def __repr__(self) -> str:
        return repr(dict(self.by_path))


def _is_shape(x: Any) -> bool:
    return isinstance(x, (tuple, list)) and all(isinstance(n, int) for n in x)


def _base_of(place: str, base: _BaseShapes, params: Params) -> Params:
    """Return the base's shapes for the leaves of `params`, in their structure."""
    known: Mapping[str, tuple[int, ...]] = dict(base.by_path)

    def one(path: str, leaf: Any) -> jax.ShapeDtypeStruct:
        shape = known.get(path)
        if shape is None or len(shape) != jnp.ndim(leaf):
            found = "is not in base_shapes" if shape is None else f"is {shape} in base_shapes"
            raise InputError(
                f"{place}: the leaf at {path or 'the root'}, of shape {jnp.shape(leaf)}, {found}; give the parameters "
                "of the same model at another width."
            )
        return jax.ShapeDtypeStruct(shape, jnp.result_type(leaf))

    leaves, structure = jax.tree.flatten(params)
    paths = leaf_paths(params)
    shapes = list(map(one, paths, leaves))
    lacking = [path for path in known if path not in paths]
    if lacking and is_whole(params):
        raise InputError(
            f"{place}: base_shapes has a leaf at {lacking[0] or 'the root'}, of shape {known[lacking[0]]}, and the "
            "parameters have none there; give the parameters of the same model at another width."
        )
    return structure.unflatten(shapes)


def _sides(path: str, shape: tuple[int, ...], axes: MatrixAxes | None) -> tuple[int, int]:
    """Return the inputs and outputs of a leaf: one input for biases and for embeddings, whose rows are looked up."""
    if EMBEDDING.search(path):
        return 1, shape[-1] if shape else 1
    if axes is None or NO_MATRIX.search(path.rpartition("/")[2]):
        return 1, math.prod(shape)
    _, rows, columns = cut(path, shape, axes).sizes
    return max(rows, 1), max(columns, 1)


def _factor(kind: str, rule: Any, shape: tuple[int, ...], rows: int, columns: int) -> float:
    """Return the factor of a leaf's rate, by the kind of its steps.

    `rule` has a `length(rows, columns)` where it acts.
    """
    if kind == "muon" and rule is not None:
        if rule.acts_on(shape):
            return math.sqrt(columns / rows) / rule.length(rows, columns)
        return columns / rows  # the gradient itself
    return (columns if kind == "sgd" else 1.0) / rows


def _rules_with(method: str, transform: Any, params: Params) -> dict[str, Any]:
    """Find the record with this method that steps each leaf, by path, with 1 for its numbers, which leaves share."""
    if hasattr(type(transform), method):
        return dict.fromkeys(leaf_paths(params), jax.tree.map(lambda _: 1.0, transform))
    found: dict[str, Any] = {}
    for inner in inner_transforms(transform, params, _parts):
        found |= _rules_with(method, inner.transform, inner.params)
    return found


def _is_linear(transform: Any) -> bool:
    """Tell whether steps are sums of gradients and parameters with fixed weights."""
    if isinstance(transform, WRAPPERS):
        return all(_is_linear(one) for _, one in _parts(transform))
    return isinstance(transform, LINEAR)


def _is_opaque(transform: Any) -> bool:
    """Tell whether a pair of functions is in it, of which nothing is known."""
    return isinstance(transform, Foreign) or any(_is_opaque(one) for _, one in _parts(transform))


def _parts(transform: Any) -> list[tuple[str, Any]]:
    """List the transforms in a record, with their paths; of a graft only the one whose steps are as long."""
    if isinstance(transform, Graft):
        return [(".magnitude", transform.magnitude)]
    return [(path, one) for path, one in each_part(transform) if isinstance(one, Transform)]


def _times(factor: float, u: Any) -> jax.Array:
    return (widen(u) * factor).astype(jnp.result_type(u))
