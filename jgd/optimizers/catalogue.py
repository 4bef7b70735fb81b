"""The catalogue of optimizers: each recipe enters it where it is defined, and lists, races and tests read it."""

import fnmatch
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NamedTuple, ParamSpec, TypeVar

import jax
import jax.numpy as jnp

from jgd.core.arguments import FLAG, MASK, Kind, admits, checked, shown
from jgd.core.call_arguments import bind_arguments
from jgd.core.errors import RefusalError, unknown
from jgd.core.given import UNDRAWN, Placeholder, made, taken_numbers
from jgd.core.tree import tree_bytes
from jgd.core.types import Rate, Transform
from jgd.optimizers.glossary import GLOSSARY
from jgd.pages.text import plain_table
from jgd.transforms import Chain, ScaleThenDecay, WeightDecay, add_decayed_weights, chain, scale_by_learning_rate
from jgd.transforms.decay import Decay

SOURCE = r"(?:[A-Z][\w'-]+, )*[A-Z][\w'-]+(?: et al\.| & [A-Z]\w+)? \d{4}(?:, (?:arXiv:\d+\.\d+|[A-Z]\w+ \d+))?"
MASKS = ("mask", "trust_ratio_mask", "weight_decay_mask")
# A user's mask has something in it; those that transforms make of parameters without a leaf have not.
A_MASK = Kind(MASK.expected, lambda x: admits(MASK, x) and (callable(x) or bool(jax.tree.leaves(x))))
RATE = Kind("be a number or a schedule", lambda x: x is not None)
DECAY = Kind("be a number, a schedule or jgd.weight_decay(...)", lambda x: x is not None)
KINDS = ((bool, FLAG), (Rate, RATE), (Decay, DECAY))  # of what is annotated so; the numbers' are the records'
Given = ParamSpec("Given")
Made = TypeVar("Made")


class OptimizerEntry(NamedTuple):
    """An optimizer of the catalogue."""

    name: str
    family: str  # the file that defines it
    make: Callable[..., Any]
    rates: tuple[float, float] | None  # of a search, four decades; None where the default rate is the method's own
    needs: tuple[str, ...]  # extra arguments without which its update cannot act, such as value
    summary: str  # one line

    def default(self) -> Transform:
        """Return the optimizer with its defaults, and where it has none, a rate in the middle of its range."""
        wanted = inspect.signature(self.make).parameters.get("learning_rate")
        if wanted is None or wanted.default is not wanted.empty or self.rates is None:
            return self.make()
        return self.make((self.rates[0] * self.rates[1]) ** 0.5)

    def state_bytes(self, shape: tuple[int, ...] = (256, 256)) -> float:
        """Return the bytes of state for each float32 parameter of an array of this shape; counters do not count."""
        params = {"w": jax.ShapeDtypeStruct(shape, jnp.float32)}
        state = jax.eval_shape(self.default().init, params)
        arrays = [x for x in jax.tree.leaves(state) if x.ndim]
        return tree_bytes(arrays) / tree_bytes(params) * 4

    @property
    def source(self) -> str:
        """The paper that its docstring names, or its rule's: authors, year and where it is."""
        module = sys.modules[self.make.__module__]
        rules = [x for x in vars(module).values() if inspect.isclass(x) and x.__module__ == module.__name__]
        texts = [x.__doc__ for x in (self.make, *rules, module)]
        return source_in(*texts)


def source_in(*texts: str | None) -> str:
    """Find the first paper that one of the texts names: authors, year and where it is."""
    found = (re.search(SOURCE, " ".join((text or "").split())) for text in texts)
    return next((one[0] for one in found if one), "")


class OptimizerTable(dict[str, OptimizerEntry]):
    """Entries of the catalogue by name, which print as a table."""

    def __repr__(self) -> str:
        return known_table(self.values())


def known_table(entries: Iterable[Any]) -> str:
    """Print a line for each entry; of what is no optimizer with defaults neither state nor rates are known."""
    header = ["name", "family", "state B/param", "learning rates", "what it does", "source"]
    rows = []
    for entry in entries:
        known = isinstance(entry, OptimizerEntry)
        state = f"{entry.state_bytes():.3g}" if known else ""
        rates = f"{entry.rates[0]:g} to {entry.rates[1]:g}" if known and entry.rates else ""
        rows.append([entry.name, entry.family, state, rates, entry.summary, entry.source])
    return plain_table(header, rows, left=6)


CATALOGUE: dict[str, OptimizerEntry] = {}
"""What has been imported; `catalogue` imports all of it."""


def optimizer(
    *, rates: tuple[float, float] | None = (1e-5, 1e-1), needs: tuple[str, ...] = ()
) -> Callable[[Callable[Given, Made]], Callable[Given, Made]]:
    """Enter a recipe into the catalogue.

    `rates` is the range over which its learning rate is searched, with the best one well inside. The recipe keeps its
    signature; a refusal of what it passed on names its own argument; its docstring gains a line for each parameter.
    """

    def decorate(recipe: Callable[Given, Made]) -> Callable[Given, Made]:
        made = named_recipe(recipe)
        summary = re.sub(rf" \({SOURCE}[^)]*\)", "", (recipe.__doc__ or "").strip().partition("\n")[0])
        family = recipe.__module__.rpartition(".")[2]
        CATALOGUE[recipe.__name__] = OptimizerEntry(recipe.__name__, family, made, rates, needs, summary)
        return made

    return decorate


