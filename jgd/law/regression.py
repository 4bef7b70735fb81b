"""Regressions of laws: sums of functions of sizes, around which studies lie by noise, misfit and a slow drift."""

import itertools
from typing import NamedTuple

import numpy as np

from jgd.core.shapes import Float

LEVELS = np.array([0.01, 0.03, 0.1, 0.3])  # of the misfit, and of the drift in an octave, in logs of numbers
OF_LOSSES = 0.1  # how many times that both are in logs of losses
POWERS, MOST, SETS = (0.1, 2.0), 32, 4096  # between which powers of a loss's law lie, how many of each size, of all
TINY = 1e-6  # the least floor or loss, in units of those of the studies
WEAK = 1e-4  # the precision of coefficients before the studies are seen: a standard deviation of 100

Sizes = Float[np.ndarray, "studies sizes"]
Readings = Float[np.ndarray, " studies"]


class Regression(NamedTuple):
    """Hold a mixture of regressions: one for each of L levels of misfit and drift and each of C sets of powers.

    log number = b_0 + sum_k b_k log size_k + d, or log loss = log(b_0 + sum_k b_k size_k^-power_k) + d with b_k >= 0,
    unless no such sum fits, where d is drift, misfit and the noise of seeds. The drift is white noise, integrated twice
    along the log of each size from the studies' centre on: where studies show that a law bends, the largest of them
    count most for how it goes on, and intervals widen. A regression weighs as much as the studies are likely under it,
    in closed form (Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, section 2.7).
    """

    centre: np.ndarray  # f[sizes], logs
    u: np.ndarray  # f[studies, sizes], octaves from there
    powers: np.ndarray | None  # f[C, sizes]; None for a number
    scale: float  # the log of the loss by which losses are divided
    noise: float  # the variance of one study's reading
    levels: np.ndarray  # f[L, 2], variances of misfit and drift
    design: np.ndarray  # f[C, studies, 1 + sizes]
    inverse: np.ndarray  # f[L, studies, studies], of the covariance of d
    means: np.ndarray  # f[L, C, 1 + sizes], of b
    covariances: np.ndarray  # f[L, C, 1 + sizes, 1 + sizes]
    missed: np.ndarray  # f[L, C, studies], d of the studies
    weights: np.ndarray  # f[L, C]

    def at(self, x: Float[np.ndarray, " sizes"], draws: int = 4000) -> tuple[float, Float[np.ndarray, " {draws}"]]:
        """Return the mean of the log that a study at logs of sizes would read, and draws of it."""
        u = (x - self.centre)[None] / np.log(2)
        terms = _terms(u, self.powers)[:, 0]
        logs, slopes = np.einsum("cp,lcp->lc", terms, self.means), terms[None]
        if self.powers is not None:
            sums = np.maximum(logs, TINY)
            logs, slopes = self.scale + np.log(sums), terms / sums[..., None]
        shared = self.levels[:, 1:] * _drift(self.u, u)[:, 0]
        shares = (self.inverse @ shared[..., None])[..., 0]
        slopes = slopes - np.einsum("cnp,ln->lcp", self.design, shares)
        means = logs + np.einsum("lcn,ln->lc", self.missed, shares)
        alone = (
            self.noise + self.levels[:, 0] + self.levels[:, 1] * _drift(u, u)[0, 0] - np.sum(shared * shares, axis=1)
        )
        variances = alone[:, None] + np.einsum("lcp,lcpq,lcq->lc", slopes, self.covariances, slopes)
        draw = np.random.default_rng(0)
        rows = draw.choice(self.weights.size, draws, p=self.weights.ravel())
        found = means.ravel()[rows] + np.sqrt(variances.ravel()[rows]) * draw.standard_normal(draws)
        return float(np.sum(self.weights * means)), found

    def parameters(
        self, draws: int = 4000
    ) -> tuple[Float[np.ndarray, " {draws}"], Float[np.ndarray, " {draws} sizes"]]:
        """Return draws of log b_0, which is a factor at sizes of 1 or a floor, and of powers."""
        draw = np.random.default_rng(0)
        rows = np.unravel_index(draw.choice(self.weights.size, draws, p=self.weights.ravel()), self.weights.shape)
        b = self.means[rows]
        if self.powers is not None:
            return self.scale + np.log(np.maximum(b[:, 0], TINY)), -self.powers[rows[1]]
        spread = np.linalg.cholesky(self.covariances[rows]) @ draw.standard_normal((*b.shape, 1))
        b = b + spread[..., 0]
        return b[:, 0] - b[:, 1:] @ self.centre / np.log(2), b[:, 1:] / np.log(2)


