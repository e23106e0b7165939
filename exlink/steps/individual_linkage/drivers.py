"""Step 03: how what the aspects account for divides among them (M20) — shares of R² with rank intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import aspect_columns, column_label, panel_cells
from exlink.data.wording import in_words
from exlink.errors import EstimationError
from exlink.stats.correlation import collapse
from exlink.stats.importance import LMG, Importance, importance, places
from exlink.stats.moments import within_moments
from exlink.stats.multiplicity import benjamini_hochberg


def importance_of_aspects(data: StudyData, outcome: str, *, reps: int, seed: int) -> Importance | str:
    """Return how the movement of customers' answers that goes with the aspects divides among them, within units.

    Returns
    -------
    Importance of unit × wave means with unit and wave effects taken out; a string says why not.
    """
    xs = aspect_columns(data)
    if len(xs) < 2:
        return "not assessed: needs driver items of two or more aspects in `ex_responses`"
    try:
        cells = collapse(panel_cells(data), outcome, xs, [data.unit, "wave"])
        return importance(within_moments(cells, outcome, xs, data.unit, "wave"), reps=reps, seed=seed)
    except EstimationError as error:
        return f"not assessed: {error}"


def importance_table(data: StudyData, found: Importance) -> pd.DataFrame:
    """Return one row per aspect, the largest share first.

    Returns
    -------
    DataFrame: aspect (label), term, method (LMG, relative weights where there are too many aspects), share with
    conf_low, conf_high, rank, ranks (rank interval as text), weight (the other method's share), slope with
    slope_low, slope_high, p_adjusted (Benjamini–Hochberg over the aspects), direction ('with', 'against', 'not clear'
    after adjustment), n, n_units.
    """
    by = found.table.set_index("term")
    known = by[by["share"].notna()]
    main = known[known["method"] == (LMG if (known["method"] == LMG).any() else known["method"].iloc[0])]
    other = by[by["method"] != main["method"].iloc[0]]["share"]
    adjusted = benjamini_hochberg(main["slope_p"])
    up, down = ((adjusted < 0.05) & (sign * main["slope"] > 0) for sign in (1, -1))
    out = main.assign(
        p_adjusted=adjusted,
        weight=other, aspect=[column_label(data, t) for t in main.index],
        ranks=[places(r.rank_low, r.rank_high) for r in main.itertuples()],
        direction=np.select([up, down], ["with", "against"], "not clear"),
    ).reset_index()  # fmt: skip
    columns = ["aspect", "term", "method", "share", "conf_low", "conf_high", "rank", "ranks", "weight", "slope",
               "slope_low", "slope_high", "p_adjusted", "direction", "n", "n_units"]  # fmt: skip
    return out.sort_values(["rank", "aspect"], ignore_index=True)[columns]


def importance_sentence(data: StudyData, found: Importance, outcome: str) -> str:
    """Return what carries most, how sure its place is, and what goes along too closely to be told apart."""
    table = importance_table(data, found)
    top = table.iloc[0]
    half = table[table["share"].cumsum().shift(fill_value=0.0) < 0.5]
    unsure = table.loc[table["direction"] == "not clear", "aspect"]
    clear = (
        "Every aspect has a clear direction."
        if unsure.empty
        else f"The direction of {in_words(list(unsure))} is not clear; their shares are shown all the same."
    )
    warned = found.collinearity.warning({t: column_label(data, t) for t in found.collinearity.table["term"]})
    return (
        f"The aspects together account for {found.rsquared:.1%} of the movement of customers' average {outcome} within "
        f"the same {data.people} ({top['n']:,} answers, {top['n_units']:,} {data.people}). "
        f"**{top['aspect'].capitalize()}** carries the largest part of that, "
        f"{top['share']:.0%} (95 % interval {top['conf_low']:.0%} to {top['conf_high']:.0%}; place {top['ranks']} of "
        f"{len(table)}). Half of it or more lies with {in_words(list(half['aspect']))}. {clear} {warned}"
    ).rstrip()
