"""Tasks by name and from a user's file, and what is said when they cannot be had."""

import pytest

from jgd.core import InputError
from jgd.tasks import BUILTIN, load, load_problem
from jgd.train import Task

GOOD = """
import jax.numpy as jnp
from jgd.train import Task
import neighbour

task = Task(lambda key: jnp.zeros(2), lambda p, batch: jnp.mean((p - batch) ** 2), jnp.ones((neighbour.ROWS, 2)))

def make():
    return task

def picky(size):
    return task

def train(hp, key):
    return 0.0

def make_train():
    return train

number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "neighbour.py").write_text("ROWS = 7\n")
    (tmp_path / "broken.py").write_text("def task(:\n")
    (tmp_path / "failing.py").write_text("def task():\n    raise RuntimeError('no data here\\nat all')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_built_in_name_loads_its_task():
    assert set(BUILTIN) == {"digits", "breast_cancer", "diabetes", "mnist5k", "text"}
    assert load("diabetes").name == "diabetes"
    for entry in BUILTIN.values():
        assert entry.mode in ("min", "max")
        assert entry.metric


@pytest.mark.parametrize("attribute", ["task", "make"])
def test_a_file_may_hold_a_task_or_make_one(folder, attribute):
    task = load(f"good.py:{attribute}")
    assert isinstance(task, Task)
    assert task.data.shape == (7, 2)


@pytest.mark.parametrize("attribute", ["train", "make_train"])
def test_a_function_that_owns_its_loop_is_a_problem_but_no_task(folder, attribute):
    assert load_problem(f"good.py:{attribute}").__name__ == "train"
    assert isinstance(load_problem("good.py:make"), Task)
    with pytest.raises(InputError, match=r"owns its loop, which only jgd sweep runs; expected a jgd.Task"):
        load(f"good.py:{attribute}")


def test_a_module_may_be_named_by_dots():
    assert load("jgd.tasks.builtin:diabetes").name == "diabetes"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digit", "unknown name 'digit'. Did you mean digits"),
        ("zebra", "Known: digits, breast_cancer, diabetes, mnist5k, text; your own is written as file.py:task."),
        ("none.py:task", "there is no file none.py"),
        ("good.py:tsk", "unknown name 'tsk'. Did you mean task"),
        ("good.py:number", "number is int; expected a jgd.Task"),
        ("good.py:picky", "calling picky() failed with TypeError"),
        ("broken.py:task", "running broken.py failed with SyntaxError"),
        ("failing.py:task", "calling task() failed with RuntimeError: no data here."),
        ("no.such.module:task", "importing no.such.module failed with ModuleNotFoundError"),
    ],
)
def test_what_cannot_be_loaded_is_one_sentence(folder, name, words):
    with pytest.raises(InputError) as caught:
        load(name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
