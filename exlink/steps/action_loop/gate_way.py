"""Step 07: what a planned initiative lets one expect of customers by way of the aspect it is meant for (M56)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.panel import aspect_columns, panel_cells
from exlink.errors import EstimationError, ParameterError, did_you_mean, listed
from exlink.stats.tidy import t_quantile
from exlink.stats.within_between import within_slope
from exlink.steps.action_loop.gate import NOWHERE, PLANNED, expected_of
from exlink.steps.action_loop.initiatives import OWN, Initiatives
from exlink.steps.action_loop.levers import assess_levers, one_more_of_each


def by_way_of(data: StudyData, found: Initiatives | str, plans: pd.DataFrame) -> pd.DataFrame | str:
    """Return what plans that name their aspect, or one more of each kind tried, let one expect of customers through it.

    The change of the aspect to expect of one more of the kind, times how customers' ratings go along with the aspect
    within persons, all aspects in one model: many persons tell that far better than a few teams can tell what an
    initiative does to customers. It takes the initiative to reach customers in this way alone.

    Returns
    -------
    DataFrame: name, tried, aspect, n_people, change with change_low and change_high (of the aspect), and per CX KPI
    their product with ``<kpi>_low`` and ``<kpi>_high``: the variance of a product of independent estimates (Goodman
    1960, JASA 55). Or one line where no plan names an aspect, or nothing is known.

    Raises
    ------
    ParameterError
        A plan names an aspect that nobody was asked about.
    """
    if isinstance(found, str):
        return found
    named = plans[plans["aspect"].fillna("").astype(str).str.strip() != ""]
    if named.empty:
        return "not assessed: no planned initiative names its `aspect`"
    for row in named.itertuples():
        if slug(row.aspect) not in data.aspects:
            near = did_you_mean(slug(row.aspect), data.aspects)
            raise ParameterError(
                f"{PLANNED}: nobody was asked about '{row.aspect}', the aspect of '{row.name}'.{near} "
                f"Asked about were {listed(data.aspects, 20)}."
            )
    levers = assess_levers(data, found, OWN)
    if isinstance(levers, str):
        return levers
    levers = one_more_of_each(levers)
    named = named[named["kind"].isin(levers.table["kind"]) | ~named["tried"].astype(bool)]
    if named.empty:
        return NOWHERE
    try:
        slopes = _slopes(data)
    except EstimationError as error:
        return f"not assessed: {error}"
    rows = []
    for row in named.itertuples():
        change, low, high, people, _ = expected_of(levers, row.kind)
        card = {"name": row.name, "tried": row.tried, "aspect": data.label(slug(row.aspect)),
                "n_people": people, "change": change, "change_low": low, "change_high": high}  # fmt: skip
        for kpi, table in slopes.items():
            slope = table.loc[f"ex_{slug(row.aspect)}"]
            card |= dict(zip((kpi, f"{kpi}_low", f"{kpi}_high"), _product(change, low, high, slope), strict=True))
        rows.append(card)
    return pd.DataFrame(rows)


def _slopes(data: StudyData) -> dict[str, pd.DataFrame]:
    """Return, per CX KPI, how ratings go along with every aspect within units: tidy rows by column."""
    cells = panel_cells(data)
    columns = aspect_columns(data)
    return {k: within_slope(cells, k, columns, data.unit, "wave").table.set_index("term") for k in data.cx_kpis}


def _product(change: float, low: float, high: float, slope: pd.Series) -> tuple[float, float, float]:
    """Return the product of a change and a slope, with its interval."""
    quantile = float(t_quantile(0.975, np.inf))
    error, other = (high - low) / 2 / quantile, (slope["conf_high"] - slope["conf_low"]) / 2 / quantile
    estimate = change * slope["estimate"]
    half = quantile * np.sqrt((change * other) ** 2 + (slope["estimate"] * error) ** 2 + (error * other) ** 2)
    return estimate, estimate - half, estimate + half


def way_sentence(table: pd.DataFrame | str, kpi: str, min_group: int) -> str:
    """Say which plans, or kinds of which there is one more, are expected to reach customers by way of their aspect."""
    if isinstance(table, str):
        return ""
    shown = table[table["n_people"] >= min_group]
    clear = shown[(shown[f"{kpi}_low"] > 0) | (shown[f"{kpi}_high"] < 0)]
    if shown.empty:
        return ""
    if clear.empty:
        what = "one more initiative of no kind" if shown["tried"].all() else "no plan"
        return f"By way of their aspects {what} can be told to move customers' {kpi} either way."
    words = "; ".join(
        f"“{row['name']}” {'up' if row[kpi] > 0 else 'down'}, by way of {row['aspect']}" for _, row in clear.iterrows()
    )
    more = "one more of " if shown["tried"].all() else ""
    return (
        f"By way of their aspects customers' {kpi} is expected to move with: {more}{words}. "
        "95% intervals are in the table."
    )
