"""What asking colleagues goes with, while how long they take to answer is not recorded (M14)."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.effort import effort_by_wave, effort_reason
from exlink.data.wording import signed
from exlink.errors import EstimationError
from exlink.stats.power import minimum_detectable, verdict
from exlink.stats.within_between import within_slope
from exlink.steps.touchpoint_kpis.effort import FEWEST_MINUTES, STEP_MINUTES

PART = "collaboration"
NOT_RECORDED = (
    "not recorded: how long a colleague who is asked for help takes to answer; no column of any table holds it. Waits "
    "of customers and the number of hand-offs are what the contacts hold"
)
COLUMNS = ["estimate", "conf_low", "conf_high", "std_error", "n", "n_units", "verdict"]
RESOLVED = "resolved_first_contact"


def asking_round(data: StudyData) -> pd.DataFrame:
    """Return what ten minutes a day more of asking round than one's own usual go with, in first-contact resolution.

    Minutes are those of the ``collaboration`` part of the effort index, with employee and wave effects: it tells busy
    quarters from others of the same person, not how long one answer took.

    Returns
    -------
    DataFrame, COLUMNS: percentage points per ``STEP_MINUTES`` minutes; n (contacts), n_units. Empty where minutes or
    resolution are not known, or minutes are too few to be told or do not vary.
    """
    empty = pd.DataFrame(columns=COLUMNS)
    if effort_reason(data) or data.missing(f"interactions.{RESOLVED}"):
        return empty
    minutes = effort_by_wave(data)[["employee_id", "wave", PART]]
    if minutes[PART].mean() < FEWEST_MINUTES:
        return empty
    cells = data.cells(["employee_id", "wave"], [RESOLVED]).merge(minutes, on=["employee_id", "wave"])
    cells = cells.assign(n_y=cells[f"n_{RESOLVED}"], sum_y=100.0 * cells[f"sum_{RESOLVED}"],
                         sumsq_y=100.0**2 * cells[f"sumsq_{RESOLVED}"], tens=cells[PART] / STEP_MINUTES)  # fmt: skip
    try:
        row = within_slope(cells, "y", "tens", "employee_id", "wave").table.iloc[0]
    except EstimationError:  # too few employees in two waves, or nothing varies within them
        return empty
    out = {name: row[name] for name in ("estimate", "conf_low", "conf_high", "std_error")}
    out |= {"n": int(row["n"]), "n_units": int(row["n_units"])}
    return pd.DataFrame([out | {"verdict": verdict(row["estimate"], row["conf_low"], row["conf_high"])}])[COLUMNS]


def asking_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say what asking round goes with, or what could have been seen; '' where it is not known."""
    shown = frame[frame["n_units"] >= min_group]
    if shown.empty:
        return ""
    row = shown.iloc[0]
    band = f"{signed(row['estimate'], 1)} points ({signed(row['conf_low'], 1)} to {signed(row['conf_high'], 1)})"
    said = (
        f"**In a quarter with {STEP_MINUTES} minutes a day more of asking round than one's own usual, first-contact "
        f"resolution stands {band} from where it usually does**"
    )
    if row["verdict"] == "inconclusive":
        said += f": inconclusive, {minimum_detectable(row['std_error']):.1f} points could have been seen"
    return f"{said}. Within the same {row['n_units']:,} employees, {row['n']:,} contacts; the same time, not an effect."
