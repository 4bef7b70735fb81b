"""Every public name of jgd as an entry of the reference, by kind."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from jgd.optimizers.catalogue import catalogue
from jgd.solvers.names import METHODS
from jgd.sweep.samplers.by_name import SAMPLERS

KINDS = {
    "optimizers": ("Optimizers", "Methods that train: `jgd.adamw(1e-3)` is a value with `init` and `update`."),
    "rules": ("Rules of optimizers", "What optimizers are chained of, for chains of your own."),
    "transforms": ("Transforms", "What acts on gradients or wraps an optimizer: clipping, decay, averages, groups."),
    "schedules": ("Schedules", "Numbers that change with the number of steps taken before, with their curves."),
    "solvers": ("Solvers", "Methods and loops for deterministic problems, and what they are given."),
    "nonsmooth": ("Penalties and sets", "Parts of an objective that have a prox, or a projection."),
    "train": ("Training", "The problem as a value, and the loop that fits it."),
    "tasks": ("Tasks", "Built-in problems, and models of other libraries as tasks."),
    "sweep": ("Studies", "Sweeps over tasks and optimizers, and what comes of them."),
    "spaces": ("Distributions", "What stands for a number or a choice in a space."),
    "samplers": ("Samplers", "Where trials come from: `jgd.sweep.run(sampler=...)` takes the name."),
    "pruners": ("Pruners", "What ends trials early, or lets them go on from better ones: `jgd.sweep.run(stop=...)`."),
    "measure": ("Measuring", "Time, memory and floors of a step on this device."),
    "health": ("Health", "What is wrong with a run, and the remedy."),
    "law": ("Laws", "Best rates and losses over width, steps and batch size."),
    "distributed": ("Many devices", "State on a mesh, local steps and delayed gradients."),
    "interop": ("Other libraries", "To optax, from optax, and optax's namespace with jgd's values."),
    "core": ("Core", "Records, hyperparameters by name, stopping rules and errors."),
}
MODULES = ("tasks.suite", "interop.optax", "sweep.performance_profiles")
INNER = ("optimizers", "schedules", "transforms")  # whose lower-case names are jgd's own, or for other layers


class ReferenceEntry(NamedTuple):
    """A public name, what it stands for, and under what it is found beside its own name."""

    name: str  # below jgd, as in sweep.run
    kind: str
    value: Any
    also: tuple[str, ...] = ()  # other names of the same value, and its name as a text in a call

    @property
    def summary(self) -> str:
        """The first sentence of its docstring, or its first line."""
        first = (inspect.getdoc(self.value) or "").partition("\n\n")[0]
        return " ".join(first.partition("\nArgs:")[0].split())

    @property
    def is_type(self) -> bool:
        """Whether it is a class that is called by no lower-case name: a record, a state, a result."""
        return self.name.rpartition(".")[2][0].isupper()

    @property
    def address(self) -> str:
        """Where its page lies in the site, without its ending; types apart, as some differ only in capitals."""
        return f"{'types' if self.is_type else self.kind}/{self.name}"


def reference() -> dict[str, ReferenceEntry]:
    """Return the entries by name. The names of one value make one entry; the shortest, in lower case, is its own."""
    found: dict[int, list[tuple[str, Any]]] = {}
    for name, value in _public():
        found.setdefault(id(value), []).append((name, value))
    called: dict[int, list[str]] = {}
    for name, make in (METHODS | SAMPLERS).items():
        called.setdefault(id(make), []).append(name)
    optimizers = catalogue()
    entries = []
    for same in found.values():
        same.sort(key=lambda item: (item[0] not in optimizers, item[0].count("."), not item[0].islower(), item[0]))
        (name, value), *others = same
        also = [other for other, _ in others]
        text = [other for other in called.get(id(value), ()) if other != name]
        entries.append(ReferenceEntry(name, _kind(name, value), value, (*also, *text)))
    entries += [ReferenceEntry(name, "samplers", value) for name, value in SAMPLERS.items()]
    order = list(KINDS)
    entries.sort(key=lambda entry: (order.index(entry.kind), entry.is_type, entry.name.lower()))
    return {entry.name: entry for entry in entries}


def find_entry(topic: str, entries: Mapping[str, ReferenceEntry]) -> ReferenceEntry | None:
    """Find the entry that a topic means: its name, with `jgd.` or not, another of it, or the only one that ends so."""
    name = topic.removeprefix("jgd.")
    if name in entries:
        return entries[name]
    fits = [entry for entry in entries.values() if name in entry.also]
    fits = fits or [e for e in entries.values() if name in [x.rpartition(".")[2] for x in (e.name, *e.also)]]
    return fits[0] if len(fits) == 1 else None


def _public() -> Iterator[tuple[str, Any]]:
    """Yield each public name and its value, modules left out but for those that are shown as such."""
    jgd = import_module("jgd")  # whose table of contents it reads
    for folder in (shown := {name: getattr(jgd, name) for name in jgd.__all__}):
        if not isinstance(shown[folder], ModuleType):
            yield folder, shown[folder]
            continue
        for name in dir(shown[folder]):
            value = getattr(shown[folder], name)
            hidden = name.startswith("_") or (folder in INNER and name[0].islower())
            own = getattr(value, "__module__", "").startswith("jgd.")
            if own and not hidden and (inspect.isclass(value) or inspect.isfunction(value)):
                yield f"{folder}.{name}", value
    yield "optimizers.list", catalogue
    yield from ((name, functools.reduce(getattr, name.split("."), jgd)) for name in MODULES)


def _kind(name: str, value: Any) -> str:
    """Return the kind of a name, from where it is defined."""
    folder, *parts = (value.__name__ if isinstance(value, ModuleType) else value.__module__).split(".")[1:]
    if folder == "sweep" and parts and parts[0] in KINDS:
        return parts[0]
    if folder == "optimizers" and name not in catalogue():
        return "rules"
    shown = name.partition(".")[0] if "." in name else folder
    return folder if folder in KINDS and folder != "core" else shown if shown in KINDS else "core"
