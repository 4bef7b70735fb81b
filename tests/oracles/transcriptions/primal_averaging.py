"""Generalized primal averaging as its paper has it (Defazio et al. 2025, arXiv:2512.17131), of gradient descent."""

import numpy as np


def primal_averaging(start, gradients, rate, mu_x, mu_y):
    """Give the points y where gradients are taken and the averages x after each step, from arrays and lists of them."""
    x, z = [np.array(p) for p in start], [np.array(p) for p in start]
    points, averages = [], []
    for grads in gradients:
        for i, g in enumerate(grads):
            z[i] = z[i] - rate * g
            x[i] = mu_x * x[i] + (1 - mu_x) * z[i]
        points.append([mu_y * a + (1 - mu_y) * b for a, b in zip(x, z, strict=True)])
        averages.append([np.array(a) for a in x])
    return points, averages
