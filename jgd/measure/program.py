"""A function compiled ahead of time for its arguments, whose state passes from call to call in donated memory."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jgd.core.arguments import checked
from jgd.core.compilation import cache_hits
from jgd.core.errors import InputError
from jgd.measure.units import bytes_text, time_text

Clock = Callable[[], float]


class Compilation(NamedTuple):
    """The seconds that a function took on its way to the device, each stage apart."""

    trace: float
    lower: float
    compile: float
    cached: bool  # whether JAX's persistent compilation cache had it, so that `compile` is the time of reading it

    @property
    def seconds(self) -> float:
        """The seconds of all stages."""
        return self.trace + self.lower + self.compile

    def as_json(self) -> dict[str, Any]:
        """Return the fields."""
        return self._asdict()

    def __str__(self) -> str:
        stages = ", ".join(f"{name} {time_text(getattr(self, name))}" for name in ("trace", "lower", "compile"))
        return f"{stages}{' (from the cache)' if self.cached else ''}"


class Memory(NamedTuple):
    """Bytes of a compiled function on one device."""

    arguments: int
    outputs: int
    donated: int  # of the outputs, those that lie where arguments lay
    temporaries: int
    peak: int | None  # of this process on its fullest device so far, which never falls; None where none tells

    def as_json(self) -> dict[str, Any]:
        """Return the fields."""
        return self._asdict()

    def __str__(self) -> str:
        return ", ".join(f"{name} {bytes_text(n)}" for name, n in self._asdict().items() if n is not None)


class Program:
    """`fn` compiled for `args`; call by call, its first `carry` arguments are replaced by what it returned.

    With `carry=1` it returns its next first argument, with more a tuple that begins with them, of the same shapes and
    dtypes; so every call waits for the last, and their memory is donated. They are copied at first, unless `own` says
    that the arrays may be used up; then shapes do, for a program that takes over before it runs. Without `carry` each
    call has the same arguments.
    """

    compilation: Compilation

    @checked()
    def __init__(
        self,
        fn: Callable[..., Any],
        *args: Any,
        carry: int = 0,
        own: bool = False,
        clock: Clock = time.perf_counter,
    ) -> None:
        if not 0 <= carry <= len(args):
            raise InputError(f"Program(carry={carry}): carry must lie between 0 and the {len(args)} arguments.")
        kept = args[:carry] if own else jax.tree.map(lambda x: jnp.array(x, copy=True), args[:carry])
        self._carried, self._rest = tuple(kept), jax.tree.map(jnp.asarray, args[carry:])
        self._compiled, self.compilation = _compile(fn, (*self._carried, *self._rest), carry, clock)

    def run(self, calls: int) -> Any:
        """Call it so often, wait, and return the last output; arrays in it that are carried die with the next run."""
        compiled, carried, rest, single = self._compiled, self._carried, self._rest, len(self._carried) == 1
        out = None
        for _ in range(calls):
            out = compiled(*carried, *rest)
            carried = (out,) if single else out[: len(carried)] if carried else ()
        self._carried = carried
        return jax.block_until_ready(out)

    def take_over(self, other: "Program") -> None:
        """Go on from where `other` is, in its memory; it cannot run again before it takes over itself.

        So two programs are timed at one place in memory, on which the speed of a step depends. Both must carry leaves
        of the same shapes and dtypes in the same order.
        """
        (structure, mine), (_, theirs) = shapes_and_dtypes(self._carried), shapes_and_dtypes(other._carried)
        if mine != theirs:
            raise InputError(
                f"Program.take_over: the other carries {_short(list(other._carried))}, expected the leaves of "
                f"{_short(list(self._carried))} in their order."
            )
        self._carried = structure.unflatten(jax.tree.leaves(other._carried))

    @property
    def text(self) -> str:
        """The optimised program as its compiler prints it, in HLO."""
        return self._compiled.as_text()

    @property
    def memory(self) -> Memory:
        """Bytes that it needs, by the compiler's account; the peak as the devices tell it now."""
        found = self._compiled.memory_analysis()
        return Memory(
            found.argument_size_in_bytes,
            found.output_size_in_bytes,
            found.alias_size_in_bytes,
            found.temp_size_in_bytes,
            peak_bytes(),
        )

    @property
    def operations(self) -> float:
        """Floating-point operations of a call, by the compiler's count, which leaves out calls of libraries."""
        return float((self._compiled.cost_analysis() or {}).get("flops", 0.0))


@checked()
def memory(fn: Callable[..., Any], *args: Any, carry: int = 0) -> Memory:
    """Tell the bytes of `fn(*args)`: temporaries, arguments, outputs; see `Program` for `carry`, which is donated.

    It is compiled and not run. The peak is the process's: measure it in a fresh process that runs nothing else.
    """
    return Program(fn, *args, carry=carry).memory


def peak_bytes() -> int | None:
    """Return the most that this process has held on one device, or None where no device tells (CPUs do not)."""
    stats = [device.memory_stats() or {} for device in jax.local_devices()]
    return max((found["peak_bytes_in_use"] for found in stats if "peak_bytes_in_use" in found), default=None)


def _compile(fn: Callable[..., Any], args: tuple[Any, ...], carry: int, clock: Clock) -> tuple[Any, Compilation]:
    hits, start = cache_hits(), clock()
    traced = jax.jit(fn, donate_argnums=tuple(range(carry))).trace(*args)
    traced_at = clock()
    _check_carry(traced.out_info, args[:carry])
    begin = clock()
    lowered = traced.lower()
    lowered_at = clock()
    compiled = lowered.compile()
    stages = (traced_at - start, lowered_at - begin, clock() - lowered_at)
    return compiled, Compilation(*stages, cached=cache_hits() > hits)


def _check_carry(out: Any, carried: tuple[Any, ...]) -> None:
    if not carried:
        return
    enough = len(carried) == 1 or (isinstance(out, tuple) and len(out) >= len(carried))
    given = shapes_and_dtypes(carried[0] if len(carried) == 1 else carried)
    found = shapes_and_dtypes(out if len(carried) == 1 else out[: len(carried)]) if enough else None
    if found != given:
        raise InputError(
            f"Program(carry={len(carried)}): the function must return its first {len(carried)} arguments, of the same "
            f"structure, shapes and dtypes, so that they can be passed to the next call; it returns {_short(out)}."
        )


def shapes_and_dtypes(tree: Any) -> Any:
    """Return a tree's structure with the shape and the dtype of each leaf; other leaves than arrays have none."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(getattr(x, "shape", ()), getattr(x, "dtype", None)) for x in leaves]


def _short(out: Any) -> str:
    text = str(jax.tree.map(lambda x: f"{x.dtype}{list(x.shape)}", out)).replace("'", "")
    return text if len(text) < 200 else text[:200] + "..."
