"""The tables of "Coming from elsewhere" have every public name of each peer, with what replaces it."""

import importlib
import pathlib
import re
import types

import optax
import optuna
import pytest
import scipy.optimize
from scipy.optimize import _minimize, _root

import jgd

PAGE = (pathlib.Path(jgd.__file__).parent / "guide" / "coming-from.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
ROWS = {
    title: [line.strip("| ").split(" | ", 1) for line in text.splitlines() if line.startswith("| ")][1:]
    for title, text in SECTIONS.items()
}


def public(module):
    """Return the names that a module offers, without its modules."""
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    return {name for name in names if not isinstance(vars(module).get(name), types.ModuleType)}


def known_to_optax_s_users():
    """optax's names but those that `jgd` has too, its states, and the functions of modules with a row of their own."""
    theirs = public(optax) | public(optax.contrib)
    theirs -= set(dir(jgd)) | public(optax.losses) | public(optax.projections)
    return {name for name in theirs if not name.endswith("State")}


# Those of torch 2.9.
TORCH = (
    "ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS Muon NAdam RAdam RMSprop Rprop SGD SparseAdam "
    "ChainedScheduler ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR LRScheduler "
    "LambdaLR LinearLR MultiStepLR MultiplicativeLR OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR StepLR "
    "AveragedModel SWALR update_bn"
)
STUDY, TRIAL = public(optuna.study.Study), public(optuna.trial.Trial)
HELD_BY_A_TRIAL = {"datetime_start", "distributions", "number", "params", "relative_params", "user_attrs"}
OWN = {"BaseImportanceEvaluator", "StudyDirection", "StudySummary", "Study", "is_available"}  # said by what uses them
PEERS = {
    "optax": known_to_optax_s_users(),
    "torch.optim": set(TORCH.split()),
    "Optuna": (
        STUDY | TRIAL | public(optuna.samplers) | public(optuna.pruners) | public(optuna.visualization)
        | public(optuna.importance) | public(optuna.study)
    ) - HELD_BY_A_TRIAL - OWN,
    "scipy.optimize": (
        public(scipy.optimize) | {*_minimize.MINIMIZE_METHODS, *_minimize.MINIMIZE_SCALAR_METHODS, *_root.ROOT_METHODS}
    ),
}  # fmt: skip


@pytest.mark.parametrize("peer", PEERS)
def test_every_public_name_has_a_row(peer):
    # Methods of scipy are strings, which both sides of its first row may name.
    said = " ".join(row[0] if peer != "scipy.optimize" else " ".join(row) for row in ROWS[peer])
    words = {word.lower() for code in re.findall(r"`([^`]+)`", said) for word in re.findall(r"[\w-]+", code)}
    assert sorted(name for name in PEERS[peer] if name.lower() not in words) == []


@pytest.mark.parametrize("peer", ROWS)
def test_every_row_says_what_replaces_it_or_why_nothing_does(peer):
    for theirs, ours in ROWS[peer]:
        assert ours not in ("", "none"), theirs
        for name in re.findall(r"`jgd\.([\w.]+)", ours):
            found = jgd
            for part in name.rstrip(".").split("."):
                found = getattr(found, part) if hasattr(found, part) else importlib.import_module(f"jgd.{name}")
