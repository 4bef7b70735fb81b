"""The progress line while programs compile."""

import time
from collections.abc import Callable

from jgd.core.compilation import cache_hits
from jgd.pages.text import count


class CompilingLine:
    """Word the progress line while the programs of one stage compile: how many are done, and the seconds left.

    `running` are the seconds that the stage's lanes then take, where they are known.

    It promises nothing before a program is done, nor beyond the time that it has promised, nor where programs were
    found in JAX's persistent cache: those take no time, and nobody knows whether the next are there too.
    """

    def __init__(
        self,
        running: float | None,
        clock: Callable[[], float] = time.monotonic,
        hits: Callable[[], int] = cache_hits,
    ) -> None:
        self._running, self._clock, self._hits = running, clock, hits
        self._found, self._done, self._end = hits(), 0, 0.0

    def note(self, done: int, total: int, left: float) -> str:
        """Return the line with `done` of the programs done.

        `left` seconds are what the others will take, as far as known.
        """
        if done > self._done:
            self._done, self._end = done, self._clock() + left
        said, left = f"compiling, {done} of {count(total, 'program')} done", self._end - self._clock()
        if not done or left <= 0 or self._hits() > self._found:
            return said
        then = "" if self._running is None else f", then about {_seconds_text(self._running)} of running"
        return f"{said}, about {_seconds_text(left)} left{then}"


def _seconds_text(seconds: float) -> str:
    return f"{max(1, round(seconds)):,} s"
