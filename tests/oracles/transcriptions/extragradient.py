"""The extragradient method as its paper has it (Korpelevich 1976)."""


def extragradient(start, gradients, rate, field):
    """Return the points after each step; `field` maps a list of arrays to that of the gradients there."""
    p, points = list(start), []
    for grads in gradients:
        half = [x - rate * g for x, g in zip(p, grads, strict=True)]
        p = [x - rate * g for x, g in zip(p, field(half), strict=True)]
        points.append(p)
    return points, points
