"""Standardised differences: the textbook's numbers, nothing found where there is nothing, no order, no labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.balance import Side, of_category, of_number, standardised_difference


def number_sides(rows):
    """Return both sides of rows with columns unit, side (0, 1) and x."""
    frame = rows.assign(square=rows["x"] ** 2)
    sums = (
        frame.groupby(["side", "unit"])["x"].agg(["size", "sum"]).join(frame.groupby(["side", "unit"])["square"].sum())
    )
    units = sorted(rows["unit"].unique())
    return [of_number(*sums.loc[side].reindex(units, fill_value=0).to_numpy().T) for side in (1, 0)]


def category_sides(rows, levels):
    """Return both sides of rows with columns unit, side and level."""
    table = rows.pivot_table(index=["side", "unit"], columns="level", aggfunc="size", fill_value=0)
    table = table.reindex(columns=levels, fill_value=0)
    units = sorted(rows["unit"].unique())
    return [of_category(table.loc[side].reindex(units, fill_value=0)) for side in (1, 0)]


def clustered_rows(seed, *, units=60, rows=12, levels=6, shift=0.0):
    """Return rows of units that are alike inside (level of the unit, mean of the unit); whole units change sides.

    With ``shift`` the units of side 1 have x higher by so much; else which side they are on says nothing.
    """
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(units), rows)
    side = rng.permutation(units) < units // 3
    home = rng.integers(0, levels, units)
    x = rng.normal(size=units)[unit] + rng.normal(size=len(unit)) + shift * side[unit]
    return pd.DataFrame({"unit": unit, "side": side[unit].astype(int), "level": home[unit], "x": x})


def test_one_column_is_austins_difference():
    rows = clustered_rows(1, shift=0.7)
    yes, no = (rows.loc[rows["side"] == s, "x"] for s in (1, 0))
    want = (yes.mean() - no.mean()) / np.sqrt((yes.var() + no.var()) / 2)
    found = standardised_difference(*number_sides(rows))
    assert found.estimate == pytest.approx(want, rel=1e-12)
    assert (found.n, found.n_units) == (min(len(yes), len(no)), 20)


def test_chance_is_the_clustered_error_of_the_difference_times_students_quantile():
    """One column: half the width of a t interval from units' linearised shares, by hand on the rows."""
    from scipy import stats

    rows = clustered_rows(2)
    sides = {s: rows[rows["side"] == s] for s in (1, 0)}
    parts = {s: (part["x"] - part["x"].mean()).groupby(part["unit"]).sum() / len(part) for s, part in sides.items()}
    squares = sum((part**2).sum() for part in parts.values())  # whole units are on one side
    spread = np.sqrt((sides[1]["x"].var() + sides[0]["x"].var()) / 2)
    want = stats.t.ppf(0.975, 20 - 1) * np.sqrt(20 / 19 * squares) / spread
    assert standardised_difference(*number_sides(rows)).chance == pytest.approx(want, rel=1e-9)


def test_a_category_of_two_levels_is_the_difference_of_a_share():
    """Austin 2009: a share's standardised difference, (p − q) / √((p(1−p) + q(1−q)) / 2)."""
    p, q, n = 0.6, 0.45, 400
    counts = [np.array([[n * s, n * (1 - s)]]) for s in (p, q)]
    want = (p - q) / np.sqrt((p * (1 - p) + q * (1 - q)) / 2) * np.sqrt((n - 1) / n)
    found = standardised_difference(*(of_category(c) for c in counts))
    assert found.estimate == pytest.approx(want, rel=1e-9)
    assert np.isnan(found.chance)  # one unit on either side: nothing can be said about chance


def test_a_category_is_the_length_of_yang_and_dalton():
    """With three levels: the last one left out, δ' S⁻¹ δ as in Yang & Dalton (2012), on plain rows."""
    rng = np.random.default_rng(4)
    rows = pd.DataFrame({"unit": range(900), "side": rng.integers(0, 2, 900)})
    rows["level"] = np.where(rng.random(900) < 0.3 + 0.2 * rows["side"], "a", rng.choice(["b", "c"], 900))
    shares = rows.groupby("side")["level"].value_counts(normalize=True).unstack()
    t, c = (shares.loc[s, ["a", "b"]].to_numpy() for s in (1, 0))
    spread = sum(np.diag(v) - np.outer(v, v) for v in (t, c)) / 2
    want = np.sqrt((t - c) @ np.linalg.inv(spread) @ (t - c))
    found = standardised_difference(*category_sides(rows, ["a", "b", "c"]))
    assert found.estimate == pytest.approx(want, rel=2e-3)  # n − 1 instead of n
    assert found.p_value < 0.001


