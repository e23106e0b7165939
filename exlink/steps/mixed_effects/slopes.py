"""Whether the main aspects act on everybody alike: random slopes of units, one aspect at a time, tested against none.

One at a time, each free to go along with the unit's level: three aspects at once have ten variances and correlations,
which a few hundred people do not tell apart, and of which a search finds some at zero by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from exlink.data.wording import signed
from exlink.errors import EstimationError
from exlink.stats.lmm import LmmFit, fit_lmm
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.steps.mixed_effects.models import MIXED, Fits, formula_of, strongest
from exlink.steps.mixed_effects.rows import Design

MANY = 500  # units; with more, what is asked beside the main models leaves customers out: their matrix is dense
MAIN = 3  # aspects that are looked at closely
COLUMNS = ["aspect", "term", "estimate", "std_error", "conf_low", "conf_high", "sd", "low", "high", "p_value", "n",
           "n_units", "crossed", "message"]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Random slopes of the main aspects, one model each.

    table : DataFrame      one row per aspect, the strongest first: aspect, term, estimate (of the average unit) with
                           clustered std_error and interval, sd (of slopes between units), low, high (where 95 % of
                           units' slopes lie), p_value (mixture of χ² with 1 and 2 degrees of freedom: Stram & Lee 1994,
                           Biometrics 50), p_adjusted (Benjamini–Hochberg over the aspects), n, n_units, crossed
                           (whether customers had effects of their own in this test), message
    lines : list of str    what could not be assessed, and why
    """

    table: pd.DataFrame
    lines: list[str]


def main_aspects(effects: pd.DataFrame, outcome: str, *, clear: bool = True) -> pd.DataFrame:
    """Return the effects of the mixed model within units that are clear, the farthest from zero first, three at most.

    Without ``clear`` the three farthest from zero in their own errors where none is clear.
    """
    main = pd.concat([strongest(effects, outcome, verdict) for verdict in ("higher", "lower")])
    if main.empty and not clear:
        part = effects[(effects["outcome"] == outcome) & (effects["specification"] == MIXED)]
        main = part[(part["effect"] == "within") & part["estimate"].notna()]
        main = main.assign(far=-(main["estimate"] / main["std_error"]).abs()).sort_values(["far", "aspect"])
        return main.drop(columns="far").head(MAIN).reset_index(drop=True)
    main = main.sort_values("estimate", ascending=False, kind="stable", key=lambda e: e.abs())
    return main.head(MAIN).reset_index(drop=True)


def random_slopes(given: Design, outcome: str, fits: Fits, *, reml: bool, asked: bool = True) -> Slopes:
    """Return whether each of the main aspects acts on everybody alike; without ``asked`` only that it was not asked."""
    if not asked:
        return _table([], ["not assessed: switched off by `random_slopes`"])
    main = main_aspects(fits.effects, outcome)
    if main.empty or outcome not in fits.mixed:
        return _table([], [f"not assessed: no aspect is clear for {outcome}"])
    plain = fits.mixed[outcome]
    formula, rows = formula_of(outcome, plain.terms), given.source(outcome)
    others = {} if plain.n_units > MANY else {g: "1" for g in given.random if g != given.unit}
    found, lines = [], []
    try:
        before = plain.loglik
        if len(others) + 1 < len(given.random):  # the test compares two models that differ in the slope alone
            before = fit_lmm(formula, rows, {given.unit: "1"}, reml=reml, weights=given.weights).loglik
        for r in main.itertuples():
            random = {given.unit: f"1 + {r.term}_within", **others}
            fit = fit_lmm(formula, rows, random, reml=reml, weights=given.weights)
            found.append({"aspect": r.aspect, "term": r.term, **_spread(fit, f"{r.term}_within", before, given)}
                         | {"crossed": bool(others)})  # fmt: skip
    except EstimationError as error:
        lines.append(f"not assessed: {given.worded(error)}")
    return _table(found, lines)


def slopes_sentence(found: Slopes, outcome: str, people: str) -> str:
    """Return which of the main aspects act more on some than on others, and by how much."""
    if found.table.empty:
        return " ".join(found.lines)
    said = []
    for r in found.table.itertuples():
        average = f"A point of {r.aspect} goes with {signed(r.estimate)} points of {outcome} on average"
        told = f"adjusted {_p(r.p_adjusted)}"
        said.append(
            f"**{average}, and not with the same for all {people}**: most lie between {signed(r.low)} and "
            f"{signed(r.high)} (standard deviation {r.sd:.2f}; {told})."
            if r.p_adjusted < 0.05
            else f"{average}; that this is more for some {people} than for others cannot be told from chance ({told})."
        )
        said += [f"The fit warns: {r.message}."] if r.message else []
    if not found.table["crossed"].all():
        said.append(f"Customers have no effect of their own in this test of {people}.")
    return " ".join([*said, *found.lines])


def first_slope(found: Slopes) -> dict[str, object]:
    """Return the row of the strongest aspect as plain values, for whoever reads facts; empty where there is none."""
    return {} if found.table.empty else found.table.astype(object).iloc[0].to_dict()


def _p(value: float) -> str:
    return "p < 0.0001" if value < 0.0001 else f"p = {value:.2g}"


def _spread(fit: LmmFit, term: str, before: float, given: Design) -> dict[str, object]:
    """Return the slope of the average unit, how far units' own slopes spread, and the test of no spread."""
    spread = fit.varcorr[(fit.varcorr["term1"] == term) & (fit.varcorr["term2"] == term)]
    sd = float(np.sqrt(max(spread["value"].iloc[0], 0.0)))
    gain = max(2 * (fit.loglik - before), 0.0)
    row = fit.robust_table.set_index("term").loc[term]
    return {
        **row[["estimate", "std_error", "conf_low", "conf_high"]], "sd": sd,
        "low": row["estimate"] - 1.96 * sd, "high": row["estimate"] + 1.96 * sd,
        "p_value": float(0.5 * stats.chi2.sf(gain, 1) + 0.5 * stats.chi2.sf(gain, 2)),
        "n": fit.nobs, "n_units": int(fit.ngroups[given.unit]), "message": given.worded(fit.message),
    }  # fmt: skip


def _table(found: list[dict], lines: list[str]) -> Slopes:
    table = pd.DataFrame(found, columns=COLUMNS)
    return Slopes(table.assign(p_adjusted=benjamini_hochberg(table["p_value"].astype(float))), lines)
