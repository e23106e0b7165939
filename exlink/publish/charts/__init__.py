"""Charts: released data in, one matplotlib figure out, which can be drawn again on a phone's canvas.

Every chart takes a table released by ``publish.disclosure.release`` and the names of its columns,
draws the numbers as they are and computes nothing but layout. Rows come in the order of the table.
"""

from exlink.publish.charts.bars import bars, tornado
from exlink.publish.charts.bridge import funnel, waterfall
from exlink.publish.charts.distribution import distribution
from exlink.publish.charts.forest import caterpillar, forest
from exlink.publish.charts.formats import narrow
from exlink.publish.charts.heatmap import heatmap
from exlink.publish.charts.lanes import dual_lane
from exlink.publish.charts.layout import css_width, png
from exlink.publish.charts.lines import control_chart, profile
from exlink.publish.charts.quadrant import quadrant
from exlink.publish.charts.slopegraph import slopegraph

__all__ = [
    "bars",
    "caterpillar",
    "control_chart",
    "css_width",
    "distribution",
    "dual_lane",
    "forest",
    "funnel",
    "heatmap",
    "narrow",
    "png",
    "profile",
    "quadrant",
    "slopegraph",
    "tornado",
    "waterfall",
]
