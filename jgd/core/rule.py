"""Rules: the mathematics of an optimizer on one array, lifted to trees."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jgd.core.leaves import check_real
from jgd.core.mesh import without_mesh_types
from jgd.core.pair import Pair, abstracted, explained
from jgd.core.tree import check_extra, check_fits, check_inexact, check_params, increment, map_unzip, zero_count, zeros
from jgd.core.types import Grads, Params, State, Updates


class RuleState(NamedTuple):
    """The state of a rule whose `layout` is names: a step counter, and a tree for each name."""

    count: jax.Array  # i32[]
    slots: dict[str, State]


class Rule(Pair):
    """Lift two functions of one array to a transform of trees; a record inherits from it.

    `slots(p)` makes the arrays that are kept for a parameter, of which it reads the shape and dtype, as a tuple; by
    default zeros for each name of `layout`, in the dtype of the field `<name>_dtype` if there is one.
    `step(t, g, *slots)` returns the update and the new slots. It computes in float32 at least, with the record's
    numbers as arrays; the update is cast to the gradient's dtype and each slot to its own. `t` is the number of this
    step, an i32 scalar that is 1 at first, or what `shared(t)` makes of it: scalars computed once a step and not
    once a leaf. An argument after a `*` is asked for by name: `p` is the parameter, any other an extra argument that
    `update` was given, such as `value`.

    `layout` shapes the state: a NamedTuple, whose field `count` is the counter and whose others are a tree for each
    slot in order, or the slots' names, which make a `RuleState`; without slots and layout there is no state. A rule
    that reads entries of a leaf together, such as its norm, says `entrywise = False`; its slots may be of any shape,
    or trees of arrays. One that only adds and multiplies says `integers = True`: it takes integer leaves as well, such
    as a counter among the parameters, whose updates are floats. One that no complex leaf has a meaning for says why in
    `real`, as in `real = "a complex gradient has no sign"`.
    """

    layout: ClassVar[Any] = None
    entrywise: ClassVar[bool] = True
    integers: ClassVar[bool] = False
    real: ClassVar[str] = ""
    step: ClassVar[Callable[..., Any]]

    def slots(self, p: Any) -> tuple[Any, ...]:
        """Make what is kept for one array."""
        return tuple(zeros(p, getattr(self, f"{name}_dtype", None)) for name in self._names)

    def shared(self, t: Any) -> Any:
        """Make what takes the counter's place in `step`."""
        return t

    @abstracted
    def init(self, params: Params) -> State:
        """Return a counter at zero and the slots of each leaf."""
        check_inexact(f"{type(self).__name__}.init", params, integers=self.integers)
        if self.real:
            check_real(f"{type(self).__name__}.init", params, self.real)
        leaves, structure = jax.tree.flatten(params)
        columns = zip(*map(self.slots, leaves), strict=True) if leaves else ((),) * len(self._names)
        return self._packed(zero_count(), [structure.unflatten(column) for column in columns])

    @explained
    @without_mesh_types
    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the step of each leaf, and the next state."""
        count, slots = self._unpacked(state)
        t = None if count is None else increment(count)
        rule = jax.tree.map(jnp.asarray, self)
        reads, asked = self._asked(params, extra)
        if slots and not self.entrywise and params is not None:  # no slot need have the shape of its leaf
            check_fits(f"{type(self).__name__}.update", grads, params)
        step = functools.partial(rule.step, rule.shared(t), **asked)

        def lifted(g: jax.Array, *rest: Any) -> Any:
            row = step(g, *rest[: len(slots)], p=rest[-1]) if reads else step(g, *rest)
            return row if isinstance(row, tuple) else (row,)

        updates, *new = map_unzip(
            lifted,
            grads,
            *slots,
            place=f"{type(self).__name__}.update",
            read=(params,) if reads else (),
            entrywise=self.entrywise,
            integers=self.integers,
        )
        return updates, self._packed(t, new)

    @property
    def _names(self) -> tuple[str, ...]:
        """The names of the slots."""
        layout = () if self.layout is None else getattr(self.layout, "_fields", self.layout)
        return tuple(name for name in layout if name != "count")

    def _packed(self, count: Any, slots: list[State]) -> State:
        if self.layout is None:
            return optax.EmptyState()
        if isinstance(self.layout, tuple):
            return RuleState(count, dict(zip(self.layout, slots, strict=True)))
        named = dict(zip(self._names, slots, strict=True))
        return self.layout(**named, count=count) if "count" in self.layout._fields else self.layout(**named)

    def _unpacked(self, state: State) -> tuple[Any, list[State]]:
        if self.layout is None:
            return None, []
        if isinstance(self.layout, tuple):
            return state.count, [state.slots[name] for name in self._names]
        # The slots first: every tuple has a method `count`.
        slots = [getattr(state, name) for name in self._names]
        return (state.count if "count" in self.layout._fields else None), slots

    def _asked(self, params: Params, extra: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
        """Tell whether `step` reads the parameter, and the extra arguments that it asks for."""
        asked = _asks(type(self).step)
        if "p" in asked:
            check_params(f"{type(self).__name__}.update", params)
        for name, needed in asked.items():
            if name != "p" and needed:
                check_extra(f"{type(self).__name__}.update", name, extra.get(name))
        return "p" in asked, {name: extra[name] for name in asked if name != "p" and name in extra}


@functools.cache
def _asks(step: Callable[..., Any]) -> dict[str, bool]:
    """Return the arguments that a step asks for by name, and whether it needs them."""
    parameters = inspect.signature(step).parameters.values()
    return {x.name: x.default is x.empty for x in parameters if x.kind is x.KEYWORD_ONLY}
