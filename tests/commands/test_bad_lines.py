"""Bad command lines: each is refused before any work, in one sentence with its place, and leaves nothing behind."""

import json
import shlex

import pytest

from jgd.commands import main

CODE = """
import jax.numpy as jnp
import jgd
from jgd.sweep import loguniform

task = jgd.Task(lambda key: jnp.ones(2), lambda p, b: jnp.mean((p[None] - b) ** 2), jnp.zeros((6, 2)), name="bowl")
space = {"sgd": jgd.sgd(loguniform(1e-3, 1e-1))}
params = {"w": jnp.ones(3)}
number = 3

def fails():
    raise RuntimeError("no data here")

def leaves():
    raise SystemExit(7)

def train(hp, key):
    return {"loss": hp["rate"] ** 2}

def tree():
    return {"w": "text"}
"""
FILES = {
    "mine.py": CODE,
    "exits.py": "import sys\nsys.exit(3)\n",
    "wrong.py": "x = = 3\n",
    "empty.py": "",
    "space.toml": "[sgd]\nlearning_rate = { loguniform = [1e-3, 1e-1] }\n",
    "empty.toml": "",
    "wrong.toml": "[sgd\n",
    "unknown.toml": "[adamm]\nlearning_rate = 0.1\n",
    "misspelt.toml": "[adam]\nlearnin_rate = { loguniform = [1e-3, 1e-1] }\n",
    "range.toml": "[sgd]\nlearning_rate = { loguniform = [1e-1, 1e-3] }\n",
    "negative.toml": "[adam]\nb1 = { uniform = [0.5, 1.5] }\nlearning_rate = 0.1\n",
    "closed.toml": "[train]\nrate = { loguniform = [1e-3, 1] }\n",
    "results.json": '{"rows": 3}',
    "text.json": "not json",
}
SWEEP = "sweep mine.py:task --space space.toml"
RACE = "race --task mine.py:task"

