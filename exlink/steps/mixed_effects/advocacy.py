"""Employees' own advocacy beside customers': what goes with recommending the company, and who is asked (M28)."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.asked import ex_asked
from exlink.data.dataset import StudyData
from exlink.data.panel import MIN_UNITS, aspect_columns, column_label
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.cluster_shares import against_rest
from exlink.stats.multiplicity import judged
from exlink.stats.panel import panel_two_way
from exlink.stats.proportions import group_shares
from exlink.steps.mixed_effects.models import MIXED

OWN, BESIDE = "employees recommend", "customers recommend"
ADVOCACY = "ex_recommend"
THIRDS = ("least satisfied third", "middle third", "most satisfied third")
COLUMNS = ["aspect", "term", "whose", "estimate", "conf_low", "conf_high", "p_adjusted", "verdict", "n", "n_units"]


@dataclass(frozen=True, slots=True, eq=False)
class Advocacy:
    """Employees' own advocacy.

    effects : DataFrame     aspect, term, whose ('employees recommend', 'customers recommend'), estimate (points of that
                            recommendation per point of the aspect, within persons, other aspects and the wave held
                            equal), interval, p_adjusted (Benjamini–Hochberg within whose), verdict, n (waves answered,
                            or answers of customers), n_units
    reason : str            why nothing is assessed, or ``""``
    """

    effects: pd.DataFrame
    reason: str


def advocacy(data: StudyData, effects: pd.DataFrame) -> Advocacy:
    """Return what goes with employees' own recommendation, beside what goes with customers'.

    Parameters
    ----------
    effects : DataFrame
        Of the models of customers' answers (`fit_all`).
    """
    empty = pd.DataFrame(columns=COLUMNS)
    if ADVOCACY not in (exposed := data.exposures()):
        return Advocacy(empty, "not assessed: needs `ex_responses` with kpi `recommend`")
    xs = aspect_columns(data)
    known = exposed.dropna(subset=[ADVOCACY, *xs])
    again = int((known.groupby(data.unit).size() > 1).sum())
    if again < MIN_UNITS:
        return Advocacy(
            empty, f"not assessed: needs {MIN_UNITS} {data.people} who answered two waves, this study has {again}"
        )
    try:
        fit = panel_two_way(known, ADVOCACY, xs, data.unit, "wave", group_debias=True)
    except EstimationError as error:
        return Advocacy(empty, f"not assessed: {error}")
    own = judged(fit.table).assign(whose=OWN)
    own["aspect"] = [column_label(data, t) for t in own["term"]]
    theirs = effects[(effects["outcome"] == "recommend") & (effects["specification"] == MIXED)]
    theirs = theirs[theirs["effect"] == "within"].assign(whose=BESIDE)
    parts = [part[COLUMNS] for part in (own, theirs) if len(part)]
    order = {aspect: k for k, aspect in enumerate(own.sort_values("estimate", ascending=False)["aspect"])}
    found = pd.concat(parts, ignore_index=True)
    return Advocacy(
        found.assign(place=found["aspect"].map(order))
        .sort_values(["place", "whose"], ascending=[True, False], ignore_index=True)
        .drop(columns="place"),
        "",
    )


def answering(data: StudyData) -> pd.DataFrame | str:
    """Return who answers the survey that advocacy is read from: shares answering by satisfaction the wave before.

    Returns
    -------
    DataFrame: who (thirds of the last satisfaction before an invitation), share of invitations answered with a cluster-
    robust Wilson interval (estimate, conf_low, conf_high), difference from all others with difference_low,
    difference_high and p_adjusted, n (invitations), n_units. A string says why it is not assessed.
    """
    missing = data.missing("ex_invitations")
    if missing:
        return missing
    exposed = data.exposures()
    if "ex_satisfaction" not in exposed:
        return "not assessed: needs `ex_responses` with kpi `satisfaction`"
    asked = ex_asked(data)
    asked = asked[asked["surveyed"]].assign(on=pd.to_datetime(asked["invited_on"]).astype("datetime64[us]"))
    before = exposed.dropna(subset=["ex_satisfaction"])[[data.unit, "responded_on", "ex_satisfaction"]]
    before = before.assign(responded_on=pd.to_datetime(before["responded_on"]).astype("datetime64[us]"))
    both = pd.merge_asof(
        asked.sort_values(["on", data.unit]), before.sort_values(["responded_on", data.unit]), left_on="on",
        right_on="responded_on", by=data.unit, allow_exact_matches=False,
    ).dropna(subset=["ex_satisfaction"])  # fmt: skip
    ranks = both["ex_satisfaction"].rank(pct=True)
    both["who"] = pd.cut(ranks, [0, 1 / 3, 2 / 3, 1], labels=THIRDS).astype(object)
    cells = both.groupby([data.unit, "who"])["answered"].agg(s="sum", m="size").reset_index().astype({"s": "int64"})
    if cells["who"].nunique() < len(THIRDS) or cells[data.unit].nunique() < MIN_UNITS:
        return f"not assessed: needs {MIN_UNITS} {data.people} who were asked again after an answer"
    shares = group_shares(cells, "s", "m", "who", cluster=data.unit)
    apart = against_rest(_moments(cells, data.unit)).rename(columns={
        "estimate": "difference", "conf_low": "difference_low", "conf_high": "difference_high"})  # fmt: skip
    names = ["difference", "difference_low", "difference_high", "p_adjusted"]
    out = shares.merge(apart[names], left_on="who", right_index=True).rename(columns={"n_clusters": "n_units"})
    out["turn"] = out["who"].map({w: k for k, w in enumerate(THIRDS)})
    return out.sort_values("turn", ignore_index=True).drop(columns=["turn", "term", "p_value", "std_error"])


def advocacy_sentence(found: Advocacy, people: str) -> str:
    """Return what goes with employees' recommendation, and whether the same goes with customers'."""
    if found.reason:
        return found.reason
    own = found.effects[found.effects["whose"] == OWN].set_index("aspect")
    theirs = found.effects[found.effects["whose"] == BESIDE].set_index("aspect")["verdict"]
    up, down = (list(own.index[own["verdict"] == verdict]) for verdict in ("higher", "lower"))
    if not up and not down:
        return (
            f"**Nothing clearly goes with how warmly {people} recommend the company.** That is no proof of no effect."
        )
    both = [a for a in up if theirs.get(a) == "higher"]
    only = [a for a in theirs.index[theirs == "higher"] if a not in up]
    said = [f"{a} ({signed(own.loc[a, 'estimate'])})" for a in up]
    head = f"**{people.capitalize()} recommend the company more warmly when {in_words(said)} is better**" if up else ""
    against = f"; less warmly with {in_words(down)}" if down else ""
    shared = (
        f" Customers recommend more, too, with {in_words(both)}."
        if both
        else " With none of these do customers clearly recommend more."
        if len(theirs)
        else ""
    )
    shared += f" With {in_words(only)} customers do, and employees do not clearly." if only else ""
    return f"{head}{against}, within the same {people} (points of their answer per point).{shared}"


def selection_sentence(found: pd.DataFrame | str, people: str) -> str:
    """Return the caveat of selection with its numbers: who among those asked had been satisfied before."""
    if isinstance(found, str):
        return f"Whether the dissatisfied stay silent is {found}."
    first, middle, last = (row for _, row in found.iterrows())
    differs = first["p_adjusted"] < 0.05
    gap = f"the least satisfied against the other two thirds together: {signed(100 * first['difference'], 0)} points, "
    gap += f"{signed(100 * first['difference_low'], 0)} to {signed(100 * first['difference_high'], 0)}"
    numbers = (
        f"of invitations to the {first['who']} of the wave before, {_share(first)} were answered, to the "
        f"{middle['who']} {_share(middle)}, to the {last['who']} {_share(last)} ({gap})"
    )
    if differs and first["difference"] < 0:
        return (
            f"**Selection: the dissatisfied answer less**: {numbers}. Advocacy is read from those who stayed willing."
        )
    shown = "is not what these numbers say" if differs else "is not shown here"
    return (
        f"**Selection:** {numbers}. That the dissatisfied stay silent {shown}; those who left, or never answered "
        "before, are not in these numbers."
    )


def advocacy_words(found: Advocacy) -> str:
    """Return the figure in words, for those who listen to the page."""
    return " ".join(
        f"{r.aspect}, {r.whose}: {signed(r.estimate)} ({signed(r.conf_low)} to {signed(r.conf_high)})."
        for r in found.effects.itertuples()
    )


def _share(row: pd.Series) -> str:
    return f"{row['estimate']:.0%} ({row['conf_low']:.0%} to {row['conf_high']:.0%})"


def _moments(cells: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return the sums over units that a comparison of shares needs, one row per group."""
    totals = cells.groupby(unit)[["s", "m"]].sum().astype(float)
    wide = cells.join(totals.rename(columns={"s": "ts", "m": "tm"}), on=unit)
    s, m, ts, tm = (wide[c].to_numpy(dtype=float) for c in ("s", "m", "ts", "tm"))
    products = pd.DataFrame({
        "who": wide["who"], "s": s, "m": m, "ss": s * s, "sm": s * m, "mm": m * m, "clusters": 1.0,
        "s_ts": s * ts, "s_tm": s * tm, "m_ts": m * ts, "m_tm": m * tm,
    })  # fmt: skip
    ts, tm = totals["s"].to_numpy(), totals["m"].to_numpy()
    return products.groupby("who").sum().assign(
        ts_ts=float(ts @ ts), ts_tm=float(ts @ tm), tm_tm=float(tm @ tm), ts=ts.sum(), tm=tm.sum(),
        t_clusters=float(len(totals)),
    )  # fmt: skip
