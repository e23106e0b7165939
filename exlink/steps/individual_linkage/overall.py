"""Step 03: the trap of the overall score (M19) — what it hides, and what it would have told you to do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import aspect_columns, column_label, overall_columns, panel_cells
from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap
from exlink.stats.composite import Composite, composite
from exlink.stats.correlation import collapse
from exlink.stats.importance import places, ranks_of
from exlink.stats.moments import UnitMoments, within_moments
from exlink.stats.tidy import TIDY, draws_frame, t_quantile
from exlink.stats.within_between import within_slope

FOLDS = 10
PREFERRED = ("ex_satisfaction", "ex_recommend", "ex_ease")
ALONE, ASPECTS, BOTH = "overall score alone", "all aspects", "overall score and aspects"


def overall_score(data: StudyData) -> str:
    """Return the column of the overall score a company would look at, or ``""`` when none was asked."""
    there = overall_columns(data)
    return next((c for c in PREFERRED if c in there), "")


def overall_reason(data: StudyData) -> str:
    """Return why aspects and overall score cannot be compared, or ``""``."""
    if len(data.aspects) < 2:
        return "not assessed: needs driver items of two or more aspects in `ex_responses`"
    if not overall_score(data):
        return "not assessed: needs an overall item (`ex_responses.kpi` = satisfaction)"
    return tautology(data)


def tautology(data: StudyData) -> str:
    """Return why the overall score cannot be explained by the aspects (it is made of them), or ``""``."""
    found = made_of_aspects(data)
    if found is None or not found.found:
        return ""
    made = found.reason(_own_score(data), "the aspects")
    return f"not assessed: {made}. What it hangs on is arithmetic, and it knows nothing that the aspects do not"


def caution(data: StudyData) -> str:
    """Return the sentence that warns of an overall score with little of its own, or ``""``."""
    found = made_of_aspects(data)
    if found is None or not found.nearly:
        return ""
    made = found.reason(_own_score(data), "the aspects")
    return f"{made[0].upper()}{made[1:]}: read what weighs in it as arithmetic, not as what employees care for."


def made_of_aspects(data: StudyData) -> Composite | None:
    """Return how far the aspects make the overall score; None where too few answers tell."""
    try:
        return composite(data.exposures(), overall_score(data), aspect_columns(data))
    except EstimationError:
        return None  # too few answers to tell; whatever needs them says so itself


def _own_score(data: StudyData) -> str:
    return f"employees' {column_label(data, overall_score(data))} score"


def two_rankings(
    data: StudyData, joint: pd.DataFrame, within: pd.DataFrame, outcome: str, *, reps: int, seed: int
) -> pd.DataFrame | str:
    """Return what each aspect weighs in employees' overall score and what it does for customers, both within units.

    Parameters
    ----------
    joint : DataFrame
        Slopes of all aspects in one model: `slopes` of kind 'joint'.
    within : DataFrame
        `judged_together`: the verdicts this page gives, of the slope alone and beside all others.

    Returns
    -------
    DataFrame: aspect (label), weight (points of the overall score per point of the aspect, all aspects in one
    model), weight_low, weight_high, rank_overall, tidy columns for the CX ``outcome``, p_adjusted (over all KPIs and
    aspects), verdict (of both), rank_cx, n_units; for either rank its 95 % interval over resampled units (_low, _high)
    and in words (places_overall, places_cx); in the order of the overall score. A string says why it cannot be
    assessed.
    """
    overall, xs = overall_score(data), aspect_columns(data)
    exposures = data.exposures()
    score = exposures[overall]
    asked = exposures.assign(n_overall=score.notna().astype(int), sum_overall=score.fillna(0.0))
    effects = joint[joint["outcome"] == outcome].set_index("term").loc[xs].reset_index()
    if effects["estimate"].isna().any():
        return f"not assessed: {effects.loc[effects['estimate'].isna(), 'note'].iloc[0]}"
    try:
        weights = within_slope(asked, "overall", xs, data.unit, "wave").table
        sides = {
            "overall": within_moments(asked, "overall", xs, data.unit, "wave"),
            "cx": within_moments(collapse(panel_cells(data), outcome, xs, [data.unit, "wave"]), outcome, xs, data.unit,
                                 "wave"),
        }  # fmt: skip
        ranks = {side: _rank_bounds(moments, reps, seed) for side, moments in sides.items()}
    except EstimationError as error:
        return f"not assessed: {error}"
    agreed = within[within["outcome"] == outcome].set_index("term")["verdict"]
    table = effects[["aspect", *TIDY, "p_adjusted", "n_units"]].assign(
        verdict=effects["term"].map(agreed),
        weight=weights["estimate"], weight_low=weights["conf_low"], weight_high=weights["conf_high"],
    )  # fmt: skip
    for side, column in (("overall", "weight"), ("cx", "estimate")):
        low, high = ranks[side]
        table[f"rank_{side}"] = table[column].rank(ascending=False, method="first").astype(int)
        table[f"rank_{side}_low"], table[f"rank_{side}_high"] = low, high
        table[f"places_{side}"] = [places(a, b) for a, b in zip(low, high, strict=True)]
    return table.sort_values("rank_overall", ignore_index=True)


def _rank_bounds(moments: UnitMoments, reps: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest place of every slope, all in one model, in 95 % of the draws of units."""
    chosen = list(range(len(moments.names)))
    draws = bootstrap(lambda weights: _solved(moments.reduced(weights), chosen), len(moments.units), reps=reps,
                      seed=seed)  # fmt: skip
    ranks = ranks_of(draws[np.isfinite(draws).all(axis=1)])
    low, high = (np.quantile(ranks, tail, axis=0, method=to) for tail, to in ((0.025, "lower"), (0.975, "higher")))
    return low, high


