"""The leaderboard's contest, document and page, on two problems and three optimizers."""

import json
import re

import numpy as np
import pytest

from bench.contest import CHOSEN, chosen, document, has_matrices, solve
from bench.entrants import entrants, left_out
from bench.leaderboard import claims
from bench.leaderboard_page import render
from bench.leaderboard_text import markdown, verdict
from jgd.optimizers.catalogue import catalogue
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
        for name, settings in one.settings.items():
            low, high = catalogue()[name].rates or (1.0, 1.0)
            assert len(settings) == trials
            assert {setting["alpha"] for setting in settings} == {0, 1}  # decaying, and constant
            rates = [setting["rate"] for setting in settings]
            np.testing.assert_allclose([min(rates), max(rates)], [low / 10, high * 10], rtol=1e-6)  # exp of a log


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


def test_a_tie_is_called_one():
    ranges = {"more": (-0.2, -0.1), "tie": (-0.1, 0.1), "less": (0.1, 0.2)}
    for word, (low, high) in ranges.items():
        assert verdict({"behind_low": low, "behind_high": high}) == word


def test_the_table_and_the_page_say_the_same(solved):
    found = document([solved[0]], NAMES, {"device": "a machine"}, 1.0)
    text, page = markdown(found), render(found)
    assert len(re.findall(r"^\| \d+ \|", text, flags=re.MULTILINE)) == 3
    for row in found["standings"]:
        assert f"`{row['solver']}` | {row['score']:.3f}" in text
        assert row["solver"] in page
    for one in (text, page):
        assert "a machine" in one
        assert "adahessian, hessian_free, lbfgs, natural_gradient, osgm, sophia" in one


def test_the_contest_has_every_optimizer_and_problems_with_matrices_and_without():
    problems, names = chosen(quick=False)
    assert [problem.name for problem in problems] == list(CHOSEN)
    assert sum(map(has_matrices, problems)) == 4
    assert len(chosen(quick=False, whole=True)[0]) == len(suite.PROBLEMS)
    assert set(catalogue()) - set(names) == {*left_out(), "gradient_descent"}
    assert all(one.high / one.low == pytest.approx(1e6) for one in entrants().values())
    few, three = chosen(quick=True)
    assert len(few) == len({problem.family for problem in suite.PROBLEMS.values()})
    assert len(three) == 3
