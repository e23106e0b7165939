"""Step 06: what set leavers apart, as a verdict and in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.before_leaving import SAID
from exlink.data.wording import at_least, in_words, signed
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH, judge
from exlink.stats.power import minimum_detectable
from exlink.steps.misalignment_audit.check import BEHIND, Check, not_assessable
from exlink.steps.misalignment_audit.leavers import SATISFACTION, Leavers

NAME = "What leavers had worked round"


def leavers_check(found: Leavers | str, *, harmless: float, matters: float, min_group: int) -> Check:
    """Return the verdict on the load of leavers before they left; bounds are standard deviations of stayers alike."""
    if isinstance(found, str):
        return not_assessable(BEHIND, NAME, found)
    load = found.load
    verdict = judge(load["estimate"], load["conf_low"], load["conf_high"], harmless=harmless, matters=matters)
    what = in_words(found.loaded)
    lead = {
        FAIL: f"Before they left, leavers carried more than stayers alike ({what})",
        WATCH: f"Leavers may have carried more than stayers alike before they left ({what}), which is not certain",
        PASS: f"Before they left, leavers carried a little more than stayers alike ({what})"
              if load["conf_low"] > 0 else
              f"Before they left, leavers had not carried more than stayers alike, as far as would matter ({what})",
        OPEN: f"Whether leavers had carried more than stayers alike cannot be told from so few exits ({what})",
    }[verdict]  # fmt: skip
    seen = float(minimum_detectable(load["std_error"]))
    said = (
        f"{lead}: {load['estimate']:+.2f} standard deviations in the quarter before (95% interval "
        f"{load['conf_low']:+.2f} to {load['conf_high']:+.2f}; up to {harmless:g} counts as harmless, from {matters:g} "
        "on it matters)"
    )
    if verdict in (OPEN, WATCH):
        said += f". About {seen:.2f} would have been seen in four studies of five"
    said += (
        f"; {at_least(load['n_case_units'], min_group)} leavers, {int(load['n_controls'])} stayers of the same "
        f"{found.matched}, {int(load['n_strata'])} groups alike."
    )
    numbers = {"estimate": load["estimate"], "conf_low": load["conf_low"], "conf_high": load["conf_high"],
               "harmless": harmless, "matters": matters, "detectable": seen}  # fmt: skip
    brief = (
        f"In the quarter before, leavers' load was {signed(load['estimate'])} standard deviations from that of stayers "
        f"alike ({signed(load['conf_low'])} to {signed(load['conf_high'])})."
    )
    return Check(BEHIND, NAME, verdict, said, found.table, {k: float(v) for k, v in numbers.items()}, brief)


def apart_sentence(found: Leavers | str, min_group: int) -> str:
    """Say in which measures leavers clearly differ, and whether it is their teams."""
    if isinstance(found, str):
        return ""
    shown = found.table[found.table["n_people"] >= min_group]
    clear = shown[shown["verdict"].isin(["higher", "lower"])]
    alone = shown[((shown["conf_low"] > 0) | (shown["conf_high"] < 0)) & ~shown["term"].isin(clear["term"])]
    said = in_words([f"{row.label.lower()} ({_change(row)})" for row in clear.itertuples()])
    out = (
        f"Of {len(shown)} measures, leavers clearly differ in {said}." if len(clear)
        else f"In none of {len(shown)} measures do leavers differ clearly once all are judged together."
    )  # fmt: skip
    if len(alone):
        names = in_words([label.lower() for label in alone["label"]])
        out += f" {names[:1].upper()}{names[1:]} would stand out alone, but not among so many."
    team = found.in_team
    if team["n_case_units"] >= min_group and np.isfinite(team["std_error"]):
        out += (
            f" Against everybody in the same team their load is {team['estimate']:+.2f} standard deviations apart "
            f"({team['conf_low']:+.2f} to {team['conf_high']:+.2f}): what is left of it when the team is the same."
        )
    return out


def planted_sentence(found: Leavers | str, min_group: int) -> str:
    """Say, of simulated data, how far apart satisfaction must be as planted, and how far it was found."""
    if isinstance(found, str) or not np.isfinite(found.planted):
        return ""
    row = found.table.set_index("term").loc[SATISFACTION]
    if row["n_people"] < min_group:
        return ""
    inside = row["conf_low"] <= found.planted <= row["conf_high"]
    return (
        "In these simulated data people leave the sooner the less satisfied they are. As planted that sets leavers' "
        f"satisfaction about {found.planted:+.0f}% of the scale apart; found are {row['estimate']:+.0f}% "
        f"({row['conf_low']:+.0f} to {row['conf_high']:+.0f}), and the interval {'holds' if inside else 'misses'} it."
    )


def _change(row: object) -> str:
    unit = "% of the scale" if row.kind == SAID else f" {row.unit}"
    return f"{row.estimate:+.1f}{unit}, {row.conf_low:+.1f} to {row.conf_high:+.1f}"


def shown_leavers(found: Leavers | str) -> pd.DataFrame:
    """Return the rows of the table that have an estimate, ready to be released."""
    columns = ["label", "unit", "kind", "mean_cases", "mean_controls", "estimate", "conf_low", "conf_high", "standard",
               "standard_low", "standard_high", "p_adjusted", "n_people", "n_stayers"]  # fmt: skip
    if isinstance(found, str):
        return pd.DataFrame(columns=columns)
    return found.table.loc[found.table["standard"].notna(), columns].reset_index(drop=True)
