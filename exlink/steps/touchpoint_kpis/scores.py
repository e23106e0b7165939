"""Every KPI of both sides, over all touchpoints and at each, with its interval and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from exlink.data.answers import EVERYWHERE, cx_answer_cells, cx_kpi_scales, ex_answer_cells, ex_kpi_scales
from exlink.data.coarse import in_steps, off_either_end, one_sided, rare_answers, told_coarsely
from exlink.data.dataset import StudyData
from exlink.data.kpis import KPIS, Kpi
from exlink.data.unanswered import told_in_tens
from exlink.data.wording import in_words
from exlink.stats.intervals import group_means
from exlink.stats.proportions import group_nps, group_shares, widest_nps
from exlink.steps.touchpoint_kpis.dictionary import CX, EX, SIDES, measured

NPS_SCALE = (0.0, 10.0)
AT = ("touchpoint",)
_COLUMNS = [
    "side",
    "kpi",
    "concept",
    "unit",
    "touchpoint",
    "estimate",
    "conf_low",
    "conf_high",
    "n",
    "n_units",
    "n_yes",
    "n_no",
]
_TOLERANCE = 1e-9  # of a whole-numbered score


def kpi_table(data: StudyData) -> pd.DataFrame:
    """Return every KPI that can be computed, first over all touchpoints, then at each.

    Means have t intervals, shares Wilson intervals, net scores delta-method intervals in points; all of them allow
    the answers of (or about) one unit to be alike. Employees' means and net scores are told in steps where an answer is
    that of a few of them (``data/coarse.py``).

    Returns
    -------
    DataFrame: side, kpi, concept, unit (score, %, points), touchpoint (``all`` first), estimate, conf_low,
    conf_high, n (answers), n_units, and the units on either side of a share: n_yes, n_no. For a net score passives
    count once and promoters (n_yes) or detractors (n_no) twice; with one answer each that is n plus or minus the net
    score, so that what is hidden for it says no more. Those of employees' means are how far their answers lie from the
    worst, and from the best, in half scales; customers' means have no sides, and count everybody on both.
    """
    cx, ex = cx_answer_cells(data), ex_answer_cells(data)
    rare = {by: rare_answers(data, by) for by in ((), AT)}
    parts = []
    for kpi in KPIS:
        if reason_not_assessed(data, kpi):
            continue
        cells = _cells_of(kpi, cx, ex)
        for by in ((), AT):
            frame = _estimate(kpi, cells, list(by), data.unit)
            if kpi.side == "ex" and kpi.statistic in ("mean", "net"):
                few = told_coarsely(frame, rare[by], kpi.concept, by, kpi.statistic, rare[AT])
                frame = _coarsely(data, kpi, frame, cells, list(by), few)
            frame = frame.join(_sides(data, kpi, cells, list(by)))
            frame = frame if by else frame.assign(touchpoint=EVERYWHERE)
            frame = frame.assign(side=SIDES[kpi.side], kpi=kpi.name, concept=kpi.concept, unit=kpi.unit)
            frame = frame.rename(columns={"n_clusters": "n_units"})
            parts.append(
                told_in_tens(data, frame, touchpoint="touchpoint", kpi="concept") if kpi.side == "cx" else frame
            )
    if not parts:
        return pd.DataFrame(columns=_COLUMNS)
    return pd.concat(parts, ignore_index=True)[_COLUMNS]


def reason_not_assessed(data: StudyData, kpi: Kpi) -> str:
    """Return why a KPI cannot be computed from this study, or ''."""
    if not measured(data, kpi):
        needs = f"`{kpi.needs}`" if kpi.side == "cx" else f"items of kpi `{kpi.concept}` in `ex_responses`"
        return f"{kpi.name} of {SIDES[kpi.side]}: needs {needs}"
    scales = cx_kpi_scales(data) if kpi.side == "cx" else ex_kpi_scales(data)
    if kpi.statistic == "net" and scales[kpi.concept] != NPS_SCALE:
        low, high = scales[kpi.concept]
        return f"{kpi.name} of {SIDES[kpi.side]}: needs a 0–10 scale, and `{kpi.concept}` is on {low:g}–{high:g}"
    if kpi.statistic in ("top2", "net") and _averaged(data, kpi):
        return f"{kpi.name} of {SIDES[kpi.side]}: needs single answers, and this study holds averages of several"
    return ""


def unassessed(data: StudyData) -> list[str]:
    """Return one line per KPI that cannot be computed."""
    return [f"not assessed: {reason}" for kpi in KPIS if (reason := reason_not_assessed(data, kpi))]


def mirrored(table: pd.DataFrame) -> pd.DataFrame:
    """Return the KPIs of both sides beside each other, over all touchpoints, ready to be read.

    Returns
    -------
    DataFrame: measure (concept and unit), customers, employees (value and interval in words, '–' if not measured),
    answers (of customers), ex_answers, n_units (the smaller number of units behind the two). Takes the table as
    released: a hidden side is called ``hidden``, a measure hidden on both sides has no row.
    """
    overall = table[table["touchpoint"] == EVERYWHERE]
    rows = []
    for (concept, unit), part in overall.groupby(["concept", "unit"], sort=False):
        if part["n_units"].isna().all():
            continue
        sides = {side: part[part["side"] == side] for side in (CX, EX)}
        rows.append(
            {
                "measure": f"{concept.replace('recommend', 'recommendation')} ({unit})",
                **{side: _words(own.iloc[0], unit) if len(own) else "–" for side, own in sides.items()},
                "answers": int(sides[CX]["n"].sum()),
                "ex_answers": int(sides[EX]["n"].sum()),
                "n_units": int(part["n_units"].min()),
            }
        )
    columns = ["measure", CX, EX, "answers", "ex_answers", "n_units"]
    return pd.DataFrame(rows, columns=columns)


def mirrored_sentence(table: pd.DataFrame, min_group: int) -> str:
    """Say the net scores of both sides where both exist, else what there is."""
    overall = table[(table["touchpoint"] == EVERYWHERE) & (table["n_units"] >= min_group)]
    net = overall[overall["unit"] == "points"].set_index("side")
    if {CX, EX} <= set(net.index):
        cx, ex = net.loc[CX], net.loc[EX]
        return (
            f"**NPS is {_words(cx, 'points')} points, eNPS {_words(ex, 'points')}.** Both are shares of promoters "
            "minus shares of detractors; a percent change of either would mean nothing."
        )
    names = [f"{r.kpi} of {r.side}: {_words(r, r.unit)}" for r in overall.itertuples()]
    return f"**{'; '.join(names)}.**" if names else ""


def at_touchpoints(table: pd.DataFrame, side: str) -> list[int]:
    """Return which rows of the table, as released, are a side's KPIs at each touchpoint, lowest first, on one axis.

    Shares and net scores share an axis from −100 to 100; where there are none, the means are shown. Touchpoints are
    in order of the first KPI; hidden ones come last, so that their place says nothing.
    """
    own = table[(table["side"] == side) & (table["touchpoint"] != EVERYWHERE)]
    on_axis = own[own["unit"].isin(["%", "points"])]
    return _lowest_first(on_axis if len(on_axis) else own)


def ease_at_touchpoints(table: pd.DataFrame, side: str) -> list[int]:
    """Return the same for a side's ease, a mean with an axis of its own; none where :func:`at_touchpoints` has it."""
    own = table[(table["side"] == side) & (table["touchpoint"] != EVERYWHERE)]
    if not own["unit"].isin(["%", "points"]).any():
        return []
    return _lowest_first(own[(own["concept"] == "ease") & (own["unit"] == "score")])


