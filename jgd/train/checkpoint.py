"""A run on disk: what it was asked to do, so that nothing else resumes it, and all that it needs to go on."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgd.core import storage
from jgd.core.errors import InputError
from jgd.core.fingerprint import differences, leaf_texts, structure_text
from jgd.core.stop import Stop
from jgd.core.types import Transform
from jgd.train.segments import RunState
from jgd.train.stream import Position
from jgd.train.task import Task, is_stream

Curves = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Progressed:
    """A run up to the end of a segment."""

    state: RunState
    metrics: Curves
    evaluations: Curves
    position: Position  # in the stream, where the data come from one


class Checkpoint:
    """The file `checkpoint.safetensors` in a folder, replaced whole at the end of every segment."""

    def __init__(self, folder: str | os.PathLike[str], spec: dict[str, str]) -> None:
        self._path = Path(folder) / "checkpoint.safetensors"
        self._place = f"fit(dir={str(folder)!r})"
        self._spec = spec
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self._place}: cannot make this folder ({error.strerror}); name another.") from None

    def save(self, run: Progressed) -> None:
        """Replace the checkpoint."""
        arrays = {
            **storage.named(run.state, "state"),
            **{f"metrics/{name}": curve for name, curve in run.metrics.items()},
            **{f"evaluations/{name}": curve for name, curve in run.evaluations.items()},
        }
        meta = {"spec": self._spec, "position": list(run.position), "jax": jax.__version__}
        storage.save(self._path, arrays, meta)

    def load(self, template: RunState) -> Progressed | None:
        """The run so far, or `None` where there is none. Another run's checkpoint, or a damaged one, is an error."""
        if not self._path.exists():
            return None
        arrays, meta = storage.load(self._path)
        self._compare(meta.get("spec", {}))
        return Progressed(
            state=storage.fill(template, arrays, "state", place=self._place),
            metrics=_under("metrics/", arrays),
            evaluations=_under("evaluations/", arrays),
            position=Position(*meta["position"]),
        )

    def _compare(self, theirs: dict[str, str]) -> None:
        if shown := differences(theirs, self._spec):
            raise InputError(
                f"{self._place}: the checkpoint there is of another run ({shown}); pass what it was made with, another "
                f"dir, or delete {self._path}."
            )


def describe(task: Task, optimizer: Transform, stop: Stop, **numbers: Any) -> dict[str, str]:
    """What a run was asked to do, as texts to compare: its numbers, its structure, and a checksum of its data.

    Functions are known by their names only: their code, and what they close over, is not compared.
    """
    parts = {"optimizer": optimizer, "stop": stop, "init": task.init, "loss": task.loss, "evaluate": task.evaluate}
    if is_stream(task):
        parts["data"] = task.data
    spec = {title: structure_text(value) for title, value in parts.items()}
    for title, value in {**parts, "data": task.data}.items():
        spec |= leaf_texts(title, value)
    return spec | {name: repr(value) for name, value in {**numbers, "batch_size": task.batch_size}.items()}


def _under(prefix: str, arrays: Curves) -> Curves:
    return {name.removeprefix(prefix): np.array(x) for name, x in arrays.items() if name.startswith(prefix)}
