"""Step 07: the question before any initiative – easier or harder, better tools or more metrics? (M56)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import signed
from exlink.errors import ParameterError, did_you_mean, listed
from exlink.stats.tidy import t_quantile
from exlink.steps.action_loop.initiatives import EASE, NEW, Initiatives
from exlink.steps.action_loop.levers import Levers, assess_levers, one_more_of_each

PLANNED = "steps.07_action_loop.planned"  # where a study's file lists them
KEYS = ("name", "kind", "aspect", "metrics_added", "frictions_removed", "cost")
NEEDED = ("name", "kind")
COUNTS = ("metrics_added", "frictions_removed")
EASIER, HARDER, OPEN, UNASKED = "easier", "harder", "cannot be told", "not asked about"
NOWHERE = "not assessed: too few initiatives so far to expect anything from"


def planned_initiatives(found: Initiatives | str, planned: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return what is planned: the notebook's list, and initiatives of the study that no answer lies after.

    Returns
    -------
    DataFrame: name, kind, aspect ('' where not said), metrics_added, frictions_removed (NaN where not said), cost, and
    tried (False: not one more of what was done, see `gate_tried`).

    Raises
    ------
    ParameterError
        An entry is not a mapping of known keys, lacks its name or kind, or counts below zero.
    """
    rows = [_checked(entry, place) for place, entry in enumerate(planned, start=1)]
    if not isinstance(found, str):
        rows += found.listed.loc[found.listed["why"] == NEW, list(KEYS)].to_dict("records")
    table = pd.DataFrame(rows, columns=list(KEYS))
    twice = table["name"].duplicated(keep=False)
    if twice.any():
        raise ParameterError(
            f"{PLANNED}: {listed(sorted(set(table.loc[twice, 'name'])))} is there twice. Name them apart."
        )
    return table.assign(kind=table["kind"].astype(str).str.replace("_", " "), tried=False)


def _checked(entry: Any, place: int) -> dict[str, Any]:
    """Return one planned initiative with every key, or refuse it in a sentence."""
    where = f"{PLANNED}, entry {place}"
    if not isinstance(entry, Mapping):
        raise ParameterError(f"{where} is {entry!r}; write it as keys and values: {listed(KEYS)}.")
    for key in entry:
        if key not in KEYS:
            raise ParameterError(
                f"{where}: '{key}' is no key of a planned initiative.{did_you_mean(str(key), KEYS)} "
                f"It may have {listed(KEYS)}."
            )
    for key in NEEDED:
        if not str(entry.get(key, "")).strip():
            raise ParameterError(f"{where} has no {key}. Every planned initiative needs a name and a kind.")
    for key in (*COUNTS, "cost"):
        value = entry.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
            raise ParameterError(f"{where}: {key} is {value!r}; it must be a number from 0 up.")
    counted = any(key in entry for key in COUNTS)  # who counts one of the two and leaves the other out means none
    missing = dict.fromkeys(COUNTS, 0 if counted else np.nan) | {"cost": np.nan, "aspect": ""}
    return {key: entry.get(key, missing.get(key)) for key in KEYS}


def gate_cards(data: StudyData, found: Initiatives | str, plans: pd.DataFrame) -> pd.DataFrame | str:
    """Return what own initiatives let one expect of every planned one, or of one more of each kind tried.

    Returns
    -------
    DataFrame: name, kind, tried, basis (what it is expected from), net_metrics (added less frictions removed), cost,
    n_people (behind what is expected), per outcome (`EASE`, every CX KPI) the expected change with ``<outcome>_low``
    and ``<outcome>_high``, and effort (`EASIER`, `HARDER`, `OPEN` or `UNASKED`). A kind that was tried: what it and the
    others did, with the differences between initiatives in its interval; a new kind: the average kind, with the
    differences between kinds in its interval. Or one line where nothing is known.
    """
    if isinstance(found, str):
        return found
    known = {outcome: assess_levers(data, found, outcome) for outcome in (EASE, *data.cx_kpis)}
    known = {outcome: levers for outcome, levers in known.items() if not isinstance(levers, str)}
    if not known:
        return NOWHERE
    known = {outcome: one_more_of_each(levers) for outcome, levers in known.items()}
    told = frozenset.intersection(*(frozenset(levers.table["kind"]) for levers in known.values()))
    plans = plans[plans["kind"].isin(told) | ~plans["tried"].astype(bool)]
    if plans.empty:
        return NOWHERE
    return pd.DataFrame([_card(plan, known) for plan in plans.to_dict("records")])


