"""How long something takes when some of it has not happened yet: the Kaplan–Meier curve, with clustered errors.

Pieces that one act settles together end together. The error of the curve is therefore that of its influence function,
summed over clusters (infinitesimal jackknife; Therneau & Grambsch 2000, section 7.2); with every row a cluster of its
own it is Greenwood's.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.tidy import check_level, need_columns, t_quantile

BOUNDS = ("conf_low", "conf_high")


def waiting_curve(
    spells: pd.DataFrame, time: str, ended: str, cluster: str, *, n: str | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Return, for every time something ended, the share for which it had ended by then (one minus Kaplan–Meier).

    Parameters
    ----------
    spells : DataFrame
        One row per spell, or per ``n`` spells alike: ``time`` from its beginning to its end or to where observation
        stopped, ``ended`` (True: it ended then; a spell that did not was still at risk at that time), ``cluster``.

    Returns
    -------
    DataFrame: time, estimate, std_error, conf_low, conf_high (of shares, 0 to 1; log-log bounds as in R's `survfit`
    with ``conf.type = "log-log"``, Student's t with clusters − 1 degrees of freedom), waiting (spells at risk), ends,
    n_clusters. Errors are times G / (G − 1) in the variance. Once nobody waits any more the upper bound is 1 and the
    lower one that of the time before. Empty where nothing ended.

    Raises
    ------
    EstimationError
        A time is missing or negative.
    """
    check_level(level)
    need_columns(spells, [time, ended, cluster, *([n] if n else [])], "waiting")
    when = spells[time].to_numpy(dtype=float)
    if (wrong := int((~(when >= 0)).sum()) if len(when) else 0) > 0:
        raise EstimationError(f"waiting: {wrong:,} of {len(spells):,} spells end before they begin, or have no time.")
    over = spells[ended].to_numpy(dtype=bool)
    count = spells[n].to_numpy(dtype=float) if n else np.ones(len(spells))
    times, codes, clusters = np.unique(when[over & (count > 0)]), *encode(spells[cluster])
    g = len(clusters)
    at = np.searchsorted(times, when, side="right") - 1  # last of the times at which the spell is still at risk
    risk, ends = np.zeros((g, len(times) + 1)), np.zeros((g, len(times) + 1))
    np.add.at(risk, (codes, at), count)  # a spell over before the first time falls into the last column
    np.add.at(ends, (codes[over], at[over]), count[over])
    risk, ends = np.cumsum(risk[:, -2::-1], axis=1)[:, ::-1], ends[:, :-1]
    waiting, ended_now = risk.sum(axis=0), ends.sum(axis=0)
    share = ended_now / waiting
    left = np.cumprod(1 - share)
    with np.errstate(divide="ignore", invalid="ignore"):
        influence = left * np.cumsum((ends - risk * share) / (waiting - ended_now), axis=1)
        error = np.sqrt(g / (g - 1) * (influence**2).sum(axis=0)) if g > 1 else np.full(len(times), np.nan)
        half = t_quantile(0.5 + level / 2, g - 1 if g > 1 else np.nan) * error / np.abs(left * np.log(left))
        low, high = 1 - left ** np.exp(-half), 1 - left ** np.exp(half)
    gone = left <= 0
    low = pd.Series(np.where(gone, np.nan, low)).ffill().to_numpy() if len(times) else low
    return pd.DataFrame({
        "time": times, "estimate": 1 - left, "std_error": np.where(gone, np.nan, error), "conf_low": low,
        "conf_high": np.where(gone, 1.0, high), "waiting": waiting.astype(int), "ends": ended_now.astype(int),
        "n_clusters": g,
    })  # fmt: skip


def time_until(curve: pd.DataFrame, share: float = 0.5) -> pd.Series:
    """Return when a share had ended: estimate, conf_low, conf_high in the curve's unit; infinite where it never did.

    The interval holds the times at which the curve's own interval holds ``share`` (Brookmeyer & Crowley 1982).
    """
    reached = {
        name: curve.loc[curve[column] >= share, "time"].min()
        for name, column in (("estimate", "estimate"), ("conf_low", "conf_high"), ("conf_high", "conf_low"))
    }
    known = len(curve) > 0 and curve[list(BOUNDS)].notna().all(axis=None)
    out = pd.Series(reached, dtype=float).fillna(np.inf)
    return out if known else out.where(out.index == "estimate", np.nan)


def share_by(curve: pd.DataFrame, times: np.ndarray) -> pd.DataFrame:
    """Return the curve at given times: time, estimate, conf_low, conf_high; zero before anything ended."""
    at = np.searchsorted(curve["time"].to_numpy(dtype=float), times, side="right") - 1
    rows = curve[["estimate", *BOUNDS]].to_numpy(dtype=float)
    values = np.vstack([rows, np.zeros(3)])[at]  # −1 is the row of zeros
    return pd.DataFrame(values, columns=["estimate", *BOUNDS]).assign(time=times)
