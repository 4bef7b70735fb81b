"""Going on with a sweep from its folder, which knows all that it was asked for but code."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jax.sharding import Mesh

from jgd.core.arguments import checked
from jgd.core.errors import InputError
from jgd.core.state_specs import BY_PATH, SPECS
from jgd.sweep.arguments import PROBLEM
from jgd.sweep.engine.black_box import is_black_box
from jgd.sweep.result import Result
from jgd.sweep.samplers.by_name import SAMPLER
from jgd.sweep.storage.files import read_sweep
from jgd.sweep.storage.spec import settings_of
from jgd.sweep.study import run
from jgd.train.mesh_layout import DATA_AXIS, MESH


@checked(task=PROBLEM, sampler=SAMPLER, mesh=MESH, data_axis=DATA_AXIS, specs=SPECS, state_specs=BY_PATH)
def resume(
    dir: str | os.PathLike[str],
    task: Any,
    spaces: Any,
    *,
    sampler: Any = None,
    where: Callable[[dict[str, Any]], Any] | None = None,
    lanes: int | None = None,
    devices: Sequence[Any] | None = None,
    mesh: Mesh | None = None,
    data_axis: str | None = None,
    specs: Any = None,
    state_specs: Mapping[str, Any] | None = None,
    progress: bool | None = None,
    workers: int | None = None,
    max_seconds: float | None = None,
) -> Result:
    """Go on with the sweep in a folder: `run` with the arguments that it was started with.

    Trials, seeds, steps, metric, rules and the names of samplers are read from the folder. Code is never stored, so
    the `task` and the `spaces` are passed again, and so are a `sampler` that is no name and a `where`. What differs
    from the sweep in the folder is refused with the difference. Of a sweep that has ended, nothing runs again.
    """
    known = read_sweep(dir, "resume")
    settings, arguments = settings_of(known["settings"]), known["arguments"]
    for name, given in (("sampler", sampler), ("where", where)):
        if given is not None:
            arguments[name] = given
        elif name not in arguments:
            raise InputError(
                f"resume(dir={os.fspath(dir)!r}): the sweep had the {name} {known['asked'][name]}, which no file can "
                f"hold; pass {name}= as it had it."
            )
    # A function that owns its loop has neither steps nor rules.
    inside = {"steps": settings.steps, "eval_every": settings.eval_every}
    inside |= {"stop": settings.stop or None, "evolve": settings.evolve, "metrics": settings.watched}
    return run(
        task,
        spaces,
        **({} if is_black_box(task) else inside),
        **arguments,
        seeds=settings.seeds,
        metric=settings.metric,
        mode=settings.mode,
        target=settings.target,
        lanes=lanes,
        devices=devices,
        mesh=mesh,
        data_axis=data_axis,
        specs=specs,
        state_specs=state_specs,
        progress=progress,
        dir=dir,
        workers=workers,
        max_seconds=max_seconds,
    )


@checked()
def note(dir: str | os.PathLike[str]) -> Any:
    """Read what `run(note=)` has left in a sweep's folder, or None."""
    return read_sweep(dir, "note").get("note")
