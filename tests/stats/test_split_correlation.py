"""Correlations from two halves: free of the chance both measures share; against one by hand and known truths."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exlink.errors import EstimationError
from exlink.stats.split_correlation import split_correlations


def world(seed, *, teams=20, periods=8, true=0.0, rows=60):
    """Return halves of two measures: rows share chance (correlation .8), what lies behind moves with ``true``."""
    rng = np.random.default_rng(seed)
    team, time = (g.ravel() for g in np.meshgrid(np.arange(teams), np.arange(periods), indexing="ij"))
    cov = [[1.0, true], [true, 1.0]]
    behind = rng.multivariate_normal([0, 0], cov, len(team)) * 0.2
    behind += rng.normal(0, 1, (teams, 2))[team] + rng.normal(0, 0.5, (periods, 2))[time]
    noise = [[1.0, 0.8], [0.8, 1.0]]
    halves = tuple(
        pd.DataFrame(behind + rng.multivariate_normal([0, 0], noise, len(team)) / np.sqrt(rows / 2), columns=["a", "b"])
        for _ in range(2)
    )
    return halves, team, time


def test_numerator_and_denominator_by_hand():
    halves, team, time = world(1, true=-0.5)
    frame = pd.concat([h.add_suffix(str(k)) for k, h in enumerate(halves)], axis=1).assign(team=team, time=time)
    left = {c: smf.ols(f"{c} ~ C(team) + C(time)", frame).fit().resid for c in ("a0", "a1", "b0", "b1")}
    cross = (left["a0"] @ left["b1"] + left["a1"] @ left["b0"]) / 2
    of_a, of_b = (((left[f"{m}0"] + left[f"{m}1"]) / 2) ** 2 for m in "ab")
    row = split_correlations(halves, team, time).iloc[0]
    assert row["estimate"] == pytest.approx(cross / np.sqrt(of_a.sum() * of_b.sum()))
    assert (row["first"], row["second"], row["n"], row["n_units"]) == ("a", "b", 160, 20)
    # the error beside that of leaving out one team at a time
    out = [
        split_correlations(tuple(h[team != g] for h in halves), team[team != g], time[team != g]).iloc[0]["estimate"]
        for g in range(20)
    ]
    jackknife = np.sqrt(((np.array(out) - row["estimate"]) ** 2).sum())
    assert row["std_error"] == pytest.approx(jackknife, rel=0.15)


def test_shared_chance_raises_no_alarm_and_a_true_conflict_is_found():
    """200 worlds each. Means of whole cells would mostly 'move together' by the chance that they share."""
    rejected = {0.0: [], -0.8: []}
    naive = []
    for true, hits in rejected.items():
        for seed in range(200):
            halves, team, time = world(seed, true=true)
            row = split_correlations(halves, team, time).iloc[0]
            hits.append(np.sign(row["estimate"]) * (row["p_value"] < 0.05))
            if not true:
                whole = (halves[0] + halves[1]) / 2
                naive.append(split_correlations((whole, whole), team, time).iloc[0]["conf_low"] > 0)
    assert np.mean(np.abs(rejected[0.0])) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.array(rejected[-0.8]) == -1) > 0.9
    assert np.mean(naive) > 0.5


def test_units_that_vary_more_than_others_raise_no_alarm():
    """Small teams swing widely in all that is measured of them: few are then worth as much as many (400 pairs).

    With CR1 and units − 1 degrees of freedom 12 % of p values lie below .05 here, and 4.5 % below .01.
    """
    low = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        team, time = (g.ravel() for g in np.meshgrid(np.arange(20), np.arange(8), indexing="ij"))
        wide = np.exp(rng.normal(0, 0.5, 20))[team, None]
        behind = rng.normal(size=(160, 3)) * [0, 0.5, 1]
        halves = tuple(
            pd.DataFrame(wide * (behind + rng.normal(size=(160, 3))), columns=["a", "b", "c"]) for _ in range(2)
        )
        low.extend(split_correlations(halves, team, time).query("first == 'a'")["p_value"])
    assert np.mean(np.array(low) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert np.mean(np.array(low) < 0.01) < 0.01 + 3 * np.sqrt(0.01 * 0.99 / 400)


def test_degrees_of_freedom_count_units_by_what_they_vary():
    halves, team, time = world(3)
    row = split_correlations(halves, team, time).iloc[0]
    assert 10 < row["df"] < 19 and row["mde"] > 2.8 * row["std_error"]
    loud = tuple(h * np.where(team == 0, 1000, 1)[:, None] for h in halves)
    assert split_correlations(loud, team, time).empty  # one team alone varies: nothing can be told of teams


def test_gaps_flat_measures_and_few_units():
    halves, team, time = world(2)
    holes = tuple(h.assign(c=np.where(team < 3, np.nan, h["a"]), flat=1.0) for h in halves)
    found = split_correlations(holes, team, time).set_index(["first", "second"])
    assert found.loc[("a", "c"), "n_units"] == 17 and found.loc[("a", "b"), "n_units"] == 20
    assert "flat" not in found.index.get_level_values("second")
    assert split_correlations(tuple(h[team < 4] for h in halves), team[team < 4], time[team < 4]).empty
    assert split_correlations(tuple(h[time < 2] for h in halves), team[time < 2], time[time < 2]).empty
    with pytest.raises(EstimationError, match="same cells"):
        split_correlations((halves[0], halves[1].head(5)), team, time)
