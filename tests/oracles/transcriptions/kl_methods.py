"""KL-Shampoo and KL-SOAP of matrices and vectors, after Lin et al. (2025, arXiv:2509.03378) and the authors' code.

Two things are not the authors': a vector, which their code does not take, has a diagonal factor under KL-Shampoo and
Adam under KL-SOAP; and KL-SOAP may correct Adam's biases, as SOAP does. The first step moves nothing.
"""

import numpy as np


class KlMatrix:
    """The factors S, eigenvectors Q and eigenvalues d of the two sides of a matrix."""

    def __init__(self, shape, beta, init_factor, every):
        self.beta, self.every = beta, every
        self.s = [np.zeros((n, n)) for n in shape]
        self.q = [np.eye(n) for n in shape]
        self.d = [np.full(n, init_factor) for n in shape]

    def first(self, g):
        """Shampoo's factors of the first gradient, with their eigenvectors from the largest eigenvalue down."""
        m, n = g.shape
        self.s[0] += (1 - self.beta) * (g @ g.T) / n
        self.s[1] += (1 - self.beta) * (g.T @ g) / m
        self.q = [np.linalg.eigh(s)[1][:, ::-1] for s in self.s]

    def learn(self, g, step):
        """S and d from this gradient and the old d and Q of the other side; Q by QR of S Q every so many steps."""
        m, n = g.shape
        (qa, qb), (da, db) = self.q, self.d
        whole_a = g @ qb @ np.diag(1 / db) @ qb.T @ g.T / n
        whole_b = g.T @ qa @ np.diag(1 / da) @ qa.T @ g / m
        self.s[0] = self.beta * self.s[0] + (1 - self.beta) * whole_a
        self.s[1] = self.beta * self.s[1] + (1 - self.beta) * whole_b
        for side, whole in enumerate((whole_a, whole_b)):
            size = len(whole)
            new = np.array([self.q[side][:, i] @ whole @ self.q[side][:, i] for i in range(size)])
            root = 1 / np.sqrt(self.beta * self.d[side] + (1 - self.beta) * new)
            self.d[side] = np.minimum(root, max(10, min(size, 4000))) ** -2.0
        if step % self.every == 0:
            self.q = [np.linalg.qr(s @ q)[0] for s, q in zip(self.s, self.q, strict=True)]


def kl_shampoo(parameters, gradients, rate, b1=0.95, b2=0.95, eps=1e-8, init_factor=0.1, decay=0.0, every=10):
    """Yield the arrays after each step."""
    momenta = [np.zeros_like(p) for p in parameters]
    kls = [KlMatrix(p.shape, b2, init_factor, every) for p in parameters]
    diagonals = [np.full(p.shape, init_factor) for p in parameters]
    for step, grads in enumerate(gradients):
        for i, g in enumerate(grads):
            if step == 0:
                if g.ndim == 2:
                    kls[i].first(g)
                continue
            momenta[i] = b1 * momenta[i] + (1 - b1) * g
            if g.ndim == 2:
                (qa, qb), (da, db) = kls[i].q, kls[i].d
                u = qa @ ((qa.T @ momenta[i] @ qb) / (np.sqrt(np.multiply.outer(da, db)) + eps)) @ qb.T
                kls[i].learn(g, step)
            else:
                u = momenta[i] / (np.sqrt(diagonals[i]) + eps)
                diagonals[i] = b2 * diagonals[i] + (1 - b2) * g**2
            parameters[i] = (parameters[i] - rate * u) * (1 - rate * decay)
        yield parameters


def kl_soap(
    parameters,
    gradients,
    rate,
    b1=0.95,
    b2=0.95,
    eps=1e-8,
    init_factor=0.1,
    decay=0.01,
    every=10,
    bias_correction=True,
):
    """Yield the arrays after each step."""
    m, v = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    kls = [KlMatrix(p.shape, b2, init_factor, every) for p in parameters]
    for step, grads in enumerate(gradients):
        for i, g in enumerate(grads):
            if step == 0:
                if g.ndim == 2:
                    kls[i].first(g)
                continue
            qa, qb = kls[i].q if g.ndim == 2 else (np.eye(1), np.eye(1))
            inside = qa.T @ g @ qb if g.ndim == 2 else g
            m[i] = b1 * m[i] + (1 - b1) * inside
            v[i] = b2 * v[i] + (1 - b2) * inside**2
            u = m[i] / (np.sqrt(v[i]) + eps)
            if bias_correction:
                u = u * np.sqrt(1 - b2**step) / (1 - b1**step)
            if g.ndim == 2:
                u, m[i] = qa @ u @ qb.T, qa @ m[i] @ qb.T
                kls[i].learn(g, step)
                m[i] = kls[i].q[0].T @ m[i] @ kls[i].q[1]
            parameters[i] = (parameters[i] - rate * u) * (1 - rate * decay)
        yield parameters
