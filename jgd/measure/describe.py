"""The treatment of each parameter by an optimizer: part and rule, matrices, rates and the bytes of its state."""

import dataclasses
import itertools
import numbers
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from jgd.core import Function, MatrixRule
from jgd.core.arguments import checked
from jgd.core.block_rule import BlockRule
from jgd.core.errors import InputError
from jgd.core.leaves import leaf_flags
from jgd.core.matrices import for_params
from jgd.core.quantized import is_quantized
from jgd.core.tree import path_names, tree_bytes
from jgd.core.types import Params, State
from jgd.measure.units import bytes_text
from jgd.pages.text import plain_table
from jgd.transforms import (
    AddDecayedWeights,
    ByPath,
    Chain,
    Foreign,
    FreezeUntil,
    Identity,
    LowBit,
    Masked,
    NamedChain,
    Partition,
    ScaleByLearningRate,
    ScaleThenDecay,
    ScaleWithCorrectedDecay,
    SetToZero,
    as_transform,
)
from jgd.transforms.inner_transforms import inner_transforms

ARROW = " > "
LONG = 40  # characters of a rate or a decay that stands below the table
_RATE_AND_DECAY = (ScaleThenDecay, ScaleWithCorrectedDecay)
HEAD = ("parameter", "shape", "dtype", "part", "rule", "matrices", "learning rate", "weight decay", "state")


