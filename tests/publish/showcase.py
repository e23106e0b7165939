"""Every chart and a table once, on small released tables; the tests draw them and look at what was drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from great_tables import GT
from matplotlib.figure import Figure

from exlink.publish import charts
from exlink.publish.disclosure import Policy, Released, release
from exlink.publish.tables import table

POLICY = Policy(min_group=8)
ASPECTS = ["Tools and applications", "Knowledge at hand", "Processes", "Collaboration", "Empowerment", "Coaching"]
KPIS = ["Ease", "Recommendation", "Satisfaction"]
STAGES = [
    "Hiring",
    "Initial training",
    "Regular training",
    "After-training support",
    "Everyday work",
    "Coaching",
    "Performance improvement plan",
    "Recognition",
    "Promotion",
]
WAVES = ["2024Q4", "2025Q1", "2025Q2", "2025Q3", "2025Q4", "2026Q1", "2026Q2", "2026Q3"]


def given(frame: pd.DataFrame, by: list[str], people: object = 60, complement: bool = False) -> Released:
    """Release a frame with a number of people behind every row, one for all or a list."""
    reason = "" if complement else "a made-up table"
    return release(
        frame.assign(people=people), policy=POLICY, people="people", by=by, complement=complement, reason=reason
    )


def slopes() -> Released:
    """Aspect x (within, between): a slope, its interval and a planted truth; one aspect is hidden."""
    rng = np.random.default_rng(7)
    rows = []
    for k, aspect in enumerate(ASPECTS):
        for which, base in (("within persons", 0.24 - 0.06 * k), ("between persons", 0.30 - 0.02 * k)):
            estimate = base + rng.normal(0, 0.02)
            half = 0.05 + 0.01 * k if which == "within persons" else 0.11
            rows.append((aspect, which, estimate, estimate - half, estimate + half, max(0.0, 0.24 - 0.08 * k)))
    frame = pd.DataFrame(rows, columns=["aspect", "effect", "estimate", "conf_low", "conf_high", "truth"])
    return given(frame, ["aspect", "effect"], [60] * 10 + [5, 5])


def cells() -> Released:
    """Aspect x KPI: a slope, its interval and whether it survives the adjustment; two cells hidden."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        [
            (a, k, 0.30 - 0.07 * i - 0.03 * j + rng.normal(0, 0.03))
            for i, a in enumerate(ASPECTS)
            for j, k in enumerate(KPIS)
        ],
        columns=["aspect", "kpi", "estimate"],
    )
    frame = frame.assign(
        conf_low=frame.estimate - 0.08, conf_high=frame.estimate + 0.08, clear=frame.estimate.abs() > 0.12
    )
    return given(frame, ["aspect", "kpi"], [60] * 8 + [3] + [60] * 8 + [4])


def lanes() -> Released:
    """Stage x side x KPI on a scale of 0 to 100, with volume."""
    rng = np.random.default_rng(11)
    rows = [
        (
            stage,
            side,
            kpi,
            58 + 12 * np.sin(i / 2 + j) + 4 * (side == "Employees") + rng.normal(0, 2),
            180 * (9 - i) + 40,
        )
        for i, stage in enumerate(STAGES)
        for side in ("Customers", "Employees")
        for j, kpi in enumerate(KPIS)
    ]
    frame = pd.DataFrame(rows, columns=["stage", "side", "kpi", "value", "volume"])
    frame = frame.assign(conf_low=frame.value - 3, conf_high=frame.value + 3)
    people = np.where((frame.stage == "Promotion") & (frame.side == "Employees"), 4, 40)
    return given(frame, ["stage", "side", "kpi"], people)


def bridge() -> Released:
    """From today's to next year's margin."""
    rows = [
        ("Margin this year", 4_200_000, True),
        ("Better tools, fewer repeat contacts", 310_000, False),
        ("Knowledge at hand", 140_000, False),
        ("Leavers replaced", -95_000, False),
        ("Cost of the change", -120_000, False),
        ("Margin next year", 4_435_000, True),
    ]
    return given(pd.DataFrame(rows, columns=["label", "value", "level"]), ["label", "level"])


def stages_left() -> Released:
    """From all interactions to those that can be analysed."""
    rows = [
        ("All interactions", 60_214, ""),
        ("Handled by a known employee", 59_876, "338 without an employee in the list"),
        ("With an employee survey in force", 48_120, "11,756 before the first answer or after the window"),
        ("With a customer answer", 14_436, "33,684 customers were not asked or did not answer"),
    ]
    return given(pd.DataFrame(rows, columns=["stage", "rows", "reason"]), ["stage", "reason"])


