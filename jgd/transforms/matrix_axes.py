"""The matrices among parameters, guessed from the names, shapes and neighbours that flax, equinox and others give."""

import math
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jgd.core.errors import InputError
from jgd.core.leaves import check_patterns, fits, leaf_paths
from jgd.core.matrices import MatrixAxes
from jgd.core.tree import path_names
from jgd.core.types import Params

NOT_HIDDEN = re.compile(
    r"embed|(?<![a-z])emb(?![a-z])|(?<!multi)(?<!multi_)head|logits|classifier|wte|wpe|vocab|token(?!_?mix)|readout",
    re.IGNORECASE,
)
"""Names in a leaf's path that mark embeddings and output heads; multi-head attention and token mixing are hidden."""
NO_MATRIX = re.compile(r"bias|scale|offset|gamma", re.IGNORECASE)  # a leaf's own name
NORM = re.compile(r"norm|(?<![a-z])(ln|bn|gn)(?![a-z])", re.IGNORECASE)  # the layer that holds it
OUT_FIRST = re.compile(r"(?<![a-z])weight(?![a-z])")  # equinox and torch keep (out, in); flax and haiku (in, out)
CONV = re.compile(r"conv", re.IGNORECASE)
TRANSPOSED = re.compile(r"transpose|deconv|upconv", re.IGNORECASE)
QUERY = re.compile(r"(to_|w|linear_)?(query|key|value|q|k|v)(_proj\w*|_dense|_layer)?(_\d+)?")
OUT = re.compile(r"(to_|w|linear_)?(out|output|o|proj)(_proj\w*|_dense|_layer)?(_\d+)?")
READOUT = re.compile(r"(\w+_)?(out|output|final|last)(_proj\w*|_dense|_layer)?|predict\w*", re.IGNORECASE)
NUMBERED = re.compile(r"(dense|linear|lin|fc|layers?)?[_/]?(\d*)", re.IGNORECASE)  # the layers of a plain network


def matrix_axes(params: Params) -> Any:
    """Guess the axes of every hidden matrix: a tree of `MatrixAxes`, with `None` for what is none.

    Known are Dense, DenseGeneral, attention and Conv of flax, linen and nnx; Linear, Conv and MultiheadAttention of
    equinox; haiku's `w`; torch's `weight`; and any leaf of rank 2. A bias beside a kernel tells its outputs, and a
    leading axis of stacked layers that both have. None are biases, norms, embeddings and readouts: by their names; by
    having the vocabulary's size where an embedding has it; or as the last of the numbered layers of a network. Where
    nothing speaks for a guess, a leaf of rank 3 or more is no matrix. `jgd.describe` shows the choice.
    """
    return _guessed(params, hidden=True)


def every_matrix_axes(params: Params) -> Any:
    """Name the axes of every leaf that can be a matrix, embeddings and heads as well: as guessed, or the last two."""
    return _guessed(params, hidden=False)


def matrix_axes_by_path(patterns: Mapping[str, Any] | None = None, *, stacked: str | None = None) -> "MatrixAxesByPath":
    """Declare axes by regular expressions that are searched in the leaves' paths, such as `block_0/attn/query/kernel`.

    The first pattern that fits a leaf decides: `MatrixAxes(inputs, outputs)`, or "adam" for what is no matrix. Axes in
    neither are a batch: `MatrixAxes(0, 2)` makes a matrix of each head of f[64, 4, 16], and
    `SplitAxes(0, 1, (64, 16, 16))` of each of queries, keys and values that are fused. Where none fits, `matrix_axes`
    guesses. Leaves whose path fits `stacked` have a leading axis of layers, from `scan` or `vmap`, and are guessed
    without it: `matrix_axes_by_path({"lora": "adam"}, stacked="layers")`.
    """
    if patterns is not None and not isinstance(patterns, Mapping):
        raise InputError(
            f"matrix_axes_by_path(patterns={patterns!r}): patterns must be a dictionary of axes by regular expression, "
            "such as {'query/kernel': MatrixAxes(0, (1, 2))}."
        )
    return MatrixAxesByPath(tuple((patterns or {}).items()), stacked)