def of_number(x: Sizes, logs: Readings, variances: Readings, noise: float) -> Regression:
    """Fit logs of a number, read with these variances, at logs of sizes; another is read with that of the noise."""
    return _mixture(x, None, 0.0, logs, variances, noise, LEVELS)


def of_loss(x: Sizes, logs: Readings, variances: Readings, noise: float) -> Regression:
    """Fit logs of losses, read with these variances, at logs of sizes; another is read with that of the noise."""
    count = x.shape[1]
    some = np.geomspace(*POWERS, min(MOST, round(SETS ** (1 / count))))
    powers = np.array(list(itertools.product(some, repeat=count)))
    return _mixture(x, powers, logs.mean(), logs, variances, noise, OF_LOSSES * LEVELS)


def _mixture(
    x: Sizes,
    powers: Float[np.ndarray, "C sizes"] | None,
    scale: float,
    logs: Readings,
    variances: Readings,
    noise: float,
    levels: np.ndarray,
) -> Regression:
    """Regress under each set of powers and pair of levels, and weigh each by how likely the readings are under it."""
    centre = x.mean(axis=0)
    u = (x - centre) / np.log(2)
    design = _terms(u, powers)
    if powers is None:
        wanted = logs
    else:  # The logs of small ratios are the ratios less 1.
        design, wanted = design / np.exp(logs - scale)[:, None], np.ones(len(x))
    both = np.array(list(itertools.product(levels, repeat=2))) ** 2
    inverse = np.linalg.inv(
        both[:, 1, None, None] * _drift(u, u) + (variances + both[:, :1])[..., None] * np.eye(len(x))
    )
    seen = np.swapaxes(design, 1, 2) @ inverse[:, None]
    precision = seen @ design + WEAK * np.eye(design.shape[-1])
    means = np.linalg.solve(precision, (seen @ wanted)[..., None])[..., 0]
    missed = wanted - np.einsum("cnp,lcp->lcn", design, means)
    squares = np.sum(missed * (missed @ inverse), axis=-1) + WEAK * np.sum(means**2, axis=-1)
    evidence = (np.linalg.slogdet(inverse)[1][:, None] - np.linalg.slogdet(precision)[1] - squares) / 2
    if powers is not None and (allowed := (means > 0).all(axis=-1)).any():
        evidence = np.where(allowed, evidence, -np.inf)
    weights = np.exp(evidence - evidence.max())
    return Regression(
        centre, u, powers, scale, float(noise), both, design, inverse, means,
        np.linalg.inv(precision), missed, weights / weights.sum(),
    )  # fmt: skip


def _terms(
    u: Float[np.ndarray, "points sizes"], powers: Float[np.ndarray, "C sizes"] | None
) -> Float[np.ndarray, "C points 1+sizes"]:
    """Return the functions of sizes of which a law is the sum, at octaves."""
    each = u[None] if powers is None else 2.0 ** (-powers[:, None] * u)
    return np.concatenate([np.ones((*each.shape[:2], 1)), each], axis=-1)


def _drift(a: Float[np.ndarray, "n sizes"], b: Float[np.ndarray, "m sizes"]) -> Float[np.ndarray, "n m"]:
    """Return the covariance of twice integrated white noise at octaves from the centre."""
    less, more = np.minimum(abs(a)[:, None], abs(b)), np.maximum(abs(a)[:, None], abs(b))
    return np.sum(np.where(a[:, None] * b > 0, less**2 * (3 * more - less) / 6, 0.0), axis=-1)
