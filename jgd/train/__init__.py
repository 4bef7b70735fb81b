"""Training: the problem as a value, and the loop that fits it."""

from jgd.train.fit import fit as fit
from jgd.train.result import Run as Run
from jgd.train.task import Task as Task
from jgd.train.task import check_task as check_task
