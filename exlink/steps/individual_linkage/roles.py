"""Step 03: do aspects work alike in all roles and at all tenures? (M4, M26) — slopes by group, pooled in part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import MIN_UNITS, aspect_columns, column_label, panel_cells
from exlink.data.planted import planted_factors
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.group_slopes import group_slopes
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.pooling import Pooled, partial_pool
from exlink.stats.power import p_in_words

ROLE, TENURE = "role", "tenure"
BANDS = ((1.0, "under 1 year"), (3.0, "1 to 3 years"), (np.inf, "3 years or more"))  # upper ends, in years
RAW, POOLED = "as measured", "pooled in part"


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Slopes within persons, by role and by tenure.

    slopes : DataFrame      dimension, aspect, term, outcome, who (the group), kind ('as measured', 'pooled in part'),
                            estimate, conf_low, conf_high, n, n_units
    tests : DataFrame       dimension, aspect, term, outcome, groups (how many), average (slope of the average group)
                            with conf_low, conf_high, tau (SD of true slopes between groups) with tau_low, tau_high, i2,
                            p_value, p_adjusted (Benjamini–Hochberg over all rows), p_words, verdict, n, n_units (of the
                            smallest group)
    lines : list of str     what could not be assessed, and why
    """

    slopes: pd.DataFrame
    tests: pd.DataFrame
    lines: list[str]


SLOPES = ["dimension", "aspect", "term", "outcome", "who", "kind", "estimate", "conf_low", "conf_high", "n", "n_units"]
TESTS = ["dimension", "aspect", "term", "outcome", "groups", "average", "conf_low", "conf_high", "tau", "tau_low",
         "tau_high", "i2", "p_value", "n", "n_units"]  # fmt: skip


def differences(data: StudyData) -> Differences:
    """Return the slope of every CX KPI on every aspect by role and by tenure, and whether groups differ.

    Roles are those of the day (``assignments``); tenure is counted at the EX answer. Groups with fewer than ten
    employees whose answers move are left out.
    """
    if data.unit != "employee_id":
        return _nothing("not assessed: roles and tenure are known of employees, and this study links teams")
    rows, tests, lines = [], [], []
    for dimension, cells in ((ROLE, panel_cells(data, ["role"])), (TENURE, _by_tenure(data))):
        if isinstance(cells, str):
            lines.append(cells)
            continue
        failed = 0
        for y in data.cx_kpis:
            for x in aspect_columns(data):
                try:
                    found = group_slopes(cells, y, x, data.unit, dimension, "wave", min_units=MIN_UNITS)
                except EstimationError:
                    failed += 1
                    continue
                pooled = partial_pool(
                    found.table["estimate"], found.vcov, found.table["term"], n=found.table["n"], df=found.df
                )
                about = {"dimension": dimension, "aspect": column_label(data, x), "term": x, "outcome": y}
                rows += _slope_rows(about, pooled, found.table["n_units"])
                tests.append(_test_row(about, pooled, found.table["n_units"]))
        if failed and not any(t["dimension"] == dimension for t in tests):
            lines.append(
                f"not assessed: slopes by {dimension} need two groups of at least {MIN_UNITS} {data.people} whose EX "
                "answers move"
            )
    out = pd.DataFrame(tests, columns=TESTS)
    out["p_adjusted"] = benjamini_hochberg(out["p_value"].astype(float))
    out["p_words"] = out["p_adjusted"].map(p_in_words)
    out["verdict"] = np.where(out["p_adjusted"] < 0.05, "differs", "not shown to differ")
    return Differences(pd.DataFrame(rows, columns=SLOPES), out, lines)


def chosen_aspect(within: pd.DataFrame, found: Differences, outcome: str) -> str:
    """Return the aspect to look at: the one whose slopes clearly differ, else the clearest slope within persons."""
    tests = found.tests[(found.tests["outcome"] == outcome) & (found.tests["p_adjusted"] < 0.05)]
    if len(tests):
        return str(tests.loc[tests["p_value"].idxmin(), "term"])
    part = within[(within["outcome"] == outcome) & within["estimate"].notna()]
    return "" if part.empty else str(part.loc[(part["estimate"] / part["std_error"]).abs().idxmax(), "term"])


def of_aspect(found: Differences, term: str, outcome: str) -> pd.DataFrame:
    """Return the slopes of one aspect and outcome by group, as measured and pooled in part under each other."""
    part = found.slopes[(found.slopes["term"] == term) & (found.slopes["outcome"] == outcome)]
    places = {name: k for k, (_, name) in enumerate(BANDS)}
    place = part["who"].map(places).fillna(-1)
    return (
        part.assign(place=place)
        .sort_values(["dimension", "place"], kind="stable", ignore_index=True)
        .drop(columns="place")
    )


