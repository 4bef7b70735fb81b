"""Real problems to compare optimizers on, none of which needs a download, and models of other libraries as tasks."""

from jgd.tasks import suite as suite
from jgd.tasks.builtin import breast_cancer as breast_cancer
from jgd.tasks.builtin import diabetes as diabetes
from jgd.tasks.builtin import digits as digits
from jgd.tasks.builtin import mnist5k as mnist5k
from jgd.tasks.models import from_equinox as from_equinox
from jgd.tasks.models import from_linen as from_linen
from jgd.tasks.models import from_nnx as from_nnx
from jgd.tasks.problems import ConstrainedProblem as ConstrainedProblem
from jgd.tasks.problems import SmoothProblem as SmoothProblem
from jgd.tasks.problems import bounded_problems as bounded_problems
from jgd.tasks.problems import constrained_problems as constrained_problems
from jgd.tasks.problems import cutest_selection as cutest_selection
from jgd.tasks.problems import more_garbow_hillstrom as more_garbow_hillstrom
from jgd.tasks.registry import BUILTIN as BUILTIN
from jgd.tasks.registry import Entry as Entry
from jgd.tasks.registry import load as load
from jgd.tasks.registry import load_problem as load_problem
from jgd.tasks.text import text as text
