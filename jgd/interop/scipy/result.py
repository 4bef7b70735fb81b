"""Answers with scipy's names."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jgd.core.status import Status
from jgd.solvers.solution import Solution

MINIMIZED = {
    Status.MAX_STEPS: 1,
    Status.MAX_EVALUATIONS: 1,
    Status.LINE_SEARCH: 2,
    Status.TRUST_REGION: 2,
    Status.NON_FINITE: 3,
    Status.UNBOUNDED: 4,
    Status.INFEASIBLE: 4,
    Status.CALLBACK: 99,
}
"""scipy's numbers for the ends of `minimize`, where it has them; any success is 0."""
TRUST_CONSTR = {
    **dict.fromkeys((Status.GRADIENT_NORM, Status.PRECISION), 1),
    **dict.fromkeys((Status.MAX_STEPS, Status.MAX_EVALUATIONS), 0),
    Status.CALLBACK: 3,
}
"""Those of its method "trust-constr", which are others."""
SQUARES = {
    Status.GRADIENT_NORM: 1,
    Status.VALUE_CHANGE: 2,
    Status.PRECISION: 2,
    Status.STEP_NORM: 3,
    Status.MAX_EVALUATIONS: 0,
    Status.CALLBACK: -2,
}
"""Those of `least_squares`: any success is above 0, any other end below but for spent evaluations."""
ROOTS = {Status.GRADIENT_NORM: 1, Status.PRECISION: 1, Status.MAX_STEPS: 2, Status.MAX_EVALUATIONS: 2}
"""Those of `root`."""


class OptimizeResult(dict[str, Any]):
    """An answer whose entries are also attributes, as scipy's is."""

    def __getattr__(self, name: str) -> Any:
        if name not in self:
            raise AttributeError(f"there is no {name} in this answer, only {', '.join(self)}")
        return self[name]

    def __dir__(self) -> list[str]:
        return list(self)

    def __repr__(self) -> str:
        width = max(map(len, self), default=0)
        return "\n".join(f"{name:>{width}}: {value}" for name, value in self.items())


def result_of(
    solution: Solution, codes: Mapping[Status, int], otherwise: int, disp: bool = False, **more: Any
) -> OptimizeResult:
    """Return the answer that tells of a solution, its status by `codes`; `disp` prints its message."""
    if disp:
        print(solution.message)
    evaluations = int(solution.evaluations)
    return OptimizeResult(
        x=np.asarray(solution.params),
        success=bool(solution.success),
        status=codes.get(solution.status, otherwise),
        message=solution.message,
        nit=int(solution.steps),
        nfev=evaluations,
        njev=evaluations,
        **more,
    )
