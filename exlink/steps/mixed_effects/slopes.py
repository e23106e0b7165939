"""Whether the strongest aspect acts on everybody alike: a random slope of units, tested against none."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from exlink.data.dataset import StudyData
from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from exlink.steps.mixed_effects.models import Fits, formula_of, strongest
from exlink.steps.mixed_effects.rows import Design

MANY = 1_500  # units; with more, intercepts and slopes beside customers need a dense matrix beyond a laptop's patience


def random_slope(data: StudyData, given: Design, outcome: str, fits: Fits, *, reml: bool) -> dict[str, object] | str:
    """Return whether the strongest aspect acts on everybody alike.

    Returns
    -------
    dict: aspect, estimate, sd (of slopes between units), low, high (where 95 % of units' slopes lie), p_value
    (mixture of χ² with 1 and 2 degrees of freedom), message, n_units, crossed (whether customers had effects of their
    own in this test). A string says why it is not assessed.
    """
    main = pd.concat([strongest(fits.effects, outcome, verdict) for verdict in ("higher", "lower")])
    main = main.sort_values("estimate", ascending=False, kind="stable", key=lambda e: e.abs())
    if main.empty or outcome not in fits.mixed:
        return f"not assessed: no aspect is clear for {outcome}"
    term, plain = f"{main['term'].iloc[0]}_within", fits.mixed[outcome]
    formula = formula_of(outcome, plain.terms)
    rows = given.source(outcome)
    others = {} if plain.n_units > MANY else {g: "1" for g in given.random if g != given.unit}
    try:
        before = plain.loglik
        if len(others) + 1 < len(given.random):  # the test compares two models that differ in the slope alone
            before = fit_lmm(formula, rows, {given.unit: "1"}, reml=reml, weights=given.weights).loglik
        fit = fit_lmm(formula, rows, {given.unit: f"1 + {term}", **others}, reml=reml, weights=given.weights)
    except EstimationError as error:
        return f"not assessed: {given.worded(error)}"
    spread = fit.varcorr[(fit.varcorr["term1"] == term) & (fit.varcorr["term2"] == term)]
    sd = float(np.sqrt(max(spread["value"].iloc[0], 0.0)))
    gain = max(2 * (fit.loglik - before), 0.0)
    estimate = float(fit.fixef[term])
    return {
        "aspect": main["aspect"].iloc[0], "estimate": estimate, "sd": sd,
        "low": estimate - 1.96 * sd, "high": estimate + 1.96 * sd,
        "p_value": float(0.5 * stats.chi2.sf(gain, 1) + 0.5 * stats.chi2.sf(gain, 2)),
        "message": given.worded(fit.message), "n_units": int(fit.ngroups[given.unit]), "crossed": bool(others),
    }  # fmt: skip
