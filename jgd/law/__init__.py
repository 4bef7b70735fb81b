"""Laws: how the best numbers of an optimizer, and the loss they reach, depend on width, steps and batch size."""

from jgd.law.estimate import Estimate as Estimate
from jgd.law.law import Law as Law
from jgd.law.law import fit as fit
