"""Pages: tables that hold thousands of rows, and names that would be markup."""

import json
import re

from jgd.pages.page import PAGE, page, table
from tests.pages.reader import whole_page


def rows(count):
    return [[(f"<b>{i}</b>", i), ("<i>x</i>", "a <b> & c")] for i in range(count)]


def test_a_short_table_is_all_elements():
    text = page("t", [table(["n", "name"], rows(PAGE), "c")])
    assert whole_page(text).tags.count("tr") == 1 + PAGE
    assert "application/json" not in text
    assert text.count("<tr class=winner>") == 1
    assert "a &lt;b&gt; &amp; c" in text


def test_of_a_long_table_the_rows_are_data():
    text = page("t", [table(["n", "name"], rows(3000), "c")])
    assert whole_page(text).tags.count("tr") == 1 + PAGE
    (data,) = re.findall(r'<script type="application/json">(.*?)</script>', text)
    assert "<" not in data
    known = json.loads(data)
    assert len(known) == 3000
    assert known[7] == [["<b>7</b>", "7"], ["<i>x</i>", "a <b> & c"]]


def test_keys_that_are_no_numbers_are_texts():
    data = table(["n"], [[("-", float("nan"))] for _ in range(PAGE + 1)], "c")
    assert '[["-","nan"]]' in data
