"""Many devices and workers: how an optimizer's state lies on a mesh, checkpoints, local steps, and late gradients."""

from jgd.core.state_specs import state_specs as state_specs
from jgd.distributed.checkpoint import restore_checkpoint as restore_checkpoint
from jgd.distributed.checkpoint import save_checkpoint as save_checkpoint
from jgd.distributed.delayed import Delayed as Delayed
from jgd.distributed.delayed import DelayedState as DelayedState
from jgd.distributed.delayed import delayed as delayed
from jgd.distributed.local_steps import Diloco as Diloco
from jgd.distributed.local_steps import DilocoState as DilocoState
from jgd.distributed.local_steps import LocalSgd as LocalSgd
from jgd.distributed.local_steps import LocalSgdState as LocalSgdState
from jgd.distributed.local_steps import diloco as diloco
from jgd.distributed.local_steps import local_sgd as local_sgd
from jgd.distributed.per_worker import per_worker as per_worker
from jgd.distributed.per_worker import worker_mean as worker_mean
from jgd.distributed.shard_state import ShardState as ShardState
from jgd.distributed.shard_state import shard_state as shard_state
from jgd.distributed.shard_state import split_specs as split_specs
from jgd.distributed.streaming_diloco import StreamingDiloco as StreamingDiloco
from jgd.distributed.streaming_diloco import StreamingDilocoState as StreamingDilocoState
from jgd.distributed.streaming_diloco import streaming_diloco as streaming_diloco
