"""Problems that optimizers are compared on, each with a setting that is known to win it."""

from jgd.tasks.suite.collection import PROBLEMS as PROBLEMS
from jgd.tasks.suite.functions import FUNCTIONS as FUNCTIONS
from jgd.tasks.suite.problem import Problem as Problem
