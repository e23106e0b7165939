"""What hand-offs and slow answers go with: first-contact resolution, within the same employee (M14)."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.handoffs import circumstances, handoff_cells, handoff_reason
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.intervals import group_means
from exlink.stats.multiplicity import judged
from exlink.stats.power import minimum_detectable
from exlink.stats.proportions import group_shares
from exlink.stats.within_between import within_slope

NOTED_LATER = "complexity"  # of the circumstances, the one that may be written down when all is over
TERMS = {"one": "one hand-off, against none", "more": "two or more, against none", "slow": "answered later than usual"}
RAW, LIKE = "as they are", "like with like"
RESOLVED = ["handoffs", "share", "estimate", "conf_low", "conf_high", "minutes", "minutes_low", "minutes_high", "n",
            "n_units"]  # fmt: skip
LINKS = ["term", "compared", "estimate", "conf_low", "conf_high", "std_error", "p_adjusted", "n", "n_units", "verdict"]


def reason(data: StudyData) -> str:
    """Return why hand-offs cannot be assessed, or ''."""
    return handoff_reason(data)


def resolution(data: StudyData, cells: pd.DataFrame) -> pd.DataFrame:
    """Return, per number of hand-offs, contacts, share resolved at first contact (%) and minutes of handling.

    Returns
    -------
    DataFrame: handoffs, share (of contacts, %), estimate, conf_low, conf_high (resolved, %), minutes, minutes_low,
    minutes_high (NaN where unknown), n (contacts), n_units.
    """
    if cells.empty:
        return pd.DataFrame(columns=RESOLVED)
    fcr = group_shares(
        cells.rename(columns={"sum_resolved": "hits"}), "hits", "n_resolved", ["handoffs"], cluster=data.unit
    )
    percent = ["estimate", "conf_low", "conf_high"]
    fcr[percent] = fcr[percent] * 100
    fcr["share"] = fcr["n"] / fcr["n"].sum() * 100
    fcr[["minutes", "minutes_low", "minutes_high"]] = float("nan")
    if "n_minutes" in cells and cells["n_minutes"].any():
        took = group_means(cells, "minutes", ["handoffs"], cluster=data.unit).set_index("handoffs")
        for name, bound in (("minutes", "estimate"), ("minutes_low", "conf_low"), ("minutes_high", "conf_high")):
            fcr[name] = fcr["handoffs"].map(took[bound])
    return fcr.rename(columns={"n_clusters": "n_units"})[RESOLVED]


def links(data: StudyData, cells: pd.DataFrame) -> pd.DataFrame:
    """Return percentage points of first-contact resolution that go with hand-offs and slow answers.

    Within the same employee, clustered by employee; once as contacts are, once with contacts of the same touchpoint
    and complexity compared. p values are adjusted over all rows (BH).

    Returns
    -------
    DataFrame, LINKS: term and comparison in words; n (contacts), n_units. Empty where nothing varies.
    """
    if cells.empty:
        return pd.DataFrame(columns=LINKS)
    frame = cells.assign(one=(cells["handoffs"] == "1") * 1.0, more=(cells["handoffs"] == "2 or more") * 1.0)
    for column in ("sum_resolved", "sumsq_resolved"):  # in percentage points
        frame[column] = frame[column] * 100.0 ** (2 if "sq" in column else 1)
    terms = [name for name in TERMS if frame[name].nunique() > 1]
    there = circumstances(data)
    variants = {RAW: []} | ({LIKE: _dummies(frame, there)} if there else {})
    rows = []
    for compared, controls in variants.items():
        used = pd.concat([frame, *controls], axis=1)
        names = [c.name for c in controls]
        try:
            fit = within_slope(used, "resolved", [*terms, *names], data.unit).table.set_index("term")
        except EstimationError:  # too few employees, or no hand-off that is not also something else
            continue
        for term in terms:
            row = fit.loc[term]
            rows.append({"term": TERMS[term], "compared": compared, **row[["estimate", "conf_low", "conf_high"]],
                         "std_error": row["std_error"], "p_value": row["p_value"], "n": int(row["n"]),
                         "n_units": int(row["n_units"])})  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=LINKS)
    out = judged(pd.DataFrame(rows))
    order = {term: i for i, term in enumerate(TERMS.values())}
    return out.sort_values("term", key=lambda t: t.map(order), kind="stable", ignore_index=True)[LINKS]


def links_sentence(data: StudyData, frame: pd.DataFrame) -> str:
    """Say what a hand-off goes with, and whether it remains when like contacts are compared; '' without hand-offs."""
    if handoff_reason(data):
        return ""
    if frame.empty:
        return "not assessed: hand-offs or first-contact resolution do not vary within enough employees"
    by = frame.set_index(["term", "compared"])
    term = next(t for t in TERMS.values() if t in set(frame["term"]))
    raw = by.loc[(term, RAW)] if (term, RAW) in by.index else by.loc[(term, LIKE)]
    said = f"**{term.capitalize()}, goes with {_points(raw)} of first-contact resolution**"
    if (term, LIKE) not in by.index or (term, RAW) not in by.index:
        return said + "."
    like = by.loc[(term, LIKE)]
    there = circumstances(data)
    said += f"; among contacts of the same {in_words(there)}, {_points(like)}. {_among_like(raw, like)}"
    if NOTED_LATER in there:
        said += (
            f" {NOTED_LATER.capitalize()} may be noted only after a hand-off, and then goes along with it by itself."
        )
    return said


def _among_like(raw: pd.Series, like: pd.Series) -> str:
    """Say what comparing like contacts changed. A lost verdict alone is no change: its interval may only be wider."""
    seen = f"{minimum_detectable(like['std_error']):.1f} points could have been seen"
    clear, remains = raw["verdict"] != "inconclusive", like["verdict"] != "inconclusive"
    if clear and remains and raw["verdict"] != like["verdict"]:
        return "Among like contacts it points the other way; which kinds of contact are handed on decides what is seen."
    if clear and remains:
        return "It remains among like contacts; an association, as nobody decided by lot what to hand on."
    if remains:
        return "It shows among like contacts only; an association, as nobody decided by lot what to hand on."
    if clear and not like["conf_low"] <= raw["estimate"] <= like["conf_high"]:
        return (
            "Part of it belongs to the kind of contact that is handed on: among like contacts the interval leaves out "
            f"what all contacts show. Whether anything remains is inconclusive ({seen})."
        )
    if clear:
        return (
            "Inconclusive among like contacts: their interval still holds what all contacts show, so it cannot be said "
            f"whether that belongs to the kind of contact ({seen})."
        )
    return f"Inconclusive: {seen}."


def _points(row: pd.Series) -> str:
    return f"{signed(row['estimate'], 1)} points ({signed(row['conf_low'], 1)} to {signed(row['conf_high'], 1)})"


def cells_of(data: StudyData) -> pd.DataFrame:
    """Return contacts compressed by unit, hand-offs, speed and circumstances; empty where these are not known."""
    return pd.DataFrame() if handoff_reason(data) else handoff_cells(data)


def _dummies(frame: pd.DataFrame, names: list[str]) -> list[pd.Series]:
    """Return a column per value of each circumstance but its commonest one; an unknown value is a value of its own."""
    out = []
    for name in names:
        values = frame[name].astype(object).where(frame[name].notna(), "unknown").astype(str)
        weight = frame.groupby(values, sort=True)["n_resolved"].sum().sort_values(ascending=False, kind="stable")
        out += [(values == value).astype(float).rename(f"{name}={value}") for value in weight.index[1:]]
    return out
