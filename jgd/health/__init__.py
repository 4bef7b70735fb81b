"""Health: what is wrong with a run, and its remedy."""

from jgd.health.autopsy import Autopsy as Autopsy
from jgd.health.autopsy import autopsy as autopsy
from jgd.health.check import check as check
from jgd.health.checkup import Checkup as Checkup
from jgd.health.finding import Finding as Finding
from jgd.health.finding import Thresholds as Thresholds
