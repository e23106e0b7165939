"""Which role meets customers where, and how much of their scores sits with the one who served them (M3, M4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pandas as pd

from exlink.data import choices
from exlink.data.answers import cx_answer_cells
from exlink.data.dataset import StudyData
from exlink.data.wording import with_article
from exlink.errors import EstimationError
from exlink.stats.reliability import icc_from_sums

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


def _icc(part: pd.DataFrame, kpi: str) -> dict[str, float]:
    try:
        icc = icc_from_sums(part[f"n_{kpi}"], part[f"sum_{kpi}"], part[f"sumsq_{kpi}"]).iloc[0]
    except EstimationError:  # too few answers in this cell: it stays empty and is shown as such
        return dict.fromkeys(("icc", "conf_low", "conf_high"), float("nan"))
    return {"icc": icc.estimate, "conf_low": icc.conf_low, "conf_high": icc.conf_high}
