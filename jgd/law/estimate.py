"""Numbers with intervals, which serve wherever a number does."""


class Estimate(float):
    """A number that knows the interval in which it lies: `x.low`, `x.high`. Arithmetic gives plain numbers."""

    low: float
    high: float

    def __new__(cls, value: float, low: float, high: float) -> "Estimate":
        """Make one of a value and the ends of its interval."""
        found = super().__new__(cls, value)
        found.low, found.high = float(low), float(high)
        return found

    def __repr__(self) -> str:
        return f"{float(self):.4g} [{self.low:.4g}, {self.high:.4g}]"

    def __getnewargs__(self) -> tuple[float, float, float]:
        return float(self), self.low, self.high
