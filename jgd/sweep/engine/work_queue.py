"""The chunks of a sweep, in memory and in its folder: which lanes are free, which run, and what came of them."""

import time
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jgd.core.fingerprint import steady_repr
from jgd.sweep.lanes.chunk import Chunk
from jgd.sweep.lanes.curves import Records
from jgd.sweep.lanes.devices import Devices
from jgd.sweep.lanes.group import Group
from jgd.sweep.lanes.layout import GroupReport, Layout
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.pruners.lineage import Lineage
from jgd.sweep.spaces.space import Trial
from jgd.sweep.storage.files import Saved, restore
from jgd.sweep.storage.spec import environment, listing, settings_json
from jgd.sweep.storage.store import Store

LONGEST_WAIT = 1.0  # seconds between two looks at what other processes have written


class WorkQueue:
    """The records of all lanes, and the chunks that the groups, which are of the last of `trials`, have run in.

    `before` has the records of the other trials. Where the store is shared, other processes take lanes too: what is
    decided of lanes is a function of the records alone, so all decide alike.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        groups: Sequence[Group],
        layouts: Sequence[Layout],
        settings: Settings,
        devices: Devices,
        metrics: Sequence[str],
        store: Store | None,
        before: Records | None,
        lineage: Lineage | None = None,
    ) -> None:
        self.start = len(before.reached) if before else 0
        self.records, self.store = Records(len(trials), settings, metrics, lineage), store
        self.chunks: dict[tuple[int, str], Chunk] = {}  # every one that has run, by group and name
        self._mine: set[tuple[int, str]] = set()
        self._claimed: tuple[int, Chunk] | None = None  # where the store is shared
        if before:
            self.records.copy(before)
        if store:
            shown = [
                {"first": key_of(group), "spaces": list(spaces_of(group)), "trials": len(group.trials)}
                | {"layout": list(layout), "program": _program(group)}
                for group, layout in zip(groups, layouts, strict=True)
            ]
            others = {"settings": settings_json(settings), "metrics": list(metrics), "rounds": [self.start]}
            self._enter(store.open(listing(trials), shown, environment=environment(devices.list), **others))

    @property
    def free(self) -> np.ndarray:
        """The lanes that no other process runs, bool[trials, seeds]."""
        free = np.ones(self.records.reached.shape, bool)
        if self.store and self.store.peers:
            for (_, name), chunk in self.chunks.items():
                if name in self.store.peers.taken:
                    real = chunk.members.real
                    free[chunk.members.trial[real], chunk.members.seed[real]] = False
        return free

    def claims(self, key: int, waiting: Callable[[np.ndarray], Iterator[Chunk]]) -> Iterator[Chunk]:
        """Yield the chunks of a group that `waiting(free)` makes, one after another, each for this process alone."""
        if self.store is None or self.store.peers is None:
            yield from waiting(self.free)
            return
        while True:
            with self.store.turn():
                self._enter(self.store.news())
                if (chunk := next(waiting(self.free), None)) is None:
                    return
                self.keep(key, chunk, running=True)
                self.store.flush()
            self._claimed = key, chunk
            yield chunk
            self._claimed = None

    def others_are_at(self, lanes: Callable[[], np.ndarray], interrupted: Callable[[], bool]) -> bool:
        """Wait while all of `lanes()`, bool[trials, seeds], are run by others; whether there are free ones then."""
        if self.store is None or self.store.peers is None:
            return False
        pause = 0.01
        while not interrupted():
            self._enter(self.store.news())
            if not lanes().any():
                return False
            if (lanes() & self.free).any():
                return True
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_WAIT)
        return False

    @property
    def workers(self) -> int:
        """The processes that share the sweep."""
        return self.store.workers if self.store else 1

    @property
    def due(self) -> bool:
        """Whether a chunk that runs on is worth a write."""
        return self.store is not None and self.store.due

    def keep(self, key: int, chunk: Chunk, running: bool) -> None:
        """Keep a chunk here and in the store, with what the records have of its lanes."""
        self.chunks[key, chunk.name] = chunk
        if self.store:
            self._mine.add((key, chunk.name))
            self.store.save(key, chunk, self.records.rows(chunk.members.trial, chunk.members.seed), running)

    def drop_states(self, passed: Callable[[Chunk], bool]) -> None:
        """Forget the states of chunks whose lanes have all gone on in others."""
        for (key, name), chunk in self.chunks.items():
            if chunk.state is not None and passed(chunk):
                self.chunks[key, name] = chunk = chunk._replace(state=None)
                if self.store and (self.store.peers is None or (key, name) in self._mine):
                    self.keep(key, chunk, running=False)

    def set_back(self, group: Group, start: int) -> None:
        """Set the lanes of a group that have steps left back to their last states here, or to the beginning.

        In a population, to `start` points at least, where others' states may be theirs.
        """
        reached = self.records.reached
        safe = np.full_like(reached, start if self.records.lineage else 0)
        for chunk in self.chunks_of(key_of(group)):
            if chunk.state is not None:
                at = chunk.members.trial[chunk.members.real], chunk.members.seed[chunk.members.real]
                safe[at] = np.maximum(safe[at], np.where(chunk.point <= reached[at], chunk.point, 0))
        mine = np.isin(np.arange(len(reached)), numbers_of(group))[:, None] & self.records.going
        reached[mine] = safe[mine]
        if self._claimed:  # it is nobody's now, as its lanes go on in others
            self.keep(*self._claimed, running=False)

    def close(self) -> None:
        """Return when all is on disk."""
        if self.store:
            self.store.flush()

    def chunks_of(self, key: int) -> list[Chunk]:
        """Return those of a group."""
        return [chunk for (first, _), chunk in self.chunks.items() if first == key]

    def name(self, key: int) -> str:
        """Return a name that no chunk of the group has had, and that no other process gives."""
        taken = [int(name.split("-")[1]) for first, name in self.chunks if first == key]
        ours = f"-{self.store.peers.name}" if self.store and self.store.peers else ""
        return f"{key}-{max(taken, default=-1) + 1}{ours}"

    def report(self, group: Group, layout: Layout) -> GroupReport:
        """Report the cost of the chunks of a group."""
        chunks = self.chunks_of(key_of(group))
        seconds, lane_steps = sum(x.seconds for x in chunks), sum(x.lane_steps for x in chunks)
        return GroupReport(spaces_of(group), len(group.trials), layout, seconds, lane_steps)

    def _enter(self, saved: Sequence[Saved]) -> None:
        """Take over what others have written."""
        restore(self.records, saved)
        self.chunks |= {(row.group, row.chunk.name): row.chunk for row in saved}


def key_of(group: Group) -> int:
    """Return the number by which a store knows a group: that of its first trial."""
    return group.trials[0].number


def spaces_of(group: Group) -> tuple[str, ...]:
    """Return the spaces that a group's trials are of."""
    return tuple(dict.fromkeys(trial.space for trial in group.trials))


def numbers_of(group: Group) -> np.ndarray:
    """Return the numbers of a group's trials, i[T]."""
    return np.array([trial.number for trial in group.trials])


def _program(group: Group) -> str:
    """Return a checksum of a group's structure: what is alike in several rounds has one program."""
    return f"{zlib.crc32(steady_repr((group.structure, group.varying)).encode()):08x}"
