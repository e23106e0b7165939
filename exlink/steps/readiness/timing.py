"""Early against late answers: what those who took their time say of those who never answered, on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.answers import cx_kpi_scales, ex_kpi_scales, headline_kpi
from exlink.data.asked import quarter_of
from exlink.data.dataset import StudyData
from exlink.data.wording import signed
from exlink.errors import EstimationError
from exlink.stats.grouped import grouped_slope
from exlink.stats.intervals import group_means
from exlink.stats.power import verdict
from exlink.steps.readiness.coverage import CX, EX

LONGEST = 366  # days; what takes longer belongs to no invitation any more
MATTERS = 2.5  # points of 100: a tenth of a step on a five-point scale
STEPS = (0, 1, 3, 7, 14, 30)  # days; a point of the figure ends at each
_WORDS = ("same day", "1 day", "2–3 days", "4–7 days", "8–14 days", "15–30 days", "over 30 days")


@dataclass(frozen=True, slots=True, eq=False)
class Delays:
    """Answers of one side by the days they took.

    side, kpi : str      whose answers, and what was scored
    usual : int          days after which half of them are in; what takes longer is late
    cells : DataFrame    unit, wave (of the invitation), late, step (of the figure), n_score, sum_score; scores in per
                         cent of their scale
    """

    side: str
    kpi: str
    usual: int
    cells: pd.DataFrame


def delays(data: StudyData) -> list[Delays]:
    """Return the answers of each side that keeps invitations, by days between invitation and answer.

    EX: an answer belongs to the last invitation to its touchpoint before it, and a wave is a quarter's invitations
    to one touchpoint. The score is the side's headline KPI; where employees were asked about aspects only, the mean
    of these answers. CX: a wave is a quarter.
    """
    return [side for side in (_ex(data), _cx(data)) if side is not None]


def late_against_early(sides: list[Delays], rates: dict[str, float]) -> pd.DataFrame:
    """Return how much lower or higher late answers score than early ones, compared inside waves.

    Late are answers that took longer than half of the side's answers do. If those who never answered were like the
    late ones, everybody's mean would differ from that of the answers by ``silent``:
    ``(1 − response rate) · (1 − share late) · difference``.

    Parameters
    ----------
    rates : response rate of each side, by its name; NaN where unknown.

    Returns
    -------
    DataFrame: side, kpi, usual (days), share_late, estimate (late minus early, in points of 100), std_error,
    conf_low, conf_high, p_value, n, n_units, mde, silent, silent_low, silent_high, note (empty, or why not).
    """
    rows = []
    for side in sides:
        cells, answers = side.cells, int(side.cells["n_score"].sum())
        late = float((cells["n_score"] * cells["late"]).sum()) / answers
        row = {"side": side.side, "kpi": side.kpi, "usual": side.usual, "share_late": late}
        try:
            found = grouped_slope(cells, "score", "late", "wave", "unit").iloc[0].to_dict()
        except EstimationError as error:
            rows.append(row | {"n": answers, "n_units": cells["unit"].nunique(), "note": str(error)})
            continue
        times = (1 - rates.get(side.side, np.nan)) * (1 - late)
        silent = {
            f"silent{end}": times * found[name]
            for end, name in (("", "estimate"), ("_low", "conf_low"), ("_high", "conf_high"))
        }
        rows.append(row | found | silent | {"note": ""})
    names = ["side", "kpi", "usual", "share_late", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n"]
    names += ["n_units", "mde", "silent", "silent_low", "silent_high", "note"]
    return pd.DataFrame(rows).reindex(columns=names)


def by_days(sides: list[Delays]) -> pd.DataFrame:
    """Return the mean score by days taken, less the mean of the same wave: what waves differ in is out.

    Returns
    -------
    DataFrame: side (``employees``, ``customers``), days (in words), tidy mean in points of 100 (clustered by unit),
    n_units.
    """
    parts = []
    for side in sides:
        cells = side.cells
        sums = cells.groupby("wave")[["n_score", "sum_score"]].transform("sum")
        centred = cells["sum_score"] - cells["n_score"] * sums["sum_score"] / sums["n_score"]
        means = group_means(cells.assign(sum_score=centred), "score", "step", cluster="unit")
        means = means.rename(columns={"n_clusters": "n_units"})
        parts.append(
            means.assign(side="employees" if side.side == EX else "customers", days=[_WORDS[k] for k in means["step"]])
        )
    if not parts:
        return pd.DataFrame(columns=["side", "days", "estimate", "conf_low", "conf_high", "n", "n_units"])
    frame = pd.concat(parts, ignore_index=True).sort_values("step", kind="stable", ignore_index=True)
    return frame[["side", "days", "estimate", "conf_low", "conf_high", "n", "n_units"]]


def timing_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say whether late answers score lower, and what that suggests about those who stayed silent."""
    said = [_side_in_words(row, min_group) for row in frame.itertuples()]
    return "\n\n".join(text for text in said if text)


