"""Customers' typical paths, how often they come back with the same matter, and where journeys break."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.customer_paths import ALONE, ARROW, ENDS, EVERYWHERE, LEFT, OTHERS, CustomerPaths, customer_paths
from exlink.data.dataset import StudyData
from exlink.data.wording import in_words
from exlink.errors import ParameterError
from exlink.stats.cluster_shares import against_rest, cluster_shares
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import minimum_detectable
from exlink.stats.tidy import t_quantile, t_tail

MOVE = ["touchpoint", "following", "estimate", "conf_low", "conf_high", "more", "n", "n_customers"]
WALK = ["path", "contacts", "n_customers", "n", "estimate", "conf_low", "conf_high"]
BREAK = ["touchpoint", "measure", "estimate", "conf_low", "conf_high", "difference", "difference_low",
         "difference_high", "p_adjusted", "worse", "n", "n_customers", "n_yes", "n_no"]  # fmt: skip


def walked(data: StudyData, kpi: str, gap_days: int, repeat_days: int, path_length: int) -> CustomerPaths:
    """Return customers' paths, after refusing parameters that mean nothing.

    A repeat is a contact of the same journey, so ``repeat_days`` lies within ``gap_days``; see
    :func:`exlink.data.customer_paths.customer_paths`.
    """
    if not 1 <= repeat_days <= gap_days:
        raise ParameterError(f"repeat_days is {repeat_days}; it must lie between 1 and gap_days, which is {gap_days}.")
    if not 2 <= path_length <= 8:
        raise ParameterError(f"path_length is {path_length}; it must lie between 2 and 8.")
    return customer_paths(data, kpi, gap_days, repeat_days, path_length)


def transitions(found: CustomerPaths, order: Sequence[str]) -> pd.DataFrame:
    """Return how often each touchpoint is followed by each other one.

    Parameters
    ----------
    order : the customer touchpoints in the order of the journey.

    Returns
    -------
    DataFrame: touchpoint, following (a touchpoint, or that nothing followed), estimate with bounds (share of the
    contacts at ``touchpoint``, NaN where this never follows; contacts of one customer may be alike), more (the share
    is above that of all stages together, Benjamini–Hochberg over the cells), n (contacts at ``touchpoint``),
    n_customers (with this move).
    """
    if found.reason:
        return pd.DataFrame(columns=MOVE)
    shares = cluster_shares(found.transitions)
    frame = pd.concat([found.transitions[["touchpoint", "following", "s", "m", "n_customers"]], shares], axis=1)
    common = frame.groupby("following")["s"].sum() / frame.groupby("touchpoint")["m"].first().sum()
    distance = (frame["estimate"] - frame["following"].map(common)) / frame["std_error"]
    p_value = 2 * t_tail(distance.abs(), frame["n_clusters"] - 1)
    frame["more"] = (benjamini_hochberg(p_value) < 0.05) & (distance > 0)
    frame = frame.astype({"touchpoint": object, "following": object, "more": object})
    every = pd.MultiIndex.from_product([order, [*order, ENDS]], names=["touchpoint", "following"]).to_frame(index=False)
    return every.merge(frame, how="left").fillna({"n_customers": 0, "more": False}).astype({"n_customers": int})[MOVE]


def again(found: CustomerPaths) -> pd.DataFrame:
    """Return how often anything follows a contact at all: one row with touchpoint, share with bounds, n, n_customers.

    Customers who come back and those who do not both stand behind the share: ``n_customers`` are all of them.
    """
    if found.reason:
        return pd.DataFrame(columns=["touchpoint", "estimate", "conf_low", "conf_high", "n", "n_customers"])
    share = cluster_shares(found.again)
    names = ["estimate", "conf_low", "conf_high", "n"]
    return found.again[["touchpoint"]].join(share[names]).assign(n_customers=share["n_clusters"])


def gives_back(overall: pd.DataFrame, moves: pd.DataFrame, is_hidden: pd.Series) -> pd.Series:
    """Return, per row of :func:`again`, whether it has to be left out, because it would give a hidden end back."""
    ends = is_hidden.to_numpy(dtype=bool) & (moves["following"] == ENDS).to_numpy(dtype=bool)
    return pd.Series(bool(ends.any()), index=overall.index)


def journeys(found: CustomerPaths) -> pd.DataFrame:
    """Return the commonest journeys: path, contacts (mean), share with bounds, n (journeys), n_customers."""
    if found.reason:
        return pd.DataFrame(columns=WALK)
    shares = cluster_shares(found.journeys)
    frame = found.journeys[["path", "contacts", "s", "n_customers"]].assign(n=found.journeys["s"].astype(int))
    return frame.join(shares[["estimate", "conf_low", "conf_high"]])[WALK]


def breaks(found: CustomerPaths, order: Sequence[str]) -> pd.DataFrame:
    """Return where journeys break: shares of bad ends per stage, each held against all other stages.

    Returns
    -------
    DataFrame: touchpoint (in order, then ``all``), measure, estimate with bounds (share), difference with its bounds
    (less the share of all other stages), p_adjusted (Benjamini–Hochberg over the stages of a measure), worse, n,
    n_customers, n_yes, n_no.
    """
    if found.reason:
        return pd.DataFrame(columns=BREAK)
    frame = found.breaks.join(cluster_shares(found.breaks)[["estimate", "conf_low", "conf_high", "n"]])
    stages = frame[frame["touchpoint"] != EVERYWHERE]
    compared = pd.concat([against_rest(part) for _, part in stages.groupby("measure", sort=False)])
    names = {"estimate": "difference", "conf_low": "difference_low", "conf_high": "difference_high"}
    compared = compared[[*names, "p_adjusted"]].rename(columns=names)
    frame = frame.join(compared)
    frame["worse"] = (frame["p_adjusted"] < 0.05) & (frame["difference"] > 0)
    places = {name: i for i, name in enumerate([*order, EVERYWHERE])}
    frame["at"] = frame["touchpoint"].map(places)
    frame["nth"] = frame["measure"].map({name: i for i, name in enumerate(dict.fromkeys(frame["measure"]))})
    return frame.sort_values(["at", "nth"], ignore_index=True)[BREAK]


def speaks_of(frame: pd.DataFrame, hidden: Collection[str]) -> pd.Series:
    """Return which rows name one of the ``hidden`` touchpoints, as a stage or on a path."""
    columns = [c for c in ("touchpoint", "following") if c in frame]
    named = frame[columns].isin(list(hidden)).any(axis=1) if columns else pd.Series(False, index=frame.index)
    if "path" in frame:
        named |= pd.Series([not set(path.split(ARROW)).isdisjoint(hidden) for path in frame["path"]], index=frame.index)
    return named


def transitions_sentence(shown: pd.DataFrame, overall: pd.DataFrame, gap_days: int) -> str:
    """Say how often something follows, and which moves stand out.

    Parameters
    ----------
    shown, overall : what the gate released of :func:`transitions` and of :func:`again`.
    """
    seen, overall = shown.dropna(subset=["estimate"]), overall.dropna(subset=["estimate"])
    if seen.empty:
        return ""
    said = ""
    for every in overall.itertuples():
        said = (
            f"**After {_share(every)} of {every.n:,.0f} contacts the same customer is in touch again within "
            f"{gap_days} days.** "
        )
    moves = seen[seen["more"].astype(bool) & (seen["following"] != ENDS)].nlargest(3, "estimate")
    if moves.empty:
        return (
            f"{said}Whether what comes next depends on what came before is inconclusive: nothing is shown to follow "
            "more often after one stage than after all stages together."
        )
    told = [f"{r.following} after {r.touchpoint} ({r.estimate:.0%}, {r.conf_low:.0%} to {r.conf_high:.0%})"
            for r in moves.itertuples()]  # fmt: skip
    return f"{said}More often than after all stages together comes {in_words(told)}."


def journeys_sentence(shown: pd.DataFrame) -> str:
    """Say how many journeys are one contact, and what the commonest longer one is. ``shown``: what was released."""
    seen = shown.dropna(subset=["estimate"]).set_index("path")
    longer = seen.drop(index=[ALONE, OTHERS], errors="ignore")
    if longer.empty:
        return ""
    longer = longer.sort_values("n", ascending=False, kind="stable")
    first = longer.iloc[0]
    said = f"the commonest longer one shown is {longer.index[0]}, with {_share(first)}"
    if len(longer) > 1 and longer.iloc[1].conf_high >= first.conf_low:
        said += f", closely followed by {longer.index[1]}, with {_share(longer.iloc[1])}"
    alone = f"{_share(seen.loc[ALONE])} of journeys are a single contact; " if ALONE in seen.index else ""
    rest = ""
    if OTHERS in seen.index:
        others = seen.loc[OTHERS]
        rest = f" All journeys that are not listed are {_share(others)}, of {others.contacts:.1f} contacts on average."
    said = f"{alone}{said}"
    return f"**{said[0].upper()}{said[1:]}.**{rest}"


def ends_words(shown: pd.DataFrame, gap_days: int, path_length: int) -> str:
    """Say when a journey ends, and which journeys can be listed."""
    if shown.empty:
        return ""
    return (
        f"A journey ends when the customer makes no contact for {gap_days} days. Listed are the commonest journeys of "
        f"up to {path_length} contacts."
    )


def breaks_sentence(shown: pd.DataFrame) -> str:
    """Say at which stages journeys break more often than elsewhere."""
    seen = shown.dropna(subset=["estimate"])
    stages = seen[(seen["touchpoint"] != EVERYWHERE) & seen["p_adjusted"].notna()]
    if stages.empty:
        return ""
    told, none = [], []
    for measure, part in stages.groupby("measure", sort=False):
        worse = part[part["worse"].astype(bool)].sort_values("estimate", ascending=False)
        if worse.empty:
            none.append(str(measure))
        for row in worse.itertuples():
            points = f"{100 * row.difference:.1f} points more than elsewhere"
            bounds = f"{100 * row.difference_low:.1f} to {100 * row.difference_high:.1f}"
            told.append(f"at {row.touchpoint} ({measure}: {row.estimate:.1%}, {points}, {bounds})")
    if not told:
        return f"**At no stage are journeys shown to break more often than at the others** ({_missed(stages)})."
    rest = f" No stage is shown to stand out for {in_words(none)}" if none else ""
    rest += f" ({_missed(stages[stages['measure'].isin(none)])})." if none else ""
    return f"**Journeys break more often than elsewhere {in_words(told)}.**{rest}"


def _share(row: Any) -> str:
    return f"{row.estimate:.1%} ({row.conf_low:.1%} to {row.conf_high:.1%})"


def _missed(stages: pd.DataFrame) -> str:
    """Say which differences a stage could have without being found, before any adjustment."""
    std_error = (stages["difference_high"] - stages["difference_low"]) / (2 * t_quantile(0.975, np.inf))
    return f"differences below about {100 * minimum_detectable(std_error.median()):.1f} points could have been missed"


def measures_words(shown: pd.DataFrame, repeat_days: int, gap_days: int, kpi: str) -> str:
    """Say what each measure of a broken journey counts."""
    if shown.empty:
        return ""
    said = [
        f"*dissatisfied answer*: {kpi} below the middle of its scale, of all answers",
        f"*same matter again*: the customer is back at the same stage within {repeat_days} days, with the same reason "
        "where reasons are kept",
    ]
    if (shown["measure"] == LEFT).any():
        said.append(f"*{LEFT}*: of those whose last contact of a period was here, who left within the next two")
    else:
        said.append(f"*{ENDS}*: nothing more within {gap_days} days, which can be good or bad")
    return f"Counted are {'; '.join(said)}."
