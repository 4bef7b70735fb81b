"""A figure shows itself in a notebook that draws nothing inline."""

from jgd.pages.figure import new_figure


def test_a_figure_is_a_picture_of_itself():
    figure = new_figure(2, 1, "a test")
    figure.subplots().plot([1, 2])
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert type(figure) is type(new_figure(1, 1, "a test"))
