"""A real kernel, without widgets and without `%matplotlib inline`: progress, tables and pictures show by themselves."""

import base64

import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.slow

CELLS = {
    "setup": """
import os
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"
import jax.numpy as jnp, jgd
from jgd.sweep import loguniform
data = {"x": jnp.ones((8, 2)), "y": jnp.ones(8)}
loss = lambda p, batch: jnp.mean((batch["x"] @ p - batch["y"]) ** 2)
task = jgd.Task(lambda key: jnp.zeros(2), loss, data, 4)
space = jgd.sgd(loguniform(1e-3, 1e-1))
""",
    "optimizer": "jgd.adamw(1e-3)",
    "task": "task",
    "fit": "run = jgd.fit(task, jgd.sgd(0.1), steps=20, eval_every=5)",
    "run": "run",
    "curves": "run.plot()",
    "solution": "jgd.minimize(lambda p: loss(p, data), jgd.sgd(0.1), jnp.zeros(2), jgd.Stop(max_steps=3))",
    "plan": "jgd.sweep.plan(task, space, num_trials=4, steps=20)",
    "sweep": "result = jgd.sweep.run(task, space, num_trials=4, steps=20)",
    "result": "result",
    "axis": "result.plot.axis()",
    "table": "result.trials_dataframe()",
}
HTML = {
    "optimizer": "weight_decay",
    "task": "float32[8, 2]",
    "fit": "<progress",
    "run": "Run of 20 steps",
    "solution": "max_steps",
    "plan": "Plan of 4 trials",
    "sweep": "<progress",
    "result": "Sweep of 4 trials",
    "table": "learning_rate",
}


@pytest.fixture(scope="module")
def shown():
    """Return what each cell displays: by its MIME type, the last of each."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS.values()])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    found = {}
    for name, cell in zip(CELLS, book.cells, strict=True):
        texts = [out.text for out in cell.outputs if out.output_type == "stream"]
        assert texts == [], name
        found[name] = {kind: data for out in cell.outputs for kind, data in out.get("data", {}).items()}
    return found


@pytest.mark.parametrize("name", HTML)
def test_a_cell_shows_html(shown, name):
    assert HTML[name] in shown[name]["text/html"]


@pytest.mark.parametrize("name", ["curves", "axis"])
def test_a_cell_shows_a_picture(shown, name):
    assert base64.b64decode(shown[name]["image/png"]).startswith(b"\x89PNG")


def test_progress_ends_at_the_end(shown):
    assert "20/20" in shown["fit"]["text/html"]
    assert "80/80" in shown["sweep"]["text/html"]
