"""Programs that a first run compiles, and functions that it traces."""

import collections
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

import jgd
from jgd.train import Task, fit


def counted(kinds, name, fn):
    """Return the function, which adds its name to `kinds` when it is called with tracers."""

    @functools.wraps(fn)
    def traced(*args):
        kinds.update([name] if any(isinstance(x, Tracer) for x in jax.tree.leaves(args)) else [])
        return fn(*args)

    return traced


def test_a_first_run_compiles_what_it_needs_and_traces_each_function_twice(caplog):
    # Shapes that no other test has, two of each kind: a copy or a check of each would be a program of its own.
    data = {"x": np.ones((34, 7), np.float32), "y": np.ones((34, 3), np.float32)}
    kinds = collections.Counter()

    def init(key):
        return {"w": np.ones((7, 3), np.float32), "b": np.ones((3,), np.float32)}

    def loss(params, batch):
        return jnp.mean((batch["x"] @ params["w"] + params["b"][None] - batch["y"]) ** 2)

    task = Task(init, counted(kinds, "loss", loss), data, 17, counted(kinds, "evaluate", lambda p: {"b": p["b"][0]}))
    with jax.log_compiles():
        fit(task, jgd.adam(0.1), steps=10)
    programs = re.findall(r"Finished XLA compilation of jit\((\w+)\)", caplog.text)
    assert programs.count("run_segment") == programs.count("_begin") == programs.count("evaluate") == 1
    assert set(programs) == {"run_segment", "_begin", "evaluate"}
    # Once for what it returns, before anything is compiled, and once in its program.
    assert kinds == {"loss": 2, "evaluate": 2}
