"""Steps by others as things to time, and whether they go where ours go."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jgd.commands.bench.cases import RATE, Case, Torch
from jgd.core.errors import InputError, unknown
from jgd.core.optional import require
from jgd.core.types import Params
from jgd.measure import Program, random_like, step_program
from jgd.measure.device import default_device
from jgd.measure.timing import Runner
from jgd.transforms import apply_updates

STEPS = 5  # on which peers are compared
TOLERANCE = 1e-4  # rounding, and optax's bias correction in float32, bring up to 1e-5
NARROW = 48  # entries of an axis while comparing


@runtime_checkable
class Peer(Protocol):
    """Another library, or this one."""

    def runner(self, params: Params) -> Runner:
        """Return steps on parameters of these shapes and one random gradient, to be timed."""
        ...

    def walk(self, start: Params, grads: Sequence[Params]) -> list[np.ndarray]:
        """Return the leaves of the parameters after a step for each gradient."""
        ...


class InJax(NamedTuple):
    """An optimizer with two functions: ours, or optax's."""

    optimizer: Any

    def runner(self, params: Params) -> Program:
        """Return a compiled step."""
        return step_program(self.optimizer, params)

    def walk(self, start: Params, grads: Sequence[Params]) -> list[np.ndarray]:
        """Return the leaves after compiled steps."""

        @jax.jit
        def step(params: Params, state: Any, grad: Params) -> Any:
            updates, state = self.optimizer.update(grad, state, params)
            return apply_updates(params, updates), state

        params, state = start, self.optimizer.init(start)
        for grad in grads:
            params, state = step(params, state, grad)
        return [np.asarray(x) for x in jax.tree.leaves(params)]


class InTorch(NamedTuple):
    """A class of `torch.optim`, by one of its kernels."""

    spec: Torch
    kernel: str  # fused or foreach

    def runner(self, params: Params) -> "TorchSteps":
        """Return eager steps."""
        return TorchSteps(self.spec, self.kernel, random_like(params, 0), random_like(params, 1))

    def walk(self, start: Params, grads: Sequence[Params]) -> list[np.ndarray]:
        """Return the leaves after eager steps."""
        steps = TorchSteps(self.spec, self.kernel, start, grads[0])
        for grad in grads:
            steps.set_gradient(grad)
            steps.run(1)
        return [x.detach().float().cpu().numpy() for x in steps.params]


class TorchSteps:
    """A torch optimizer with its parameters and one gradient, on the device that JAX uses."""

    def __init__(self, spec: Torch, kernel: str, params: Params, grads: Params) -> None:
        torch: Any = require("torch", "--peers torch", "torch")
        self._cuda = default_device().platform == "gpu"
        if self._cuda and not torch.cuda.is_available():
            raise InputError(
                "--peers torch: JAX runs on a GPU, but this torch cannot; install torch with CUDA, or leave it out."
            )
        self._torch, self._max_norm = torch, spec.max_norm
        self.params = [self._tensor(x).requires_grad_() for x in jax.tree.leaves(params)]
        self.set_gradient(grads)
        kind = getattr(torch.optim, spec.name)
        self._optimizer = kind(self.params, lr=RATE, **spec.settings, **{kernel: True})

    def set_gradient(self, grads: Params) -> None:
        """Set the gradient that the next steps use."""
        for param, grad in zip(self.params, jax.tree.leaves(grads), strict=True):
            param.grad = self._tensor(grad)

    def run(self, calls: int) -> None:
        """Take so many steps and wait."""
        for _ in range(calls):
            if self._max_norm is not None:
                self._torch.nn.utils.clip_grad_norm_(self.params, self._max_norm)
            self._optimizer.step()
        if self._cuda:
            self._torch.cuda.synchronize()

    def _tensor(self, x: Any) -> Any:
        # Of the same memory, on a GPU too, and then apart from it.
        tensor = self._torch.from_dlpack(jnp.asarray(x)).clone()
        return tensor.cuda() if self._cuda else tensor


PEERS = {"optax": "optax", "torch": "torch", "torch-foreach": "torch"}


def load_peers(text: str) -> list[str]:
    """Return the names in `optax,torch`, of packages that are installed."""
    names = [part.strip() for part in text.split(",") if part.strip()]
    for name in names:
        if name not in PEERS:
            raise unknown("--peers", name, PEERS)
        require(PEERS[name], f"--peers {name}", "torch" if PEERS[name] == "torch" else "all")
    return list(dict.fromkeys(names))


def peers_of(case: Case, names: Sequence[str]) -> dict[str, Peer]:
    """Return those of the peers that have the optimizer."""
    found: dict[str, Peer] = {}
    for name in names:
        if name == "optax" and case.optax is not None:
            found[name] = InJax(case.optax())
        elif name != "optax" and case.torch is not None:
            kernel = "foreach" if name == "torch-foreach" else case.torch.best
            found[f"torch {kernel}"] = InTorch(case.torch, kernel)
    return found


def difference(ours: Peer, theirs: Peer, params: Params) -> float:
    """Tell how far apart both end, over how far they went, on a narrow tree of the same structure.

    The mean over entries after five steps on gradients of sizes 0.0001 to 10: means, because a sign of something close
    to zero may fall either way.
    """
    narrow = jax.tree.map(lambda x: jax.ShapeDtypeStruct(tuple(min(n, NARROW) for n in x.shape), x.dtype), params)
    start = random_like(narrow, 0)
    sizes = np.geomspace(1e-4, 10, STEPS)  # growing, so that each step shows what is added to a small root
    grads = [
        jax.tree.map(partial(jnp.multiply, jnp.float32(s)), random_like(narrow, 2 + i)) for i, s in enumerate(sizes)
    ]
    grads = [jax.tree.map(lambda g, p: g.astype(p.dtype), grad, start) for grad in grads]
    first = [np.asarray(x) for x in jax.tree.leaves(start)]
    a, b = ours.walk(start, grads), theirs.walk(start, grads)
    apart = sum(np.abs(np.subtract(x, y, dtype=np.float64)).sum() for x, y in zip(a, b, strict=True))
    gone = sum(np.abs(np.subtract(x, y, dtype=np.float64)).sum() for x, y in zip(a, first, strict=True))
    return float(apart / gone)


def check_same(name: str, peer: str, found: float) -> None:
    """Refuse to time what does not compute the same."""
    if not found <= TOLERANCE:
        raise InputError(
            f"--peers {peer}: after {STEPS} steps its {name} is {found:.2g} of the way from ours, above {TOLERANCE:g}, "
            "so it computes something else; leave one of them out."
        )
