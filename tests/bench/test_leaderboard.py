"""The leaderboard's contest, document and page, on two problems and three optimizers."""

import json
import re

import numpy as np
import pytest

from bench.contest import OPTIMIZERS, chosen, document, solve
from bench.leaderboard import claims
from bench.leaderboard_page import render
from jgd.tasks import suite

NAMES = ["adam", "sgd", "lion"]


@pytest.fixture(scope="module")
def solved():
    """Booth's function as it is, and the late gradients within too few steps."""
    whole = solve(suite.PROBLEMS["booth"], NAMES, rates=4, seeds=2)
    return [whole, solve(suite.PROBLEMS["late"], NAMES, rates=2, seeds=2, steps=4)]


def test_every_optimizer_gets_the_same(solved):
    for one, trials in zip(solved, (8, 4), strict=True):
        assert one.reached.shape == (3, trials, 2)
        assert len(one.settings) == trials
        assert {setting["alpha"] for setting in one.settings} == {0, 1}  # decaying, and constant
        assert min(setting["init_value"] for setting in one.settings) == pytest.approx(1e-5)


def test_the_document_says_who_wins(solved):
    found = document([solved[0]], NAMES, {}, 1.0)
    (problem,) = found["problems"]
    best = next(row["solver"] for row in found["standings"])
    assert problem["costs"][best] == min(x for x in problem["costs"].values() if x is not None)
    assert problem["best"][best]["steps"] >= problem["costs"][best]  # one setting for all seeds, or the best of each
    assert json.loads(json.dumps(found)) == found
    assert all(claim.met for claim in claims(found))


def test_a_problem_that_nobody_solves_is_told(solved):
    late = solved[1]._replace(reached=np.full((3, 8, 2), np.nan), settings=solved[0].settings)
    found = document([solved[0], late], NAMES, {}, 1.0)
    assert claims(found)[0].value == 1
    assert claims(found)[0].why == "late"
    assert set(found["problems"][1]["costs"].values()) == {None}
    assert max(row["solved"] for row in found["standings"]) == 0.5
    text = render(found)
    assert "nobody" in text
    assert "http" not in text
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL).lower())


def test_the_contest_has_every_optimizer_and_every_problem():
    problems, names = chosen(quick=False)
    assert {problem.name for problem in problems} == set(suite.PROBLEMS)
    assert len(names) == len(OPTIMIZERS) >= 12
    few, three = chosen(quick=True)
    assert len(few) == len({problem.family for problem in problems})
    assert len(three) == 3
