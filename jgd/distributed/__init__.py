"""Many workers: local steps with an outer optimizer, and delays.

Written by `python -m tests.exports`; names are imported on first use.
"""

from jgd.core.lazy import lazy

lazy(
    __name__,
    {
        "jgd.distributed.delayed": "Delayed DelayedState delayed",
        "jgd.distributed.local_steps": "Diloco DilocoState LocalSgd LocalSgdState diloco local_sgd",
        "jgd.distributed.per_worker": "per_worker worker_mean",
    },
)
