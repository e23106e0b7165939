"""Step 03: correlations and slopes of customers' answers on employees' aspects, within and between (M16–M18)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import MIN_UNITS, aspect_columns, column_label, overall_columns, panel_cells, smallest_slopes
from exlink.data.planted import with_planted
from exlink.data.touchpoints import journey_order
from exlink.data.unanswered import told_in_tens
from exlink.errors import EstimationError
from exlink.stats.correlation import between_correlation, correlation_matrix
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import adjusted_verdict, p_in_words
from exlink.stats.slope_matrix import slope_matrix
from exlink.stats.tidy import TIDY

FORMS = {"within": "marginal", "between": "between", "joint": "joint"}  # what was planted, by kind of slope
CLEAR = ("higher", "lower")
UNCLEAR_BETWEEN = "nothing within that matters; between inconclusive"
NOTHING = "nothing that matters, within or between"


def panel_facts(data: StudyData) -> dict[str, Any]:
    """Return what the linked panel is made of, and whether EX came before CX."""
    unit = data.unit
    cells = data.query(
        f"SELECT {unit} AS who, wave, count(*) AS contacts, count_if(has_cx) AS answers FROM linked "
        "GROUP BY ALL ORDER BY 1, 2"
    )
    days = data.query(
        "SELECT median(days_since_ex) AS middle, min(days_since_ex) AS least, max(days_since_ex) AS most, "
        "count_if(days_since_ex < 1) AS not_after, count(*) AS contacts FROM linked WHERE has_cx ORDER BY 1"
    ).iloc[0]
    waves = cells.groupby("who")["wave"].size()
    return {
        "unit": data.people,
        "no_moves": "" if data.unit == "team_id" else data.missing("assignments"),
        "n_units": int(cells["who"].nunique()),
        "n_waves": int(cells["wave"].nunique()),
        "unit_waves": len(cells),
        "waves_per_unit": float(waves.median()),
        "linked": int(cells["contacts"].sum()),
        "answered": int(cells["answers"].sum()),
        "answers_per_unit_wave": float(cells["answers"].median()),
        "median_days_after_ex": float(days["middle"]),
        "first_day_after_ex": float(days["least"]),
        "last_day_after_ex": float(days["most"]),
        # an answer has a date and no hour: whether it came before a contact of the same day, nobody knows
        "not_after_share": float(days["not_after"] / days["contacts"]),
        "ex_before_cx": bool(days["not_after"] == 0),
    }


def correlations(data: StudyData, *, reps: int, seed: int) -> pd.DataFrame:
    """Return within-unit and between-unit correlations of aspects and overall EX with every CX KPI (M16).

    Returns
    -------
    DataFrame: kind ('within', 'between'), aspect (label), outcome, tidy columns, n_units, note.
    """
    xs = [*aspect_columns(data), *overall_columns(data)]
    found = correlation_matrix(panel_cells(data), data.cx_kpis, xs, data.unit, "wave", reps=reps, seed=seed)
    found.insert(1, "aspect", found["term"].map(lambda t: column_label(data, t)))
    return found


def slopes(data: StudyData, *, smallest_share: float, kind: str = "within") -> pd.DataFrame:
    """Return the slope of every CX KPI on every aspect, adjusted as one family (M18).

    Parameters
    ----------
    smallest_share : float
        Smallest slope that matters, as a share of the KPI's scale per point of the aspect.
    kind : {'within', 'between', 'joint'}
        Within or between units, one aspect at a time; 'joint': within units, all aspects in one model per KPI.

    Returns
    -------
    DataFrame: aspect (label), outcome, tidy columns (term ``ex_<aspect>``), p_adjusted (Benjamini–Hochberg over
    all rows), n_units, n_cells, sd_within, mde (of one test, before the adjustment), smallest,
    verdict, clear, p_words, planted_kind and planted (simulated data), note.
    """
    joint, form = kind == "joint", FORMS[kind]
    side = "within" if joint else kind
    xs = aspect_columns(data)
    found = slope_matrix(panel_cells(data), data.cx_kpis, xs, data.unit, "wave", kind=side, joint=joint)
    few = found["n_units"] < MIN_UNITS  # a line through nine points looks clear by chance
    found.loc[few, ["estimate", "std_error", "conf_low", "conf_high", "p_value", "p_adjusted", "mde"]] = np.nan
    found.loc[few & (found["note"] == ""), "note"] = f"fewer than {MIN_UNITS} {data.people}"
    found.insert(0, "aspect", found["term"].map(lambda t: column_label(data, t)))
    found["smallest"] = found["outcome"].map(smallest_slopes(data, smallest_share))
    found["verdict"] = [
        adjusted_verdict(row.estimate, row.conf_low, row.conf_high, row.p_adjusted, row.smallest)
        for row in found.itertuples()
    ]
    found["clear"] = found["verdict"].isin(CLEAR)
    found["p_words"] = found["p_adjusted"].map(p_in_words)
    return with_planted(found, data, form).rename(columns={"kind": "planted_kind"})


def judged_together(alone: pd.DataFrame, joint: pd.DataFrame) -> pd.DataFrame:
    """Return the slopes of aspects one at a time, those of one model with all beside them, and what both agree on.

    Taken alone, an aspect borrows from others that move along with it; beside all others, it may lose what is its own.
    Only what both say is called so.

    Parameters
    ----------
    alone, joint : DataFrame
        `slopes` of kind 'within' and 'joint'.

    Returns
    -------
    DataFrame: ``alone`` with verdict and clear as agreed ('inconclusive' where the two differ; the verdict alone where
    there is no model with all), alone_verdict, joint with joint_low, joint_high, joint_p, joint_verdict, planted_joint.
    """
    names = {"estimate": "joint", "conf_low": "joint_low", "conf_high": "joint_high", "p_adjusted": "joint_p",
             "verdict": "joint_verdict", "planted": "planted_joint"}  # fmt: skip
    beside = joint.rename(columns=names)[["term", "outcome", *names.values()]]
    both = alone.rename(columns={"verdict": "alone_verdict"})
    both = both.merge(beside, on=["term", "outcome"], how="left", validate="one_to_one")
    stands = (both["alone_verdict"] == both["joint_verdict"]) | both[["alone_verdict", "joint_verdict"]].eq(
        "not assessed"
    ).any(axis=1)
    verdict = both["alone_verdict"].where(stands, "inconclusive")
    return both.assign(verdict=verdict, clear=verdict.isin(CLEAR))


def said_above(reason: str, where: str) -> str:
    """Return the line that sends back to where a reason was told in full; ``""`` where there is none."""
    return reason and f"not assessed: see “{where}” above"


def few_reason(data: StudyData) -> str:
    """Return why no slope at all is shown: too few units for any."""
    return f"not assessed: slopes need at least {MIN_UNITS} {data.people} with EX and customers' answers"


def readings(within: pd.DataFrame, between: pd.DataFrame) -> pd.DataFrame:
    """Return what within and between say together, per aspect and outcome.

    Returns
    -------
    DataFrame: aspect, term, outcome, verdict_within, verdict_between, reading, planted_kind, n_units.
    """
    keys = ["aspect", "term", "outcome"]
    both = within[[*keys, "verdict", "planted_kind", "n_units"]].merge(
        between[[*keys, "verdict", "n_units"]], on=keys, suffixes=("_within", "_between"), validate="one_to_one"
    )
    both["n_units"] = np.where(both["n_units_within"] > 0, both["n_units_within"], both["n_units_between"])
    both = both.drop(columns=["n_units_within", "n_units_between"])
    both["reading"] = [_reading(w, b) for w, b in zip(both["verdict_within"], both["verdict_between"], strict=True)]
    return both


def _reading(within: str, between: str) -> str:
    if "not assessed" in (within, between):
        return "not assessed"
    if within == "higher":
        return "moves with customers' answers"
    if within == "lower":
        return "moves against customers' answers"
    # the sign between must not get lost: "only between" against expectation is another finding than with it
    if within == "no meaningful association":
        return {
            "higher": "only between", "lower": "only between, against", "inconclusive": UNCLEAR_BETWEEN,
        }.get(between, NOTHING)  # fmt: skip
    return {"higher": "between, unclear within", "lower": "between against, unclear within"}.get(
        between, "inconclusive"
    )


def touchpoint_correlations(data: StudyData, *, reps: int, seed: int) -> pd.DataFrame:
    """Return correlations between units of every aspect with every touchpoint's CX, each unit counted once.

    Returns
    -------
    DataFrame: aspect (label), term, touchpoint, outcome, estimate … n, n_units, p_adjusted
    (Benjamini–Hochberg over all rows), clear; touchpoints in the order of the journey.
    Pairs with too few units are left out.
    """
    cells = panel_cells(data, ["touchpoint"])
    rows = []
    for touchpoint, part in cells.groupby("touchpoint", observed=True, sort=True):
        for y in data.cx_kpis:
            for x in aspect_columns(data):
                try:
                    row = between_correlation(part, y, x, data.unit, weights="units", reps=reps, seed=seed)
                except EstimationError:
                    continue  # a touchpoint that too few units serve; the table shows which pairs there are
                rows.append(row.assign(touchpoint=touchpoint, outcome=y, aspect=column_label(data, x)))
    columns = ["aspect", "term", "touchpoint", "outcome", *TIDY[1:], "n_units"]
    if not rows:
        return pd.DataFrame(columns=[*columns, "p_adjusted", "clear"])
    out = pd.concat(rows, ignore_index=True)[columns]
    out["p_adjusted"] = benjamini_hochberg(out["p_value"])
    places = {name: k for k, name in enumerate(journey_order(data))}
    out = out.assign(clear=out["p_adjusted"] < 0.05, place=out["touchpoint"].map(places))
    out = told_in_tens(data, out, touchpoint="touchpoint", kpi="outcome")
    return out.sort_values(["outcome", "place", "aspect"], ignore_index=True).drop(columns="place")


def side_by_side(within: pd.DataFrame, between: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the slopes of one outcome within and between, in the order of the within slopes; what there is of them."""
    parts = [
        frame[(frame["outcome"] == outcome) & frame["estimate"].notna()].assign(effect=effect)
        for effect, frame in (("within", within), ("between", between))
    ]
    out = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
    order = parts[0] if len(parts[0]) else parts[1]
    places = {a: k for k, a in enumerate(order.sort_values("estimate", ascending=False, kind="stable")["aspect"])}
    rank = out["aspect"].map(places).fillna(len(places))
    columns = ["aspect", "effect", *TIDY, "n_units", "planted"]
    return out.assign(place=rank).sort_values(["place", "effect"], ascending=[True, False], ignore_index=True)[columns]
