"""Slopes from cells: equal to least squares on the rows, right about within and between, honest when flat."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.slope_matrix import slope_matrix
from exlink.stats.tidy import TIDY
from exlink.stats.within_between import between_slope, split, within_slope
from tests.stats.panels import compress, panel_cells, panel_rows
from tests.stats.reference import real

ROUNDING = 1e-8  # two exact algorithms for the same number


def often_seen(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out units seen in one wave, as within_slope does."""
    return rows[rows.groupby("u")["t"].transform("nunique") > 1]


def test_cells_give_least_squares_on_rows():
    rows = often_seen(panel_rows(1, within=0.5, between=1.0))
    fit = within_slope(compress(rows), "y", ["x", "z"], "u", "t")
    ols = smf.ols("y ~ x + z + C(u) + C(t)", rows).fit(cov_type="cluster", cov_kwds={"groups": rows["u"]})
    np.testing.assert_allclose(fit.table["estimate"], ols.params[["x", "z"]], rtol=ROUNDING)
    assert fit.sigma == pytest.approx(np.sqrt(ols.mse_resid), rel=ROUNDING)
    # statsmodels counts the unit dummies in the CR1 factor; nested in the clusters, they should not count
    n, waves = len(rows), rows["t"].nunique()
    factor = np.sqrt((n - ols.df_model - 1) / (n - 2 - waves))
    np.testing.assert_allclose(fit.table["std_error"], ols.bse[["x", "z"]] * factor, rtol=ROUNDING)
    assert (fit.n_rows, fit.n_units) == (n, rows["u"].nunique())


def test_one_way_effects_and_finer_cells():
    rows = often_seen(panel_rows(2, within=0.3))
    finer = rows.assign(part=np.arange(len(rows)) % 3)
    ols = smf.ols("y ~ x + C(u)", rows).fit()
    assert within_slope(compress(rows), "y", "x", "u").estimate() == pytest.approx(ols.params["x"], rel=ROUNDING)
    one = within_slope(compress(finer, ("u", "t", "x", "z", "part")), "y", "x", "u", "t").table
    two = within_slope(compress(rows), "y", "x", "u", "t").table
    pd.testing.assert_frame_equal(one, two, rtol=1e-9)


def test_between_is_the_mundlak_coefficient():
    rows = panel_rows(3, within=0.2, between=1.0)
    parts = split(rows, "x", "u")
    np.testing.assert_allclose(parts["x_within"] + parts["x_between"], rows["x"])
    mundlak = smf.ols("y ~ x_within + x_between", parts).fit()
    fit = between_slope(compress(rows), "y", "x", "u")
    assert fit.estimate() == pytest.approx(mundlak.params["x_between"], rel=ROUNDING)
    means = rows.groupby("u", as_index=False).agg(x=("x", "mean"), y=("y", "mean"), n=("y", "size"))
    robust = smf.wls("y ~ x", means, weights=means["n"]).fit(cov_type="HC1")
    assert fit.table["std_error"][0] == pytest.approx(robust.bse["x"], rel=ROUNDING)
    plain = between_slope(compress(rows), "y", "x", "u", weights="units")
    assert plain.estimate() == pytest.approx(smf.ols("y ~ x", means).fit().params["x"], rel=ROUNDING)


def test_confounded_between_persons_has_no_within_effect():
    """Truth: within 0, between 1. A naive slope on all rows would show about .5; within must cover zero."""
    cells = [compress(panel_rows(s, between=1.0)) for s in range(40)]
    within = pd.concat([within_slope(c, "y", "x", "u", "t").table for c in cells])
    between = pd.concat([between_slope(c, "y", "x", "u").table for c in cells])
    assert abs(within["estimate"].mean()) < 0.01
    assert (within["p_value"] < 0.05).mean() <= 0.15
    assert between["estimate"].mean() == pytest.approx(1.0, abs=0.05)
    assert (between["conf_low"] > within["conf_high"]).mean() > 0.9


def test_no_effect_is_refuted_at_the_nominal_rate_and_a_true_one_covered():
    """Truth: within 0, then .3, with shocks shared by a unit × wave. 40 units."""
    null = pd.concat([within_slope(panel_cells(s), "y", "x", "u", "t").table for s in range(200)])
    assert 0.02 <= (null["p_value"] < 0.05).mean() <= 0.085
    true = pd.concat([within_slope(panel_cells(s, within=0.3), "y", "x", "u", "t").table for s in range(100)])
    assert ((true["conf_low"] <= 0.3) & (true["conf_high"] >= 0.3)).mean() >= 0.9
    assert true["estimate"].mean() == pytest.approx(0.3, abs=0.01)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(-50, 50), st.floats(0.1, 20))
def test_order_names_and_units_of_measurement(seed, shift, scale):
    cells = compress(panel_rows(4, units=12, within=0.4))
    rng = np.random.default_rng(seed)
    names = dict(zip(sorted(cells["u"].unique()), rng.permutation(cells["u"].nunique()), strict=True))
    moved = cells.sample(frac=1, random_state=seed).assign(u=lambda f: f["u"].map(names))
    moved["sumsq_y"] = scale**2 * (moved["sumsq_y"] + 2 * shift * moved["sum_y"] + shift**2 * moved["n_y"])
    moved["sum_y"] = scale * (moved["sum_y"] + shift * moved["n_y"])
    one, two = within_slope(cells, "y", "x", "u", "t"), within_slope(moved, "y", "x", "u", "t")
    assert two.estimate() == pytest.approx(scale * one.estimate(), rel=1e-7)
    assert two.table["std_error"][0] == pytest.approx(scale * one.table["std_error"][0], rel=1e-7)
    assert two.sigma == pytest.approx(scale * one.sigma, rel=1e-6)


