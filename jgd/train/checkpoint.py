"""A run on disk: what it was asked to do, so that nothing else resumes it, and all that it needs to go on."""

import dataclasses
import operator
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jgd.core import storage
from jgd.core.errors import InputError
from jgd.core.fingerprint import differences
from jgd.core.lock import alone
from jgd.core.processes import in_any, is_first, on_host
from jgd.core.types import Transform
from jgd.train.curves import Curves
from jgd.train.identity import comparable
from jgd.train.judging import Best
from jgd.train.result import Change
from jgd.train.segments import RunState
from jgd.train.stream import Position

FORMAT = 2  # of the files; jgd 0.1.0 wrote none
FILE = "checkpoint.safetensors"  # in the folder of a run
SEAL = 65536  # rows of curves after which they are put into a file that is never written again


@dataclasses.dataclass
class Progressed:
    """A run up to the end of a segment."""

    state: RunState
    optimizer: Transform  # in effect
    position: Position  # in the stream, where the data come from one
    metrics: Curves = dataclasses.field(default_factory=Curves)
    evaluations: Curves = dataclasses.field(default_factory=Curves)
    best: Best | None = None
    history: tuple[Change, ...] = ()
    beats: Curves = dataclasses.field(default_factory=Curves)


def checkpoint_file(place: str, folder: Path) -> Path:
    """Return the path of the checkpoint in a run's folder; refuse a folder without one, at `place`."""
    if not (folder / FILE).is_file():
        raise InputError(f"{place}: there is no {FILE} in it; name the dir of a fit.")
    return folder / FILE


class Checkpoint:
    """A folder whose `checkpoint.safetensors` is replaced whole at the end of every segment.

    Beside it lie the best parameters (`best-STEP.safetensors`) and, of long runs, the older rows of the curves
    (`curves-STEP.safetensors`): both are written before the checkpoint that names them. One process at a time writes
    here, which holds the lock on `lock`.
    """

    def __init__(self, dir: str | os.PathLike[str]) -> None:
        self._place = f"fit(dir={os.fspath(dir)!r})"
        self._folder = storage.folder_path("fit", dir)
        self._path = self._folder / FILE
        self._spec: dict[str, str] = {}
        self._sealed: list[str] = []
        self._kept = 0, 0  # rows of metrics and of evaluations in sealed files
        self._best = -1  # the step whose best parameters this process wrote
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{self._place}: cannot make this folder ({reason}); name another.") from None

    def alone(self) -> AbstractContextManager[None]:
        """Keep other processes from running this, while the context is open."""
        return alone("fit", self._folder if is_first() else None, in_any)

    def open(self, spec: dict[str, str], fresh: Progressed, resume: str) -> Progressed:
        """Return the run so far, or `fresh` where there is none, to be gone on with as `spec` says.

        Another run's checkpoint is an error, unless `resume` is "changed": then its state is taken, and what differs
        is added to the history. A damaged one is an error.
        """
        self._spec = spec
        if not self._path.exists():
            return fresh
        arrays, meta = storage.load_arrays(self._path)
        with storage.intact(self._path, storage.REPLACE):
            theirs = comparable(meta.get("spec", {}), spec, meta.get("jax", ""), self._place)
            if (shown := differences(theirs, spec)) and resume != "changed":
                raise InputError(self._refusal(shown, meta))
            return self._read(arrays, meta, fresh, theirs, resume == "changed")

    def save(self, run: Progressed) -> None:
        """Replace the checkpoint; of several processes each calls it, and the first writes."""
        state = on_host(storage.named(run.state, "state"))
        best = run.best and self._save_best(run.best)
        if not is_first():
            return
        if run.metrics.length + run.evaluations.length - sum(self._kept) >= SEAL:
            name = f"curves-{int(run.state.steps):09}.safetensors"
            storage.save_arrays(self._folder / name, self._tail(run), {})
            self._sealed, self._kept = [*self._sealed, name], (run.metrics.length, run.evaluations.length)
        arrays = {**state, **storage.named(run.optimizer, "optimizer"), **self._tail(run)}
        arrays |= {f"pulse/{name}": column for name, column in run.beats.rows().items()}
        meta = {
            "format": FORMAT, "jax": jax.__version__, "spec": self._spec, "position": list(run.position),
            "sealed": self._sealed, "best": best, "history": [list(change) for change in run.history],
        }  # fmt: skip
        storage.save_arrays(self._path, arrays, meta)
        for file in self._folder.glob("best-*.safetensors"):
            if best is None or file.name != best["file"]:
                file.unlink(missing_ok=True)

    def _tail(self, run: Progressed) -> dict[str, np.ndarray]:
        metrics, evaluations = run.metrics.rows(self._kept[0]), run.evaluations.rows(self._kept[1])
        return {f"metrics/{name}": x for name, x in metrics.items()} | {
            f"evaluations/{name}": x for name, x in evaluations.items()
        }

    def _save_best(self, best: Best) -> dict[str, Any]:
        name = f"best-{best.step:09}.safetensors"
        if self._best != best.step:  # a file of this name that is there may be of a run that was killed
            arrays = {**storage.named(best.params, "params"), **storage.named(best.model_state, "model_state")}
            arrays, self._best = on_host(arrays), best.step
            if is_first():
                storage.save_arrays(self._folder / name, arrays, {"step": best.step, "value": best.value})
        return {"file": name, "step": best.step, "value": best.value}

    def _read(
        self,
        arrays: Mapping[str, Any],
        meta: Mapping[str, Any],
        fresh: Progressed,
        theirs: Mapping[str, str],
        changed: bool,
    ) -> Progressed:
        """Return the run that a checkpoint holds.

        Where `changed`, it has from here on what the new call asks for otherwise.
        """
        ours = self._spec
        differing = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
        run = dataclasses.replace(fresh, position=Position(*map(_count, meta["position"])))
        run.history = tuple(
            Change(_count(step), str(by), tuple(map(str, changes))) for step, by, changes in meta.get("history", [])
        )
        state, anew = (_over_missing if changed else _as_it_is)(arrays, fresh.state)
        run.state = storage.fill(fresh.state, state, "state", place=self._place)
        if changed:  # another seed draws otherwise from here on, and another rule begins to watch here
            watch = any(name.startswith("stop") for name in differing)
            run.state = run.state._replace(
                carry=run.state.carry._replace(key=fresh.state.carry.key),
                watch=fresh.state.watch if watch else run.state.watch,
                status=fresh.state.status,
            )
        if not any(name.startswith(("optimizer", "step")) for name in differing):
            run.optimizer = _optimizer_in_effect(fresh.optimizer, arrays)
        if changes := (*(_shown(name, theirs, ours) for name in differing), *(f"{name} begins anew" for name in anew)):
            run.history += (Change(int(run.state.steps), "resume", changes),)
        self._sealed = list(meta.get("sealed", []))
        blocks = [storage.load_arrays(self._beside(name))[0] for name in self._sealed]
        run.metrics, run.evaluations = Curves(), Curves()
        for block in blocks:
            self._append(run, block)
        self._kept = run.metrics.length, run.evaluations.length
        self._append(run, arrays)
        run.beats = Curves(storage.under("pulse/", arrays))
        best = meta.get("best")
        if best and not any(name.startswith(("evaluate", "keep_best", "mode", "data")) for name in differing):
            run.best = self._load_best(best, run.state)
        return run

    def _append(self, run: Progressed, arrays: Mapping[str, np.ndarray]) -> None:
        run.metrics.append(storage.under("metrics/", arrays))
        run.evaluations.append(storage.under("evaluations/", arrays))

    def _load_best(self, best: Mapping[str, Any], state: RunState) -> Best:
        arrays, place = storage.load_arrays(self._beside(best["file"]))[0], f"{self._place}, {best['file']}"
        params = storage.fill(state.carry.params, arrays, "params", place=place)
        model_state = storage.fill(state.carry.model_state, arrays, "model_state", place=place)
        return Best(params, model_state, _count(best["step"]), float(best["value"]))

    def _beside(self, name: str) -> Path:
        """Return the path of a file that the checkpoint names."""
        path = self._folder / name
        if not path.is_file():
            raise InputError(f"{self._place}: the file {path}, which its checkpoint names, is missing; put it back.")
        return path

    def _refusal(self, shown: str, meta: Mapping[str, Any]) -> str:
        if "format" not in meta:
            return (
                f"{self._place}: the checkpoint there is of jgd 0.1.0, which did not record the code that it ran; pass "
                'resume="changed" to go on from its state, another dir to start afresh, or delete it.'
            )
        return (
            f"{self._place}: the checkpoint there is of another run ({shown}); pass what it was made with, "
            f'resume="changed" to go on from its state with what differs, another dir, or delete {self._path}.'
        )