def explained(data: StudyData, outcome: str, *, seed: int) -> pd.DataFrame | str:
    """Return how much of the movement of customers' answers the overall score and the aspects account for.

    All models predict unit × wave means of ``outcome`` with unit and wave effects taken out. The
    cross-validated share and loss leave whole units out, ten folds, so that no person helps to predict herself.

    Returns
    -------
    DataFrame: model ('overall score alone', 'all aspects', 'overall score and aspects'), rsquared, rsquared_cv,
    loss_cv (typical miss, in points of a unit's mean), saved (share of the squared loss of the overall score alone
    that the model saves) with conf_low, conf_high (t over folds), terms, n_units.
    """
    moments = _moments(data, outcome)
    if isinstance(moments, str):
        return moments
    folds = np.random.default_rng(seed).permutation(len(moments.units)) % FOLDS
    last = len(moments.names) - 1
    models = {ALONE: [last], ASPECTS: list(range(last)), BOTH: list(range(last + 1))}
    losses = {name: left_out_losses(moments, chosen, folds) for name, chosen in models.items()}
    total = left_out_losses(moments, [], folds).sum()  # each fold around its own unit and wave effects
    rows = []
    for name, chosen in models.items():
        low, high, saved = _saved(losses[ALONE], losses[name]) if name != ALONE else (np.nan, np.nan, np.nan)
        rows.append({
            "model": name, "rsquared": share(moments, chosen), "rsquared_cv": float(1 - losses[name].sum() / total),
            "loss_cv": float(np.sqrt(losses[name].sum() / moments.n_rows)), "saved": saved, "conf_low": low,
            "conf_high": high, "terms": len(chosen), "n_units": len(moments.units),
        })  # fmt: skip
    return pd.DataFrame(rows)


def beyond(data: StudyData, outcome: str, *, reps: int, seed: int) -> pd.DataFrame | str:
    """Return what aspects and overall score account for beyond each other: ΔR² within units (M19).

    Returns
    -------
    DataFrame: what, tidy columns (estimate = ΔR², percentile intervals over units, never below 0; no p value), n_units.
    """
    moments = _moments(data, outcome)
    if isinstance(moments, str):
        return moments
    last = len(moments.names) - 1
    parts = ([last], list(range(last)), list(range(last + 1)))

    def gains(weights: np.ndarray) -> np.ndarray:
        alone, aspects, both = (_shares(moments.reduced(weights), chosen) for chosen in parts)
        return np.column_stack([both - alone, both - aspects])

    names = ["the aspects beyond the overall score", "the overall score beyond the aspects"]
    draws = bootstrap(gains, len(moments.units), reps=reps, seed=seed)
    found = draws_frame(names, gains(np.ones((1, len(moments.units))))[0], draws, moments.n_rows)
    # a gain in R² cannot be negative, so no draw is ever beyond zero and the p value would say nothing
    return found.assign(p_value=np.nan, n_units=len(moments.units)).rename(columns={"term": "what"})


def _moments(data: StudyData, outcome: str) -> UnitMoments | str:
    """Return the within moments of aspects and, last, the overall score; a string says why not."""
    names = [*aspect_columns(data), overall_score(data)]
    try:
        cells = collapse(panel_cells(data), outcome, names, [data.unit, "wave"])
        return within_moments(cells, outcome, names, data.unit, "wave")
    except EstimationError as error:
        return f"not assessed: {error}"


def share(moments: UnitMoments, chosen: list[int]) -> float:
    """Return R² of the chosen columns."""
    return float(_shares(moments.reduced(), chosen)[0])


def left_out_losses(moments: UnitMoments, chosen: list[int], folds: np.ndarray) -> np.ndarray:
    """Return the squared loss of each fold of units, predicted by slopes from the other folds: shape (folds,)."""
    inside = (folds[None, :] == np.arange(FOLDS)[:, None]).astype(float)
    train, test = moments.reduced(1 - inside), moments.reduced(inside)
    slopes = _solved(train, chosen)
    pick = np.ix_(range(FOLDS), chosen, chosen)
    crossed = np.einsum("fi,fi->f", slopes, test[:, chosen, -1])
    return test[:, -1, -1] - 2 * crossed + np.einsum("fi,fij,fj->f", slopes, test[pick], slopes)


def _solved(products: np.ndarray, chosen: list[int]) -> np.ndarray:
    pick = np.ix_(range(len(products)), chosen, chosen)
    return np.linalg.solve(products[pick], products[:, chosen, -1:])[..., 0]


def _shares(products: np.ndarray, chosen: list[int]) -> np.ndarray:
    explained_part = np.einsum("bi,bi->b", _solved(products, chosen), products[:, chosen, -1])
    return explained_part / products[:, -1, -1]


def _saved(alone: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Return the share of the loss that is saved, with a t interval over folds (low, high, estimate)."""
    gain = (alone - other) / alone.mean()
    error = gain.std(ddof=1) / np.sqrt(FOLDS)
    half = float(t_quantile(0.975, FOLDS - 1)) * error
    return float(gain.mean() - half), float(gain.mean() + half), float(gain.mean())
