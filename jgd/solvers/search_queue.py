"""A queue of searches: so many at a time, within the memory that there is; those that end make room for the next."""

import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jgd.core.errors import InputError
from jgd.core.fingerprint import differences, leaf_texts, program_fingerprint, structure_text
from jgd.core.memory import free_bytes, ran_out
from jgd.core.progress import Progress
from jgd.core.status import Status
from jgd.core.storage import fill, load_arrays, named, save_arrays
from jgd.core.types import Params
from jgd.solvers.lanes import LaneLayout, LanePlan, Searches, end, go, lane_plan, no_turns, one_search, refill
from jgd.solvers.methods.vector import Vector
from jgd.solvers.restarts import Once
from jgd.solvers.solution import Solution

MOST = 1024
"""Lanes on a device, if nothing else is said."""
SHARE = 0.5
"""Of the memory that is free, what the searches may take."""
LONG = 0.5
"""Seconds of a segment that are worth compiling a program of fewer lanes."""
CODE = "code of the function and its method"
"""The entry of a folder's description that holds the traced program."""
EVERY = 10.0
"""Seconds between two writes of what has ended."""
FILE = "searches.safetensors"


class SearchQueue:
    """Searches from `starts`, of which at most `lanes` run side by side, and the solutions of those that have ended.

    `place` is the function that was called, for messages; `restarts` decides whether a search that ended begins again.
    """

    def __init__(
        self,
        place: str,
        searches: Searches,
        starts: Params,
        args: tuple[Any, ...],
        own: tuple[bool, ...],
        lanes: int | None,
        restarts: Once,
    ) -> None:
        self.place, self.restarts = place, restarts
        self.starts: Any = jax.tree.map(np.array, starts)  # copies, since other starts are put into them
        self.count = len(jax.tree.leaves(starts)[0])
        self.devices = jax.local_devices()[: min(self.count, lanes or self.count)]
        self.layout = LaneLayout(Vector.like(self._row(self.starts)), own, Mesh(np.array(self.devices), ("lanes",)))
        self.searches = jax.device_put(searches, self.layout.everywhere)
        self.args = tuple(
            arg if mine else jax.device_put(arg, self.layout.everywhere) for arg, mine in zip(args, own, strict=True)
        )
        self.done, self.kept = np.zeros(self.count, bool), np.zeros(self.count, bool)
        self.turns: Any = None
        self.width = self._fitting(min(_rounded(self.count, len(self.devices)), lanes or MOST * len(self.devices)))
        solutions = self._plan(self.width).solutions
        self.found: Any = jax.tree.map(lambda x: np.zeros((self.count, *x.shape[1:]), x.dtype), solutions)
        restarts.begin(self.starts, solutions)

    def run(self, folder: Path | None, progress: bool | None) -> Solution:
        """Return every solution, in the order of the starts; what a folder holds is not searched again."""
        spec = {} if folder is None else self._spec()
        if folder is not None and (folder / FILE).exists():
            self._read(folder / FILE, spec)
        self.waiting = np.flatnonzero(~self.done).tolist()
        self.slots = np.full(self.width, -1)
        try:
            with Progress(self.place, self.restarts.total, self.restarts.ended, progress) as line:
                self._all(folder, spec, line)
        finally:
            if folder is not None:
                self._write(folder, spec)
        return self.restarts.finished(self.found)

    def _all(self, folder: Path | None, spec: dict[str, str], line: Progress) -> None:
        """Go on, segment after segment, until nothing waits and nothing is under way."""
        written = time.monotonic()
        while self.waiting or (self.slots >= 0).any():
            begun = time.monotonic()
            try:
                self._segment()
            except Exception as error:
                self._halve(error)
            line.update(self.restarts.ended, f"best {np.nanmin(self.found.value, initial=np.inf, where=self.kept):.4g}")
            if folder is not None and time.monotonic() - written > EVERY:
                self._write(folder, spec)
                written = time.monotonic()
            self._narrow(time.monotonic() - begun)

    def _segment(self) -> None:
        """Fill the places that are free, go on, and take what has ended."""
        free = np.flatnonzero(self.slots < 0)[: len(self.waiting)]
        if len(free):
            self.slots[free], self.waiting = self.waiting[: len(free)], self.waiting[len(free) :]
            self._put_args()
            fresh = np.zeros(len(self.slots), bool)
            fresh[free] = True
            fresh, starts = jax.device_put(fresh, self.layout.rows), self._rows(self.starts)
            if self.turns is None:
                self.turns = no_turns(self.layout, self.searches, self.placed, starts)
            self.turns = refill(self.layout, self.searches, self.placed, self.turns, starts, fresh)
        self.turns = go(self.layout, self.searches, self.placed, self.turns)
        over = (self.slots >= 0) & (np.asarray(self.turns.status) != Status.RUNNING)
        if over.any():
            self._take(over)

    def _take(self, over: np.ndarray) -> None:
        """Keep the solutions of the searches that are over, unless they begin again; bool[lanes]."""
        ended: Any = jax.tree.map(np.asarray, end(self.layout, self.searches, self.placed, self.turns))
        again, kept = self.restarts.after(self.slots, over, ended, self.starts)
        self.waiting = [*self.slots[again].tolist(), *self.waiting]
        self.done[self.slots[over & ~again]] = True
        into = self.slots[kept]
        self.kept[into] = True

        def put(found: np.ndarray, new: np.ndarray) -> None:
            found[into] = new[kept]

        jax.tree.map(put, self.found, ended)
        self.slots[over] = -1

    def _rows(self, tree: Any) -> Any:
        """Return the rows of the searches that are under way; a place that is free holds a copy of the first."""
        rows = np.maximum(self.slots, 0)
        return jax.device_put(jax.tree.map(lambda x: x[rows], tree), self.layout.rows)

    def _put_args(self) -> None:
        """Put the arguments of the searches that are under way on the devices."""
        self.placed = tuple(
            self._rows(arg) if mine else arg for arg, mine in zip(self.args, self.layout.own, strict=True)
        )

    def _fitting(self, width: int) -> int:
        """Return at most so many lanes, as many as take their share of the memory that is free, all devices alike."""
        while True:
            width = max(1, width // len(self.devices)) * len(self.devices)
            free = free_bytes(self.devices[0])
            need = self._plan(width).bytes_needed * (len(self.devices) if self.devices[0].platform == "cpu" else 1)
            if free is None or need <= SHARE * free or width == len(self.devices):
                return width
            width = min(width // 2, int(width * SHARE * free / need))

    def _plan(self, width: int) -> LanePlan:
        """Describe what so many lanes hold and take."""
        rows, everywhere = self.layout.rows, self.layout.everywhere

        def many(x: Any) -> Any:
            return jax.ShapeDtypeStruct((width, *x.shape[1:]), x.dtype, sharding=rows)

        def shared(x: Any) -> Any:
            return jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=everywhere)

        args = tuple(
            jax.tree.map(many if mine else shared, arg) for arg, mine in zip(self.args, self.layout.own, strict=True)
        )
        return lane_plan(self.layout, self.searches, args, jax.tree.map(many, self.starts))

    @staticmethod
    def _row(tree: Any) -> Any:
        """Return the shapes of one search's part."""
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), tree)

    def _halve(self, error: Exception) -> None:
        """Begin the searches that were under way again, half as many at a time, where memory ran out."""
        if not ran_out(error):
            raise error
        width = len(self.slots)
        if width <= len(self.devices):
            raise InputError(
                f"{self.place}: one search on each device does not fit into its memory; choose a method that keeps "
                "less, such as 'l-bfgs'."
            ) from error
        warnings.warn(
            f"{self.place}: memory ran out with {width} searches at a time; it goes on with {width // 2}, and "
            f"{self.place}(lanes={width // 2}) begins with that.",
            stacklevel=4,
        )
        self.waiting = [*self.slots[self.slots >= 0].tolist(), *self.waiting]
        self.turns = None
        self.slots = np.full(self._fitting(width // 2), -1)

    def _narrow(self, seconds: float) -> None:
        """Go on with fewer lanes where a quarter of them is left, and segments are long enough to pay for compiling."""
        under_way = np.flatnonzero(self.slots >= 0)
        if self.waiting or seconds < LONG or len(under_way) > len(self.slots) // 4 or self.turns is None:
            return
        width = _rounded(max(1, len(under_way)), len(self.devices))
        if width >= len(self.slots):
            return
        rows = np.resize(under_way, width) if len(under_way) else np.zeros(width, int)
        self.slots = np.where(np.arange(width) < len(under_way), self.slots[rows], -1)
        self.turns = jax.device_put(jax.tree.map(lambda x: x[rows], self.turns), self.layout.rows)
        self._put_args()

    def _spec(self) -> dict[str, str]:
        """Return the texts by which a folder knows whether it answers for this call."""
        args = tuple(self._row(arg) if mine else arg for arg, mine in zip(self.args, self.layout.own, strict=True))
        one = partial(one_search, self.layout)
        spec = {CODE: program_fingerprint(one, self.searches, args, self._row(self.starts))}
        spec |= {"method": structure_text(self.searches.method), "stop": structure_text(self.searches.stop)}
        spec |= self.restarts.spec()
        values = {"searches": self.searches, "starts": self.starts, "args": self.args}
        return spec | {name: text for title, value in values.items() for name, text in leaf_texts(title, value).items()}

    def _write(self, folder: Path, spec: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        trees = {"found": self.found, "starts": self.starts, "restarts": self.restarts.state}
        arrays = {"done": self.done, "kept": self.kept, "ended": np.array(self.restarts.ended)}
        for title, tree in trees.items():
            arrays |= named(tree, title)
        save_arrays(folder / FILE, arrays, {"spec": spec, "jax": jax.__version__})

    def _read(self, path: Path, spec: dict[str, str]) -> None:
        arrays, meta = load_arrays(path)
        place = f"{self.place}(dir={str(path.parent)!r})"
        theirs = meta.get("spec", {})
        if meta.get("jax") != jax.__version__:  # which may trace another program
            theirs = {**theirs, CODE: spec[CODE]}
        if differing := differences(theirs, spec):
            raise InputError(
                f"{place}: it holds another call's searches: {differing}; pass another folder, or the arguments of "
                "that call."
            )

        def kept(tree: Any, title: str) -> Any:
            return jax.tree.map(np.array, fill(tree, arrays, title, place=place))

        self.found, self.starts = kept(self.found, "found"), kept(self.starts, "starts")
        self.restarts.state, self.restarts.ended = kept(self.restarts.state, "restarts"), int(arrays["ended"])
        self.done, self.kept = np.array(arrays["done"]), np.array(arrays["kept"])


def _rounded(count: int, devices: int) -> int:
    """Return the lanes for so many searches, an eighth more at most, so that calls of about as many share a program."""
    each = -(-count // devices)
    step = 2 ** max(0, (each - 1).bit_length() - 3)
    return -(-each // step) * step * devices
