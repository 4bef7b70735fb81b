"""Shampoo: gradients between inverse roots of the means of their products."""

from dataclasses import KW_ONLY
from typing import Any

import jax
import jax.numpy as jnp

from jgd.core import hyper, record, static
from jgd.core.arguments import WHOLE, one_of
from jgd.core.block_rule import BlockRule
from jgd.core.blocks import Blocks, blocks, gram, rotated
from jgd.core.eigen import inverse_root, newton_inverse_root
from jgd.core.errors import unknown
from jgd.core.symmetric import fold, unfold
from jgd.core.types import Rate, Scalar, Transform
from jgd.optimizers.adagrad import ScaleByRss
from jgd.optimizers.catalogue import descend, optimizer
from jgd.optimizers.rmsprop import ScaleByRms
from jgd.transforms import Chain, Identity, Trace, chain, graft
from jgd.transforms.decay import Decay

ROOTS = {"eigh": inverse_root, "newton": newton_inverse_root}


@record
class ScaleByShampoo(BlockRule):
    """Precondition each matrix on both sides.

    u = L^(-1/4) G R^(-1/4), L and R means of GG' and G'G that begin with matrix_eps I: Shampoo without a momentum.

    (Gupta et al. 2018, arXiv:1802.09568; means as Anil et al. 2020, arXiv:2002.09018, have them.) A tensor of k axes is
    multiplied along each by its factor's -1/(2k)th power; vectors are left alone. Neighbouring dimensions are merged
    with `merge_dims` while their product is at most `block_size`, though a matrix stays one, and longer sides are cut
    into blocks. Roots are the identity until they are first renewed, at a step whose number is a multiple of
    `precondition_frequency`; they are taken by eigenvalues (`root="eigh"`) or by the coupled Newton iteration, which is
    products alone ("newton"), and one that fails is left as it was. G itself before `start_preconditioning_step`.

    State: for each side n of a block 4 n (n + 1) bytes, the factor and its root in one triangle each.
    """

    b2: Scalar = hyper(default=0.999, interval="[0, 1)")
    matrix_eps: Scalar = hyper(default=1e-6, interval="[0, inf)")
    _: KW_ONLY
    precondition_frequency: int = static(default=10, expect=WHOLE)
    start_preconditioning_step: int = static(default=1, expect=WHOLE)
    block_size: int = static(default=1024, expect=WHOLE)
    merge_dims: bool = static(default=True)
    root: str = static(default="eigh", expect=one_of(*ROOTS))
    stagger: bool = static(default=True)
    layout = ("factors", "roots")
    renews = ("roots",)
    renews_first = True
    begins = False
    first_turn = 0

    def cut(self, shape: tuple[int, ...]) -> Blocks:
        return blocks(shape, self.block_size, self.block_size if self.merge_dims else None)

    def length(self, rows: int, columns: int) -> float:
        """Return the spectral norm of the step of a matrix whose gradients are alike."""
        return 1.0

    def slots(self, p: Any) -> tuple[Any, ...]:
        if not self.is_preconditioned(p.shape):
            return (), ()
        eyes = tuple(fold(jnp.eye(n, dtype=p.dtype)) for n in p.shape)
        return tuple(jnp.asarray(self.matrix_eps * x, p.dtype) for x in eyes), eyes

    def accumulate(self, t: Any, g: jax.Array, factors: Any, roots: Any) -> tuple[Any, ...]:
        learned = [self.b2 * x + (1 - self.b2) * fold(gram(g, axis)) for axis, x in enumerate(factors)]
        return tuple(learned), roots

    def refresh(self, factors: Any, roots: Any) -> tuple[Any, ...]:
        root = ROOTS[self.root]
        return (tuple(fold(root(unfold(x), 2 * len(factors))) for x in factors),)

    def step(self, t: Any, g: jax.Array, factors: Any, roots: Any) -> tuple[Any, ...]:
        u = rotated(g, [unfold(x) for x in roots])
        if self.start_preconditioning_step > 1:
            u = jnp.where(t < self.start_preconditioning_step, g, u)
        return u, factors, roots


scale_by_shampoo = ScaleByShampoo


@optimizer(rates=(1e-4, 1.0))
def shampoo(
    learning_rate: Rate,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    matrix_eps: Scalar = 1e-6,
    weight_decay: Decay = 0.0,
    mask: Any = None,
    *,
    precondition_frequency: int = 10,
    start_preconditioning_step: int = 1,
    block_size: int = 1024,
    merge_dims: bool = True,
    grafting: str | None = "adam",
    grafting_eps: Scalar = 1e-10,
    root: str = "eigh",
    stagger: bool = True,
) -> Chain:
    """Step by gradients between inverse roots of the means of their products (Gupta et al. 2018, arXiv:1802.09568).

    m = b1 m + u, with u Shampoo's direction as long, leaf by leaf, as the step of `grafting`: "sgd" the gradient's,
    "rmsprop" g / (sqrt(v) + eps), "adam" the same with bias correction, "adagrad" with a sum; vectors take that step
    itself, and so do all leaves before `start_preconditioning_step`. Google's code has a momentum of its own for
    these steps; here one momentum holds both. Decay is decoupled. Blocks of one shape are one batch, whose roots are
    renewed a few at a time with `stagger`. State: 16 bytes a parameter of square matrices, 12 without a second moment.
    """
    sizes: dict[Any, Transform | None] = {
        "adam": ScaleByRms(b2, grafting_eps, eps_in_sqrt=False, bias_correction=True),
        "sgd": Identity(),
        "rmsprop": ScaleByRms(b2, grafting_eps, eps_in_sqrt=False),
        "adagrad": ScaleByRss(0.0, grafting_eps, eps_in_sqrt=False),
        None: None,
    }
    if not (grafting is None or isinstance(grafting, str)) or grafting not in sizes:
        raise unknown("shampoo(grafting)", grafting, sizes)
    rule: Transform = ScaleByShampoo(
        b2,
        matrix_eps,
        precondition_frequency=precondition_frequency,
        start_preconditioning_step=start_preconditioning_step,
        block_size=block_size,
        merge_dims=merge_dims,
        root=root,
        stagger=stagger,
    )
    size = sizes[grafting]
    if size is not None:
        rule = graft(size, rule, start=start_preconditioning_step)
    return descend(chain(rule, Trace(b1)), learning_rate, weight_decay, mask)
