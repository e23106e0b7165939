"""How much of units' differences comes back: against the analysis of variance, and known truths with none and some."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.retest import retest


def results(seed, share, *, units=40, periods=6):
    rng = np.random.default_rng(seed)
    who, when = (g.ravel() for g in np.meshgrid(np.arange(units), np.arange(periods), indexing="ij"))
    y = np.sqrt(share) * rng.normal(0, 1, units)[who] + np.sqrt(1 - share) * rng.normal(0, 1, len(who))
    y += rng.normal(0, 2, periods)[when]
    return pd.DataFrame({"y": y, "who": who, "when": when})


def test_agrees_with_the_analysis_of_variance():
    """F of units after periods, from the residuals of least squares on dummies."""
    rows = results(1, 0.4)
    cells = pd.get_dummies(rows["when"].astype(str)).astype(float)
    left, rank = [], []
    for design in (cells, pd.concat([cells, pd.get_dummies(rows["who"]).astype(float)], axis=1)):
        coef, _, columns, _ = np.linalg.lstsq(design.to_numpy(), rows["y"].to_numpy(), rcond=None)
        left.append(((rows["y"] - design.to_numpy() @ coef) ** 2).sum())
        rank.append(columns)
    ratio = (left[0] - left[1]) / (rank[1] - rank[0]) / (left[1] / (len(rows) - rank[1]))
    found = retest(rows, "y", "who", "when").iloc[0]
    assert found["estimate"] == pytest.approx((ratio - 1) / (ratio + 5))
    assert found["p_value"] == pytest.approx(stats.f.sf(ratio, rank[1] - rank[0], len(rows) - rank[1]))
    assert (found["n"], found["n_units"], found["n_periods"]) == (240, 40, 6)


@pytest.mark.parametrize("share", [0.0, 0.3])
@pytest.mark.parametrize("kept", [0.95, 0.3])
def test_intervals_hold_the_truth_whether_results_are_many_or_few(share, kept):
    """200 worlds each; with three results of ten kept, most units have one or two and many have none."""
    inside, middle = [], []
    for seed in range(200):
        rows = results(seed, share, units=60)
        rows = rows[np.random.default_rng(seed).random(len(rows)) < kept]
        found = retest(rows, "y", "who", "when").iloc[0]
        inside.append(found["conf_low"] <= share <= found["conf_high"])
        middle.append(found["estimate"])
    assert 0.90 <= np.mean(inside) <= 0.99  # 95 % of 200 ± 3 standard errors
    assert abs(np.mean(middle) - share) < 3 * np.std(middle) / np.sqrt(200) + 0.01  # a ratio: off by a trifle


def test_gaps_and_what_is_too_little():
    rows = results(2, 0.4)
    holes = rows.assign(y=rows["y"].where(rows["who"] != 3))
    assert retest(holes, "y", "who", "when").iloc[0]["n_units"] == 39
    with pytest.raises(EstimationError, match="too few"):
        retest(rows[rows["when"] == 0], "y", "who", "when")
    with pytest.raises(EstimationError, match="too few"):
        retest(rows[rows["who"] == 0], "y", "who", "when")
    with pytest.raises(EstimationError, match="do not vary"):
        retest(rows.assign(y=1.0), "y", "who", "when")
