"""The trials of a sweep: what its samplers propose for each space, round after round, and hear of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jgd.core.errors import InputError
from jgd.sweep.samplers.by_name import make_sampler
from jgd.sweep.samplers.enqueued import by_space, point_of
from jgd.sweep.samplers.points import HearsOfPruned, Sampler, TakesPoints
from jgd.sweep.spaces.distributions import Listed, Parts
from jgd.sweep.spaces.space import Axis, Origin, Trial, axes, check_extremes, params_at, with_grids

Where = Callable[[dict[str, Any]], Any]
TRIES = 1000  # points that a condition may reject for each one that it accepts, on average


class Proposals:
    """Trials of one or several spaces, numbered from zero over all of them and all rounds.

    `where(params)` says whether a trial's values by name go together; points for which it is false are drawn again,
    and a sampler hears of them as failures.
    """

    def __init__(
        self,
        task: Any,
        spaces: Mapping[str, Any],
        sampler: Any,
        seed: int,
        where: Where | None,
        enqueue: Any = None,
    ) -> None:
        if where is not None and not callable(where):
            raise InputError(f"run(where={where!r}): expected a function of a trial's params that returns a bool.")
        self._sampler_name, self._where, self._count = sampler, where, 0
        self._spaces = [self._space(name, task, space, sampler, seed, len(spaces)) for name, space in spaces.items()]
        for name, settings in by_space(enqueue, list(spaces)).items():
            self._enqueue(next(space for space in self._spaces if space.name == name), settings)
        self._told: dict[int, int] = {}  # what its sampler calls each trial that it has not heard of

    def ask(self, num_trials: int) -> list[Trial]:
        """The next `num_trials` of each space, fewer where a sampler has no more; of a space without axes just one."""
        trials: list[Trial] = []
        for space in self._spaces:
            points = self._points(space, num_trials)
            start = len(trials)
            for row, point in points:
                trials.append(Trial(self._count, space.name, space.axes, tuple(point), space.origin))
                if space.sampler is not None and row is not None:
                    self._told[self._count] = row
                self._count += 1
            check_extremes(trials[start:])
        return trials

    def tell(
        self, trials: Sequence[Trial], losses: Sequence[float], pruned: Sequence[int | None] | None = None
    ) -> None:
        """What became of trials: lower is better, infinity has failed.

        `pruned` are the steps after which rules have ended trials, whose losses are of then; None of all others.
        """
        heard: dict[str, list[tuple[int, float, int | None]]] = {}
        for trial, loss, steps in zip(trials, losses, pruned or [None] * len(trials), strict=True):
            if trial.number in self._told:
                heard.setdefault(trial.space, []).append((self._told.pop(trial.number), float(loss), steps))
        for space in self._spaces:
            if space.sampler is not None and space.name in heard:
                _tell(space.sampler, heard[space.name])

    def _space(self, name: str, task: Any, optimizer: Any, sampler: Any, seed: int, count: int) -> "_Space":
        task, optimizer = with_grids(task), with_grids(optimizer)
        found = axes(task, optimizer)
        made = make_sampler(sampler, found, seed, count) if found else None
        space = _Space(name, Origin(task, optimizer), tuple(found), made, [], [])
        for i in range(len(found)):
            # The ends as well, so that a bound out of range does not take an unlucky draw to be noticed.
            for point in _ends(found, i):
                if self._accepts(space, point):
                    check_extremes([Trial(0, name, space.axes, tuple(point), space.origin)])
        return space

    def _enqueue(self, space: "_Space", settings: Sequence[Mapping[str, Any]]) -> None:
        """Have these settings come first; a sampler that can hear of them proposes them itself."""
        points = [point_of(space.name, space.axes, one) for one in settings]
        for point, one in zip(points, settings, strict=True):
            if not self._accepts(space, point):
                raise InputError(f"run(enqueue=): run(where=) rejects {dict(one)!r} of {space.name!r}; leave it out.")
            check_extremes([Trial(0, space.name, space.axes, tuple(point), space.origin)])
        if isinstance(space.sampler, TakesPoints):
            space.sampler.enqueue(points)
        elif space.sampler is not None:
            space.queue.extend(points)

    def _points(self, space: "_Space", count: int) -> list[tuple[int | None, list[float]]]:
        """The next accepted points of a space, with their numbers among all that its sampler was asked for.

        Those that were enqueued, and that the sampler does not know, have none.
        """
        if space.queue:
            queued = [space.queue.pop(0) for _ in range(min(count, len(space.queue)))]
            rest = self._points(space, count - len(queued)) if len(queued) < count else []
            return [*((None, point) for point in queued), *rest]
        first = not space.asked
        if space.sampler is None:
            space.asked.append(1)
            if first and not self._accepts(space, []):
                raise InputError(f"run(where=): it rejects {space.name!r}, which has no distributions; leave it out.")
            return [(0, [])] if first else []
        kept: list[tuple[int | None, list[float]]] = []
        drawn = 0
        while len(kept) < count:
            points = self._ask(space, count - len(kept), drawn)
            start = sum(space.asked)
            space.asked.append(len(points))
            drawn += len(points)
            accepted = [self._accepts(space, point) for point in points]
            kept += [(start + i, point) for i, point in enumerate(points) if accepted[i]]
            rejected = [start + i for i in range(len(points)) if not accepted[i]]
            if rejected:
                space.sampler.tell(rejected, [float("inf")] * len(rejected))
            if self._where is None or not points:
                break
            if drawn >= TRIES * count and len(kept) < count:
                raise InputError(
                    f"run(where=): it accepted {len(kept)} of {drawn} points of {space.name!r}, and {count} are "
                    "needed; narrow the ranges, or loosen the condition."
                )
        if not kept and first:
            raise InputError(f"run(where=): it rejects every point of {space.name!r}; loosen the condition.")
        return kept

    def _ask(self, space: "_Space", count: int, drawn: int) -> list[list[float]]:
        """Points from the sampler, checked; none where it has no more."""
        assert space.sampler is not None
        points, size = np.asarray(space.sampler.ask(count), float), len(space.axes)
        empty = not points.size and (drawn or space.asked)
        if not empty and (points.ndim != 2 or points.shape[1] != size or not np.all((points >= 0) & (points <= 1))):
            raise InputError(
                f"run(sampler={self._sampler_name!r}): ask returned f{list(points.shape)}, expected f[trials, {size}] "
                "with at least one row and numbers from 0 to 1."
            )
        return points.tolist()

    def _accepts(self, space: "_Space", point: Sequence[float]) -> bool:
        if self._where is None:
            return True
        params = params_at(space.axes, point)
        try:
            return bool(self._where(params))
        except KeyError as error:
            raise InputError(
                f"run(where=): a trial of {space.name!r} has no {error}, only {', '.join(params) or 'no params'}; "
                "where a name may be absent, use params.get(name, default)."
            ) from None


class _Space(NamedTuple):
    """A space and its sampler; None where there is nothing to sample."""

    name: str
    origin: Origin
    axes: tuple[Axis, ...]
    sampler: Sampler | None
    asked: list[int]  # points, call by call
    queue: list[list[float]]  # points that come first, and that the sampler does not know


def _tell(sampler: Sampler, heard: Sequence[tuple[int, float, int | None]]) -> None:
    """Tell a sampler what became of points: number, loss, and the steps after which a rule has ended it."""
    if isinstance(sampler, HearsOfPruned):
        if ended := [row for row in heard if row[2] is not None]:
            sampler.tell_pruned(*zip(*ended, strict=True))
        heard = [row for row in heard if row[2] is None]
    if heard:
        ids, values = zip(*((i, loss if steps is None else float("inf")) for i, loss, steps in heard), strict=True)
        sampler.tell(ids, values)


def _ends(found: Sequence[Axis], i: int) -> list[list[float]]:
    """Points at the ends of an axis, or at every option of a choice, and in the middle of all others that matter."""
    distribution = found[i].distribution
    units, points = distribution.grid(2), []
    if isinstance(distribution, Listed) and distribution.ordered:  # a list may be as long as the sweep
        units = units[[int(np.argmin(distribution.options)), int(np.argmax(distribution.options))]]
    for unit in units.tolist():
        point = [0.5] * len(found)
        for choice, option in found[i].when[0]:
            parent = found[choice].distribution
            assert isinstance(parent, Parts)
            point[choice] = (option + 0.5) / len(parent.options)
        point[i] = unit
        points.append(point)
    return points
