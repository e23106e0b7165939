import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from exlink.errors import EstimationError
from exlink.stats.multiplicity import benjamini_hochberg


def test_is_statsmodels_fdr_bh():
    p = np.random.default_rng(1).uniform(size=40) ** 2
    np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], rtol=1e-12)


def test_families_are_adjusted_apart_and_missing_tests_do_not_count():
    p = np.array([0.01, 0.04, np.nan, 0.01, 0.2])
    adjusted = benjamini_hochberg(p, family=["a", "a", "a", "b", "b"])
    np.testing.assert_allclose(adjusted, [0.02, 0.04, np.nan, 0.02, 0.2])


def test_a_p_value_above_one_is_refused():
    with pytest.raises(EstimationError, match="outside 0–1"):
        benjamini_hochberg([0.2, 1.2])


def test_without_effects_discoveries_are_rare():
    """Truth: no effect in any of 30 tests; in at most about 5 % of families anything is discovered."""
    families = np.random.default_rng(2).uniform(size=(600, 30))
    found = np.mean([(benjamini_hochberg(p) < 0.05).any() for p in families])
    assert found < 0.075
