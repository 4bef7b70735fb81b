"""Findings of attention: logits so large that its softmax is saturated."""

from collections.abc import Iterator

import numpy as np

from jgd.core.finding import BROKEN, WATCH, Finding
from jgd.health.finding import Thresholds
from jgd.health.layers import Looked

DIVERGENT = 1e4  # of logits, with which training has been seen to diverge (Wortsman et al. 2023, arXiv:2309.14322)


def attention_findings(looked: Looked, t: Thresholds) -> Iterator[Finding]:
    """Find the softmax of attention that the largest logits enter, where these are too large."""
    worst = looked.largest_attention()
    if worst is None or not (largest := float(np.max(worst.largest))) > float(t.attention):
        return
    diverges = largest > DIVERGENT
    passes = f" in pass {int(np.argmax(worst.largest))} of its scan" if worst.tap.stacked else ""
    yield Finding(
        BROKEN if diverges else WATCH, worst.tap.label, "largest |q.k|/sqrt(d)", largest,
        f"below {float(t.attention):g}",
        f"its softmax is saturated{passes}, so that queries and keys get hardly any gradient"
        + (", and logits of this size diverge" if diverges else ""),
        "normalise queries and keys (QK-norm), hold the logits by jgd.qk_clip, or lower the rate or warm up longer",
    )  # fmt: skip
