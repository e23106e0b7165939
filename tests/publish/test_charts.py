"""Charts draw the released numbers, hide what is hidden, and leave no label cut or overprinted."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
import showcase
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from exlink.errors import DisclosureError, ParameterError
from exlink.publish import charts, style
from exlink.publish.disclosure import Policy, release

NAMES = sorted(showcase.figures())


@pytest.fixture(scope="module")
def drawn() -> dict[str, Figure]:
    return {name: draw() for name, draw in showcase.figures().items()}


def texts(fig: Figure) -> list[str]:
    return [t.get_text() for t in fig.findobj(Text) if t.get_visible() and t.get_text()]


def marks(ax, marker: str) -> list[tuple[float, float]]:
    lines = [line for line in ax.lines if line.get_marker() == marker]
    return [(float(x), float(y)) for line in lines for x, y in zip(*line.get_data(), strict=True) if not np.isnan(y)]


def solid_bars(ax) -> list[Rectangle]:
    return [p for p in ax.patches if isinstance(p, Rectangle) and not p.get_hatch() and p.get_width() * p.get_height()]


# what is drawn


def test_forest_draws_estimate_interval_and_target_of_every_row_that_is_not_hidden(drawn):
    frame, ax = showcase.slopes().frame.dropna(), drawn["forest"].axes[0]
    estimates = [x for marker in style.MARKERS[:2] for x, _ in marks(ax, marker) if marker == "o"]
    within = frame[frame.effect == "within persons"]
    assert sorted(estimates) == pytest.approx(sorted(within.estimate))
    spans = [tuple(line.get_xdata()) for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 2.2]
    np.testing.assert_allclose(sorted(spans), sorted(zip(frame.conf_low, frame.conf_high, strict=True)))
    targets = [line.get_xdata()[0] for line in ax.lines if line.get_markerfacecolor() == "none"]
    assert sorted(targets) == pytest.approx(sorted(frame.truth))


def test_the_diamond_of_a_forest_is_the_target_s_alone():
    frame = pd.DataFrame({"what": ["a"] * 4, "lane": list("wxyz"), "at": [1.0, 2.0, 3.0, 4.0], "truth": 2.5, "n": 50})
    shown = release(frame, policy=showcase.POLICY, people="n", by=["what", "lane"])
    given = {"label": "what", "estimate": "at", "group": "lane", "xlabel": "points"}
    marked = charts.forest(shown, **given, target="truth").axes[0]
    assert {x for x, _ in marks(marked, "D")} == {2.5}
    assert {x for m in style.MARKERS if m != "D" for x, _ in marks(marked, m)} == {1.0, 2.0, 3.0, 4.0}
    assert {x for x, _ in marks(charts.forest(shown, **given).axes[0], "D")} == {2.0}


def test_forest_says_hidden_and_draws_nothing_for_a_hidden_row(drawn):
    ax = drawn["forest"].axes[0]
    assert texts(drawn["forest"]).count("hidden") == 2
    row = [t.get_text() for t in ax.get_yticklabels()].index("Coaching")
    assert not [y for m in style.MARKERS[:2] for _, y in marks(ax, m) if abs(y - row) < 0.5]


def test_forest_dot_is_hollow_when_its_interval_holds_the_reference():
    frame = pd.DataFrame({"a": ["x", "y"], "e": [0.2, 0.1], "lo": [0.1, -0.1], "hi": [0.3, 0.3]})
    released = showcase.given(frame, ["a"])
    ax = charts.forest(released, label="a", estimate="e", low="lo", high="hi", xlabel="points").axes[0]
    faces = [line.get_markerfacecolor() for line in ax.lines if line.get_marker() == "o"]
    assert faces == [style.ACCENT, style.PAPER]
    assert any("+0.20  (+0.10 to +0.30)" in t for t in texts(ax.figure))


def test_forest_says_where_there_is_no_interval():
    frame = pd.DataFrame({"a": ["x", "y"], "e": [0.2, 0.1], "lo": [0.1, np.nan], "hi": [0.3, np.nan]})
    fig = charts.forest(showcase.given(frame, ["a"]), label="a", estimate="e", low="lo", high="hi", xlabel="points")
    assert any("+0.10  (no interval)" in t for t in texts(fig))
    assert not any("(–)" in t for t in texts(fig))
    assert sum(line.get_linewidth() == 2.2 for line in fig.axes[0].lines) == 1


def test_heatmap_holds_the_grid_and_hatches_hidden_cells(drawn):
    released, ax = showcase.cells(), drawn["heatmap"].axes[0]
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    values = np.ma.filled(mesh.get_array(), np.nan).reshape(6, 3)
    expected = released.frame.estimate.to_numpy().reshape(6, 3)
    np.testing.assert_allclose(values, expected)
    hatched = [(p.get_x(), p.get_y()) for p in ax.patches if p.get_hatch()]
    assert hatched == [(x, y) for y, x in np.argwhere(np.isnan(expected))]
    assert texts(drawn["heatmap"]).count("hidden") == 2


def test_heatmap_outlines_exactly_the_marked_cells(drawn):
    frame = showcase.cells().frame
    outlined = [p for p in drawn["heatmap"].axes[0].patches if isinstance(p, Rectangle) and not p.get_fill()]
    assert len(outlined) == (frame.clear == True).sum()  # noqa: E712 - hidden cells are None


def test_dual_lane_draws_both_sides_of_every_stage(drawn):
    frame = showcase.lanes().frame
    top, track, bottom = drawn["dual_lane"].axes
    for ax, side in ((top, "Customers"), (bottom, "Employees")):
        values = [y for m in style.MARKERS[:3] for _, y in marks(ax, m)]
        assert sorted(values) == pytest.approx(sorted(frame[frame.side == side]["value"].dropna()))
    assert [t.get_text().replace("\n", " ") for t in track.texts] == showcase.STAGES
    assert len(marks(bottom, "o")) == len(showcase.STAGES) - 1  # the hidden stage has no dot


def test_waterfall_changes_start_where_the_row_before_ended(drawn):
    frame = showcase.bridge().frame
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in solid_bars(drawn["waterfall"].axes[0])]
    reached = 0.0
    for (start, end), (_, row) in zip(spans, frame.iterrows(), strict=True):
        assert start == pytest.approx(0.0 if row.level else reached)
        assert end - start == pytest.approx(row.value)
        reached = end


def test_funnel_writes_counts_shares_and_reasons(drawn):
    assert [p.get_width() for p in solid_bars(drawn["funnel"].axes[0])] == [60214, 59876, 48120, 14436]
    said = " ".join(texts(drawn["funnel"]))
    assert "14,436  (24%)" in said
    assert "338 without an employee in the list" in said


def test_quadrant_draws_every_released_team_and_names_those_that_fit(drawn):
    frame = showcase.teams().frame.dropna(subset=["csat"])
    ax = drawn["quadrant"].axes[0]
    points = np.vstack([c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)])
    np.testing.assert_allclose(sorted(map(tuple, points)), sorted(zip(frame.engagement, frame.csat, strict=True)))
    named = {t.get_text() for t in ax.texts} & set(frame.team)
    assert len(named) >= 15
    assert not {"Team S", "Team T"} & set(texts(drawn["quadrant"]))  # hidden


def test_control_chart_marks_the_alarm_and_leaves_a_gap_for_a_hidden_period(drawn):
    panels = {ax.get_title(loc="left"): ax for ax in drawn["control_chart"].axes if ax.get_visible()}
    assert [x for x, _ in marks(panels["Coaching"], "D")] == [6]
    assert len(marks(panels["Promotion"], "o")) == len(showcase.WAVES) - 1
    assert not any(marks(panels[name], "D") for name in panels if name != "Coaching")


def test_caterpillar_sorts_and_names_nobody(drawn):
    ax = drawn["caterpillar"].axes[0]
    dots = sorted(marks(ax, "o"))
    heights = [y for _, y in dots]
    assert heights == sorted(showcase.units().frame.estimate)
    assert len([c for c in ax.collections if isinstance(c, LineCollection)]) == 2
    assert [t.get_text() for t in ax.get_xticklabels()] == []


def test_tornado_spans_low_to_high_and_sorts_by_span(drawn):
    ax = drawn["tornado"].axes[0]
    assert ax.get_yticklabels()[0].get_text() == "Effect of tools on ease"
    ends = [p.get_x() + p.get_width() for p in solid_bars(ax)]
    assert sorted(ends) == sorted([120e3, 910e3, 260e3, 700e3, 360e3, 540e3, 410e3, 505e3])


def test_distribution_draws_the_counts_of_the_bins_and_hatches_a_hidden_one(drawn):
    first, second = drawn["distribution"].axes
    assert [p.get_height() for p in first.patches] == [9, 14, 25, 48, 71, 60, 33, 12]
    assert [p.get_x() for p in second.patches if p.get_hatch()] == [1.0]
    assert any(line.get_xdata()[0] == 3.2 for line in first.lines)


def test_slopegraph_draws_both_moments_of_every_released_team(drawn):
    frame = showcase.two_moments().frame.dropna(subset=["before"])
    ends = [tuple(line.get_ydata()) for line in drawn["slopegraph"].axes[0].lines]
    np.testing.assert_allclose(ends, list(zip(frame.before, frame.after, strict=True)))
    assert "Team J" not in texts(drawn["slopegraph"])


def test_slopes_with_colour_differ_however_many_grey_ones_lie_between():
    frame = pd.DataFrame({"name": list("abcdefg"), "before": range(7), "after": range(1, 8), "n": 50,
                          "told": [True, False, False, False, False, True, None]})  # fmt: skip
    shown = release(frame, policy=showcase.POLICY, people="n", by=["name"])
    lines = charts.slopegraph(shown, label="name", before="before", after="after", headers=("then", "now"),
                              highlight="told", ylabel="points").axes[0].lines  # fmt: skip
    assert [line.get_color() for line in lines] == [style.SERIES[0], *[style.MUTED] * 4, style.SERIES[1], style.MUTED]
    assert lines[0].get_marker() != lines[5].get_marker()


def test_profile_draws_lines_bands_and_names(drawn):
    ax = drawn["profile"].axes[0]
    assert len(marks(ax, "o")) == len(marks(ax, "D")) == 14
    assert len([c for c in ax.collections if isinstance(c, PolyCollection)]) == 2
    assert {"Tools", "Processes"} <= set(texts(drawn["profile"]))


def test_quiet_part_of_a_profile_is_grey_and_hollow():
    frame = pd.DataFrame(
        {"week": [-2, -1, 0, 1], "at": [0.1, 0.0, 0.4, 0.5], "before": [True, True, False, False], "n": 50}
    )
    shown = release(frame, policy=showcase.POLICY, people="n", by=["week"])
    quiet, loud = charts.profile(shown, x="week", y="at", quiet="before", xlabel="x", ylabel="y").axes[0].lines[-2:]
    assert (list(quiet.get_xdata()), list(loud.get_xdata())) == ([-2, -1], [0, 1])
    assert (quiet.get_color(), quiet.get_markerfacecolor()) == (style.MUTED, style.PAPER)
    assert loud.get_color() == loud.get_markerfacecolor() == style.SERIES[0]


def test_bars_are_as_long_as_their_values(drawn):
    frame = showcase.importance().frame
    assert [p.get_width() for p in solid_bars(drawn["bars"].axes[0])] == pytest.approx(list(frame.weight))
    assert any("34%  (29% to 40%)" in t for t in texts(drawn["bars"]))


def test_stacked_bars_follow_each_other_to_the_whole(drawn):
    parts = solid_bars(drawn["bars_stacked"].axes[0])
    assert max(p.get_x() + p.get_width() for p in parts) == pytest.approx(1.0)
    assert sum(p.get_width() for p in parts) == pytest.approx(3.0)


# what all charts promise


def text_boxes(fig: Figure, monkeypatch) -> list[tuple[str, Bbox]]:
    """Return every text that reaches the canvas with its box: ticks beyond the axes are never drawn."""
    found, draw = [], Text.draw
    monkeypatch.setattr(Text, "draw", lambda self, renderer: (found.append(self), draw(self, renderer))[1])
    fig.draw_without_rendering()
    renderer = FigureCanvasAgg(fig).get_renderer()
    upright = [t for t in dict.fromkeys(found) if t.get_rotation() % 90 == 0]  # a slanted text's box says little
    shown = [t for t in upright if t.get_visible() and t.get_text().strip()]
    slack = -0.02 * fig.dpi  # the font's own line spacing
    return [(t.get_text(), t.get_window_extent(renderer).padded(slack)) for t in shown]


def clashes(boxes: list[tuple[str, Bbox]]) -> list[tuple[str, str]]:
    """Return the pairs of texts that overprint each other."""
    return [(a, b) for i, (a, box) in enumerate(boxes) for b, other in boxes[i + 1 :] if box.overlaps(other)]


@pytest.mark.parametrize("name", NAMES)
def test_no_text_is_cut_and_no_two_texts_overlap(name, drawn, monkeypatch):
    fig = drawn[name]
    boxes, page = text_boxes(fig, monkeypatch), fig.bbox.padded(1)
    assert len(boxes) > 5
    cut = [t for t, b in boxes if b.x0 < page.x0 or b.x1 > page.x1 or b.y0 < page.y0 or b.y1 > page.y1]
    assert cut == []
    assert clashes(boxes) == []


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_drawn_in_the_house_type_and_no_smaller_than_its_smallest(name, drawn):
    fig = drawn[name]
    fig.draw_without_rendering()
    shown = [t for t in fig.findobj(Text) if t.get_text()]
    assert {t.get_fontname() for t in shown} == {"DejaVu Sans"}
    assert min(t.get_fontsize() for t in shown) >= style.SMALL_PT


@pytest.mark.parametrize("name", ["forest", "heatmap", "quadrant", "control_chart", "slopegraph", "distribution"])
def test_the_note_of_the_gate_stands_under_a_figure_that_hides_something(name, drawn):
    assert "fewer than 8 people" in " ".join(texts(drawn[name])).replace("\n", " ")


@pytest.mark.parametrize("name", [n for n in charts.__all__ if n not in {"png", "css_width", "narrow"}])
def test_only_released_tables_are_drawn(name):
    draw = getattr(charts, name)
    frame = pd.DataFrame({"a": ["x"], "b": [1.0]})
    needed = dict.fromkeys(draw.__wrapped__.__kwdefaults__ or {}, "a")
    required = {k: "a" for k in draw.__annotations__ if k not in {*needed, "released", "return"}}
    with pytest.raises(DisclosureError, match=rf"{name} takes a table released .* not a DataFrame"):
        draw(frame, **required)


def test_a_misspelt_column_is_named_with_the_nearest_one():
    with pytest.raises(ParameterError, match=r"no column 'estimat'.*Did you mean 'estimate'"):
        charts.forest(showcase.slopes(), label="aspect", estimate="estimat", xlabel="x")


def test_figures_stay_out_of_pyplot_and_their_bytes_repeat():
    from matplotlib import pyplot as plt

    plt.close("all")
    first, second = (charts.png(showcase.figures()["heatmap"]()) for _ in range(2))
    assert first == second
    assert plt.get_fignums() == []
    assert b"Software" not in first


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_few_colours_is_the_figure_that_was_drawn(name):
    shown = np.asarray(Image.open(io.BytesIO(charts.png(showcase.figures()[name]()))).convert("RGB")).astype(int)
    again = showcase.figures()[name]()
    again.set_dpi(style.DPI)
    canvas = FigureCanvasAgg(again)
    with rc_context(style.RC):
        canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    paper = (pixels == 255).all(axis=2)
    assert (shown[paper] == 255).all() and 0.3 < paper.mean() < 0.99
    off = np.abs(shown - pixels)
    assert off.mean() < 0.5 and np.quantile(off[~paper], 0.99) < 30  # of 255; edges of letters are mixed colours


def test_an_empty_picture_is_paper():
    shown = Image.open(io.BytesIO(charts.png(charts.formats.Chart(figsize=(1, 1)))))
    assert shown.convert("RGB").getextrema() == ((255, 255),) * 3


def test_a_title_above_a_key_does_not_meet_it(monkeypatch):
    frame = pd.DataFrame({"a": ["x", "x"], "g": ["one", "two"], "e": [0.2, 0.1]})
    released = showcase.given(frame, ["a", "g"])
    fig = charts.forest(released, label="a", estimate="e", group="g", xlabel="points", title="A title")
    boxes = dict(text_boxes(fig, monkeypatch))
    assert boxes["one"].y1 < boxes["A title"].y0 < boxes["A title"].y1 <= fig.bbox.y1


def test_dollars_in_labels_are_dollars():
    frame = pd.DataFrame({"a": ["saves $5 and $6"], "e": [5.0]})
    fig = charts.bars(showcase.given(frame, ["a"]), label="a", value="e", xlabel="USD")
    fig.draw_without_rendering()
    assert r"\$5 and \$6" in " ".join(texts(fig))


@pytest.mark.parametrize("colours", [style.SEQUENTIAL, style.DIVERGING, style.PARTS])
def test_text_on_every_fill_of_a_colour_map_reaches_4_5_to_1(colours):
    def luminance(colour) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))

    for fill in LinearSegmentedColormap.from_list("x", colours)(np.linspace(0, 1, 400)):
        dark, light = sorted((luminance(fill), luminance(style.on(fill))))
        assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("value", "spec", "said"),
    [(0.2, "+.2f", "+0.20"), (-0.214, "+.2f", "−0.21"), (-0.001, "+.2f", "0.00"), (float("nan"), ".2f", "–")],
)
def test_numbers_are_written_for_reading(value, spec, said):
    assert style.number(value, spec) == said


@pytest.mark.parametrize(
    ("value", "currency", "said"),
    [
        (1_234_567, "EUR", "€1.23 million"),
        (-48_210, "EUR", "−€48,200"),
        (912, "SEK", "SEK 912"),
        (999_600, "USD", "$1 million"),
    ],
)
def test_money_is_written_with_a_word_for_its_size(value, currency, said):
    assert style.money(value, currency).replace("\u00a0", " ") == said


def _histogram(*counts, groups=None):
    frame = pd.DataFrame({"a": np.arange(len(counts), dtype=float), "n": counts}).assign(b=lambda f: f["a"] + 1)
    by = ["a", "b"]
    if groups:
        frame, by = frame.assign(who=groups), ["who", *by]
    released = release(frame, policy=Policy(8), people="n", by=by, complement=False, reason="bins of a figure")
    return charts.distribution(
        released, left="a", right="b", count="n", group="who" if groups else None, xlabel="score", ylabel="people"
    )


def test_a_histogram_without_a_bar_that_may_be_shown_is_words_and_places_nobody():
    fig = _histogram(1, 0, 3, 0, 2, 2)
    (ax,) = fig.axes
    assert not ax.patches, "neither bars nor hatching"
    assert not ax.axison
    assert ax.texts[0].get_text().startswith("Nothing to draw")
    upper, lower = _histogram(3, 2, 9, 20, groups=["few", "few", "many", "many"]).axes
    assert not upper.patches
    assert "hidden" in upper.texts[0].get_text()
    assert len(lower.patches) == 2


def test_the_ends_of_a_histogram_are_not_single_people_and_counts_are_whole():
    fig = _histogram(1, 0, 9, 3, 10, 0, 2)
    (ax,) = fig.axes
    low, high = ax.get_xlim()
    assert low > 1.5
    assert high < 5.5
    assert sum(bool(bar.get_hatch()) for bar in ax.patches) == 1, "the hidden bar between two shown ones stays"
    assert all(float(tick).is_integer() for tick in ax.get_yticks())
