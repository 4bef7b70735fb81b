"""Whether the content of a sweep's files makes sense, beside its checksums: a folder may be somebody else's."""

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from jgd.sweep.lanes.chunk import Arrays, Chunk
from jgd.sweep.spaces.distributions import Parts
from jgd.sweep.spaces.space import Trial
from jgd.sweep.storage.spec import Json, settings_of, trials_of

MOST_POINTS = 10**7  # of a curve


def check_sweep(known: Json) -> None:
    """Raise ValueError, or whatever else wrong content raises, unless this is what a sweep's JSON holds."""
    _every("asked", known["asked"], dict, _is_text)
    _every("metrics", known["metrics"], list, _is_text)
    _expect(_is_text(known["hash"]), "hash")
    _every("parts", known.get("parts", []), list, lambda part: bool(part) and all(map(_is_count, part)))
    _expect(_is_count(known["arguments"]["num_trials"]) and _is_count(known["arguments"]["rounds"]), "arguments")
    _check_settings(known)
    trials = trials_of(known["listing"])
    _every("trials", trials, list, _is_trial)
    _every("rounds", known["rounds"], list, lambda first: _is_whole(first) and 0 <= first < len(trials))
    _every("groups", known["groups"], list, lambda group: _is_group(group, len(trials)))
    _every("environments", known["environments"], list, lambda one: all(map(_is_text, one.values())) and one["devices"])


def check_chunk(group: Any, chunk: Chunk, rows: Arrays) -> None:
    """Raise ValueError, or whatever else wrong content raises, unless this is what a chunk's file holds."""
    members, size = chunk.members, len(chunk.members.real)
    _expect(_is_whole(group) and group >= 0 and _is_whole(chunk.point) and chunk.point >= 0, "group")
    _expect(_is_whole(chunk.lane_steps) and _is_number(chunk.seconds), "seconds")
    _expect(members.real.dtype == bool and members.real.shape == (size,), "members")
    for x in (members.row, members.trial, members.seed, rows["reached"], rows["diverged_at"]):
        _expect(x.shape == (size,) and x.dtype.kind in "iu", "members")
    _expect(bool(np.all(np.array([members.row, members.trial, members.seed])[:, members.real] >= 0)), "members")
    _expect(bool(np.all(rows["reached"] >= 0)), "reached")
    for name, x in rows.items():
        _expect(not name.startswith("curves/") or (x.ndim == 2 and x.dtype.kind == "f"), name)
    _expect(all(x.shape[:1] == (size,) for x in (chunk.state or {}).values()), "state")


def _check_settings(known: Json) -> None:
    settings = settings_of(known["settings"])
    _every("seeds", list(settings.seeds), list, lambda seed: _is_whole(seed) and 0 <= seed < 2**32)
    _expect(bool(settings.seeds) and len(set(settings.seeds)) == len(settings.seeds), "seeds")
    _expect(_is_count(settings.steps) and _is_count(settings.eval_every), "steps")
    _expect(settings.eval_every <= settings.steps <= settings.eval_every * MOST_POINTS, "eval_every")
    _expect(settings.metric in known["metrics"] and settings.mode in ("min", "max"), "metric")
    _every("watched", list(settings.watched), list, lambda name: _is_text(name) and name in known["metrics"])
    _expect(settings.target is None or _is_number(settings.target), "target")
    _expect(_is_whole(settings.seed), "seed")
    _expect(all(_is_whole(count) for count in settings.decisions), "stop")


def _is_trial(trial: Trial) -> bool:
    fitting = _is_text(trial.space) and len(trial.units) == len(trial.axes)
    if not fitting or not all(_is_number(unit) and 0 <= unit <= 1 for unit in trial.units):
        return False
    for i, axis in enumerate(trial.axes):
        routes = [way for route in axis.when for way in route]
        if not _is_text(axis.name) or not all(
            0 <= at < i and isinstance(trial.axes[at].distribution, Parts) for at, _ in routes
        ):
            return False
        shown = axis.distribution.shown(trial.units[i])
        _expect(isinstance(axis.distribution, Parts) or _is_number(shown), axis.name)
        axis.distribution.edge(trial.units[i])
        hash(shown)
    repr(trial)
    return True


def _is_group(group: Json, trials: int) -> bool:
    known = _is_whole(group["first"]) and 0 <= group["first"] < trials and _is_count(group["trials"])
    layout = len(group["layout"]) == 3 and all(map(_is_whole, group["layout"]))
    return known and layout and all(map(_is_text, group["spaces"])) and _is_text(group["program"])


def _every(name: str, items: Any, kind: type, fits: Callable[[Any], Any]) -> None:
    _expect(isinstance(items, kind), name)
    _expect(all(fits(item) for item in (items.values() if isinstance(items, dict) else items)), name)


def _expect(holds: Any, name: str) -> None:
    if not holds:
        raise ValueError(f"its {name} cannot be")


def _is_text(x: Any) -> bool:
    return isinstance(x, str)


def _is_whole(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _is_count(x: Any) -> bool:
    return _is_whole(x) and 1 <= x < 2**53


def _is_number(x: Any) -> bool:
    return isinstance(x, numbers.Real) and not isinstance(x, bool) and math.isfinite(x)
