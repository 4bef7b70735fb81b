"""Intervals of numbers, written as in mathematics."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Interval:
    """A range of numbers with open or closed ends."""

    text: str
    low: float
    high: float

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Read `"[0, 1)"`."""
        low, high = text[1:-1].split(",")
        return cls(text, float(low), float(high))

    def __contains__(self, value: float) -> bool:
        above = self.low <= value if self.text[0] == "[" else self.low < value
        below = value <= self.high if self.text[-1] == "]" else value < self.high
        return above and below
