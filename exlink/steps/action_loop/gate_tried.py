"""Step 07: where nothing is planned, what one more initiative of each kind tried here lets one expect (M56)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.initiatives import FEW_KINDS
from exlink.data.wording import in_words, signed
from exlink.steps.action_loop.gate import (
    COUNTS,
    EASIER,
    HARDER,
    KEYS,
    OPEN,
    UNASKED,
    gate_sentences,
    planned_initiatives,
)
from exlink.steps.action_loop.initiatives import EASE, Initiatives, people_behind

BETTER, MORE, EQUAL, UNSAID = "better tools", "more metrics", "as many of both", "not said"


def plans_or_tried(data: StudyData, found: Initiatives | str, planned: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return what is planned, as `planned_initiatives`; where nothing is, one more of each kind tried (`tried`)."""
    plans = planned_initiatives(found, planned)
    return tried_kinds(data, found) if plans.empty and not isinstance(found, str) else plans


def tried_kinds(data: StudyData, found: Initiatives) -> pd.DataFrame:
    """Return one more of each kind that was assessed with enough people behind it.

    Returns
    -------
    DataFrame: name and kind (the kind), aspect (its column without ``ex_``: the one that most of its initiatives were
    meant for; of several, the first by name), metrics_added, frictions_removed, cost (means of its initiatives; of
    those that count one of the first two the other is 0 where left out; NaN where none says), tried (True).
    """
    listed = found.listed[(found.listed["why"] == "") & (found.listed["kind"] != FEW_KINDS)]
    counted = listed[list(COUNTS)].notna().any(axis=1)
    counts = {key: listed[key].fillna(0).where(counted) for key in COUNTS}
    rows = [
        {"name": kind, "kind": kind, "aspect": part["column"].mode().iloc[0].removeprefix("ex_"), "tried": True}
        | {key: part[key].mean() for key in (*COUNTS, "cost")}
        for kind, part in listed.assign(**counts).groupby("kind", sort=True)
        if people_behind(found, list(part["initiative_id"])) >= data.study.privacy.min_group
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "tried"])


def tried_table(cards: pd.DataFrame | str) -> pd.DataFrame:
    """Return the cards of one more of each kind with balance and net (in words), most ease first; or an empty table."""
    if isinstance(cards, str) or not cards["tried"].all():
        return pd.DataFrame()
    net = cards["net_metrics"]
    words = np.select([net.isna(), net > 0, net < 0], [UNSAID, MORE, BETTER], EQUAL)
    order = [EASE] if EASE in cards else ["name"]
    cards = cards.assign(balance=words, net=[_net(word, value) for word, value in zip(words, net, strict=True)])
    return cards.sort_values(order, ascending=EASE not in cards, kind="stable", ignore_index=True)


def _net(balance: str, value: float) -> str:
    """Return the answer with the metrics added less the frictions removed: ``better tools (−9)``."""
    return balance if balance in (EQUAL, UNSAID) else f"{balance} ({signed(value, 1).removesuffix('.0')})"


def gate_words(cards: pd.DataFrame | str, min_group: int, currency: str = "") -> str:
    """Answer for what is planned, or for one more of each kind: easier or harder, better tools or more metrics."""
    table = tried_table(cards)
    shown = table[table["n_people"] >= min_group] if len(table) else table
    if shown.empty:
        return gate_sentences(cards, min_group, currency) if table.empty else ""
    people = f"{shown['n_people'].min()} to {shown['n_people'].max()}"
    return (
        f"**Nothing is planned. One more of each kind tried here would let one expect:** {_effort(shown)}. "
        f"{_balance(shown)}. {_cost(shown, currency)}{len(shown)} kinds, with {people} people behind each."
    )


def _effort(shown: pd.DataFrame) -> str:
    """Say which kinds would make work easier or harder, and of which it cannot be told."""
    if (shown["effort"] == UNASKED).any():
        return "whether work becomes easier or harder was not asked about"
    said = []
    for word in (EASIER, HARDER):
        told = [
            f"{row['name']} ({signed(row[EASE])} points of “work is easy”, 95% interval {signed(row[f'{EASE}_low'])} "
            f"to {signed(row[f'{EASE}_high'])})"
            for _, row in shown[shown["effort"] == word].iterrows()
        ]
        if told:
            said.append(f"{word} work with one more of {in_words(told)}")
    unclear = list(shown.loc[shown["effort"] == OPEN, "name"])
    if len(unclear) == len(shown):
        return "whether easier or harder cannot be told of any kind, as every interval of “work is easy” holds both"
    if unclear:
        said.append(f"whether easier or harder with one of {in_words(unclear)} cannot be told")
    return "; ".join(said)


def _balance(shown: pd.DataFrame) -> str:
    """Say which kinds bring better tools and which bring more metrics, by what their initiatives did on average."""
    heads = {
        BETTER: "Better tools, as more frictions were removed than metrics added",
        MORE: "More metrics than frictions removed", EQUAL: "As many of both", UNSAID: "Not said of",
    }  # fmt: skip
    said = [f"{head}: {in_words(list(shown.loc[shown['balance'] == word, 'name']))}" for word, head in heads.items()
            if (shown["balance"] == word).any()]  # fmt: skip
    return ". ".join(said)


def _cost(shown: pd.DataFrame, currency: str) -> str:
    """Say what one of each kind has cost so far, on average; nothing where no cost is kept."""
    known = shown.dropna(subset=["cost"]).sort_values("cost", kind="stable")
    named = [f"{name} {cost:,.0f}" for name, cost in zip(known["name"], known["cost"], strict=True)]
    unit = f", in {currency}" if currency else ""
    return f"What one has cost so far, on average{unit}: {in_words(named)}. " if named else ""