def _lowest_first(own: pd.DataFrame) -> list[int]:
    if own.empty:
        return []
    first = own[own["kpi"] == own["kpi"].iloc[0]].sort_values(["estimate", "touchpoint"])["touchpoint"]
    rank = {name: i for i, name in enumerate(first)}
    kpis = {name: i for i, name in enumerate(dict.fromkeys(own["kpi"]))}
    own = own.assign(at=own["touchpoint"].map(rank).fillna(len(rank)), nth=own["kpi"].map(kpis))
    return own.sort_values(["at", "touchpoint", "nth"]).index.tolist()


def at_hidden(table: pd.DataFrame, hidden: Mapping[str, Sequence[str]]) -> list[bool]:
    """Return which rows are at a touchpoint that ``hidden`` names for their side."""
    return [touchpoint in hidden[side] for side, touchpoint in zip(table["side"], table["touchpoint"], strict=True)]


def axis_label(frame: pd.DataFrame) -> str:
    """Return what the axis of :func:`at_touchpoints` measures."""
    kpis = dict(zip(frame["kpi"], frame["unit"], strict=True))
    return ", ".join(f"{name} ({unit})" for name, unit in kpis.items())


def axis_spec(frame: pd.DataFrame) -> str:
    """Return the number format that suits the axis of :func:`at_touchpoints`."""
    return ".2f" if "score" in set(frame["unit"]) else ".0f"


