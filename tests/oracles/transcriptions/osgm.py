"""Online scaled gradients with hypergradient feedback (Gao et al. 2024, arXiv:2411.01803), monotone, a diagonal scale.

The loss is sum_i c_i (x_i - 1)^2 / 2 over the arrays of the parameters.
"""

import numpy as np


def osgm(params, curvatures, steps, alpha, scale=0.0):
    """Return the parameters after each step: lists of float64 arrays; AdaGrad of rate alpha learns the scales."""
    sizes = [np.shape(x) for x in params]
    c = np.concatenate([np.full(np.size(x), k) for x, k in zip(params, curvatures, strict=True)])
    x = np.concatenate([np.ravel(np.asarray(x, np.float64)) for x in params])

    def loss(x):
        return float(np.sum(c * (x - 1) ** 2) / 2)

    def gradient(x):
        return c * (x - 1)

    p, total, path = np.full(x.size, scale), np.zeros(x.size), []
    for _ in range(steps):
        g = gradient(x)
        trial = x - p * g
        square = float(np.dot(g, g))
        slope = -gradient(trial) * g / square if square > 0 else np.zeros(x.size)
        total = total + slope**2
        p = p - alpha * slope / np.sqrt(total + 1e-20)
        if loss(trial) < loss(x):
            x = trial
        ends = np.cumsum([int(np.prod(shape)) for shape in sizes])
        path.append([part.reshape(shape) for part, shape in zip(np.split(x, ends[:-1]), sizes, strict=True)])
    return path
