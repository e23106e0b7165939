"""What happens in contacts, in sentences: how much a point of an aspect goes with, outcome by outcome (M25)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from exlink.data.wording import in_words, signed
from exlink.steps.mixed_effects.few import FEW, few_changes, few_units
from exlink.steps.mixed_effects.outcome_rows import EASE
from exlink.steps.mixed_effects.outcomes import OUTCOMES, PERCENT, POINTS, Outcome, WorkFits

SHORT = {POINTS: " percentage points", PERCENT: " %"}
OVERDISPERSED = 1.1  # a spread this many times that of independent counts is told


def work_sentence(work: WorkFits, people: str, parted: Sequence[str] = ()) -> str:
    """Return, one line per outcome, what a point of the aspects that are clear goes with.

    ``parted`` are the aspects on which the mixed model of ease comes to another verdict: see `ease_apart`.
    """
    within = work.effects[work.effects["effect"] == "within"]
    if within.empty:
        return ""
    clear = within[within["clear"]]
    leads = clear["aspect"].value_counts()
    top = [a for a in leads.index if leads[a] == leads.max()] if len(leads) else []
    first = (
        f"**{in_words(top)[:1].upper()}{in_words(top)[1:]}, when better than usual for the same {people}, "
        f"{'go' if len(top) > 1 else 'goes'} with a clear change in {_of_all(leads.max(), within)}.**"
        if top
        else f"**No aspect clearly goes with an outcome of contacts within the same {people}.**"
    )
    lines = [_line(work, outcome, within, parted) for outcome in OUTCOMES if (within["outcome"] == outcome.name).any()]
    sampled = f" {_sampled(work)}" if work.rows is not None and work.rows.share < 1 else ""
    listed = "\n".join(f"- {line}" for line in lines)
    few = few_units(within["n_units"].min(), people)
    if not few and work.rows is not None:
        few = few_changes(work.rows.changes, len(work.rows.within))
    lead = " ".join(part for part in (f"{first}{sampled}", few) if part)
    return f"{lead} Per point of an aspect, with 95 % intervals:\n\n{listed}"


def _of_all(clear: int, within: pd.DataFrame) -> str:
    outcomes = within["outcome"].nunique()
    return (
        "the one outcome of contacts that is known" if outcomes == 1 else f"{clear} of {outcomes} outcomes of contacts"
    )


def _sampled(work: WorkFits) -> str:
    return f"They rest on a fixed sample of {work.rows.share:.1%} of the linked contacts." if work.rows else ""


def _line(work: WorkFits, outcome: Outcome, within: pd.DataFrame, parted: Sequence[str]) -> str:
    part = within[within["outcome"] == outcome.name]
    clear = part[part["clear"]].sort_values("estimate", key=lambda e: e.abs(), ascending=False, kind="stable")
    head = f"*{outcome.name[0].upper()}{outcome.name[1:]}*{_base(work, outcome)}: "
    if clear.empty:
        return (
            f"{head}no aspect is clear. {signed(part['mde'].median(), 1).lstrip('+')}{SHORT[outcome.unit]} would have "
            "been found in four of five tries before adjustment for many tests."
        )
    told = [_change(row, SHORT[row.unit] if not k or row.unit == PERCENT else "")
            for k, row in enumerate(clear.itertuples())]  # fmt: skip
    only = [aspect for aspect in clear["aspect"] if outcome.kind == "ordinal" and aspect in parted]
    apart = f"; on {in_words(only)} the mixed model further up says otherwise, so it is not relied on" if only else ""
    return f"{head}{in_words(told)}{apart}."


def _change(row: Any, unit: str) -> str:  # a row of itertuples, which has no type of its own
    bounds = f"{signed(row.conf_low, 1)} to {signed(row.conf_high, 1)}"
    return f"{signed(row.estimate, 1)}{unit} ({bounds}) with {row.aspect}"


def _base(work: WorkFits, outcome: Outcome) -> str:
    """Return how common the outcome is, where that is a share of contacts."""
    if work.rows is None:
        return ""
    sums = work.rows.totals
    if outcome.kind == "logit":
        return f" ({sums[f'sum_{outcome.column}'] / sums[f'n_{outcome.column}']:.1%} of contacts)"
    if outcome.kind == "count":
        return f" ({sums[f'sum_{outcome.column}'] / sums[f'n_{outcome.column}']:.2f} per contact)"
    if outcome.kind == "ordinal":
        levels = work.rows.levels
        top = sum(sums[f"n_{EASE}_{k}"] for k in (len(levels) - 1, len(levels)))
        return f" ({levels[-2]:g} or {levels[-1]:g}: {top / sums[f'n_{EASE}']:.1%} of answers)"
    return ""


def dispersion_sentence(work: WorkFits) -> str:
    """Return whether hand-offs spread more than independent counts would, and what that does to the intervals."""
    fit = work.fits.get("transfers")
    if fit is None:
        return ""
    if fit.dispersion > OVERDISPERSED:
        return (
            f"Hand-offs spread {fit.dispersion:.1f} times as much as independent counts would (*overdispersion*); the "
            "clustered errors take that in."
        )
    return f"Hand-offs spread as independent counts do ({fit.dispersion:.2f} times their variance)."


def work_alt(work: WorkFits, unit: str) -> str:
    """Return a figure of outcomes in words, for those who listen to the page."""
    part = work.effects[(work.effects["effect"] == "within") & (work.effects["unit"] == unit) & work.effects["clear"]]
    if part.empty:
        return f"Effects on outcomes in {unit}: none is clear."
    told = [f"{row.outcome}, {_change(row, '')}" for row in part.itertuples()]
    return f"Effects, {unit}: {'; '.join(told)}."


def effort_sentence(found: pd.DataFrame | str) -> str:
    """Return whether the ordered model and the straight line agree, and whether one slope does for all steps."""
    if isinstance(found, str):
        return found
    up = (found["top_low"] > 0) == (found["linear_low"] > 0)
    same = up & ((found["top_high"] < 0) == (found["linear_high"] < 0))
    line = (
        "A straight line through the same answers, with nothing else changed, comes to the same conclusions."
        if same.all()
        else f"The straight line differs on {in_words(list(found.loc[~same, 'aspect']))}."
    )
    if found["steps_p"].isna().all():
        rare = "Too few chose some steps to tell whether one slope does for all."
        return f"**As ordered answers or as numbers?** {line} {rare}"
    apart = found[~found["same"]]
    odds = (
        "One slope does for all steps of the scale (*proportional odds* are not rejected for any aspect)."
        if apart.empty
        else f"For {in_words(list(apart['aspect']))} one slope does not do for all steps of the scale (proportional "
        "odds are rejected): read the two shares as averages over the steps."
    )
    few = " With so few people this is rejected somewhat too often." if found["n_units"].min() < FEW else ""
    return f"**As ordered answers or as numbers?** {line} {odds}{few}"
