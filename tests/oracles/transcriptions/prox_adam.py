"""ProxGen with Adam's momentum and preconditioner (Yun, Lozano & Yang 2020, arXiv:2007.07484, Alg. 1)."""

import numpy as np


def prox_adam(params, gradients, minimise, lr, b1, b2, eps):
    """Return the parameters after each step: float64 arrays.

    Line 5 of the algorithm: theta+ is the minimum of m theta + h(theta) + (theta - theta_t)^2 c / (2 alpha), with C
    that is Adam's bias-corrected root and delta = eps; it separates, and `minimise(linear, weight, centre)` returns
    the minimum of linear x + h(x) + weight (x - centre)^2 / 2 of one entry.
    """
    theta = np.array(params, np.float64)
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    path = []
    for t, g in enumerate(gradients, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        mean = m / (1 - b1**t)
        c = np.sqrt(v / (1 - b2**t)) + eps
        theta = np.array([minimise(*row) for row in zip(mean, c / lr, theta, strict=True)])
        path.append(theta)
    return np.stack(path)


def with_l1_and_l2(l1, l2):
    """Return the minimiser for h = l1 |x| + l2 x^2 / 2, by looking at the three places where it can lie."""

    def minimise(linear, weight, centre):
        def cost(x):
            return linear * x + l1 * abs(x) + l2 * x**2 / 2 + weight * (x - centre) ** 2 / 2

        places = [0.0]
        for sign in (1.0, -1.0):
            x = (weight * centre - linear - sign * l1) / (weight + l2)
            places += [x] if x * sign > 0 else []
        return min(places, key=cost)

    return minimise


def with_bounds(low, high):
    """Return the minimiser on an interval."""
    return lambda linear, weight, centre: min(max(centre - linear / weight, low), high)
