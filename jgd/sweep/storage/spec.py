"""The spec of a sweep as JSON: texts to compare, its trials with their axes, and where it ran."""

import dataclasses
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jaxlib.version
import numpy as np

from jgd.core.fingerprint import leaf_texts, steady_repr, structure_text
from jgd.sweep.lanes.settings import Settings
from jgd.sweep.pruners.population import Population
from jgd.sweep.pruners.rules import KINDS
from jgd.sweep.spaces.distributions import Distribution
from jgd.sweep.spaces.space import Axis, Trial
from jgd.sweep.storage.identity import FORMAT, TRACED, traced_by
from jgd.train.task import Task

Json = dict[str, Any]


def study_spec(problem: Mapping[str, str], settings: Settings, **others: Any) -> dict[str, str]:
    """Describe what `run` was asked to do: a problem's texts, with those of the settings and of other arguments.

    What is watched has the name of its argument, and no text where it is nothing, as in folders of earlier versions.
    """
    numbers = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)} | others
    watched = numbers.pop("watched")
    numbers |= {"metrics": watched} if watched else {}
    return {**problem, **{name: steady_repr(value) for name, value in numbers.items()}}


def describe_problem(task: Any, spaces: Mapping[str, Any], code: Mapping[str, str]) -> dict[str, str]:
    """Describe what is trained: structures, numbers, checksums of data, whether in 64 bits, and the code.

    Functions are known here by their names; `code` has their programs.
    """
    one = isinstance(task, Task)  # and no choice of tasks
    names = ("init", "loss", "evaluate", "data")
    parts = {name: getattr(task, name) for name in names} if one else {"task": task}
    parts |= {f"space {name}": space for name, space in spaces.items()}
    asked = {title: structure_text(value) for title, value in parts.items()}
    for title, value in parts.items():
        asked |= leaf_texts(title, value)
    asked |= {"batch_size": repr(task.batch_size)} if one else {}
    return {"x64": repr(jax.config.read("jax_enable_x64")), **asked, **code, "format": FORMAT, TRACED: traced_by()}


def listing(trials: Sequence[Trial]) -> Json:
    """Return the trials, and the axes that they have in common."""
    axes: dict[int, int] = {}
    shown: list[Json] = []
    rows: list[Json] = []
    for trial in trials:
        for axis in trial.axes:
            if id(axis) not in axes:
                axes[id(axis)] = len(shown)
                shown.append({name: _encode(x) for name, x in axis._asdict().items()})
        rows.append({"space": trial.space, "axes": [axes[id(axis)] for axis in trial.axes], "units": trial.units})
    # What JSON makes of it, so that it compares equal to what is read back.
    return json.loads(json.dumps({"axes": shown, "trials": rows}))


def trials_of(listing: Json) -> list[Trial]:
    """Return the trials of a listing: without task and optimizer, and with texts for what JSON cannot hold."""
    axes = [Axis(**{name: _decode(x) for name, x in row.items()}) for row in listing["axes"]]
    return [
        Trial(number, row["space"], tuple(axes[i] for i in row["axes"]), tuple(row["units"]), None)
        for number, row in enumerate(listing["trials"])
    ]


def distributions_of(listing: Json) -> list[Json]:
    """Return the distributions of a listing's axes, to compare: with all fields, as an older version may have fewer."""
    return [_encode(_decode(row["distribution"])) for row in listing["axes"]]


def settings_json(settings: Settings) -> Json:
    """Return the settings as JSON."""
    rules = [{"kind": type(rule).__name__, "fields": vars(rule)} for rule in settings.stop]
    return {**vars(settings), "stop": rules, "evolve": settings.evolve and vars(settings.evolve)}


def settings_of(known: Json) -> Settings:
    """Return the settings that `settings_json` took apart."""
    rules = tuple(KINDS[row["kind"]](**row["fields"]) for row in known["stop"])
    evolve = known["evolve"] and Population(**{**known["evolve"], "factors": tuple(known["evolve"]["factors"])})
    watched = tuple(known.get("watched", ()))  # earlier versions had none
    return Settings(**{**known, "seeds": tuple(known["seeds"]), "stop": rules, "evolve": evolve, "watched": watched})


def plain_arguments(arguments: Json) -> Json:
    """Return the arguments of `run` that JSON can hold.

    What is an object, such as a sampler or a function, is left out.
    """
    return {name: x for name, x in arguments.items() if name == "enqueue" or _is_plain(x)}


def _is_plain(x: Any) -> bool:
    return x is None or isinstance(x, (bool, int, float, str))


def environment(devices: Sequence[Any]) -> dict[str, str]:
    """Tell where a sweep runs: versions, devices, and the commit of the working folder if it is in a git repository."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        commit = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = "none"
    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": jaxlib.version.__version__,
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "devices": devices_text(devices),
        "commit": commit,
    }


def devices_text(devices: Sequence[Any]) -> str:
    """Tell how many, and of which kind."""
    return f"{len(devices)} x {devices[0].device_kind} ({devices[0].platform})"


class _Shown:
    """Stand for an option that is no number, by its text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _encode(value: Any) -> Any:
    if isinstance(value, Distribution) and dataclasses.is_dataclass(value):
        fields = {field.name: _encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__, "fields": fields}
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return [_encode(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {"shown": structure_text(value), "leaves": leaf_texts("", value)}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, Mapping):
        return value
    if "shown" in value:
        return _Shown(", ".join([value["shown"], *(f"{name[1:]}={text}" for name, text in value["leaves"].items())]))
    fields = {name: _decode(item) for name, item in value["fields"].items()}
    return next(kind for kind in _kinds(Distribution) if kind.__name__ == value["kind"])(**fields)


def _kinds(kind: type) -> list[type]:
    return [kind, *(below for child in kind.__subclasses__() for below in _kinds(child))]
