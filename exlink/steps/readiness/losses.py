"""Who is lost on the way to the link, stage by stage: how kept interactions differ from those a stage loses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.warehouse import name_of
from exlink.data.wording import in_words, signed
from exlink.stats.balance import Difference, Side, of_category, of_number, standardised_difference
from exlink.stats.multiplicity import benjamini_hochberg

NOTICEABLE = 0.1  # standardised difference beyond which two groups count as different (Austin 2009)
MOST_LEVELS = 60  # of a category; rarer ones are one level, so that a thousand teams stay a small matrix
OVERALL = "all stages"
MORE_THAN_CHANCE = 0.05  # adjusted p value below which a difference is more than chance
_REST = "(others)"
_LABELS = {"team_id": "team", "role": "role", "channel": "channel", "touchpoint": "touchpoint"}
_NUMBERS = {
    "wait_seconds": "waiting time",
    "handle_seconds": "handling time",
    "transfers": "transfers",
    "complexity": "complexity",
    "script_adherence": "script adherence",
    "resolved_first_contact": "resolved at first contact",
    "reopened": "reopened",
    "escalated": "escalated",
}


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """How far interactions came, by unit.

    stages : names of the stages after the first, in order
    units : labels of the units
    categories : per category, its cells: ``at`` (row of the unit), ``reached`` (0 … stages), label, n
    numbers : cells ``at``, ``reached`` with count n…, sum s… and sum of squares q… of every number
    labels : number in words → its place in ``numbers``
    """

    stages: list[str]
    units: np.ndarray
    categories: dict[str, pd.DataFrame]
    numbers: pd.DataFrame
    labels: dict[str, str]


def reached(data: StudyData) -> Reached:
    """Return how far the interactions of every unit came, in two passes over the interactions.

    The stages are those of the funnel. An answer to a contact whose invitation is not recorded counts as invited.
    """
    unit = data.unit
    asked = data.has("cx_invitations")
    stages = ["has EX answers", "EX in force", *(["was invited"] if asked else []), "answered"]
    last = len(stages)  # the funnel's stages after the first, in a word each
    came = (
        f"CASE WHEN wave IS NOT NULL AND has_cx THEN {last} "
        + ("WHEN wave IS NOT NULL AND invited_at IS NOT NULL THEN 3 " if asked else "")
        + f"WHEN wave IS NOT NULL THEN 2 WHEN {unit} IN (SELECT {unit} FROM exposures) THEN 1 ELSE 0 END"
    )
    categories = [c for c in _LABELS if _known(data, c)]
    numbers = {c: label for c, label in _NUMBERS.items() if data.has("interactions", c)}
    hired = data.unit == "employee_id" and data.has("employees", "hired_on")
    if hired:
        numbers = {"date_diff('day', hired_on, started_at) / 365.25": "tenure", **numbers}
    sums = ", ".join(
        f"count({c}) AS n{i}, sum({c}::DOUBLE) AS s{i}, sum({c}::DOUBLE * {c}::DOUBLE) AS q{i}"
        for i, c in enumerate(numbers)
    )
    since = "LEFT JOIN (SELECT employee_id, hired_on FROM employees) USING (employee_id)" if hired else ""
    contacts = f"SELECT {unit} AS unit, {came} AS reached, * FROM interactions"
    summed = data.query(f"""
        SELECT unit, reached, count(*) AS n{", " + sums if sums else ""}
        FROM ({contacts} {since} WHERE {unit} IS NOT NULL) GROUP BY unit, reached ORDER BY unit, reached""")
    units = np.sort(summed["unit"].unique())
    by_category = _by_category(data, f"{contacts} WHERE {unit} IS NOT NULL", categories) if categories else {}
    return Reached(
        stages,
        units,
        {_LABELS[c]: _few_levels(_placed(part, units)) for c, part in by_category.items()},
        _placed(summed, units),
        {label: str(i) for i, label in enumerate(numbers.values())},
    )


def differences(found: Reached) -> pd.DataFrame:
    """Return, per stage and characteristic, how interactions that pass the stage differ from those it loses.

    A category has one difference over all its levels. ``all stages`` compares what is linked with all that is lost.

    Returns
    -------
    DataFrame: stage, characteristic, difference (standardised; signed for a number, passed minus lost), chance
    (what whole people lost at random would stay below), p_adjusted (Benjamini–Hochberg over the table),
    noticeable (beyond ±0.1), clear (and beyond chance), n (interactions on the smaller side), n_units (people on
    the side that has fewer).
    """
    rows = []
    for k, stage in enumerate([*found.stages, OVERALL], start=1):
        kept, lost = _ways(found, k)
        for name in found.categories:
            part = found.categories[name]
            rows.append((stage, name, standardised_difference(_levels(found, part, kept), _levels(found, part, lost))))
        for name, i in found.labels.items():
            rows.append((stage, name, standardised_difference(_number(found, i, kept), _number(found, i, lost))))
    return _framed(rows, ["stage", "characteristic"])


def by_level(found: Reached) -> pd.DataFrame:
    """Return how linked interactions differ from all lost ones, level by level and number by number.

    Returns
    -------
    DataFrame, largest difference first: characteristic (``channel: phone``), difference, chance, p_adjusted,
    noticeable, clear, n, n_units.
    """
    kept, lost = _ways(found, len(found.stages) + 1)
    rows = [
        (name, standardised_difference(_number(found, i, kept), _number(found, i, lost)))
        for name, i in found.labels.items()
    ]
    for name, part in found.categories.items():
        for level in sorted(part["label"].unique()) if part["label"].nunique() > 1 else []:
            sides = (_one_level(found, part, level, which) for which in (kept, lost))
            rows.append((f"{name}: {level}", standardised_difference(*sides)))
    frame = _framed(rows, ["characteristic"])
    order = frame["difference"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def stages_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Name the stage and the characteristic that matter most; differences of few people stay out of it."""
    frame = frame[(frame["n_units"] >= min_group) & (frame["stage"] != OVERALL)]
    if frame.empty:
        return ""
    found = frame[frame["clear"]]
    shown = found if len(found) else frame
    worst = shown.iloc[int(shown["difference"].abs().to_numpy().argmax())]
    where = f"{worst.characteristic} at the stage ‘{worst.stage}’"
    verb = "is" if len(found) == 1 else "are"
    size = f"{worst.difference:.2f}" if worst.characteristic in _LABELS.values() else signed(worst.difference)
    if found.empty:
        return (
            f"**At no stage is clearly more lost of one kind**: the largest difference is {size}, in {where}, with "
            f"{worst.n_units:,.0f} people on its smaller side; so few, lost at random, would reach {worst.chance:.2f} "
            f"in one of twenty studies. After adjustment for the number of comparisons none of {len(frame)} is clear."
        )
    return (
        f"**Most is changed in {where}**: a standardised difference of {size}, where chance alone stays below "
        f"{worst.chance:.2f} ({worst.n_units:,.0f} people on the smaller side). {len(found)} of {len(frame)} "
        f"comparisons {verb} beyond {NOTICEABLE} and, after adjustment for their number, more than chance."
    )


