"""Dion, from Algorithm 1 of Ahn et al. 2025, arXiv:2504.05295."""

import numpy as np


def dion(parameters, gradients, rate, bases, decay=0.0, mu=0.95, eps=1e-8):
    """Yield the matrices (out, in) after each step, from the bases (in, rank) of the first power iteration."""
    momenta = [np.zeros_like(w) for w in parameters]
    bases = list(bases)
    for grads in gradients:
        for i, gradient in enumerate(grads):
            buffer = momenta[i] + gradient
            left = np.linalg.qr(buffer @ bases[i])[0]
            right = buffer.T @ left
            momenta[i] = buffer - (1 - mu) * left @ right.T
            bases[i] = right / (np.linalg.norm(right, axis=0) + eps)
            out, inputs = gradient.shape
            step = np.sqrt(out / inputs) * left @ bases[i].T
            parameters[i] = (1 - rate * decay) * parameters[i] - rate * step
        yield parameters
