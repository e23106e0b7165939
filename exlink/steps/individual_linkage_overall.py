"""Step 03: the trap of the overall score (M19) — what it hides, and what it would have told you to do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import aspect_columns, overall_columns, panel_cells
from exlink.data.wording import in_words
from exlink.errors import EstimationError
from exlink.stats.correlation import collapse
from exlink.stats.moments import UnitMoments, within_moments
from exlink.stats.tidy import TIDY
from exlink.stats.within_between import within_slope

FOLDS = 10
PREFERRED = ("ex_satisfaction", "ex_recommend", "ex_ease")


def overall_score(data: StudyData) -> str:
    """Return the column of the overall score a company would look at, or ``""`` when none was asked."""
    there = overall_columns(data)
    return next((c for c in PREFERRED if c in there), "")


def overall_reason(data: StudyData) -> str:
    """Return why aspects and overall score cannot be compared, or ``""``."""
    if len(data.aspects) < 2:
        return "not assessed: needs driver items of two or more aspects in `ex_responses`"
    return "" if overall_score(data) else "not assessed: needs an overall item (`ex_responses.kpi` = satisfaction)"


def two_rankings(data: StudyData, outcome: str) -> pd.DataFrame | str:
    """Return what each aspect weighs in employees' overall score and what it does for customers, both within units.

    Returns
    -------
    DataFrame: aspect (label), weight (points of the overall score per point of the aspect, all aspects in one
    model), weight_low, weight_high, rank_overall, tidy columns for the CX ``outcome``, rank_cx, n_units;
    in the order of the overall score. A string says why it cannot be assessed.
    """
    overall, xs = overall_score(data), aspect_columns(data)
    exposures = data.exposures()
    score = exposures[overall]
    asked = exposures.assign(n_overall=score.notna().astype(int), sum_overall=score.fillna(0.0))
    try:
        weights = within_slope(asked, "overall", xs, data.unit, "wave").table
        effects = within_slope(panel_cells(data), outcome, xs, data.unit, "wave").table
    except EstimationError as error:
        return f"not assessed: {error}"
    table = effects[[*TIDY, "n_units"]].assign(
        weight=weights["estimate"], weight_low=weights["conf_low"], weight_high=weights["conf_high"]
    )
    table["rank_overall"] = table["weight"].rank(ascending=False, method="first").astype(int)
    table["rank_cx"] = table["estimate"].rank(ascending=False, method="first").astype(int)
    table.insert(0, "aspect", table["term"].map(lambda t: data.label(t.removeprefix("ex_"))))
    return table.sort_values("rank_overall", ignore_index=True)


def explained(data: StudyData, outcome: str, *, seed: int) -> pd.DataFrame | str:
    """Return how much of the movement of customers' answers the overall score and the aspects account for.

    Both models predict unit × wave means of ``outcome`` with unit and wave effects taken out. The
    cross-validated share leaves whole units out, ten folds, so that no person helps to predict herself.

    Returns
    -------
    DataFrame: model ('overall score alone', 'all aspects'), rsquared, rsquared_cv, terms, n_units.
    """
    overall, xs = overall_score(data), aspect_columns(data)
    try:
        cells = collapse(panel_cells(data), outcome, [*xs, overall], [data.unit, "wave"])
        moments = within_moments(cells, outcome, [*xs, overall], data.unit, "wave")
    except EstimationError as error:
        return f"not assessed: {error}"
    folds = np.random.default_rng(seed).permutation(len(moments.units)) % FOLDS
    last = len(xs)
    models = {"overall score alone": [last], "all aspects": list(range(last))}
    rows = [
        {"model": name, "rsquared": _share(moments, chosen), "rsquared_cv": _share_left_out(moments, chosen, folds),
         "terms": len(chosen), "n_units": len(moments.units)}
        for name, chosen in models.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def advice(rankings: pd.DataFrame, top: int = 2) -> tuple[list[str], list[str], list[str]]:
    """Return where the overall score would have sent you, and what clearly goes with and against customers' answers."""
    by_overall = rankings.sort_values("rank_overall")["aspect"].head(top)
    clear = rankings[rankings["conf_low"] > 0].sort_values("rank_cx")["aspect"].head(top)
    against = rankings[rankings["conf_high"] < 0].sort_values("rank_cx", ascending=False)["aspect"]
    return list(by_overall), list(clear), list(against)


def advice_sentence(rankings: pd.DataFrame, outcome: str) -> str:
    """Return in one sentence what the overall score alone would have told you to do, and whether that is right."""
    sent, right, against = advice(rankings)
    warned = f" Customers' {outcome} moves *against* {in_words(against)}: more of it goes with less." if against else ""
    first = f"The overall score alone would have sent you to **{' and '.join(sent)}**, which weigh most in it"
    if not right:
        return f"{first}; no aspect clearly goes with customers' {outcome} within the same people.{warned}"
    missed = [aspect for aspect in sent if aspect not in right]
    if not missed:
        return f"{first}; these also go most with customers' {outcome}.{warned}"
    chosen = rankings.set_index("aspect").loc[missed]
    idle = [a for a, row in chosen.iterrows() if row["conf_low"] <= 0]
    tail = f"; {' and '.join(idle)} would have been money spent on the score, not on customers" if idle else ""
    return f"{first}. What moves with customers' {outcome} is **{' and '.join(right)}**{tail}.{warned}"


def trap_sentence(rankings: pd.DataFrame, fits: pd.DataFrame | str, outcome: str) -> str:
    """Return the advice of the overall score and how much it and the aspects account for."""
    said = advice_sentence(rankings, outcome)
    if isinstance(fits, str):  # most often because the overall score is a sum of the aspects
        return f"{said} How much of the movement each accounts for is {fits.rstrip('.')}."
    alone, aspects = (fits.set_index("model").loc[m] for m in ("overall score alone", "all aspects"))
    return (
        f"{said} Of the movement of customers' average {outcome} within the same people, the overall score accounts "
        f"for {alone['rsquared']:.1%}, the aspects for {aspects['rsquared']:.1%}; for people the model has not seen it "
        f"is {max(alone['rsquared_cv'], 0):.1%} and {max(aspects['rsquared_cv'], 0):.1%}."
    )


def _share(moments: UnitMoments, chosen: list[int]) -> float:
    s = moments.reduced()[0]
    slopes = np.linalg.solve(s[np.ix_(chosen, chosen)], s[chosen, -1])
    return float(slopes @ s[chosen, -1] / s[-1, -1])


def _share_left_out(moments: UnitMoments, chosen: list[int], folds: np.ndarray) -> float:
    inside = (folds[None, :] == np.arange(FOLDS)[:, None]).astype(float)
    train, test = moments.reduced(1 - inside), moments.reduced(inside)
    loss = total = 0.0
    for fitted, new in zip(train, test, strict=True):
        slopes = np.linalg.solve(fitted[np.ix_(chosen, chosen)], fitted[chosen, -1])
        loss += new[-1, -1] - 2 * slopes @ new[chosen, -1] + slopes @ new[np.ix_(chosen, chosen)] @ slopes
        total += new[-1, -1]
    return float(1 - loss / total)
