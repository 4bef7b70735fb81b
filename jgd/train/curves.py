"""Curves that grow: appending costs what is appended, however long they are."""

from collections.abc import Mapping

import numpy as np

Arrays = dict[str, np.ndarray]
FIRST = 1024  # rows of a new buffer; it doubles when it is full


class Curves:
    """Named columns of one length. A column that begins later, or ends earlier, holds NaN elsewhere."""

    def __init__(self, columns: Mapping[str, np.ndarray] | None = None) -> None:
        self._buffers: Arrays = {}
        self.length = 0
        self.append(columns or {})

    def append(self, rows: Mapping[str, np.ndarray]) -> None:
        """Add rows to every column."""
        count = max((len(x) for x in rows.values()), default=0)
        if count == 0:
            return
        for name, x in rows.items():
            if name not in self._buffers:
                self._buffers[name] = _room(np.full(self.length, np.nan, _with_nan(x) if self.length else x.dtype), 0)
        end = self.length + count
        for name, buffer in self._buffers.items():
            new = rows[name] if name in rows else np.full(count, np.nan, _with_nan(buffer))
            if np.result_type(buffer, new) != buffer.dtype:
                buffer = buffer.astype(np.result_type(buffer, new))
            if end > len(buffer):
                buffer = _room(buffer, end)
            buffer[self.length : end] = new
            self._buffers[name] = buffer
        self.length = end

    def rows(self, start: int = 0) -> Arrays:
        """Return the columns from a row on, as views."""
        return {name: buffer[start : self.length] for name, buffer in self._buffers.items()}

    def last(self) -> dict[str, float]:
        """Return the latest number of each column."""
        return {name: float(buffer[self.length - 1]) for name, buffer in self._buffers.items()}


def _room(buffer: np.ndarray, rows: int) -> np.ndarray:
    wider = np.empty(max(FIRST, 2 * len(buffer), rows), buffer.dtype)
    wider[: len(buffer)] = buffer
    return wider


def _with_nan(x: np.ndarray) -> np.dtype:
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
