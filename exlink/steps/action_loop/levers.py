"""Step 07: what each kind of initiative did here, pulled to the average kind by as much as it is uncertain (M55)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from exlink.data.answers import ex_aspect_scales
from exlink.data.dataset import StudyData
from exlink.data.wording import signed
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.one_more import one_more
from exlink.stats.pooling import Pooled, partial_pool
from exlink.stats.tidy import t_quantile, t_tail
from exlink.steps.action_loop.initiatives import OWN, Initiatives, people_behind

APART = 0.01  # of every error is taken to be a team's own: errors of very few teams would else repeat each other


@dataclass(frozen=True, slots=True, eq=False)
class Levers:
    """What kinds of initiatives did to one outcome.

    table : DataFrame    kind, initiatives (how many), n_people, estimate, conf_low, conf_high (as measured), shrunken,
                         shrunken_low, shrunken_high (pulled to the average kind), clear (whether that leaves zero out,
                         adjusted for so many kinds); best first
    pooled : Pooled
    small : int          kinds left out, because too few people are behind them
    effects : DataFrame  the initiatives' own effects that went in, tidy
    vcov : ndarray       their covariance
    """

    table: pd.DataFrame
    pooled: Pooled
    small: int
    effects: pd.DataFrame
    vcov: np.ndarray


def assess_levers(data: StudyData, found: Initiatives | str, outcome: str = OWN) -> Levers | str:
    """Return what kinds of initiatives did to an outcome, or why kinds cannot be compared."""
    if isinstance(found, str):
        return found
    rows = found.effects[(found.effects["outcome"] == outcome) & found.effects["std_error"].gt(0)]
    few, told = data.study.privacy.min_group, rows.groupby("kind")["n_people"].sum()
    ids = rows.groupby("kind")["initiative_id"].apply(list)
    people = pd.Series({kind: min(people_behind(found, ids[kind]), int(told[kind])) for kind in ids.index}, dtype=int)
    # a kind of few people has no part in the average: the others and the average would give it away
    rows = rows[rows["kind"].isin(people.index[people >= few])].reset_index(drop=True)
    if rows["kind"].nunique() < 2:
        return f"not assessed: at least two kinds of initiatives with {few} people behind each are needed to compare"
    if outcome == OWN:
        scales = ex_aspect_scales(data)
        columns = found.listed.set_index("initiative_id").loc[rows["initiative_id"], "column"]
        if len({scales[column] for column in columns}) > 1:
            return "not assessed: the aspects that initiatives were meant for are asked about on different scales"
    kinds, weights = _weights(rows)
    vcov = covariance(rows, [found.parts[i, outcome] for i in rows["initiative_id"]])
    pooled = partial_pool(
        weights @ rows["estimate"], weights @ vcov @ weights.T, kinds, n=people[kinds], df=rows["df"].min()
    )
    table = pooled.table.rename(columns={"term": "kind", "n": "n_people"})
    half = t_quantile(0.975, rows["df"].min()) * table["std_error"]
    table = table.assign(
        initiatives=(weights > 0).sum(axis=1), conf_low=table["estimate"] - half, conf_high=table["estimate"] + half
    )
    doubt = (table["shrunken_high"] - table["shrunken"]) / t_quantile(0.975, rows["df"].min())
    p_values = 2 * t_tail(np.abs(table["shrunken"] / doubt), rows["df"].min())
    table = table.assign(clear=benjamini_hochberg(p_values) < 0.05)
    table = table.sort_values("shrunken", ascending=False, kind="stable", ignore_index=True)
    columns = ["kind", "initiatives", "n_people", "estimate", "conf_low", "conf_high", "shrunken", "shrunken_low",
               "shrunken_high", "clear"]  # fmt: skip
    return Levers(table[columns], pooled, int((people < few).sum()), rows, vcov)


def one_more_of_each(levers: Levers) -> Levers:
    """Return the kinds with what one more initiative of each lets one expect in place of what the kind did.

    What the next one does is less certain than what its kind did: initiatives of one kind differ too.
    """
    rows = levers.effects
    ahead = one_more(rows["estimate"], levers.vcov, list(rows["kind"]), df=rows["df"].min()).set_index("group")
    told = ahead.loc[levers.table["kind"]]
    return replace(levers, table=levers.table.assign(
        shrunken=told["estimate"].to_numpy(), shrunken_low=told["pred_low"].to_numpy(),
        shrunken_high=told["pred_high"].to_numpy(),
    ))  # fmt: skip


def _weights(rows: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Return the kinds, and as (kinds, initiatives) how a kind's average weighs its initiatives: by their precision."""
    kinds = sorted(rows["kind"].unique())
    inside = (rows["kind"].to_numpy()[None, :] == np.array(kinds)[:, None]) / rows["std_error"].to_numpy() ** 2
    return kinds, inside / inside.sum(axis=1, keepdims=True)


