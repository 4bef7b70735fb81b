"""Describe the machine of figures: the device, the cores, the versions and the commit."""

import datetime
import importlib.metadata
import platform
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax

import jgd
from jgd.measure import machine

PACKAGES = (
    "jax",
    "jaxlib",
    "optax",
    "numpy",
    "torch",
    "optuna",
    "scikit-learn",
    "mlxtend",
    "scipy",
    "optimistix",
    "jaxopt",
)
ROOT = Path(__file__).parent.parent


def describe() -> dict[str, Any]:
    """Return all of it, as JSON has it."""
    host = machine()
    on_cpu = host["platform"] == "cpu"
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "device": re.sub(r"\((R|TM)\)", "", host["device"]),
        "platform": host["platform"],
        "devices": host["cores"] if on_cpu else jax.device_count(),
        "cores": host["cores"],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"jgd": jgd.__version__, "python": platform.python_version(), **_versions()},
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),  # files that the commit has otherwise
    }


def file_name(machine: dict[str, Any]) -> str:
    """Name the file as in `cpu2-2026-11-22.json`."""
    kind = "cpu" if machine["platform"] == "cpu" else f"{machine['device'].lower()} "
    return re.sub(r"[^a-z0-9]+", "-", f"{kind}{machine['devices']} {machine['date'][:10]}") + ".json"


def _versions() -> dict[str, str]:
    there = [name for name in PACKAGES if find_spec({"scikit-learn": "sklearn"}.get(name, name))]
    return {name: importlib.metadata.version(name) for name in there}


def _git(*arguments: str) -> str | None:
    """Return what git says, or nothing outside of a checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
