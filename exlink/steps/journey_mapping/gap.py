"""How employees and customers see the same thing: the perception gap (M15)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.data.answers import cx_answer_cells, cx_kpi_scales, ex_answer_cells, ex_kpi_scales, percent_of_scale
from exlink.data.coarse import rare_answers, step_of
from exlink.data.dataset import StudyData
from exlink.data.wording import in_words, signed
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.two_sides import two_sides

ALL = "all"
P_STEPS = np.array([0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1.0])  # an exact p value would give an exact mean back
CUSTOMERS, EMPLOYEES = "customers", "employees"
COLUMNS = ["group", "kpi", "customers", "employees", "estimate", "conf_low", "conf_high", "p_adjusted", "clear", "n",
           "n_units"]  # fmt: skip


def mirrored(data: StudyData) -> list[str]:
    """Return the KPIs that both sides were asked."""
    asked = ex_kpi_scales(data)
    return [kpi for kpi in data.cx_kpis if kpi in asked]


def why_not(data: StudyData) -> str:
    """Return why there is no gap to be seen, or ''."""
    if mirrored(data):
        return ""
    return f"not assessed: needs `ex_responses.kpi` with one of {', '.join(data.cx_kpis)}, which customers were asked"


def shared_stages(data: StudyData) -> list[str]:
    """Return the customer touchpoints that employees were asked about by the same name."""
    return data.query(f"""
        SELECT DISTINCT touchpoint FROM ex_responses WHERE kpi IN ('ease', 'recommend', 'satisfaction')
        AND touchpoint IN (SELECT touchpoint FROM interactions) AND {data.unit} IS NOT NULL
        ORDER BY touchpoint""")["touchpoint"].tolist()


def compared_words(data: StudyData) -> str:
    """Say what counts as the same stage in this study."""
    if stages := shared_stages(data):
        return f"Compared is what customers and employees say about the same stage by name: {in_words(stages)}."
    return (
        "Nobody asked employees about stages of the customer journey, so the same *contacts* are compared: each "
        "customer's answer against what the one who served it had last said of the same KPI about their work."
    )


def stage_gaps(data: StudyData, order: Sequence[str]) -> pd.DataFrame:
    """Return customers' view less employees' view per stage and KPI, both from 0 (worst answer) to 100 (best).

    Where employees were asked about a customer stage by its name, their answers about it stand against customers'
    answers after contacts there. Otherwise nobody asked employees about stages, and the same stage means the same
    contacts: each answer of a customer stands against what the one who served it had last said of the same KPI about
    their work.

    Parameters
    ----------
    order : the customer touchpoints in the order of the journey.

    Returns
    -------
    DataFrame: group (stage, ``all`` last), kpi, customers, employees (means), estimate with bounds (the difference;
    clustered by unit, who are on both sides), p_adjusted (Benjamini–Hochberg over the stages and KPIs), clear, n
    (customers' answers), n_units. Where fewer employees than the minimum group gave some answer, employees' mean is
    told in steps (:mod:`exlink.data.coarse`), and with it the difference, its interval (wider) and its p value.
    """
    if not mirrored(data):
        return pd.DataFrame(columns=COLUMNS)
    stages = shared_stages(data)
    if stages:
        found = _gaps(_by_name(data, stages), data.unit, [s for s in order if s in stages])
        return _in_steps(found, _asked_by_name(data, stages), data)
    found = _gaps(_same_contacts(data, "touchpoint"), data.unit, order)
    return _in_steps(found, _in_force(data, "touchpoint"), data)


def role_gaps(data: StudyData) -> pd.DataFrame:
    """Return the gap per role over the same contacts: as `stage_gaps`, group is the role; empty at team grain."""
    if data.unit == "team_id" or not mirrored(data):
        return pd.DataFrame(columns=COLUMNS)
    cells = _same_contacts(data, "role")
    return _in_steps(_gaps(cells, data.unit, sorted(cells["group"].unique())), _in_force(data, "role"), data)


def gap_sentence(shown: pd.DataFrame, kpi: str) -> str:
    """Say who sees it better, and where the two views are furthest apart. ``shown``: what the gate released."""
    seen = shown.dropna(subset=["estimate", "conf_low"])
    whole = seen[(seen["group"] == ALL) & (seen["kpi"] == kpi)]
    if whole.empty:
        return ""
    row = whole.iloc[0]
    bounds = f"{signed(row.conf_low, 1)} to {signed(row.conf_high, 1)}"
    numbers = f"customers less employees: {signed(row.estimate, 1)} points of 100, {bounds}"
    if row.conf_low <= 0 <= row.conf_high:
        said = f"**On {kpi} the two sides are not shown to differ** ({numbers})."
    else:
        who, other = (CUSTOMERS, EMPLOYEES) if row.estimate > 0 else (EMPLOYEES, CUSTOMERS)
        said = f"**On {kpi} {who} are better pleased than {other}** ({numbers})."
    stages = seen[(seen["group"] != ALL) & (seen["kpi"] == kpi)]
    if len(stages) < 2:
        return said
    high, low = stages.loc[stages["estimate"].idxmax()], stages.loc[stages["estimate"].idxmin()]
    if low.conf_high >= high.conf_low:
        return (
            f"{said} Whether it differs between stages is inconclusive: the intervals of the two furthest apart "
            f"({signed(low.estimate, 1)} at {low.group}, {signed(high.estimate, 1)} at {high.group}) overlap."
        )
    return (
        f"{said} It runs from {signed(low.estimate, 1)} at {low.group} to {signed(high.estimate, 1)} at {high.group}."
    )


def _gaps(cells: pd.DataFrame, unit: str, order: Sequence[str]) -> pd.DataFrame:
    total = cells.assign(group=ALL)
    found = two_sides(pd.concat([cells, total]), CUSTOMERS, EMPLOYEES, ["group", "kpi"], cluster=unit)
    found = found[(found["n_first"] > 0) & (found["n_second"] > 0)].reset_index(drop=True)
    apart = found["group"] != ALL  # the total is no test of its own
    found["p_adjusted"] = benjamini_hochberg(found["p_value"].where(apart))
    found["clear"] = found["p_adjusted"] < 0.05
    places = {name: i for i, name in enumerate([*order, ALL])}
    kpis = {kpi: i for i, kpi in enumerate(dict.fromkeys(cells["kpi"]))}
    found = found.assign(at=found["group"].map(places), nth=found["kpi"].map(kpis)).dropna(subset=["at"])
    found = found.assign(n=found["n_first"]).rename(columns={"n_clusters": "n_units"})
    return found.sort_values(["at", "nth"], ignore_index=True)[COLUMNS]


def _in_steps(found: pd.DataFrame, behind: pd.DataFrame, data: StudyData) -> pd.DataFrame:
    """Return the gaps with employees' side told in steps where some answer is that of few (``behind``: rare, n)."""
    told = found[["group", "kpi"]].merge(behind, on=["group", "kpi"], how="left", validate="one_to_one")
    widths = {kpi: high - low for kpi, (low, high) in ex_kpi_scales(data).items()}
    step = step_of((told["n"] * told["kpi"].map(widths)).to_numpy(), 1.0)
    where = told["rare"].to_numpy(dtype=bool)
    employees = found["employees"].where(~where, step * np.round(found["employees"] / step))
    # half a step more, because the estimate may have moved by as much
    half = (found["conf_high"] - found["conf_low"]) / 2
    half = half.where(~where, step * np.ceil(half / step + 0.5))
    estimate = found["customers"] - employees
    p_value = found["p_adjusted"].where(~where, _rounded_up(found["p_adjusted"]))
    return found.assign(
        employees=employees, estimate=estimate, conf_low=estimate - half, conf_high=estimate + half, p_adjusted=p_value
    )


def _rounded_up(p_value: pd.Series) -> pd.Series:
    return pd.Series(P_STEPS[np.searchsorted(P_STEPS, p_value.fillna(1.0))], p_value.index).where(p_value.notna())


def _asked_by_name(data: StudyData, stages: Sequence[str]) -> pd.DataFrame:
    """Return, per stage and KPI, how many answers of employees there are, and whether one is that of few."""
    said = ex_answer_cells(data)
    said = said[said["touchpoint"].isin(stages)].rename(columns={"touchpoint": "group", "n_score": "n"})
    n = said.groupby(["group", "kpi"], sort=True)["n"].sum().reset_index()
    found = n.merge(rare_answers(data).rename(columns={"touchpoint": "group", "mean": "rare"}), how="left")
    found["rare"] = found["rare"].eq(True)  # averages have no row: they speak of no single answer
    total = found.groupby("kpi", sort=True).agg({"n": "sum", "rare": "any"}).reset_index().assign(group=ALL)
    return pd.concat([found[["group", "kpi", "n", "rare"]], total], ignore_index=True)


def _in_force(data: StudyData, group: str) -> pd.DataFrame:
    """Return the same of the EX in force behind contacts: of every person and wave one answer per KPI counts."""
    cells = data.cells([data.unit, "wave", group], data.cx_kpis).rename(columns={group: "group"})
    both = cells.merge(data.exposures(), on=[data.unit, "wave"], how="inner", validate="many_to_one")
    rows = []
    for kpi in mirrored(data):
        low, high = ex_kpi_scales(data)[kpi]
        known = both[both[f"ex_{kpi}"].notna() & (both[f"n_{kpi}"] > 0)]
        every = known.drop_duplicates([data.unit, "wave"]).assign(group=ALL)
        said = pd.concat([known, every])
        people = said.groupby(["group", said[f"ex_{kpi}"].round().rename("answer")])[data.unit].nunique()
        usual = (people >= data.study.privacy.min_group).groupby(level="group").sum()
        n = said.groupby("group").size()
        rows.append(pd.DataFrame({"n": n, "rare": usual.reindex(n.index) < high - low + 1}).assign(kpi=kpi))
    return pd.concat(rows).rename_axis("group").reset_index()


def _same_contacts(data: StudyData, group: str) -> pd.DataFrame:
    """Return both sides of every linked contact with an answer, per unit, wave and ``group``."""
    cells = data.cells([data.unit, "wave", group], data.cx_kpis)
    exposed = data.exposures()
    both = cells.merge(exposed, on=[data.unit, "wave"], how="inner", validate="many_to_one")
    cx, ex = cx_kpi_scales(data), ex_kpi_scales(data)
    parts = []
    for kpi in mirrored(data):
        known = both[both[f"ex_{kpi}"].notna() & (both[f"n_{kpi}"] > 0)]
        n = known[f"n_{kpi}"]
        parts.append(
            pd.DataFrame(
                {data.unit: known[data.unit], "group": known[group], "kpi": kpi, "n_customers": n, "n_employees": n}
            )
            .assign(sum_customers=n * percent_of_scale(known[f"sum_{kpi}"] / n, cx[kpi]))
            .assign(sum_employees=n * percent_of_scale(known[f"ex_{kpi}"], ex[kpi]))
        )
    return pd.concat(parts, ignore_index=True)


def _by_name(data: StudyData, stages: Sequence[str]) -> pd.DataFrame:
    """Return customers' answers at the stages, and employees' answers about them, per unit."""
    cx, ex = cx_kpi_scales(data), ex_kpi_scales(data)
    theirs, ours = cx_answer_cells(data), ex_answer_cells(data)
    parts = []
    for kpi in mirrored(data):
        served = theirs[theirs["touchpoint"].isin(stages) & (theirs[f"n_{kpi}"] > 0)]
        n, mean = served[f"n_{kpi}"], served[f"sum_{kpi}"] / served[f"n_{kpi}"]
        parts.append(
            pd.DataFrame(
                {data.unit: served[data.unit], "group": served["touchpoint"], "kpi": kpi, "n_customers": n}
            ).assign(sum_customers=n * percent_of_scale(mean, cx[kpi]), n_employees=0, sum_employees=0.0)
        )
        said = ours[(ours["kpi"] == kpi) & ours["touchpoint"].isin(stages)]
        n, mean = said["n_score"], said["sum_score"] / said["n_score"]
        parts.append(
            pd.DataFrame(
                {data.unit: said[data.unit], "group": said["touchpoint"], "kpi": kpi, "n_employees": n}
            ).assign(sum_employees=n * percent_of_scale(mean, ex[kpi]), n_customers=0, sum_customers=0.0)
        )
    return pd.concat(parts, ignore_index=True)
