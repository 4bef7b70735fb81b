"""`result.plot`: every picture of every kind of result, what its marks mean, and where they lie."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import jgd
from jgd.core import InputError
from jgd.pages.palette import WARN
from jgd.pages.svg import to_svg
from jgd.pages.ticks import log_marks
from jgd.sweep import choice, grid, halving, integer, loguniform, normal, quantized, run, uniform
from jgd.sweep.plots.accessor import KINDS
from jgd.sweep.plots.style import SHOWN, thinned
from tests.train import problems

TASK = problems.task(5)
SPACES = {
    "wild": jgd.heavy_ball(loguniform(1e-3, 1e4), momentum=uniform(0.1, 0.9)),
    "mixed": jgd.chain(
        jgd.clip_by_global_norm(grid([0.1, 1.0, 10.0])),
        jgd.scale(normal(1.0, 0.1)),
        choice({"adam": jgd.adam(loguniform(1e-3, 1.0)), "sgd": jgd.sgd(quantized(uniform(0.1, 0.5), 0.1))}),
    ),
}


def sweep(spaces, **options):
    options = {"num_trials": 12, "seeds": 2, "steps": 40, "eval_every": 10, "metric": "distance", **options}
    return run(TASK, spaces, progress=False, **options)


@pytest.fixture(scope="module")
def result():
    return sweep(SPACES, stop=halving(20))


def visible(figure):
    return [panel for panel in figure.axes if panel.get_visible()]


def marks(panel, label) -> Any:
    return next((line for line in panel.lines if line.get_label().startswith(label)), None)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_drawn_and_is_svg(result, kind):
    svg = to_svg(result.plot.named(kind), kind, {}, kind)
    assert svg.startswith("<svg")
    assert "nan" not in svg


def test_called_it_draws_the_overview(result):
    assert [panel.get_title("left") for panel in visible(result.plot())] == ["1  mixed", "2  wild"]
    assert visible(result.plot())[0].get_xlim() == (0, 40)  # the steps
    one = run(lambda hp, key: hp["x"], {"x": uniform(1.0, 2.0)}, num_trials=2, progress=False)
    assert visible(one.plot())[0].get_xlabel() == "x"
    alone = sweep(jgd.sgd(0.1), num_trials=1)
    assert visible(alone.plot())[0].get_xlabel() == "step"


def test_its_methods_are_listed(result):
    for shown in (repr(result.plot), result.plot._repr_html_()):
        assert all(f".{kind}()" in shown for kind in KINDS)


def test_an_axis_has_its_own_scale_and_every_trial_is_on_it(result):
    panels = {panel.get_xlabel(): panel for panel in visible(result.plot.axis(space="wild"))}
    assert list(panels) == ["momentum", "learning rate"]
    assert [panel.get_xscale() for panel in panels.values()] == ["linear", "log"]
    members = [t for t in result.trials if t.space == "wild"]
    status = result.status[[t.number for t in members]]
    panel = panels["learning rate"]
    diverged = {t.params["learning_rate"] for t, s in zip(members, status, strict=True) if "diverged" in s}
    assert set(marks(panel, "a seed diverged").get_xdata()) == diverged
    pruned = {t.params["learning_rate"] for t, s in zip(members, status, strict=True) if "pruned" in s}
    assert set(marks(panel, "pruned").get_xdata()) == pruned
    ended = {t.params["learning_rate"] for t in members if np.isfinite(result.medians[t.number])}
    assert set(marks(panel, "trial").get_xdata()) == ended
    best = result.best("wild")
    ring = marks(panel, "best")
    assert list(ring.get_xdata()) == [best.params["learning_rate"]]
    assert list(ring.get_ydata()) == [result.medians[best.number]]


@pytest.mark.parametrize("low", [1e-7, 3.3e-3, 0.152, 0.95, 1.0, 7.0, 4.1e3])
@pytest.mark.parametrize("ratio", [1.001, 1.03, 1.4, 2.0, 5.5, 9.9, 40.0, 1e3, 1e9])
def test_a_logarithmic_axis_has_three_to_six_labels_that_differ(low, ratio):
    values, texts = log_marks(low, low * ratio)
    assert 3 <= len(values) <= 6
    assert low * (1 - 1e-9) <= values[0] < values[-1] <= low * ratio * (1 + 1e-9)
    assert len(set(texts)) == len(texts)
    assert all(float(text) == pytest.approx(value, rel=1e-11) for text, value in zip(texts, values, strict=True))


@pytest.mark.parametrize(
    ("space", "lowest", "scale"),
    [(uniform(1.1, 3.5), 0.6, "log"), (loguniform(0.2, 0.7), 1.0, "log"), (loguniform(1e-4, 1.0), 0.0, "function")],
    ids=["loss", "range", "share"],
)
def test_less_than_a_decade_has_labels_too(space, lowest, scale):
    def train(hp, key):
        return {"loss": lowest * hp["x"] ** 2, "share": 0.83 + 0.01 * hp["x"]}

    metric: Any = {"metric": "share", "mode": "max"} if scale == "function" else {}
    found = run(train, {"x": space}, num_trials=24, progress=False, **metric).plot
    (panel,) = visible(found.axis())
    assert scale in (panel.get_xscale(), panel.get_yscale())
    for axis in (panel.xaxis, panel.yaxis):
        low, high = sorted(axis.get_view_interval())
        ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        texts = [text.get_text() for at, text in ticks if low <= at <= high]
        assert len(set(filter(None, texts))) >= 3
    (parallel,) = visible(found.parallel())
    assert len(parallel.texts) >= 2 + 2 * 3  # two names, and three labels of each


def test_whole_numbers_have_whole_labels(result):
    found = run(lambda hp, key: hp["n"] / 3, {"n": integer(3, 5)}, num_trials=3, progress=False)
    (panel,) = visible(found.plot.axis())
    assert [text.get_text() for text in panel.get_xticklabels()] == ["3", "4", "5"]
    (panel,) = visible(found.plot.parallel())
    assert [text.get_text() for text in panel.texts[1:4]] == ["3", "4", "5"]


def test_choices_are_categories_and_parts_that_were_not_chosen_have_no_mark(result):
    panels = {panel.get_xlabel(): panel for panel in visible(result.plot.axis(space="mixed"))}
    labels = [text.get_text() for text in panels["optimizer.2"].get_xticklabels()]
    assert labels == ["adam", "sgd"]
    assert panels["adam.learning rate"].get_xscale() == "log"
    chosen = sum(t.params.get("optimizer.2") == "adam" for t in result.trials)
    panel = panels["adam.learning rate"]
    shown = [marks(panel, label) for label in ("trial", "pruned", "a seed diverged")]
    assert sum(len(line.get_xdata()) for line in shown if line) == chosen


def test_isolation_keeps_the_best_of_each_part(result):
    whole = sweep(jgd.sgd(loguniform(1e-3, 0.3)), num_trials=16, seeds=1)
    (panel,) = visible(whole.plot.isolation())
    line = marks(panel, "best of its part")
    units = np.array([t.units[0] for t in whole.trials])
    expected = [whole.medians[units // 0.25 == part].min() for part in range(4)]  # sqrt(16) parts
    np.testing.assert_allclose(line.get_ydata(), expected)


def test_the_best_at_an_end_is_marked():
    (panel,) = visible(sweep(jgd.sgd(loguniform(1e-6, 1e-5)), sampler="grid").plot.axis())
    assert panel.get_title("right").endswith("at the high end!")
    assert any(line.get_color() == WARN for line in panel.lines)


def test_curves_of_one_space_are_of_its_best_few(result):
    (panel,) = visible(result.plot.curves("mixed", best=2))
    named = [line.get_label() for line in panel.lines if line.get_label().startswith("trial")]
    assert set(named) == {f"trial {trial.number}" for trial in result.ranking("mixed")[:2]}
    assert len(visible(result.plot.curves())) == 2


def test_a_curve_of_one_point_is_a_mark_within_its_frame():
    values = jnp.linspace(1.0, 2.0, 8)
    one = run(lambda hp, key: hp["x"], {"x": grid(values.tolist())}, num_trials=8, progress=False)
    for figure in (one.plot.curves(), one.plot.curves("hp", best=3)):
        (panel,) = visible(figure)
        assert {line.get_marker() for line in panel.lines} == {"o"}
        low, high = panel.get_xlim()
        assert low < one.steps[0] < high
        low, high = panel.get_ylim()
        assert all(low < y < high for line in panel.lines if line.get_zorder() > 2 for y in line.get_ydata())
    (panel,) = visible(one.plot.axis())
    assert panel.get_ylim()[0] < 1.0
    assert panel.get_ylim()[1] > 2.0  # all of them, as none was seen to begin worse than it ends


def test_parallel_draws_a_line_for_each_trial_and_failures_apart(result):
    (panel,) = visible(result.plot.parallel("wild"))
    ends = [line.get_ydata()[-1] for line in panel.lines if len(line.get_xdata()) == 3]
    lost = (result.status == "diverged").any(axis=1)[[t.number for t in result.trials if t.space == "wild"]].sum()
    assert len(ends) == 12
    assert sum(end < -0.1 for end in ends) == lost
    best = marks(panel, "best")
    assert best.get_ydata()[-1] == max(ends)
    order = [axis.name for axis in result.best("wild").axes]
    assert best.get_ydata()[0] == pytest.approx(result.best("wild").units[order.index("momentum")])


def test_best_so_far_only_gets_better(result):
    for panel in visible(result.plot.best_so_far()):
        line = max(panel.lines, key=lambda line: line.get_linewidth() if len(line.get_xdata()) else 0)
        values = np.array(line.get_ydata())
        assert np.all(np.diff(values[np.isfinite(values)]) <= 0)


def test_importance_names_its_bars():
    one = sweep(jgd.adam(loguniform(1e-4, 1.0), b1=uniform(0.8, 0.99)), num_trials=24, seeds=1)
    (panel,) = visible(one.plot.importance())
    names = [text.get_text() for text in panel.get_yticklabels()]
    assert names[0] == "learning rate"
    assert names[-1] == "several together"
    assert panel.patches[0].get_width() == pytest.approx(one.importance().alone["learning_rate"])


LITTLE = {
    "one trial": (jgd.adam(loguniform(1e-3, 1.0)), {"num_trials": 1, "seeds": 1}),
    "all diverged": (jgd.sgd(loguniform(1e10, 1e12)), {}),
    "nothing swept": (jgd.sgd(0.1), {}),
    "whole numbers": (jgd.adam(jgd.cosine_decay_schedule(0.1, integer(1, 3))), {"num_trials": 3}),
}


@pytest.mark.parametrize("name", LITTLE)
def test_little_is_drawn_or_refused_in_a_sentence(name):
    space, options = LITTLE[name]
    few = sweep(space, **options)
    refused = dict.fromkeys(("axis", "isolation", "sensitivity", "parallel")) if name == "nothing swept" else {}
    for kind in KINDS:
        if kind in refused or kind == "importance":  # which needs ten trials with a value
            with pytest.raises(InputError, match=r"^Result\."):
                few.plot.named(kind)
        elif name != "whole numbers" or kind != "sensitivity":
            assert to_svg(few.plot.named(kind), "p", {}, kind).startswith("<svg")


def test_of_thousands_the_best_and_a_share_of_the_rest_are_shown(result):
    values = np.arange(2000.0)[:, None]
    curve = np.repeat(values, 2, axis=1)[..., None] + np.zeros(4)
    many = dataclasses.replace(
        result, curves={"distance": curve}, reached=np.full((2000, 2), 4), diverged_at=np.full((2000, 2), -1),
        ended=np.zeros((2000, 2), int),
    )  # fmt: skip
    chosen = thinned(many, range(2000))
    assert len(chosen) == len(set(chosen)) == SHOWN
    assert set(range(300)) <= set(chosen)
    assert 1999 in chosen


def test_what_is_not_there_is_named(result):
    with pytest.raises(InputError, match=r"unknown name 'momentm'. Did you mean momentum"):
        result.plot.axis("momentm")
    with pytest.raises(InputError, match=r"unknown name 'wildd'. Did you mean wild"):
        result.plot.axis(space="wildd")
    with pytest.raises(InputError, match=r"unknown name 'axes'. Did you mean axis"):
        result.plot.named("axes")
    with pytest.raises(InputError, match="it shows all spaces"):
        result.plot.named("best_of_k", space="wild")


def test_names_with_dollars_are_drawn_as_they_are():
    spaces = {
        "a$\\frac{$": jgd.adam(loguniform(1e-3, 1.0), b1=uniform(0.5, 0.9)),
        "b$x$": jgd.sgd(choice({"$c$": loguniform(1e-3, 0.1), "$\\nothing$": 0.1})),
    }
    result = sweep(spaces, seeds=1)
    for kind in KINDS:
        svg = to_svg(result.plot.named(kind), kind, {}, kind)
        assert "b$x$" in svg or "a$\\frac{$" in svg or kind == "parallel"
    assert "$c$" in to_svg(result.plot.axis(space="b$x$"), "axis", {}, "axis")


def test_random_trials_are_not_joined_and_those_of_a_grid_are():
    for sampler, joined in (("random", False), ("grid", True)):
        result = sweep(jgd.sgd(loguniform(1e-3, 0.3)), sampler=sampler)
        (panel,) = visible(result.plot.sensitivity())
        line = next(line for line in panel.lines if len(line.get_xdata()) == 12)
        assert (line.get_linestyle() == "-") == joined
        assert line.get_marker() == "o"
