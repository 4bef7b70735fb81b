"""Answers with scipy's names."""

from typing import Any

import numpy as np

from jgd.core.status import Status
from jgd.solvers.solution import Solution

CODES = {
    Status.MAX_STEPS: 1,
    Status.MAX_EVALUATIONS: 1,
    Status.LINE_SEARCH: 2,
    Status.TRUST_REGION: 2,
    Status.NON_FINITE: 3,
    Status.UNBOUNDED: 4,
    Status.INFEASIBLE: 4,
    Status.NO_ROOT: 5,
    Status.CALLBACK: 99,
}
"""scipy's numbers where it has them; 0 is success."""


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


def result_of(solution: Solution, disp: Any = False, **more: Any) -> OptimizeResult:
    """Return the answer that tells of a solution; `disp` prints its message."""
    success = bool(solution.success)
    if disp:
        print(solution.message)
    evaluations = int(solution.evaluations)
    return OptimizeResult(
        x=np.asarray(solution.params),
        success=success,
        status=0 if success else CODES.get(solution.status, 6),
        message=solution.message,
        nit=int(solution.steps),
        nfev=evaluations,
        njev=evaluations,
        **more,
    )
