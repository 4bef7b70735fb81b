"""A loss in two parts, for optimizers that look at a model's outputs: natural gradients and Gauss-Newton methods."""

from collections.abc import Callable
from typing import Any

from jgd.core.arguments import function_of
from jgd.core.errors import InputError
from jgd.core.record import as_function, part, record
from jgd.core.types import Params
from jgd.train.calls import loss_call

OUTPUTS = "outputs(params, batch) -> arrays, one row an example"
PLACE = "loss_of_outputs(outputs=)"


@record
class LossOfOutputs:
    """Make the loss `loss(outputs(params, batch), batch)` of a `Task`, of which an optimizer gets both parts.

    outputs   `outputs(params, batch)` or `outputs(params, batch, key)`; an array, or a tree of them, whose first axis
              counts the examples, such as logits. A model with a state is refused.
    loss      `loss(outputs, batch)`; a scalar, or `(scalar, aux)`, as that of a task: the mean over the examples.

    The step's optimizer is given `outputs_fn(params)` and `loss_fn(outputs)`, on the batch of the step:
    `hessian_free`, `natural_gradient` and `gauss_newton_bartlett_estimator` need them. Other optimizers see no
    difference.
    """

    outputs: Callable[..., Any] = part(expect=function_of(OUTPUTS), convert=as_function)
    loss: Callable[..., Any] = part(expect=function_of("loss(outputs, batch) -> scalar"), convert=as_function)

    def __call__(self, params: Params, batch: Any, key: Any = None) -> Any:
        """Return the loss, as a task calls it."""
        return self.loss(self._outputs(params, batch, key), batch)

    def parts(self, batch: Any, key: Any) -> dict[str, Callable[[Any], Any]]:
        """Return the two functions for an optimizer: the model's outputs of parameters, and the loss of outputs."""

        def loss_fn(outputs: Any) -> Any:
            value = self.loss(outputs, batch)
            return value[0] if isinstance(value, tuple) else value

        return {"outputs_fn": lambda params: self._outputs(params, batch, key), "loss_fn": loss_fn}

    def _outputs(self, params: Params, batch: Any, key: Any) -> Any:
        call = loss_call(self.outputs, PLACE)
        if call.state:
            raise InputError(
                f"{PLACE}: a model with a state cannot be taken apart; write outputs(params, batch), with fixed "
                "statistics."
            )
        return call(self.outputs, params, None, batch, key)


loss_of_outputs = LossOfOutputs
