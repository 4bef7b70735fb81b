"""Why something stopped, and what to do about it."""

import enum
from typing import Any

import numpy as np


class Status(enum.IntEnum):
    """Say why a run ended, with a remedy. Inside `jit` a status is its number, an i32 scalar."""

    message: str
    remedy: str

    def __new__(cls, value: int, message: str, remedy: str) -> "Status":
        """Return a number that knows its text."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.message, member.remedy = message, remedy
        return member

    RUNNING = 0, "has not stopped yet", "run more steps"
    MAX_STEPS = (
        1,
        "took the steps that it was allowed",
        "allow more if it has not converged",
    )
    GRADIENT_NORM = 2, "the gradient's norm fell below its threshold", "nothing to do: this is a stationary point"
    VALUE = 3, "the value fell to its threshold", "nothing to do: the target is reached"
    STEP_NORM = (
        4,
        "the step's norm fell below its threshold",
        "check the gradient's norm: if it is still large, the learning rate has decayed too far",
    )
    PLATEAU = (
        5,
        "the value stopped improving for as long as patience allows",
        "lower the learning rate or raise patience if it should improve further",
    )
    NON_FINITE = (
        6,
        "the value, the gradient or a parameter became infinite or NaN",
        "start where they are finite, lower the learning rate, clip the gradients, or wrap the optimizer in "
        "jgd.apply_if_finite; jgd.health.autopsy tells where a run of jgd.fit went wrong first",
    )
    INTERRUPTED = (
        7,
        "was interrupted",
        "call it again with the same arguments, among them a dir, to go on from the last segment",
    )
    CALLBACK = (
        8,
        "was ended by its callback",
        'nothing to do: it asked for that; a run of jgd.fit with a dir goes on from there by resume="changed"',
    )
    TIME = (
        9,
        "ran out of its seconds",
        "give it more, or call it again with the same arguments, among them a dir, to go on from the last segment",
    )

    VALUE_CHANGE = (
        10,
        "a step changed the value by less than its threshold",
        "check the gradient's norm: in a flat valley the minimum may still be far",
    )
    LINE_SEARCH = (
        11,
        "no step along the gradient lowers the value",
        "in float32 this may be the solution: compute in float64, from here, to see whether the value still falls; "
        "else check the gradient with jgd.check_grads, or smooth the function if it has kinks",
    )
    TRUST_REGION = (
        12,
        "the trust region shrank to nothing",
        "in float32 this may be the solution: compute in float64, from here, to see whether the value still falls; "
        "else check the derivatives with jgd.check_grads, or smooth the function if it has kinks",
    )
    UNBOUNDED = 13, "the value fell below -1e20", "bound the parameters, or check the sign of the function"
    MAX_EVALUATIONS = (
        14,
        "made the evaluations that it was allowed",
        "raise Stop(max_evaluations=) if it has not converged, or begin nearer to the solution",
    )
    PRECISION = (
        15,
        "steps change the value by its rounding alone",
        "nothing to do: this is as exact as the dtype allows; compute in float64 for more",
    )
    INFEASIBLE = (
        16,
        "the constraints do not hold, and no step brings them nearer",
        "begin elsewhere, relax one of them, or check their signs and limits",
    )
    NO_ROOT = (
        17,
        "the equations do not hold, and no step brings them nearer",
        "begin elsewhere, or find the nearest to a root that there is with jgd.least_squares",
    )

    @classmethod
    def of(cls, code: Any) -> "Status":
        """Return the member for a number that came out of a compiled program."""
        return cls(int(np.asarray(code)))

    @property
    def converged(self) -> bool:
        """Whether it stopped because it reached what was asked."""
        return self in (Status.GRADIENT_NORM, Status.VALUE, Status.STEP_NORM, Status.VALUE_CHANGE)

    def __str__(self) -> str:
        return f"{self.name.lower()}: {self.message}; {self.remedy}."
