"""Health: what is wrong with a run, and its remedy."""

from jgd.core.finding import Finding as Finding
from jgd.health.autopsy import Autopsy as Autopsy
from jgd.health.autopsy import autopsy as autopsy
from jgd.health.check import check as check
from jgd.health.check_layers import LayerCheck as LayerCheck
from jgd.health.check_layers import check_layers as check_layers
from jgd.health.checkup import Checkup as Checkup
from jgd.health.coordinate_check import CoordinateCheck as CoordinateCheck
from jgd.health.coordinate_check import coordinate_check as coordinate_check
from jgd.health.finding import Thresholds as Thresholds
from jgd.health.noise_scale import NoiseScale as NoiseScale
from jgd.health.noise_scale import noise_scale as noise_scale
from jgd.health.reading import Reading as Reading
from jgd.health.reading import read_pulse as read_pulse
