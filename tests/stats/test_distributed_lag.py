"""Distributed lags: least squares in levels says the same, a planted delay is found, no effect stays none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats import distributed_lag as module
from exlink.stats.absorb import absorb
from exlink.stats.cells import complete_cells
from exlink.stats.distributed_lag import changes, distributed_lag, spline_basis, wild_p
from exlink.stats.within_between import within_slope
from tests.stats.lag_panel import LAGS, LEADS, STATES, cells_of, lag_panel
from tests.stats.reference import EXACT, REFERENCE


def fitted(cells, **options):
    return distributed_lag(cells, "y", STATES, "u", "t", leads=LEADS, seed=1, **options)


@pytest.fixture(scope="module")
def planted():
    return cells_of(lag_panel(1))


def test_agrees_with_least_squares_in_levels_by_r():
    """distributed_lag.R: lm(y ~ s-2 + … + s5 + factor(u) + factor(t)) on rows; cumulative sums, clustered errors."""
    folder = REFERENCE.parent
    reference = pd.read_csv(folder / "distributed_lag_r.csv").set_index("term")["value"]
    fit = fitted(cells_of(pd.read_csv(folder / "lag_panel.csv")))
    assert list(fit.table["estimate"]) == pytest.approx([reference[f"theta{lag}"] for lag in LAGS], rel=EXACT)
    assert list(fit.table["std_error"]) == pytest.approx([reference[f"se{lag}"] for lag in LAGS], rel=EXACT)


def test_agrees_with_statsmodels_on_rows(planted):
    import statsmodels.formula.api as smf

    rows = lag_panel(1, units=40, periods=12).rename(columns={name: f"x{i}" for i, name in enumerate(STATES)})
    ols = smf.ols("y ~ " + " + ".join(f"x{i}" for i in range(len(STATES))) + " + C(u) + C(t)", rows).fit()
    ours = fitted(cells_of(lag_panel(1, units=40, periods=12)))
    levels = ols.params[[f"x{i}" for i in range(len(STATES))]].to_numpy()
    assert list(ours.table["estimate"]) == pytest.approx(list(np.cumsum(levels)), abs=1e-8)


def test_a_planted_delay_is_found(planted):
    """0.6 from the second period on: nothing before, the leads included."""
    fit = fitted(planted)
    true = np.where(np.array(LAGS) >= 2, 0.6, 0.0)
    z = (fit.table["estimate"] - true) / fit.table["std_error"]
    assert np.abs(z).max() < 3
    assert (fit.arrival.start, fit.arrival.full, fit.arrival.low, fit.arrival.high) == (2, 2, 2, 2)
    height = fit.height.iloc[0]
    assert height["estimate"] == pytest.approx(0.6, abs=3 * height["std_error"])
    assert fit.p_lags == 0.001, "the smallest of 999 draws"
    assert fit.p_leads > 0.01
    assert list(fit.table["lag"]) == LAGS


def test_a_response_before_the_change_shows_in_the_leads():
    """Planted one period *ahead* of the change (delay −1): the placebo must fail and the arrival be negative."""
    fit = fitted(cells_of(lag_panel(2, delay=-1)))
    assert fit.p_leads <= 0.002
    assert fit.arrival.start == -1
    assert fit.missed_leads < 0.6, "so that the placebo could see it"


def test_without_an_effect_tests_reject_as_often_as_they_should():
    """80 studies with no effect at all: 5 % nominal, so at most 11 of them (a binomial's 99.9 % point)."""
    fits = [fitted(cells_of(lag_panel(100 + i, effect=0.0, units=40, periods=24, rows=2))) for i in range(80)]
    assert sum(f.p_lags < 0.05 for f in fits) <= 11
    assert sum(f.p_leads < 0.05 for f in fits) <= 11
    single = np.mean([(f.table["p_value"] < 0.05).mean() for f in fits])
    assert 0.02 < single < 0.085


def test_the_set_of_arrivals_holds_the_true_one():
    """A weak effect, 40 studies: the 95 % set misses the planted lag no more than 7 times (99.9 % point)."""
    fits = [fitted(cells_of(lag_panel(300 + i, effect=0.25, units=40, periods=24, rows=2))) for i in range(40)]
    held = [f.arrival.low <= 2 <= f.arrival.high for f in fits]
    assert sum(held) >= 33
    assert any(f.arrival.low < f.arrival.high for f in fits), "a weak effect leaves the week open in some studies"


def test_an_effect_that_comes_in_parts_is_gradual():
    """0.6 in five parts from period 1 to 5: in no single one, and in the end as high as planted."""
    fit = fitted(cells_of(lag_panel(3, delay=1, spread=5)))
    assert fit.arrival.gradual
    assert fit.arrival.low <= 1 <= fit.arrival.high
    assert fit.arrival.longest >= 5
    height = fit.height.iloc[0]
    assert height["conf_low"] < 0.6 < height["conf_high"]


def test_a_rise_is_a_step_of_the_mean_of_its_states():
    cells = cells_of(lag_panel(3, delay=1, spread=5))
    fit = fitted(cells)
    come = [f"s{lag}" for lag in range(fit.arrival.start, fit.arrival.full + 1)]
    by_hand = within_slope(cells.assign(mean=cells[come].mean(axis=1)), "y", "mean", "u", "t").estimate()
    assert fit.height["estimate"].iloc[0] == pytest.approx(by_hand, rel=1e-9)


def test_the_height_of_the_step_is_as_uncertain_as_it_says():
    """As few units as are accepted, effect 0.6, 40 studies: 95 % nominal, so 33 or more hold it (0.1 % point)."""
    fits = [fitted(cells_of(lag_panel(500 + i, units=40, periods=24, rows=2))) for i in range(40)]
    assert sum(f.height["conf_low"].iloc[0] <= 0.6 <= f.height["conf_high"].iloc[0] for f in fits) >= 33


def test_the_smooth_profile_follows_a_gradual_response(planted):
    fit = fitted(planted)
    assert len(fit.smooth) == len(LAGS)
    assert fit.smooth["std_error"].mean() < fit.table["std_error"].mean(), "a restriction must buy precision"
    full = fitted(planted, spline=len(LAGS))
    assert list(full.smooth["estimate"]) == pytest.approx(list(full.table["estimate"]), abs=1e-8)
    assert list(full.smooth["std_error"]) == pytest.approx(list(full.table["std_error"]), rel=1e-8)


def test_spline_basis_holds_every_cubic():
    basis, at = spline_basis(12, 6), np.linspace(-1, 2, 12)
    assert basis.sum(axis=1) == pytest.approx(np.ones(12))
    cubic = 1 - at + 2 * at**2 - 0.5 * at**3
    assert basis @ np.linalg.lstsq(basis, cubic, rcond=None)[0] == pytest.approx(cubic, abs=1e-9)


def test_changes_are_differences_and_the_last_state():
    assert changes(np.array([[5.0, 3.0, 3.0, 1.0]])).tolist() == [[2.0, 0.0, 2.0, 1.0]]


def test_joint_test_is_that_of_draws_fitted_anew(monkeypatch):
    """Each draw fitted as data would be, effects and all: the same signs give the same p value, to the last draw."""
    monkeypatch.setattr(module, "DRAWS", (199, 199))
    names, tested = ["s0", "s1", "s2"], np.array([True, True, False])
    data = complete_cells(cells_of(lag_panel(7, effect=0.1, units=16, periods=12)), "y", names, "u", "t")
    free, _ = absorb(np.column_stack([data.x, data.y]), data.unit, data.time, data.weights)
    x, y = free[:, :-1], free[:, -1]
    null = x[:, 2] * ((data.weights * x[:, 2] * y).sum() / (data.weights * x[:, 2] ** 2).sum())

    def wald(outcome):
        frame = pd.DataFrame(data.x, columns=names).assign(u=data.unit, t=data.time, n_y=data.weights)
        fit = within_slope(frame.assign(sum_y=data.weights * outcome), "y", names, "u", "t")
        slopes = fit.table["estimate"].to_numpy()[tested]
        return slopes @ np.linalg.solve(fit.vcov.to_numpy()[np.ix_(tested, tested)], slopes)

    rng = np.random.default_rng(5)
    signs = [rng.choice((-1.0, 1.0), len(data.units)) for _ in range(199)]
    beyond = sum(wald(null + s[data.unit] * (y - null)) >= wald(data.y) for s in signs)
    assert wild_p(data, tested, seed=5) == (1 + beyond) / 200
    assert wild_p(data, tested, seed=5) != wild_p(data, tested, seed=6), "other signs, another p value"


def test_joint_test_approaches_the_wald_test_with_many_units():
    """1,500 units, one of two columns acting a little: the bootstrap's p is the χ² test's, up to its 999 draws."""
    from scipy import stats

    rng = np.random.default_rng(3)
    u, n = np.repeat(np.arange(1500), 6), 9000
    x = rng.normal(size=(n, 2))
    frame = pd.DataFrame({"u": u, "n_y": 1, "sum_y": 0.022 * x[:, 0] + rng.normal(size=n), "a": x[:, 0], "b": x[:, 1]})
    fit = within_slope(frame, "y", ["a", "b"], "u")
    slope = fit.table["estimate"].to_numpy()
    wald = slope @ np.linalg.inv(fit.vcov.to_numpy()) @ slope
    p = wild_p(complete_cells(frame, "y", ["a", "b"], "u"), np.array([True, True]), seed=1)
    assert 0.01 < p < 0.99
    assert p == pytest.approx(stats.chi2.sf(wald, 2), abs=0.05)
    assert np.isnan(wild_p(complete_cells(frame, "y", ["a", "b"], "u"), np.array([False, False]), seed=1))


@settings(max_examples=8, deadline=None)
@given(shift=st.floats(-50, 50), scale=st.floats(0.1, 10), seed=st.integers(0, 999))
def test_what_must_not_matter_does_not(shift, scale, seed):
    """Row order, names of units and a constant added to y or to all states change nothing; y → c·y scales."""
    rows = lag_panel(5, units=40, periods=16)
    base = fitted(cells_of(rows))
    other = rows.sample(frac=1, random_state=seed).assign(y=lambda f: scale * f["y"] + shift)
    other[STATES] += shift
    other["u"] = other["u"].map({u: f"{(i * 7 + seed) % 40:02d}" for i, u in enumerate(sorted(rows["u"].unique()))})
    fit = fitted(cells_of(other))
    assert list(fit.table["estimate"]) == pytest.approx(list(scale * base.table["estimate"]), abs=1e-6)
    assert list(fit.table["std_error"]) == pytest.approx(list(scale * base.table["std_error"]), abs=1e-6)
    assert (fit.arrival.low, fit.arrival.high) == (base.arrival.low, base.arrival.high)


def test_refusals_say_what_is_missing(planted):
    with pytest.raises(EstimationError, match="leave fewer than two lags"):
        distributed_lag(planted, "y", STATES, "u", "t", leads=len(STATES) - 1, seed=1)
    with pytest.raises(EstimationError, match="a spline of 3 coefficients"):
        fitted(planted, spline=3)
    with pytest.raises(EstimationError, match="column s9 is not in the frame"):
        distributed_lag(planted, "y", [*STATES, "s9"], "u", "t", leads=2, seed=1)
    with pytest.raises(EstimationError, match="39 units for 8 lags; at least 40"):
        fitted(planted[planted["u"] < "u39"])
    with pytest.raises(EstimationError, match="no variance within u"):
        fitted(planted.assign(**dict.fromkeys(STATES[:3], planted["s0"])))
