"""Empowerment against scripts: what following the script goes with, at simple and at complex contacts (M27)."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import DRAWS, MIN_UNITS
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.lmm import LmmFit, fit_lmm
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import adjusted_verdict
from exlink.stats.ratio import crossing
from exlink.stats.tidy import tidy_frame
from exlink.steps.mixed_effects.models import Fits, formula_of
from exlink.steps.mixed_effects.rows import COMPLEXITY, SAMPLE, SCRIPT, Design

STEP = 0.1  # of script adherence, a share: effects are told per ten percentage points
LEVELS = (("simple", 0.1), ("complex", 0.9), ("typical", 0.5))  # quantiles of complexity, the ends first
OWN, USUAL, COMPLEX = "script_own", "script_usual", "script_complexity"
OWN_BY, USUAL_BY = "script_own_by_complexity", "script_usual_by_complexity"
PLANTED_AT = 3  # complexity at which simulated data state what adherence does
ALPHA = 0.05
TERMS = (OWN, OWN_BY, USUAL, USUAL_BY, COMPLEX)
COLUMNS = ["outcome", "level", "complexity", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n",
           "n_units"]  # fmt: skip
CROSSING = ["outcome", "turn", "turn_low", "turn_high", "p_interaction", "interaction", "n", "n_units", "planted",
            "signs", "seen_low", "seen_high"]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Scripts:
    """What following the script goes with.

    slopes : DataFrame      outcome, level (words with the value of complexity), complexity, and points of the KPI per
                            ten percentage points of adherence: estimate, std_error (clustered by unit), conf_low,
                            conf_high, p_value, p_adjusted (Benjamini–Hochberg over all rows), verdict, n, n_units
    turns : DataFrame       outcome, turn (complexity at which what following the script goes with changes its sign)
                            with Fieller's interval (missing where the data set no bounds), interaction (per level of
                            complexity and ten points of adherence), p_interaction, p_adjusted (over the KPIs), n,
                            n_units, planted (turn in simulated data), signs (whether both planted signs are found),
                            seen_low, seen_high (lowest and highest complexity of an answered contact)
    reason : str            why nothing is assessed, or ``""``
    sampled : bool          whether the answers are a fixed sample of the linked ones
    """

    slopes: pd.DataFrame
    turns: pd.DataFrame
    reason: str
    sampled: bool = False


def scripts(data: StudyData, given: Design, fits: Fits, *, reml: bool) -> Scripts:
    """Return what following the script goes with at simple, typical and complex contacts, for every CX KPI.

    Adherence is split into the unit's usual level and the contact's deviation from it; the latter, complexity and their
    product stand beside all terms of EX and the other circumstances. Units have effects of their own; customers do
    not, which costs precision only, and errors are clustered by unit. Of very many answers it is a fixed sample.
    """
    reason = data.missing("interactions.script_adherence", "interactions.complexity")
    if reason or data.has("interactions", "weight"):
        return _none(reason or "not assessed: a row of `interactions` is the average of several contacts")
    rows, levels, centre = _rows(data, given)
    if len(levels) < 2:
        return _none("not assessed: contacts hardly differ in complexity")
    slopes, turns, failures = [], [], []
    for y, begun in _begun(given, fits, rows, reml=reml).items():
        try:
            fit = begun.result()
        except EstimationError as error:
            failures.append(given.worded(error))
            continue
        slopes.append(_slopes(fit, y, levels, centre, given))
        turns.append(_turn(data, fit, y, centre, given))
    if not slopes:
        return _none(f"not assessed: {failures[0]}" if failures else f"not assessed: needs {MIN_UNITS} {data.people}")
    found = pd.concat(slopes, ignore_index=True)
    found["p_adjusted"] = benjamini_hochberg(found["p_value"])
    bounds = zip(found["estimate"], found["conf_low"], found["conf_high"], found["p_adjusted"], strict=True)
    found["verdict"] = [adjusted_verdict(*row) for row in bounds]
    ends = {"seen_low": rows[COMPLEX].min() + centre, "seen_high": rows[COMPLEX].max() + centre}
    where = pd.DataFrame(turns, columns=CROSSING).assign(**ends)
    where = where.assign(p_adjusted=benjamini_hochberg(where["p_interaction"]))
    return Scripts(found, where, "", given.answers > SAMPLE)


def _begun(given: Design, fits: Fits, rows: pd.DataFrame, *, reml: bool) -> dict[str, Future[LmmFit]]:
    """Return the model of every KPI, two of them fitted at a time."""
    found = {}
    with ThreadPoolExecutor(max_workers=2) as beside:
        for y, fit in fits.mixed.items():
            kept = [t for t in fit.terms if not t.startswith("c_complexity")]
            formula = formula_of(y, [*kept, *TERMS])
            found[y] = beside.submit(fit_lmm, formula, rows, {given.unit: "1"}, reml=reml)
    return found


def turns_sentence(found: Scripts, people: str) -> str:
    """Return at which complexity following the script turns from help to hindrance, per CX KPI."""
    if found.reason:
        return found.reason
    clear = found.turns[found.turns["p_adjusted"] < ALPHA]
    if clear.empty:
        seen = in_words([f"{r.outcome} {signed(r.interaction, 3)}" for r in found.turns.itertuples()])
        return (
            "**That following the script does more, or less, at complex contacts cannot be told from chance** (change "
            f"of the effect per level of complexity: {seen} points).{_sampled(found)}"
        )
    falls = bool((clear["interaction"] < 0).all())
    inside = (clear["turn_low"] >= clear["seen_low"]) & (clear["turn_high"] <= clear["seen_high"])
    head = (
        "**The more complex a contact, the less following the script goes with a good answer.**"
        if falls
        else "**What following the script goes with depends on how complex the contact is.**"
    )
    turning = "turns from better to worse" if falls else "changes its sign"
    told = f" It {turning} at a complexity of {_each(clear[inside])}." if inside.any() else ""
    rest = sorted(set(found.turns["outcome"]) - set(clear["outcome"]))
    unclear = f" For {in_words(rest)} this cannot be told from chance." if rest else ""
    return f"{head}{told}{_open(clear[~inside], turning)} All of it within the same {people}.{unclear}{_sampled(found)}"


def _each(turns: pd.DataFrame) -> str:
    return in_words([f"{r.outcome} {r.turn:.1f} ({_bounds(r.turn_low, r.turn_high)})" for r in turns.itertuples()])


def _open(turns: pd.DataFrame, turning: str) -> str:
    """Return where a turn may lie beyond all that was seen: that there is one is then not shown."""
    if turns.empty:
        return ""
    ends = turns.iloc[0]
    return (
        f" That it {turning} at all, among complexities from {ends['seen_low']:g} to {ends['seen_high']:g}, is not "
        f"shown for {_each(turns)}."
    )


def _sampled(found: Scripts) -> str:
    """Return that the answers are a sample, where they are."""
    return f" On a fixed sample of about {SAMPLE:,} answers." if found.sampled else ""


def _bounds(low: float, high: float) -> str:
    return f"{low:.1f} to {high:.1f}" if np.isfinite([low, high]).all() else "the data set no bounds"


def turns_planted(found: Scripts) -> str:
    """Return how the turns compare with the planted ones of simulated data; empty for real data."""
    known = found.turns[found.turns["planted"].notna()]
    if known.empty:
        return ""
    told = known[known["turn_low"].notna()]
    signs = f"{int(known['signs'].sum())} of {len(known)} KPIs show both planted signs."
    if told.empty:
        return f"No turn is told well enough to be compared with the planted ones; {signs}"
    each = [f"{r.outcome} {r.planted:.2f}, found {r.turn:.2f}" for r in told.itertuples()]
    inside = told["planted"].between(told["turn_low"], told["turn_high"])
    return (
        f"Planted turns: {'; '.join(each)}; {int(inside.sum())} of {len(told)} lie inside their intervals, and {signs}"
    )


def scripts_words(found: Scripts) -> str:
    """Return the figure in words, for those who listen to the page."""
    return " ".join(
        f"{r.outcome}, {r.level}: {signed(r.estimate, 3)} ({signed(r.conf_low, 3)} to {signed(r.conf_high, 3)})."
        for r in found.slopes.itertuples()
    )


def _rows(data: StudyData, given: Design) -> tuple[pd.DataFrame, dict[float, str], float]:
    """Return the answers with the terms of script and complexity, levels of complexity and their words, its mean."""
    bound = DRAWS if given.answers <= SAMPLE else int(SAMPLE / given.answers * DRAWS)
    known = given.rows.filter((nw.col("draw") < bound) & ~nw.col(SCRIPT).is_null() & ~nw.col(COMPLEXITY).is_null())
    counts = known.group_by(COMPLEXITY).agg(nw.len().alias("n")).sort(COMPLEXITY).collect().to_pandas()
    values, n = counts[COMPLEXITY].to_numpy(dtype=float), counts["n"].to_numpy(dtype=float)
    if not len(values):
        return pd.DataFrame(), {}, np.nan
    centre, reached = float(np.average(values, weights=n)), np.cumsum(n) / n.sum()
    levels: dict[float, str] = {}
    for word, q in LEVELS:
        levels.setdefault(float(values[np.searchsorted(reached, q)]), word)
    usual = known.group_by(given.unit).agg(nw.col(SCRIPT).cast(nw.Float64).mean().alias("usual")).sort(given.unit)
    means = usual.collect().to_pandas()
    middle = float(means["usual"].mean())
    own = nw.col(SCRIPT).cast(nw.Float64) - nw.col("usual")
    how = nw.col(COMPLEXITY).cast(nw.Float64) - centre
    rows = known.join(data.lazily(means), on=given.unit, how="inner").with_columns(
        own.alias(OWN), (nw.col("usual") - middle).alias(USUAL), how.alias(COMPLEX),
        (own * how).alias(OWN_BY), ((nw.col("usual") - middle) * how).alias(USUAL_BY),
    )  # fmt: skip
    return rows.sort("interaction_id").collect().to_pandas(), levels, centre


def _slopes(fit: LmmFit, y: str, levels: dict[float, str], centre: float, given: Design) -> pd.DataFrame:
    """Return points of one KPI per ten percentage points of adherence at each level of complexity."""
    beta, vcov, df = _pair(fit)
    at = sorted(levels)
    contrasts = STEP * np.array([[1.0, level - centre] for level in at])
    names = [f"{levels[level]} ({level:g})" for level in at]
    errors = np.sqrt(np.einsum("kp,pq,kq->k", contrasts, vcov, contrasts))
    table = tidy_frame(names, contrasts @ beta, errors, fit.nobs, df=df).rename(columns={"term": "level"})
    table = table.assign(outcome=y, complexity=at, n_units=int(fit.ngroups[given.unit]))
    return table[COLUMNS]


def _turn(data: StudyData, fit: LmmFit, y: str, centre: float, given: Design) -> dict[str, Any]:
    beta, vcov, df = _pair(fit)
    at = crossing(beta[0], beta[1], vcov, df=df)
    planted = ((data.truth or {}).get("controls") or {}).get("latent", {})
    base, by = (planted.get(name, {}).get(y, np.nan) for name in (SCRIPT, f"{SCRIPT}_x_complexity"))
    typical = beta[0] + beta[1] * (PLANTED_AT - centre)
    return {
        "outcome": y, "turn": at.estimate + centre,
        "turn_low": at.conf_low + centre, "turn_high": at.conf_high + centre,
        "p_interaction": float(fit.robust_table.set_index("term").loc[OWN_BY, "p_value"]),
        "interaction": STEP * float(beta[1]), "n": fit.nobs, "n_units": int(fit.ngroups[given.unit]),
        "planted": PLANTED_AT - base / by if by else np.nan,
        "signs": bool(np.sign(typical) == np.sign(base) and np.sign(beta[1]) == np.sign(by)),
    }  # fmt: skip


def _pair(fit: LmmFit) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the effect of adherence at mean complexity and its change per level, covariance, and the fewer df."""
    pair = [OWN, OWN_BY]
    df = fit.robust_table.set_index("term").loc[pair, "df"].min()
    return fit.fixef[pair].to_numpy(), fit.robust_vcov.loc[pair, pair].to_numpy(), float(df)


def _none(reason: str) -> Scripts:
    empty = pd.DataFrame(columns=[*COLUMNS, "p_adjusted", "verdict"])
    return Scripts(empty, pd.DataFrame(columns=CROSSING), reason)
