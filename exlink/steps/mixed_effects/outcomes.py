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
from exlink.data.panel import column_label
from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.ordinal import OrdinalFit, fit_ordinal
from exlink.stats.power import adjusted_verdict, minimum_detectable, p_in_words
from exlink.stats.quasi import CLOGLOG, IDENTITY, LOG, LOGIT, QuasiFit, fit_quasi
from exlink.stats.tidy import TIDY
from exlink.steps.mixed_effects.few import too_few_changes
from exlink.steps.mixed_effects.outcome_rows import EASE, ESCALATIONS, WorkRows, level_columns, work_rows

POINTS, PERCENT = "percentage points", "percent"
SMALLEST_PERCENT = 2.0  # change per point of an aspect that would matter
SMALLEST_PART = 0.05  # … of shares: this part of the rarer of what happens and what does not
EVENTS_EACH = 5  # events, and non-events, behind each coefficient of EX; fewer leave chance the say


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
NEEDS = {"escalation_resolved_on": ESCALATIONS,
         EASE: ("cx_responses.ease",)}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class WorkFits:
    """The models of outcomes.

    effects : DataFrame     one row per outcome, aspect and effect (within, between); see `fit_work`
    fits : dict             column → QuasiFit, of all but ordered answers
    effort : OrdinalFit or None    of customers' answers to ease
    failures : list of str  one line per outcome that could not be assessed
    rows : WorkRows or None
    """

    effects: pd.DataFrame
    fits: dict[str, QuasiFit]
    effort: OrdinalFit | None
    failures: list[str]
    rows: WorkRows | None


COLUMNS = [
    "outcome", "column", "family", "unit", "effect", *TIDY, "coefficient", "coefficient_error", "n_units", "smallest",
]  # fmt: skip


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
        return WorkFits(_judged(data, []), {}, None, [reason], None)
    if data.has("interactions", "weight"):
        line = "not assessed: rows of `interactions` stand for several customers (`weight`), not for single contacts"
        return WorkFits(_judged(data, []), {}, None, [line], None)
    needs = {o.column: NEEDS.get(o.column, (f"interactions.{o.column}",)) for o in OUTCOMES}
    lines = {column: data.missing(*of) for column, of in needs.items()}
    absent = data.missing(*dict.fromkeys(need for of in needs.values() for need in of))
    failures = [absent] if absent else []
    if all(lines.values()):
        return WorkFits(_judged(data, []), {}, None, failures, None)
    rows = work_rows(data, circumstances)
    if few := too_few_changes(rows.changes, len(rows.within), data.people):
        return WorkFits(_judged(data, []), {}, None, [*failures, few], None)
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
        fits[outcome.column] = fit
    effort = fits.pop(EASE, None)
    return WorkFits(_judged(data, [_of_ex(part, rows) for part in parts]), fits, effort, failures, rows)


def in_percent(fit: QuasiFit) -> pd.DataFrame:
    """Return the table of a log-linear fit as percent change per unit of each term."""
    table = fit.table
    changed = {c: 100 * np.expm1(table[c]) for c in ("estimate", "conf_low", "conf_high")}
    return table.assign(**changed, std_error=100 * np.exp(table["estimate"]) * table["std_error"])


def _fit(rows: WorkRows, outcome: Outcome) -> tuple[QuasiFit | OrdinalFit, pd.DataFrame]:
    """Return a fit and its effects in the unit of the outcome, with the coefficients beside them."""
    if outcome.kind == "ordinal":
        if not rows.levels:
            raise EstimationError("ease: answers are not a few whole steps")
        columns = level_columns(rows)
        easy, others = (float(rows.totals[part].sum()) for part in (columns[-2:], columns[:-2]))
        _enough(rows, easy, others, "such answers")
        fit = fit_ordinal(rows.cells, columns, rows.levels)
        return fit, _beside(fit.top, fit.table, 100.0)
    column = "log_handle" if outcome.kind == "log" else outcome.column
    if outcome.kind == "hazard":
        _enough(rows, rows.spells.values["ends"].sum(), np.inf, "solved escalations")
        fit = fit_quasi(rows.spells, "ends", "waiting", CLOGLOG)
    else:
        counted, total = (float(rows.totals[f"{c}_{column}"]) for c in ("n", "sum"))
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
    values, shares = rows.totals, {}
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
