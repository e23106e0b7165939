"""What a change did that groups adopted at different dates: before against after, against groups without it so far.

A regression on unit effects, period effects and "has it by now" compares late adopters with early ones too, and is
wrong wherever an effect grows or differs between them (Goodman-Bacon 2021, J. Econometrics 225). Here every adopter is
compared with rows that are not treated, and with nothing else: unit and period effects come from untreated rows alone,
and an effect is the average of what treated rows have beyond them (imputation: Borusyak, Jaravel & Spiess 2024,
Rev. Econ. Stud. 91; Gardner 2022, "Two-stage differences in differences"). With one date and everybody observed it is
the group-time average of Callaway & Sant'Anna (2021, J. Econometrics 225), measured from all periods before instead of
the last one, because one period alone carries the noise of one. pyfixest's ``did2s`` gives the same estimates (tests
hold them together) with errors clustered by group, which two or three adopters make far too small; so the estimator is
written out here as what it is, one weight per row, and the errors are made of the weights.

Errors. Chance differs between groups, not only between people, and few groups adopt. A group's part in the estimate is
the sum of weight times residual over its rows. Parts are taken to be alike up to what two kinds of chance make of their
weights, of rows and of groups in periods (see `adoption_spread`), and how large chance is is learnt from all groups,
adopters or not: Student's t with as many degrees of freedom as groups less what the fit used up. In a balanced panel
with one date this is Donald & Lang's (2007, Rev. Econ. Stat. 89) two-sample t test of the groups' changes; the idea of
learning adopters' chance from the others is Conley & Taber's (2011, Rev. Econ. Stat. 93), the scaling by weights Ferman
& Pinto's (2019, Rev. Econ. Stat. 101).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from exlink.stats.adoption_rows import AdoptionRows, adoption_rows, period_effects, row_weights, usable_rows
from exlink.stats.adoption_spread import FLAT, Spread
from exlink.stats.tidy import check_level, need_columns, tidy_frame

MOST = 5_000  # assignments of adopters that are all gone through; beyond that as many are drawn
SEED = 20_260_930


@dataclass(frozen=True, slots=True, eq=False)
class Adoption:
    """What a change did in the groups that adopted it.

    effect : DataFrame     1 tidy row (n: treated rows): the average over all treated rows, with df, n_units (observed
                           before and after), n_groups (adopters), n_others (groups compared with)
    p_permuted : float     share of all ways to choose as many adopters among the same groups that give a change as
                           large; its smallest value is 1 / ``assignments``
    candidates : int       groups seen before and after the adopters' first period, of which these are chosen
    assignments : int      how many ways there are
    parts : Series         by group: its part in the error of the effect
    """

    effect: pd.DataFrame
    p_permuted: float
    candidates: int
    assignments: int
    parts: pd.Series


def adoption_effect(
    frame: pd.DataFrame,
    y: str,
    unit: str,
    group: str,
    time: str,
    since: str,
    *,
    weight: str | None = None,
    level: float = 0.95,
) -> Adoption:
    """Return what a change did to ``y`` in the groups that adopted it.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period. A unit stays in one group: one that moves is another unit.
    time : str
        Period, the same for all groups.
    since : str
        Periods since the group's first one with the change: 0 and above with it, below before it. Missing for groups to
        compare with, whose rows must all be untreated: of those that adopt something later, the rows before.
    weight : str, optional
        Column with the number of observations behind a row.

    Raises
    ------
    EstimationError
        No unit of an adopter has rows before and after, or fewer than three groups have rows in such a period.
    """
    check_level(level)
    need_columns(frame, [y, unit, group, time, since, *([weight] if weight else [])], f"adoption and {y}")
    panel = usable_rows(adoption_rows(frame, y, unit, group, time, since, weight), y)
    after = panel.since >= 0
    adopts = np.unique(panel.group[after])
    others = np.setdiff1d(np.unique(panel.group), adopts)
    spread = Spread(panel)
    share = np.where(after, panel.weight, 0.0) / panel.weight[after].sum()
    estimate, error, df, parts, mix = spread.told(row_weights(panel, share, ~after))
    effect = tidy_frame("effect", estimate, error, int(after.sum()), df=df, level=level).assign(
        df=df, n_units=len(np.unique(panel.unit[after])), n_groups=len(adopts), n_others=len(others)
    )
    p, candidates, ways = _permuted(panel, adopts, mix)
    found = np.r_[adopts, others]
    return Adoption(effect, p, candidates, ways, pd.Series(parts[found], panel.groups[found]))


def adoption_profile(
    frame: pd.DataFrame,
    y: str,
    unit: str,
    group: str,
    time: str,
    since: str,
    *,
    weight: str | None = None,
    level: float = 0.95,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how adopters differed from the others period by period, and whether they did before; see above.

    Period effects come from the other groups alone, so that what adopters did before does not hide itself in them.

    Returns
    -------
    profile : DataFrame
        since, tidy columns, df, n_units: the difference in each period, against all periods before together.
    trend : DataFrame
        1 tidy row: adopters' slope per period before, less that of the others: what an effect would be mistaken for if
        it went on. Missing where adopters have one period before.
    """
    check_level(level)
    need_columns(frame, [y, unit, group, time, since, *([weight] if weight else [])], f"adoption and {y}")
    panel = usable_rows(adoption_rows(frame, y, unit, group, time, since, weight), y)
    spread = Spread(panel)
    return _profile(panel, spread, level), _trend(panel, spread, level)


