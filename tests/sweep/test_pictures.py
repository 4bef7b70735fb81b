"""Pictures: drawn for every kind of result, on scales that show it, as SVG that stands on its own."""

import numpy as np
import pytest

import jgd
from jgd.pages.palette import COLORS
from jgd.pages.svg import to_svg
from jgd.sweep import loguniform, run, uniform
from tests.train import problems

TASK = problems.task(5)


def sweep(spaces, **options):
    options = {"num_trials": 4, "seeds": 2, "steps": 40, "eval_every": 10, "sampler": "grid", **options}
    return run(TASK, spaces, progress=False, **options)


@pytest.fixture(scope="module")
def result():
    spaces = {"wild": jgd.sgd(loguniform(1e-2, 1e12)), "calm": jgd.adam(loguniform(1e-2, 1.0)), "lost": jgd.sgd(1e12)}
    return sweep(spaces, metric="distance", target=1.0)


def texts(svg):
    return [part.split("<")[0] for part in svg.split(">") if part.split("<")[0].strip()]


def test_sensitivity_has_a_panel_for_each_space_that_has_the_number(result):
    figure = result.plot.sensitivity()
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title("left") for panel in panels] == ["1  calm", "2  wild"]
    assert {panel.get_xscale() for panel in panels} == {"log"}
    calm, wild = panels
    curve = next(line for line in calm.lines if line.get_marker() == "o" and len(line.get_xdata()) == 4)
    values = np.median(result.values[[t.number for t in result.trials if t.space == "calm"]], axis=1)
    np.testing.assert_allclose(curve.get_ydata(), values)
    crosses = next(line for line in wild.lines if line.get_marker() == "x")
    assert len(crosses.get_xdata()) == 3  # 1e-2 is fine, and then come 400, 2e7 and 1e12
    ring = next(line for line in calm.lines if line.get_markerfacecolor() == "none")
    assert ring.get_xdata() == [result.best("calm").params["learning_rate"]]
    # What is hopeless is outside the frame.
    assert calm.get_ylim()[1] < 10


def test_curves_show_the_best_of_each_space_and_the_target(result):
    figure = result.plot.curves()
    panels = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title("left") for panel in panels] == ["1  calm", "2  wild"]
    reached = result.standings()[0].steps_to_target
    assert panels[0].get_title("right") == f"1 at step {reached:.0f}"


def test_shares_near_one_are_spread_apart():
    result = sweep({"a": jgd.sgd(loguniform(1e-2, 0.3))}, metric="distance", mode="max")
    shares = np.array([0.5, 0.97, 0.98, 0.99])[:, None] + np.zeros((1, 2))
    result.curves["distance"][..., -1] = shares
    panel = result.plot.sensitivity().axes[0]
    to_axis = panel.transData.transform
    low, middle, high = (to_axis((0.1, y))[1] for y in (0.8, 0.9, 0.99))
    assert high - middle > 2 * (middle - low)  # one decade of errors against 0.3 of one
    assert "0.98" in [label.get_text() for label in panel.get_yticklabels()]


@pytest.mark.parametrize("space", [jgd.sgd(loguniform(1e10, 1e12)), jgd.adam(0.1, b1=uniform(0.5, 0.9))], ids=str)
def test_pictures_of_little_are_drawn_too(space):
    result = sweep(space, seeds=1, num_trials=2)
    name = next(iter(result.trials[0].params))
    for figure in (result.plot.sensitivity(name), result.plot.curves()):
        assert to_svg(figure, "p", {}, "a picture").endswith("</svg>\n")


def test_svg_takes_the_colours_and_fonts_of_its_page(result):
    svg = to_svg(result.plot.curves(), "curves", {COLORS[1]: "var(--second)"}, "A < B")
    assert svg.startswith("<svg")
    assert 'aria-label="A &lt; B"' in svg
    assert "http" not in svg
    assert "<metadata" not in svg
    assert COLORS[1] not in svg
    assert "var(--second)" in svg
    assert "var(--font)" in svg
    assert 'id="curves-' in svg
    assert "distance" in texts(svg)
    assert svg == to_svg(result.plot.curves(), "curves", {COLORS[1]: "var(--second)"}, "A < B")