@dataclass(frozen=True)
class MatrixAxesByPath:
    """A function of the parameters that `matrix_axes_by_path` makes."""

    patterns: tuple[tuple[str, Any], ...] = ()
    stacked: str | None = None

    def __post_init__(self) -> None:
        for pattern, axes in self.patterns:
            if not (axes is None or axes == "adam" or hasattr(axes, "reduction_axis")):
                raise InputError(
                    f"matrix_axes_by_path({{{pattern!r}: {axes!r}}}): expected MatrixAxes(inputs, outputs), or 'adam' "
                    "for what is no matrix."
                )

    def __call__(self, params: Params) -> Any:
        """Return a tree of `MatrixAxes` and `None`."""
        paths = leaf_paths(params)
        patterns = (*dict(self.patterns), *([self.stacked] if self.stacked else []))
        check_patterns("matrix_axes_by_path", patterns, params)
        structure = jax.tree.structure(params)
        stacked = [bool(self.stacked and fits(self.stacked, path)) for path in paths]
        guess = _guesses(params, hidden=True, stacked=stacked)
        return jax.tree.unflatten(structure, [self._chosen(*row) for row in zip(paths, guess, strict=True)])

    def __repr__(self) -> str:
        return f"matrix_axes_by_path({dict(self.patterns)!r}, stacked={self.stacked!r})"

    def _chosen(self, path: str, guess: MatrixAxes | None) -> Any:
        for pattern, axes in self.patterns:
            if fits(pattern, path):
                return None if axes == "adam" else axes
        return guess


class _Leaf(NamedTuple):
    """A leaf as its neighbours show it.

    names     Along its path.
    layers    Those without its own, from where the paths of the tree first part.
    is_bias   Whether it stands beside a kernel as its bias.
    bias      The shape of the bias beside it, if any.
    beside    The names beside its layer.
    """

    names: tuple[str, ...]
    layers: tuple[str, ...]
    shape: tuple[int, ...]
    is_bias: bool
    bias: tuple[int, ...] | None
    beside: frozenset[str]

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""

    @property
    def layer(self) -> str:
        return self.names[-2] if len(self.names) > 1 else ""


def _guessed(params: Params, *, hidden: bool) -> Any:
    return jax.tree.unflatten(jax.tree.structure(params), _guesses(params, hidden=hidden))


def _guesses(params: Params, *, hidden: bool, stacked: list[bool] | None = None) -> list[MatrixAxes | None]:
    """Return the guess for each leaf; `stacked` says which have a leading axis of layers."""
    rows = jax.tree_util.tree_leaves_with_path(params)
    deep = [False] * len(rows) if stacked is None else stacked
    leaves = _leaves([(path_names(path), jnp.shape(leaf)) for path, leaf in rows], deep)
    guesses = [_guess(leaf) for leaf in leaves]
    if not hidden:
        last = MatrixAxes(-2, -1)
        return [axes or (last if len(leaf.shape) > 1 else None) for leaf, axes in zip(leaves, guesses, strict=True)]
    readouts = _readouts(leaves, guesses)
    hidden_ones = [
        None if i in readouts or NOT_HIDDEN.search("/".join(leaf.names)) else axes
        for i, (leaf, axes) in enumerate(zip(leaves, guesses, strict=True))
    ]
    return [_behind_layers(axes) if axes and behind else axes for axes, behind in zip(hidden_ones, deep, strict=True)]


def _behind_layers(axes: MatrixAxes) -> MatrixAxes:
    """Return the same axes of an array with one more before them."""
    inputs, outputs = (np.atleast_1d(group) + 1 for group in axes)
    return MatrixAxes(tuple(inputs.tolist()), tuple(outputs.tolist()))


def _leaves(rows: list[tuple[tuple[str, ...], tuple[int, ...]]], stacked: list[bool]) -> list[_Leaf]:
    """Return the leaves with their neighbours."""
    shapes = {names: shape[1:] if deep else shape for (names, shape), deep in zip(rows, stacked, strict=True)}
    above: dict[tuple[str, ...], set[str]] = {}
    for names in shapes:
        for end in range(len(names)):
            above.setdefault(names[:end], set()).add(names[end])
    start = 0
    while shapes and all(len(names) > start + 2 for names in shapes) and len({names[start] for names in shapes}) == 1:
        start += 1
    biases = {names: _bias(shapes, names) for names in shapes}
    known = set(biases.values())
    return [
        _Leaf(
            names,
            names[start:-1],
            shapes[names],
            names in known,
            None if (bias := biases[names]) is None else shapes[bias],
            frozenset(above.get(names[:-2], ())),
        )
        for names, _ in rows
    ]


