"""A sheet is the same table as text and as HTML."""

from jgd.pages.sheet import Sheet
from tests.pages.reader import Page


def test_a_sheet_is_text_and_html():
    sheet = Sheet(["A <run>"], ["space", "loss"], [["sgd & co", "0.5"], ["b", "12"]], ["Done."])
    assert str(sheet) == "A <run>\nspace     loss\n--------  ----\nsgd & co   0.5\nb           12\nDone."
    shown = sheet.html()
    assert Page(f"{shown}").open == []
    for text in ("A &lt;run&gt;", "sgd &amp; co", "Done.", ">12</td>"):
        assert text in shown


def test_a_sheet_without_rows_has_no_table():
    assert str(Sheet(["Nothing."], ["a"], [])) == "Nothing."
    assert "<table" not in Sheet(["Nothing."], ["a"], []).html()
    assert Sheet(["One.", "", "Two."], ["a"], []).html().count("<div><br></div>") == 1
