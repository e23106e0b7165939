"""Means: against closed forms, statsmodels' clustered errors, and coverage on simulated clusters."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.intervals import difference, group_means, mean_from_sums, mean_interval
from exlink.stats.tidy import TIDY


def cells_of(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Compress rows with an outcome y the way the engine does."""
    square = rows.assign(square=rows["y"] ** 2)
    cells = square.groupby(by, as_index=False).agg(n_y=("y", "count"), sum_y=("y", "sum"), sumsq_y=("square", "sum"))
    return cells.assign(n=cells["n_y"])


def test_mean_is_students_interval():
    values = np.array([3.0, 4, 4, 5, 2, 1, 5, 4])
    row = mean_interval(values).iloc[0]
    expected = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], expected, rtol=1e-12)
    assert row["n"] == 8


def test_sums_give_what_rows_give():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"g": rng.integers(0, 4, 300), "cell": rng.integers(0, 9, 300), "y": rng.normal(7, 2, 300)})
    table = group_means(cells_of(rows, ["g", "cell"]), "y", ["g"])
    for g, part in rows.groupby("g"):
        expected = mean_interval(part["y"])
        np.testing.assert_allclose(table.loc[table["g"] == g, TIDY[1:5]], expected[TIDY[1:5]], rtol=1e-10)
    assert list(table.columns) == ["g", *TIDY, "n_clusters"]


def test_clustered_error_is_statsmodels():
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"c": rng.integers(0, 30, 500), "wave": rng.integers(0, 5, 500)})
    rows["y"] = rng.normal(size=30)[rows["c"]] + rng.normal(size=500)
    ours = group_means(cells_of(rows, ["c", "wave"]), "y", cluster="c").iloc[0]
    fit = sm.OLS(rows["y"], np.ones(500)).fit(cov_type="cluster", cov_kwds={"groups": rows["c"]})
    # statsmodels also multiplies by (N-1)/(N-K), which is 1 for a mean
    np.testing.assert_allclose([ours["estimate"], ours["std_error"]], [fit.params.iloc[0], fit.bse.iloc[0]], rtol=1e-10)
    assert ours["n_clusters"] == 30


def test_clusters_are_needed_for_coverage():
    """Truth: mean 0, ICC .2, 25 clusters of 5–35 rows. Clustered intervals cover 95 %, plain ones far less."""
    rng = np.random.default_rng(3)
    parts = []
    for rep in range(400):
        size = rng.integers(5, 36, 25)
        c = np.repeat(np.arange(25), size)
        y = rng.normal(0, 0.5, 25)[c] + rng.normal(size=len(c))
        parts.append(pd.DataFrame({"rep": rep, "c": c, "y": y}))
    cells = cells_of(pd.concat(parts), ["rep", "c"])
    clustered = group_means(cells, "y", ["rep"], cluster="c")
    plain = group_means(cells, "y", ["rep"])
    covered = [((t["conf_low"] <= 0) & (t["conf_high"] >= 0)).mean() for t in (clustered, plain)]
    assert 0.92 <= covered[0] <= 0.98
    assert covered[1] < 0.75


def test_one_cluster_has_an_estimate_and_no_interval():
    cells = pd.DataFrame({"c": ["a"], "n_y": [4], "sum_y": [8.0], "sumsq_y": [20.0]})
    row = group_means(cells, "y", cluster="c").iloc[0]
    assert row["estimate"] == 2.0
    assert np.isnan(row["conf_low"]) and np.isnan(row["conf_high"])


def test_equal_values_far_from_zero_do_not_give_nan():
    row = mean_from_sums(3, 3 * 0.1, 3 * 0.1**2).iloc[0]
    assert row["std_error"] == pytest.approx(0, abs=1e-8)
    assert row["estimate"] == pytest.approx(0.1)


def test_difference_adds_variances():
    first = mean_from_sums([10], [30.0], [100.0], term=["a"])
    second = mean_from_sums([20], [40.0], [100.0], term=["b"])
    row = difference(first, second).iloc[0]
    assert row["estimate"] == pytest.approx(1.0)
    assert row["std_error"] == pytest.approx(np.hypot(first["std_error"][0], second["std_error"][0]))


def test_nothing_to_average_is_said():
    with pytest.raises(EstimationError, match="no value to average"):
        mean_interval([np.nan, np.nan])
    with pytest.raises(EstimationError, match="Did you mean 'n_ease'"):
        group_means(pd.DataFrame({"n_ease": [1], "sum_ease": [2.0], "sumsq_ease": [4.0]}), "eas")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=3, max_size=30), st.integers(0, 10_000))
def test_order_of_rows_changes_nothing(values, seed):
    cluster = np.arange(len(values)) % 3
    order = np.random.default_rng(seed).permutation(len(values))
    one = mean_interval(values, cluster=cluster)
    two = mean_interval(np.asarray(values)[order], cluster=cluster[order])
    np.testing.assert_allclose(one[TIDY[1:]].astype(float), two[TIDY[1:]].astype(float), atol=1e-7)
