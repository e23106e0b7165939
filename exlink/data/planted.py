"""What was planted in simulated data, in the columns in which estimates come: None for real data."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData

FORMS = ("joint", "marginal", "between")
WORDS = {
    "within": "acts on this KPI", "elsewhere": "acts on another KPI only",
    "confounded": "only goes along between persons", "null": "does nothing",
}  # fmt: skip


def planted_effects(data: StudyData) -> pd.DataFrame | None:
    """Return the planted effect of every aspect on every CX KPI.

    Returns
    -------
    DataFrame or None: term (``ex_<aspect>``), outcome, kind ('within', 'confounded' or 'null'), and per point of
    the aspect: joint (all aspects in one model, within person), marginal (one aspect at a time, within
    person), between (one aspect at a time, persons' means). None when the study has no truth.json.
    """
    if data.truth is None or "effects" not in data.truth:
        return None
    effects = pd.DataFrame(data.truth["effects"]).rename(columns={"kpi": "outcome"})
    effects.insert(0, "term", "ex_" + effects["aspect"])
    return effects[["term", "outcome", "kind", "acts", *FORMS]]


def planted_operations(data: StudyData) -> pd.DataFrame | None:
    """Return what was planted on operational outcomes, within persons.

    Returns
    -------
    DataFrame or None: column (of interactions), term (``ex_<aspect>``), planted (coefficient per point of the aspect:
    of the logit, of the log, of the log mean), given (the column that is held equal, or ''). None for real data.
    """
    if data.truth is None or "operations" not in data.truth:
        return None
    planted = pd.DataFrame(data.truth["operations"]).rename(columns={"outcome": "column", "coefficient": "planted"})
    planted["term"] = "ex_" + planted["aspect"]
    return planted[["column", "term", "planted", "given"]]


def with_planted(frame: pd.DataFrame, data: StudyData, form: str) -> pd.DataFrame:
    """Return ``frame`` (columns term, outcome) with ``kind`` and ``planted``; both empty for real data.

    ``kind`` is 'within', 'elsewhere' (acts, but not on this outcome), 'confounded' or 'null'.
    """
    planted = planted_effects(data)
    if planted is None:
        return frame.assign(kind="", planted=float("nan"))
    elsewhere = (planted["kind"] == "within") & ~planted["acts"].astype(bool)
    planted["kind"] = planted["kind"].mask(elsewhere, "elsewhere")
    chosen = planted.rename(columns={form: "planted"})[["term", "outcome", "kind", "planted"]]
    out = frame.merge(chosen, on=["term", "outcome"], how="left", validate="many_to_one")
    return out.assign(kind=out["kind"].fillna(""))


def recovery(found: pd.DataFrame) -> pd.DataFrame | None:
    """Return, per kind of planted aspect, how many planted effects the intervals hold; None for real data.

    Parameters
    ----------
    found : DataFrame with estimate, conf_low, conf_high, clear, n_units, planted_kind and planted.

    Returns
    -------
    DataFrame: planted (words), pairs, covered (planted value inside the interval), clear, n_units.
    """
    known = found.dropna(subset=["planted", "estimate"])
    if known.empty:
        return None
    known = known.assign(
        what=known["planted_kind"].map(WORDS),
        covered=(known["conf_low"] <= known["planted"]) & (known["planted"] <= known["conf_high"]),
    )
    table = known.groupby("what").agg(
        pairs=("estimate", "size"), covered=("covered", "sum"), clear=("clear", "sum"), n_units=("n_units", "min")
    )
    return (
        table.reindex([w for w in WORDS.values() if w in table.index]).reset_index().rename(columns={"what": "planted"})
    )


def planted_variances(data: StudyData) -> pd.DataFrame | None:
    """Return the planted variance components: outcome, component, observed, observed_share; None for real data."""
    if data.truth is None or "variance_components" not in data.truth:
        return None
    parts = pd.DataFrame(data.truth["variance_components"]).rename(columns={"kpi": "outcome"})
    return parts[["outcome", "component", "observed", "observed_share"]]


def planted_factors(data: StudyData, dimension: str, aspect: str) -> dict[str, float]:
    """Return by what an aspect's effect is multiplied in each group; empty where nothing of the kind is planted.

    Parameters
    ----------
    dimension : {'role', 'tenure'}
        Groups are roles by name, or 'first year' and 'later'.
    """
    planted = (data.truth or {}).get("heterogeneity", {})
    if dimension == "role" and aspect == "tools":
        return dict(planted.get("tools_slope_by_role", {}))
    if dimension == "tenure" and aspect == "knowledge" and "knowledge_slope_first_year" in planted:
        return {"first year": float(planted["knowledge_slope_first_year"]), "later": 1.0}
    return {}
