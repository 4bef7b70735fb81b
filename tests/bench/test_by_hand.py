"""Count the lines of projects that are written twice; both versions end alike."""

import ast
import json
from typing import Any

import pytest

from bench import by_hand
from bench.by_hand import PROJECTS, counted, lines, printed, shared
from tests.test_examples import RUN_WHOLE, assert_can_be_read

EXAMPLE = '''"""An example."""

import jax

SIZE = 3
STEPS = 5


def scaled(x):
    """Say so."""
    return SIZE * x


def loss(x):
    return scaled(x)  # counted with its name


def main():
    # not this
    """Nor this."""
    for i in range(STEPS):
        print(i)
        total = (
            loss(i)
        )
    assert total == 12


if __name__ == "__main__":
    main()
'''
PLAIN = '''"""By hand."""

from examples.toy import loss


def main(): return sum(loss(i) for i in range(5))
'''


def test_code_alone_is_counted_and_nothing_of_what_is_shared():
    example, plain = ast.parse(EXAMPLE), ast.parse(PLAIN)
    problem = shared(example, plain, "toy")
    assert problem == {"loss", "scaled", "SIZE"}
    # STEPS, def main, for, and three lines of one statement.
    assert counted(example, problem) == 6
    assert counted(plain, set()) == 1


@pytest.mark.parametrize("name", PROJECTS)
def test_every_project_is_written_twice_and_no_longer_with_jgd(name):
    ours, plain = lines(name)
    assert 0 < ours <= 1.1 * plain  # a hypergradient is as short by hand


def test_versions_that_disagree_are_seen(monkeypatch):
    figure = {"what": "loss", "jgd": 1.0, "plain": 2.0, "met": False}
    monkeypatch.setattr(by_hand, "agreed", lambda name: [figure])
    found: Any = by_hand.by_hand(only="pinn")
    *rows, claim, _ = found
    assert rows[0]["agree"] is False
    assert not claim.met


@pytest.mark.slow
@pytest.mark.parametrize("name", PROJECTS)
def test_both_versions_end_alike(name, monkeypatch):
    monkeypatch.setenv("JAX_NUMPY_RANK_PROMOTION", "raise")
    *said, figures = printed(name, "-W", "error")
    for figure in json.loads(figures):
        assert figure["met"], figure
    if name in RUN_WHOLE:
        assert_can_be_read(said)
