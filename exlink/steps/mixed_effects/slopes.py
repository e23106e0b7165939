"""Whether the main aspects act on everybody alike: random slopes of units, one aspect at a time, tested against none.

One at a time, each free to go along with the unit's level: three aspects at once have ten variances and correlations,
which a few hundred people do not tell apart, and of which a search finds some at zero by chance.

Both models of a test let every wave of a unit have a level of its own beside the unit's: an aspect takes one value in a
wave of a unit, so whatever else moves that wave looks like a slope of the unit's own where the model has no place for
it (150 units with equal slopes, six waves, levels of waves with an SD of 0.2 points: rejected in nine of ten studies
without, in at most one of twenty with it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from scipy import stats

from exlink.data.wording import signed
from exlink.errors import EstimationError
from exlink.stats.lmm import LmmFit, fit_lmm
from exlink.stats.lmm.profile import profile_intervals
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.steps.mixed_effects.models import MIXED, Fits, formula_of, strongest
from exlink.steps.mixed_effects.rows import Design

MANY = 500  # units of the test; of more, a fixed sample: the matrix of units' levels and slopes is dense
MAIN = 3  # aspects that are looked at closely
COLUMNS = ["aspect", "term", "estimate", "std_error", "conf_low", "conf_high", "sd", "sd_low", "sd_high", "low", "high",
           "p_value", "n", "n_units", "message"]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Random slopes of the main aspects, one model each.

    table : DataFrame      one row per aspect, the strongest first: aspect, term, estimate (of the average unit) with
                           clustered std_error and interval, sd (of slopes between units), sd_low, sd_high (profile
                           likelihood, 95 %), low, high (where 95 % of units' slopes lie), p_value
                           (mixture of χ² with 1 and 2 degrees of freedom: Stram & Lee 1994,
                           Biometrics 50), p_adjusted (Benjamini–Hochberg over the aspects), n, n_units, message
    sampled : bool         whether the units are a fixed sample of the study's
    lines : list of str    what could not be assessed, and why
    """

    table: pd.DataFrame
    lines: list[str]
    sampled: bool = False


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
    """Return whether each of the main aspects acts on everybody alike; without ``asked`` only that it was not asked.

    Waves of a unit have levels of their own in both models of a test (and the residual is theirs where each holds one
    row); customers have none, which costs precision only.
    """
    if not asked:
        return _table([], ["not assessed: switched off by `random_slopes`"])
    main = main_aspects(fits.effects, outcome)
    if main.empty or outcome not in fits.mixed:
        return _table([], [f"not assessed: no aspect is clear for {outcome}"])
    plain = fits.mixed[outcome]
    formula, rows = formula_of(outcome, plain.terms), _of_units(given, outcome, plain.terms)
    waves = {} if given.answers == len(given.cells) else {f"{given.unit}:wave": "1"}
    found, lines = [], []
    try:
        alike = {given.unit: "1", **waves}
        before = fit_lmm(formula, rows, alike, reml=reml, weights=given.weights, clustered=False).loglik
        for r in main.itertuples():
            random = {given.unit: f"1 + {r.term}_within", **waves}
            fit = fit_lmm(formula, rows, random, reml=reml, weights=given.weights)
            found.append({"aspect": r.aspect, "term": r.term, **_spread(fit, f"{r.term}_within", before, given)})
    except EstimationError as error:
        lines.append(f"not assessed: {given.worded(error)}")
    return _table(found, lines, sampled=plain.n_units > MANY)


def _of_units(given: Design, outcome: str, terms: Sequence[str]) -> nw.LazyFrame | pd.DataFrame:
    """Return the answers to ``outcome`` of at most ``MANY`` units, evenly spaced in the order of their ids.

    A sample is fetched: four models are fitted on it, and it is a part of what would be read for each.
    """
    rows, units = given.source, np.sort(given.cells[given.unit].unique())
    if len(units) <= MANY:
        return rows
    drawn = list(units[np.linspace(0, len(units) - 1, MANY).astype(int)])
    if isinstance(rows, pd.DataFrame):
        return rows[rows[given.unit].isin(drawn)]
    needed = [given.unit, "wave", outcome, *terms, *([given.weights] if given.weights else [])]
    of_theirs = given.answered(outcome).filter(nw.col(given.unit).is_in(drawn)).sort("interaction_id")
    return of_theirs.select(*needed).collect().to_pandas()


def slopes_sentence(found: Slopes, outcome: str, people: str) -> str:
    """Return which of the main aspects act more on some than on others, and by how much."""
    if found.table.empty:
        return " ".join(found.lines)
    said = []
    for r in found.table.itertuples():
        average = f"A point of {r.aspect} goes with {signed(r.estimate)} points of {outcome} on average"
        told = f"adjusted {_p(r.p_adjusted)}"
        spread = f"standard deviation {r.sd:.2f}, 95 % interval {_bound(r.sd_low)} to {_bound(r.sd_high)}"
        said.append(
            f"**{average}, and not with the same for all {people}**: most lie between {signed(r.low)} and "
            f"{signed(r.high)} ({spread}; {told})."
            if r.p_adjusted < 0.05
            else f"{average}; that this is more for some {people} than for others cannot be told from chance "
            f"({spread}; {told})."
        )
        said += [f"The fit warns: {r.message}."] if r.message else []
    sample = f" on a fixed sample of {int(found.table['n_units'].max()):,} {people}" if found.sampled else ""
    said.append(
        f"In this test{sample} every wave of each of the {people} may be good or bad as a whole, which is then not "
        "taken for a slope of somebody's own."
    )
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
    bounds = _sd_bounds(fit, term)
    return {
        **row[["estimate", "std_error", "conf_low", "conf_high"]], "sd": sd, "sd_low": bounds[0], "sd_high": bounds[1],
        "low": row["estimate"] - 1.96 * sd, "high": row["estimate"] + 1.96 * sd,
        "p_value": float(0.5 * stats.chi2.sf(gain, 1) + 0.5 * stats.chi2.sf(gain, 2)),
        "n": fit.nobs, "n_units": int(fit.ngroups[given.unit]), "message": given.worded(fit.message),
    }  # fmt: skip


def _sd_bounds(fit: LmmFit, term: str) -> tuple[float, float]:
    """Return the profile interval of the SD of a random slope; missing where the fit did not settle."""
    if not fit.converged:
        return np.nan, np.nan
    known = profile_intervals(fit, term=term).iloc[0]
    return float(known["conf_low"]), float(known["conf_high"])


def _bound(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "not known"


def _table(found: list[dict], lines: list[str], *, sampled: bool = False) -> Slopes:
    table = pd.DataFrame(found, columns=COLUMNS)
    return Slopes(table.assign(p_adjusted=benjamini_hochberg(table["p_value"].astype(float))), lines, sampled)
