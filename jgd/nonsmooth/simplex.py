"""The simplex, and the balls of the l1 and the l2 norm."""

import math

import jax
import jax.numpy as jnp

from jgd.core import part, record, static
from jgd.core.arguments import Kind
from jgd.core.tree import abs_sq, ratio, safe_sqrt
from jgd.core.types import Weights
from jgd.nonsmooth.mirror import MirrorMap, relative_entropy
from jgd.nonsmooth.nonsmooth import ConvexSet, Shape, along, number, vectors

AXIS = Kind("be a whole number, or None for each leaf as a whole", lambda x: type(x) is int)


class Vectors(ConvexSet):
    """A set of vectors: each leaf is one, or each row along its `axis`; a radius broadcasts to the batch of them."""

    axis: int | None

    def room(self, shape: Shape) -> Shape:
        """Return the shape of the batch of vectors."""
        return vectors(shape, self.axis)

    def sized(self, slack: float, shape: Shape, radius: jax.Array) -> jax.Array:
        """Return the error that rounding makes in a sum over one vector."""
        entries = math.prod(shape) // max(1, radius.size)
        return (8 + entries) * slack * radius

    def beside(self, x: jax.Array) -> jax.Array:
        """Return another array like the leaf as `along` takes it: its vectors along the last axis."""
        return x.reshape(-1) if self.axis is None else jnp.moveaxis(x, self.axis, -1)