def teams() -> Released:
    """Change of engagement and of satisfaction per team."""
    rng = np.random.default_rng(5)
    names = [f"Team {c}" for c in "ABCDEFGHIJKLMNOPQRST"]
    frame = pd.DataFrame({"team": names, "engagement": rng.normal(-0.05, 0.2, 20), "csat": rng.normal(0.06, 0.15, 20)})
    frame["warning"] = (frame.engagement < 0) & (frame.csat > 0)
    return given(frame, ["team"], [12] * 18 + [6, 7])


def control() -> Released:
    """Satisfaction per wave and touchpoint with control limits."""
    rng = np.random.default_rng(2)
    rows = []
    for touchpoint in ["Everyday work", "Coaching", "Regular training", "Recognition", "Promotion"]:
        for i, wave in enumerate(WAVES):
            value = 3.6 + rng.normal(0, 0.09) - 0.5 * (touchpoint == "Coaching" and i == 6)
            rows.append((touchpoint, wave, value, 3.6, 3.34, 3.86, value < 3.34 or value > 3.86))
    columns = ["touchpoint", "wave", "value", "centre", "lower", "upper", "alarm"]
    return given(pd.DataFrame(rows, columns=columns), ["touchpoint", "wave"], [40] * 34 + [3] + [40] * 5)


def units() -> Released:
    """Shrunken team effects."""
    estimate = np.random.default_rng(8).normal(0, 0.18, 40)
    frame = pd.DataFrame(
        {"unit": range(40), "estimate": estimate, "conf_low": estimate - 0.2, "conf_high": estimate + 0.2}
    )
    return given(frame, ["unit"], 12)


def assumptions() -> Released:
    """What moves the net benefit."""
    rows = [
        ("Effect of tools on ease", 120_000, 910_000),
        ("Value of a customer kept", 260_000, 700_000),
        ("Cost of the change", 360_000, 540_000),
        ("Cost of replacing a leaver", 410_000, 505_000),
    ]
    return given(pd.DataFrame(rows, columns=["assumption", "low", "high"]), ["assumption"])


def bins() -> Released:
    """Answers per bin and role."""
    left = np.arange(1.0, 5.0, 0.5)
    parts = [
        pd.DataFrame({"role": role, "left": left, "right": left + 0.5, "n": np.array(n, float)})
        for role, n in (("Agent", [9, 14, 25, 48, 71, 60, 33, 12]), ("Field technician", [4, 9, 12, 22, 19, 15, 11, 9]))
    ]
    frame = pd.concat(parts, ignore_index=True)
    return given(frame, ["role", "left", "right"], frame["n"].astype(int))


def two_moments() -> Released:
    """Teams before and after."""
    rng = np.random.default_rng(4)
    before = rng.normal(68, 7, 10)
    frame = pd.DataFrame(
        {"team": [f"Team {c}" for c in "ABCDEFGHIJ"], "before": before, "after": before + rng.normal(2, 4, 10)}
    )
    frame["treated"] = frame.team.isin(["Team B", "Team E"])
    return given(frame, ["team"], [12] * 9 + [5])


def lags() -> Released:
    """Weeks from an employee's change to the customer's."""
    weeks = np.arange(0, 14)
    parts = []
    for name, peak in (("Tools", 5), ("Processes", 8)):
        y = 0.22 * np.exp(-((weeks - peak) ** 2) / 14)
        parts.append(pd.DataFrame({"aspect": name, "week": weeks, "y": y, "low": y - 0.06, "high": y + 0.06}))
    return given(pd.concat(parts, ignore_index=True), ["aspect", "week"])


def shares() -> Released:
    """Where the variance of customer answers sits."""
    rows = [
        (kpi, part, share)
        for kpi, split in zip(
            KPIS, [(0.09, 0.04, 0.21, 0.66), (0.06, 0.03, 0.27, 0.64), (0.08, 0.05, 0.19, 0.68)], strict=True
        )
        for part, share in zip(["Employee", "Team", "Customer", "Rest"], split, strict=True)
    ]
    return given(pd.DataFrame(rows, columns=["kpi", "part", "share"]), ["kpi", "part"])


def importance() -> Released:
    """Relative weight of every aspect."""
    frame = pd.DataFrame({"aspect": ASPECTS, "weight": [0.34, 0.22, 0.16, 0.12, 0.09, 0.07]})
    frame = frame.assign(conf_low=frame.weight - 0.05, conf_high=frame.weight + 0.06, top=frame.weight > 0.2)
    return given(frame, ["aspect"])


