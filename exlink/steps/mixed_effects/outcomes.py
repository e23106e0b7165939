"""What poor EX does in contacts (M25): advice, time, effort and hand-offs, each in its own kind of model.

Every aspect is split into within and between (Mundlak 1978), circumstances and waves are held equal, errors are
clustered by unit; effects come in units that can be read: percentage points of a share, percent of a time or a rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.outcomes import WEEKS, combinations, escalation_spells, outcome_cells
from exlink.data.panel import aspect_columns, column_label
from exlink.errors import EstimationError
from exlink.stats.crossed import CellTable, crossed_cells
from exlink.stats.durations import at_risk
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import adjusted_verdict, minimum_detectable, p_in_words
from exlink.stats.quasi import CLOGLOG, IDENTITY, LOG, LOGIT, QuasiFit, fit_quasi
from exlink.stats.tidy import TIDY
from exlink.stats.within_between import split
from exlink.steps.mixed_effects.controls import read_controls
from exlink.steps.mixed_effects.rows import MEDIATORS

POINTS, PERCENT = "percentage points", "percent"
SMALLEST_PERCENT = 2.0  # change per point of an aspect that would matter
SMALLEST_PART = 0.05  # … of shares: this part of the rarer of what happens and what does not
EVENTS_EACH = 5  # events, and non-events, behind each coefficient of EX; fewer leave chance the say
EASE = "ease"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One outcome: its name on the page, its column, its family of tests, its kind of model and its unit."""

    name: str
    column: str
    family: str
    kind: str
    unit: str


OUTCOMES = (
    Outcome("solved at first contact", "resolved_first_contact", "advice", "logit", POINTS),
    Outcome("reopened", "reopened", "advice", "logit", POINTS),
    Outcome("escalated", "escalated", "advice", "logit", POINTS),
    Outcome("found easy by customers", EASE, "effort", "ordinal", POINTS),
    Outcome("handling time", "handle_seconds", "time", "log", PERCENT),
    Outcome("speed of solving escalations", "escalation_resolved_on", "time", "hazard", PERCENT),
    Outcome("hand-offs", "transfers", "hand-offs", "count", PERCENT),
)
NEEDS = {"escalation_resolved_on": ("interactions.escalated", "interactions.escalation_resolved_on"),
         EASE: ("cx_responses.ease",)}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class WorkRows:
    """What the models of outcomes are fitted on.

    cells : CellTable          contacts per unit, wave and circumstances
    spells : CellTable or None    weeks at risk of escalated contacts
    given_solved : dict        column → CellTable with first-contact resolution as a circumstance; simulated data only
    levels : list of float     answers to ease
    within, between : list     columns of the aspects
    share : float              share of the contacts that was drawn
    contacts, units : int
    """

    cells: CellTable
    spells: CellTable | None
    given_solved: dict[str, CellTable]
    levels: list[float]
    within: list[str]
    between: list[str]
    share: float
    contacts: int
    units: int


@dataclass(frozen=True, slots=True, eq=False)
class WorkFits:
    """The models of outcomes.

    effects : DataFrame     one row per outcome, aspect and effect (within, between); see `fit_work`
    fits : dict             column → QuasiFit, of all but ordered answers
    failures : list of str  one line per outcome that could not be assessed
    rows : WorkRows or None
    """

    effects: pd.DataFrame
    fits: dict[str, QuasiFit]
    failures: list[str]
    rows: WorkRows | None


COLUMNS = [
    "outcome", "column", "family", "unit", "effect", *TIDY, "coefficient", "coefficient_error", "n_units", "smallest",
]  # fmt: skip


def work_rows(data: StudyData, circumstances: Sequence[str]) -> WorkRows:
    """Return contacts compressed for the models; circumstances that EX itself moves are left out."""
    wanted = [c for c in circumstances if c not in MEDIATORS]
    key, xs = [data.unit, "wave"], aspect_columns(data)
    cells, levels = outcome_cells(data, wanted, EASE if EASE in data.cx_kpis else "")
    combos, cells["right"] = combinations(cells, wanted)
    left, left_columns = _left(data, cells, xs)
    right = circumstance_columns(data, combos, wanted)
    values = [c for c in cells if c == "n" or c.startswith(("n_", "sum_", "sumsq_"))]
    design = {"key": key, "unit": data.unit, "left_columns": left_columns}
    table = crossed_cells(cells, left, right, right_columns=list(right), values=values, **design)
    spells = None
    if not data.missing(*NEEDS["escalation_resolved_on"]):
        spells = _weeks_at_risk(data, wanted, combos, right, left, design)
    solved = {c: _by_solved(cells, left, right, c, design) for c in ("reopened", "escalated")
              if data.truth is not None and f"n_{c}_solved" in cells}  # fmt: skip
    names = {kind: [f"{x}_{kind}" for x in xs] for kind in ("within", "between")}
    return WorkRows(
        table, spells, solved, levels, names["within"], names["between"], cells.attrs.get("share", 1.0),
        int(table.values["n"].sum()), len(table.design.units),
    )  # fmt: skip