def _count(x: Any) -> int:
    if operator.index(x) < 0:
        raise ValueError(f"{x} stands where a count is meant")
    return operator.index(x)


def _as_it_is(arrays: Mapping[str, Any], template: RunState) -> tuple[Mapping[str, Any], list[str]]:
    return arrays, []


def _over_missing(arrays: Mapping[str, Any], template: RunState) -> tuple[Mapping[str, Any], list[str]]:
    """Return the arrays, completed by a fresh optimizer's state where it keeps other things, and the names of those."""
    fresh = {
        name: np.asarray(x)
        for name, x in storage.named(template, "state").items()
        if name.startswith("state.carry.opt_state")
        and not (name in arrays and arrays[name].shape == x.shape and arrays[name].dtype == x.dtype)
    }
    return {**arrays, **fresh}, [name.removeprefix("state.carry.") for name in fresh]


def _optimizer_in_effect(optimizer: Transform, arrays: Mapping[str, np.ndarray]) -> Transform:
    """Return the optimizer with the numbers that a callback has changed; plain numbers stay plain."""
    leaves, structure = jax.tree.flatten(optimizer)
    held = [arrays.get(name) for name in storage.named(optimizer, "optimizer")]
    return structure.unflatten([_like(mine, found) for mine, found in zip(leaves, held, strict=True)])


def _like(mine: Any, held: np.ndarray | None) -> Any:
    if held is None or storage.is_key(mine) or held.shape != np.shape(mine):
        return mine
    return held.item() if isinstance(mine, (bool, int, float, complex)) else held


def _shown(name: str, theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    return f"{name}: {theirs.get(name, 'absent')} -> {ours.get(name, 'absent')}"
