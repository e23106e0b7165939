"""Shares and the net promoter score, with intervals that hold at the edges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.intervals import ratio_mean
from exlink.stats.tidy import TIDY, check_level, need_columns, tidy_frame


def wilson_bounds(share: Any, n: Any, *, level: float = 0.95, df: Any = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score bounds of a share (Wilson 1927; Brown, Cai & DasGupta 2001).

    Parameters
    ----------
    share, n : array_like, shape (k,)
        Observed share and number of (effective) observations.
    df : array_like
        Degrees of freedom: with few clusters the normal quantile is replaced by Student's.
    """
    check_level(level)
    share, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    df = np.asarray(df, dtype=float)
    z = stats.t.ppf(0.5 + level / 2, np.where(df > 0, df, np.nan))
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # at 0 and 1 the bound is exact; rounding would leave it at 1e-17
    low = np.where(share == 0, 0.0, np.clip(centre - half, 0, 1))
    high = np.where(share == 1, 1.0, np.clip(centre + half, 0, 1))
    undefined = ~np.isfinite(half)
    return np.where(undefined, np.nan, low), np.where(undefined, np.nan, high)


def wilson(successes: Any, n: Any, *, term: str | Sequence[str] | None = None, level: float = 0.95) -> pd.DataFrame:
    """Return shares with Wilson intervals.

    Parameters
    ----------
    successes, n : array_like, shape (k,)

    Returns
    -------
    DataFrame, shape (k, 7), tidy; shares between 0 and 1; ``p_value`` is NaN (no natural null value).

    Raises
    ------
    EstimationError
        When a count is negative or exceeds its n.
    """
    successes = np.atleast_1d(np.asarray(successes, dtype=float))
    n = np.atleast_1d(np.asarray(n, dtype=float))
    wrong = (successes < 0) | (successes > n)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise EstimationError(f"share: {successes[i]:g} successes of {n[i]:g} is impossible ({wrong.sum()} rows).")
    with np.errstate(divide="ignore", invalid="ignore"):
        share = successes / n
        std_error = np.sqrt(share * (1 - share) / n)
    low, high = wilson_bounds(share, n, level=level)
    names = [str(i) for i in range(len(n))] if term is None else term
    frame = tidy_frame(names, share, std_error, n.astype(int), null=None)
    return frame.assign(conf_low=low, conf_high=high)


