"""Jumps of a curve: how far each value lies above those before it."""

import numpy as np

DECAY, WARM_UP = 0.97, 25  # of the moving mean and variance of spikes (Kumar et al. 2025, arXiv:2504.02507)
CLIPPED_AT = 2.5  # standard deviations with which a spike enters the mean, so that it does not blind the next
TALL = 3.0  # times the usual value: what a spike must reach


def z_scores(values: np.ndarray, rise: float = np.inf) -> np.ndarray:
    """Tell how many standard deviations each value lies above the moving mean of those before it.

    Mean and variance begin as the median and the median deviation of 25 values, of which a spike may be one, and decay
    by 0.97; a value above 2.5 deviations enters them as if it were there. The 25 get zero themselves, but for those
    that lie by `rise` above all but two before them. NaN is passed over.
    """
    found = np.zeros(len(values))
    finite = np.flatnonzero(np.isfinite(values))
    begin = values[finite[:WARM_UP]]
    for n in range(3, len(begin)):
        if begin[n] - np.sort(begin[:n])[-3] > rise:
            mean, spread = _middle_and_spread(begin[:n])
            found[finite[n]] = (begin[n] - mean) / max(spread, 1e-6 * abs(mean), 1e-30)
    if len(finite) <= WARM_UP:
        return found
    mean, spread = _middle_and_spread(begin)
    variance = spread**2
    for i in finite[WARM_UP:]:
        spread = max(variance**0.5, 1e-6 * abs(mean), 1e-30)
        found[i] = (values[i] - mean) / spread
        step = min(found[i], CLIPPED_AT) * spread
        variance = DECAY * variance + (1 - DECAY) * step**2
        mean += (1 - DECAY) * step
    return found


def loss_scores(losses: np.ndarray) -> np.ndarray:
    """Return these scores of the logs of losses, above the least where some are negative."""
    finite = losses[np.isfinite(losses)]
    return z_scores(np.log(np.maximum(losses - finite.min(initial=0.0), 1e-30)), float(np.log(TALL)))


def jump_before(losses: np.ndarray, spike: float, start: int = 0) -> str:
    """Tell of the first jump by `spike` deviations, which may be the cause of what is not finite after these losses."""
    over = np.flatnonzero(loss_scores(losses) > spike)
    if not len(over):
        return ""
    step = int(over[0])
    usual = float(np.median(losses[max(0, step - WARM_UP) : step]))
    return (
        f"the loss had jumped from {usual:.3g} to {losses[step]:.3g} at step {start + step}, so look at that one first"
    )


def usual_before(values: np.ndarray) -> np.ndarray:
    """Return the third largest of the finite values in the 25 places before each, NaN where there are none."""
    padded = np.concatenate([np.full(WARM_UP, -np.inf), np.where(np.isfinite(values), values, -np.inf)])
    if not len(values):
        return values
    windows = np.lib.stride_tricks.sliding_window_view(padded, WARM_UP)[: len(values)]
    usual = np.sort(windows, axis=1)[:, -3]  # not the largest two, which may be spikes themselves
    return np.where(np.isfinite(usual), usual, np.nan)


def _middle_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Return the median, and the deviation of a normal distribution of that median deviation."""
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))