def _profile(panel: AdoptionRows, spread: Spread, level: float) -> pd.DataFrame:
    """Return the difference in every period since adoption, against all periods before; periods from the others."""
    target, early, units = ~np.isnan(panel.since), panel.since < 0, panel.unit.max() + 1
    total = np.bincount(panel.unit, np.where(early, panel.weight, 0.0), units)
    told, rows = [], []
    for at in np.unique(panel.since[target]):
        here = panel.since == at
        share = np.where(here, panel.weight, 0.0) / panel.weight[here].sum()
        base = np.bincount(panel.unit, share, units)[panel.unit] * np.where(early, panel.weight, 0.0)
        contrast = share - base / np.where(total > 0, total, 1)[panel.unit]
        told.append(spread.told(row_weights(panel, contrast, ~target))[:3])
        rows.append({"since": int(at), "n": int(here.sum()), "n_units": len(np.unique(panel.unit[here]))})
    table, (estimate, error, df) = pd.DataFrame(rows), np.array(told).T
    tidy = tidy_frame("since", estimate, error, table["n"], df=df, level=level)
    return tidy.assign(since=table["since"], df=df, n_units=table["n_units"])


def _trend(panel: AdoptionRows, spread: Spread, level: float) -> pd.DataFrame:
    """Return adopters' slope over the periods before, less that of the others; empty where one period was before."""
    early, units = panel.since < 0, panel.unit.max() + 1
    weight, at = np.where(early, panel.weight, 0.0), np.where(early, panel.since, 0.0)
    total = np.bincount(panel.unit, weight, units)
    mean = np.bincount(panel.unit, weight * at, units) / np.where(total > 0, total, 1)
    off = weight * (at - mean[panel.unit])
    squares = float(off @ at)
    if squares < FLAT:
        return tidy_frame("trend", np.nan, np.nan, int(early.sum()), level=level).assign(df=np.nan)
    estimate, error, df = spread.told(row_weights(panel, off / squares, np.isnan(panel.since)))[:3]
    return tidy_frame("trend", estimate, error, int(early.sum()), df=df, level=level).assign(df=df)


def _permuted(panel: AdoptionRows, adopts: np.ndarray, mix: tuple[float, float]) -> tuple[float, int, int]:
    """Return how often adopters chosen by lot would have changed as much, of how many groups, and how many choices.

    A group's change is that of its units from before to after the adopters' commonest first period, period effects
    (from untreated rows) taken out, units weighted by what they tell: w₀w₁ / (w₀ + w₁). Gaps are compared in errors of
    their own, made of ``mix`` (σ², τ²): small groups change more by chance, and would else be told from large ones.
    """
    after, units = panel.since >= 0, panel.unit.max() + 1
    first = np.unique(panel.time[panel.since == panel.since[after].min()], return_counts=True)
    start = first[0][np.argmax(first[1])]
    free = ~after
    late = np.where(np.isnan(panel.since), panel.time >= start, after)
    level = panel.y - period_effects(panel, free)[panel.time]
    weights = [np.bincount(panel.unit, np.where(side, panel.weight, 0.0), units) for side in (~late, late)]
    means = [
        np.bincount(panel.unit, np.where(side, panel.weight * level, 0.0), units) / np.where(w > 0, w, 1)
        for side, w in zip((~late, late), weights, strict=True)
    ]
    tells = weights[0] * weights[1] / np.maximum(weights[0] + weights[1], 1e-300)
    of = np.zeros(units, dtype=int)
    of[panel.unit] = panel.group
    mass = np.bincount(of, tells, len(panel.groups))
    change = np.bincount(of, tells * (means[1] - means[0]), len(panel.groups))
    of_row = panel.weight * tells[panel.unit]
    v = np.where(late, of_row / np.maximum(weights[1], 1e-300)[panel.unit],
                 -of_row / np.maximum(weights[0], 1e-300)[panel.unit])  # fmt: skip
    times = panel.time.max() + 1
    sums = np.bincount(panel.group * times + panel.time, v, len(panel.groups) * times).reshape(-1, times)
    chance = mix[0] * mass + mix[1] * (sums**2).sum(axis=1)
    there = np.flatnonzero(mass > 0)
    change, mass, chance, chosen = change[there], mass[there], chance[there], np.isin(there, adopts)
    picks, ways = _assignments(len(there), int(chosen.sum()))
    own = np.abs(_gap(chosen[None, :].astype(float), change, mass, chance))[0]
    all_gaps = np.abs(_gap(picks, change, mass, chance))
    beyond = int((all_gaps >= own * (1 - 1e-9)).sum())
    return (beyond / len(picks) if ways <= MOST else (beyond + 1) / (len(picks) + 1)), len(there), ways


def _gap(picks: np.ndarray, change: np.ndarray, mass: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Return, per choice of adopters (rows of 0 and 1), their mean change less that of the others, in its errors."""
    inside, total, own = picks @ mass, picks @ change, picks @ chance
    outside = mass.sum() - inside
    gap = total / inside - (change.sum() - total) / outside
    return gap / np.sqrt(own / inside**2 + (chance.sum() - own) / outside**2)


@lru_cache(maxsize=64)
def _assignments(groups: int, adopters: int) -> tuple[np.ndarray, int]:
    """Return choices of adopters as rows of 0 and 1: all of them, or as many as may be drawn by a fixed seed."""
    ways = comb(groups, adopters)
    if ways <= MOST:
        chosen = np.array(list(combinations(range(groups), adopters)), dtype=int)
    else:
        chosen = np.random.default_rng(SEED).random((MOST, groups)).argsort(axis=1)[:, :adopters]
    picks = np.zeros((len(chosen), groups))
    np.put_along_axis(picks, chosen, 1.0, axis=1)
    return picks, ways
