"""Training: the problem as a value, and the loop that fits it."""

from jgd.train.callback import Snapshot as Snapshot
from jgd.train.calls import on_host as on_host
from jgd.train.fit import fit as fit
from jgd.train.judging import Best as Best
from jgd.train.microbatch import Microbatch as Microbatch
from jgd.train.output_loss import LossOfOutputs as LossOfOutputs
from jgd.train.output_loss import loss_of_outputs as loss_of_outputs
from jgd.train.pulse import Health as Health
from jgd.train.result import Change as Change
from jgd.train.result import Run as Run
from jgd.train.task import Task as Task
from jgd.train.task import check_task as check_task
