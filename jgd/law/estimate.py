"""Numbers with intervals, which serve wherever a number does."""

FAR = 4.0  # times the sizes of a law's studies, up to which it was tested


class Estimate(float):
    """A number that knows the interval in which it lies: `x.low`, `x.high`. Arithmetic gives plain numbers.

    `x.beyond` is how many times larger, or smaller, a size was than all that the law was fitted to, 1 within them; it
    prints from 4 on.
    """

    low: float
    high: float
    beyond: float

    def __new__(cls, value: float, low: float, high: float, beyond: float = 1.0) -> "Estimate":
        """Make one of a value, the ends of its interval, and how far it is extrapolated."""
        found = super().__new__(cls, value)
        found.low, found.high, found.beyond = float(low), float(high), float(beyond)
        return found

    def __repr__(self) -> str:
        far = f" ({self.beyond:.3g} times beyond the sizes fitted)" if self.beyond > FAR * (1 + 1e-6) else ""
        return f"{float(self):.4g} [{self.low:.4g}, {self.high:.4g}]{far}"

    def __getnewargs__(self) -> tuple[float, float, float, float]:
        return float(self), self.low, self.high, self.beyond
