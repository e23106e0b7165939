"""The same model by another program: statsmodels' MixedLM beside the compressed one, on rows it can hold."""

from __future__ import annotations

from typing import Any

from exlink.data.panel import MIN_UNITS
from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from exlink.stats.mixed import mixed_model
from exlink.steps.mixed_effects.independent import independent_of
from exlink.steps.mixed_effects.models import formula_of
from exlink.steps.mixed_effects.rows import Design

MOST = 20_000  # answers; MixedLM takes minutes beyond
NEAR = 0.01  # of a standard error: a difference nobody could see in a table
SAME = 0.01  # of the criterion: a difference of likelihoods that no test could feel


def cross_check(given: Design, outcome: str, *, reml: bool) -> dict[str, Any] | str:
    """Return how far two programs differ on one model: random intercepts of units, on a fixed sample of answers.

    Returns
    -------
    dict: answers, all (whether these are all answers), gap (largest difference of an effect, in its standard errors),
    term (where), criterion (difference of the REML or ML criterion), singular, message (what the other program
    warns of), reml, unweighted (whether weights of the page's models were left aside, which the other program has not).
    A string says why it is not assessed.
    """
    rows = given.fetched(outcome, MOST)
    if rows[given.unit].nunique() < MIN_UNITS:
        return f"not assessed: another program's fit needs at least {MIN_UNITS} units with answers to {outcome}"
    terms = independent_of(rows, given.terms)
    try:
        ours = fit_lmm(formula_of(outcome, terms), rows, {given.unit: "1"}, reml=reml, clustered=False)
        theirs = mixed_model(rows, formula_of(outcome, terms), given.unit, reml=reml)
    except EstimationError as error:
        return f"not assessed: {given.worded(error)}"
    gaps = (ours.fixef - theirs.fixef[ours.fixef.index]).abs() / ours.std_error
    return {
        "answers": len(rows), "all": given.answers <= MOST, "gap": float(gaps.max()),
        "term": given.worded(gaps.idxmax()),
        "criterion": abs(ours.objective - theirs.objective), "singular": ours.is_singular,
        "message": given.worded(theirs.message),
        "reml": reml, "unweighted": given.weights is not None,
    }  # fmt: skip


def agrees(found: dict[str, Any]) -> bool:
    """Return whether two programs gave the same effects and likelihood, for all that a reader could see."""
    return bool(found["gap"] < NEAR and found["criterion"] < SAME)