def _card(plan: dict[str, Any], known: dict[str, Levers]) -> dict[str, Any]:
    added, removed = (plan[key] for key in COUNTS)
    card = {key: plan[key] for key in ("name", "kind", "tried", "cost")} | {"net_metrics": added - removed}
    people, bases = [], []
    for outcome, levers in known.items():
        estimate, low, high, behind, basis = expected_of(levers, plan["kind"])
        card |= {outcome: estimate, f"{outcome}_low": low, f"{outcome}_high": high}
        people.append(behind)
        bases.append(basis)
    low, high = card.get(f"{EASE}_low", np.nan), card.get(f"{EASE}_high", np.nan)
    effort = UNASKED if EASE not in known else EASIER if low > 0 else HARDER if high < 0 else OPEN
    return card | {"n_people": min(people), "basis": bases[0], "effort": effort}


def expected_of(levers: Levers, kind: str) -> tuple[float, float, float, int, str]:
    """Return the change to expect of a kind with its interval, the people behind it, and what it rests on.

    levers : of one more of each kind (`one_more_of_each`).
    """
    row = levers.table[levers.table["kind"] == kind]
    if len(row):
        one = row.iloc[0]
        count = int(one["initiatives"])
        basis = f"{count} {'initiative' if count == 1 else 'initiatives'} of this kind"
        return one["shrunken"], one["shrunken_low"], one["shrunken_high"], int(one["n_people"]), basis
    average, pooled = levers.pooled.average.iloc[0], levers.pooled
    half = t_quantile(0.975, pooled.df) * np.hypot(average["std_error"], pooled.tau)
    basis = f"the average of {len(levers.table)} other kinds"
    return average["estimate"], average["estimate"] - half, average["estimate"] + half, int(average["n"]), basis


def gate_sentences(cards: pd.DataFrame | str, min_group: int, currency: str = "") -> str:
    """Say of every plan whether it makes work easier or harder, whether it adds tools or metrics, and what it costs."""
    if isinstance(cards, str):
        return ""
    return "\n\n".join(_told(card, currency) for card in cards.to_dict("records") if card["n_people"] >= min_group)


def _told(card: dict[str, Any], currency: str) -> str:
    """Return one gate card in words."""
    net = card["net_metrics"]
    if np.isnan(net):
        balance = "how many metrics it adds and frictions it removes is not said: ask before it begins"
    elif net > 0:
        balance = f"more metrics, {net:.0f} more added than frictions removed"
    elif net < 0:
        balance = f"better tools, {-net:.0f} more frictions removed than metrics added"
    else:
        balance = "as many frictions removed as metrics added"
    effort = card["effort"]
    if EASE in card:
        low, high = signed(card[f"{EASE}_low"]), signed(card[f"{EASE}_high"])
        effort = f"{effort}; “work is easy” {signed(card[EASE])} points (95% interval {low} to {high})"
    cost = "" if pd.isna(card["cost"]) else f"Cost as planned: {card['cost']:,.0f} {currency}".rstrip() + ". "
    return (
        f"**{card['name']}** ({card['kind']}). Easier or harder: {effort}. Better tools or more metrics: {balance}. "
        f"{cost}Expected from {card['basis']}, {card['n_people']} people."
    )
