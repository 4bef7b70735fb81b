"""AdaHessian (Yao et al. 2021, arXiv:2006.00719, Algorithm 1), for a diagonal Hessian that is known."""

import numpy as np


def adahessian(params, gradients, curvature, lr, b1, b2, eps, power, weight_decay):
    """Return the parameters after each step: lists of float64 arrays.

    `curvature(shape)` is the Hessian's diagonal. As in the authors' code, moduli are averaged over the window of a
    kernel of rank 4, here its first two axes, weights decay by lr wd first, and eps is added after the power.
    """
    theta = [np.array(x, np.float64) for x in params]
    m = [np.zeros_like(x) for x in theta]
    v = [np.zeros_like(x) for x in theta]
    path = []
    for t, g in enumerate(gradients, start=1):
        for i in range(len(theta)):
            d = np.asarray(curvature(theta[i].shape), np.float64)
            if d.ndim == 4:
                averaged = np.zeros_like(d)
                for a in range(d.shape[2]):
                    for b in range(d.shape[3]):
                        averaged[:, :, a, b] = np.sum(np.abs(d[:, :, a, b])) / (d.shape[0] * d.shape[1])
                d = averaged
            theta[i] = theta[i] * (1 - lr * weight_decay)
            m[i] = b1 * m[i] + (1 - b1) * g[i]
            v[i] = b2 * v[i] + (1 - b2) * d**2
            mean = m[i] / (1 - b1**t)
            root = (v[i] / (1 - b2**t)) ** (power / 2)
            theta[i] = theta[i] - lr * mean / (root + eps)
        path.append([x.copy() for x in theta])
    return path
