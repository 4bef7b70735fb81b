"""Training: the problem as a value, and the loop that fits it."""

from jgd.train.task import Task as Task