def covariance(rows: pd.DataFrame, parts: list[pd.Series]) -> np.ndarray:
    """Return the covariance of initiatives' effects: they share the teams they are compared with."""
    apart = pd.concat(parts, axis=1).fillna(0.0).to_numpy()
    alike = apart.T @ apart
    length = np.sqrt(np.diag(alike))
    alike = (1 - APART) * alike / np.outer(length, length) + APART * np.eye(len(parts))
    error = rows["std_error"].to_numpy(dtype=float)
    return alike * np.outer(error, error)


def levers_long(found: Levers | str) -> pd.DataFrame:
    """Return the kinds as measured and as pulled to their average, under each other.

    Returns
    -------
    DataFrame: kind, what ('as measured', 'pulled to the average'), estimate, conf_low, conf_high, n_people; empty where
    kinds cannot be compared.
    """
    if isinstance(found, str):
        return pd.DataFrame()
    keep = ["kind", "n_people"]
    measured = found.table[[*keep, "estimate", "conf_low", "conf_high"]].assign(what="as measured")
    names = {"shrunken": "estimate", "shrunken_low": "conf_low", "shrunken_high": "conf_high"}
    pulled = found.table[[*keep, *names]].rename(columns=names).assign(what="pulled to the average")
    return pd.concat([measured, pulled], ignore_index=True)


def levers_sentence(found: Levers | str) -> str:
    """Say what the average kind did, how far kinds differ, and which are clear."""
    if isinstance(found, str):
        return ""
    pooled, average = found.pooled, found.pooled.average.iloc[0]
    said = (
        f"Over {len(found.table)} kinds of initiatives the average one moved what it was meant for by "
        f"{_interval(average['estimate'], average['conf_low'], average['conf_high'])}."
    )
    if found.small:
        said += f" {found.small} more {'has' if found.small == 1 else 'have'} too few people behind them to be shown."
    if not pooled.p_value < 0.05:
        return f"{said} That kinds differ at all cannot be told: chance would spread them as far."
    said += f" Kinds clearly differ, by about {pooled.tau:.1f} points from one to the next."
    clear = found.table[found.table["clear"]]
    ways = {"Clearly upwards": clear["shrunken"] > 0, "Clearly downwards": clear["shrunken"] < 0}
    for word, chosen in ways.items():
        part = clear[chosen]
        if len(part):
            named = [
                f"{row.kind}, {_interval(row.shrunken, row.shrunken_low, row.shrunken_high)}"
                for row in part.itertuples()
            ]
            said += f" {word}, each pulled to the average and tested together: {'; '.join(named)}."
    single = int((found.table["initiatives"] == 1).sum())
    if single:
        said += (
            f" {single} of {len(found.table)} kinds rest on one initiative, which cannot be told from its kind: "
            "another of that kind may do otherwise."
        )
    return said


def _interval(estimate: float, low: float, high: float) -> str:
    return f"{signed(estimate)} points (95% interval {signed(low)} to {signed(high)})"
