"""Every chart drawn for a phone: large enough to read, nothing cut, nothing overprinted, nothing left out."""

from __future__ import annotations

import re
from importlib import import_module

import pandas as pd
import pytest
import showcase
from matplotlib.figure import Figure
from matplotlib.text import Text
from test_charts import clashes, text_boxes, texts
from test_charts_awkward import CASES, LONG

from exlink.publish import charts, style

PHONE_PIXELS = 390 - 2 * 0.35 * 16  # CSS pixels that a phone leaves to a figure
READABLE = 10.5  # CSS pixels, the least height of type
LABELS = {  # charts of rows with labels far too long for a phone, and numbers that need room
    "forest": lambda r: charts.forest(
        r, label="name", estimate="v", low="lo", high="hi", group="g", target="v", xlabel=LONG, spec="+,.2f"
    ),
    "bars": lambda r: charts.bars(r, label="name", value="v", low="lo", high="hi", group="g", xlabel=LONG, spec=",.1f"),
    "waterfall": lambda r: charts.waterfall(r, label="name", value="v", low="lo", high="hi", xlabel=LONG),
    "funnel": lambda r: charts.funnel(r, stage="name", value="hi", reason="why", xlabel=LONG),
    "tornado": lambda r: charts.tornado(r, label="name", low="lo", high="hi", base=0.0, xlabel=LONG),
    "slopegraph": lambda r: charts.slopegraph(
        r, label="name", before="lo", after="hi", headers=(LONG[:30], LONG[-30:]), ylabel="points"
    ),
    "heat map": lambda r: charts.heatmap(r, row="name", column="g", value="v", low="lo", high="hi", unit=LONG),
    "heat map of words": lambda r: charts.heatmap(
        r, row="g", column="name", value="v", low="lo", high="hi", mark="big", unit=LONG, spec="+.2f", centre=0.0
    ),
    "profile": lambda r: charts.profile(
        r, x="k", y="v", low="lo", high="hi", group="name", xlabel=LONG, ylabel="points"
    ),
}


def long_rows() -> object:
    """Return two groups of rows whose names and reasons take several lines of a phone."""
    names = [LONG, LONG.replace("After", "Before"), "Colleagues who left", "Interdepartmental communication, " + LONG]
    frame = pd.DataFrame([(name, g, k) for k, name in enumerate(names) for g in ("within", "between")],
                         columns=["name", "g", "k"])  # fmt: skip
    value = 1234.5 * (frame.k - 1.2)
    return frame.assign(
        v=value, lo=value - 400.25, hi=value.abs() + 900.0, why=f"because {LONG}, {LONG}", big=value > 0
    )


def released(chart: str) -> object:
    frame = long_rows()
    if chart not in {"forest", "bars", "heat map", "heat map of words"}:
        frame = frame[frame.g == "within"].reset_index(drop=True)
    return showcase.given(frame, ["name", "g", "why"])


def misplaced(fig: Figure, monkeypatch) -> tuple[list, list]:
    boxes, page = text_boxes(fig, monkeypatch), fig.bbox.padded(1)
    cut = [t for t, b in boxes if b.x0 < page.x0 or b.x1 > page.x1 or b.y0 < page.y0 or b.y1 > page.y1]
    return cut, clashes(boxes)


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[Figure, Figure]]:
    """Return every chart, wide and narrow."""
    wide = {name: draw() for name, draw in showcase.figures().items()}
    return {name: (fig, charts.narrow(fig)) for name, fig in wide.items()}


@pytest.mark.parametrize("name", sorted(showcase.figures()))
def test_every_chart_has_a_narrow_drawing_that_can_be_read(name, drawn, monkeypatch):
    wide, narrow = drawn[name]
    assert (wide.get_figwidth(), narrow.get_figwidth()) == (style.WIDTH, style.NARROW_WIDTH)
    narrow.draw_without_rendering()
    smallest = min(t.get_fontsize() for t in narrow.findobj(Text) if t.get_text())
    assert smallest / 72 * PHONE_PIXELS / narrow.get_figwidth() >= READABLE
    assert misplaced(narrow, monkeypatch) == ([], [])


