"""The public functions and records whose arguments the tests try."""

import dataclasses
import importlib
import inspect

MODULES = (
    "jgd",
    "jgd.sweep",
    "jgd.tasks",
    "jgd.measure",
    "jgd.schedules",
    "jgd.train",
    "jgd.health",
    "jgd.law",
    "jgd.interop",
    "jgd.distributed",
)


EXCLUDED = {  # by module or name
    *("apply_updates", "current_hyperparams", "eval_params", "muon_labels"),  # get their door with jgd.transforms
    *("every_matrix_axes", "matrix_axes", "matrix_axes_by_path", "schedule_free_eval_params"),  # likewise
    *("guess_mini_blocks", "mini_blocks_by_path"),  # likewise
    "Fit",  # is an answer
    # write records, fields and recipes
    *("hyper", "part", "record", "static", "descend", "descend_then_decay", "optimizer", "variant"),
    *("jgd.schedules.curves", "jgd.schedules.time"),  # what schedules are written with
    "init_empty_state",  # looks at nothing
    "Solution",  # is made by jgd alone
}


def public():
    """Return every function and record that users call, by its name."""
    found = {}
    for module in map(importlib.import_module, MODULES):
        for name in dir(module):
            value = getattr(module, name)
            home = getattr(value, "__module__", None) or ""
            called = inspect.isfunction(value) or hasattr(value, "__kinds__") or is_record(value)
            known = {name, home, ".".join(home.split(".")[:2])}
            if called and not name.startswith("_") and home.startswith("jgd.") and not known & EXCLUDED:
                found.setdefault(f"{module.__name__}.{name}", value) if value not in found.values() else None
    return found


def is_record(value):
    return dataclasses.is_dataclass(value) and any("kind" in f.metadata for f in dataclasses.fields(value))
