"""Findings about a step's program: donation, recompilation, constants, widened numbers and copies."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core.finding import Finding
from jgd.core.outline import shown
from jgd.core.subprograms import programs_within
from jgd.core.tree import tree_bytes
from jgd.measure.collectives import entry_results
from jgd.measure.units import bytes_text

LARGE = 2**20  # bytes from which a copy, a constant or an argument that is not donated is worth a word
Pairs = list[tuple[str, Any]]  # an argument's name, and the shapes of the output that is its next value


def carried_pairs(given: Mapping[str, Any], out: Any) -> Pairs:
    """Return the arguments that come back, each with its output: of one structure and the same shapes, in order.

    An array alone also has the dtype: any product of two square matrices has the shape of both.
    """
    left = list(out) if isinstance(out, tuple) and not hasattr(out, "_fields") else [out]
    pairs = []
    for name, tree in given.items():
        leaves, structure = jax.tree.flatten(tree)
        if not any(map(jnp.shape, leaves)):
            continue
        for i, one in enumerate(left):
            others, other = jax.tree.flatten(one)
            alike = other == structure and [jnp.shape(x) for x in others] == [jnp.shape(x) for x in leaves]
            if alike and (len(leaves) > 1 or jnp.result_type(others[0]) == jnp.result_type(leaves[0])):
                pairs.append((name, left.pop(i)))
                break
    return pairs


def not_donated(given: Mapping[str, Any], info: Any, pairs: Pairs, said: Sequence[str]) -> Iterator[Finding]:
    """Find carried arguments whose memory is not donated, and donated memory that no output takes."""
    donated = {name: [leaf.donated for leaf in jax.tree.leaves(tree)] for name, tree in zip(given, info, strict=True)}
    kept = {name: tree_bytes(given[name]) for name, _ in pairs if not any(donated[name])}
    if sum(kept.values()) >= LARGE:
        places = ", ".join(str(list(given).index(name)) for name in kept)
        yield Finding(
            2, ", ".join(kept), "memory that is not donated", bytes_text(sum(kept.values())), "none",
            "the old values and the new lie side by side",
            f"jit with donate_argnums=({places}{',' * (len(kept) == 1)}), and use the old values no more",
        )  # fmt: skip
    vain = [text for text in said if "donated buffers were not usable" in text]
    for text in vain:
        shapes = re.findall(r"(\w+\[[\d,]*\])", text)
        names = ", ".join(name for name, flags in donated.items() if any(flags))
        yield Finding(
            2, names, "donated buffers that no output takes", ", ".join(shapes), "none",
            "an output's shape, dtype or sharding differs from the argument's",
            "return the new value with the argument's shape, dtype and sharding, or donate it no more",
        )  # fmt: skip


def recompiled(given: Mapping[str, Any], jaxpr: Any, pairs: Pairs) -> Iterator[Finding]:
    """Find carried arguments that come back with another dtype, or weakly typed, so that the next call compiles."""
    kinds = iter(jaxpr.in_avals)
    types = {name: [next(kinds) for _ in jax.tree.leaves(tree)] for name, tree in given.items()}
    for name, out in pairs:
        paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(given[name])]
        for path, before, after in zip(paths, types[name], jax.tree.leaves(out), strict=True):
            kind = (before.dtype, before.weak_type), (after.dtype, getattr(after, "weak_type", False))
            if kind[0] == kind[1]:
                continue
            wide = jnp.dtype(after.dtype).itemsize > jnp.dtype(before.dtype).itemsize
            yield Finding(
                2, f"{name}{path}", "the type that comes back", _type_text(*kind[1]), _type_text(*kind[0]),
                "a second call has another type and compiles anew" + (", and takes more memory" if wide else ""),
                "cast the result to the argument's dtype, or start with an array of the result's",
            )  # fmt: skip


def calls_apart(given: Mapping[str, Any], again: tuple[Any, ...]) -> Iterator[Finding]:
    """Find where two calls' arguments differ, so that the second compiles anew."""
    if len(again) != len(given):
        yield _apart("the arguments", f"{len(again)} of them", f"{len(given)}")
        return
    for (name, before), after in zip(given.items(), again, strict=True):
        for path, one, two in signature_differences(before, after, name):
            yield _apart(path, two, one)


