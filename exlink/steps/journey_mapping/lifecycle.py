"""The employee journey: which of its touchpoints people go through, and which of these anybody asks about (M1, M2)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import KPI_CONCEPTS, ex_answer_cells, ex_kpi_scales, percent_of_scale
from exlink.data.asked import ex_asked, quarter_of
from exlink.data.coarse import in_steps, off_either_end, one_sided, rare_answers, told_coarsely
from exlink.data.dataset import StudyData
from exlink.data.touchpoints import units_on_either_side
from exlink.stats.intervals import group_means
from exlink.stats.proportions import group_shares

LIFECYCLE = (  # METHOD M2: the moments every study is held against; a study may have others besides
    "hiring",
    "initial training",
    "regular training",
    "after-training support",
    "everyday work",
    "coaching",
    "performance improvement plan",
    "recognition",
    "promotion",
)
NEVER_ASKED, NOT_SEEN = "met, but nobody asks", "not in this study"


def touchpoints(data: StudyData) -> pd.DataFrame:
    """Return one row per employee touchpoint, the nine of the lifecycle first.

    Returns
    -------
    DataFrame: touchpoint, measured, met (invitations; NaN where none are kept), estimate, conf_low, conf_high
    (share of invitations answered, clustered by unit), answers (to items about it), gap ('' or what is missing),
    n_units (units who answered; where none did, units who met it), and the units on either side of the share:
    n_yes, n_no (with an invitation that was answered; with one that was not; n_units where there is no share).
    """
    answered = data.query(
        f"SELECT touchpoint, count(*) AS answers, count(DISTINCT {data.unit}) AS n_answering "
        "FROM ex_responses GROUP BY touchpoint ORDER BY touchpoint"
    )
    asked = ex_asked(data)
    rates = pd.DataFrame(
        columns=["touchpoint", "met", "estimate", "conf_low", "conf_high", "n_meeting", "n_yes", "n_no"]
    )
    if asked is not None:
        cells = asked.assign(met=1, answered=asked["answered"].astype(int))
        rates = group_shares(cells, "answered", "met", "touchpoint", cluster=data.unit)
        rates = rates.rename(columns={"n": "met", "n_clusters": "n_meeting"})
        rates = rates.join(units_on_either_side(asked, ["touchpoint"], data.unit), on="touchpoint")
    seen = rates.merge(answered, on="touchpoint", how="outer")
    seen["touchpoint"] = seen["touchpoint"].astype(object)
    frame = pd.DataFrame({"touchpoint": _in_order(seen["touchpoint"])}).merge(seen, on="touchpoint", how="left")
    counts = ["answers", "n_answering", "n_meeting", "n_yes", "n_no"]
    frame[counts] = frame[counts].apply(pd.to_numeric).fillna(0).astype(int)
    frame["measured"] = frame["answers"] > 0
    never = (frame["n_meeting"] > 0) & ~frame["measured"]
    frame.loc[never, ["estimate", "conf_low", "conf_high"]] = float("nan")  # nobody asked: no rate, not a bad one
    frame["gap"] = [NEVER_ASKED if n else "" if m else NOT_SEEN for n, m in zip(never, frame["measured"], strict=True)]
    frame["n_units"] = frame["n_answering"].where(frame["n_answering"] > 0, frame["n_meeting"])
    for side in ("n_yes", "n_no"):  # without a rate there are no sides
        frame[side] = frame[side].where(frame["estimate"].notna(), frame["n_units"])
    columns = [
        "touchpoint",
        "measured",
        "met",
        "estimate",
        "conf_low",
        "conf_high",
        "answers",
        "gap",
        "n_units",
        "n_yes",
        "n_no",
    ]
    return frame[columns].astype({"met": float, "estimate": float, "conf_low": float, "conf_high": float})


def gaps_sentence(frame: pd.DataFrame, people: str) -> str:
    """Say how many of the lifecycle's touchpoints are measured, and name the gaps."""
    nine = frame[frame["touchpoint"].str.casefold().isin(LIFECYCLE)]
    measured = int(nine["measured"].sum())
    said = f"**{measured} of the {len(LIFECYCLE)} touchpoints of the employee journey {_are(measured)} measured.**"
    blind = frame[frame["gap"] == NEVER_ASKED]
    if len(blind):
        names = " and ".join(blind["touchpoint"])
        said += f" {names[:1].upper()}{names[1:]} {_are(len(blind))} a blind spot: {people} go through it, nobody asks."
    absent = frame.loc[frame["gap"] == NOT_SEEN, "touchpoint"]
    if len(absent):
        said += f" This study holds nothing about {', '.join(absent)}."
    return said


