"""A sweep's outcome as JSON has it, which every command that runs one shares."""

import math
import platform
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgd.sweep.result import Result


def document_of(result: Result, task: str, devices: str, folder: Path) -> dict[str, Any]:
    """Put into JSON what was run, how it ended, and its cost."""
    settings = result.settings
    return {
        "task": task,
        "metric": settings.metric,
        "mode": settings.mode,
        "target": settings.target,
        "steps": settings.steps,
        "seeds": list(settings.seeds),
        "trials": len(result.trials),
        "status": status_counts(result),
        "interrupted": result.interrupted,
        "programs": result.programs,
        "compile_seconds": round(result.compile_seconds, 3),
        "run_seconds": round(result.run_seconds, 3),
        "trial_steps": result.lane_steps,
        "trial_steps_per_second": round(result.lane_steps / max(result.run_seconds, 1e-9), 1),
        "devices": devices,
        "versions": versions(),
        "folder": str(folder),
    }


def versions(**others: str) -> dict[str, str]:
    """Return the versions of jgd, jax, other packages and Python."""
    # The package itself is above this layer, and need not be installed to be run from its folder.
    own = {"jgd": sys.modules["jgd"].__version__, "jax": jax.__version__}
    return {**own, **others, "python": platform.python_version()}


def status_counts(result: Result) -> dict[str, int]:
    """Tell how many lanes have come to which end."""
    names, counts = np.unique(result.status, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def standings_json(result: Result) -> list[dict[str, Any]]:
    """Return the spaces from best to worst, each by its best trial."""
    return [
        {
            "space": row.space,
            "trial": row.trial.number,
            "params": row.trial.params,
            "value": jsonable(row.summary.median),
            "low": jsonable(row.summary.low),
            "high": jsonable(row.summary.high),
            "level": row.summary.level,
            "diverged": row.diverged,
            "steps_to_target": jsonable(float(row.steps_to_target)),
            "edges": row.trial.at_edge,
        }
        for row in result.standings()
    ]


def jsonable(value: Any) -> Any:
    """Return a value as JSON has it, in lists and dicts too: what is not finite is null."""
    if isinstance(value, dict):
        return {key: jsonable(x) for key, x in value.items()}
    if isinstance(value, list):
        return [jsonable(x) for x in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
