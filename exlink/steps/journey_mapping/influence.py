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
from exlink.stats.pooled_icc import pooled_icc
from exlink.stats.reliability import icc_from_sums

AVERAGE_ROLE = "average of the roles"
MEASURED, POOLED = "this role alone", "partially pooled"
NO_DIFFERENCE = 5e-4  # roles whose pooled shares agree to a tenth of a per cent are not told apart
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
    icc, conf_low, conf_high, between (icc, zero where it is negative: none found), n (answers), n_units, certain
    (the interval excludes zero). ``share`` is NaN without contact, ``icc`` where it cannot be estimated.
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
    frame["certain"] = frame["conf_low"] > 0
    frame["between"] = frame["icc"].clip(lower=0)
    share = frame["interactions"] / frame.groupby("role")["interactions"].transform("sum")
    frame.insert(3, "share", share.where(frame["interactions"] > 0))
    return frame


def influence_sentence(frame: pd.DataFrame, kpi: str, min_group: int) -> str:
    """Say how large the employees' share of CX variance is, and where it is clearest."""
    shown = frame[(frame["n_units"] >= min_group) & frame["icc"].notna()]
    if shown.empty:
        return f"not assessed: no unit has two answers about {kpi} at the same touchpoint."
    mean = float((shown["between"] * shown["n"]).sum() / shown["n"].sum())
    sure = shown[shown["certain"].astype(bool)]
    said = (
        f"**On average {mean:.1%} of the variance of single customers' {kpi} lies between the people who served "
        "them** (same role, same touchpoint); the rest lies between customers, cases and moments."
    )
    if sure.empty:
        return f"{said} At no touchpoint does its interval exclude zero."
    top = sure.loc[sure["conf_low"].idxmax()]
    where = top.touchpoint if top.role == EVERYBODY else f"{top.touchpoint} served by {with_article(top.role)}"
    return (
        f"{said} It is clearest at {where}: {top.icc:.1%} ({top.conf_low:.1%} to {top.conf_high:.1%}). In "
        f"{len(sure)} of {len(shown)} cells the interval excludes zero."
    )


def role_shares(data: StudyData, kpi: str) -> pd.DataFrame:
    """Return the employees' share of the variance of single answers per role, measured alone and partially pooled.

    Stage means are taken out first, so that a role is not given the differences between the stages it serves. A role
    with few people is pulled towards the average of the roles, by as much as chance could account for its distance
    (:func:`exlink.stats.pooled_icc.pooled_icc`).

    Returns
    -------
    DataFrame: role (the average last), series (alone, or partially pooled), estimate with bounds, n (answers),
    n_units, planted (share of employees and teams in simulated data, beside the average); empty where there are fewer
    than two roles that can be measured.
    """
    columns = ["role", "series", "estimate", "conf_low", "conf_high", "n", "n_units", "planted"]
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
        role=AVERAGE_ROLE, series=POOLED, n_units=cells[data.unit].nunique(), planted=_planted(data, kpi)
    )
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
    pooled = seen[(seen["series"] == POOLED) & (seen["role"] != AVERAGE_ROLE)]
    if len(pooled) < 2:
        return ""
    top, low = pooled.loc[pooled["estimate"].idxmax()], pooled.loc[pooled["estimate"].idxmin()]
    if top.estimate - low.estimate < NO_DIFFERENCE:
        return (
            f"**Roles do not differ beyond chance: net of the stages they serve, {top.estimate:.1%} "
            f"({top.conf_low:.1%} to {top.conf_high:.1%}) of the variance of {kpi} lies between people of the same "
            "role**, whichever it is."
        )
    said = (
        f"**Net of the stages they serve, {low.estimate:.1%} ({low.role}) to {top.estimate:.1%} ({top.role}) of the "
        f"variance of {kpi} lies between people of the same role**"
    )
    if low.conf_high >= top.conf_low:
        return f"{said}; the intervals overlap, so which role matters more is inconclusive."
    return f"{said}; the two intervals do not overlap."


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
        return dict.fromkeys(("icc", "conf_low", "conf_high"), float("nan"))
    return {"icc": icc.estimate, "conf_low": icc.conf_low, "conf_high": icc.conf_high}