def _bias(known: Container[tuple[str, ...]], names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Find a kernel's bias, if any: `b1` for `w1`, `bias` for `kernel`, `in_proj_bias` for `in_proj_weight`."""
    *layer, name = names or ("",)
    if re.search("kernel|weight", name):
        candidates = [re.sub("kernel|weight", "bias", name), "bias"]
    else:
        candidates = [re.sub("^[wW]", "b", name)] if re.match("[wW]", name) else []
    return next(((*layer, c) for c in candidates if (*layer, c) in known), None)


def _guess(leaf: _Leaf) -> MatrixAxes | None:
    """Return the axes of one leaf, were it hidden."""
    rank, out_first = len(leaf.shape), bool(OUT_FIRST.search(leaf.name))
    if rank < 2 or leaf.is_bias or leaf.bias == leaf.shape or NO_MATRIX.search(leaf.name) or NORM.search(leaf.layer):
        return None
    axes = None if leaf.bias is None else (_out_first if out_first else _out_last)(leaf)
    if axes is not None or (rank > 2 and leaf.bias is not None):
        return axes
    if rank == 2:
        return MatrixAxes((1,), (0,)) if out_first else MatrixAxes((0,), (1,))
    return _without_bias(leaf, out_first)


def _out_last(leaf: _Leaf) -> MatrixAxes | None:
    """Return the axes of a kernel (in..., out...) by its bias (out...), or of layers of both."""
    shape = leaf.shape
    bias = tuple(leaf.bias or ())
    rank, width = len(shape), len(bias)
    found = []
    if 0 < width < rank and shape[rank - width :] == bias:
        found.append(MatrixAxes(tuple(range(rank - width)), tuple(range(rank - width, rank))))
        if QUERY.fullmatch(leaf.layer):
            return found[0]
    if 1 < width < rank and shape[0] == bias[0] and shape[rank - width + 1 :] == bias[1:]:
        found.append(MatrixAxes(tuple(range(1, rank - width + 1)), tuple(range(rank - width + 1, rank))))
    if not found and width == 1 and shape[-2] == bias[0]:  # transposed convolutions
        found.append(MatrixAxes((*range(rank - 2), rank - 1), (rank - 2,)))
    return found[0] if len(found) == 1 else None


def _out_first(leaf: _Leaf) -> MatrixAxes | None:
    """Return the axes of a weight (out, in, ...) by its bias (out,), (out, 1, ...) or that of layers of both."""
    shape = leaf.shape
    bias = tuple(leaf.bias or ())
    rank = len(shape)
    # A stack of linear layers with one output each has such shapes too.
    if 1 < len(bias) == rank - 1 and math.prod(bias[1:]) == 1 and (shape[1] > 1 or CONV.search(leaf.layer)):
        bias = bias[:1]
    if len(bias) == 1 and bias[0] in shape[:2]:
        outputs = shape.index(bias[0])
        return MatrixAxes(tuple(axis for axis in range(rank) if axis != outputs), (outputs,))
    if len(bias) > 1 and rank > 2 and bias[:2] == shape[:2] and math.prod(bias[2:]) == 1 and bias[1] > 1:
        return MatrixAxes(tuple(range(2, rank)), (1,))
    return None


def _without_bias(leaf: _Leaf, out_first: bool) -> MatrixAxes | None:
    """Return the axes of a leaf of rank 3 or more that only its names tell: flax's attention, and convolutions."""
    rank = len(leaf.shape)
    if CONV.search(leaf.layer) and not (out_first and TRANSPOSED.search(leaf.layer)):
        return MatrixAxes(tuple(range(1, rank)), (0,)) if out_first else MatrixAxes(tuple(range(rank - 1)), (rank - 1,))
    if leaf.name == "kernel" and rank == 3:
        if QUERY.fullmatch(leaf.layer):
            return MatrixAxes((0,), (1, 2))
        if OUT.fullmatch(leaf.layer) and any(map(QUERY.fullmatch, leaf.beside)):
            return MatrixAxes((0, 1), (2,))
    return None


def _readouts(leaves: list[_Leaf], guesses: list[MatrixAxes | None]) -> set[int]:
    """Find the leaves that names, shapes and neighbours tell to be a readout, among the layers at the tree's root."""
    numbered: dict[str, list[tuple[int, int]]] = {}
    found, sized = set(), []
    tables = {leaf.shape for leaf in leaves if re.search("embed", "/".join(leaf.names), re.IGNORECASE)}
    sizes = {shape for shape in tables | {shape[::-1] for shape in tables} if len(set(shape)) == 2}
    hidden = [
        axes is not None and not NOT_HIDDEN.search("/".join(x.names)) for x, axes in zip(leaves, guesses, strict=True)
    ]
    for i, leaf in enumerate(leaves):
        layers = leaf.layers
        if not hidden[i] or len(leaf.shape) != 2 or not layers or sum(hidden) == 1:
            continue
        layer = NUMBERED.fullmatch("/".join(layers))
        if layer:
            numbered.setdefault((layer[1] or "").lower(), []).append((int(layer[2] or 0), i))
        if len(layers) == 1 and READOUT.fullmatch(layers[0]) and not any(map(QUERY.fullmatch, leaf.beside)):
            found.add(i)
        if len(layers) == 1 and leaf.shape in sizes:
            sized.append(i)
    return found | {max(rows)[1] for rows in numbered.values()} | set(sized if len(sized) == 1 else ())