# Each line with what its sentence must name.
LINES = {
    # The task.
    "sweep --space space.toml": "task",
    "sweep '' --space space.toml": "task",
    "sweep digit --space space.toml": "digits",
    "sweep mine.py --space space.toml": "mine.py",
    "sweep mine.py: --space space.toml": "mine.py:",
    "sweep :task --space space.toml": ":task",
    "sweep mine.py:tusk --space space.toml": "task",
    "sweep mine.py:number --space space.toml": "number",
    "sweep mine.py:fails --space space.toml": "no data here",
    "sweep mine.py:leaves --space space.toml": "leaves",
    "sweep nowhere.py:task --space space.toml": "nowhere.py",
    "sweep folder.py:task --space space.toml": "folder.py",
    "sweep exits.py:task --space space.toml": "exits.py",
    "sweep wrong.py:task --space space.toml": "wrong.py",
    "sweep empty.py:task --space space.toml": "empty.py:task",
    "sweep no_such_module:task --space space.toml": "no_such_module",
    "sweep a\0b.py:task --space space.toml": "NUL",
    "sweep mine.py:space --space space.toml": "mine.py:space",
    "race --task digit": "digits",
    "race --task mine.py:train": "mine.py:train",
    "race --task exits.py:task": "exits.py",
    # The space.
    "sweep mine.py:task": "--space",
    "sweep mine.py:task --space ''": "--space",
    "sweep mine.py:task --space nowhere.toml": "nowhere.toml",
    "sweep mine.py:task --space folder": "folder",
    "sweep mine.py:task --space folder.toml": "folder.toml",
    "sweep mine.py:task --space a\0.toml": "NUL",
    "sweep mine.py:task --space empty.toml": "empty.toml",
    "sweep mine.py:task --space wrong.toml": "wrong.toml",
    "sweep mine.py:task --space unknown.toml": "adam",
    "sweep mine.py:task --space misspelt.toml": "learning_rate",
    "sweep mine.py:task --space range.toml": "range.toml",
    "sweep mine.py:task --space negative.toml": "b1",
    "sweep mine.py:task --space mine.py:spice": "space",
    "sweep mine.py:task --space mine.py:number": "mine.py:number",
    "sweep mine.py:task --space mine.py:leaves": "leaves",
    "sweep mine.py:task --space exits.py:space": "exits.py",
    # Numbers.
    f"{SWEEP} --trials 0": "--trials: '0' must",
    f"{SWEEP} --trials -3": "--trials: '-3' must",
    f"{SWEEP} --trials 2.5": "--trials",
    f"{SWEEP} --trials ''": "--trials",
    f"{SWEEP} --trials many": "--trials",
    f"{SWEEP} --trials": "--trials",
    f"{SWEEP} --seeds 0": "--seeds: '0' must",
    f"{SWEEP} --seeds 1.5": "--seeds",
    f"{SWEEP} --seed -1": "--seed: '-1' must",
    f"{SWEEP} --seed 0.5": "--seed",
    f"{SWEEP} --steps 0": "--steps: '0' must",
    f"{SWEEP} --steps -10": "--steps: '-10' must",
    f"{SWEEP} --steps 1e3": "--steps",
    f"{SWEEP} --eval-every 0": "--eval-every: '0' must",
    f"{SWEEP} --eval-every 0.1": "--eval-every",
    f"{SWEEP} --lanes 0": "--lanes: '0' must",
    f"{SWEEP} --lanes -1": "--lanes: '-1' must",
    f"{SWEEP} --lanes all": "--lanes",
    f"{SWEEP} --target nan": "--target: 'nan' must",
    f"{SWEEP} --target inf": "--target: 'inf' must",
    f"{SWEEP} --target low": "--target",
    f"{SWEEP} --max-time 0": "--max-time 0",
    f"{SWEEP} --max-time ''": "--max-time",
    f"{SWEEP} --max-time -5m": "--max-time",
    f"{SWEEP} --max-time 5w": "--max-time 5w",
    f"{SWEEP} --max-time nan": "--max-time nan",
    f"{SWEEP} --workers 0": "--workers: '0' must",
    f"{SWEEP} --workers 1.5": "--workers",
    f"{SWEEP} --workers 100000": "--workers 100000",
    # Names.
    f"{SWEEP} --metric accuracy": "accuracy",
    f"{SWEEP} --metric ''": "--metric",
    f"{SWEEP} --mode least": "--mode",
    f"{SWEEP} --sampler sobel": "sobol",
    f"{SWEEP} --stop halvin:3": "halving",
    f"{SWEEP} --stop ''": "--stop",
    f"{SWEEP} --stop halving": "--stop halving",
    f"{SWEEP} --stop halving:": "--stop halving:",
    f"{SWEEP} --stop halving:2.5": "--stop halving:2.5",
    f"{SWEEP} --stop halving:-3": "--stop halving:-3",
    f"{SWEEP} --stop halving:3:1": "--stop halving:3:1",
    f"{SWEEP} --stop halving:3:2:2": "--stop halving:3:2:2",
    f"{SWEEP} --stop target:3": "target",
    f"{SWEEP} --stop target": "target",
    f"{SWEEP} --steps 10 --stop halving:100": "Halving(min_steps=100, eta=2): min_steps",
    f"{SWEEP} --trails 3": "--trails",
    "sweeep digits": "sweep",
    "": "COMMAND",
    # Flags that cannot act together.
    f"{SWEEP} --dry-run --workers 2": "--workers",
    f"{SWEEP} --join": "--join",
    f"{SWEEP} --workers 2 --join": "--join",
    "sweep mine.py:train --space closed.toml --steps 10": "steps",
    "sweep mine.py:train --space closed.toml --eval-every 10": "eval",
    "sweep mine.py:train --space closed.toml --stop halving:3": "stop",
    # Places to write.
    f"{SWEEP} --dir ''": "dir",
    f"{SWEEP} --dir mine.py": "--dir mine.py",
    f"{SWEEP} --dir mine.py/d": "--dir mine.py/d",
    f"{SWEEP} --dir a\0b": "NUL",
    f"{SWEEP} --dir gs://bucket/run": "gs:",
    f"{SWEEP} --out folder": "--out folder",
    f"{SWEEP} --out nofolder/page.html": "nofolder",
    f"{SWEEP} --out ''": "--out",
    f"{SWEEP} --out a\0.html": "NUL",
    f"{RACE} --out mine.py": "--out mine.py",
    f"{RACE} --out ''": "--out",
    f"{RACE} --out a\0": "NUL",
    "plot d --kind axis --out folder": "--out folder",
    "plot d --kind axis --out a\0.png": "NUL",
    "replay d --out nofolder/x.safetensors": "nofolder",
    # Folders to read.
    "show": "dir",
    "show nowhere": "nowhere",
    "show ''": "dir",
    "show mine.py": "mine.py",
    "show folder": "folder",
    "show a\0b": "NUL",
    "show d --trials -1": "--trials: '-1' must",
    "show d --trials 1.5": "--trials",
    "plot nowhere": "nowhere",
    "plot folder": "folder",
    "plot d --kind axes": "axis",
    "plot d --kind ''": "--kind",
    "plot d --kind axis --name rate": "learning_rate",
    "plot d --kind axis --name ''": "--name",
    "plot d --kind axis --space sgb": "sgd",
    "plot d --kind importance --name learning_rate": "name",
    "plot d --kind axis --out page.html": "page.html",
    "plot d --kind axis --out picture": "picture",
    "plot d --out page.png": "page.png",
    "plot d --name learning_rate": "--name",
    "plot d --space sgd": "--space",
    "replay nowhere": "nowhere",
    "replay d 99 --trust": "99",
    "replay d -1 --trust": "-1",
    "replay d best --trust": "trial",
    "replay d 0.5 --trust": "trial",
    "replay d 0 --seed -1 --trust": "--seed: '-1' must",
    "replay d 0 --seed 1.5 --trust": "--seed",
    "replay d 0": "--trust",
    "replay d --task mine.py:tusk --trust": "task",
    "resume nowhere": "nowhere",
    "resume folder": "folder",
    "resume d": "--trust",
    "resume d --trust --lanes 0": "--lanes: '0' must",
    "resume d --trust --max-time never": "--max-time never",
    "resume d --trust --workers 0": "--workers: '0' must",
    "resume d --trust --join": "--join",
    "resume d --trust --out folder": "--out folder",
    "resume d --trust --space unknown.toml": "adam",
    # Races and benches.
    f"{RACE} --optimizers adamm": "adam",
    f"{RACE} --optimizers ''": "--optimizers",
    f"{RACE} --optimizers adam,adam=1e-3:1": "adam",
    f"{RACE} --optimizers adam=1e-3": "adam=1e-3",
    f"{RACE} --optimizers adam=1:1e-3": "adam=1:1e-3",
    f"{RACE} --optimizers adam=-1:1": "adam=-1:1",
    f"{RACE} --optimizers adam=nan:1": "adam=nan:1",
    f"{RACE} --trials 0": "--trials: '0' must",
    f"{RACE} --seeds -1": "--seeds: '-1' must",
    f"{RACE} --steps 0": "--steps: '0' must",
    f"{RACE} --eval-every -1": "--eval-every: '-1' must",
    f"{RACE} --target nan": "--target: 'nan' must",
    f"{RACE} --metric accuracy": "accuracy",
    f"{RACE} --mode best": "--mode",
    "bench --optimizers adamm": "adam",
    "bench --optimizers ,": "--optimizers",
    "bench --optimizers exits.py:optimizer": "exits.py",
    "bench --optimizers mine.py:number": "mine.py:number",
    "bench --params gpt2": "gpt2-small",
    "bench --params ''": "--params",
    "bench --params 0": "--params 0",
    "bench --params 1e99": "--params 1e99",
    "bench --params mine.py:number": "mine.py:number",
    "bench --params mine.py:tree": "mine.py:tree",
    "bench --params mlp --peers optix": "optax",
    "bench --params mlp --blocks 1": "--blocks: '1' must",
    "bench --params mlp --blocks 2.5": "--blocks",
    "bench --params mlp --out mine.py": "--out mine.py",
    "bench target --tasks digit": "digits",
    "bench target --tasks ''": "--tasks",
    "bench target --tasks mine.py:task": "mine.py:task",
    "bench target --tasks mine.py:task@loss": "mine.py:task@loss",
    "bench target --tasks 'mine.py:task@loss<=low'": "low",
    "bench target --tasks 'mine.py:task@loss<=nan'": "nan",
    "bench target --tasks 'mine.py:task@accuracy>=0.9'": "accuracy",
    "bench target --tasks 'mine.py:task@loss<=1' --studies 0": "--studies: '0' must",
    "bench target --tasks 'mine.py:task@loss<=1' --trials -1": "--trials: '-1' must",
    "bench target --tasks 'mine.py:task@loss<=1' --steps 0": "--steps: '0' must",
    "bench target --tasks 'mine.py:task@loss<=1' --optimizers adamm": "adam",
    "compare results.json": "after",
    "compare nowhere.json results.json": "nowhere.json",
    "compare folder folder": "folder",
    "compare text.json text.json": "text.json",
    "compare results.json results.json": "results.json",
    "compare a\0 results.json": "NUL",
    "compare results.json results.json --fail-above some": "--fail-above some",
    "compare results.json results.json --fail-above -5%": "--fail-above",
    "compare results.json results.json --fail-above nan": "--fail-above nan",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with files to name and, as `d`, a sweep of two trials."""
    folder = tmp_path_factory.mktemp("lines")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name in ("folder", "folder.py", "folder.toml"):
        (folder / name).mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(shlex.split(f"{SWEEP} --trials 2 --steps 4 --dir d")) == 0
    return folder


@pytest.mark.parametrize("line", LINES, ids=json.dumps)
def test_a_bad_line_is_one_sentence_and_leaves_nothing(line, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    before = sorted(map(str, place.rglob("*")))
    status = main(shlex.split(line))
    captured = capsys.readouterr()
    (said,) = captured.err.splitlines()
    assert status == 2
    assert captured.out == ""
    assert said.startswith("jgd: ")
    assert said.endswith((".", "?"))
    assert LINES[line] in said
    assert [path for path in map(str, sorted(place.rglob("*"))) if "__pycache__" not in path] == [
        path for path in before if "__pycache__" not in path
    ]
