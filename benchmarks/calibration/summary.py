"""Replications → one row per world, term and kind of error: bias, coverage, false positives, and what chance allows."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.calibration.replicate import COLUMNS, Replications
from benchmarks.calibration.world import INTERCEPT, effect

LEVEL = 0.95
BAND = (0.93, 0.97)
ALPHA = 0.05
# A coverage is outside the band "by more than chance" when one at the band's edge would be this unlikely to show it.
UNLIKELY = 0.025
HOLDS, TOO_LOW, TOO_HIGH = "holds", "too low", "too high"
JUST_BELOW, JUST_ABOVE = "just below", "just above"
ESTIMATE, STD_ERROR, LOW, HIGH, P_VALUE, DF = range(len(COLUMNS))


def summarise(runs: Iterable[Replications]) -> pd.DataFrame:
    """Return all worlds, one row per term and kind of error.

    Returns
    -------
    DataFrame
        ``section``, ``world``, ``term``, ``error`` ('model', 'CR2', 'CR2, crossed', or 'Wald' of an SD or correlation),
        ``truth``, ``replications``; ``bias`` with its Monte-Carlo error ``bias_se``; ``spread`` (SD of the estimates)
        beside ``std_error`` (root mean square of the estimated ones); ``coverage`` of the 95 % interval with
        ``coverage_se``; ``false_positives`` at 5 %, of terms without effect; ``length_ratio``, mean length over that
        of the model-based interval; ``df``, the median; ``given``, share of fits that give an interval at all, on
        which coverage counts; ``singular`` and ``not_converged``, shares of fits; ``verdict``.
    """
    return pd.DataFrame([row for run in runs for row in _rows(run)])


def verdict(covered: int, given: int) -> str:
    """Return whether a coverage lies in the band, outside it, or outside by more than chance."""
    share = covered / given if given else np.nan
    if not share < BAND[0] and not share > BAND[1]:
        return HOLDS
    if share < BAND[0]:
        return TOO_LOW if stats.binom.cdf(covered, given, BAND[0]) < UNLIKELY else JUST_BELOW
    return TOO_HIGH if stats.binom.sf(covered - 1, given, BAND[1]) < UNLIKELY else JUST_ABOVE


def covers(answers: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return whether intervals (R, k, 6) hold the truth (k,), shape (R, k)."""
    return (answers[:, :, LOW] <= truth) & (truth <= answers[:, :, HIGH])


def truths(run: Replications) -> np.ndarray:
    """Return the true fixed effects, (k,)."""
    return np.array([run.world.truth(t) for t in run.world.judged])


def _rows(run: Replications) -> list[dict[str, object]]:
    both = [_fixed(run, run.model, "model"), _fixed(run, run.robust, run.robust_kind)]
    shared = {
        "singular": run.singular.mean(),
        "not_converged": 1 - run.converged.mean(),
        "evaluations": run.evaluations.mean(),
    }
    rows = [row for pair in zip(*both, strict=True) for row in pair] + _variances(run)
    head = {"section": run.world.section, "world": run.world.name}
    return [head | row | shared for row in rows]


def _fixed(run: Replications, answers: np.ndarray, error: str) -> list[dict[str, object]]:
    truth, inside = truths(run), covers(answers, truths(run))
    length = (answers[:, :, HIGH] - answers[:, :, LOW]).mean(axis=0)
    usual = (run.model[:, :, HIGH] - run.model[:, :, LOW]).mean(axis=0)
    rows = []
    for i, term in enumerate(run.world.judged):
        given = np.isfinite(answers[:, i, LOW])
        false = (answers[:, i, P_VALUE] < ALPHA).mean() if not effect(term) and not truth[i] else np.nan
        rows.append(
            _judged(term, error, truth[i], answers[:, i, ESTIMATE], inside[:, i], given)
            | {
                "std_error": float(np.sqrt((answers[:, i, STD_ERROR] ** 2).mean())), "false_positives": false,
                "length_ratio": length[i] / usual[i], "df": float(np.median(answers[:, i, DF])),
            }
        )  # fmt: skip
    return rows


def _variances(run: Replications) -> list[dict[str, object]]:
    rows = []
    for i, ((group, one, two), truth) in enumerate(run.world.spreads.items()):
        estimate, low, high = run.spreads[:, i].T
        kind = "SD" if one == two else "correlation"
        what = " ".join(filter(None, [kind, group, "" if two == INTERCEPT else two]))
        rows.append(_judged(what, "Wald", truth, estimate, (low <= truth) & (truth <= high), np.isfinite(low)))
    return rows


def _judged(
    term: str, error: str, truth: float, estimate: np.ndarray, inside: np.ndarray, given: np.ndarray
) -> dict[str, object]:
    number, covered = int(given.sum()), int((inside & given).sum())
    share = covered / number if number else np.nan
    return {
        "term": term, "error": error, "truth": truth, "replications": len(estimate),
        "bias": float(np.nanmean(estimate) - truth),
        "bias_se": float(np.nanstd(estimate, ddof=1) / np.sqrt(np.isfinite(estimate).sum())),
        "spread": float(np.nanstd(estimate, ddof=1)), "std_error": np.nan, "coverage": share,
        "coverage_se": float(np.sqrt(share * (1 - share) / number)) if number else np.nan, "false_positives": np.nan,
        "length_ratio": np.nan, "df": np.nan, "given": number / len(estimate), "verdict": verdict(covered, number),
    }  # fmt: skip
