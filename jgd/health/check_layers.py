"""The look at layers alone: what each puts out, what comes back to it, and whether that vanishes or explodes."""

import dataclasses
import functools
import math
from typing import Any

import jax

from jgd.core.arguments import ARRAYS, checked, instance_of, whole_from
from jgd.core.finding import Findings
from jgd.core.optional import require
from jgd.core.types import Params, State
from jgd.health.finding import Thresholds, verdict_sentence
from jgd.health.layer_findings import layer_findings, severity_of_slope
from jgd.health.layers import Layer, Looked, look, slope, unrolled
from jgd.health.starting import EXAMPLES, STARTING, model_of, without_stream
from jgd.health.table import LayerRow, layer_cells, layer_rows
from jgd.health.trials import first_examples
from jgd.pages.sheet import Sheet
from jgd.train.loop import root_key
from jgd.train.result import Run
from jgd.train.task import TASK, Task, check_task

COLUMNS = ("layer", "note", "mean", "output", "zero", "dead", "saturated", "signal")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LayerCheck:
    """Hold the layers of a model as one batch shows them; `check_layers` makes it and tells what its table shows."""

    looked: Looked
    name: str
    thresholds: Thresholds

    @functools.cached_property
    def findings(self) -> Findings:
        """Everything that is wrong with the layers, causes first: the findings of `jgd.health.check` about them."""
        return layer_findings(self.looked, self.thresholds)

    @property
    def slope(self) -> float:
        """How much the log of the signal falls with each layer on its way back: positive vanishes, negative explodes.

        NaN where fewer than four layers have a signal.
        """
        return slope(self.looked.products())[0]

    @property
    def layers(self) -> list[Layer]:
        """Every product and activation in the order of computation, the passes of scans one by one."""
        return list(unrolled(self.looked.layers))

    @property
    def rows(self) -> list[LayerRow]:
        """The lines of the table."""
        return layer_rows(self.layers, (), self.thresholds)

    def __repr__(self) -> str:
        return str(self._sheet())

    def _repr_html_(self) -> str:
        return self._sheet().html()

    def dataframe(self) -> Any:
        """Make a pandas table with a row for every product and activation, in the order of computation.

        Beside the columns of the printed table it has the root mean square and the largest modulus of the output.
        """
        return require("pandas", "LayerCheck.dataframe()").DataFrame(
            [
                {
                    "layer": layer.tap.name,
                    "operation": layer.tap.operation,
                    "rms": math.hypot(layer.mean, layer.deviation),
                    **{key: float(x) for key, x in layer._asdict().items() if key != "tap"},
                }
                for layer in self.layers
            ]
        )

    def _sheet(self) -> Sheet:
        head = [verdict_sentence(self.name, self.findings), self._way_back(), ""]
        rows = [layer_cells(row, COLUMNS) for row in self.rows]
        return Sheet(head, COLUMNS, rows, ["", *self.findings.lines()] if self.findings else [], left=2)

    def _way_back(self) -> str:
        fall, count = slope(self.looked.products())
        if not math.isfinite(fall):
            return "Fewer than four layers have a signal, so it has no slope over the depth."
        steep = ("vanishes" if fall > 0 else "explodes") if severity_of_slope(fall, count, self.thresholds) else ""
        return (
            f"On its way back over {count} layers the signal {'falls' if fall > 0 else 'grows'} by a factor of "
            f"{math.exp(abs(fall)):.3g} a layer (slope {fall:+.2f}): it {steep or 'neither vanishes nor explodes'}."
        )


@checked(
    task=TASK,
    params=STARTING,
    model_state=ARRAYS,
    examples=whole_from(2),
    thresholds=instance_of("be jgd.health.Thresholds(...)", Thresholds),
)
def check_layers(
    task: Task,
    params: Params | Run = None,
    model_state: State = None,
    *,
    seed: int = 0,
    examples: int = EXAMPLES,
    thresholds: Thresholds | None = None,
) -> LayerCheck:
    """Look at a model layer by layer, and tell whether the signal that comes back to them vanishes or explodes.

    params       Parameters to look at, or a `Run`, whose parameters and model state are taken; those that the task's
                 `init` makes with the seed unless given.
    model_state  The state that goes with the parameters; the one that `init` makes unless given.
    examples     Examples that are looked at together: memory is that of their activations.
    thresholds   The numbers beyond which a measurement becomes a finding.

    Printed, it has a row for each layer, and each pass of a scan, in the order of computation, or for all of one kind
    where there are more than 40. `mean` and `output` are the mean and the deviation of what the layer puts out before
    its activation; `zero`, `dead` and `saturated` the shares of zeros after it, of units that are zero on every
    example, and of values near the ends of tanh or a sigmoid; `signal` is the root mean square of the derivative of the
    loss by the output. The slope is that of the log of the signal over the depth, by least squares: -log(s) for a
    linear chain of orthogonal weights times s, where the gradients of the weights are alike and tell nothing.

    It costs two to three times a gradient, in one compiled program, which other parameters share; the model may be
    written in any library. `jgd.health.check` looks at the optimizer, the rate and the data as well.
    """
    check_task(task)
    task = without_stream(task)
    model, state = model_of("check_layers", task, params, model_state, seed)
    batch = first_examples(task, int(examples))
    looked = look(task, model, state, batch, jax.random.fold_in(root_key(seed), 1))
    return LayerCheck(looked, task.name or "the task", thresholds or Thresholds())
