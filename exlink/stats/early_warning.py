"""An early warning made of several signals, and how it would have done: rolling origin, hits, false alarms, lead.

Nothing later than a forecast's own date is used for it: signals are standardised, and the alarm's threshold taken, by
what was seen up to then (Tashman 2000). Weights are equal, because with few events fitted ones predict worse (Dawes
1979). Several rows of a unit are not independent, so intervals come from resampling units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import check_level, need_columns

LEAST_SIGNALS = 2  # of the signals, for a score


def past_scores(frame: pd.DataFrame, signals: Sequence[str], time: str, *, least: int = LEAST_SIGNALS) -> pd.Series:
    """Return the mean of standardised signals, each by its mean and deviation over all rows up to the row's own time.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and time; a signal is worse the higher it is, NaN where it is not known.
    least : int
        How many signals a score takes; NaN with fewer.

    Returns
    -------
    Series on the index of ``frame``: in standard deviations.
    """
    need_columns(frame, [*signals, time], "early warning")
    score = pd.Series(np.nan, index=frame.index)
    for now in sorted(frame[time].unique()):
        seen, here = frame.loc[frame[time] <= now, list(signals)], frame[time] == now
        spread = seen.std().where(lambda s: s > 0)
        z = (frame.loc[here, list(signals)] - seen.mean()) / spread
        score[here] = z.mean(axis=1).where(z.notna().sum(axis=1) >= least)
    return score


def past_alarms(score: pd.Series, time: pd.Series, *, share: float) -> pd.Series:
    """Return where a score lies above what ``share`` of all scores before its time exceeded.

    Returns
    -------
    Series of floats: 1 an alarm, 0 none, NaN where there is no score or nothing before it.
    """
    if not 0 < share < 1:
        raise EstimationError(f"early warning: an alarm for a share of {share:g} is none; it lies between 0 and 1.")
    alarm = pd.Series(np.nan, index=score.index)
    for now in sorted(time.unique())[1:]:
        before, here = score[time < now].dropna(), time == now
        if len(before):
            alarm[here] = (score[here] > before.quantile(1 - share)).astype(float).where(score[here].notna())
    return alarm


def lead_times(alarm: pd.Series, event: pd.Series, unit: pd.Series, time: pd.Series) -> pd.Series:
    """Return, for events with an alarm, for how many times in a row it had been on: 1 for the forecast alone.

    ``time`` counts in whole steps; a missing step ends a run.
    """
    rows = pd.DataFrame({"alarm": alarm, "event": event, "unit": unit, "time": time}).sort_values(["unit", "time"])
    on = rows["alarm"].eq(1)
    broken = ~on | rows["unit"].ne(rows["unit"].shift()) | rows["time"].diff().ne(1)
    run = on.groupby(broken.cumsum()).cumsum()
    return run[on & rows["event"].eq(1)].astype(int)


def back_test(
    frame: pd.DataFrame, alarms: Sequence[str], event: str, unit: str, *, reps: int = 2000, seed: int,
    level: float = 0.95,
) -> pd.DataFrame:  # fmt: skip
    """Return how often alarms came before events, and without one.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and time with ``event`` and ``alarms`` (0 or 1). Rows in which any of them is missing are left
        out for all, so that alarms are compared on the same rows.
    alarms : sequence of str
        The first is the one the others are compared with.

    Returns
    -------
    DataFrame, one row per alarm and measure: alarm, measure ('hits': share of events with an alarm; 'false alarms':
    share of the rest with one; 'gain': their difference, 0 for chance, 1 for a prophet; 'behind the first': the gain of
    the first less its own), estimate, std_error, conf_low, conf_high (percentiles of ``reps`` resamples of units), n
    (events, rest, rows), n_units.

    Raises
    ------
    EstimationError
        No events, nothing but events, or fewer than two units.
    """
    check_level(level)
    need_columns(frame, [*alarms, event, unit], "early warning")
    rows = frame.dropna(subset=[*alarms, event])
    units, code = np.unique(rows[unit].to_numpy(), return_inverse=True)
    happened = rows[event].to_numpy(dtype=float)
    if len(units) < 2 or not 0 < happened.sum() < len(rows):
        raise EstimationError(
            f"early warning: {int(happened.sum())} events in {len(rows)} rows of {len(units)} units; it takes both "
            "events and none, of two units."
        )
    sums = [np.bincount(code, weights=w, minlength=len(units)) for w in (happened, 1 - happened)]
    for name in alarms:
        on = rows[name].to_numpy(dtype=float)
        sums += [np.bincount(code, weights=on * w, minlength=len(units)) for w in (happened, 1 - happened)]
    table = np.stack(sums)  # (2 + 2 alarms, units)
    picks = np.random.default_rng(seed).multinomial(len(units), np.full(len(units), 1 / len(units)), size=reps)
    whole, drawn = _measures(table.sum(axis=1)[:, None]), _measures(table @ picks.T)
    tail = (1 - level) / 2
    n = {"hits": int(happened.sum()), "false alarms": int((1 - happened).sum())}
    out = []
    for at, name in enumerate(alarms):
        for measure in whole:
            if measure == "behind the first" and at == 0:
                continue
            draws = drawn[measure][at]
            draws = draws[np.isfinite(draws)]
            low, high = np.quantile(draws, [tail, 1 - tail])
            out.append({"alarm": name, "measure": measure, "estimate": float(whole[measure][at, 0]),
                        "std_error": float(draws.std(ddof=1)), "conf_low": float(low), "conf_high": float(high),
                        "n": n.get(measure, len(rows)), "n_units": len(units)})  # fmt: skip
    return pd.DataFrame(out)


def _measures(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Return each measure of every alarm, (alarms, draws), from sums of events, rest, and alarms in either."""
    with np.errstate(divide="ignore", invalid="ignore"):
        hits, false = sums[2::2] / sums[0], sums[3::2] / sums[1]
    gain = hits - false
    return {"hits": hits, "false alarms": false, "gain": gain, "behind the first": gain[:1] - gain}
