"""The samplers by name, and whatever else can stand for one."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from jgd.core.arguments import Kind
from jgd.core.call_arguments import takes
from jgd.core.errors import InputError, unknown
from jgd.core.outline import shown
from jgd.core.types import Transform
from jgd.core.user_code import attempt
from jgd.sweep.samplers.points import Grid, Halton, Random, Sampler, Sobol
from jgd.sweep.samplers.tpe import Tpe
from jgd.sweep.spaces.space import Axis

SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "random": Random,
    "sobol": Sobol,
    "halton": Halton,
    "grid": Grid,
    "tpe": Tpe,
}


OBJECT = "an object with ask(count) and tell(ids, values)"
SAMPLER = Kind(
    f"be one of {', '.join(map(repr, SAMPLERS))}, {OBJECT}, or a function of (axes, seed) that returns one",
    lambda x: (
        isinstance(x, str) or _is_sampler(x) or (callable(x) and takes(x, 2) and not isinstance(x, (str, Transform)))
    ),
)


def rounds_of(sampler: Any) -> int:
    """Tell in how many rounds a sampler likes to be asked: one, unless it says that it learns."""
    return getattr(SAMPLERS.get(sampler) if isinstance(sampler, str) else sampler, "rounds", 1)


def learns(sampler: Any, rounds: int) -> bool:
    """Tell whether it looked where others had been good: one of a name says whether it learns, any other may."""
    return rounds > 1 and (not isinstance(sampler, str) or rounds_of(sampler) > 1)


def make_sampler(sampler: Any, axes: Sequence[Axis], seed: int, spaces: int = 1) -> Sampler:
    """Give the sampler of a name, what a function of `(axes, seed)` returns, or an object with ask and tell itself."""
    if isinstance(sampler, str):
        if sampler not in SAMPLERS:
            raise unknown("run(sampler=)", sampler, SAMPLERS)
        return SAMPLERS[sampler](axes, seed)
    if _is_sampler(sampler):
        if spaces > 1:
            raise InputError(
                f"run(sampler={sampler!r}): one sampler cannot serve {spaces} spaces; "
                "pass a function of (axes, seed) that makes one for each."
            )
        return sampler
    place = f"run(sampler={shown(sampler)})"
    made = attempt(f"{place}: sampler(axes, seed)", lambda: cast(Callable[..., Sampler], sampler)(axes, seed))
    if not _is_sampler(made):
        raise InputError(f"{place}: sampler(axes, seed) returned {shown(made)}, expected {OBJECT}.")
    return made


def _is_sampler(x: Any) -> bool:
    """Tell whether it has ask(count) and tell(ids, values)."""
    ask, tell = getattr(x, "ask", None), getattr(x, "tell", None)
    return callable(ask) and callable(tell) and not isinstance(x, type) and takes(ask, 1) and takes(tell, 2)