@dataclass(frozen=True)
class Leaf:
    """Hold what an optimizer does to one parameter.

    path            Names with slashes, as patterns over paths see them.
    shape, dtype    Of the parameter.
    part            The labels of the partitions that it passes, as in `muon`; empty without one.
    rule            The transforms that act on it but for rates and decay, in their order; empty where none does.
    matrices        How the rule cuts it: `64 x (4·16)`, inputs by outputs, or `2 of 64 x (5000)`, blocks with in
                    brackets the sides that have no preconditioner of their own; empty where it does not.
    learning_rate   As written down: a number, or a schedule; empty where there is none to read.
    weight_decay    The same; a mask that leaves the parameter out leaves it empty.
    state_bytes     Of the arrays of the state that stand at the parameter's path.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    part: str = ""
    rule: str = ""
    matrices: str = ""
    learning_rate: str = ""
    weight_decay: str = ""
    state_bytes: int = 0

    def cells(self) -> tuple[str, ...]:
        """Return the row of the printed table."""
        shape = " x ".join(map(str, self.shape)) or "scalar"
        texts = (self.part, self.rule, self.matrices, self.learning_rate, self.weight_decay)
        return (self.path, shape, self.dtype, *(text or "-" for text in texts), bytes_text(self.state_bytes))


@dataclass(frozen=True)
class Description:
    """One row for each parameter, and the bytes of the state that belong to none, such as counters; prints a table."""

    rows: tuple[Leaf, ...]
    parameter_bytes: int
    other_bytes: int
    around: str = ""  # the wrappers that the rules of all rows begin with

    @property
    def state_bytes(self) -> int:
        """Bytes of the whole state."""
        return self.other_bytes + sum(row.state_bytes for row in self.rows)

    def __str__(self) -> str:
        rows = [dataclasses.replace(row, rule=row.rule[len(self.around) :]) for row in self.rows]
        table, legend = _short([row.cells() for row in rows])
        shown = [i for i in range(len(HEAD)) if i in (0, 1, 8) or any(cells[i] != "-" for cells in table)]
        narrow = [[cells[i] for i in shown] for cells in table]
        sizes = (self.parameter_bytes, self.state_bytes, self.other_bytes)
        parameters, state, other = map(bytes_text, sizes)
        leaves = f"{len(self.rows)} {'leaf' if len(self.rows) == 1 else 'leaves'}"
        total = f"{leaves}: {parameters} of parameters, {state} of state, {other} of it in counters and the like"
        above = f"around all: {self.around.removesuffix(ARROW)}\n" if self.around else ""
        return f"{above}{plain_table([HEAD[i] for i in shown], narrow, left=len(shown) - 1)}\n{legend}{total}"

    __repr__ = __str__


def _short(table: list[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], str]:
    """Put (1), (2), ... in the place of long cells, such as a schedule with all its numbers; a line tells each."""
    long = dict.fromkeys(cell for row in table for cell in row[6:8] if len(cell) > LONG)
    numbers = {cell: f"({i})" for i, cell in enumerate(long, start=1)}
    legend = "".join(f"{number} {cell}\n" for cell, number in numbers.items())
    return [tuple(numbers.get(cell, cell) for cell in row) for row in table], legend


@checked()
def describe(optimizer: Any, params: Params) -> Description:
    """Tell what an optimizer does to each parameter: `print(jgd.describe(jgd.muon(0.02), params))`.

    `params` are arrays or their shapes; nothing is computed. Each row has the label that `partition` or `muon` gives
    the leaf, the rules that act on it, how they cut it into matrices, its learning rate and weight decay where they
    can be read, and the bytes of its state. optax's own transforms are opaque: only their name and state are told.
    """
    if callable(getattr(params, "init", None)):
        kind = type(params).__name__
        raise InputError(f"describe(params={kind}(...)): expected parameters; give those of its init(key).")
    transform = as_transform(optimizer)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(x)), params)
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(shapes)]
    found = {path: _Found() for path in paths}
    _note(for_params(transform, shapes), shapes, found)
    bytes_of, other = _state_bytes(jax.eval_shape(transform.init, shapes), shapes)
    rows = [
        Leaf(
            "/".join(path_names(path)) or "the root",
            leaf.shape,
            leaf.dtype.name,
            ARROW.join(found[path].parts),
            ARROW.join(found[path].rules),
            ARROW.join(found[path].matrices),
            " * ".join(found[path].rates),
            " + ".join(found[path].decays),
            bytes_of.get(path, 0),
        )
        for path, leaf in zip(paths, jax.tree.leaves(shapes), strict=True)
    ]
    return Description(tuple(rows), tree_bytes(shapes), other, _around(list(found.values())))


@dataclass
class _Found:
    """Hold what the walk has found for one parameter."""

    parts: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    matrices: list[str] = field(default_factory=list)
    rates: list[str] = field(default_factory=list)
    decays: list[str] = field(default_factory=list)
    wrappers: int = 0  # with how many its rules begin

    def add_rule(self, name: str, *, is_wrapper: bool) -> None:
        """Add a rule, one that holds others or not."""
        self.wrappers += is_wrapper and self.wrappers == len(self.rules)
        self.rules.append(name)


def _around(leaves: list[_Found]) -> str:
    """Return the wrappers with which the rules of several leaves all begin; each leaf keeps a rule of its own."""
    if len(leaves) < 2:
        return ""
    rules = [leaf.rules[: min(leaf.wrappers, len(leaf.rules) - 1)] for leaf in leaves]
    same = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*rules, strict=False))
    return "".join(column[0] + ARROW for column in same)


def _note(transform: Any, params: Params, found: dict[Any, _Found]) -> None:
    """Note what `transform` does to the leaves of `params`, which masks have thinned out."""
    here = [found[path] for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    inner = inner_transforms(transform, params)
    if isinstance(transform, ByPath):
        for leaf, label in zip(here, transform.labels(params), strict=True):
            leaf.parts.append(label)
    elif not isinstance(transform, (Masked, Partition, Chain, NamedChain, Identity)):
        _note_rule(transform, params, here, is_wrapper=bool(inner))
    for one in inner:
        if isinstance(transform, Partition):
            for path, _ in jax.tree_util.tree_leaves_with_path(one.params):
                found[path].parts.append(str(one.label))
        _note(one.transform, one.params, found)
    if hasattr(transform, "rate_factors"):
        _note_factors(transform, params, here)


def _note_rule(transform: Any, params: Params, here: list[_Found], *, is_wrapper: bool) -> None:
    """Note a rule's rates and decays, its name and its matrices, for the leaves that it acts on."""
    if hasattr(transform, "learning_rate"):
        for leaf in here:
            leaf.rates.append(_rate(transform.learning_rate))
    if hasattr(transform, "weight_decay"):
        decays = leaf_flags(getattr(transform, "mask", None), params)
        for leaf, keep in zip(here, jax.tree.leaves(decays), strict=True):
            leaf.decays += [_rate(transform.weight_decay)] * keep
    if not isinstance(transform, (ScaleByLearningRate, *_RATE_AND_DECAY, AddDecayedWeights)):
        held = leaf_flags(transform.mask if isinstance(transform, FreezeUntil) else None, params)
        formats = transform.formats(params) if isinstance(transform, LowBit) else [""] * len(here)
        for leaf, flag, kept in zip(here, jax.tree.leaves(held), formats, strict=True):
            if flag:
                leaf.add_rule(f"{_name(transform)} ({kept})" if kept else _name(transform), is_wrapper=is_wrapper)
    if isinstance(transform, (MatrixRule, BlockRule)):
        for leaf, one in zip(here, transform.cuts(params), strict=True):
            leaf.matrices += [str(one)] * bool(one)


