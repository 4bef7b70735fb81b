"""The end of a sweep on request: a Ctrl-C, or a time that is up."""

import math
import time

from jgd.train.interrupt import Interrupt


class TimeLimit:
    """Seconds from here on, compilation included. Over after a segment at the earliest, so that each call goes on."""

    def __init__(self, seconds: float | None) -> None:
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        self.ran = False  # whether a segment has

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.ran and time.monotonic() >= self._until


class Ending(Interrupt):
    """While it is open, `requested` says that the sweep is to end after the segment; see `Interrupt`."""

    def __init__(self, limit: TimeLimit) -> None:
        self.limit, self._asked = limit, False

    def __enter__(self) -> "Ending":
        super().__enter__()
        return self

    @property
    def requested(self) -> bool:  # type: ignore[override]
        """Whether somebody has asked, or the time is up."""
        return self._asked or self.limit.over

    @requested.setter
    def requested(self, value: bool) -> None:
        self._asked = value
