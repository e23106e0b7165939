"""Step 03: correlations corrected for unreliable measures, beside the raw ones (M16, M64)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.items import aspect_items
from exlink.data.panel import MIN_UNITS, aspect_columns, column_label, panel_cells
from exlink.data.wording import in_words
from exlink.stats.disattenuation import disattenuated

RAW, CORRECTED = "as measured", "corrected"


def corrected_correlations(data: StudyData, *, reps: int, seed: int) -> pd.DataFrame:
    """Return the correlation of every CX KPI with every aspect, raw and corrected, within and between units.

    Returns
    -------
    DataFrame: aspect (label) and the columns of :func:`exlink.stats.disattenuation.disattenuated`.
    """
    found = disattenuated(
        panel_cells(data), data.cx_kpis, aspect_columns(data), data.unit, "wave", items=aspect_items(data), reps=reps,
        seed=seed,
    )  # fmt: skip
    found.insert(0, "aspect", found["term"].map(lambda t: column_label(data, t)))
    few = found["n_units"].between(1, MIN_UNITS - 1)  # a line through nine points looks clear by chance
    found.loc[few, [c for c in found.columns if c not in ("aspect", "kind", "outcome", "term", "n", "n_units")]] = (
        np.nan
    )
    found.loc[few, "note"] = f"fewer than {MIN_UNITS} {data.people}"
    found["note"] = found["note"].str.replace("x has one item", "one item only").str.replace("outcome's", "customers'")
    return found


def raw_and_corrected(found: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the matrix of one kind with both versions of every KPI side by side; empty where nothing is corrected.

    Returns
    -------
    DataFrame: aspect, outcome, version, measure (KPI and version: the matrix's column), estimate, conf_low,
    conf_high, n, n_units, KPI by KPI.
    """
    part = found[found["kind"] == kind]
    if not part["corrected"].notna().any():
        return part.iloc[:0].assign(version="", measure="")
    names = {"corrected": "estimate", "corrected_low": "conf_low", "corrected_high": "conf_high"}
    kept = ["aspect", "outcome", "n", "n_units"]
    raw = part[[*kept, *names.values()]].assign(version=RAW)
    both = pd.concat([raw, part[[*kept, *names]].rename(columns=names).assign(version=CORRECTED)])
    both.insert(2, "measure", both["outcome"] + " " + both["version"])
    places = {y: k for k, y in enumerate(dict.fromkeys(part["outcome"]))}
    order = both["outcome"].map(places) * 2 + (both["version"] == CORRECTED)
    return both.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def corrected_sentence(found: pd.DataFrame, kind: str, outcome: str, people: str) -> str:
    """Return what unreliability hides in one kind of correlation with one KPI, at the strongest pair."""
    of_kpi = found[(found["kind"] == kind) & (found["outcome"] == outcome)]
    part = of_kpi[of_kpi["corrected"].notna()]
    if part.empty:
        why = notes(of_kpi)
        return f"not assessed: no correlation {kind} {people} can be corrected" + (
            f" ({why[0].rstrip('.')})" if why else ""
        )
    top = part.loc[part["estimate"].abs().idxmax()]
    sides = [
        f"{who} {value:.2f}"
        for who, value in (("employees' answers", top["reliability_x"]), ("customers' averages", top["reliability_y"]))
        if np.isfinite(value)
    ]
    side = "both sides" if len(sides) == 2 else f"one side ({sides[0].rsplit(' ', 1)[0]})"
    return (
        f"{kind.capitalize()} {people}, {top['aspect']} and customers' {outcome} correlate by {top['estimate']:.2f} as "
        f"measured and by **{top['corrected']:.2f}** (95 % interval {top['corrected_low']:.2f} to "
        f"{top['corrected_high']:.2f}) once noise is taken out of {side}; reliability of such differences: "
        f"{' and '.join(sides)} (1 is perfect; {top['n']:,} answers, {top['n_units']:,} {people})."
    )


def notes(found: pd.DataFrame) -> list[str]:
    """Return what could not be corrected, or was cut, once per reason with the aspects it is about."""
    told = found[found["note"] != ""]
    return [
        f"{why[0].upper()}{why[1:]}: {in_words(list(dict.fromkeys(part['aspect'])))} ({kind})."
        for (kind, why), part in told.groupby(["kind", "note"], sort=False)
    ]
