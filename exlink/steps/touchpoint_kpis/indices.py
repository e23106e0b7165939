"""The EX aspects as indices: their level, and how far their items measure one thing, by alpha and omega (M8)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_aspect_scales, percent_of_scale
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.errors import EstimationError
from exlink.stats.intervals import mean_interval
from exlink.stats.omega import mcdonald_omega
from exlink.stats.reliability import cronbach_alpha

ENOUGH = 0.7  # alpha from which an index is commonly called reliable (Nunnally 1978)
COEFFICIENTS = {"alpha": cronbach_alpha, "omega": mcdonald_omega}
COLUMNS = ["aspect", "estimate", "conf_low", "conf_high", "items", *(f"{name}{bound}" for name in COEFFICIENTS
           for bound in ("", "_low", "_high")), "note", "n", "n_units"]  # fmt: skip


def indices(data: StudyData) -> pd.DataFrame:
    """Return level and reliability of every EX aspect, from each unit's most recent answers.

    One answer per unit, so that intervals need no clustering.

    Returns
    -------
    DataFrame: aspect, estimate, conf_low, conf_high (mean, % of the scale), items, alpha and omega, each with _low and
    _high (NaN where it cannot be had; omega needs three items), note (why there is no alpha), n, n_units.
    """
    answers = data.query(f"""
        SELECT aspect, {data.unit} AS who, item, avg(score) AS score FROM (
            SELECT *, max(responded_on) OVER (PARTITION BY {data.unit}, aspect) AS latest
            FROM ex_responses WHERE kpi = 'driver')
        WHERE responded_on = latest GROUP BY ALL ORDER BY ALL""")
    scales = ex_aspect_scales(data)
    rows = []
    for aspect, part in answers.groupby("aspect", sort=True):
        items = part.pivot(index="who", columns="item", values="score")
        scale = scales[f"ex_{slug(aspect)}"]
        mean = mean_interval(percent_of_scale(items.mean(axis=1), scale)).iloc[0]
        rows.append(
            {
                "aspect": data.label(slug(aspect)),
                "estimate": mean.estimate,
                "conf_low": mean.conf_low,
                "conf_high": mean.conf_high,
                "items": items.shape[1],
                **_reliability(items),
                "n": int(mean.n),
                "n_units": int(mean.n),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def indices_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say which aspects lie lowest and highest, and which are not reliable."""
    shown = frame[frame["n_units"] >= min_group]
    if shown.empty:
        return ""
    low, high = shown.loc[shown["estimate"].idxmin()], shown.loc[shown["estimate"].idxmax()]
    said = (
        f"**Of {len(shown)} aspects, {low.aspect} is lowest ({low.estimate:.0f} % of the scale) and {high.aspect} "
        f"highest ({high.estimate:.0f} %).**"
    )
    known = shown["alpha"].dropna()
    if known.empty:
        return f"{said} Each aspect has one item, so its reliability cannot be judged from within."
    weak = shown.loc[shown["alpha"] < ENOUGH, "aspect"]
    if weak.empty:
        return f"{said} Alpha runs from {known.min():.2f} to {known.max():.2f}: all aspects reach {ENOUGH}."
    return (
        f"{said} Alpha runs from {known.min():.2f} to {known.max():.2f}; below {ENOUGH} lie {', '.join(weak)}. "
        "Associations with these are understated."
    )


def _reliability(items: pd.DataFrame) -> dict[str, object]:
    """Return alpha and omega with their bounds, and why there is no alpha."""
    out: dict[str, object] = {"note": ""}
    for name, coefficient in COEFFICIENTS.items():
        values = dict.fromkeys(("estimate", "conf_low", "conf_high"), float("nan"))
        try:
            values = coefficient(items).iloc[0]
        except EstimationError as error:
            out["note"] = str(error) if name == "alpha" else out["note"]
        out |= {name: values["estimate"], f"{name}_low": values["conf_low"], f"{name}_high": values["conf_high"]}
    return out