def touchpoint_sentence(frame: pd.DataFrame, side: str, min_group: int) -> str:
    """Say at which touchpoint a side's first KPI is lowest and highest, and which their intervals do not tell apart."""
    shown = frame[frame["n_units"] >= min_group]
    if len(shown) == 0:
        return ""
    shown = shown[shown["kpi"] == shown["kpi"].iloc[0]]
    if len(shown) < 2:
        return f"{side.capitalize()} were asked at one touchpoint only, so there is nothing to compare."
    low, high = shown.loc[shown["estimate"].idxmin()], shown.loc[shown["estimate"].idxmax()]
    worst, best = (format(row.estimate, axis_spec(frame)) for row in (low, high))
    name = low.kpi if low.kpi.casefold().startswith(side.removesuffix("s")) else f"{low.kpi} of {side}"
    said = f"**{name} is lowest at {low.touchpoint} ({worst}) and highest at {high.touchpoint} ({best})**"
    if low.conf_high >= high.conf_low:
        return f"{said}; their intervals overlap: inconclusive."
    near_low = shown.loc[(shown["conf_low"] <= low.conf_high) & (shown["touchpoint"] != low.touchpoint), "touchpoint"]
    near_high = shown.loc[
        (shown["conf_high"] >= high.conf_low) & (shown["touchpoint"] != high.touchpoint), "touchpoint"
    ]
    return (
        f"{said}. These two are clearly apart; the interval of the lowest overlaps {_those_of(near_low)}, that of the "
        f"highest {_those_of(near_high)}."
    )


def _those_of(names: pd.Series) -> str:
    return f"with {in_words(list(names))}" if len(names) else "with no other"


def _cells_of(kpi: Kpi, cx: pd.DataFrame, ex: pd.DataFrame) -> pd.DataFrame:
    """Return the cells of one KPI with columns n, sum, sumsq, top2, promoters, detractors."""
    if kpi.statistic == "share":
        return cx.assign(n_score=cx[f"n_{kpi.column}"], hits=cx[f"hits_{kpi.column}"])
    if kpi.side == "ex":
        return ex[ex["kpi"] == kpi.concept].assign(hits=lambda f: f["top2"])
    k = kpi.concept
    return cx.assign(
        n_score=cx[f"n_{k}"],
        sum_score=cx[f"sum_{k}"],
        sumsq_score=cx[f"sumsq_{k}"],
        hits=cx[f"top2_{k}"],
        promoters=cx[f"promoters_{k}"],
        detractors=cx[f"detractors_{k}"],
    )


