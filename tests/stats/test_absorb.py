"""Sums by group: what every estimator with clusters adds up."""

import numpy as np
import pytest

from exlink.stats.absorb import group_sums


def plainly(values, codes, levels):
    return np.column_stack([np.bincount(codes, weights=column, minlength=levels) for column in values.T])


@pytest.mark.parametrize("columns", [1, 2, 9])
@pytest.mark.parametrize("kind", ["int64", "int32", "int8"])
def test_sums_by_group_are_those_of_each_column_to_the_last_digit(columns, kind):
    rng = np.random.default_rng(3)
    values, codes = rng.lognormal(0, 9, (500, columns)), rng.integers(0, 60, 500).astype(kind)
    codes[codes == 7] = 8  # a group without rows
    values[3, 0] = np.nan
    for laid in (values, np.asfortranarray(values), values[::-1][::-1]):
        np.testing.assert_array_equal(group_sums(laid, codes, 62), plainly(values, codes, 62))


def test_no_rows_and_no_columns_have_sums_too():
    assert group_sums(np.ones((0, 2)), np.array([], dtype=int), 3).tolist() == [[0, 0]] * 3
    assert group_sums(np.ones((4, 0)), np.array([0, 1, 1, 2]), 3).shape == (3, 0)


@pytest.mark.parametrize("stray", [-1, 2])
def test_a_code_of_no_group_is_refused(stray):
    with pytest.raises(ValueError, match="indices must be"):
        group_sums(np.ones((2, 1)), np.array([0, stray]), 2)
