"""AdaMuon, from Algorithm 1 of Si et al. 2025, arXiv:2507.11005, and Muon's iteration as its author describes it."""

import numpy as np


def adamuon(parameters, gradients, rate, decay=0.0, beta1=0.95, beta2=0.95, eps=1e-8, rms=0.2):
    """Yield the matrices (out, in) after each step."""
    momenta = [np.zeros_like(w) for w in parameters]
    seconds = [np.zeros_like(w) for w in parameters]
    for grads in gradients:
        for i, gradient in enumerate(grads):
            momenta[i] = beta1 * momenta[i] + (1 - beta1) * gradient
            direction = newton_schulz(np.sign(momenta[i]), eps)
            seconds[i] = beta2 * seconds[i] + (1 - beta2) * direction**2
            direction = direction / (np.sqrt(seconds[i]) + eps)
            out, inputs = direction.shape
            direction *= rms * np.sqrt(out * inputs) / (np.linalg.norm(direction) + eps)
            parameters[i] = parameters[i] - rate * (direction + decay * parameters[i])
        yield parameters


def newton_schulz(matrix, eps, steps=5):
    """Muon's five quintic steps, on the wide side."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (np.linalg.norm(x) + eps)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if tall else x
