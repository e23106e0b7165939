"""Tables say what is hidden, what is missing and how sure a number is, and can be read by ear."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import showcase
from bs4 import BeautifulSoup

from exlink.errors import DisclosureError, ParameterError
from exlink.publish.tables import table


def soup(gt) -> BeautifulSoup:
    return BeautifulSoup(gt.as_raw_html(), "html.parser")


def cells(gt) -> list[list[str]]:
    rows = soup(gt).select("tbody tr")
    return [[c.get_text().replace("\u00a0", " ") for c in row.find_all(["th", "td"])] for row in rows]


@pytest.fixture
def released():
    frame = pd.DataFrame(
        {
            "team": ["A <b>", "B & co", "C", "D"],
            "n": [1200, 30, 4, 50],
            "share": [0.123, -0.0456, 0.5, np.nan],
            "low": [0.1, -0.1, 0.4, np.nan],
            "high": [0.2, 0.05, 0.6, np.nan],
            "flag": [True, False, True, False],
        }
    )
    return showcase.given(frame, ["team"], [20, 20, 4, 20])


def test_hidden_and_missing_cells_are_told_apart(released):
    body = cells(table(released, {"team": "Team", "n": "Contacts", "share": "Share"}))
    assert body == [
        ["A <b>", "1,200", "0.12"],
        ["B & co", "30", "−0.05"],
        ["C", "hidden", "hidden"],
        ["D", "50", "–"],
    ]


def test_the_note_of_the_gate_stands_below_when_something_is_hidden(released):
    assert "1 of 4 cells hidden: fewer than 8 people" in soup(table(released, notes=["First."])).tfoot.get_text()
    open_table = showcase.given(pd.DataFrame({"a": ["x"], "b": [1]}), ["a"])
    assert soup(table(open_table)).tfoot is None


def test_intervals_stand_in_the_cell_of_their_estimate(released):
    gt = table(released, {"team": "Team", "share": "Share"}, {"share": "+.1%"}, intervals={"share": ("low", "high")})
    assert cells(gt)[0] == ["A <b>", "+12.3% (+10.0% to +20.0%)"]
    assert cells(gt)[3] == ["D", "–"]


def test_an_interval_never_breaks_within(released):
    html = table(released, {"team": "Team", "share": "Share"}, intervals={"share": ("low", "high")}).as_raw_html()
    assert "0.12 (0.10\u00a0to\u00a00.20)" in html


def test_heads_have_scope_and_none_is_empty_and_numbers_are_right_aligned(released):
    page = soup(table(released, title="Teams"))
    heads = page.find_all("th")
    assert all(h.get("scope") in {"col", "row", "colgroup"} and h.get_text(strip=True) for h in heads)
    assert len([h for h in heads if h["scope"] == "row"]) == 4
    first = page.select("tbody tr")[0].find_all("td")
    assert [("gt_right" in c["class"]) for c in first] == [True, True, True, True, False, True]  # only 'flag' is words


def test_markup_in_labels_stays_text(released):
    frame = pd.DataFrame({"a": ["<img src=x onerror=y>"], "<i>b</i>": ["<script>"]})
    html = table(showcase.given(frame, ["a"]), title="<u>t</u>", notes=["<s>n</s>"]).as_raw_html()
    for tag in ("<img", "<script", "<i>", "<u>", "<s>"):
        assert tag not in html


def test_groups_head_their_rows():
    page = soup(showcase.result_table())
    assert [h.get_text() for h in page.select("th.gt_group_heading")] == ["within persons", "between persons"]


def test_the_id_depends_on_the_content_only(released):
    first, second = table(released).as_raw_html(), table(released).as_raw_html()
    assert first == second
    other = soup(table(released, title="Another")).div["id"]
    assert soup(table(released)).div["id"].startswith("table-")
    assert soup(table(released)).div["id"] != other


def test_words_flags_and_dates_are_written_plainly():
    frame = pd.DataFrame({"k": ["x"], "on": pd.to_datetime(["2026-07-01"]), "ok": [True]})
    assert cells(table(showcase.given(frame, ["k"]), {"k": "Key", "on": "On", "ok": "OK"})) == [
        ["x", "2026-07-01", "yes"]
    ]


def test_only_released_tables_are_shown():
    with pytest.raises(DisclosureError, match=r"table takes a table released by .* not a DataFrame"):
        table(pd.DataFrame({"a": [1]}))


def test_a_misspelt_column_is_named_with_the_nearest_one(released):
    with pytest.raises(ParameterError, match=r"no column 'shar'.*Did you mean 'share'"):
        table(released, {"team": "Team", "shar": "Share"})


def test_a_tiny_p_value_is_not_written_as_zero():
    frame = pd.DataFrame({"k": ["a", "b"], "p": [0.00004, 0.0123]})
    assert [row[1] for row in cells(table(showcase.given(frame, ["k"]), {"k": "K", "p": "p"}, {"p": "p"}))] == [
        "< 0.001",
        "0.012",
    ]