def differences_sentence(found: Differences, term: str, outcome: str, min_group: int = 1) -> str:
    """Return whether slopes differ between roles and tenures, for whom, and what could have gone unseen for one.

    Parameters
    ----------
    min_group : groups of fewer people are not told of.
    """
    if found.tests.empty:
        return ". ".join(found.lines)
    differing = found.tests[found.tests["p_adjusted"] < 0.05]
    by = " and by ".join(found.tests["dimension"].unique())
    tried = f"{len(found.tests)} comparisons (every aspect and KPI, by {by})"
    head = (
        f"**No evidence that aspects work differently by role or tenure**: of {tried} none stands after adjustment for "
        "many tests (Benjamini–Hochberg)."
        if differing.empty
        else "**The slope differs** for "
        + in_words([f"{r.aspect} on {r.outcome} by {r.dimension}" for r in differing.itertuples()])
        + f"; no other of {tried} stands after adjustment for many tests (Benjamini–Hochberg)."
    )
    part = found.tests[(found.tests["term"] == term) & (found.tests["outcome"] == outcome)]
    seen = [
        f"By {r.dimension}, {r.aspect} goes with {signed(r.average)} points of {outcome} on average; true slopes of "
        f"groups spread around that by {r.tau:.2f} (standard deviation; {r.tau_low:.2f} to {r.tau_high:.2f}; "
        f"{r.n:,} answers)."
        for r in part.itertuples()
    ]
    if len(part) > 1:
        seen.append(
            "The averages need not agree: each counts its groups by how surely their slopes are known, and where true "
            "slopes differ, small groups count nearly as much as large ones."
        )
    whom = [_for_whom(found, r, min_group) for r in differing[differing["outcome"] == outcome].itertuples()]
    return " ".join([head, *filter(None, whom), *seen, *(f"{line[0].upper()}{line[1:]}." for line in found.lines)])


def _for_whom(found: Differences, test: Any, min_group: int) -> str:
    """Return the slopes of one aspect group by group, the strongest first."""
    rows = found.slopes[
        (found.slopes["dimension"] == test.dimension) & (found.slopes["term"] == test.term)
        & (found.slopes["outcome"] == test.outcome) & (found.slopes["kind"] == RAW)
        & (found.slopes["n_units"] >= min_group)
    ].sort_values("estimate", ascending=False, kind="stable")  # fmt: skip
    if len(rows) < 2:
        return ""
    said = [f"{r.who} {signed(r.estimate)} ({signed(r.conf_low)} to {signed(r.conf_high)})" for r in rows.itertuples()]
    return f"A point more of {test.aspect} goes with these points of {test.outcome}: {', '.join(said)}."


def planted_sentence(data: StudyData, term: str) -> str:
    """Return by what an aspect was made to act more in some groups; ``""`` for real data and where nothing differs."""
    said = []
    for dimension in (ROLE, TENURE):
        factors = planted_factors(data, dimension, term.removeprefix("ex_"))
        if len(set(factors.values())) > 1:
            said.append(in_words([f"{who} {factor:g}" for who, factor in factors.items()]))
    if not said:
        return ""
    return f"Planted in these simulated data, times the usual slope of {column_label(data, term)}: {'; '.join(said)}."


def _by_tenure(data: StudyData) -> pd.DataFrame | str:
    missing = data.missing("employees.hired_on")
    if missing:
        return missing
    cells = panel_cells(data)
    answered = data.exposures()[[data.unit, "wave", "responded_on"]]
    hired = data.query("SELECT employee_id, hired_on FROM employees ORDER BY 1")
    both = cells[[data.unit, "wave"]].merge(answered, how="left").merge(hired, how="left")
    years = (pd.to_datetime(both["responded_on"]) - pd.to_datetime(both["hired_on"])).dt.days / 365.25
    band = pd.cut(years, [-np.inf, *(end for end, _ in BANDS)], labels=[name for _, name in BANDS], right=False)
    return cells.assign(tenure=band.to_numpy(dtype=object))


def _slope_rows(about: dict[str, str], pooled: Pooled, units: pd.Series) -> list[dict]:
    rows = []
    names = {RAW: ("estimate", "conf_low", "conf_high"), POOLED: ("shrunken", "shrunken_low", "shrunken_high")}
    for row, n_units in zip(pooled.table.to_dict("records"), units, strict=True):
        for kind, columns in names.items():
            values = dict(zip(("estimate", "conf_low", "conf_high"), (row[c] for c in columns), strict=True))
            rows.append({**about, "who": row["term"], "kind": kind, **values, "n": row["n"], "n_units": int(n_units)})
    return rows


def _test_row(about: dict[str, str], pooled: Pooled, units: pd.Series) -> dict:
    average = pooled.average.iloc[0]
    return {
        **about, "groups": len(pooled.table), "average": average["estimate"], "conf_low": average["conf_low"],
        "conf_high": average["conf_high"], "tau": pooled.tau, "tau_low": pooled.tau_low, "tau_high": pooled.tau_high,
        "i2": pooled.i2, "p_value": pooled.p_value, "n": int(average["n"]), "n_units": int(units.min()),
    }  # fmt: skip


def _nothing(line: str) -> Differences:
    empty = pd.DataFrame(columns=[*TESTS, "p_adjusted", "p_words", "verdict"])
    return Differences(pd.DataFrame(columns=SLOPES), empty, [line])