def difference_sentence(frame: pd.DataFrame, whole: pd.DataFrame, min_group: int) -> str:
    """Say whether what is lost looks like what is linked; groups too small to be shown stay out of it.

    Empty where nothing can be compared.

    Parameters
    ----------
    frame : what :func:`by_level` returned, each level of a category by itself.
    whole : what :func:`differences` returned, all levels of a category together: these can differ although no single
        level does.
    """
    frame = frame[frame["n_units"] >= min_group]
    if frame.empty:
        return ""
    found = frame[frame["noticeable"]]
    if found.empty:
        worst = frame.iloc[0]
        more = _together(whole, min_group)
        return (
            f"**No single level, of {len(frame)} compared, tells linked interactions from lost ones**: the largest "
            f"standardised difference is {signed(worst.difference)} ({worst.characteristic}).{more}"
        )
    names = ", ".join(f"{r.characteristic} ({signed(r.difference)})" for r in found.head(4).itertuples())
    return (
        f"**{len(found)} of {len(frame)} levels and numbers differ noticeably** between linked and lost interactions: "
        f"{names}. Results speak first of the kind that is linked."
    )


def _together(whole: pd.DataFrame, min_group: int) -> str:
    """Say which categories differ over all their levels together, though no level does by itself."""
    seen = whole[(whole["stage"] == OVERALL) & (whole["n_units"] >= min_group) & whole["noticeable"]]
    seen = seen[seen["characteristic"].isin(_LABELS.values())]
    told = [f"{r.characteristic} ({r.difference:.2f}{'' if r.clear else ', no more than chance'})"
            for r in seen.itertuples()]  # fmt: skip
    return f" Over all levels together more adds up: {in_words(told)}, as in the figure above." if told else ""


