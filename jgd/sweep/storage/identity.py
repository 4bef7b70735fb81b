"""Whether two studies are the same: their texts compared, and what can be said where they cannot be."""

import sys
import warnings
from collections.abc import Collection, Mapping

import jax

from jgd.core.fingerprint import differences

FORMAT = "3"  # of the files
READ = ("2", FORMAT)  # formats that are still read; 2, of jgd 0.1.0, has no code
CODE = "code of "
TRACED = "traced by"


def traced_by() -> str:
    """Return what a traced program depends on beside its function: versions of JAX, Python and this package."""
    version = sys.modules["jgd"].__version__  # the package itself is above this layer
    return f"jax {jax.__version__}, jgd {version} and Python {sys.version_info.major}.{sys.version_info.minor}"


def same_study(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Say what tells two studies apart, as a clause; empty where nothing does.

    Programs are compared only where the same versions have traced them, and of a folder of format 2 only what it knows.
    """
    if theirs.get("format") not in READ:
        return differences({"format": theirs.get("format", "absent")}, {"format": FORMAT})
    names = set(theirs) & set(ours) if theirs["format"] == "2" else set(theirs) | set(ours)
    names -= {"format", TRACED}
    if theirs.get(TRACED) != ours.get(TRACED):
        names = {name for name in names if not name.startswith(CODE)}
    kept = [name for name in {**theirs, **ours} if name in names]
    return differences({x: theirs[x] for x in kept if x in theirs}, {x: ours[x] for x in kept if x in ours})


def without(texts: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the texts but for these."""
    return {name: text for name, text in texts.items() if name not in names}


def warn_of_code(place: str, theirs: Mapping[str, str]) -> None:
    """Warn where the code of a folder cannot be compared with the code at hand."""
    if TRACED not in theirs:
        reason = "the folder was written by jgd 0.1.0, which kept no code"
    elif theirs[TRACED] != traced_by():
        reason = f"the folder was written under {theirs[TRACED]}, and this is {traced_by()}"
    else:
        return
    warnings.warn(
        f"{place}: {reason}, so the code cannot be compared; make sure that it is the same. Batches and last "
        "bits of what is trained from here on may differ.",
        stacklevel=3,
    )