def group_shares(
    cells: pd.DataFrame,
    successes: str,
    n: str,
    by: Sequence[str] | str = (),
    *,
    cluster: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the share ``Σsuccesses / Σn`` per group.

    With ``cluster`` the Wilson interval is taken at the effective sample size ``share(1-share)/SE²`` of the
    clustered standard error and Student's quantile (Korn & Graubard 1998), never above the real n.

    Returns
    -------
    DataFrame: by…, tidy columns (term = ``successes``), ``n_clusters``.
    """
    by = [by] if isinstance(by, str) else list(by)
    need_columns(cells, [*by, successes, n, *([cluster] if cluster else [])], f"share of {successes}")
    used = cells[cells[n] > 0]
    if used.empty:
        raise EstimationError(f"share of {successes}: none of {len(cells)} cells holds an observation.")
    if not cluster:
        frame = used if by else used.assign(_all=0)
        sums = frame.groupby(by or ["_all"], observed=True, sort=True)[[n, successes]].sum().reset_index()
        tidy = wilson(sums[successes], sums[n], term=[successes] * len(sums), level=level)
        result = pd.concat([sums[by], tidy], axis=1)
        return result.assign(n_clusters=result["n"])
    out = ratio_mean(used, successes, n, by, cluster)
    share, rows = out["estimate"].to_numpy(), out["n"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = share * (1 - share) / out["std_error"].to_numpy() ** 2
    # without any variation the design effect is unknown: count clusters, the safest number
    effective = np.where(np.isfinite(effective), np.minimum(effective, rows), out["n_clusters"])
    low, high = wilson_bounds(share, effective, level=level, df=out["n_clusters"] - 1)
    tidy = tidy_frame(successes, share, out["std_error"], out["n"].astype(int), null=None)
    tidy = tidy.assign(conf_low=low, conf_high=high)
    return pd.concat([out[by], tidy], axis=1).assign(n_clusters=out["n_clusters"].to_numpy())


def nps(
    scores: Any,
    *,
    scale: tuple[float, float] = (0, 10),
    promoters_from: float | None = None,
    detractors_to: float | None = None,
    cluster: Any = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the net promoter score in points: share of promoters minus share of detractors, times 100.

    Parameters
    ----------
    scores : array_like, shape (n,)
        On ``scale``; missing answers are left out.
    promoters_from, detractors_to : float, optional
        Cut points; 9 and 6 on the 0–10 scale, and required on any other scale.
    cluster : array_like, shape (n,), optional

    Returns
    -------
    DataFrame, 1 row: tidy columns (term ``nps``, −100 … 100) and ``n_clusters``.

    Raises
    ------
    EstimationError
        When the scale is not 0–10 and no cut points are given, or a score is off the scale.
    """
    if tuple(scale) == (0, 10):
        promoters_from = 9 if promoters_from is None else promoters_from
        detractors_to = 6 if detractors_to is None else detractors_to
    if promoters_from is None or detractors_to is None:
        raise EstimationError(
            f"nps: the scale is {scale[0]:g}–{scale[1]:g}, and a net promoter score is defined on 0–10. "
            "Report a mean or a top-box share, or give promoters_from and detractors_to."
        )
    scores = _on_scale(scores, scale, "nps")
    kept = ~np.isnan(scores)
    if not kept.any():
        raise EstimationError("nps: no score to count.")
    frame = pd.DataFrame({"promoters": scores >= promoters_from, "detractors": scores <= detractors_to})
    frame = frame.astype(float).assign(n=1.0)
    frame["cluster"] = np.arange(len(frame)) if cluster is None else np.asarray(cluster)
    return group_nps(
        frame[kept], "promoters", "detractors", "n", cluster=None if cluster is None else "cluster", level=level
    )


def nps_from_counts(
    promoters: Any,
    passives: Any,
    detractors: Any,
    *,
    term: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return net promoter scores from counts, with delta-method intervals.

    For multinomial shares ``p`` and ``d`` the variance of ``p - d`` is ``(p + d - (p - d)²) / n``. When all
    answers fall into one class that variance is zero; the adjusted Wald form with three pseudo-answers
    (¾ promoter, 1½ passive, ¾ detractor; Rocks 2016) then gives the interval.

    Returns
    -------
    DataFrame, shape (k, 7), tidy, in points; bounds stay within −100 … 100.
    """
    p, q, d = (np.atleast_1d(np.asarray(c, dtype=float)) for c in (promoters, passives, detractors))
    if (p < 0).any() or (q < 0).any() or (d < 0).any():
        raise EstimationError("nps: a count is negative.")
    n = p + q + d
    with np.errstate(divide="ignore", invalid="ignore"):
        net = (p - d) / n
        variance = ((p + d) / n - net**2) / n
    flat = (variance <= 1e-15) & (n > 0)
    m = n + 3
    adjusted = (p - d) / m
    adjusted_se = np.sqrt(((p + d + 1.5) / m - adjusted**2) / m)
    names = [str(i) for i in range(len(n))] if term is None else term
    frame = tidy_frame(
        names,
        100 * np.where(flat, adjusted, net),
        100 * np.where(flat, adjusted_se, np.sqrt(np.maximum(variance, 0))),
        n.astype(int),
        level=level,
    )
    return _clip_points(frame.assign(estimate=100 * net))


def group_nps(
    cells: pd.DataFrame,
    promoters: str,
    detractors: str,
    n: str,
    by: Sequence[str] | str = (),
    *,
    cluster: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the net promoter score per group from counts of promoters, detractors and answers.

    With ``cluster`` the error is that of a ratio of cluster totals; where all clusters agree it would be zero, and
    the interval is then that of one answer per cluster (`nps_from_counts`).

    Returns
    -------
    DataFrame: by…, tidy columns (term ``nps``, in points), ``n_clusters``.
    """
    by = [by] if isinstance(by, str) else list(by)
    need_columns(cells, [*by, promoters, detractors, n, *([cluster] if cluster else [])], "nps")
    used = cells[cells[n] > 0]
    if used.empty:
        raise EstimationError(f"nps: none of {len(cells)} cells holds an answer.")
    if cluster:
        out = ratio_mean(used.assign(_net=used[promoters] - used[detractors]), "_net", n, by, cluster)
        shares = [ratio_mean(used, column, n, by, cluster)["estimate"] for column in (promoters, detractors)]
        tidy = tidy_frame(
            "nps", 100 * out["estimate"], 100 * out["std_error"], out["n"].astype(int),
            df=out["n_clusters"] - 1, level=level,
        )  # fmt: skip
        # without any variation the design effect is unknown: count clusters, the safest number
        k, (p, d) = out["n_clusters"], shares
        counted = nps_from_counts(p * k, (1 - p - d).clip(lower=0) * k, d * k, level=level)
        bounds = ["std_error", "conf_low", "conf_high", "p_value"]
        agree = (out["std_error"] <= 1e-9).to_numpy()
        tidy[bounds] = np.where(agree[:, None], counted[bounds], tidy[bounds])
        return pd.concat([out[by], _clip_points(tidy)[TIDY]], axis=1).assign(n_clusters=out["n_clusters"].to_numpy())
    frame = used if by else used.assign(_all=0)
    sums = frame.groupby(by or ["_all"], observed=True, sort=True)[[promoters, detractors, n]].sum()
    sums = sums.reset_index()
    p, d = sums[promoters], sums[detractors]
    tidy = nps_from_counts(p, sums[n] - p - d, d, term=["nps"] * len(sums), level=level)
    return pd.concat([sums[by], tidy], axis=1).assign(n_clusters=tidy["n"])


def widest_nps(
    cells: pd.DataFrame,
    promoters: str,
    detractors: str,
    n: str,
    by: Sequence[str] | str = (),
    *,
    cluster: str,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return `group_nps` with the interval that is widest whatever the number of passives.

    For a given net score ``s`` the variance of one answer is at most ``1 − s²``, which it is without passives. Answers
    of one cluster count as alike, so that ``n`` answers are worth ``n² / Σm²`` of them for clusters of size ``m`` (Kish
    1965). The interval follows from the net score and these sizes alone, and says nothing about promoters and
    detractors apart from it; with one answer per cluster it is never narrower than that of `group_nps`.

    Returns
    -------
    DataFrame: as of `group_nps`.
    """
    by = [by] if isinstance(by, str) else list(by)
    table = group_nps(cells, promoters, detractors, n, by, cluster=cluster, level=level)
    frame = cells[cells[n] > 0].assign(_all=0)
    keys = by or ["_all"]
    sizes = frame.groupby([*keys, cluster], observed=True, sort=True)[n].sum().astype(float)
    alike = sizes.pow(2).groupby(level=list(range(len(keys))), sort=True).sum().to_numpy()
    clusters = table["n_clusters"].to_numpy(dtype=float)
    share = table["estimate"].to_numpy() / 100
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (1 - share**2) * alike / table["n"].to_numpy(dtype=float) ** 2 * clusters / (clusters - 1)
    wide = tidy_frame("nps", table["estimate"], 100 * np.sqrt(variance), table["n"], df=clusters - 1, level=level)
    # where all answers are alike there is no spread to widen, and `group_nps` has an interval of its own
    bounds, flat = ["std_error", "conf_low", "conf_high", "p_value"], np.isclose(np.abs(share), 1)
    table[bounds] = np.where(flat[:, None], table[bounds], wide[bounds])
    return _clip_points(table)


def nps_change(before: Any, after: Any, *, unit: str = "points", level: float = 0.95) -> Any:
    """Return ``after - before`` in points; two numbers, or two tidy frames of independent scores.

    Raises
    ------
    EstimationError
        For ``unit="percent"``: the score crosses zero, so a percent change of it means nothing.
    """
    if unit != "points":
        raise EstimationError(
            f"nps: a change in {unit} is refused, because the score runs from −100 to 100 and its zero is "
            "not an absence. State the change in points."
        )
    if isinstance(before, pd.DataFrame) and isinstance(after, pd.DataFrame):
        from exlink.stats.intervals import difference

        return difference(after, before, term="nps change", level=level)
    return float(after) - float(before)


def _clip_points(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(conf_low=frame["conf_low"].clip(-100, 100), conf_high=frame["conf_high"].clip(-100, 100))


def _on_scale(scores: Any, scale: tuple[float, float], what: str) -> np.ndarray:
    scores = np.asarray(pd.to_numeric(pd.Series(np.asarray(scores))), dtype=float)
    off = (scores < scale[0]) | (scores > scale[1])
    if off.any():
        first = scores[int(np.argmax(off))]
        raise EstimationError(
            f"{what}: {off.sum()} of {len(scores)} scores outside {scale[0]:g}–{scale[1]:g} (first: {first:g})."
        )
    return scores