def variant(base: Callable[Given, Made], name: str, summary: str, **defaults: Any) -> Callable[Given, Made]:
    """Enter another optimizer: `base` with other defaults, under a name and a sentence of its own."""
    entry, signature = CATALOGUE[base.__name__], inspect.signature(base)
    parameters = [p.replace(default=defaults.get(key, p.default)) for key, p in signature.parameters.items()]

    def recipe(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        return base(*args, **(defaults | kwargs))  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue]

    recipe.__name__ = recipe.__qualname__ = name
    recipe.__module__ = sys._getframe(1).f_globals["__name__"]  # inspect.stack() reads the source of every caller
    recipe.__doc__ = f"{summary}\n\n{base.__name__} with {', '.join(f'{k}={v!r}' for k, v in defaults.items())}."
    recipe.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return optimizer(rates=entry.rates, needs=entry.needs)(recipe)


def descend(
    rule: Any,
    learning_rate: Rate | None,
    weight_decay: Decay | None = None,
    mask: Any = None,
    *,
    then: tuple[Transform, ...] = (),
) -> Chain:
    """Chain a rule, weight decay if there is one, and the step down: p <- p - lr (u + wd p).

    A number decays so, decoupled; `jgd.weight_decay` has other kinds. `then` are the links between decay and rate.
    """
    if isinstance(weight_decay, WeightDecay):
        return weight_decay.chained((rule,), learning_rate, mask, then)
    decay = [] if weight_decay is None else [add_decayed_weights(weight_decay, mask)]
    return chain(rule, *decay, *then, scale_by_learning_rate(learning_rate))


def descend_then_decay(
    rule: Any, learning_rate: Rate, weight_decay: Decay, mask: Any = None, *, start: int = 0
) -> Chain:
    """Chain a rule and the step down, after which weights decay: p <- (p - lr u)(1 - lr wd).

    In the first `start` steps nothing decays. Another kind is that of `jgd.weight_decay`.
    """
    if isinstance(weight_decay, WeightDecay):
        return weight_decay.chained((rule,), learning_rate, mask)
    return chain(rule, ScaleThenDecay(learning_rate, weight_decay, mask, start=start))


@checked()
def catalogue(pattern: str = "*") -> OptimizerTable:
    """Return the optimizers whose names match a pattern such as `adam*`, in order; they print as a table.

    All families are imported. `jgd.optimizers.list` has wrappers and transforms as well.
    """
    from jgd import optimizers  # what this module belongs to: its names are resolved on first use

    for home in sorted(set(vars(optimizers)["_homes"].values())):
        import_module(home)
    found = OptimizerTable((name, CATALOGUE[name]) for name in sorted(CATALOGUE) if fnmatch.fnmatch(name, pattern))
    if not found:
        raise unknown("catalogue", pattern, sorted(CATALOGUE))
    return found


def named_recipe(recipe: Callable[Given, Made]) -> Callable[Given, Made]:
    """Make the recipe's refusals and numbers be named by its own arguments, and its docstring tell of each."""
    signature, name = inspect.signature(recipe), recipe.__name__
    known = {
        key: A_MASK if key in MASKS else next((kind for annotation, kind in KINDS if p.annotation == annotation), None)
        for key, p in signature.parameters.items()
    }
    kinds = {key: kind for key, kind in known.items() if kind is not None}
    numbers = taken_numbers(signature)
    structure = {  # but for whole numbers, which a space may list, and parts
        key
        for key, p in signature.parameters.items()
        if key not in numbers and (p.annotation not in (Any, int) or key in MASKS or "dtype" in key)
    }

    @functools.wraps(recipe)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        bound = bind_arguments(name, signature, args, kwargs)
        written = tuple(bound.arguments)
        bound.apply_defaults()
        given = bound.arguments
        for key, kind in kinds.items():
            default, value = signature.parameters[key].default, given[key]
            if value is not default and not isinstance(value, Placeholder) and not admits(kind, value):
                raise RefusalError(name, key, value, kind.expected, shown)
        for key in structure:
            if isinstance(given[key], Placeholder):
                raise RefusalError(name, key, given[key], UNDRAWN, shown)
        try:
            return made(recipe, given, numbers)
        except RefusalError as refusal:
            ours = refusal.renamed(name, {key: given[key] for key in written})
            raise refusal if ours is None else ours from None

    lines = [f"    {key}: {GLOSSARY[key]}" for key in signature.parameters if key in GLOSSARY]
    call.__doc__ = "\n".join([inspect.cleandoc(recipe.__doc__ or ""), "", "Args:", *lines, ""])
    return call
