"""Thresholds: the numbers beyond which a measurement of a run becomes a finding."""

from collections.abc import Sequence

from jgd.core.finding import Finding
from jgd.core.record import hyper, record
from jgd.core.types import Scalar
from jgd.pages.text import count


@record
class Thresholds:
    """Hold the numbers beyond which a measurement becomes a finding. Each is a leaf; infinity turns a finding off.

    update_ratio    Largest |u|/|theta| of a leaf of two axes or more; a tenth of it is usual (You et al. 2017,
                    arXiv:1708.03888).
    still           Smallest |u|/|theta|: below it nothing is learnt in any number of steps that is waited for.
    slope           Largest |slope| per layer of log RMS of the signals that come back, over the depth: vanishing where
                    it is positive, exploding where it is negative. 0.3 is a factor of 400 over 20 layers. Below a
                    factor of 100 over all layers no slope is a finding. Where it vanishes only through passes of the
                    same layers, as in a recurrent network, it is to be watched.
    watched_slope   |slope| from which on it is to be watched; 0.1 is a factor of 400 over 60 layers.
    dead            Largest share of a layer's units that are zero on every example.
    saturated       Largest share of the values of tanh or sigmoid within 3 % of their ends.
    attention       Largest modulus of what enters a softmax of attention, masked entries left out: above 50 it is to be
                    watched, and 1e4 diverges (Wortsman et al. 2023, arXiv:2309.14322).
    sharpness       Largest sharpness of the loss, as a multiple of that at which the optimizer diverges.
    timid           Smallest sharpness as such a multiple: below it a rate is to be watched as soon as ten times it
                    lowers the loss by 1.3 times as much.
    nonfinite       Largest share of entries that are NaN or infinite.
    successive      Smallest cosine of successive gradients of the full batch: where three quarters of the later ones
                    lie below it, the iterates bounce.
    decay           Largest share of a leaf that weight decay takes away in a step.
    apart           Largest ratio of the steps of two matrices, where that of steps over gradients is as large.
    clipped         Largest share of steps whose gradient was clipped.
    skipped         Largest share of the later steps that an optimizer skips, as a loss scale does.
    spike           Largest z-score of the loss or of the log of a gradient's norm, against moving mean and variance, of
                    a value three times as large as is usual.
    jump            Largest rise of the loss above the usual one, as a share of the first, that is no spike.
    leap            Largest |u|/|theta| of any one step, as a multiple of `update_ratio`.
    rising          Largest last loss of a run as a multiple of the first.
    vanished        Smallest |g||theta|/|loss| of the matrices for which it is largest, early in a run: below it no
                    parameter changes the loss.
    vanished_beside Smallest |g||theta|/|loss| of a matrix as a share of the largest.
    stale           Largest root of a second moment over the gradient's norm, for a run that is gone on from.
    unbounded       Smallest loss below zero, as a multiple of the first one's modulus, that ten times the rate may lead
                    to where it is as many times that of the rate itself.
    loss_at_start   Largest first loss of a classifier, as a multiple of log(classes).
    data_scale      Largest root mean square of a floating array of the data.
    uphill          Smallest cosine of an update and the direction of descent: below it the optimizer goes uphill.
    overshoot       Largest loss of a step as a multiple of the first.
    too_low         Largest fall of the loss with ten times the rate over that with the rate itself: 10 where the steps
                    are so short that the loss is a line, 1 to 2 where the rate is about right.
    by_heart        Largest share that is left of the loss of a few examples after 200 steps on them alone: 0.02 at most
                    in good settings of the built-in tasks, above 0.6 with a dead layer or a hundredth of the rate.
                    Twice as much of a loss that draws random numbers.
    unpaired        Smallest gain on held-out examples from the pairs of the data, in standard errors.
    linearity       Largest relative difference of the loss of a batch and the mean of the losses of its halves.
    evaluation      Largest relative change of a metric where its evaluation is made again with other random draws.
    """

    update_ratio: Scalar = hyper(default=0.1, interval="(0, inf]")
    still: Scalar = hyper(default=1e-7, interval="[0, inf)")
    slope: Scalar = hyper(default=0.3, interval="(0, inf]")
    watched_slope: Scalar = hyper(default=0.1, interval="(0, inf]")
    dead: Scalar = hyper(default=0.5, interval="(0, inf]")
    saturated: Scalar = hyper(default=0.25, interval="(0, inf]")
    attention: Scalar = hyper(default=50.0, interval="(0, inf]")
    sharpness: Scalar = hyper(default=1.5, interval="(0, inf]")
    timid: Scalar = hyper(default=2e-3, interval="[0, inf)")
    nonfinite: Scalar = hyper(default=0.0, interval="[0, inf]")
    successive: Scalar = hyper(default=-0.5, interval="[-inf, 1]")
    decay: Scalar = hyper(default=0.03, interval="(0, inf]")
    apart: Scalar = hyper(default=300.0, interval="(1, inf]")
    clipped: Scalar = hyper(default=0.5, interval="(0, inf]")
    skipped: Scalar = hyper(default=0.5, interval="[0, inf]")
    spike: Scalar = hyper(default=6.0, interval="(0, inf]")
    jump: Scalar = hyper(default=0.05, interval="[0, inf]")
    leap: Scalar = hyper(default=5.0, interval="[1, inf]")
    rising: Scalar = hyper(default=3.0, interval="(1, inf]")
    vanished: Scalar = hyper(default=1e-6, interval="[0, inf)")
    vanished_beside: Scalar = hyper(default=1e-5, interval="[0, 1)")
    stale: Scalar = hyper(default=100.0, interval="(1, inf]")
    unbounded: Scalar = hyper(default=30.0, interval="(1, inf]")
    loss_at_start: Scalar = hyper(default=4.0, interval="(0, inf]")
    data_scale: Scalar = hyper(default=30.0, interval="(0, inf]")
    uphill: Scalar = hyper(default=-0.01, interval="[-inf, 1]")
    overshoot: Scalar = hyper(default=3.0, interval="(1, inf]")
    too_low: Scalar = hyper(default=2.2, interval="(1, inf]")
    by_heart: Scalar = hyper(default=0.3, interval="(0, inf]")
    unpaired: Scalar = hyper(default=3.0, interval="[-inf, inf)")
    linearity: Scalar = hyper(default=1e-3, interval="(0, inf]")
    evaluation: Scalar = hyper(default=1e-3, interval="[0, inf]")


def verdict_sentence(name: str, findings: Sequence[Finding]) -> str:
    """Answer in a sentence whether what is called `name` is healthy: by its first finding, if there is one."""
    if not findings:
        return f"{name}: healthy; nothing crosses a threshold."
    first, more = findings[0], len(findings) - 1
    rest = f" ({count(more, 'more finding')} below)" if more else ""
    return f"{name}: {first.where}: {first.because}{rest}."