def _side_in_words(row: tuple, min_group: int) -> str:
    who = "Customers" if row.side == CX else "Employees"
    if row.n_units < min_group:
        return ""
    if row.note:
        return f"{who}: not assessed, {row.note}"
    after = f"more than {row.usual} day{'s' * (row.usual != 1)} later" if row.usual else "not on the same day"
    late = f"late answers ({after})"
    band = f"{signed(row.estimate, 1)} points of 100 ({signed(row.conf_low, 1)} to {signed(row.conf_high, 1)})"
    word = verdict(row.estimate, row.conf_low, row.conf_high, MATTERS)
    said = {
        "higher": f"**{who}: {late} score higher**, {band}.",
        "lower": f"**{who}: {late} score lower**, {band}.",
        "no meaningful association": f"**{who}: {late} score like early ones**, {band}; below {MATTERS} is nothing.",
        "inconclusive": f"**{who}: whether {late} score differently is inconclusive**, {band}; about {row.mde:.1f} "
        "could have been seen.",
    }[word]
    if np.isnan(row.silent):
        return said
    return (
        f"{said} Were the silent ones like the late ones, the mean of all who were asked would differ "
        f"from the known one by {signed(row.silent, 1)} points ({signed(row.silent_low, 1)} to "
        f"{signed(row.silent_high, 1)})."
    )


def planted_silence(data: StudyData) -> str:
    """Say what the silent customers of a simulated study would have answered; empty for real data."""
    planted = (data.truth or {}).get("response", {}).get("cx_answer_rate_by_satisfaction")
    if not planted:
        return ""
    low, high = cx_kpi_scales(data)["satisfaction"]
    seen = data.query(
        "SELECT satisfaction AS score, count(*) AS n FROM interactions WHERE satisfaction IS NOT NULL "
        "GROUP BY 1 ORDER BY 1"
    )
    points = (seen["score"] - low) / (high - low) * 100
    asked = seen["n"] / seen["score"].map(lambda score: planted[f"{score:.0f}"])
    gap = float(np.average(points, weights=asked) - np.average(points, weights=seen["n"]))
    return (
        f"This study is simulated, so it is known here: had every customer answered, the mean would differ "
        f"by {signed(gap, 1)} points from that of the answers, because satisfied customers were made to answer more "
        "readily. How long an answer took was not made to depend on the score, so late answers cannot show it."
    )


def _ex(data: StudyData) -> Delays | None:
    """Return employees' answers by days; None without invitations, or answers to them."""
    if not data.has("ex_invitations"):
        return None
    kpi = headline_kpi(list(ex_kpi_scales(data))) or "driver"
    unit = data.unit
    days = data.query(f"""
        WITH said AS (
            SELECT {unit} AS unit, touchpoint, responded_on, count(*) AS n_score,
                   sum((score - scale_min) / (scale_max - scale_min) * 100) AS sum_score
            FROM ex_responses WHERE kpi = '{kpi}' AND scale_max > scale_min GROUP BY ALL),
        asked AS (
            SELECT s.*, (SELECT max(i.invited_on) FROM ex_invitations i WHERE i.{unit} = s.unit
                         AND i.touchpoint = s.touchpoint AND i.invited_on <= s.responded_on) AS invited_on
            FROM said s)
        SELECT unit, {quarter_of("invited_on")} || ' ' || touchpoint AS wave,
               date_diff('day', invited_on, responded_on) AS days, sum(n_score) AS n_score, sum(sum_score) AS sum_score
        FROM asked WHERE date_diff('day', invited_on, responded_on) <= {LONGEST} GROUP BY ALL ORDER BY ALL""")
    if days.empty:
        return None
    usual, cells = _by_step(days)
    return Delays(EX, "aspects" if kpi == "driver" else kpi, usual, cells)


def _cx(data: StudyData) -> Delays | None:
    """Return customers' answers by days; None without invitations, or scores."""
    scales = cx_kpi_scales(data)
    kpi = headline_kpi(list(scales))
    if not data.has("cx_invitations") or kpi is None:
        return None
    low, high = scales[kpi]
    took = "date_diff('day', invited_at, responded_at)"
    days = data.query(f"""
        WITH counted AS (
            SELECT {data.unit} AS unit, date_trunc('quarter', started_at) AS since, {took} AS days,
                   count(*) AS n_score, sum({kpi}) AS points
            FROM interactions
            WHERE {kpi} IS NOT NULL AND {data.unit} IS NOT NULL AND {took} BETWEEN 0 AND {LONGEST} GROUP BY ALL)
        SELECT unit, {quarter_of("since")} AS wave, days, n_score,
               (points - {low} * n_score) / ({high} - {low}) * 100 AS sum_score
        FROM counted ORDER BY ALL""")
    if days.empty:
        return None
    usual, cells = _by_step(days)
    return Delays(CX, kpi, usual, cells)


def _by_step(days: pd.DataFrame) -> tuple[int, pd.DataFrame]:
    """Return the days by which half of the answers are in, and the answers by step instead of by day."""
    usual = _half(days.groupby("days")["n_score"].sum())
    days = days.assign(late=(days["days"] > usual).astype(int), step=np.searchsorted(STEPS, days["days"]))
    keys = ["unit", "wave", "late", "step"]
    return usual, days.groupby(keys, sort=True)[["n_score", "sum_score"]].sum().reset_index()


def _half(counts: pd.Series) -> int:
    """Return the days by which half of the answers are in; ``counts`` of answers by days, in order."""
    return int(counts.index[int((counts.cumsum() >= counts.sum() / 2).to_numpy().argmax())])
