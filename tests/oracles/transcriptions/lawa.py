"""Latest weight averaging as its paper writes it (Kaddour 2022, arXiv:2209.14981), around gradient descent."""

import collections

import numpy as np


def lawa(start, gradients, rate, window, period):
    """Return the parameters and the means of the last checkpoints after each step, from arrays and lists of them."""
    p, checkpoints = [np.array(x) for x in start], collections.deque(maxlen=window)
    points, averages = [], []
    for step, grads in enumerate(gradients, 1):
        p = [x - rate * g for x, g in zip(p, grads, strict=True)]
        if step % period == 0:
            checkpoints.append(p)
        points.append(p)
        averages.append([sum(many) / len(many) for many in zip(*checkpoints, strict=True)] if checkpoints else p)
    return points, averages
