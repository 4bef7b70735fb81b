"""The cost of a step on this device: time, memory, and how far it is from the floor that the device's memory sets."""

from jgd.core.memory import free_bytes as free_bytes
from jgd.measure.compare import Ratio as Ratio
from jgd.measure.compare import compare as compare
from jgd.measure.describe import Description as Description
from jgd.measure.describe import describe as describe
from jgd.measure.device import Copy as Copy
from jgd.measure.device import bandwidth as bandwidth
from jgd.measure.device import cores as cores
from jgd.measure.device import flops as flops
from jgd.measure.device import machine as machine
from jgd.measure.program import Compilation as Compilation
from jgd.measure.program import Memory as Memory
from jgd.measure.program import Program as Program
from jgd.measure.program import memory as memory
from jgd.measure.roofline import Roofline as Roofline
from jgd.measure.roofline import Share as Share
from jgd.measure.roofline import floor as floor
from jgd.measure.roofline import judge as judge
from jgd.measure.roofline import roofline as roofline
from jgd.measure.steps import random_like as random_like
from jgd.measure.steps import state_bytes as state_bytes
from jgd.measure.steps import step_program as step_program
from jgd.measure.timing import Timing as Timing
from jgd.measure.timing import interleave as interleave
from jgd.measure.timing import timing as timing
