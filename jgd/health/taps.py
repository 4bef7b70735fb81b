"""Taps: the outputs of a model's layers and the signals that come back to them, read from the program of its loss."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from jgd.core.subprograms import constants_of, program_of
from jgd.core.tree import path_names
from jgd.health.broadcasts import crossing
from jgd.health.lineage import Known, follow, shifted
from jgd.health.programs import carried_by, run_equation
from jgd.health.softmaxes import Softmax, softmaxed

PRODUCTS = ("dot_general", "conv_general_dilated", "gather")
SQUASHING = ("tanh", "logistic")
ATTENTION = "attention"  # what enters a softmax of products of data with data
LOGITS = "logits"  # what enters the softmax of a loss
NAMED = frozenset(("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "leaky_relu", "softplus"))
CALLS = frozenset(("jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "remat"))
KERNELS = frozenset(("kernel", "weight", "w", "W", "embedding"))  # that add nothing to a layer's name
BEFORE_ROOTS = frozenset(("add", "broadcast_in_dim", "reshape", "squeeze", "convert_element_type"))


class Tap(NamedTuple):
    """Describe one value that is looked at."""

    name: str  # of its layer: the path of the parameters that made it
    operation: str  # relu, tanh, dot_general, ...
    shape: tuple[int, ...]
    dtype: Any
    stacked: int  # leading axes that count the passes of scans
    units: tuple[int, ...]  # axes that count units; all others but the stacked ones count examples
    stack: str  # the names under which a framework traced it
    weights: tuple[int, ...] = ()  # of a product: the leaf of the parameters, and the pass whose own part of it it uses
    own: tuple[bool, ...] = ()  # of each stacked axis, whether its passes have parts of the leaf of their own

    @property
    def is_layer(self) -> bool:
        """Whether it is the product of an input with parameters, so that it counts for the depth."""
        return self.operation in PRODUCTS

    @property
    def is_attention(self) -> bool:
        """Whether it is what enters the softmax of an attention, so that masked entries are left out."""
        return self.operation == ATTENTION

    @property
    def has_several_units(self) -> bool:
        """Whether it has units, and more than one of them: the product with a vector has none."""
        return bool(self.units) and all(self.shape[i] > 1 for i in self.units)

    @property
    def label(self) -> str:
        """Its layer's name, and the activation, where it is one."""
        return (
            self.name if self.operation in (*PRODUCTS, ATTENTION, LOGITS) else f"{self.name} {self.operation}".strip()
        )


class Inside(NamedTuple):
    """Say that an equation is taken apart, and what is tapped in it."""

    plan: tuple[Any, ...]
    count: int  # of taps


class Entering(NamedTuple):
    """Say that an operand of an equation is tapped, before it enters the softmax that the equation begins."""

    operand: int


class Tapped(NamedTuple):
    """Hold a loss with its taps: `values(args, zeros)` returns the loss and the tapped values."""

    taps: tuple[Tap, ...]
    values: Callable[[Any, Sequence[jax.Array]], tuple[jax.Array, list[jax.Array]]]
    crossed: frozenset[int]  # numbers of outputs that meet as many numbers of data, each with each

    def zeros(self) -> list[jax.Array]:
        """Return the zeros to be added; the loss's gradient with respect to them is what comes back to each tap."""
        return [jnp.zeros(tap.shape, tap.dtype) for tap in self.taps]


