"""The difference of two averages over the same units: a regression with clustered errors says the same."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.two_sides import two_sides
from tests.stats.reference import EXACT


def sides(seed=1, units=50, shared=0.8, gap=0.3):
    """Return rows of both sides; a unit's level is on both, so that it cancels, the rest is its own."""
    rng = np.random.default_rng(seed)
    level = shared * rng.normal(size=units)
    parts = []
    for side, shift in (("a", gap), ("b", 0.0)):
        u = np.repeat(np.arange(units), rng.integers(0, 7, units))
        own = 0.2 * rng.normal(size=units)
        parts.append(pd.DataFrame({"u": u, "side": side, "y": shift + level[u] + own[u] + rng.normal(size=len(u))}))
    return pd.concat(parts, ignore_index=True).assign(g="all")


def cells(rows):
    sums = rows.groupby(["g", "u", "side"])["y"].agg(["size", "sum"]).unstack("side", fill_value=0)
    sums.columns = [f"{'n' if part == 'size' else 'sum'}_{side}" for part, side in sums.columns]
    return sums.reset_index()


def test_is_a_regression_on_the_side_with_clustered_errors():
    import statsmodels.formula.api as smf

    rows = sides()
    fit = smf.ols("y ~ x", rows.assign(x=(rows["side"] == "a").astype(float))).fit(
        cov_type="cluster", cov_kwds={"groups": rows["u"], "use_correction": False}
    )
    ours, g = two_sides(cells(rows), "a", "b", "g", cluster="u").iloc[0], rows["u"].nunique()
    assert ours["estimate"] == pytest.approx(fit.params["x"], rel=EXACT)
    assert ours["std_error"] == pytest.approx(fit.bse["x"] * np.sqrt(g / (g - 1)), rel=1e-9)
    assert (ours["n_first"], ours["n_second"], ours["n_clusters"]) == (*rows["side"].value_counts()[["a", "b"]], g)


def test_what_units_share_cancels():
    """Independent sides would have an error of about 0.16; units that are on both leave about 0.1."""
    paired = two_sides(cells(sides(2, units=80)), "a", "b", "g", cluster="u").iloc[0]
    rows = sides(2, units=80)
    apart = rows.assign(u=rows["u"] + 1000 * (rows["side"] == "b"))
    unpaired = two_sides(cells(apart), "a", "b", "g", cluster="u").iloc[0]
    assert paired["estimate"] == pytest.approx(unpaired["estimate"])
    assert paired["std_error"] < 0.75 * unpaired["std_error"]


def test_intervals_hold_the_truth():
    """200 studies, gap 0.3: 95 % nominal, so 182 or more (0.1 % point of a binomial)."""
    held = 0
    for seed in range(200):
        row = two_sides(cells(sides(seed, units=30)), "a", "b", "g", cluster="u").iloc[0]
        held += row["conf_low"] <= 0.3 <= row["conf_high"]
    assert 180 <= held <= 199


def test_one_side_alone_has_no_difference():
    rows = sides()
    found = two_sides(cells(rows).assign(n_b=0, sum_b=0.0), "a", "b", "g", cluster="u").iloc[0]
    assert np.isnan(found["estimate"])
    assert found["n_first"] > 0
    with pytest.raises(EstimationError, match="none of"):
        two_sides(cells(rows).assign(n_a=0, n_b=0), "a", "b", "g", cluster="u")
