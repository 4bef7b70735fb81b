"""Records, trees and protocols: what every other layer is made of."""

from jgd.core.errors import InputError as InputError
from jgd.core.frozen import frozen as frozen
from jgd.core.matrices import MatrixAxes as MatrixAxes
from jgd.core.matrices import SplitAxes as SplitAxes
from jgd.core.matrix_rule import MatrixRule as MatrixRule
from jgd.core.record import Function as Function
from jgd.core.record import as_function as as_function
from jgd.core.record import hyper as hyper
from jgd.core.record import part as part
from jgd.core.record import record as record
from jgd.core.record import static as static
from jgd.core.rule import Rule as Rule
from jgd.core.stacking import LeafStacks as LeafStacks
from jgd.core.stacking import stack_leaves as stack_leaves
from jgd.core.status import Status as Status
from jgd.core.stop import Stop as Stop
from jgd.core.tree import global_norm as global_norm
from jgd.core.types import Schedule as Schedule
from jgd.core.types import Transform as Transform
from jgd.core.values import hyperparams as hyperparams
from jgd.core.values import select as select
from jgd.core.values import stack as stack
from jgd.core.values import with_hyperparams as with_hyperparams
from jgd.core.without_matrices import NoMatrixWarning as NoMatrixWarning
