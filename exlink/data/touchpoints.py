"""How many people are behind each touchpoint, whatever is shown about it."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import EVERYWHERE, cx_answer_cells, ex_answer_cells
from exlink.data.asked import ex_asked
from exlink.data.dataset import StudyData

CUSTOMERS, EMPLOYEES = "customers", "employees"


def people_at_touchpoints(data: StudyData) -> pd.DataFrame:
    """Return the units behind every series of both sides, at each touchpoint and over all.

    The series of customers are their KPIs, whatever else KPIs are shares of, and contacts; those of employees are
    their KPIs and the answers to any item, or, at a touchpoint nobody answers about, the invitations to it.

    Returns
    -------
    DataFrame: side, series, touchpoint (``all`` first), n_units.
    """
    cx, ex = cx_answer_cells(data), ex_answer_cells(data)
    counted = {"contacts": "contacts", **{c.removeprefix("n_"): c for c in cx if c.startswith("n_")}}
    parts = [_people(cx[cx[column] > 0], data.unit, CUSTOMERS, series) for series, column in counted.items()]
    parts += [_people(part, data.unit, EMPLOYEES, str(kpi)) for kpi, part in ex.groupby("kpi", sort=True)]
    parts.append(_people(_met(data), data.unit, EMPLOYEES, "answers or invitations"))
    return pd.concat(parts, ignore_index=True)


def journey_order(data: StudyData) -> list[str]:
    """Return the customer touchpoints by how long after a customer's first recorded contact they come on average."""
    return data.query("""
        SELECT touchpoint, avg(date_diff('second', first_at, started_at)) AS after
        FROM interactions JOIN customers USING (customer_id)
        GROUP BY touchpoint ORDER BY after, touchpoint""")["touchpoint"].tolist()


def units_on_either_side(asked: pd.DataFrame, by: list[str], unit: str) -> pd.DataFrame:
    """Return, per ``by``, how many units answered some invitation (n_yes) and left some unanswered (n_no).

    Parameters
    ----------
    asked : rows with the unit, ``by`` and ``answered``, as :func:`exlink.data.asked.ex_asked` returns them.
    """
    answered = asked["answered"].astype(bool)
    who = asked[by].assign(n_yes=asked[unit].where(answered), n_no=asked[unit].where(~answered))
    return who.groupby(by, sort=True)[["n_yes", "n_no"]].nunique()


def _met(data: StudyData) -> pd.DataFrame:
    """Return who answered anything about a touchpoint; where nobody did, who was invited to it."""
    answered = data.query(f"SELECT DISTINCT {data.unit}, touchpoint FROM ex_responses ORDER BY ALL")
    asked = ex_asked(data)
    if asked is None:
        return answered
    unasked = asked[~asked["surveyed"]][[data.unit, "touchpoint"]].drop_duplicates()
    return pd.concat([answered, unasked], ignore_index=True)


def _people(cells: pd.DataFrame, unit: str, side: str, series: str) -> pd.DataFrame:
    counts = cells.groupby("touchpoint", sort=True)[unit].nunique().rename("n_units").reset_index()
    overall = pd.DataFrame({"touchpoint": [EVERYWHERE], "n_units": [cells[unit].nunique()]})
    frame = pd.concat([overall, counts], ignore_index=True).assign(side=side, series=series)
    return frame[["side", "series", "touchpoint", "n_units"]]