def test_what_cannot_be_estimated_is_said_in_a_sentence():
    cells = compress(panel_rows(5, units=10))
    constant = cells.assign(x=cells["u"].str[1:].astype(float))
    with pytest.raises(EstimationError, match="x: no variance within u and t"):
        within_slope(constant, "y", "x", "u", "t")
    with pytest.raises(EstimationError, match="y: no variance"):
        within_slope(cells.assign(sum_y=3.0 * cells["n_y"]), "y", "x", "u", "t")
    with pytest.raises(EstimationError, match="collinear"):
        within_slope(cells.assign(w=2 * cells["x"] + 1), "y", ["x", "w"], "u", "t")
    with pytest.raises(EstimationError, match="2 of 2 values of u seen more than once in complete cells; at least 3"):
        within_slope(cells[cells["u"].isin(["u000", "u001"])], "y", "x", "u", "t")
    with pytest.raises(EstimationError, match=r"n_ease, sum_ease is not in the frame\. Did you mean 'n_eas'"):
        within_slope(cells.rename(columns={"n_y": "n_eas"}), "ease", "x", "u", "t")


def test_missing_cells_are_left_out_and_counted():
    cells = compress(panel_rows(6))
    holes = cells.assign(x=cells["x"].where(cells.index % 10 > 0))
    fit = within_slope(holes, "y", "x", "u", "t")
    assert fit.dropped_cells == len(cells) - fit.n_cells >= holes["x"].isna().sum()
    assert fit.estimate() == within_slope(holes.dropna(), "y", "x", "u", "t").estimate()


def test_matrix_is_the_single_slopes_adjusted_together():
    cells = compress(panel_rows(7, within=0.5))
    cells = cells.assign(n_k=cells["n_y"], sum_k=-cells["sum_y"], flat=1.0)
    table = slope_matrix(cells, ["y", "k"], ["x", "z", "flat"], "u", "t")
    one = within_slope(cells, "y", "x", "u", "t").table.iloc[0]
    cell = table[(table["outcome"] == "y") & (table["term"] == "x")].iloc[0]
    assert cell["estimate"] == pytest.approx(one["estimate"], rel=ROUNDING)
    assert cell["mde"] == pytest.approx(2.8016 * one["std_error"], rel=1e-4)
    assert (table["p_adjusted"].dropna() >= table["p_value"].dropna()).all()
    flat = table[table["term"] == "flat"]
    assert flat["estimate"].isna().all()
    assert flat["note"].str.contains("no variance").all()
    joint = slope_matrix(cells, ["y"], ["x", "z"], "u", "t", joint=True)
    expected = within_slope(cells, "y", ["x", "z"], "u", "t").table
    np.testing.assert_allclose(joint["estimate"], expected["estimate"])


def test_shared_work_is_the_same_work():
    """Aspects asked in different cells, one of them collinear with another: each keeps its own cells."""
    cells = compress(panel_rows(8, within=0.5)).assign(twin=lambda f: 2 * f["x"], part=lambda f: f["z"] + f["x"])
    cells["part"] = cells["part"].where(cells.index % 4 > 0)
    for kind, single in (("within", within_slope), ("between", between_slope)):
        clock = {"time": "t"} if kind == "within" else {}
        table = slope_matrix(cells, ["y"], ["x", "twin", "z", "part"], "u", "t", kind=kind).set_index("term")
        assert list(table.index) == ["x", "twin", "z", "part"]
        for x in table.index:
            one = single(cells, "y", x, "u", **clock)
            expected = one.table.set_index("term").loc[x, TIDY[1:]].astype(float)
            np.testing.assert_allclose(table.loc[x, TIDY[1:]].astype(float), expected, rtol=1e-6, atol=1e-12)
            assert table.loc[x, "n_cells"] == one.n_cells


def test_units_seen_in_one_state_do_not_count_as_clusters():
    cells = compress(panel_rows(9, units=20, within=0.5))
    once = cells.drop_duplicates("u").assign(u=lambda f: "single " + f["u"])
    finer = pd.concat([once.assign(part=1), once.assign(part=2)]).drop(columns="part")
    alone, crowded = (
        within_slope(cells, "y", "x", "u", "t"),
        within_slope(pd.concat([cells, finer]), "y", "x", "u", "t"),
    )
    assert crowded.n_units == alone.n_units == 20
    assert crowded.table["std_error"][0] == pytest.approx(alone.table["std_error"][0])


def test_working_from_home_trial():
    """Bloom et al. (2015), Table II column 1: .2324 (.0621), 17,806 rows of 249 agents."""
    trial = real("ctrip_wfh/experimental_data.csv")
    trial = trial[trial["expgroup"].isin([0, 1]) & (trial["year_week"] != 201049) & trial["perform1"].notna()]
    y = trial["perform1"]
    cells = trial.assign(home=(trial["expgroup"] == 1) & (trial["year_week"] >= 201049), n_y=1, sum_y=y, sumsq_y=y**2)
    fit = within_slope(cells.assign(home=cells["home"].astype(float)), "y", "home", "personid", "year_week")
    assert fit.estimate() == pytest.approx(0.232359, abs=1e-6)
    # the published error has no small-sample factor: G/(G-1)·(N-1)/(N-K) makes it .0624
    assert fit.table["std_error"][0] == pytest.approx(0.062077, rel=0.006)
    assert (fit.n_rows, fit.n_units) == (17806, 249)
