"""Fit indices: lavaan's from its own chi-squares, scipy's noncentral chi-square, and the edges."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.stats.cfa import fit_cfa
from exlink.stats.fit_indices import fit_indices
from tests.stats.test_cfa import LAVAAN, NAMES, SPEED, pupils, r_cfa  # noqa: F401


def sums(chisq, df, n=300, chisq_null=900.0, df_null=36):
    return pd.Series({"chisq": chisq, "df": df, "n": n, "aic": 0.0, "chisq_null": chisq_null, "df_null": df_null})


@pytest.mark.parametrize(("case", "groups"), [("hs three factors", 1), ("hs one factor", 1), ("hs metric", 2)])
def test_lavaans_chi_squares_give_lavaans_indices(case, groups, pupils):  # noqa: F811
    """CFI and TLI need the chi-square of no covariances, which is the same under every model of these items."""
    r = r_cfa(case).loc["measure", "value"]
    own = fit_cfa(pupils, SPEED, group="school" if groups == 2 else None).measures
    found = fit_indices(sums(r["chisq"], r["df"], own["n"], own["chisq_null"], own["df_null"]), groups, r["srmr"])
    for name in ("cfi", "tli", "rmsea", "rmsea.ci.lower", "rmsea.ci.upper", "pvalue", "srmr"):
        assert found[NAMES.get(name, name)] == pytest.approx(r[name], rel=LAVAAN), name


def test_bounds_of_rmsea_are_those_of_the_noncentral_chi_square():
    found = fit_indices(sums(85.3, 24), 1)
    for bound, share in (("rmsea_low", 0.95), ("rmsea_high", 0.05)):
        far = found[bound] ** 2 * 24 * 300
        assert stats.ncx2.cdf(85.3, 24, far) == pytest.approx(share, abs=1e-8)
    assert found["rmsea_low"] < found["rmsea"] < found["rmsea_high"]
    assert found["p_value"] == pytest.approx(stats.chi2.sf(85.3, 24))


def test_a_model_that_fits_as_chance_would_has_nothing_to_reproach():
    found = fit_indices(sums(20.0, 24), 1)
    assert (found["cfi"], found["rmsea"], found["rmsea_low"]) == (1.0, 0.0, 0.0)
    assert found["tli"] > 1
    assert found["rmsea_high"] > 0
    far_too_good = fit_indices(sums(2.0, 24), 1)
    assert far_too_good["rmsea_high"] == 0


def test_a_model_without_degrees_of_freedom_has_no_test():
    found = fit_indices(sums(0.0, 0, df_null=3), 1)
    assert np.isnan(found[["p_value", "tli", "rmsea", "rmsea_low", "rmsea_high"]].astype(float)).all()
    assert found["cfi"] == 1


def test_items_without_anything_in_common_are_no_reason_for_a_bad_fit():
    assert fit_indices(sums(10.0, 24, chisq_null=20.0), 1)["cfi"] == 1


def test_rmsea_is_per_group():
    one, two = (fit_indices(sums(85.3, 24), g)["rmsea"] for g in (1, 2))
    assert two == pytest.approx(one * np.sqrt(2))
