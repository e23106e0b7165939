"""How many minutes a day work takes beside the systems, in four parts, and what goes with them (M13)."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.effort import (
    COUNTS,
    PARTS,
    TOTAL,
    effort_by_quarter,
    effort_by_wave,
    effort_columns,
    effort_reason,
    mean_minutes,
)
from exlink.data.panel import panel_cells
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.intervals import group_means
from exlink.stats.multiplicity import judged
from exlink.stats.power import minimum_detectable
from exlink.stats.within_between import within_slope

STEP_MINUTES = 10  # slopes are per so many minutes a day
FEWEST_MINUTES = 1.0  # a part of the day below this is too small for a slope per ten minutes
EX_EASE, CX_EASE = "employees' ease", "customers' ease"
EVERYBODY = {"role": "all roles", "team_id": "all"}
WHERE = {None: "in all applications", False: "in unmanaged applications", True: "in managed applications"}
LEVELS = ["part", "group", "estimate", "conf_low", "conf_high", "n", "n_units"]
SLOPES = ["outcome", "part", "estimate", "conf_low", "conf_high", "std_error", "p_adjusted", "n", "n_units", "verdict"]


def definition() -> pd.DataFrame:
    """Return what counts: parts with the gap each stands for, and in every part what is counted."""
    parts = [{"kind": "Parts", "name": p.name, "rule": f"category {p.category}: {p.gap}"} for p in PARTS]
    counted = [
        {
            "kind": "Counted in each part",
            "name": c.column.replace("_", "-"),
            "rule": ("" if c.column == "minutes" else f"{c.minutes * 60:.0f} seconds each, ")
            + f"{WHERE[c.managed]}: {c.why}",
        }
        for c in COUNTS
    ]
    return pd.DataFrame(parts + counted)


def reason(data: StudyData) -> str:
    """Return why there is no effort index, or ''."""
    return effort_reason(data)


def levels(data: StudyData, by: str = "role") -> pd.DataFrame:
    """Return minutes a day by part and role, team_id or quarter, with intervals over employees.

    Returns
    -------
    DataFrame, LEVELS: part (four, and their sum; of teams the sum only), group (``EVERYBODY`` first, but for quarters),
    n (days), n_units.
    """
    if effort_reason(data):
        return pd.DataFrame(columns=LEVELS)
    frame = effort_by_quarter(data)
    parts = []
    for keys in ((), (by,)) if by in EVERYBODY else ((by,),):
        sums = mean_minutes(frame, list(keys))
        for name in [TOTAL] if by == "team_id" else effort_columns():
            out = group_means(sums, name, list(keys), cluster="employee_id")
            out = out.rename(columns={by: "group"}) if keys else out.assign(group=EVERYBODY[by])
            parts.append(out.assign(part=name).rename(columns={"n_clusters": "n_units"})[LEVELS])
    table = pd.concat(parts, ignore_index=True)
    table["conf_low"] = table["conf_low"].clip(lower=0)  # nobody spends less than no time
    return table


def level_sentence(table: pd.DataFrame, min_group: int) -> str:
    """Say how many minutes a day go beside the systems, and which part takes most."""
    overall = table[(table["group"] == EVERYBODY["role"]) & (table["n_units"] >= min_group)].set_index("part")
    if TOTAL not in overall.index:
        return ""
    total, parts = overall.loc[TOTAL], overall.drop(index=TOTAL)
    most = parts["estimate"].idxmax()
    return (
        f"**{total.estimate:.0f} minutes a day ({total.conf_low:.0f} to {total.conf_high:.0f}) go beside the "
        f"systems**, most of them on {most} ({parts.loc[most, 'estimate']:.0f}); {int(total.n_units)} employees, "
        f"{int(total.n):,} days."
    )


def planted_sentence(data: StudyData, teams: pd.DataFrame, min_group: int) -> str:
    """Say where the teams planted to work beside the systems were found; '' for real data."""
    planted = (data.truth or {}).get("off_system")
    shown = teams[(teams["group"] != EVERYBODY["team_id"]) & (teams["n_units"] >= min_group)]
    if not planted or not planted["shadow_teams"] or not set(planted["shadow_teams"]) <= set(shown["group"]):
        return ""
    places = shown["estimate"].rank(ascending=False)[shown["group"].isin(planted["shadow_teams"])]
    minutes = planted["minutes_per_person_day"]
    return (
        f"Planted in this simulated study: {len(places)} teams with {minutes['shadow_teams']:.0f} minutes a day in "
        f"unmanaged applications, {minutes['other_teams']:.0f} elsewhere; by all effort they are found at places "
        f"{in_words([f'{p:.0f}' for p in sorted(places)])} of {len(shown)}."
    )


def slopes(data: StudyData) -> pd.DataFrame:
    """Return what ten minutes more than one's own usual day go with: employees' ease and customers' ease.

    Days and answers of one wave are laid beside each other, with employee and wave effects, so they speak of the same
    time and not of an order in it. p values are adjusted over all rows (BH).

    Returns
    -------
    DataFrame, SLOPES: points of ease per ``STEP_MINUTES`` minutes; n (answers), n_units. Parts below
    ``FEWEST_MINUTES`` a day are left out.
    """
    if effort_reason(data):
        return pd.DataFrame(columns=SLOPES)
    effort = effort_by_wave(data)
    names = [name for name in effort_columns() if effort[name].mean() >= FEWEST_MINUTES]
    rows = []
    for outcome, cells in _outcomes(data).items():
        joined = cells.merge(effort[["employee_id", "wave", *names]], on=["employee_id", "wave"], how="inner")
        for name in names:
            joined[name] = joined[name] / STEP_MINUTES
            try:
                fit = within_slope(joined, "score", name, "employee_id", "wave").table.iloc[0]
            except EstimationError:  # the outcome, or this part of the day, does not vary within enough employees
                continue
            rows.append({"outcome": outcome, "part": name, **fit[["estimate", "conf_low", "conf_high", "std_error"]],
                         "p_value": fit["p_value"], "n": int(fit["n"]), "n_units": int(fit["n_units"])})  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=SLOPES)
    return judged(pd.DataFrame(rows))[SLOPES]


def slope_sentence(data: StudyData, frame: pd.DataFrame) -> str:
    """Say what more effort than usual goes with, or what this data could have seen; '' where there is no effort."""
    if effort_reason(data):
        return ""
    if frame.empty:
        return "not assessed: needs ease of employees or customers in two waves of at least 10 employees"
    said = []
    for row in frame[frame["part"] == TOTAL].itertuples():
        band = f"{signed(row.estimate)} ({signed(row.conf_low)} to {signed(row.conf_high)})"
        if row.verdict == "inconclusive":
            said.append(
                f"{row.outcome} {band}: inconclusive, {minimum_detectable(row.std_error):.2f} could have been seen"
            )
        else:
            said.append(f"{row.outcome} is {row.verdict}, {band} points")
    return (
        f"**In a quarter with {STEP_MINUTES} minutes of effort a day more than one's own usual**: {'; '.join(said)}. "
        f"Within the same {int(frame['n_units'].max())} employees; an association in the same time, not an effect."
    )


def _outcomes(data: StudyData) -> dict[str, pd.DataFrame]:
    """Return the cells of both sides' ease: employee_id, wave, n_score, sum_score, sumsq_score."""
    out = {}
    exposures = data.exposures()
    if "ex_ease" in exposures:
        known = exposures.dropna(subset=["ex_ease"])
        out[EX_EASE] = known[["employee_id", "wave"]].assign(
            n_score=1, sum_score=known["ex_ease"], sumsq_score=known["ex_ease"] ** 2
        )
    if "ease" in data.cx_kpis:
        cells = panel_cells(data)
        columns = {f"{stat}_ease": f"{stat}_score" for stat in ("n", "sum", "sumsq")}
        out[CX_EASE] = cells[["employee_id", "wave", *columns]].rename(columns=columns)
    return out
