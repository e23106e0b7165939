"""What weighs much and scores low: importance beside performance, with how sure the order is (M10)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from exlink.data.answers import cx_answer_cells, cx_kpi_scales, ex_aspect_scales, headline_kpi, percent_of_scale
from exlink.data.dataset import StudyData
from exlink.data.panel import aspect_columns, column_label, overall_columns
from exlink.data.relationship import (
    FEWEST_PAIRS,
    WITHIN_DAYS,
    contact_and_overall,
    few_pairs_reason,
    priorities_reason,
    relationship_kpi,
)
from exlink.data.wording import in_words
from exlink.errors import EstimationError
from exlink.stats.composite import composite
from exlink.stats.importance import JOHNSON, LMG, importance, places
from exlink.stats.intervals import group_means, mean_interval
from exlink.stats.moments import row_moments, within_moments
from exlink.stats.slope_ranks import slope_ranks

REPS, SEED = 500, 1010
COLUMNS = ["what", "importance", "importance_low", "importance_high", "performance", "performance_low",
           "performance_high", "rank", "ranks", "first", "urgent", "unsure", "n", "n_units"]  # fmt: skip
QUARTERS = ("heavy, low", "heavy, high", "light, low", "light, high")
LEVEL = {"estimate": "performance", "conf_low": "performance_low", "conf_high": "performance_high"}


def employees(data: StudyData) -> tuple[str, pd.DataFrame]:
    """Return how much each aspect weighs in employees' own overall score, beside its level.

    Shares of what the aspects together account for, within the same person where people answered twice, else between
    persons; LMG, or relative weights where there are too many aspects. Refused where the overall score is made of the
    aspects.

    Returns
    -------
    reason : why not, or ''.
    frame : COLUMNS; importance in per cent of the explained part, performance in per cent of the scale.
    """
    empty, xs = pd.DataFrame(columns=COLUMNS), aspect_columns(data)
    overall = headline_kpi([c.removeprefix("ex_") for c in overall_columns(data)])
    if overall is None or len(xs) < 2:
        return "not assessed: needs an overall KPI and driver items of two aspects in `ex_responses`", empty
    y, exposures = f"ex_{overall}", data.exposures()
    rows = exposures.dropna(subset=[y, *xs])
    cells = rows.assign(n_overall=1, sum_overall=rows[y], sumsq_overall=rows[y] ** 2)
    try:
        whole = composite(exposures, y, xs)
        if whole.found:
            return f"not assessed: employees' {overall} is made of the aspects, so they cannot be weighed by it", empty
        twice = rows.groupby(data.unit)["wave"].nunique().gt(1).sum() >= 10
        moments = (
            within_moments(cells, "overall", xs, data.unit, "wave") if twice else row_moments(rows, y, xs, data.unit)
        )
        table = importance(moments, reps=REPS, seed=SEED).table
    except EstimationError as error:
        return f"not assessed: {error}", empty
    known = table[table["share"].notna()]
    chosen = known[known["method"] == (LMG if (known["method"] == LMG).any() else JOHNSON)].set_index("term")
    scales = ex_aspect_scales(data)
    out = chosen.assign(importance=chosen["share"] * 100)
    means = {x: mean_interval(rows[x], cluster=rows[data.unit]).iloc[0] for x in xs}
    for bound, name in LEVEL.items():
        out[name] = pd.Series({x: float(percent_of_scale(pd.Series([means[x][bound]]), scales[x])[0]) for x in xs})
    out[["importance_low", "importance_high"]] = chosen[["conf_low", "conf_high"]] * 100
    out["what"] = [column_label(data, x) for x in out.index]
    return "", _finished(out)


def customers(data: StudyData, without: Sequence[str] = ()) -> tuple[str, pd.DataFrame]:
    """Return how closely the score of a touchpoint goes with what customers say overall later, beside its level.

    Touchpoints named in ``without`` are left out.

    Returns
    -------
    reason : why not, or ''.
    frame : COLUMNS; importance in points of the overall score per point of the contact's (customers of all kinds
        together), performance in per cent of the scale; n overall answers, n_units units that served the contacts.
    """
    empty = pd.DataFrame(columns=COLUMNS)
    kpi = relationship_kpi(data)
    if (why := priorities_reason(data)) or kpi is None:
        return why, empty
    sums = contact_and_overall(data, kpi)
    sums = sums[~sums["touchpoint"].isin(list(without))]
    sizes = sums.groupby("touchpoint")["n"].sum()
    sums = sums[sums["touchpoint"].map(sizes) >= FEWEST_PAIRS]
    if few := few_pairs_reason(sums):
        return few, empty
    try:
        table = slope_ranks(sums, "touchpoint", data.unit, reps=REPS, seed=SEED)
    except EstimationError as error:
        return f"not assessed: {error}", empty
    level = group_means(cx_answer_cells(data), kpi, ["touchpoint"], cluster=data.unit).set_index("touchpoint")
    out = table.rename(columns={"estimate": "importance", "conf_low": "importance_low", "conf_high": "importance_high",
                                "touchpoint": "what", "n_clusters": "n_units"})  # fmt: skip
    for bound, name in LEVEL.items():
        out[name] = percent_of_scale(out["what"].map(level[bound]), cx_kpi_scales(data)[kpi])
    return "", _finished(out)


def split_at(frame: pd.DataFrame) -> tuple[float, float]:
    """Return where the quadrant is divided: the mean performance and the mean importance of what is shown."""
    if frame.empty:
        return 0.0, 0.0
    return float(frame["performance"].mean()), float(frame["importance"].mean())


def priorities_sentence(frame: pd.DataFrame, what: str, small: int) -> str:
    """Say what certainly weighs more and scores lower than the rest, what lies on a line, and how sure the order is."""
    shown = frame[frame["n_units"] >= small]
    if len(shown) < 2:
        return ""
    first = shown[shown["urgent"]].sort_values("rank")
    top = shown.sort_values("rank").iloc[0]
    said = f"**Weighs more and scores lower than {what} do on average: {in_words(list(first['what']))}.** "
    if first.empty:
        said = f"**No {what[:-1]} is shown both to weigh more and to score lower than {what} do on average.** "
    said += f"{str(top['what']).capitalize()} weighs most (place {top['ranks']} of {len(shown)})."
    certain = shown["first"].sum()
    if not certain:
        said += " That place is not certain: other draws of people put another one first."
    lowest = shown.loc[shown["performance"].idxmin()]
    said += f" The lowest level is that of {lowest['what']} ({lowest['performance']:.0f} % of the scale)."
    if shown["unsure"].any():
        open_yet = list(shown.loc[shown["unsure"], "what"])
        names = "any other" if len(open_yet) == len(shown) - 1 else in_words(open_yet)
        said += f" No quarter can be named for {names}: an interval crosses a line."
    return said


def lag_in_words() -> str:
    """Return how long before an overall answer a contact may lie."""
    return f"{WITHIN_DAYS // 30} months"


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.assign(
        ranks=[places(r.rank_low, r.rank_high) for r in frame.itertuples()],
        first=(frame["rank"] == 1) & (frame["rank_high"] == 1),
        urgent=_urgent(frame),
        unsure=_unsure(frame),
    )
    return frame.sort_values(["rank", "what"], ignore_index=True)[COLUMNS]


def _urgent(frame: pd.DataFrame) -> pd.Series:
    """Return which rows weigh more and score lower than the mean of all, with both intervals."""
    low, heavy = split_at(frame)
    return (frame["importance_low"] > heavy) & (frame["performance_high"] < low)


def _unsure(frame: pd.DataFrame) -> pd.Series:
    """Return which rows have an interval that crosses one of the two lines, or none."""
    sure = pd.Series(True, index=frame.index)
    for name, line in zip(("performance", "importance"), split_at(frame), strict=True):
        sure &= (frame[f"{name}_low"] > line) | (frame[f"{name}_high"] < line)
    return ~sure
