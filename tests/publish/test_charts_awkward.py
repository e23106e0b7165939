"""Charts of awkward data: one row, everything hidden, equal values, long labels, many columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from showcase import given
from test_charts import clashes, text_boxes, texts

from exlink.publish import charts

LONG = "After-training support for colleagues who changed their role during the year"
QUARTERS = [f"202{4 + i // 4}Q{i % 4 + 1}" for i in range(8)]
MANY = ["cancellation", "claim", "enquiry", "field visit", "onboarding", "renewal", "service request", "complaint"]


def rows(size: int, people: object = 20, **columns: object) -> object:
    """Release rows 'row 1' … with the given columns."""
    return given(pd.DataFrame({"name": [f"row {i + 1}" for i in range(size)], **columns}), ["name"], people)


def grid(heads: list[str], people: object = 20) -> object:
    frame = pd.DataFrame(
        [(r, c, 0.1 * i - 0.3) for r in ("a", LONG) for i, c in enumerate(heads)], columns=["r", "c", "v"]
    )
    return given(frame.assign(lo=frame.v - 0.1, hi=frame.v + 0.1), ["r", "c"], people)


HIDDEN = [3, 4]  # people behind two rows, both below the minimum group
XY = {"x": "x", "y": "y"}
CASES = {
    "forest of one row": lambda: charts.forest(
        rows(1, e=[0.2], lo=[0.1], hi=[0.3]), label="name", estimate="e", low="lo", high="hi", xlabel="points"
    ),
    "forest with everything hidden": lambda: charts.forest(
        rows(2, HIDDEN, e=[0.2, 0.1]), label="name", estimate="e", xlabel="p"
    ),
    "forest with long labels": lambda: charts.forest(
        given(pd.DataFrame({"name": [LONG, LONG.upper()], "e": [0.2, -1000.0]}), ["name"]),
        label="name",
        estimate="e",
        xlabel=LONG,
    ),
    "heat map of eight columns": lambda: charts.heatmap(
        grid(MANY), row="r", column="c", value="v", unit="points", centre=0.0
    ),
    "heat map of eight columns with intervals": lambda: charts.heatmap(
        grid(MANY), row="r", column="c", value="v", low="lo", high="hi", unit="points", centre=0.0
    ),
    "heat map with everything hidden": lambda: charts.heatmap(
        grid(["x", "y"], [3] * 4), row="r", column="c", value="v", unit="p"
    ),
    "heat map of eight quarters, some hidden": lambda: charts.heatmap(
        grid(QUARTERS, [20] * 12 + [3] * 4), row="r", column="c", value="v", unit="share", spec=".0%"
    ),
    "heat map of one value": lambda: charts.heatmap(
        given(pd.DataFrame({"r": ["a"], "c": ["b"], "v": [0.0]}), ["r", "c"]),
        row="r",
        column="c",
        value="v",
        unit="p",
        centre=0.0,
    ),
    "bars below zero": lambda: charts.bars(rows(3, v=[-3.0, 2.0, 0.0]), label="name", value="v", xlabel="points"),
    "bars with everything hidden": lambda: charts.bars(
        rows(2, HIDDEN, v=[1.0, 2.0]), label="name", value="v", xlabel="points"
    ),
    "stacked bars of nothing": lambda: charts.bars(
        given(pd.DataFrame({"n": ["a", "a"], "g": ["x", "y"], "v": [0.0, 0.0]}), ["n", "g"]),
        label="n",
        value="v",
        group="g",
        stacked=True,
        xlabel="share",
    ),
    "waterfall below zero": lambda: charts.waterfall(
        rows(3, v=[-5e6, 2e6, -3e6], t=[True, False, True]), label="name", value="v", total="t", xlabel="EUR"
    ),
    "funnel of one stage": lambda: charts.funnel(rows(1, v=[12.0]), stage="name", value="v", xlabel="rows"),
    "funnel with everything hidden": lambda: charts.funnel(
        rows(2, HIDDEN, v=[12.0, 3.0]), stage="name", value="v", xlabel="rows"
    ),
    "funnel that starts empty": lambda: charts.funnel(rows(2, v=[0.0, 0.0]), stage="name", value="v", xlabel="rows"),
    "quadrant of many": lambda: charts.quadrant(
        rows(60, x=np.sin(np.arange(60)), y=np.cos(2 * np.arange(60))),
        **XY,
        label="name",
        xlabel="x",
        ylabel="y",
        corners=(LONG[:22], "b", "c", "d"),
    ),
    "quadrant with everything hidden": lambda: charts.quadrant(
        rows(2, HIDDEN, x=[1.0, 2.0], y=[1.0, 2.0]), **XY, label="name", xlabel="x", ylabel="y"
    ),
    "control chart of one panel": lambda: charts.control_chart(
        rows(9, v=np.arange(9.0), c=4.0, lo=1.0, hi=7.0),
        when="name",
        value="v",
        centre="c",
        lower="lo",
        upper="hi",
        ylabel="y",
    ),
    "control chart of one period": lambda: charts.control_chart(
        rows(1, v=[4.0], c=[4.0], lo=[1.0], hi=[7.0]),
        when="name",
        value="v",
        centre="c",
        lower="lo",
        upper="hi",
        ylabel="y",
    ),
    "caterpillar of one": lambda: charts.caterpillar(
        rows(1, e=[0.1], lo=[0.0], hi=[0.2]), estimate="e", low="lo", high="hi", xlabel="x", ylabel="y"
    ),
    "tornado around zero": lambda: charts.tornado(
        rows(2, lo=[-5e5, -2e5], hi=[9e5, 1e5]), label="name", low="lo", high="hi", base=1e5, xlabel="EUR"
    ),
    "distribution with everything hidden": lambda: charts.distribution(
        rows(2, HIDDEN, a=[0.0, 1.0], b=[1.0, 2.0], n=[3.0, 4.0]), left="a", right="b", count="n", xlabel="x"
    ),
    "slopegraph of equal values": lambda: charts.slopegraph(
        rows(4, a=[50.0] * 4, b=[50.0] * 4),
        label="name",
        before="a",
        after="b",
        headers=("then", "now"),
        ylabel="points",
    ),
    "profile of one point": lambda: charts.profile(rows(1, x=[1], y=[2.0]), **XY, xlabel="x", ylabel="y"),
    "profile over words": lambda: charts.profile(
        rows(8, x=[f"2025Q{i}" for i in range(8)], y=np.arange(8.0)), **XY, xlabel="x", ylabel="y", spec=".0%"
    ),
    "dual lane of four stages": lambda: charts.dual_lane(
        given(
            pd.DataFrame(
                [(s, lane, 3.0 + i) for i, s in enumerate(MANY[:4]) for lane in ("Customers", "Employees")],
                columns=["s", "l", "v"],
            ).assign(k="ease"),
            ["s", "l", "k"],
        ),
        stage="s",
        lane="l",
        series="k",
        value="v",
        ylabel="points",
    ),
    "dual lane of one side": lambda: charts.dual_lane(
        given(
            pd.DataFrame({"s": ["a", "b"], "l": "Customers", "k": "ease", "v": [1.0, 2.0], "n": [1.0, 2e6]}),
            ["s", "l", "k"],
        ),
        stage="s",
        lane="l",
        series="k",
        value="v",
        volume="n",
        ylabel="points",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_awkward_data_is_drawn_with_every_label_in_its_place(case, monkeypatch):
    fig = CASES[case]()
    boxes, page = text_boxes(fig, monkeypatch), fig.bbox.padded(1)
    cut = [t for t, b in boxes if b.x0 < page.x0 or b.x1 > page.x1 or b.y0 < page.y0 or b.y1 > page.y1]
    assert cut == []
    assert clashes(boxes) == []


EMPTY = {
    "caterpillar": lambda r: charts.caterpillar(r, estimate="v", low="v", high="v", xlabel="x", ylabel="y"),
    "control_chart": lambda r: charts.control_chart(
        r, when="name", value="v", centre="v", lower="v", upper="v", panel="name", ylabel="y"
    ),
    "distribution": lambda r: charts.distribution(r, left="v", right="v", count="v", xlabel="x"),
    "dual_lane": lambda r: charts.dual_lane(r, stage="name", lane="name", series="name", value="v", ylabel="y"),
    "profile": lambda r: charts.profile(r, x="name", y="v", xlabel="x", ylabel="y"),
    "quadrant": lambda r: charts.quadrant(r, x="v", y="v", xlabel="x", ylabel="y"),
    "slopegraph": lambda r: charts.slopegraph(r, label="name", before="v", after="v", headers=("a", "b"), ylabel="y"),
    "tornado": lambda r: charts.tornado(r, label="name", low="v", high="v", base=0.0, xlabel="x"),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_chart_without_rows_to_name_says_that_nothing_is_left(name, monkeypatch):
    said = [text for text, _ in text_boxes(EMPTY[name](rows(2, HIDDEN, v=[1.0, 2.0])), monkeypatch)]
    assert "Nothing to draw: every row is hidden or empty." in said
    assert any("fewer than 8 people" in text for text in said)


@pytest.mark.parametrize("case", [name for name in CASES if "everything hidden" in name])
def test_a_chart_with_nothing_left_says_so(case):
    assert "fewer than 8 people" in " ".join(texts(CASES[case]())).replace("\n", " ")