def fit_work(data: StudyData, circumstances: Sequence[str], reason: str = "") -> WorkFits:
    """Fit the model of every outcome that the study holds; ``reason`` says why none can be, or ''.

    Returns
    -------
    WorkFits; ``effects`` has outcome (words), column, family, unit, effect ('within', 'between'), aspect, tidy columns
    in ``unit`` per point of the aspect with errors clustered by unit, coefficient and coefficient_error (logit, log or
    log hazard), n_units, smallest (change that would matter), p_adjusted (Benjamini–Hochberg within family and effect),
    p_words, verdict, clear, mde (of one test, before the adjustment). Of ease: the share of the two highest answers.
    """
    if reason:
        return WorkFits(_judged(data, []), {}, [reason], None)
    if data.has("interactions", "weight"):
        line = "not assessed: rows of `interactions` stand for several customers (`weight`), not for single contacts"
        return WorkFits(_judged(data, []), {}, [line], None)
    lines = {o.column: data.missing(*NEEDS.get(o.column, (f"interactions.{o.column}",))) for o in OUTCOMES}
    failures = list(dict.fromkeys(line for line in lines.values() if line))
    if all(lines.values()):
        return WorkFits(_judged(data, []), {}, failures, None)
    rows = work_rows(data, circumstances)
    parts, fits = [], {}
    rarer = _rarer(rows)
    for outcome in OUTCOMES:
        if lines[outcome.column]:
            continue
        try:
            fit, part = _fit(rows, outcome)
        except EstimationError as error:
            failures.append(f"not assessed: {outcome.name}: {_plain(error)}")
            continue
        parts += [part.assign(outcome=outcome.name, column=outcome.column, family=outcome.family, unit=outcome.unit,
                              smallest=rarer.get(outcome.column, SMALLEST_PERCENT))]  # fmt: skip
        if fit is not None:
            fits[outcome.column] = fit
    return WorkFits(_judged(data, [_of_ex(part, rows) for part in parts]), fits, failures, rows)


def in_percent(fit: QuasiFit) -> pd.DataFrame:
    """Return the table of a log-linear fit as percent change per unit of each term."""
    table = fit.table
    changed = {c: 100 * np.expm1(table[c]) for c in ("estimate", "conf_low", "conf_high")}
    return table.assign(**changed, std_error=100 * np.exp(table["estimate"]) * table["std_error"])


def _fit(rows: WorkRows, outcome: Outcome) -> tuple[QuasiFit | None, pd.DataFrame]:
    """Return a fit and its effects in the unit of the outcome, with the coefficients beside them."""
    if outcome.kind == "ordinal":
        from exlink.steps.mixed_effects.effort import fit_effort

        fit = fit_effort(rows)
        return None, _beside(fit.top, fit.table, 100.0)
    column = "log_handle" if outcome.kind == "log" else outcome.column
    if outcome.kind == "hazard":
        _enough(rows, rows.spells.values["ends"].sum(), np.inf, "solved escalations")
        fit = fit_quasi(rows.spells, "ends", "waiting", CLOGLOG)
    else:
        counted, total = (float(rows.cells.values[f"{c}_{column}"].sum()) for c in ("n", "sum"))
        if outcome.kind != "log":
            _enough(rows, total, counted - total if outcome.kind == "logit" else np.inf, "such contacts")
        family = {"logit": LOGIT, "log": IDENTITY, "count": LOG}[outcome.kind]
        squares = f"sumsq_{column}" if outcome.kind in ("log", "count") else None
        fit = fit_quasi(rows.cells, f"sum_{column}", f"n_{column}", family, squares=squares)
    points = outcome.unit == POINTS
    return fit, _beside(fit.marginal, fit.table, 100.0) if points else _beside(in_percent(fit), fit.table)


def _beside(effects: pd.DataFrame, table: pd.DataFrame, times: float = 1.0) -> pd.DataFrame:
    """Return effects with the coefficient they come from; its p value is the test of both."""
    scaled = {c: times * effects[c] for c in ("estimate", "std_error", "conf_low", "conf_high")}
    return effects.assign(**scaled, p_value=table["p_value"], coefficient=table["estimate"],
                          coefficient_error=table["std_error"])  # fmt: skip


def _rarer(rows: WorkRows) -> dict[str, float]:
    """Return, per outcome that is a share, the smallest change that matters, in percentage points."""
    values, shares = rows.cells.values.sum(), {}
    for outcome in OUTCOMES:
        if outcome.kind == "logit" and f"n_{outcome.column}" in values and values[f"n_{outcome.column}"]:
            shares[outcome.column] = values[f"sum_{outcome.column}"] / values[f"n_{outcome.column}"]
    if rows.levels:
        top = [f"n_{EASE}_{k}" for k in (len(rows.levels) - 1, len(rows.levels))]
        shares[EASE] = values[top].sum() / values[f"n_{EASE}"]
    return {column: 100 * SMALLEST_PART * min(share, 1 - share) for column, share in shares.items()}


