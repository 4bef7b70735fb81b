"""The further metrics of a step that a run or a sweep is asked for: which names there are, and which are refused."""

from collections.abc import Collection, Iterable, Sequence

import jax

from jgd.core.errors import InputError, unknown
from jgd.core.types import Transform
from jgd.train.loop import first_model, root_key
from jgd.train.pulse import group_names
from jgd.train.task import Task
from jgd.transforms.in_effect import check_metrics, known_metrics


def check_watched(
    place: str, metrics: Sequence[str], problems: Iterable[tuple[Task, Transform]], curves: Collection[str]
) -> tuple[str, ...]:
    """Return the names of `metrics=`; refuse that of a curve of a task, and one that none of these problems knows.

    No more problems are looked at than it takes to find all names.
    """
    watched, known = check_metrics(place, metrics), dict.fromkeys(())
    if both := sorted(set(watched) & set(curves)):
        raise InputError(f"{place}(metrics={both[0]!r}): the task records a curve of this name; rename that one.")
    for task, optimizer in problems if watched else ():
        known |= dict.fromkeys(watchable(task, optimizer, place == "run"))
        if known.keys() >= set(watched):
            break
    for name in watched:
        if name not in known:
            raise unknown(f"{place}(metrics)", name, known)
    return watched


def watchable(task: Task, optimizer: Transform, of_groups: bool = False) -> tuple[str, ...]:
    """Return the names that `metrics=` may have where this optimizer trains this task.

    In a sweep they may be of groups of leaves, too.
    """
    params = jax.eval_shape(lambda: first_model(task, root_key(0))[0])
    return known_metrics(optimizer, params) + (group_names(params) if of_groups else ())
