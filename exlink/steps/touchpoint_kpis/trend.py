"""Whether a KPI moves more than chance would move it: control charts of both sides (M10)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.data.answers import (
    KPI_CONCEPTS,
    cx_answer_cells,
    cx_kpi_scales,
    ex_answer_cells,
    ex_kpi_scales,
    headline_kpi,
    percent_of_scale,
)
from exlink.data.choices import choice
from exlink.data.coarse import rare_answers, step_of
from exlink.data.dataset import StudyData
from exlink.data.wording import in_words
from exlink.errors import EstimationError
from exlink.stats.control import FALSE_ALARMS, control_limits, linear_drift
from exlink.stats.intervals import group_means
from exlink.stats.multiplicity import benjamini_hochberg

EVERY = ("month", "quarter")
ALPHA = 0.05
NAMED = 3  # alarms of a series that a sentence names one by one
FEWEST = 6  # periods below which limits mean nothing
COLUMNS = ["panel", "when", "value", "centre", "lower", "upper", "alarm", "rule", "n", "n_units"]


def customers(data: StudyData, every: str = "month", without: Sequence[str] = ()) -> pd.DataFrame:
    """Return customers' headline KPI per touchpoint and month or quarter, as % of its scale, with control limits.

    Parameters
    ----------
    without : touchpoints whose rows are hidden elsewhere: their months would add up to those rows.

    Returns
    -------
    DataFrame, COLUMNS: panel (touchpoint), when, value, centre, lower, upper, alarm, n, n_units. Touchpoints with
    fewer than ``FEWEST`` periods are left out; empty where none has more.
    """
    choice("every", every, EVERY)
    kpi = headline_kpi(data.cx_kpis)
    if kpi is None:
        return pd.DataFrame(columns=COLUMNS)
    cells = cx_answer_cells(data, ["when", "touchpoint"], every)
    cells = cells[~cells["touchpoint"].isin(list(without))]
    return _charts(cells, kpi, "touchpoint", data.unit, dict.fromkeys(cells["touchpoint"], cx_kpi_scales(data)[kpi]))


def employees(data: StudyData, without: Sequence[str] = ()) -> pd.DataFrame:
    """Return the EX KPIs at the touchpoint with most answers, per wave, as % of their scales, with control limits.

    Touchpoints named in ``without`` are passed over. Points and limits are told in steps where an answer is that of a
    few people (``data/coarse.py``); alarms are those of the exact values.

    Returns
    -------
    DataFrame, COLUMNS; the panel is the KPI.
    """
    scales = ex_kpi_scales(data)
    cells = ex_answer_cells(data, ["touchpoint", "quarter"])
    cells = cells[~cells["touchpoint"].isin(list(without))]
    if cells.empty:
        return pd.DataFrame(columns=COLUMNS)
    main = main_touchpoint(cells)
    cells = cells[cells["touchpoint"] == main].rename(columns={"quarter": "when"})
    rare = rare_answers(data, ["touchpoint", "quarter"]).rename(columns={"kpi": "panel", "quarter": "when"})
    frame = _in_steps(_charts(cells, "score", "kpi", data.unit, scales), rare[rare["touchpoint"] == main], scales)
    order = {kpi: i for i, kpi in enumerate(KPI_CONCEPTS)}
    return frame.sort_values("panel", key=lambda p: p.map(order), kind="stable", ignore_index=True)


def main_touchpoint(cells: pd.DataFrame) -> str:
    """Return the touchpoint with most answers."""
    counts = cells.groupby("touchpoint")["n_score"].sum()
    return str(counts.sort_values(ascending=False, kind="stable").index[0])


def trend_sentence(frame: pd.DataFrame, what: str, min_group: int) -> str:
    """Say where a series raised an alarm, by which rule, and how many alarms chance alone would give."""
    if frame.empty:
        return f"not assessed: {what} has fewer than {FEWEST} periods"
    shown = frame[frame["n_units"] >= min_group]
    alarms = shown[shown["alarm"].astype(bool)]
    chance = FALSE_ALARMS * len(shown)
    expected = "fewer than one" if chance < 1 else f"about {chance:.0f}"
    if alarms.empty:
        return (
            f"**No alarm for {what}**: none of {len(shown)} points leaves its limits or ends an unlikely run (chance "
            f"alone would raise {expected})."
        )
    names = "; ".join(f"{panel} ({_points(part)})" for panel, part in alarms.groupby("panel"))
    raised = "point raises" if len(alarms) == 1 else "points raise"
    return (
        f"**{len(alarms)} of {len(shown)} {raised} an alarm for {what}**: {names}. Chance alone would raise "
        f"{expected}. An alarm says that something changed, not what."
    )


def _points(alarms: pd.DataFrame) -> str:
    """Return a panel's alarms in words: one by one where they are few, else how many and since when."""
    named = [f"{row.when}: {row.rule}" for row in alarms.itertuples()]
    return ", ".join(named) if len(named) <= NAMED else f"{len(named)} points, the first {named[0]}"


