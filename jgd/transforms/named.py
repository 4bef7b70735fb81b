"""A chain whose links have names, by which its state and its hyperparameters are read."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from jgd.core import InputError, Transform, part, record
from jgd.core.arguments import Kind
from jgd.core.types import Grads, Params, State, Updates
from jgd.transforms.as_transform import as_transform
from jgd.transforms.compose import Links

LINKS = Kind("be a mapping of names to transforms", lambda x: isinstance(x, Mapping) and all(map(_is_name, x)))


def _is_name(x: Any) -> bool:
    return isinstance(x, str) and bool(x)


@record
class NamedChain(Links):
    """Transforms one after another, each with a name. State: an ordered dict of theirs, by name.

    `opt["clip"]` is the link of that name; `state["clip"]` is its state, and `hyperparams(opt)` has its numbers.
    """

    # An ordered dict is a pytree in the order of its links; of a plain dict JAX sorts the names.
    transforms: Mapping[str, Transform] = part(
        convert=lambda links: OrderedDict((name, as_transform(link)) for name, link in links.items()), expect=LINKS
    )
    called = "named_chain"

    @property
    def links(self) -> tuple[Transform, ...]:
        """The transforms without their names."""
        return tuple(self.transforms.values())

    def init(self, params: Params) -> State:
        """Return the states of the links."""
        return OrderedDict((name, link.init(params)) for name, link in self.transforms.items())

    def update(self, grads: Grads, state: State, params: Params = None, **extra: Any) -> tuple[Updates, State]:
        """Return the updates of the last link."""
        if not isinstance(state, Mapping) or list(state) != list(self.transforms):
            found = f"a dict of {', '.join(map(str, state))}" if isinstance(state, Mapping) else type(state).__name__
            raise InputError(
                f"NamedChain.update: got {found}, expected the states of {', '.join(self.transforms)}; pass the state "
                "that this chain's init returned, as update(grads, state, params)."
            )
        states = OrderedDict()
        for name, link in self.transforms.items():
            grads, states[name] = link.update(grads, state[name], params, **extra)
        return grads, states

    def __getitem__(self, index: Any) -> Any:
        """Return the link of a name; by position, `init` and `update`, as optax's pairs have them."""
        return self.transforms[index] if isinstance(index, str) else super().__getitem__(index)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"named_chain({', '.join(map(repr, self.transforms.items()))})"


def named_chain(*args: tuple[str, Any]) -> NamedChain:
    """Apply transforms one after another: `named_chain(("clip", clip(1.0)), ("adam", adam(1e-3)))`."""
    for i, link in enumerate(args):
        if not (isinstance(link, tuple) and len(link) == 2 and _is_name(link[0])):
            raise InputError(f"named_chain: argument {i} is {link!r}, expected a pair of a name and a transform.")
    names = [name for name, _ in args]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"named_chain: the name {twice!r} stands twice; every link needs a name of its own.")
    return NamedChain(OrderedDict(args))