def _note_factors(transform: Any, params: Params, here: list[_Found]) -> None:
    """Note the multiplier of each leaf's rate."""
    for leaf, factor in zip(here, transform.rate_factors(params), strict=True):
        if factor:
            base, power = factor
            leaf.rates.append(_rate(base) if power == 1 else f"{_rate(base)}^{power}")


def _name(transform: Any) -> str:
    """Return a record's name; `optax.adamw` for a pair of functions from there; and "frozen"."""
    if isinstance(transform, SetToZero):
        return "frozen"
    if not isinstance(transform, Foreign):
        return type(transform).__name__
    # An init that several transforms share says nothing.
    own = "<locals>" in getattr(transform.init_fn, "__qualname__", "")
    function = transform.init_fn if own else transform.update_fn
    package = (getattr(function, "__module__", None) or "").partition(".")[0]
    return f"{package}.{getattr(function, '__qualname__', 'transform').partition('.')[0]}"


def _rate(value: Any) -> str:
    """Return a number, a schedule with its numbers, or the name of what else stands for one."""
    is_array = hasattr(value, "shape") and hasattr(value, "dtype")
    if isinstance(value, numbers.Real) or (is_array and not value.shape and not isinstance(value, jax.core.Tracer)):
        return f"{float(value):.4g}"
    if is_array:
        return f"{value.dtype}{list(value.shape)}"
    value = value.fn if isinstance(value, Function) else value
    return repr(value) if dataclasses.is_dataclass(value) else getattr(value, "__name__", type(value).__name__)


def _state_bytes(state: State, params: Params) -> tuple[dict[Any, int], int]:
    """Return the bytes of the arrays of a state by the parameter whose path theirs ends with, and those of all others.

    Where a rule keeps lists of arrays for a parameter, of blocks and of their axes, theirs ends with numbers in lists.
    """
    paths = {path for path, _ in jax.tree_util.tree_leaves_with_path(params)}
    found: dict[Any, int] = {}
    other = 0
    for path, leaf in jax.tree_util.tree_leaves_with_path(state, is_leaf=is_quantized):
        named = next((n for n in range(len(path), 0, -1) if not isinstance(path[n - 1], jax.tree_util.SequenceKey)), 0)
        ends = [path[i:n] for i in range(len(path)) for n in range(len(path), max(i, named - 1), -1)]
        shape = leaf.codes.shape if is_quantized(leaf) else leaf.shape
        ends += [()] if () in paths and shape == jnp.shape(params) else []
        owner = next((end for end in ends if end in paths), None)
        if owner is None:
            other += tree_bytes(leaf)
        else:
            found[owner] = found.get(owner, 0) + tree_bytes(leaf)
    return found, other
