"""Rows of corrections that go with any optimizer, of hyperballs and of averages of the parameters."""

import jgd
from tests import problems
from tests.row import Row

ROWS = [
    Row(
        "cautious",
        lambda: jgd.cautious(jgd.adamw(0.05, weight_decay=0.01)),
        state_bytes=8,
        passes=8,  # the mask's mean is known after all of it has been seen
        reference="timm:cautious",
    ),
    Row(
        "add_cautious_decayed_weights",
        lambda: jgd.chain(
            jgd.scale_by_adam(eps=1e-15), jgd.add_cautious_decayed_weights(0.1), jgd.scale_by_learning_rate(0.05)
        ),
        state_bytes=8,
        reference="heavyball:add_cautious_decayed_weights",
    ),
    Row(
        "hyperball",
        lambda: jgd.hyperball(jgd.scale_by_rms(0.999, 1e-15, eps_in_sqrt=False, bias_correction=True), 0.05),
        state_bytes=4,
        passes=12,  # for the norms of the update and of the next point
        reference="heavyball:hyperball",
    ),
]

RECORDED = [
    Row("cautious_lion", lambda: jgd.cautious(jgd.lion(0.02)), reference="timm:cautious_lion"),
    Row(
        "hyperball_muon",
        lambda: jgd.hyperball(jgd.scale_by_muon(eps=0.0, nesterov=False), 0.05),
        shapes=problems.MATRICES,
        reference="emerging-optimizers:hyperball_muon",
    ),
]
