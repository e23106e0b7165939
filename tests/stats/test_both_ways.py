"""Groups that move both ways: probabilities by hand, false alarms and finds in known truth, and since when."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.both_ways import both_ways, onset
from exlink.stats.group_slopes import GroupSlopes
from exlink.stats.tidy import tidy_frame


def slopes(values, error, df=np.inf):
    names = [f"g{i}" for i in range(len(values))]
    table = tidy_frame(names, values, error, 100).assign(n_units=12)
    return GroupSlopes(table, np.eye(len(values)) * error**2, df, {})


def test_probabilities_are_those_of_the_pooled_slopes():
    up, down = slopes([8.0, -5.0, 1.0, 3.0], 0.5), slopes([-9.0, 6.0, 2.0, -1.0], 0.5)
    found = both_ways(up, down, harmless=1.0, matters=2.0)
    row = found.table.iloc[3]
    z = stats.norm.ppf(0.975)
    errors = [(row[f"{c}_high"] - row[c]) / z for c in ("rise", "fall")]
    expected = stats.norm.sf(1.0, row["rise"], errors[0]) * stats.norm.cdf(-1.0, row["fall"], errors[1])
    assert row["p_opposite"] == pytest.approx(expected, abs=1e-9)
    assert row["p_matters"] < row["p_opposite"]
    assert found.table["p_opposite"].iloc[0] > 0.999
    assert found.table["p_opposite"].iloc[1] < 1e-6  # the other way round is not what is asked


def test_the_farthest_of_many_alike_is_not_taken_at_its_word():
    # regression to the mean: 20 groups without a trend, both slopes with an error of 3; 100 studies
    rng, flagged, naive = np.random.default_rng(5), np.zeros(2), 0
    for _ in range(100):
        a, b = 3 * rng.standard_normal((2, 20))
        pooled = both_ways(slopes(a, 3.0), slopes(b, 3.0)).table["p_opposite"]
        flagged += np.array([(pooled >= p).sum() for p in (0.95, 0.8)])
        naive += (stats.norm.cdf(a / 3) * stats.norm.cdf(-b / 3) >= 0.8).sum()
    assert flagged[0] / 2000 <= 0.001  # of all groups
    assert flagged[1] < naive / 2  # so many, were each group taken by itself


def test_diverging_groups_are_found_among_others():
    rng, found = np.random.default_rng(6), []
    for _ in range(50):
        a, b = 1.5 * rng.standard_normal((2, 20))
        a[:3], b[:3] = a[:3] + 6, b[:3] - 12
        found.append((both_ways(slopes(a, 1.5), slopes(b, 1.5)).table["p_opposite"] >= 0.95).to_numpy())
    share = np.mean(found, axis=0)
    assert share[:3].mean() > 0.85
    assert share[3:].mean() < 0.02


@pytest.mark.parametrize("together", [-0.7, 0.0, 0.7])
def test_what_is_called_sure_is_right_however_true_slopes_go_together(together):
    rng, sure, right = np.random.default_rng(1), 0, 0
    for _ in range(60):
        true = rng.multivariate_normal([0, 0], 9 * np.array([[1, together], [together, 1]]), 20)
        seen = true + 1.5 * rng.standard_normal((20, 2))
        p = both_ways(slopes(seen[:, 0], 1.5), slopes(seen[:, 1], 1.5)).table["p_opposite"].to_numpy()
        sure += (p >= 0.95).sum()
        right += ((true[:, 0] > 0) & (true[:, 1] < 0))[p >= 0.95].sum()
    assert sure >= 4
    assert right >= 0.95 * sure


def test_groups_without_both_slopes_are_refused():
    other = slopes([1.0, 2.0], 1.0)
    renamed = GroupSlopes(other.table.assign(term=["x", "y"]), other.vcov, other.df, {})
    with pytest.raises(EstimationError, match="no group has a slope of both"):
        both_ways(other, renamed)


def moving(since, slope, seed):
    """Cells of 30 units in 12 periods: flat until ``since``, then ``slope`` a period, noise of 1."""
    rng = np.random.default_rng(seed)
    unit, at = (g.ravel() for g in np.meshgrid(np.arange(30), np.arange(12.0), indexing="ij"))
    level = 5 * rng.standard_normal(30)[unit]
    y = level + slope * np.maximum(at - since, 0) + rng.standard_normal(len(unit))
    return pd.DataFrame({"who": unit, "at": at, "when": at, "n_y": 1, "sum_y": y})


def test_the_onset_is_found_with_its_range():
    best, low, high = onset([(moving(5, 1.0, 1), "y"), (moving(5, -0.8, 2), "y")], "who", "at", "when")
    assert low <= 5 <= high
    assert abs(best - 5) <= 1
    assert high - low <= 2


def test_ranges_of_onsets_cover():
    # 100 series that set in at period 4: 95 % nominal, the grid of whole periods makes it no smaller
    held = 0
    for seed in range(100):
        _, low, high = onset([(moving(4, 0.3, seed), "y")], "who", "at", "when")
        held += low <= 4 <= high
    assert held >= 88