def coverage(data: StudyData) -> pd.DataFrame:
    """Return how well each touchpoint is covered in each quarter.

    Returns
    -------
    DataFrame: touchpoint, quarter, value, n_units (units who met it), n_yes, n_no (of these, who answered and who
    did not; with nobody asked, or no invitations kept, there are no sides, and both are n_units). ``value`` is the
    share of those asked who answered, NaN where nobody asks; without invitations it is the number of units who
    answered.
    """
    asked = ex_asked(data)
    if asked is None:
        frame = data.query(
            f"SELECT touchpoint, {quarter_of('responded_on')} AS quarter, count(DISTINCT {data.unit}) "
            "AS n_units FROM ex_responses GROUP BY ALL ORDER BY ALL"
        )
        frame["value"] = frame["n_units"].astype(float)
        frame = frame.assign(n_yes=frame["n_units"], n_no=frame["n_units"])
    else:
        cells = asked.groupby([data.unit, "touchpoint", "quarter", "surveyed"])["answered"].max().reset_index()
        groups = cells.groupby(["touchpoint", "quarter", "surveyed"])
        frame = groups["answered"].agg(value="mean", n_units="size", n_yes="sum").reset_index()
        surveyed = frame.pop("surveyed")
        frame["value"] = frame["value"].astype(float).where(surveyed)
        frame["n_no"] = (frame["n_units"] - frame["n_yes"].astype(int)).where(surveyed, frame["n_units"])
        frame["n_yes"] = frame["n_yes"].astype(int).where(surveyed, frame["n_units"])
    order = {name: i for i, name in enumerate(_in_order(frame["touchpoint"]))}
    frame["at"] = frame["touchpoint"].map(order)
    return frame.sort_values(["at", "quarter"], ignore_index=True)[
        ["touchpoint", "quarter", "value", "n_units", "n_yes", "n_no"]
    ]


def coverage_unit(data: StudyData) -> tuple[str, str]:
    """Return what a cell of :func:`coverage` is, in words, and its format."""
    if data.has("ex_invitations"):
        return "share of those who met it that answered (dash: nobody asks)", ".0%"
    return f"number of {data.people} who answered (invitations are not kept)", ",.0f"


def kpis(data: StudyData) -> pd.DataFrame:
    """Return the three EX KPIs per touchpoint as % of their scale; empty where none was asked.

    Returns
    -------
    DataFrame, every touchpoint (all nine of the lifecycle) with every KPI that was asked somewhere: touchpoint, kpi,
    tidy mean (0 worst answer, 100 best; clustered by unit; NaN where nobody answered; told in steps where an answer is
    that of a few people, see ``data/coarse.py``), n_units, and how far answers lie from the worst and from the best, in
    half scales: n_yes, n_no.
    """
    scales, rare = ex_kpi_scales(data), rare_answers(data)
    parts = []
    cells = ex_answer_cells(data)
    for kpi in [k for k in KPI_CONCEPTS if k in scales]:
        own = cells[cells["kpi"] == kpi]
        means = group_means(own, "score", "touchpoint", cluster=data.unit)
        few = told_coarsely(means, rare, kpi, ["touchpoint"], "mean")
        means = in_steps(means, scales[kpi], few, one_sided(own, ["touchpoint"]))
        for column in ("estimate", "conf_low", "conf_high"):
            means[column] = percent_of_scale(means[column], scales[kpi])
        parts.append(means.assign(kpi=kpi).join(off_either_end(own, ["touchpoint"], data.unit, scales[kpi])))
    counts = ["n", "n_units", "n_yes", "n_no"]
    columns = ["touchpoint", "kpi", "estimate", "conf_low", "conf_high", *counts]
    if not parts:
        return pd.DataFrame(columns=columns)
    frame = pd.concat(parts, ignore_index=True).rename(columns={"n_clusters": "n_units"})
    order = {name: i for i, name in enumerate(_in_order(frame["touchpoint"]))}
    every = pd.MultiIndex.from_product([order, frame["kpi"].unique()], names=["touchpoint", "kpi"]).to_frame(
        index=False
    )
    frame = every.merge(frame, on=["touchpoint", "kpi"], how="left")
    frame[counts] = frame[counts].fillna(0).astype(int)
    frame["at"] = frame["touchpoint"].map(order)
    frame["nth"] = frame["kpi"].map({k: i for i, k in enumerate(KPI_CONCEPTS)})
    return frame.sort_values(["at", "nth"], ignore_index=True)[columns]


def kpis_sentence(frame: pd.DataFrame, min_group: int) -> str:
    """Say where employees are best and worst off; '' where nothing may be shown."""
    seen = frame[frame["n_units"] >= min_group]
    shown = seen[seen["kpi"] == seen["kpi"].iloc[-1]] if len(seen) else seen
    if len(shown) < 2:
        return ""
    low, high = shown.loc[shown["estimate"].idxmin()], shown.loc[shown["estimate"].idxmax()]
    apart = low.conf_high < high.conf_low
    said = (
        f"**{low.kpi.capitalize()} is lowest with {low.touchpoint} ({low.estimate:.0f} % of the scale) and highest "
        f"with {high.touchpoint} ({high.estimate:.0f} %)**"
    )
    return said + ("." if apart else "; their intervals overlap, so the order is inconclusive.")


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _in_order(names: pd.Series) -> list[str]:
    """Return the nine touchpoints of the lifecycle as the study spells them, then its others by name."""
    present = {str(n).casefold(): str(n) for n in names}
    nine = [present.get(name, name) for name in LIFECYCLE]
    return [*nine, *sorted(n for folded, n in present.items() if folded not in LIFECYCLE)]