def _enough(rows: WorkRows, events: float, others: float, what: str) -> None:
    needed = EVENTS_EACH * (len(rows.within) + len(rows.between))
    if min(events, others) < needed:
        raise EstimationError(f"at least {needed} {what}, and as many others, are needed for so many aspects")


def _plain(error: Exception) -> str:
    return str(error).split(": ", 1)[-1].rstrip(".")


def _of_ex(part: pd.DataFrame, rows: WorkRows) -> pd.DataFrame:
    """Return the rows of EX, one per aspect and effect."""
    kept = []
    for effect, names in (("within", rows.within), ("between", rows.between)):
        chosen = part[part["term"].isin(names)]
        kept.append(chosen.assign(effect=effect, term=chosen["term"].str.removesuffix(f"_{effect}")))
    return pd.concat(kept, ignore_index=True)


def _judged(data: StudyData, parts: list[pd.DataFrame]) -> pd.DataFrame:
    found = pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
    found = found.assign(
        aspect=[column_label(data, t) for t in found["term"]],
        p_adjusted=benjamini_hochberg(found["p_value"].astype(float), family=found["family"] + found["effect"]),
        mde=minimum_detectable(found["std_error"].to_numpy(dtype=float)),
    )
    found["p_words"] = found["p_adjusted"].map(p_in_words)
    found["verdict"] = [
        adjusted_verdict(r.estimate, r.conf_low, r.conf_high, r.p_adjusted, r.smallest) for r in found.itertuples()
    ]
    return found.assign(clear=found["verdict"].isin(["higher", "lower"]))


def _left(data: StudyData, cells: pd.DataFrame, xs: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return units × waves with all aspects known: the aspects split, and a column per wave but the first."""
    key = [data.unit, "wave"]
    counts = cells.groupby(key, as_index=False)["n"].sum()
    left = counts.merge(data.exposures()[[*key, *xs]], on=key, how="inner", validate="one_to_one")
    left = split(left[left[xs].notna().all(axis=1)].reset_index(drop=True), xs, data.unit, weights="n")
    waves = {f"wave_{k}": (left["wave"] == w).astype(float) for k, w in enumerate(sorted(left["wave"].unique())[1:], 1)}
    left = left.assign(**waves)
    return left, [*(f"{x}_within" for x in xs), *(f"{x}_between" for x in xs), *waves]


def circumstance_columns(data: StudyData, combos: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """Return the columns of a model for each combination of circumstances."""
    there = [c for c in wanted if c in combos]
    if not there:
        return pd.DataFrame(index=combos.index)
    rows = data.lazily(combos.assign(place=np.arange(len(combos))))
    found, _ = read_controls(rows, there)
    columns = [column for control in found for column in control.columns]
    names = [name for control in found for name in control.names]
    made = rows.select("place", *columns).sort("place").collect().to_pandas()
    return made[names].astype(float)


def _weeks_at_risk(
    data: StudyData, wanted: Sequence[str], combos: pd.DataFrame, right: pd.DataFrame, left: pd.DataFrame, design: dict
) -> CellTable:
    """Return escalated contacts by week they were open, with a level of speed for each week."""
    there = [c for c in wanted if c in combos]
    spells = escalation_spells(data, there)
    places = combos.assign(at=np.arange(len(combos)))
    spells = spells.merge(places, on=there, how="inner") if there else spells.assign(at=0)
    risk = at_risk(spells, [*design["key"], "at"], last=WEEKS - 1)
    pairs = risk[["at", "period"]].drop_duplicates().sort_values(["at", "period"], ignore_index=True)
    risk = risk.merge(pairs.assign(right=np.arange(len(pairs))), on=["at", "period"])
    weeks = {f"week_{k}": (pairs["period"] == k).astype(float) for k in range(1, WEEKS)}
    both = pd.concat([right.iloc[pairs["at"]].reset_index(drop=True), pd.DataFrame(weeks)], axis=1)
    return crossed_cells(risk, left, both, right_columns=list(both), values=["waiting", "ends"], **design)


def _by_solved(cells: pd.DataFrame, left: pd.DataFrame, right: pd.DataFrame, column: str, design: dict) -> CellTable:
    """Return the cells of one outcome with first-contact resolution as one more circumstance."""
    parts = []
    for solved in (0, 1):
        counts = {
            name: cells[f"{name}_{column}_solved"] if solved else
            cells[f"{name}_{column}"] - cells[f"{name}_{column}_solved"] for name in ("n", "sum")
        }  # fmt: skip
        parts.append(cells[design["key"]].assign(right=2 * cells["right"] + solved, **counts))
    both = right.iloc[np.repeat(np.arange(len(right)), 2)].reset_index(drop=True)
    both["solved"] = np.tile([0.0, 1.0], len(right))
    return crossed_cells(pd.concat(parts, ignore_index=True), left, both, right_columns=list(both), values=["n", "sum"],
                         **design)  # fmt: skip
