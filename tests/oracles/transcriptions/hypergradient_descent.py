"""SGD with hypergradient descent (Baydin et al. 2018, Algorithm 4), over given gradients."""

import numpy as np


def hypergradient_descent(params, gradients, alpha, beta):
    """Return the parameters after each step: lists of float64 arrays.

    alpha is the first rate; with u_t = -alpha_t g_t, the slope of f_t by the rate is h_t = g_t . (-g_{t-1}), and
    alpha_t = alpha_{t-1} - beta h_t. Before the first step there is no gradient.
    """
    theta = [np.array(x, np.float64) for x in params]
    before = [np.zeros_like(x) for x in theta]
    path = []
    for g in gradients:
        h = 0.0
        for now, then in zip(g, before, strict=True):
            h += float(np.sum(now * -then))
        alpha = alpha - beta * h
        for i in range(len(theta)):
            theta[i] = theta[i] - alpha * g[i]
        before = [np.array(x) for x in g]
        path.append([x.copy() for x in theta])
    return path