def test_rows_that_are_their_own_units_give_the_usual_tests():
    """No clusters: the p value of a number is Welch's t test's, that of a category near Pearson's chi-squared."""
    from scipy import stats

    rng = np.random.default_rng(8)
    rows = pd.DataFrame({"unit": range(2000), "side": rng.integers(0, 2, 2000), "x": rng.normal(size=2000)})
    rows["x"] += 0.09 * rows["side"]
    rows["level"] = rng.integers(0, 5, 2000)
    welch = stats.ttest_ind(*(rows.loc[rows["side"] == s, "x"] for s in (1, 0)), equal_var=False)
    assert standardised_difference(*number_sides(rows)).p_value == pytest.approx(welch.pvalue, rel=0.02)
    pearson = stats.chi2_contingency(pd.crosstab(rows["side"], rows["level"]))
    assert standardised_difference(*category_sides(rows, range(5))).p_value == pytest.approx(pearson.pvalue, rel=0.05)


@pytest.mark.parametrize("kind", ["number", "category"])
def test_nothing_is_found_where_whole_units_change_sides_at_random(kind):
    """Truth: no difference. A length of six levels and 20 lost units is large by chance; 5 % of samples are beyond it.

    Taking the 720 rows for independent would call nearly every sample different.
    """
    found = []
    for seed in range(300):
        rows = clustered_rows(seed)
        sides = number_sides(rows) if kind == "number" else category_sides(rows, range(6))
        found.append(standardised_difference(*sides))
    beyond = np.mean([abs(f.estimate) > f.chance for f in found])
    assert 0.005 <= beyond <= 0.09  # 5 % ± 4 standard errors of 300 samples
    assert beyond == np.mean([f.p_value < 0.05 for f in found])
    assert np.mean([abs(f.estimate) > 0.1 for f in found]) > 0.5  # the usual limit alone would cry wolf


def test_a_difference_is_found():
    found = [standardised_difference(*number_sides(clustered_rows(seed, shift=1.2))) for seed in range(60)]
    assert np.mean([f.p_value < 0.05 for f in found]) > 0.9
    assert all(f.estimate > 0 for f in found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-50, 50), st.floats(0.1, 20))
def test_order_labels_shift_and_scale_change_nothing(seed, add, times):
    rows = clustered_rows(seed, units=12, rows=5)
    rng = np.random.default_rng(seed)
    other = rows.sample(frac=1, random_state=seed).assign(x=lambda f: add + times * f["x"])
    other["unit"] = rng.permutation(12)[other["unit"]]
    one, two = (standardised_difference(*number_sides(r)) for r in (rows, other))
    for name in ("estimate", "chance", "p_value"):
        assert getattr(one, name) == pytest.approx(getattr(two, name), rel=1e-6, abs=1e-9)
    levels = rng.permutation(6)
    one = standardised_difference(*category_sides(rows, range(6)))
    two = standardised_difference(*category_sides(rows, levels))
    assert one.estimate == pytest.approx(two.estimate, rel=1e-9)
    assert one.p_value == pytest.approx(two.p_value, rel=1e-9)


def test_sides_that_say_nothing_are_empty_and_sides_that_do_not_fit_are_refused():
    flat = of_number([3, 3], [6.0, 6.0], [12.0, 12.0])
    assert np.isnan(standardised_difference(flat, flat).estimate)
    nobody = Side(np.zeros(2), np.zeros((2, 1)), np.zeros((1, 1)))
    assert np.isnan(standardised_difference(flat, nobody).estimate)
    with pytest.raises(EstimationError, match="same units and columns"):
        standardised_difference(flat, of_category(np.ones((2, 3))))
