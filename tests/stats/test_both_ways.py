"""Groups that move both ways: probabilities by hand, false alarms and finds in known truth, and since when."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.both_ways import _orthant, _posterior, both_ways, onset
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
def test_probabilities_hold_however_true_slopes_go_together(together):
    rng, likely, right, product = np.random.default_rng(1), [], [], []
    for _ in range(60):
        true = rng.multivariate_normal([0, 0], 9 * np.array([[1, together], [together, 1]]), 20)
        seen = true + 1.5 * rng.standard_normal((20, 2))
        found = both_ways(slopes(seen[:, 0], 1.5), slopes(seen[:, 1], 1.5)).table
        likely += list(found["p_opposite"])
        right += list((true[:, 0] > 0) & (true[:, 1] < 0))
        z = [found[c] / ((found[f"{c}_high"] - found[c]) / 1.96) for c in ("rise", "fall")]
        product += list(stats.norm.cdf(z[0]) * stats.norm.cdf(-z[1]))
    likely, right, product = (np.array(x) for x in (likely, right, product))
    chosen, naive = likely >= 0.5, product >= 0.5
    assert likely[chosen].mean() == pytest.approx(right[chosen].mean(), abs=0.12)
    assert ((likely - right) ** 2).mean() <= ((product - right) ** 2).mean() + 0.001  # Brier
    if together:
        assert abs(likely[chosen].mean() - right[chosen].mean()) < abs(product[naive].mean() - right[naive].mean())


def test_both_at_once_is_the_bivariate_normal_distribution():
    rng = np.random.default_rng(2)
    for a, b, r in zip(rng.normal(0, 2, 20), rng.normal(0, 2, 20), rng.uniform(-0.95, 0.95, 20), strict=True):
        expected = stats.multivariate_normal([0, 0], [[1, r], [r, 1]]).cdf([a, b])
        assert _orthant(np.array([a]), np.array([b]), np.array([r]))[0] == pytest.approx(expected, abs=1e-7)


def test_the_posterior_of_both_is_that_of_conditional_normals():
    """Against the joint normal of true and seen slopes, the means given a prior so wide that it says nothing."""
    y, v = (
        [np.array([3.0, -1.0, 2.0]), np.array([-2.0, 1.0, 0.5])],
        [np.diag([1.0, 2.0, 0.5]), np.diag([0.7, 1.0, 2.0])],
    )
    _, mean, sd, across = _posterior(y, v, [1.5, 2.0], 0.6)
    between = np.kron([[2.25, 1.8], [1.8, 4.0]], np.eye(3)) + 1e6 * np.kron(np.eye(2), np.ones((3, 3)))
    noise = np.zeros((6, 6))
    noise[:3, :3], noise[3:, 3:] = v
    vcov = np.linalg.inv(np.linalg.inv(between) + np.linalg.inv(noise))
    np.testing.assert_allclose(np.concatenate(mean), vcov @ np.linalg.solve(noise, np.concatenate(y)), atol=1e-4)
    np.testing.assert_allclose(np.concatenate(sd) ** 2, np.diag(vcov), rtol=1e-4)
    np.testing.assert_allclose(
        across, np.diag(vcov[:3, 3:]) / np.sqrt(np.diag(vcov)[:3] * np.diag(vcov)[3:]), rtol=1e-3
    )


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


@pytest.mark.parametrize("together", [-0.8, 0.8])
def test_two_true_slopes_that_go_together_are_drawn_together(together):
    """P(rise > 0, fall < 0) of groups near zero: below a quarter where true slopes rise together, above where not."""
    rng = np.random.default_rng(2)
    true = rng.multivariate_normal([0, 0], 9 * np.array([[1, together], [together, 1]]), 40)
    seen = true + 1.5 * rng.standard_normal((40, 2))
    seen[0] = seen[:, 0].mean(), seen[:, 1].mean()  # a group of which only the correlation tells anything
    found = both_ways(slopes(seen[:, 0], 1.5), slopes(seen[:, 1], 1.5), harmless=0.0, matters=0.5)
    fit = _posterior([seen[:, 0], seen[:, 1]], [1.5**2 * np.eye(40)] * 2, [3.0, 3.0], together)
    one, of = 0, 400_000
    sd, mean = [s[one] for s in fit[2]], [m[one] for m in fit[1]]
    across = fit[3][one] * sd[0] * sd[1]
    drawn = rng.multivariate_normal(mean, [[sd[0] ** 2, across], [across, sd[1] ** 2]], of)
    expected = ((drawn[:, 0] > 0) & (drawn[:, 1] < 0)).mean()
    alone = stats.norm.sf(0, mean[0], sd[0]) * stats.norm.cdf(0, mean[1], sd[1])
    got = found.table["p_opposite"].iloc[one]
    assert abs(expected - alone) > 0.03
    assert np.sign(got - alone) == np.sign(expected - alone)
    assert got == pytest.approx(expected, abs=0.05)