def tap_loss(loss: Callable[..., jax.Array], params: Any, *rest: Any) -> Tapped:
    """Tap the products and activations of `loss(params, *rest)`, a scalar, whichever library the model is written in.

    The loss is traced and its program evaluated operation by operation: outputs of products of an input with
    parameters, of convolutions and look-ups, and of activations have a zero added, and so have the logits of attention
    (products of data with data, as they enter a softmax) and of a loss. Calls, rematerialised parts and scans are taken
    apart (a tap within a scan has a leading axis); other higher-order operations, and functions with derivatives of
    their own, are evaluated whole, so that a kernel of attention written for a device is not seen. `params` and `rest`
    may be tracers. Costs a trace.
    """
    closed = jax.make_jaxpr(loss)(params, *rest)
    paths = [path_names(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    survey = _Survey(paths)
    own = [Known(frozenset([i]), learnt=True) for i in range(len(paths))]
    others = [Known()] * (len(closed.jaxpr.invars) - len(paths))
    plan, _ = survey.walk(closed.jaxpr, [*own, *others])

    def values(args: Any, zeros: Sequence[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        outs, seen = _evaluate(closed.jaxpr, closed.consts, jax.tree.leaves(args), plan, iter(zeros))
        return outs[0], seen

    return Tapped(tuple(survey.taps), values, frozenset(survey.crossed))


class _Survey:
    """Walks a program without values, and lists its taps in the order in which they are evaluated."""

    def __init__(self, paths: Sequence[tuple[str, ...]]) -> None:
        self._paths, self._layer, self._names = paths, "", {}
        self.taps: list[Tap] = []
        self.crossed = set[int]()

    def walk(
        self, jaxpr: Any, given: Sequence[Known], stack: str = "", lengths: tuple[int, ...] = ()
    ) -> tuple[tuple[Any, ...], list[Known]]:
        """Make the plan of a program whose arguments are `given`, and tell what is known of its results.

        `stack` are the names under which it is traced, and `lengths` those of the scans that it lies in.
        """
        known = dict(zip(jaxpr.invars, given, strict=True))
        known |= {x: Known(frozenset()) for x in jaxpr.constvars}
        gates, softmaxes = _gates(jaxpr), softmaxed(jaxpr)
        plan = []
        for eqn in jaxpr.eqns:
            mine = [Known(frozenset()) if isinstance(x, Literal) else known[x] for x in eqn.invars]
            names = "/".join(x for x in (stack, str(eqn.source_info.name_stack)) if x)
            program, name = program_of(eqn), eqn.primitive.name
            activation = None if gates.intersection(eqn.outvars) else _activation(eqn)
            before = len(self.taps)
            if program is not None and activation is None and name in CALLS:
                inner, results = self.walk(program, mine, names, lengths)
                plan.append(Inside(inner, len(self.taps) - before))
            elif program is not None and name == "scan":
                inner, results = self._scan(eqn, program, mine, names, lengths)
                plan.append(Inside(inner, len(self.taps) - before))
            else:
                results, step = follow(eqn, mine), None
                self.crossed |= {crossing(eqn, mine)}
                softmax = softmaxes.get(eqn.outvars[0]) if results else None
                if softmax is not None and (softmax.is_loss or known[softmax.logits].scores):
                    step = self._logits(eqn, softmax, known[softmax.logits].layer, names, lengths)
                elif results:
                    step = self._tap(eqn, mine, results[0], activation, names, lengths)
                if isinstance(step, Tap) and step.is_layer:
                    results[0] = results[0]._replace(layer=step.name)
                plan.append(step)
            known.update(zip(eqn.outvars, results, strict=True))
        return tuple(plan), [Known(frozenset()) if isinstance(x, Literal) else known[x] for x in jaxpr.outvars]

    def _scan(self, eqn: Any, program: Any, mine: Sequence[Known], names: str, lengths: Any) -> Any:
        fixed, carried = carried_by(eqn, program)
        fixed += carried
        depth = len(lengths)
        along = [shifted(x, -1)._replace(sliced=(*x.sliced, depth)) for x in mine[fixed:]]
        first, ends = None, mine[fixed - carried : fixed]
        while first != ends:  # what is made of data in one pass is so in the next: a state of zeros at first
            first = ends
            within = [*mine[: fixed - carried], *first, *along]
            _, ends = _Survey(self._paths).walk(program, within)
            ends = [x.joined(y) for x, y in zip(first, ends[:carried], strict=True)]
        inner, results = self.walk(program, within, names, (*lengths, eqn.params["length"]))
        return inner, [*results[:carried], *(shifted(x, 1) for x in results[carried:])]

    def _tap(
        self,
        eqn: Any,
        mine: Sequence[Known],
        result: Known,
        activation: str | None,
        stack: str,
        lengths: Any,
    ) -> Tap | None:
        aval = eqn.outvars[0].aval
        if result.leaves is not None or not aval.shape or not jnp.issubdtype(aval.dtype, jnp.floating):
            return None
        operation = activation or eqn.primitive.name
        weights, own = (), ()
        if activation is None:
            owners = [x for x in mine if x.leaves]
            if operation not in PRODUCTS or not owners:
                return None
            leaf = max(owners[0].leaves or (), key=lambda i: len(self._paths[i]))
            weights, own = (leaf,), tuple(i in owners[0].sliced for i in range(len(lengths)))
            self._layer = self._named(leaf)
        # Of one number an example, as in a hinge loss, none counts units.
        units = result.units if result.units is not None else tuple(range(max(1, len(aval.shape) - 1), len(aval.shape)))
        shape, units = (*lengths, *aval.shape), tuple(len(lengths) + i for i in units)
        self.taps.append(
            Tap(self._layer or stack, operation, shape, aval.dtype, len(lengths), units, stack, weights, own)
        )
        return self.taps[-1]

    def _logits(self, eqn: Any, softmax: Softmax, layer: str, stack: str, lengths: Any) -> Entering:
        aval, operation = softmax.logits.aval, LOGITS if softmax.is_loss else ATTENTION
        shape, name = (*lengths, *aval.shape), self._counted(f"{layer} {operation}".strip())
        units = tuple(len(lengths) + axis for axis in softmax.axes)
        self.taps.append(Tap(name, operation, shape, aval.dtype, len(lengths), units, stack))
        return Entering(next(i for i, x in enumerate(eqn.invars) if x is softmax.logits))

    def _named(self, leaf: int) -> str:
        """Name a layer by its leaf."""
        path = self._paths[leaf]
        path = path[:-1] if len(path) > 1 and path[-1] in KERNELS else path
        return self._counted("/".join(path) or "params")

    def _counted(self, name: str) -> str:
        """Count a name that is used again."""
        self._names[name] = self._names.get(name, 0) + 1
        return name if self._names[name] == 1 else f"{name} #{self._names[name]}"


def _gates(jaxpr: Any) -> set[Any]:
    """Find the variables that are no activations of their own: to which one is added, as to the tanh within a GELU.

    Those of which a root is taken are among them, as of a variance that a normalisation keeps from falling below zero.
    """
    found, rooted = set[Any](), set[Any]()
    for eqn in reversed(jaxpr.eqns):
        name, operands = eqn.primitive.name, [x for x in eqn.invars if not isinstance(x, Literal)]
        if name in ("sqrt", "rsqrt") or (name in BEFORE_ROOTS and rooted.intersection(eqn.outvars)):
            rooted.update(operands)
        elif name == "add" and any(_is_constant(x, 1) for x in eqn.invars):
            found.update(operands)
    return found | rooted


def _is_constant(x: Any, value: float) -> bool:
    return isinstance(x, Literal) and not np.shape(x.val) and bool(x.val == value)


def _activation(eqn: Any) -> str | None:
    """Name the activation that an equation computes, `None` where it is none."""
    name = eqn.primitive.name
    if name in SQUASHING:
        return name
    if name == "max" and any(_is_constant(x, 0) for x in eqn.invars):
        return "relu"
    if name in CALLS and eqn.params.get("name") in NAMED:
        return eqn.params["name"]
    if name == "custom_jvp_call":
        found = [found for inner in program_of(eqn).eqns if (found := _activation(inner))]
        return found[-1] if found else None
    return None


def _evaluate(
    jaxpr: Any, consts: Sequence[Any], args: Sequence[Any], plan: Sequence[Any], zeros: Iterator[Any]
) -> tuple[list[Any], list[Any]]:
    """Run a program by its plan: its results, and the tapped values."""
    held: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *args), strict=True))
    seen: list[Any] = []

    def read(x: Any) -> Any:
        return x.val if isinstance(x, Literal) else held[x]

    for eqn, step in zip(jaxpr.eqns, plan, strict=True):
        given = [read(x) for x in eqn.invars]
        if isinstance(step, Entering):
            given[step.operand] = given[step.operand] + next(zeros)
            seen.append(given[step.operand])
        if isinstance(step, Inside) and step.count:
            outs, values = _inside(eqn, given, step, zeros)
            seen += values
        else:
            outs = run_equation(jaxpr, eqn, given)
        if isinstance(step, Tap):
            outs = [outs[0] + next(zeros), *outs[1:]]
            seen.append(outs[0])
        held.update(zip(eqn.outvars, outs, strict=True))
    return [read(x) for x in jaxpr.outvars], seen


def _inside(eqn: Any, given: Sequence[Any], step: Inside, zeros: Iterator[Any]) -> tuple[list[Any], list[Any]]:
    program, consts = program_of(eqn), constants_of(eqn)
    if eqn.primitive.name != "scan":
        return _evaluate(program, consts, given, step.plan, zeros)
    fixed, carried = carried_by(eqn, program)
    own = [next(zeros) for _ in range(step.count)]

    def body(carry: Any, x: Any) -> Any:
        outs, seen = _evaluate(program, consts, [*given[:fixed], *carry, *x[0]], step.plan, iter(x[1]))
        return outs[:carried], (outs[carried:], seen)

    first, along = list(given[fixed : fixed + carried]), list(given[fixed + carried :])
    last, (outs, seen) = jax.lax.scan(
        body, first, (along, own), length=eqn.params["length"], reverse=eqn.params["reverse"]
    )
    return [*last, *outs], seen