def _known(data: StudyData, column: str) -> bool:
    """Return whether interactions of this study have the label; at team grain a team is the unit, not a label."""
    if column in ("team_id", "role"):
        return data.unit == "employee_id"
    return data.has("interactions", column)


def _by_category(data: StudyData, contacts: str, categories: list[str]) -> dict[str, pd.DataFrame]:
    """Return, per category, its cells: unit, reached, label, n.

    Only counts: the sums of numbers are the same in every category, and adding them up once in each costs more than
    a second pass.
    """
    names = [name_of(c) for c in categories]
    which = "".join(f", {c}, GROUPING({c}) = 0 AS by_{i}" for i, c in enumerate(names))
    sets = ", ".join(f"(unit, reached, {c})" for c in names)
    cells = data.query(f"""
        SELECT unit, reached{which}, count(*) AS n FROM ({contacts})
        GROUP BY GROUPING SETS ({sets}) ORDER BY ALL""")
    return {
        c: cells.loc[cells[f"by_{i}"] & cells[c].notna(), ["unit", "reached", c, "n"]].rename(columns={c: "label"})
        for i, c in enumerate(categories)
    }


def _placed(cells: pd.DataFrame, units: np.ndarray) -> pd.DataFrame:
    """Return the cells with the place of their unit among ``units``, sorted, instead of its name."""
    return cells.assign(unit=np.searchsorted(units, cells["unit"])).rename(columns={"unit": "at"})


def _few_levels(part: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with rare levels put together."""
    sizes = part.groupby("label")["n"].sum().sort_values(ascending=False, kind="stable")
    if len(sizes) <= MOST_LEVELS:
        return part
    rare = part["label"].isin(sizes.index[MOST_LEVELS - 1 :])
    part = part.assign(label=part["label"].mask(rare, _REST))
    return part.groupby(["at", "reached", "label"], sort=True)["n"].sum().reset_index()


def _ways(found: Reached, k: int) -> tuple[list[int], list[int]]:
    """Return how far those came who pass stage ``k``, and those whom it loses; one stage more means all stages."""
    last = len(found.stages)
    return ([last], list(range(last))) if k > last else (list(range(k, last + 1)), [k - 1])


def _levels(found: Reached, part: pd.DataFrame, which: list[int]) -> Side:
    levels, names = pd.factorize(part["label"], sort=True)
    chosen = part["reached"].isin(which).to_numpy()
    counts = np.zeros((len(found.units), len(names)))
    np.add.at(counts, (part["at"].to_numpy()[chosen], levels[chosen]), part["n"].to_numpy(dtype=float)[chosen])
    return of_category(counts)


def _one_level(found: Reached, part: pd.DataFrame, level: str, which: list[int]) -> Side:
    """Return the side of a flag: whether a row has this level."""
    chosen = part[part["reached"].isin(which)]
    all_, own = (
        np.bincount(rows["at"], weights=rows["n"], minlength=len(found.units))
        for rows in (chosen, chosen[chosen["label"] == level])
    )
    return of_number(all_, own, own)


def _number(found: Reached, i: str, which: list[int]) -> Side:
    chosen = found.numbers[found.numbers["reached"].isin(which)]
    return of_number(
        *(
            np.bincount(chosen["at"], weights=chosen[f"{c}{i}"].fillna(0).astype(float), minlength=len(found.units))
            for c in "nsq"
        )
    )


def _framed(rows: list[tuple], names: list[str]) -> pd.DataFrame:
    """Return the differences as a table; what cannot be compared is left out."""
    fits: list[Difference] = [row[-1] for row in rows]
    frame = pd.DataFrame([row[:-1] for row in rows], columns=names)
    frame["difference"] = [fit.estimate for fit in fits]
    frame["chance"] = [fit.chance for fit in fits]
    frame["p_adjusted"] = benjamini_hochberg([fit.p_value for fit in fits])
    frame["noticeable"] = frame["difference"].abs() > NOTICEABLE
    frame["clear"] = frame["noticeable"] & (frame["p_adjusted"] < MORE_THAN_CHANCE)
    frame["n"] = [fit.n for fit in fits]
    frame["n_units"] = [fit.n_units for fit in fits]
    return frame.dropna(subset="difference").reset_index(drop=True)
