"""minimize_many with a folder: it goes on after an interruption, and refuses what is damaged or another call's."""

import jax.numpy as jnp
import pytest

import jgd
from jgd.core import InputError
from jgd.core.stop import Stop
from jgd.solvers import search_queue
from tests.solvers.searches import (
    SGD,
    SHARED,
    STARTS,
    STOP,
    TARGETS,
    assert_same,
    backwards,
    failing,
    search,
    valley,
)


def test_a_folder_goes_on_after_an_interruption(tmp_path, monkeypatch):
    whole = search(lanes=2)
    with monkeypatch.context() as patch:
        patch.setattr(search_queue, "go", failing(99, KeyboardInterrupt()))
        patch.setattr(search_queue, "TURNS", 1, raising=False)
        with pytest.raises(KeyboardInterrupt):
            search(lanes=2, dir=tmp_path)
    assert_same(search(lanes=2, dir=tmp_path), whole)
    monkeypatch.setattr(search_queue, "go", failing(99, AssertionError("all have ended")))
    assert_same(search(lanes=2, dir=tmp_path), whole)


def test_a_folder_where_another_process_searches_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:

        def crowded(*args):
            patch.undo()
            with pytest.raises(InputError, match=r"minimize_many\(dir=.*\): another process is running this"):
                search(lanes=2, dir=tmp_path)
            return go(*args)

        go = search_queue.go
        patch.setattr(search_queue, "go", crowded)
        assert_same(search(lanes=2, dir=tmp_path), search(lanes=2))
        assert search_queue.go is go


def test_a_folder_of_another_call_is_refused(tmp_path):
    search(lanes=2, dir=tmp_path)

    def ravine(params, target, shape):
        return 2 * valley(params, target, shape)

    others = {
        "code of the function and its method is another program": lambda: jgd.minimize_many(
            ravine, SGD, STARTS, STOP, args=(TARGETS, SHARED), in_axes=(0, None), dir=tmp_path
        ),
        "learning_rate": lambda: search(jgd.sgd(0.1), lanes=2, dir=tmp_path),
        "gradient_norm": lambda: search(stop=Stop(gradient_norm=1e-2, max_steps=300), dir=tmp_path),
        "starts": lambda: search(starts=backwards(STARTS), dir=tmp_path),
        "args": lambda: search(targets=TARGETS * 2, dir=tmp_path),
        "redraw": lambda: search(redraw=lambda key: {"x": jnp.zeros(2)}, dir=tmp_path),
    }
    for name, call in others.items():
        with pytest.raises(InputError, match="it holds another call's searches") as error:
            call()
        assert name in str(error.value)
        assert "\n" not in str(error.value)


def test_a_damaged_folder_is_refused(tmp_path):
    search(lanes=2, dir=tmp_path)
    path = tmp_path / search_queue.FILE
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=search_queue.FILE):
        search(lanes=2, dir=tmp_path)
