"""Units by wave: how hard everyday work was, seen and said, one wave earlier, and what people say of work now (M24)."""

from __future__ import annotations

import pandas as pd

from exlink.data.asked import quarter_of
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.panel import aspect_columns
from exlink.data.struggle_signs import SIGNS, signs_by_wave

EASE = "ease"
BEFORE = "_before"


def everyday_touchpoint(data: StudyData) -> str:
    """Return the touchpoint of employees about which most said how easy it was, or ''."""
    found = data.query("""
        SELECT touchpoint, count(*) AS n FROM ex_responses WHERE kpi = 'ease' GROUP BY touchpoint
        ORDER BY n DESC, touchpoint LIMIT 1""")
    return str(found["touchpoint"].iloc[0]) if len(found) else ""


def struggle_panel(data: StudyData) -> pd.DataFrame:
    """Return units by wave with what was said then, seen after it, and both of the wave before.

    Returns
    -------
    DataFrame: unit, turn (0, 1, … in the order of waves), satisfaction (overall, of employees), experience (mean of the
    aspects, where all are known), ease (of the everyday touchpoint), the signs of struggle of ``struggle_signs`` (in
    the weeks after this wave's answer and before the next one), and all of these of the wave before as
    ``<name>_before``, NaN where the unit has none: signs between the answer before and this one. What the study has
    nothing for is missing.
    """
    exposures, xs = data.exposures(), aspect_columns(data)
    order = {w: k for k, w in enumerate(exposures.groupby("wave")["responded_on"].min().sort_values().index)}
    panel = exposures[[data.unit, "wave"]].assign(turn=exposures["wave"].map(order))
    panel["experience"] = exposures[xs].mean(axis=1, skipna=False) if xs else float("nan")
    if "ex_satisfaction" in exposures:
        panel["satisfaction"] = exposures["ex_satisfaction"]
    if touchpoint := everyday_touchpoint(data):
        panel = panel.merge(_ease(data, touchpoint), on=[data.unit, "wave"], how="left")
    panel = panel.merge(signs_by_wave(data), on=[data.unit, "wave"], how="left")
    said = [c for c in ("satisfaction", "experience", EASE, *SIGNS) if c in panel]
    before = panel[[data.unit, "turn", *said]].assign(turn=panel["turn"] + 1)
    before = before.rename(columns={c: c + BEFORE for c in said})
    joined = panel[[data.unit, "turn", *said]].merge(before, on=[data.unit, "turn"], how="left")
    return joined.sort_values([data.unit, "turn"], ignore_index=True)


def _ease(data: StudyData, touchpoint: str) -> pd.DataFrame:
    """Return the mean of a touchpoint's answers to ease per unit and wave, on the scale most of them are on."""
    quarter = quarter_of("responded_on")
    wave = f"coalesce(wave, {quarter})" if data.has("ex_responses", "wave") else quarter
    answers = data.query(f"""
        WITH a AS (SELECT {data.unit}, {wave} AS wave, touchpoint, score, scale_min, scale_max FROM ex_responses
                   WHERE kpi = 'ease'),
        s AS (SELECT touchpoint, scale_min, scale_max, count(*) AS n FROM a GROUP BY ALL)
        SELECT a.{data.unit}, a.wave, a.touchpoint,
               avg((score - a.scale_min) / (a.scale_max - a.scale_min) * (t.high - t.low) + t.low) AS {EASE}
        FROM a JOIN (SELECT touchpoint, arg_max(scale_min, n) AS low, arg_max(scale_max, n) AS high FROM s
                     GROUP BY touchpoint) t USING (touchpoint)
        GROUP BY ALL ORDER BY ALL""")
    return answers[answers["touchpoint"].map(slug) == slug(touchpoint)].drop(columns="touchpoint")
