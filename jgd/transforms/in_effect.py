"""Hyperparameters in effect, schedules evaluated at the count in their own state, and scalars to watch at a step."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax

from jgd.core.errors import InputError
from jgd.core.given import given_names, is_alone, node_at
from jgd.core.tree import global_norm, ratio, zero_count
from jgd.core.types import Grads, Params, State, Updates
from jgd.core.values import hyperparams
from jgd.transforms.averaging import inner_states
from jgd.transforms.by_path import DEFAULT, ByPath
from jgd.transforms.compose import Chain, Masked, Partition, Scheduled
from jgd.transforms.inject import InjectHyperparams
from jgd.transforms.named import NamedChain

NORMS = ("gradient_norm", "update_norm", "params_norm")
SHARES = ("update_ratio", "zeros", "nonfinite")  # |u|/|params|, and shares of the gradient's entries


def current_hyperparams(optimizer: Any, state: State) -> dict[str, Any]:
    """Return every hyperparameter by its name with the value that the next step takes at `state`.

    A schedule stands under the name of the hyperparameter that it is for (`learning_rate`), evaluated at its own
    counter; so do the values of `scheduled`, and those that optax's `inject_hyperparams` keeps in its state.
    Numbers that only optax's closures know are not seen. Runs under `jit`, `vmap` and `scan`.
    """
    return hyperparams(_in_effect(optimizer, state))


def known_metrics(optimizer: Any, params: Params) -> tuple[str, ...]:
    """Return the names that `observe` knows for this optimizer, those of scalars; from shapes alone."""
    state = jax.eval_shape(optimizer.init, params)
    shapes = jax.eval_shape(current_hyperparams, optimizer, state)
    return (*NORMS, *SHARES, *(name for name, x in shapes.items() if not jax.numpy.shape(x)))


def check_metrics(place: str, metrics: Any) -> tuple[str, ...]:
    """Return the names of `metrics=`, each once; refuse all else than a list of names."""
    listed = isinstance(metrics, Collection) and not isinstance(metrics, str)
    if not listed or not all(isinstance(name, str) for name in metrics):
        raise InputError(f'{place}(metrics={metrics!r}): metrics must be names, such as ("learning_rate",).')
    return tuple(dict.fromkeys(metrics))


def observe(
    metrics: Iterable[str], optimizer: Any, state: State, *, params: Params, grads: Grads, updates: Updates
) -> dict[str, jax.Array]:
    """Return the scalars asked for, of the step that `optimizer` takes from `state` and `params`, both before it."""
    metrics, numbers = tuple(metrics), jax.numpy.asarray
    of_step = {
        "gradient_norm": lambda: global_norm(grads),
        "update_norm": lambda: global_norm(updates),
        "params_norm": lambda: global_norm(params),
        "update_ratio": lambda: ratio(global_norm(updates), global_norm(params)),
        "zeros": lambda: _share(lambda g: g == 0, grads),
        "nonfinite": lambda: _share(lambda g: ~jax.numpy.isfinite(g), grads),
    }
    values = current_hyperparams(optimizer, state) if set(metrics) - set(of_step) else {}
    return {name: of_step[name]() if name in of_step else numbers(values[name]) for name in metrics}


def _share(test: Callable[[Any], Any], tree: Any) -> jax.Array:
    """Return the share of the entries of all leaves that pass a test."""
    leaves = jax.tree.leaves(tree)
    found = sum((jax.numpy.sum(test(x)) for x in leaves), start=jax.numpy.zeros((), jax.numpy.float32))
    return found / max(1, sum(x.size for x in leaves))


class _Argument(NamedTuple):
    """Hold the name that a constructor gave to a number, and where its value goes, unless where it stands."""

    name: str
    raised: dict[str, Any] | None


_Called = Mapping[tuple[int, str], _Argument]  # by the ids of the records that hold the numbers, and their fields


def _in_effect(node: Any, state: State, called: _Called = MappingProxyType({})) -> Any:
    """Return `node` as a tree of its numbers, each schedule replaced by its value at the count in `state`.

    The tree has the numbers of a constructor's arguments under their names.
    """
    raised: dict[str, Any] = {}
    here = {
        (id(node_at(node, path[:-1])), path[-1]): _Argument(name, raised if is_alone(node, name) else None)
        for path, name in given_names(node)
    }
    tree = _plain_tree(node, state, {**called, **here})
    return {**tree, **raised} if raised else tree


def _plain_tree(node: Any, state: State, called: _Called) -> Any:
    """Give the numbers of one node as a tree, its parts by `_in_effect`; `called` tells how constructors call them."""
    if isinstance(node, InjectHyperparams) and node.counts_alone:
        return node.current(state)
    injected = getattr(state, "hyperparams", None)
    if isinstance(injected, dict):  # optax's inject_hyperparams
        return injected
    if isinstance(node, Scheduled):
        return _in_effect(node.at(state.count), state.inner_state, called)
    if isinstance(node, Masked):
        return _in_effect(node.inner, state.inner_state, called)
    if isinstance(node, Partition):
        return {
            key: _in_effect(one, state.inner_states[key].inner_state, called) for key, one in node.transforms.items()
        }
    if isinstance(node, ByPath):
        return _groups_in_effect(node, state)
    if isinstance(node, NamedChain):
        return {name: _in_effect(link, state[name], called) for name, link in node.transforms.items()}
    inner = list(inner_states(node, state))
    if isinstance(node, Chain) or not dataclasses.is_dataclass(node) or not jax.tree.leaves(node):
        known = {} if isinstance(node, Chain) or not jax.tree.leaves(node) else {"own": node}
        return {**known, **{str(i): _in_effect(one, below, called) for i, (one, below) in enumerate(inner)}}
    count = getattr(state, "gradient_step", getattr(state, "count", None))
    count = zero_count() if count is None or callable(count) else count
    count = getattr(state, "step_count", count + 1) - 1  # schedule-free's state counts from 1
    tree: dict[str, Any] = {}
    for field in dataclasses.fields(node):
        kind, value = field.metadata.get("kind"), getattr(node, field.name)
        if kind in ("hyper", "hypers"):
            name, raised = called.get((id(node), field.name), (field.name, None))
            (tree if raised is None else raised)[name] = value(count) if callable(value) else value
        elif kind == "part" and hasattr(value, "update"):
            for below in [below for one, below in inner if one is value][:1]:
                tree[field.name] = _in_effect(value, below, called)
    return tree


def _groups_in_effect(node: ByPath, state: State) -> dict[str, Any]:
    """Return the same for groups, under the names that their own numbers have."""
    inner, groups = node.transforms, {}
    known = {key: _in_effect(one, state.inner_states[key].inner_state) for key, one in inner.items()}
    for pattern, group in node.groups.items():
        if isinstance(group, Mapping):
            values = hyperparams(known[pattern])
            groups[pattern] = {name: values.get(name, value) for name, value in group.items()}
        else:
            groups[pattern] = known.get(pattern, group)
    return {"groups": groups, "default": known[DEFAULT]}
