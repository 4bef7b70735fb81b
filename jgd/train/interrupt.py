"""Ctrl-C as a request: finish the segment, keep what was done, and say how to go on."""

import signal
import threading
from types import FrameType
from typing import Any


class Interrupt:
    """While it is open, the first Ctrl-C sets `requested` and the second raises `KeyboardInterrupt` at once.

    A handler that somebody else installed is left in place, and so is everything outside the main thread.
    """

    requested = False

    def __enter__(self) -> Any:
        self._previous: Any = None
        on_main = threading.current_thread() is threading.main_thread()
        if on_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._previous = signal.signal(signal.SIGINT, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            signal.default_int_handler(number, frame)
        self.requested = True
