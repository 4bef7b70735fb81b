"""The measurements of a check-up, which its verdict, its table and its page read."""

from typing import NamedTuple

from jgd.health.evaluating import Evaluating
from jgd.health.layers import Looked
from jgd.health.leaves import MeasuredLeaf
from jgd.health.noise_scale import NoiseScale
from jgd.health.sharpness import Edge
from jgd.health.trials import RateTrials
from jgd.pages.text import count


class ClassLabels(NamedTuple):
    """Hold the ends of whole numbers in the data that stand for the classes of the loss's softmax."""

    name: str
    least: int
    largest: int
    classes: int


class Measured(NamedTuple):
    """Hold all that a check-up has measured."""

    looked: Looked
    leaves: tuple[MeasuredLeaf, ...]
    data: dict[str, float]  # root mean square of each floating array of the data
    seen: tuple[int, int]  # examples that were looked at together, and different ones among them
    noise: NoiseScale | None  # None where there are too few examples, or a gradient is not finite
    sharpness: float  # of the loss, preconditioned where `edge` says so; NaN where it was not measured
    no_sharpness: str  # why it is not known; empty where it is
    edge: Edge | None
    critical: float  # the least multiple of a step that raises the loss of its batch
    uphill: float  # cosine of the update and the gradient, the larger of those before and after the trials; NaN
    trials: RateTrials | None  # None where the data cannot be halved
    rates: dict[str, tuple[float, float, float]]  # learning rates: at first, now and after the trials
    chained: int  # learning rates that one chain applies one after another
    linearity: float  # relative difference of the loss of a batch and of the mean over its halves
    spread: float  # relative deviation of the loss of a batch under several keys; 0 of one that draws nothing
    labels: ClassLabels | None  # None where the loss has no softmax over classes, or several arrays could be its labels
    clipped: float  # share of the first gradient that is clipped; NaN without a clip
    memory: float  # of a run: root of Adam's second moment over the gradient, less what the loss fell; NaN elsewhere
    averaged: float  # share of the parameters in the weights of the loss, where their average is the rest; else 1
    batch_size: int
    examples: int
    steps: int  # that the trials took
    taken: int  # steps before the check-up
    fresh: bool  # whether the parameters are those of the task's `init`
    evaluating: Evaluating

    @property
    def span(self) -> str:
        """How long the trials were, as a text."""
        return count(self.steps, "step")
