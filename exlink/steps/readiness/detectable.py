"""How small an effect this data would find, and what that rests on: people, answers, and where they differ."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import cx_kpi_scales, ex_aspect_scales
from exlink.data.dataset import StudyData
from exlink.errors import EstimationError
from exlink.stats.reliability import icc_from_sums
from exlink.stats.slope_matrix import slope_matrix

FEW_REPEATED = 3  # units measured twice, below which no within-unit slope can be estimated


def detectable_slopes(data: StudyData) -> pd.DataFrame:
    """Return the smallest within-unit slope this data would find, per EX aspect and CX KPI.

    The standard errors are those of the models of notebook 03 (unit and wave effects, clustered by unit); the
    estimates themselves are left out, so that looking at readiness is not yet looking at results.

    Returns
    -------
    DataFrame: aspect, outcome, detectable (% of the outcome's scale per EX point; power 80 %, two-sided 5 %, before
    any adjustment for many tests), n (customers' answers), n_units, note.
    """
    columns = ["aspect", "outcome", "detectable", "n", "n_units", "note"]
    scales = cx_kpi_scales(data)
    outcomes = list(scales)
    terms = [f"ex_{a}" for a in data.aspects]
    if not outcomes or not terms:
        return pd.DataFrame(columns=columns)
    cells = data.cells([data.unit, "wave"], outcomes).merge(data.exposures(), on=[data.unit, "wave"], how="left")
    frame = slope_matrix(cells, outcomes, terms, data.unit, "wave", kind="within")
    frame["aspect"] = [data.label(term.removeprefix("ex_")) for term in frame["term"]]
    width = frame["outcome"].map({kpi: high - low for kpi, (low, high) in scales.items()})
    if (cells.groupby(data.unit).size() > 1).sum() < FEW_REPEATED:
        frame["note"] = "hardly anybody was measured in two waves, so nobody's change can be seen."
    frame["detectable"] = frame["mde"] / width.astype(float) * 100
    return frame[columns]


def behind(data: StudyData, slopes: pd.DataFrame) -> pd.DataFrame:
    """Return what the detectable slopes rest on: one row per EX aspect and per CX KPI.

    An aspect counts once per unit and wave, a KPI once per linked answer. The ICC is the share of variance that lies
    between units: of an aspect's it tells how little moves within people, of a KPI's how much units matter at all.

    Returns
    -------
    DataFrame: side (``EX aspect`` or ``CX score``), what, n (measurements or answers), n_units, per_unit (their mean
    number), icc with conf_low and conf_high, detectable (median over the other side; % of the customers' scale per
    EX point), note.
    """
    exposures = data.exposures()
    found = slopes.groupby("aspect")["detectable"].median()
    rows = []
    for column, (low, high) in ex_aspect_scales(data).items():
        if column not in exposures:
            continue
        value = (exposures[column] - low) / (high - low)
        sums = pd.DataFrame({"unit": exposures[data.unit], "n": value.notna(), "s": value, "q": value**2})
        label = data.label(column.removeprefix("ex_"))
        rows.append(
            {"side": "EX aspect", "what": label, "detectable": found.get(label, float("nan"))}
            | _icc(sums.groupby("unit")[["n", "s", "q"]].sum())
        )
    scales = cx_kpi_scales(data)
    cells = data.cells([data.unit], list(scales)) if scales else pd.DataFrame()
    found = slopes.groupby("outcome")["detectable"].median()
    for kpi in scales:
        own = cells[[f"n_{kpi}", f"sum_{kpi}", f"sumsq_{kpi}"]].set_axis(["n", "s", "q"], axis=1)
        rows.append({"side": "CX score", "what": kpi, "detectable": found.get(kpi, float("nan"))} | _icc(own))
    names = ["side", "what", "n", "n_units", "per_unit", "icc", "conf_low", "conf_high", "detectable", "note"]
    return pd.DataFrame(rows, columns=names)


def behind_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say how many measurements there are per person, and how much of an aspect moves within people."""
    known = frame[(frame["n_units"] >= min_group) & frame["icc"].notna()]
    aspects, scores = (known[known["side"] == side] for side in ("EX aspect", "CX score"))
    said = []
    if len(aspects):
        moves = 1 - aspects["icc"].clip(lower=0)
        said.append(
            f"**{_span(moves, '.0%')} of what an aspect varies, it varies within people over time** "
            f"({aspects['per_unit'].median():.1f} measurements each); only that part can show a change."
        )
    if len(scores):
        share = scores["icc"].clip(lower=0)
        said.append(
            f"Of customers' scores {_span(share, '.1%')} lies between those who served them, over "
            f"{scores['per_unit'].median():,.0f} answers each."
        )
    return " ".join(said)


def slopes_sentence(slopes: pd.DataFrame, smallest_slope: float) -> str:
    """Say how small a within-unit slope this data would find."""
    known = slopes["detectable"].dropna()
    if known.empty:
        return f"not assessed: {why_no_slope(slopes)}"
    enough = int((known <= smallest_slope).sum())
    return (
        f"**This data would find a change of {known.min():.1f} to {known.max():.1f} % of the customers' scale per "
        f"EX point**, depending on aspect and KPI, before adjustment for many tests; {enough} of {len(known)} "
        f"pairs reach the {smallest_slope:g} % that would matter. What notebook 03 does not find is not shown to be "
        "nothing: the interval it gives there says how large an effect may still be."
    )


def why_no_slope(slopes: pd.DataFrame) -> str:
    """Return why no slope of the table could be estimated."""
    if slopes.empty:
        return "there is no EX aspect or no customer score."
    return str(slopes["note"].iloc[0])


def _icc(sums: pd.DataFrame) -> dict:
    """Return counts and ICC(1) of sums per unit (n, s, q), or why there is none."""
    sums = sums[sums["n"] > 0].astype(float)
    counts = {"n": int(sums["n"].sum()), "n_units": len(sums), "per_unit": sums["n"].mean()}
    try:
        one = icc_from_sums(sums["n"], sums["s"], sums["q"]).set_index("term").loc["icc1"]
    except EstimationError as error:
        # the reason takes the place of the number, and the other rows go on
        return counts | {"note": str(error)}
    return counts | {"icc": one.estimate, "conf_low": one.conf_low, "conf_high": one.conf_high, "note": ""}


def _span(values: pd.Series, spec: str) -> str:
    """Return the smallest and the largest value, or the one they agree in."""
    low, high = format(values.min(), spec), format(values.max(), spec)
    return low if low == high else f"{low} to {high}"
