"""Many devices: how an optimizer's state lies on a mesh. `jgd.fit(mesh=)` trains on one."""

from jgd.core.state_specs import state_specs as state_specs
from jgd.distributed.shard_state import ShardState as ShardState
from jgd.distributed.shard_state import shard_state as shard_state
from jgd.distributed.shard_state import split_specs as split_specs