def figures() -> dict[str, Callable[[], Figure]]:
    """Return every chart by name, ready to be drawn."""
    within = {"label": "aspect", "estimate": "estimate", "low": "conf_low", "high": "conf_high"}
    return {
        "forest": lambda: charts.forest(
            slopes(), **within, group="effect", target="truth", xlabel="Points of ease (1–5) per point of EX"
        ),
        "heatmap": lambda: charts.heatmap(
            cells(),
            row="aspect",
            column="kpi",
            value="estimate",
            low="conf_low",
            high="conf_high",
            mark="clear",
            mark_name="clear after adjustment (BH, 5 %)",
            unit="slope per point of EX",
            centre=0.0,
            spec="+.2f",
        ),
        "dual_lane": lambda: charts.dual_lane(
            lanes(),
            stage="stage",
            lane="side",
            series="kpi",
            value="value",
            low="conf_low",
            high="conf_high",
            volume="volume",
            ylabel="Share of the scale, %",
        ),
        "waterfall": lambda: charts.waterfall(
            bridge(), label="label", value="value", total="level", xlabel="EUR a year"
        ),
        "funnel": lambda: charts.funnel(
            stages_left(), stage="stage", value="rows", reason="reason", xlabel="Interactions"
        ),
        "quadrant": lambda: charts.quadrant(
            teams(),
            x="engagement",
            y="csat",
            label="team",
            highlight="warning",
            xlabel="Change of engagement, points a year",
            ylabel="Change of CSAT, points a year",
            corners=("Customers happier, staff wearier", "Both rise", "Both fall", "Staff happier, customers not"),
        ),
        "control_chart": lambda: charts.control_chart(
            control(),
            when="wave",
            value="value",
            centre="centre",
            lower="lower",
            upper="upper",
            alarm="alarm",
            panel="touchpoint",
            ylabel="Satisfaction, 1–5",
        ),
        "caterpillar": lambda: charts.caterpillar(
            units(),
            estimate="estimate",
            low="conf_low",
            high="conf_high",
            xlabel="40 teams, sorted",
            ylabel="Effect on ease, points",
        ),
        "tornado": lambda: charts.tornado(
            assumptions(), label="assumption", low="low", high="high", base=450_000, xlabel="Net benefit, EUR a year"
        ),
        "distribution": lambda: charts.distribution(
            bins(),
            left="left",
            right="right",
            count="n",
            group="role",
            references={"company mean 3.2": 3.2},
            xlabel="Ease of everyday work, 1–5",
            ylabel="Employees",
        ),
        "slopegraph": lambda: charts.slopegraph(
            two_moments(),
            label="team",
            before="before",
            after="after",
            headers=("2025Q3", "2026Q3"),
            highlight="treated",
            ylabel="First-contact resolution, %",
        ),
        "profile": lambda: charts.profile(
            lags(),
            x="week",
            y="y",
            low="low",
            high="high",
            group="aspect",
            xlabel="Weeks after the change",
            ylabel="Change of ease, points",
        ),
        "bars": lambda: charts.bars(
            importance(),
            label="aspect",
            value="weight",
            low="conf_low",
            high="conf_high",
            highlight="top",
            xlabel="Share of the explained variance",
            spec=".0%",
        ),
        "bars_stacked": lambda: charts.bars(
            shares(), label="kpi", value="share", group="part", stacked=True, xlabel="Share of variance", spec=".0%"
        ),
    }


def result_table() -> GT:
    """Return one table with intervals, row groups and hidden cells."""
    return table(
        slopes(),
        {"aspect": "Aspect", "estimate": "Slope (95 % interval)", "people": "Employees"},
        {"estimate": "+.2f"},
        intervals={"estimate": ("conf_low", "conf_high")},
        group="effect",
    )


def wide_table() -> GT:
    """Return a table wider than the column of text."""
    frame = pd.DataFrame({f"amount_{i}": [1_234_567.0 * i, -89_012.0 * i] for i in range(1, 8)})
    return table(given(frame.assign(lever=["raise tools by 0.3 points", "cut waiting times"]), ["lever"]),
                 {"lever": "Lever"} | {f"amount_{i}": f"Net benefit after {i} years" for i in range(1, 8)},
                 intervals={f"amount_{i}": (f"amount_{i}", f"amount_{i}") for i in range(1, 4)})  # fmt: skip
