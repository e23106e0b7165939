"""What lies between EX and a customer's answer: answered contacts with their course, compressed in the engine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.outcomes import MOST_CELLS, cell_keys, placed
from exlink.data.panel import DRAWS
from exlink.data.warehouse import name_of

ANSWER = "answer"
COURSE = {  # what happens in a contact: its value as a number, as SQL
    "resolved_first_contact": "resolved_first_contact::INT::DOUBLE",
    "handle_seconds": "CASE WHEN handle_seconds > 0 THEN ln(handle_seconds) END",
    "transfers": "transfers::DOUBLE",
    "escalated": "escalated::INT::DOUBLE",
}
MOSTLY = 0.8  # share of answered contacts for which a mediator must be known; rarer ones would cost too many answers


def known_mediators(data: StudyData, outcome: str) -> tuple[list[str], list[str]]:
    """Return the mediators that are known for most answered contacts, and lines on those that are not."""
    there = [c for c in COURSE if data.has("interactions", c)]
    absent = data.missing(*(f"interactions.{c}" for c in COURSE))
    lines = [absent] if absent else []
    if not there:
        return [], lines
    counts = ", ".join(f"count({COURSE[c]}) AS {c}" for c in there)
    row = data.query(
        f"SELECT count(*) AS n, {counts} FROM linked WHERE {name_of(outcome)} IS NOT NULL ORDER BY n"
    ).iloc[0]
    kept = [c for c in there if row[c] >= MOSTLY * max(row["n"], 1)]
    lines += [
        f"not assessed: `{c}` is known for {row[c] / max(row['n'], 1):.0%} of the answered contacts"
        for c in there if c not in kept
    ]  # fmt: skip
    return kept, lines


def answered_cells(
    data: StudyData, outcome: str, mediators: Sequence[str], circumstances: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str], dict[tuple[str, str], str]]:
    """Return answered contacts with all mediators known, per unit, wave and circumstances: counts, sums and products.

    Returns
    -------
    cells : DataFrame with left, right (see `placed`), n, sums and products
    sums : dict            mediator or ``ANSWER`` → its column of sums
    products : dict        pair of them, in order → its column of products
    Handle time is taken as its logarithm. Beyond three million answers it is a fixed sample of contacts.
    """
    values = {**{m: COURSE[m] for m in mediators}, ANSWER: f"{name_of(outcome)}::DOUBLE"}
    names = list(values)
    sums = {name: f"sum_{k}" for k, name in enumerate(names)}
    products = {
        (names[i], names[j]): f"product_{i}_{j}" for i, j in combinations_with_replacement(range(len(names)), 2)
    }
    parts = [f"sum({sums[n].replace('sum_', 'v')}) AS {sums[n]}" for n in names]
    parts += [f"sum(v{column.split('_')[1]} * v{column.split('_')[2]}) AS {column}" for column in products.values()]
    made = ", ".join(f"{value} AS v{k}" for k, value in enumerate(values.values()))
    known = " AND ".join(f"v{k} IS NOT NULL" for k in range(len(names)))
    keys = ", ".join(cell_keys(data, circumstances))
    answered = int(data.query("SELECT count_if(has_cx) AS n FROM linked ORDER BY n")["n"].iloc[0])
    share = min(1.0, MOST_CELLS / max(answered, 1))
    drawn = "" if share == 1 else f" AND hash(interaction_id) % {DRAWS} < {int(share * DRAWS)}"
    sql = f"""
        WITH r AS (SELECT {keys}, {made} FROM linked WHERE has_cx{drawn})
        SELECT {keys}, count(*) AS n, {", ".join(parts)} FROM r WHERE {known} GROUP BY ALL"""
    return data.query(placed(data, circumstances, sql)), sums, products
