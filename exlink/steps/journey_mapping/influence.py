"""Which role meets customers where, and how much of their scores sits with the one who served them (M3, M4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd

from exlink.data import choices
from exlink.data.answers import cx_answer_cells
from exlink.data.dataset import StudyData
from exlink.data.planted import planted_variances
from exlink.data.wording import with_article
from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.pooled_icc import pooled_icc
from exlink.stats.power import p_in_words
from exlink.stats.reliability import icc_from_sums

AVERAGE_ROLE = "average of the roles"
MEASURED, POOLED = "this role alone", "partially pooled"
EVERYBODY = "all units"  # stands for the roles of a study at team grain, which has none


def chosen_kpi(data: StudyData, wanted: str) -> str:
    """Return the customer KPI to look at: ``wanted``, or satisfaction where that is empty.

    Raises ParameterError when customers were not asked it.
    """
    return choices.chosen_kpi("kpi", wanted, data.cx_kpis)


def influence(data: StudyData, kpi: str, order: Sequence[str]) -> pd.DataFrame:
    """Return, per role and customer touchpoint, how much contact there is and what share of CX sits with employees.

    The share is ICC(1): of the variance of single customers' answers, the part that lies between the units who
    served them, in that role and at that touchpoint. It holds whatever differs between units, their cases included,
    so it is a ceiling for what their experience can move there by being different, not an effect.

    Parameters
    ----------
    order : the customer touchpoints in the order of the journey.

    Returns
    -------
    DataFrame, every role at every touchpoint: role, touchpoint, interactions, share (of the role's interactions),
    icc, conf_low, conf_high, p_adjusted (two-sided, Benjamini–Hochberg over the cells), n (answers), n_units, certain
    (above zero after the adjustment), between (icc, zero where it is negative: none found). ``share`` is NaN without
    contact, ``icc`` where it cannot be estimated.
    """
    by = ["role", "touchpoint"] if data.unit == "employee_id" else ["touchpoint"]
    cells = cx_answer_cells(data, by)
    if "role" not in cells:
        cells["role"] = EVERYBODY
    groups = dict(list(cells.groupby(["role", "touchpoint"], sort=True)))
    rows = []
    for role, stage in product(sorted(cells["role"].unique()), order):
        part = groups.get((role, stage), cells.iloc[:0])
        icc = _icc(part, kpi)
        rows.append(
            {
                "role": role,
                "touchpoint": stage,
                "interactions": int(part["contacts"].sum()),
                **icc,
                "n": int(part[f"n_{kpi}"].sum()),
                "n_units": int(part[data.unit].nunique()),
            }
        )
    frame = pd.DataFrame(rows)
    # twice the one-sided p value, so that no cell is certain whose interval holds zero
    frame["p_adjusted"] = benjamini_hochberg((2 * frame.pop("p_value")).clip(upper=1))
    frame["certain"] = (frame["p_adjusted"] < 0.05) & (frame["conf_low"] > 0)
    frame["between"] = frame["icc"].clip(lower=0)
    share = frame["interactions"] / frame.groupby("role")["interactions"].transform("sum")
    frame.insert(3, "share", share.where(frame["interactions"] > 0))
    return frame


def influence_sentence(frame: pd.DataFrame, kpi: str, min_group: int) -> str:
    """Say how large the employees' share of CX variance is, and where it is clearest."""
    shown = frame[(frame["n_units"] >= min_group) & frame["icc"].notna()]
    if shown.empty:
        return f"not assessed: no unit has two answers about {kpi} at the same touchpoint."
    # estimates below zero count as such: cut off at zero, chance alone would add up to a share
    mean = max(float((shown["icc"] * shown["n"]).sum() / shown["n"].sum()), 0.0)
    sure = shown[shown["certain"].astype(bool)]
    said = (
        f"**On average {mean:.1%} of the variance of single customers' {kpi} lies between the people who served "
        "them**, differences between their teams included (same role, same touchpoint); the rest lies between "
        "customers, cases and moments."
    )
    if sure.empty:
        return (
            f"{said} In none of {len(shown)} cells is it shown to be above zero (adjusted for the number of cells), "
            f"which is inconclusive: the intervals reach up to {shown['conf_high'].max():.1%}."
        )
    top = sure.loc[sure["conf_low"].idxmax()]
    where = top.touchpoint if top.role == EVERYBODY else f"{top.touchpoint} served by {with_article(top.role)}"
    return (
        f"{said} It is clearest at {where}: {top.icc:.1%} ({top.conf_low:.1%} to {top.conf_high:.1%}). In "
        f"{len(sure)} of {len(shown)} cells it is above zero after adjustment for the number of cells "
        "(Benjamini–Hochberg); the others are inconclusive."
    )


def role_shares(data: StudyData, kpi: str) -> pd.DataFrame:
    """Return the employees' share of the variance of single answers per role, measured alone and partially pooled.

    Stage means are taken out first, so that a role is not given the differences between the stages it serves. A role
    with few people is pulled towards the average of the roles, by as much as chance could account for its distance
    (:func:`exlink.stats.pooled_icc.pooled_icc`).

    Returns
    -------
    DataFrame: role (the average last), series (alone, or partially pooled), estimate with bounds, n (answers),
    n_units; beside the average only: planted (share of employees and teams in simulated data), spread_high (the upper
    bound of the standard deviation between roles) and p_differ (of the test that all roles are alike). Empty where
    there are fewer than two roles that can be measured.
    """
    columns = ["role", "series", "estimate", "conf_low", "conf_high", "n", "n_units", "planted", "spread_high",
               "p_differ"]  # fmt: skip
    if data.unit == "team_id":
        return pd.DataFrame(columns=columns)
    cells = _net_of_stages(cx_answer_cells(data, ["role", "touchpoint"]), kpi, data.unit)
    people = cells.groupby("role", sort=True)[data.unit].nunique()
    try:
        pooled = pooled_icc(cells, kpi, "role", data.unit)
    except EstimationError:  # fewer than two roles in which people have two answers: said in the notebook
        return pd.DataFrame(columns=columns)
    table = pooled.table.rename(columns={"term": "role"})
    table = table.assign(n_units=table["role"].map(people))
    average = pooled.average.assign(
        role=AVERAGE_ROLE, series=POOLED, n_units=cells[data.unit].nunique(), planted=_planted(data, kpi),
        spread_high=pooled.tau_high, p_differ=pooled.p_value,
    )  # fmt: skip
    shrunken = table[["role", "n", "n_units"]].assign(
        estimate=table["shrunken"], conf_low=table["shrunken_low"], conf_high=table["shrunken_high"], series=POOLED
    )
    frame = pd.concat([table.assign(series=MEASURED), shrunken], ignore_index=True)
    frame = frame.sort_values(["role", "series"], key=lambda c: c != POOLED if c.name == "series" else c)
    frame = pd.concat([frame, average], ignore_index=True)[columns]
    shares = ["estimate", "conf_low", "conf_high"]
    return frame.assign(**frame[shares].clip(lower=0))  # a share below zero says that none was found


def role_sentence(shown: pd.DataFrame, kpi: str) -> str:
    """Say how far the roles differ in what lies with the one who serves. ``shown``: what the gate released."""
    seen = shown.dropna(subset=["estimate"])
    seen = seen[seen["series"] == POOLED]
    average, pooled = seen[seen["role"] == AVERAGE_ROLE], seen[seen["role"] != AVERAGE_ROLE]
    if len(pooled) < 2 or average.empty:
        return ""
    top, low, every = pooled.loc[pooled["estimate"].idxmax()], pooled.loc[pooled["estimate"].idxmin()], average.iloc[0]
    lies = f"of the variance of {kpi} lies between people of the same role, their teams included"
    n, people = f"{every.n:,.0f} answers", f"{every.n_units:,.0f} people in {len(pooled)} roles"
    behind = f"p = {p_in_words(every.p_differ)}; {n}, {people}"
    if not every.p_differ < 0.05:
        return (
            f"**Roles are not shown to differ: net of the stages they serve, {every.estimate:.1%} "
            f"({every.conf_low:.1%} to {every.conf_high:.1%}) {lies}, on average over the roles** ({behind}). They may "
            f"differ all the same: this much data leaves room for true shares that spread around the average by up to "
            f"{100 * every.spread_high:.1f} points (standard deviation, upper end of its 95 % interval)."
        )
    order = (
        "The intervals of the highest and the lowest overlap, so which role matters more is inconclusive."
        if low.conf_high >= top.conf_low
        else "The intervals of these two do not overlap."
    )
    return (
        f"**Roles differ by more than chance: net of the stages they serve, {low.estimate:.1%} ({low.role}) to "
        f"{top.estimate:.1%} ({top.role}) {lies}** ({behind}). {order}"
    )


def _planted(data: StudyData, kpi: str) -> float:
    """Return the planted share of what differs between people, their teams included; NaN for real data."""
    parts = planted_variances(data)
    if parts is None:
        return float("nan")
    own = parts[(parts["outcome"] == kpi) & parts["component"].isin(["employee", "team"])]
    return float(own["observed_share"].sum())


def _net_of_stages(cells: pd.DataFrame, kpi: str, unit: str) -> pd.DataFrame:
    """Return counts, sums and sums of squares per role and unit, around the mean of each role at each stage."""
    n, total, squares = (cells[f"{part}_{kpi}"].astype(float) for part in ("n", "sum", "sumsq"))
    stage = [cells["role"], cells["touchpoint"]]
    mean = (total.groupby(stage).transform("sum") / n.groupby(stage).transform("sum")).fillna(0.0)
    net = cells[["role", unit]].assign(n=n, sum=total - n * mean, sumsq=squares - 2 * mean * total + n * mean**2)
    net = net.groupby(["role", unit], sort=True).sum().reset_index()
    return net[net["n"] > 0].rename(columns={part: f"{part}_{kpi}" for part in ("n", "sum", "sumsq")})


def _icc(part: pd.DataFrame, kpi: str) -> dict[str, float]:
    try:
        icc = icc_from_sums(part[f"n_{kpi}"], part[f"sum_{kpi}"], part[f"sumsq_{kpi}"]).iloc[0]
    except EstimationError:  # too few answers in this cell: it stays empty and is shown as such
        return dict.fromkeys(("icc", "conf_low", "conf_high", "p_value"), float("nan"))
    return {"icc": icc.estimate, "conf_low": icc.conf_low, "conf_high": icc.conf_high, "p_value": icc.p_value}
