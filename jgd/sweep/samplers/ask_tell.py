"""The trials of a sweep: what its samplers propose for each space, round after round, and hear of it."""

import dataclasses
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from jgd.core.errors import InputError
from jgd.core.outline import shown
from jgd.sweep.samplers.by_name import make_sampler
from jgd.sweep.samplers.enqueued import by_space, point_of
from jgd.sweep.samplers.points import Grid, HearsOfPruned, Sampler, TakesPoints
from jgd.sweep.spaces.combinations import num_settings, setting_at
from jgd.sweep.spaces.distributions import Listed, Parts
from jgd.sweep.spaces.space import Axis, Origin, Trial, axes, check_extremes, params_at, with_grids

Where = Callable[[dict[str, Any]], Any]
TRIES = 1000  # points that a condition may reject for each one that it accepts, on average
FRUITLESS = 20  # calls of a sampler in a row that bring no new setting, after which random points help it out
AT_RANDOM = 64  # of those


class Proposals:
    """Trials of one or several spaces, numbered from zero over all of them and all rounds.

    `where(params)` says whether a trial's values by name go together; points for which it is false are drawn again,
    and a sampler hears of them as failures. A setting of a space that has only so many is one trial: where a sampler
    proposes it again, it hears the outcome of that one, and another is drawn, until there are none. With `repeats`, as
    a population needs, all are trials. Where so many are `wanted`, fewer are warned of.
    """

    def __init__(
        self,
        task: Any,
        spaces: Mapping[str, Any],
        sampler: Any,
        seed: int,
        where: Where | None,
        enqueue: Any = None,
        repeats: bool = False,
        wanted: bool = True,
    ) -> None:
        self._sampler_name, self._where, self._count, self._wanted = sampler, where, 0, wanted
        self._seed, self._repeats = seed, repeats
        self._spaces = [self._space(name, task, space, sampler, seed, len(spaces)) for name, space in spaces.items()]
        for name, settings in by_space(enqueue, list(spaces)).items():
            self._enqueue(next(space for space in self._spaces if space.name == name), settings)

    def ask(self, num_trials: int) -> list[Trial]:
        """Return the next `num_trials` of each space, fewer where a sampler has no more.

        A space without axes has just one.
        """
        trials: list[Trial] = []
        for space in self._spaces:
            points = self._points(space, num_trials)
            start = len(trials)
            for rows, point in points:
                trials.append(Trial(self._count, space.name, space.axes, tuple(point), space.origin))
                space.rows[self._count] = rows
                self._count += 1
            check_extremes(trials[start:])
        return trials

    def tell(
        self, trials: Sequence[Trial], losses: Sequence[float], pruned: Sequence[int | None] | None = None
    ) -> None:
        """Tell the sampler the losses of trials: lower is better, infinity has failed.

        `pruned` are the steps after which rules have ended trials, whose losses are of then; None of all others.
        """
        named = {space.name: space for space in self._spaces}
        heard: dict[str, list[tuple[int, float, int | None]]] = {}
        for trial, loss, steps in zip(trials, losses, pruned or [None] * len(trials), strict=True):
            space = named[trial.space]
            rows = space.rows.pop(trial.number, [])
            heard.setdefault(trial.space, []).extend((row, float(loss), steps) for row in rows)
            if space.size is not None:
                space.known[setting_at(space.axes, trial.units)].outcome = float(loss), steps
        for name, rows in heard.items():
            if (sampler := named[name].sampler) is not None and rows:
                _tell(sampler, rows)

    def _space(self, name: str, task: Any, optimizer: Any, sampler: Any, seed: int, count: int) -> "_Space":
        task, optimizer = with_grids(task), with_grids(optimizer)
        found = axes(task, optimizer)
        made = make_sampler(sampler, found, seed, count) if found else None
        size = None if self._repeats or not found else num_settings(found)
        space = _Space(name, Origin(task, optimizer), tuple(found), made, size)
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

    def _points(self, space: "_Space", count: int) -> list[tuple[list[int], list[float]]]:
        """Give the next accepted points of a space, each with its numbers among all that its sampler was asked for."""
        first = not space.asked
        if space.sampler is None:
            space.asked = 1
            if first and not self._accepts(space, []):
                raise InputError(f"run(where=): it rejects {space.name!r}, which has no distributions; leave it out.")
            return [([], [])] if first else []
        kept: list[tuple[list[int], list[float]]] = []
        drawn = fruitless = 0
        while space.queue and len(kept) < count:
            self._sort(space, [(None, space.queue.pop(0))], kept, count)
        while len(kept) < count and not space.spent:
            before, start = len(kept), space.asked
            points = self._ask(space, count - len(kept), drawn)
            space.asked += len(points)
            drawn += len(points)
            self._sort(space, list(enumerate(points, start)), kept, count)
            if not points or (self._where is None and space.size is None):
                break
            fruitless = 0 if len(kept) > before else fruitless + 1
            if space.size is not None and fruitless >= FRUITLESS:
                others = np.random.default_rng((self._seed, space.asked)).random((AT_RANDOM, len(space.axes)))
                drawn += len(others)
                self._sort(space, [(None, point) for point in others.tolist()], kept, count)
            if drawn >= TRIES * count and len(kept) < count:
                raise InputError(
                    f"run(where=): it accepted {len(kept)} of {drawn} points of {space.name!r}, and {count} are "
                    "needed; narrow the ranges, or loosen the condition."
                )
        by_design = isinstance(space.sampler, Grid) and drawn <= len(space.known)  # a grid may be smaller than asked
        if self._wanted and space.spent and len(kept) < count and not by_design:
            space.warn()
        if not kept and first:
            raise InputError(f"run(where=): it rejects every point of {space.name!r}; loosen the condition.")
        return kept

    def _sort(
        self, space: "_Space", rows: Sequence[tuple[int | None, list[float]]], kept: list[Any], count: int
    ) -> None:
        """Add the new ones of accepted points to `kept`; of the others the sampler hears, now or with their trial."""
        heard: list[tuple[int, float, int | None]] = []
        for row, point in rows:
            if len(kept) >= count:
                break
            setting = None if space.size is None else setting_at(space.axes, point)
            if (known := space.known.get(setting)) is None:
                accepted = self._accepts(space, point)
                known = _Setting([], None if accepted else (float("inf"), None))
                if setting is not None:
                    space.known[setting] = known
                if accepted:
                    kept.append((known.rows, point))
            if row is not None and known.outcome is None:
                known.rows.append(row)
            elif row is not None and known.outcome is not None:
                heard.append((row, *known.outcome))
        if heard and space.sampler is not None:
            _tell(space.sampler, heard)

    def _ask(self, space: "_Space", count: int, drawn: int) -> list[list[float]]:
        """Return points from the sampler, checked; none where it has no more."""
        assert space.sampler is not None
        answer, size = space.sampler.ask(count), len(space.axes)
        try:
            points = np.asarray(answer, float)
        except (TypeError, ValueError):
            points = np.array(np.nan)
        empty = not points.size and (drawn or space.asked)
        fits = points.ndim == 2 and points.shape == (min(len(points), count), size)
        if not empty and not (fits and np.all((points >= 0) & (points <= 1))):
            found = f"f{list(points.shape)}" if points.ndim and not fits else shown(answer)
            raise InputError(
                f"run(sampler={shown(self._sampler_name)}): ask({count}) returned {found}, expected f[trials, {size}] "
                f"with 1 to {count} rows and numbers from 0 to 1."
            )
        return points.tolist()

    def _accepts(self, space: "_Space", point: Sequence[float]) -> bool:
        if self._where is None:
            return True
        params = params_at(space.axes, point)
        try:
            answer = self._where(params)
        except KeyError as error:
            raise InputError(
                f"run(where=): a trial of {space.name!r} has no {error}, only {', '.join(params) or 'no params'}; "
                "where a name may be absent, use params.get(name, default)."
            ) from None
        if not isinstance(answer, (bool, np.bool_)) and not (_is_flag(answer)):
            raise InputError(f"run(where=): it returned {shown(answer)} for {params!r}, expected True or False.")
        return bool(answer)