def signature_differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Find where two trees differ in what a compiled program depends on: path, and both sides in words."""
    if jax.tree.structure(before) == jax.tree.structure(after):
        pairs = zip(jax.tree_util.tree_leaves_with_path(before), jax.tree.leaves(after), strict=True)
        for (key, x), y in pairs:
            one, two = jax.typeof(x), jax.typeof(y)
            if (one.shape, one.dtype, one.weak_type) != (two.shape, two.dtype, two.weak_type):
                yield f"{path}{jax.tree_util.keystr(key)}", one.str_short(), two.str_short()
    elif type(before) is type(after) and dataclasses.is_dataclass(before):
        for field in dataclasses.fields(before):
            one, two, at = getattr(before, field.name), getattr(after, field.name), f"{path}.{field.name}"
            if field.metadata.get("kind") == "static":
                yield from [(at, repr(one), repr(two))] if repr(one) != repr(two) else []
            else:
                yield from signature_differences(one, two, at)
    elif type(before) is type(after) and isinstance(before, (tuple, list)) and len(before) == len(after):
        for i, (one, two) in enumerate(zip(before, after, strict=True)):
            yield from signature_differences(one, two, f"{path}[{i}]")
    elif isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            yield from signature_differences(before[key], after[key], f"{path}[{key!r}]")
    elif repr(before) != repr(after) or jax.tree.leaves(before):
        yield path, shown(before), shown(after)


def large_constants(jaxpr: Any) -> Iterator[Finding]:
    """Yield arrays that the program closes over, which are compiled into it."""
    for x in jaxpr.consts:
        size = getattr(x, "nbytes", 0)
        if size >= LARGE:
            yield Finding(
                2, "the program", "a constant in it", f"{jnp.result_type(x)}{list(jnp.shape(x))}, {bytes_text(size)}",
                f"below {bytes_text(LARGE)}",
                "the step closes over an array, which is compiled in, and compiles anew when it changes",
                "pass it as an argument",
            )  # fmt: skip


def widened(jaxpr: Any) -> Iterator[Finding]:
    """Find products of matrices in 32 bits whose operands were in 16, and float64 that no argument brings."""
    wide = [aval for aval in jaxpr.in_avals if aval.dtype in (jnp.float64, jnp.complex128)]
    doubles = 0 if wide else sum(v.aval.dtype == jnp.float64 for eqn in _equations(jaxpr.jaxpr) for v in _arrays(eqn))
    if doubles:
        yield Finding(
            2, "the program", "arrays in float64", doubles, "0", "no argument is in float64, and a constant or a NumPy "
            "scalar of the step is", "write the constant in the arguments' dtype",
        )  # fmt: skip
    count = sum(map(_widened_products, _programs(jaxpr.jaxpr)))
    if count:
        yield Finding(
            2, "the program", "products in 32 bits of matrices that were in 16", count, "0",
            "both operands are cast up before they are multiplied, which a matrix unit does ten times slower",
            "multiply in 16 bits with preferred_element_type=jnp.float32, which sums in 32",
        )  # fmt: skip


def copies(text: str) -> Iterator[Finding]:
    """Find copies of large arrays in the compiled program's entry."""
    sizes = [size for kind, size in entry_results(text) if kind in ("copy", "copy-start") and size >= LARGE]
    if sizes:
        yield Finding(
            1, "the program", "copies of large arrays", f"{len(sizes)}, {bytes_text(sum(sizes))}", "none",
            "a value is needed in its old memory after it is overwritten, or in another layout",
            "read donated arguments before they are updated, and return each of them once",
        )  # fmt: skip


def _apart(path: str, value: str, expected: str) -> Finding:
    return Finding(
        2, path, "the second call's argument", value, f"{expected} as in the first",
        "what is no number of an array decides which program runs, so the second call compiles anew",
        "keep types, shapes and flags, and pass numbers as arrays or as an optimizer's leaves",
    )  # fmt: skip


def _type_text(dtype: Any, weak: bool) -> str:
    return f"{jnp.dtype(dtype).name}{', weakly typed' if weak else ''}"


def _programs(jaxpr: Any) -> Iterator[Any]:
    """Yield a program and those within it."""
    yield jaxpr
    for eqn in jaxpr.eqns:
        for inner in programs_within(eqn):
            yield from _programs(inner)


def _equations(jaxpr: Any) -> Iterator[Any]:
    for program in _programs(jaxpr):
        yield from program.eqns


def _arrays(eqn: Any) -> list[Any]:
    return [v for v in eqn.outvars if getattr(v.aval, "shape", ()) and hasattr(v.aval, "dtype")]


def _widened_products(jaxpr: Any) -> int:
    short = (jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float16))
    cast = {
        eqn.outvars[0]
        for eqn in jaxpr.eqns
        if eqn.primitive.name == "convert_element_type"
        and eqn.invars[0].aval.dtype in short
        and eqn.outvars[0].aval.dtype == jnp.float32
    }
    products = [eqn for eqn in jaxpr.eqns if eqn.primitive.name == "dot_general"]
    return sum(all(not hasattr(x, "val") and x in cast for x in eqn.invars) for eqn in products)