@pytest.mark.parametrize("case", CASES)
def test_awkward_data_is_drawn_narrow_with_every_label_in_its_place(case, monkeypatch):
    assert misplaced(charts.narrow(CASES[case]()), monkeypatch) == ([], [])


@pytest.mark.parametrize("chart", LABELS)
def test_long_labels_stand_whole_in_the_narrow_drawing(chart, monkeypatch):
    narrow = charts.narrow(LABELS[chart](released(chart)))
    assert misplaced(narrow, monkeypatch) == ([], [])
    said = " ".join(" ".join(texts(narrow)).split())
    assert "Colleagues who left" in said
    assert LONG in said


@pytest.mark.parametrize("name", sorted(set(showcase.figures()) - {"quadrant", "dual_lane", "bars_stacked"}))
def test_the_narrow_drawing_says_what_the_wide_one_says(name, drawn):
    """Numbers, names and the note are the same; only ticks may be fewer, and lines break elsewhere.

    Left out are charts whose numbers are written where there is room, or are shortened.
    """
    wide, narrow = (_words(fig) for fig in drawn[name])
    assert wide <= narrow


def _words(fig: Figure) -> set[str]:
    """Return every word of a figure but its ticks' numbers, which are chosen anew for each width."""
    ticks = {t for ax in fig.axes for axis in (ax.xaxis, ax.yaxis) for t in axis.get_ticklabels()}
    numbers = {t for t in ticks if not re.search("[a-z]{2}", t.get_text())}
    shown = [t for t in fig.findobj(Text) if t.get_visible() and t not in numbers]
    return set(" ".join(t.get_text() for t in shown).split()) - set("●◆■▲▼")


def test_a_heat_map_too_wide_for_a_phone_is_slanted_or_cut_into_panels_and_loses_no_cell():
    rows = ["first", "second"]
    for heads, panels in ((showcase.WAVES, 1), (["internationalisation"] * 3 + ["responsibilities"] * 3, 3)):
        columns = [f"{head} {k}" for k, head in enumerate(heads)]
        frame = pd.DataFrame([(r, c, 100.0 * i + k) for i, r in enumerate(rows) for k, c in enumerate(columns)],
                             columns=["r", "c", "v"])  # fmt: skip
        spec = ".0f" if panels == 1 else "+,.3f"
        fig = charts.heatmap(
            showcase.given(frame, ["r", "c"]), row="r", column="c", value="v", unit="points", spec=spec
        )
        narrow = charts.narrow(fig)
        assert len(narrow.axes) == panels
        written = [t.get_text() for ax in narrow.axes for t in ax.texts]
        assert set(written) >= {style.number(v, spec) for v in frame.v}
        assert [" ".join(t.get_text().split()) for ax in narrow.axes for t in ax.get_xticklabels()] == columns


def test_a_narrow_drawing_has_the_same_bytes_on_every_run():
    first, second = (charts.png(charts.narrow(showcase.figures()["forest"]())) for _ in range(2))
    assert first == second


def test_a_figure_that_no_chart_drew_has_no_narrow_drawing():
    assert charts.narrow(Figure()) is None


def test_the_next_figure_is_wide_again_even_after_a_narrow_one_failed(monkeypatch):
    fig = showcase.figures()["bars"]()
    with monkeypatch.context() as broken:
        broken.setattr(import_module("exlink.publish.charts.bars"), "canvas", None)
        with pytest.raises(TypeError):
            charts.narrow(fig)
    assert showcase.figures()["bars"]().get_figwidth() == style.WIDTH


def test_names_of_two_lines_at_the_ends_of_lines_do_not_touch(monkeypatch):
    frame = pd.DataFrame([(name, k, v + 0.01 * k) for name, v in (("application support", 1.0), ("collaboration", 0.8),
                                                                 ("all effort", 5.0)) for k in (1, 2)],
                         columns=["name", "k", "v"])  # fmt: skip
    fig = charts.profile(showcase.given(frame, ["name", "k"]), x="k", y="v", group="name", xlabel="x", ylabel="y")
    assert "application\nsupport" in texts(fig)
    assert misplaced(fig, monkeypatch) == ([], [])
