"""Scores of employees told in steps where an answer is that of a few people, so that no single answer follows.

A mean and its interval give the sum and the sum of squares of the answers, and with a share of the same people there
can be one set of answers left that fits. So in a row in which fewer than ``min_group`` people gave some answer of the
scale (nobody included, else the rule itself would tell nobody from somebody):

* the mean is rounded to a step that holds at least ``APART`` possible sums. Its interval is that of answers given at
  random where fewer than ``MANY`` people answered, and says nothing of theirs; of more people half its width is rounded
  up to steps. Both hold the exact mean. Where all answers are among the best two, or none is, the share has said so
  already and a mean would tell these two apart: it is left out;
* a net score keeps its value and gets the interval that is widest whatever the number of passives
  (``stats/proportions.widest_nps``): it says nothing beyond the net score itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special

from exlink.data.answers import ex_kpi_scales, key_columns, on_commonest_scale
from exlink.data.dataset import StudyData

STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)  # per cent of the scale
MANY = 60  # people; of fewer, an interval of their own spread leaves too little open
APART = 5  # sums of answers that fall on one step, at the least
CLASSES = ("promoter", "passive", "detractor")
_WHOLE = 1e-9  # of a whole-numbered score


def rare_answers(data: StudyData, by: Sequence[str] = ("touchpoint",)) -> pd.DataFrame:
    """Return in which rows fewer people than the study's minimum group gave some answer to an EX KPI.

    Parameters
    ----------
    by : columns of ``ex_responses``, or ``quarter``; empty for one row per KPI.

    Returns
    -------
    DataFrame: kpi, by…, mean (whether any score of the scale is rare), net (whether promoters, passives or detractors
    are); a score nobody gave is rare. KPIs whose scores are averages have no row: a mean of them speaks of no single
    answer.
    """
    scales = ex_kpi_scales(data)
    keys = ["kpi", *by]
    if not scales:
        return pd.DataFrame(columns=[*keys, "mean", "net"])
    said = ", ".join(["kpi", *key_columns(by)])
    names = ", ".join(f'"{key}"' for key in keys)
    counts = data.query(f"""
        WITH said AS (
            SELECT {said}, {data.unit} AS who, round(score) AS answer,
                   CASE WHEN score >= 9 THEN '{CLASSES[0]}' WHEN score <= 6 THEN '{CLASSES[2]}' ELSE '{CLASSES[1]}' END
                   AS class
            FROM ex_responses WHERE ({on_commonest_scale(scales)}) AND kpi NOT IN (
                SELECT kpi FROM ex_responses WHERE kpi IS NOT NULL AND abs(score - round(score)) > {_WHOLE}))
        SELECT {names}, answer, class, count(DISTINCT who) AS people FROM said
        GROUP BY GROUPING SETS (({names}, answer), ({names}, class)) ORDER BY ALL""")
    enough = counts["people"] >= data.study.privacy.min_group
    usual = counts[keys].assign(mean=enough & counts["answer"].notna(), net=enough & counts["class"].notna())
    usual = usual.groupby(keys, sort=True)[["mean", "net"]].sum().reset_index()
    options = usual["kpi"].map({kpi: high - low + 1 for kpi, (low, high) in scales.items()})
    return usual.assign(mean=usual["mean"] < options, net=usual["net"] < len(CLASSES))


def told_coarsely(
    frame: pd.DataFrame,
    rare: pd.DataFrame,
    kpi: str,
    by: Sequence[str],
    statistic: str,
    parts: pd.DataFrame | None = None,
) -> np.ndarray:
    """Return which rows of one KPI's estimates are to be told in steps: boolean, shape (rows,).

    Parameters
    ----------
    frame : estimates with ``by``, n and n_clusters.
    rare : `rare_answers` by the same columns.
    statistic : ``mean`` or ``net``.
    parts : `rare_answers` of the rows that a total adds up. Where each person answered once, the total is told in steps
        as soon as one of its parts is, since subtraction would give that part back.
    """
    own = rare[rare["kpi"] == kpi]
    if by:
        keys = list(by)
        return frame[keys].merge(own[[*keys, statistic]], on=keys, how="left")[statistic].eq(True).to_numpy()
    once = (frame["n"] == frame["n_clusters"]).to_numpy()
    below = False if parts is None else parts.loc[parts["kpi"] == kpi, statistic].any()
    return (once & bool(below)) | bool(own[statistic].any())


def in_steps(frame: pd.DataFrame, scale: tuple[float, float], where: np.ndarray, one_sided: np.ndarray) -> pd.DataFrame:
    """Return means with estimate and interval on steps, and intervals that go with them, in the rows ``where``.

    Parameters
    ----------
    frame : estimate, conf_low, conf_high in points of ``scale``, n, n_clusters.
    one_sided : rows of which all answers are among the best two, or none (`one_sided`); these get no mean.
    """
    low, high = scale
    step = step_of(frame["n"].to_numpy(), high - low) * (high - low) / 100
    estimate = (low + step * np.round((frame["estimate"] - low) / step)).mask(one_sided)
    people = frame["n_clusters"].to_numpy(dtype=float)
    at_random = np.sqrt(((high - low + 1) ** 2 - 1) / 12 / np.maximum(people, 1))
    # half a step more, because the estimate may have moved by as much
    own = step * np.ceil((frame["conf_high"] - frame["conf_low"]) / 2 / step + 0.5)
    half = own.where(
        people >= MANY, special.stdtrit(np.where(people > 1, people - 1, np.nan), 0.975) * at_random + step / 2
    )
    told = {"estimate": estimate, "conf_low": estimate - half, "conf_high": estimate + half}
    return frame.assign(**{name: frame[name].where(~where, value) for name, value in told.items()})


def step_of(n: np.ndarray, width: float) -> np.ndarray:
    """Return the step of a mean of ``n`` answers on a scale of ``width`` points, in per cent of the scale."""
    needed = 100 * APART / np.maximum(np.asarray(n, dtype=float) * width, 1)
    at = np.searchsorted(STEPS, needed - 1e-9)
    return np.asarray(STEPS)[np.minimum(at, len(STEPS) - 1)]


def one_sided(cells: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Return whether all answers are among the best two, or none is, by ``by``, sorted.

    Parameters
    ----------
    cells : per unit and ``by``: n_score, top2.
    """
    used = cells[cells["n_score"] > 0]
    groups = used.groupby(list(by), sort=True) if by else used.groupby(lambda _: 0)
    sums = groups[["n_score", "top2"]].sum()
    return ((sums["top2"] == 0) | (sums["top2"] == sums["n_score"])).to_numpy()


def off_either_end(cells: pd.DataFrame, by: Sequence[str], unit: str, scale: tuple[float, float]) -> pd.DataFrame:
    """Return how far people's answers lie from the worst (n_yes) and from the best (n_no), in half scales, by ``by``.

    A person in the middle counts once on both sides, one at an end twice on one. They are the ``sides`` of a mean's
    release: where they are few, the mean lies so near an end that it speaks of the few who are not there; with one
    answer each they follow from the mean, so that what is hidden says no more.

    Parameters
    ----------
    cells : per unit and ``by``: n_score, sum_score.
    """
    used = cells[cells["n_score"] > 0]
    sums = used.groupby([*by, unit], sort=True)[["n_score", "sum_score"]].sum().reset_index()
    mean, half = sums["sum_score"] / sums["n_score"], (scale[1] - scale[0]) / 2
    sides = sums[[*by]].assign(n_yes=(mean - scale[0]) / half, n_no=(scale[1] - mean) / half)
    groups = sides.groupby(list(by), sort=True) if by else sides.groupby(lambda _: 0)
    return np.ceil(groups[["n_yes", "n_no"]].sum() - _WHOLE).astype(int).reset_index(drop=True)
