"""Refusals of attributes: of one that is set, and of one that a record has not."""

import dataclasses
from typing import Any

from jgd.core.call_text import call_name

NUMBERS = "jgd.hyperparams(value) has the numbers of all that is in it, by name"
STEPS = (
    "it is a value without a state: updates, state = value.update(grads, state, params) and then "
    "jgd.apply_updates(params, updates) are a step, after state = value.init(params)"
)
INSTEAD = {  # what optimizers of torch, Keras, flax and jaxopt have
    **dict.fromkeys(("step", "apply", "apply_gradients", "zero_grad", "state", "state_dict", "opt_state"), STEPS),
    **dict.fromkeys(("minimize", "run", "solve"), "jgd.minimize(fn, value, params) minimizes a function with it"),
    **dict.fromkeys(("fit", "train"), "jgd.fit(task, value, steps=...) trains with it"),
}


def refuse_change(self: Any, name: str, *value: Any) -> None:
    """Refuse to set or to delete a field: in place of `__setattr__` and `__delattr__`."""
    if isinstance(getattr(type(self), name, None), property):
        raise dataclasses.FrozenInstanceError(
            f"{call_name(type(self))}.{name} is made of its fields and cannot be set; set those in a value of your own "
            "with dataclasses.replace."
        )
    kinds = {field.name: field.metadata.get("kind") for field in dataclasses.fields(self)}
    another = "jgd.with_hyperparams" if kinds.get(name, "hyper") in ("hyper", "hypers") else "dataclasses.replace"
    raise dataclasses.FrozenInstanceError(
        f"{call_name(type(self))} is a value and cannot be changed; make another with {another}(value, {name}=...)."
    )


def refuse_unknown(self: Any, name: str) -> Any:
    """Refuse an attribute that is not there: in place of `__getattr__`."""
    optimizer = hasattr(type(self), "init") and hasattr(type(self), "update") and not name.startswith("_")
    hint = f"; {INSTEAD.get(name, NUMBERS)}" if optimizer else ""
    raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name, obj=self)