def _estimate(kpi: Kpi, cells: pd.DataFrame, by: list[str], unit: str) -> pd.DataFrame:
    if kpi.statistic == "mean":
        return group_means(cells, "score", by, cluster=unit)
    if kpi.statistic == "net":
        return group_nps(cells, "promoters", "detractors", "n_score", by, cluster=unit)
    frame = group_shares(cells, "hits", "n_score", by, cluster=unit)
    percent = ["estimate", "std_error", "conf_low", "conf_high"]
    frame[percent] = frame[percent] * 100
    return frame


def _coarsely(
    data: StudyData, kpi: Kpi, frame: pd.DataFrame, cells: pd.DataFrame, by: list[str], few: np.ndarray
) -> pd.DataFrame:
    """Return employees' estimates with the rows ``few`` told so that they give no answer of a few people away."""
    if kpi.statistic == "mean":
        return in_steps(frame, ex_kpi_scales(data)[kpi.concept], few, one_sided(cells, by))
    wide = widest_nps(cells, "promoters", "detractors", "n_score", by, cluster=data.unit)
    bounds = ["std_error", "conf_low", "conf_high", "p_value"]
    return frame.assign(**{name: frame[name].where(~few, wide[name]) for name in bounds})


def _sides(data: StudyData, kpi: Kpi, cells: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return, in the order of :func:`_estimate`, how many units are on either side of a share: n_yes, n_no."""
    if (kpi.side, kpi.statistic) == ("ex", "mean"):
        return off_either_end(cells, by, data.unit, ex_kpi_scales(data)[kpi.concept])
    used, unit = cells[cells["n_score"] > 0], data.unit
    columns = {"share": ("hits", "hits"), "top2": ("hits", "hits"), "net": ("promoters", "detractors")}
    up, down = columns.get(kpi.statistic, ("n_score", "n_score"))
    if kpi.statistic == "net":  # near ±100 it speaks of those few who are no promoters, or no detractors
        own = used.groupby([*by, unit], sort=True)[["n_score", up, down]].sum().reset_index()
        passive = own["n_score"] > own[up] + own[down]
        sides = own[[*by]].assign(n_yes=np.where(own[up] > 0, 2, passive), n_no=np.where(own[down] > 0, 2, passive))
        groups = sides.groupby(by, sort=True) if by else sides.groupby(lambda _: 0)
        return groups[["n_yes", "n_no"]].sum().astype(int).reset_index(drop=True)
    if kpi.statistic == "mean":
        yes = no = used["n_score"] > 0
    else:
        yes, no = used[up] > 0, used["n_score"] > used[down]
    sides = used[[*by, unit]].assign(n_yes=used[unit].where(yes), n_no=used[unit].where(no))
    groups = sides.groupby(by, sort=True) if by else sides.groupby(lambda _: 0)
    return groups[["n_yes", "n_no"]].nunique().reset_index(drop=True)


def _averaged(data: StudyData, kpi: Kpi) -> bool:
    """Return whether the scores behind a KPI are averages: a share of answers cannot be read from them."""
    if kpi.side == "ex":
        where = f"ex_responses WHERE kpi = '{kpi.concept}' AND abs(score - round(score)) > {_TOLERANCE}"
    else:
        where = f"cx_responses WHERE abs({kpi.concept} - round({kpi.concept})) > {_TOLERANCE}"
    return bool(data.query(f"SELECT count(*) AS n FROM {where} ORDER BY n")["n"].iloc[0])


def _words(row: object, unit: str) -> str:
    """Return ``23 (20 to 26)`` or ``3.94 (3.91 to 3.97)``, or that it is hidden."""
    if pd.isna(row.estimate):
        return "hidden"
    spec = {"points": "+.0f", "%": ".1f"}.get(unit, ".2f")
    estimate, low, high = (_signed(v, spec) for v in (row.estimate, row.conf_low, row.conf_high))
    return f"{estimate} ({low} to {high})"


def _signed(value: float, spec: str) -> str:
    """Write a number with a true minus sign, and zero without any."""
    text = format(value, spec)
    return (text if any(d in text for d in "123456789") else text.lstrip("+-")).replace("-", "−")
