"""Rules of what follows a search that has ended: it is over, or it begins again from another start."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jgd.core.errors import InputError
from jgd.core.fingerprint import code_fingerprint, leaf_texts
from jgd.core.status import Status
from jgd.core.tree import name_of
from jgd.core.types import Params
from jgd.solvers.solution import Solution

DRAWS = 10
"""How often a start is drawn again before it counts as dead."""


class Once:
    """Every search ends once. Other rules are made from this one.

    `starts` of the methods are the host's, with a leading axis of searches, and may be written to. `state` is a pytree
    of the host's arrays, which a folder keeps and gives back.
    """

    state: Any = ()

    def begin(self, starts: Params, solutions: Solution) -> None:
        """Get to know the starts and the shapes of solutions."""
        self.count, self.ended = len(jax.tree.leaves(starts)[0]), 0

    @property
    def total(self) -> int:
        """How many searches will end in all."""
        return self.count

    def after(self, slots: np.ndarray, over: np.ndarray, ended: Solution, starts: Params) -> tuple[Any, Any]:
        """Tell which of the searches that are `over` begin again, and which solutions are kept, bool[lanes] both.

        `slots` are the searches of the lanes, `ended` the solutions in them; where a search begins again, its start
        has been replaced.
        """
        self.ended += int(over.sum())
        return np.zeros_like(over), over

    def finished(self, found: Solution) -> Solution:
        """Return the solutions with what this rule knows besides."""
        return found

    def spec(self) -> dict[str, str]:
        """Return the texts by which a folder knows this rule."""
        return {}


class Redraw(Once):
    """A start where the function is not finite is replaced by a draw, up to `DRAWS` times."""

    def __init__(self, draw: Callable[[jax.Array], Params], key: jax.Array) -> None:
        self.draw, self.key = draw, key

    def begin(self, starts: Params, solutions: Solution) -> None:
        """Count the draws of every search; refuse a sampler that does not draw starts before anything is searched."""
        super().begin(starts, solutions)
        self._drawn(starts, 0, 0)
        self.state = np.zeros(self.count, np.int32)

    def after(self, slots: np.ndarray, over: np.ndarray, ended: Solution, starts: Params) -> tuple[Any, Any]:
        """Draw for those whose first evaluation was not finite."""
        dead = over & (np.asarray(ended.status) == Status.NON_FINITE) & (np.asarray(ended.evaluations) == 1)
        dead &= self.state[slots] < DRAWS
        for search in slots[dead].tolist():
            new = self._drawn(starts, search, int(self.state[search]))
            for into, x in zip(jax.tree.leaves(starts), jax.tree.leaves(new), strict=True):
                into[search] = x
            self.state[search] += 1
        self.ended += int((over & ~dead).sum())
        return dead, over & ~dead

    def finished(self, found: Solution) -> Solution:
        """Return the solutions with the number of draws."""
        return dataclasses.replace(found, redrawn=self.state)

    def spec(self) -> dict[str, str]:
        """Return the sampler's code, and its key."""
        return {"redraw": code_fingerprint(self.draw)} | leaf_texts("key", jax.random.key_data(self.key))

    def _drawn(self, starts: Params, search: int, draws: int) -> Params:
        """Return a start, as a draw after so many others of a search."""
        new = self.draw(jax.random.fold_in(jax.random.fold_in(self.key, search), draws))
        if jax.tree.structure(new) != jax.tree.structure(starts):
            raise InputError(
                f"minimize_many(redraw=): it returned {jax.tree.structure(new)}, and a start is "
                f"{jax.tree.structure(starts)}; return a tree like one of the starts."
            )
        for (path, into), x in zip(jax.tree_util.tree_leaves_with_path(starts), jax.tree.leaves(new), strict=True):
            if np.shape(x) != into.shape[1:]:
                raise InputError(
                    f"minimize_many(redraw=): it returned {np.shape(x)} at {name_of(path)}, and a start has "
                    f"{into.shape[1:]}; return a tree like one of the starts."
                )
        return new
