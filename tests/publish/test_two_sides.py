"""Slopegraph and dual lane: series are told apart without colour, and no two names stand on top of each other."""

from itertools import pairwise

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.text import Annotation

from exlink.publish import charts
from exlink.publish.disclosure import Policy, release

ROLES = ["bank advisor", "contact-centre agent", "field technician", "insurance representative"]


def released(frame, by):
    return release(frame.assign(n_people=40), people="n_people", by=by, policy=Policy(min_group=8))


@pytest.fixture(scope="module")
def slopes():
    """Four roles within a point of each other on the left, as on the page that could not be read in grey."""
    frame = pd.DataFrame({"role": ROLES, "cx": [75.2, 75.6, 76.4, 73.4], "ex": [66.1, 67.0, 62.0, 65.9],
                          "clear": [True, True, False, True]})  # fmt: skip
    return charts.slopegraph(released(frame, ["role"]), label="role", before="cx", after="ex",
                             headers=("customers", "employees"), ylabel="%", highlight="clear", spec=".0f")  # fmt: skip


def test_every_line_has_its_own_mark_and_stands_named_at_both_ends(slopes):
    lines = slopes.axes[0].lines
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 4
    assert [line.get_markerfacecolor() == line.get_color() for line in lines] == [True, True, False, True]
    said = [" ".join(t.get_text().split()) for t in slopes.findobj(Annotation)]
    assert all(said.count(role) == 2 for role in ROLES)


def test_words_that_moved_apart_are_led_back_to_their_marks(slopes):
    ax = slopes.axes[0]
    leaders = next(c for c in ax.collections if isinstance(c, LineCollection) and len(c.get_segments()) == 8)
    starts = {(x, round(y, 3)) for (x, y), _ in leaders.get_segments()}
    marks = {(x, round(y, 3)) for line in ax.lines for x, y in zip(*line.get_data(), strict=True)}
    assert starts == marks
    ends = {(round(x, 3), round(y, 3)) for _, (x, y) in leaders.get_segments()}
    assert ends == {(round(t.xy[0], 3), round(t.xy[1], 3)) for t in slopes.findobj(Annotation)}


@pytest.mark.parametrize("stages", [4, 7])
def test_names_of_lanes_do_not_touch(stages):
    level = {"above": 70, "below": 60}
    rows = [(f"stage {k}", lane, kpi, level[lane] + j / 10, 100.0) for k in range(stages) for lane in level
            for j, kpi in enumerate(("ease", "satisfaction", "recommend"))]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["stage", "lane", "kpi", "value", "volume"])
    fig = charts.dual_lane(released(frame, ["stage", "lane", "kpi"]), stage="stage", lane="lane", series="kpi",
                           value="value", volume="volume", ylabel="%")  # fmt: skip
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    for ax in fig.axes:
        names = [t for t in ax.texts if t.get_text() in ("ease", "satisfaction", "recommend")]
        places = sorted(sum(t.get_window_extent(canvas.get_renderer()).intervaly) / 2 for t in names)
        line = max((t.get_fontsize() for t in names), default=0) * fig.dpi / 72
        assert all(upper - lower > 1.25 * line for lower, upper in pairwise(places)), "lines of words need air"
