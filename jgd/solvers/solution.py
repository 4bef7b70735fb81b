"""The solution of a minimization: the point, how good it is, and why it stopped there."""

import dataclasses
from typing import Any

import jax
import jax.core
import numpy as np

from jgd.core.outline import brief
from jgd.core.record import part, record
from jgd.core.status import Status
from jgd.core.types import Params

SHOWN = 8
"""Entries of an array that are printed; larger ones are outlined."""


@record
class Solution:
    """The last finite point and what is known about it. A pytree: under `vmap` every field has a leading axis.

    `status` is a `Status`; where `minimize` was called under `jit` or `vmap`, an i32 array of them, to be read with
    `Status.of`.
    """

    params: Params = part()
    value: Any = part()  # of params
    gradient_norm: Any = part()  # at params, the global Euclidean norm
    steps: Any = part()  # i32[], the steps taken
    status: Any = part()
    aux: Any = part(default=None)  # of params, where the function has one

    def __repr__(self) -> str:
        if isinstance(self.status, jax.core.Tracer):
            fields = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
            return f"Solution({', '.join(f'{name}={value!r}' for name, value in fields)})"
        codes, counts = np.unique(np.asarray(self.status), return_counts=True)
        if np.ndim(self.status):
            reasons = [f"{count} {Status.of(code)}" for code, count in zip(codes, counts, strict=True)]
            return "\n  ".join([f"{np.size(self.status)} solutions", *reasons])
        return (
            f"Solution after {int(self.steps)} steps: value {float(self.value):.6g}, gradient norm "
            f"{float(self.gradient_norm):.3g}\n  {Status.of(self.status)}\n  params: {brief(self.params)}"
        )