@dataclasses.dataclass
class _Setting:
    """A setting that has been proposed."""

    rows: list[int]  # its numbers among the sampler's points, which have not been told of it
    outcome: tuple[float, int | None] | None  # its loss, and the steps after which a rule has ended it


@dataclasses.dataclass(eq=False)
class _Space:
    """A space and its sampler; None where there is nothing to sample."""

    name: str
    origin: Origin
    axes: tuple[Axis, ...]
    sampler: Sampler | None
    size: int | None  # the settings that it has, where each is to be one trial
    asked: int = 0  # points
    rows: dict[int, list[int]] = dataclasses.field(default_factory=dict)  # by the numbers of trials not told of
    known: dict[Hashable, _Setting] = dataclasses.field(default_factory=dict)
    queue: list[list[float]] = dataclasses.field(default_factory=list)  # come first, unknown to the sampler
    warned: bool = False

    @property
    def spent(self) -> bool:
        """Whether all its settings have been proposed."""
        return self.size is not None and len(self.known) >= self.size

    def warn(self) -> None:
        """Warn, once, that there are no more trials."""
        if not self.warned:
            plural = "settings, each of which is" if self.size != 1 else "setting, which is"
            warnings.warn(
                f"run(num_trials=): {self.name!r} has only {self.size} {plural} one trial, so there are fewer trials "
                "than asked for; more seeds tell them apart better.",
                stacklevel=5,
            )
        self.warned = True


def _is_flag(answer: Any) -> bool:
    """Tell whether it is an array of one truth value."""
    return getattr(answer, "dtype", None) == np.bool_ and np.size(answer) == 1


def _tell(sampler: Sampler, heard: Sequence[tuple[int, float, int | None]]) -> None:
    """Tell a sampler the outcomes of points: number, loss, and the steps after which a rule has ended it."""
    if isinstance(sampler, HearsOfPruned):
        if ended := [row for row in heard if row[2] is not None]:
            sampler.tell_pruned(*zip(*ended, strict=True))
        heard = [row for row in heard if row[2] is None]
    if heard:
        ids, values = zip(*((i, loss if steps is None else float("inf")) for i, loss, steps in heard), strict=True)
        sampler.tell(ids, values)


def _ends(found: Sequence[Axis], i: int) -> list[list[float]]:
    """Return points at the ends of an axis, or at every option of a choice, in the middle of all others that matter."""
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
