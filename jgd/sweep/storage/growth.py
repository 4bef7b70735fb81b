"""More of the same study: what a folder may be asked for beyond what it holds, and what it cannot be."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.storage.files import read_known
from jgd.sweep.storage.spec import Json, settings_of

GROWING = ("num_trials", "rounds", "seeds", "steps")  # what may be more in a later call
# What only parts of one study differ in, so that `merge` makes one result of them.
MERGED = ("num_trials", "rounds", "seeds", "sampler", "seed", "where", "enqueue", "target")
AT_TARGET = "AtTarget"  # the rule that compares no trials


class Grown(NamedTuple):
    """Hold what a folder is after a call that asks for more."""

    parts: list[list[int]]  # trials of each space, round by round, for each call that asked for more
    asked: dict[str, str]  # the texts that are other than before


def round_sizes(num_trials: int, rounds: int) -> list[int]:
    """Return the trials of each space, round by round."""
    return [len(part) for part in np.array_split(np.arange(num_trials), min(rounds, num_trials))]


def parts_of(known: Json) -> list[list[int]]:
    """Return the trials of each space, round by round, for each call that asked a folder for more."""
    arguments = known["arguments"]
    return known.get("parts") or [round_sizes(arguments["num_trials"], arguments["rounds"])]


def grown(known: Json, asked: Mapping[str, str], settings: Settings, sizes: list[int], place: str) -> Grown:
    """Plan the growth of a folder to these trials, seeds and steps, or refuse what cannot be."""
    parts, before = parts_of(known), settings_of(known["settings"])
    there = sum(map(sum, parts))
    more, changed = sum(sizes) - there, {}
    ranks = bool(before.evolve) or any(type(rule).__name__ != AT_TARGET for rule in before.stop)
    refuse = Refusal(place)
    if more < 0:
        raise refuse(f"num_trials is {there} there and {sum(sizes)} here", f"pass num_trials={there} or more")
    if more:
        if before.evolve:
            raise refuse("a population cannot be joined later", "")
        if asked["sampler"] == "'grid'":
            raise refuse("a grid is no part of a larger one", "")
        parts = [*parts, round_sizes(more, len(sizes))]
        changed |= {name: asked[name] for name in ("num_trials", "rounds")}
    elif len(parts) > 1:  # its first calls had other rounds
        changed |= {"rounds": asked["rounds"]}
    for name, theirs, ours in (("seeds", before.seeds, settings.seeds), ("steps", (before.steps,), (settings.steps,))):
        if theirs == ours:
            continue
        if name == "seeds" and ours[: len(theirs)] != theirs:
            shown = f"seeds are {theirs} there and {ours} here"
            raise refuse(shown, "pass those and more behind them, as in a larger seeds=")
        if name == "steps" and (ours < theirs or before.steps % settings.eval_every):
            raise refuse(
                f"steps are {before.steps} there and {settings.steps} here",
                "pass as many or more, from a multiple of eval_every on",
            )
        if ranks or len(parts[0]) > 1:
            raise refuse(f"other {name} would change what rules or a sampler that learns have decided there", "")
        changed |= {name: asked[name]}
    return Grown(parts, changed)


class Refusal:
    """The error for more than a folder can be asked for."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __call__(self, reason: str, remedy: str) -> InputError:
        """Say why, what to pass, and what works instead."""
        first = f"{remedy}, or " if remedy else ""
        return InputError(
            f"{self._place}: {reason}; {first}name another dir, and jgd.sweep.merge makes one result of both."
        )


def eval_every_of(dir: str | os.PathLike[str]) -> int | None:
    """Return the distance of a folder's points, which more steps keep, whatever it would be by default.

    A new folder has none.
    """
    path = Path(dir) / "sweep.json"
    return settings_of(read_known(path)["settings"]).eval_every if path.exists() else None
