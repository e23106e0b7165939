"""How much of units' differences comes back: against the analysis of variance, and known truths with none and some."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.retest import retest


def results(seed, share, *, units=40, periods=6, groups=8):
    rng = np.random.default_rng(seed)
    who, when = (g.ravel() for g in np.meshgrid(np.arange(units), np.arange(periods), indexing="ij"))
    group = who % groups
    y = np.sqrt(share) * rng.normal(0, 1, units)[who] + np.sqrt(1 - share) * rng.normal(0, 1, len(who))
    y += rng.normal(0, 2, periods)[when] + rng.normal(0, 1, (groups, periods))[group, when]
    return pd.DataFrame({"y": y, "who": who, "when": when, "team": group})


@pytest.mark.parametrize("group", [None, "team"])
def test_agrees_with_the_analysis_of_variance(group):
    """F of units after periods, or groups in periods, from the residuals of least squares on dummies."""
    rows = results(1, 0.4)
    cells = pd.get_dummies(rows["when"].astype(str) + ("|" + rows["team"].astype(str) if group else "")).astype(float)
    left, rank = [], []
    for design in (cells, pd.concat([cells, pd.get_dummies(rows["who"]).astype(float)], axis=1)):
        coef, _, columns, _ = np.linalg.lstsq(design.to_numpy(), rows["y"].to_numpy(), rcond=None)
        left.append(((rows["y"] - design.to_numpy() @ coef) ** 2).sum())
        rank.append(columns)
    ratio = (left[0] - left[1]) / (rank[1] - rank[0]) / (left[1] / (len(rows) - rank[1]))
    found = retest(rows, "y", "who", "when", group).iloc[0]
    assert found["estimate"] == pytest.approx((ratio - 1) / (ratio + 5))
    assert found["p_value"] == pytest.approx(stats.f.sf(ratio, rank[1] - rank[0], len(rows) - rank[1]))
    assert (found["n"], found["n_units"], found["n_periods"]) == (240, 40, 6)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_intervals_hold_the_truth_in_small_groups(share):
    inside = []
    for seed in range(200):
        rows = results(seed, share, units=24, groups=8)  # three to a group
        kept = rows[np.random.default_rng(seed).random(len(rows)) < 0.9]
        found = retest(kept, "y", "who", "when", "team").iloc[0]
        inside.append(found["conf_low"] <= share <= found["conf_high"])
    assert 0.90 <= np.mean(inside) <= 0.99  # 95 % of 200 ± 3 standard errors


def test_gaps_and_what_is_too_little():
    rows = results(2, 0.4)
    holes = rows.assign(y=rows["y"].where(rows["who"] != 3))
    assert retest(holes, "y", "who", "when").iloc[0]["n_units"] == 39
    with pytest.raises(EstimationError, match="too few"):
        retest(rows[rows["when"] == 0], "y", "who", "when")
    with pytest.raises(EstimationError, match="too few"):
        retest(rows[rows["who"] == 0], "y", "who", "when")
    with pytest.raises(EstimationError, match="too few"):
        retest(rows.assign(team=rows["who"]), "y", "who", "when", "team")  # everybody alone
    with pytest.raises(EstimationError, match="do not vary"):
        retest(rows.assign(y=1.0), "y", "who", "when")