@record
class Simplex(Vectors, MirrorMap):
    """Keep x >= 0 with sum(x) = radius, of each leaf as one vector, or of each vector along `axis`.

    `simplex(axis=-1)` keeps the rows of a matrix probabilities. The prox is the projection by sorting, whose derivative
    is exact; `lmo` puts all weight where the gradient is least; `mirror` is proportional to x exp(-t g), in logs, the
    divergence the relative entropy (Beck & Teboulle 2003): an entry of 0 counts as eps of the radius, so that it can
    grow again. Inside is what misses the sum by (8 + n) eps radius in n entries. Cost: a sort, `mirror` one pass.
    (Held, Wolfe & Crowder 1974; Duchi et al. 2008, fig. 1; optax's projection takes all leaves as one vector, and
    computes in float64 in x64 mode.)
    """

    radius: Weights = part(default=1.0, convert=number("(0, inf)"))
    axis: int | None = static(default=None, expect=AXIS)
    real = True

    def holds(self, x: jax.Array, slack: float, radius: jax.Array) -> jax.Array:
        """Tell whether no entry is negative, and the sum right."""
        wrong = jnp.abs(along(jnp.sum, self.axis, x) - radius)
        return jnp.all(x >= 0) & jnp.all(wrong <= self.sized(slack, x.shape, radius))

    def project(self, v: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the nearest point."""
        return along(on_simplex, self.axis, v, radius)

    def vertex(self, g: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the corner of the least gradient."""
        return along(lambda g, r: r * jax.nn.one_hot(jnp.argmin(g), g.size, dtype=g.dtype), self.axis, g, radius)

    def mirror_of(self, x: jax.Array, g: jax.Array, t: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the softmax of log(x) - t g."""

        def moved(x: jax.Array, g: jax.Array, r: jax.Array) -> jax.Array:
            logs = jnp.log(jnp.maximum(x, jnp.finfo(x.dtype).eps * r))
            return r * jax.nn.softmax(logs - t * g)

        return along(moved, self.axis, x, self.beside(g), radius)

    def divergence_of(self, new: jax.Array, old: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the relative entropy."""
        return jnp.sum(relative_entropy(new, old))


simplex = Simplex


@record
class L1Ball(Vectors):
    """Keep sum |x| <= radius, of each leaf as one vector, or of each vector along `axis`.

    The prox projects the moduli on the simplex, where they are outside; `lmo` is the signed unit vector against the
    largest entry of the gradient. Inside is what exceeds the radius by (8 + n) eps radius in n entries. Cost: a sort.
    (Duchi et al. 2008.)
    """

    radius: Weights = part(default=1.0, convert=number("(0, inf)"))
    axis: int | None = static(default=None, expect=AXIS)

    def holds(self, x: jax.Array, slack: float, radius: jax.Array) -> jax.Array:
        """Tell whether the norm is at most the radius."""
        excess = along(jnp.sum, self.axis, jnp.abs(x)) - radius
        return jnp.all(excess <= self.sized(slack, x.shape, radius))

    def project(self, v: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the nearest point."""

        def nearest(v: jax.Array, r: jax.Array) -> jax.Array:
            size = jnp.abs(v)
            return jnp.where(jnp.sum(size) <= r, v, _signs(v) * on_simplex(size, r))

        return along(nearest, self.axis, v, radius)

    def vertex(self, g: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the corner against the largest entry of the gradient."""

        def corner(g: jax.Array, r: jax.Array) -> jax.Array:
            signs = jnp.where(g == 0, 1, _signs(g))
            return -r * signs * jax.nn.one_hot(jnp.argmax(jnp.abs(g)), g.size, dtype=r.dtype)

        return along(corner, self.axis, g, radius)


l1_ball = L1Ball


@record
class L2Ball(Vectors, MirrorMap):
    """Keep the Euclidean norm |x| <= radius, of each leaf as one vector, or of each vector along `axis`.

    The prox is v radius / max(|v|, radius); `lmo` is -radius g / |g|, and 0 where the gradient is zero; `mirror` is
    that of the map -sqrt(radius^2 - |x|^2), under which the ball is half a sphere: radius y / sqrt(1 + |y|^2) with y =
    x / sqrt(radius^2 - |x|^2) - t g. Inside is what exceeds the radius by (8 + n) eps radius in n entries. Cost: two
    passes.
    """

    radius: Weights = part(default=1.0, convert=number("(0, inf)"))
    axis: int | None = static(default=None, expect=AXIS)

    def holds(self, x: jax.Array, slack: float, radius: jax.Array) -> jax.Array:
        """Tell whether the norm is at most the radius."""
        excess = along(norm, self.axis, x) - radius
        return jnp.all(excess <= self.sized(slack, x.shape, radius))

    def project(self, v: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the nearest point."""
        return along(lambda v, r: v * (r / jnp.maximum(norm(v), r)), self.axis, v, radius)

    def vertex(self, g: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the point against the gradient."""
        return along(lambda g, r: -g * ratio(r, norm(g)), self.axis, g, radius)

    def mirror_of(self, x: jax.Array, g: jax.Array, t: jax.Array, radius: jax.Array) -> jax.Array:
        """Return the point below that of the sphere; there is one above each, at least sqrt(eps) of the radius high."""

        def moved(x: jax.Array, g: jax.Array, r: jax.Array) -> jax.Array:
            y = x / _height(x, r) - t * g
            return y * (r / jnp.hypot(1.0, norm(y)))

        return along(moved, self.axis, x, self.beside(g), radius)

    def divergence_of(self, new: jax.Array, old: jax.Array, radius: jax.Array) -> jax.Array:
        """Return half the squared distance on the sphere over the old point's height."""

        def between(new: jax.Array, old: jax.Array, r: jax.Array) -> jax.Array:
            high, low = _height(old, r), _height(new, r)
            return (jnp.sum(abs_sq(new - old)) + (low - high) ** 2) / (2 * high)

        return jnp.sum(along(between, self.axis, new, self.beside(old), radius))


l2_ball = L2Ball


def on_simplex(v: jax.Array, radius: jax.Array) -> jax.Array:
    """Find the nearest point of the simplex to a vector, max(v - b, 0), b = (sum of positive entries - radius) / count.

    v is shifted first, so that sums of large entries lose no digits. The sort only tells which entries are positive, so
    that derivatives pass through b alone.
    """
    v = v - jax.lax.stop_gradient(jnp.max(v))
    falling, counts = jnp.sort(jax.lax.stop_gradient(v), descending=True), jnp.arange(1, v.size + 1, dtype=v.dtype)
    excess = jnp.cumsum(falling) - jax.lax.stop_gradient(radius)
    last = jnp.maximum(jnp.count_nonzero(falling * counts > excess), 1) - 1
    # Not v >= falling[last]: a program may compute v twice, with a rounding of its own for each use.
    inside = v > excess[last] / counts[last]
    b = (jnp.sum(jnp.where(inside, v, 0.0)) - radius) / jnp.count_nonzero(inside).astype(v.dtype)
    return jnp.where(inside, jnp.maximum(v - b, 0.0), 0.0)


def norm(x: jax.Array) -> jax.Array:
    """Return the Euclidean norm of a vector, with slope zero at zero."""
    return safe_sqrt(jnp.sum(abs_sq(x)))


def _height(x: jax.Array, radius: jax.Array) -> jax.Array:
    """Tell how high the half sphere is above a point of the ball, at least sqrt(eps) of its radius."""
    least = jnp.finfo(radius.dtype).eps * radius**2
    return jnp.sqrt(jnp.maximum(radius**2 - jnp.sum(abs_sq(x)), least))


def _signs(v: jax.Array) -> jax.Array:
    """Divide each entry by its modulus; zero stays zero."""
    return v * ratio(jnp.ones_like(jnp.abs(v)), jnp.abs(v)) if jnp.iscomplexobj(v) else jnp.sign(v)