def alarms(frame: pd.DataFrame) -> int:
    """Return how many points raise an alarm, of those that may be shown."""
    return int(frame.loc[frame["n_units"].notna(), "alarm"].astype(bool).sum())


def left_out_sentence(hidden: Sequence[str], min_group: int) -> str:
    """Say which touchpoints have no chart because their rows are hidden; '' where none is."""
    if not hidden:
        return ""
    are = "is" if len(hidden) == 1 else "are"
    return (
        f"{in_words(list(hidden))} {are} left out: fewer than {min_group} people, or what would give those away, "
        "and a series would add up to the hidden row."
    )


def drift_sentence(frame: pd.DataFrame, what: str, min_group: int) -> str:
    """Say which panels drift steadily, which no single point need show; '' where nothing can be fitted.

    One straight line per panel, weighted by the number of answers; p-values adjusted over the panels (BH).
    """
    rows = []
    for panel, part in frame[frame["n_units"] >= min_group].groupby("panel", sort=False):
        try:
            rows.append(linear_drift(part["value"], part["n"]).assign(term=panel, periods=len(part)))
        except EstimationError:  # fewer than three points: no line
            continue
    if not rows:
        return ""
    lines = pd.concat(rows, ignore_index=True)
    lines = lines[benjamini_hochberg(lines["p_value"]) < ALPHA].reset_index(drop=True)
    if lines.empty:
        return f"No steady drift either: no straight line through {what} rises or falls for certain."
    lines[["estimate", "conf_low", "conf_high"]] = lines[["estimate", "conf_low", "conf_high"]].mul(
        lines["periods"] - 1, axis=0
    )
    moved = [f"{r.term} by {r.estimate:+.1f} % ({r.conf_low:+.1f} to {r.conf_high:+.1f})" for r in lines.itertuples()]
    return (
        "A straight line shows what no single point does, a steady drift from first to last point, in per cent of "
        f"the scale: {'; '.join(moved)}."
    )


def _in_steps(frame: pd.DataFrame, rare: pd.DataFrame, scales: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Return charts in per cent of the scale with points on steps, and limits moved outwards to them, where rare."""
    few = frame[["panel", "when"]].merge(rare, on=["panel", "when"], how="left")["mean"].eq(True).to_numpy()
    step = step_of(frame["n"].to_numpy(), frame["panel"].map({k: hi - lo for k, (lo, hi) in scales.items()}).to_numpy())
    told = {"value": np.round(frame["value"] / step), "lower": np.floor(frame["lower"] / step),
            "upper": np.ceil(frame["upper"] / step)}  # fmt: skip
    return frame.assign(**{name: frame[name].where(~few, value * step) for name, value in told.items()})


def _charts(cells: pd.DataFrame, y: str, panel: str, unit: str, scales: dict[str, tuple[float, float]]) -> pd.DataFrame:
    """Return one control chart per panel; limits rest on the rows' own errors, stretched where needed."""
    points = group_means(cells, y, [panel, "when"])
    clusters = cells[cells[f"n_{y}"] > 0].groupby([panel, "when"])[unit].nunique().rename("n_units")
    points = points.drop(columns="n_clusters").join(clusters, on=[panel, "when"])
    parts = []
    for name, part in points.groupby(panel, sort=True):
        if (part["std_error"] > 0).sum() < FEWEST:
            continue
        limits = control_limits(part["estimate"], part["std_error"], part["n"])
        part = pd.concat([part.reset_index(drop=True), limits], axis=1).rename(columns={"estimate": "value"})
        for column in ("value", "centre", "lower", "upper"):
            part[column] = percent_of_scale(part[column], scales[name])
        parts.append(part.assign(panel=name))
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
