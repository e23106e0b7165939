"""Log outcomes on lagged covariates: the lag is the right one, the truth is covered, what is lost is counted."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap_chain, link_from_moments
from exlink.stats.elasticity import elasticity

PERIODS = [f"{year}Q{quarter}" for year in (2024, 2025) for quarter in (1, 2, 3, 4)]


def customers(seed: int, *, units: int = 200, effect: float = 0.1) -> pd.DataFrame:
    """Return log revenue = customer + period + effect · (x of the period before) + noise."""
    rng = np.random.default_rng(seed)
    u, t = np.divmod(np.arange(units * 8), 8)
    level = rng.normal(size=units)[u]
    x = level + rng.normal(size=len(u)) + 0.1 * t
    before = np.where(t > 0, np.r_[0, x[:-1]], 0)
    log_y = 3 + level + 0.05 * t + effect * before + 0.3 * rng.normal(size=len(u))
    return pd.DataFrame(
        {"customer": [f"c{i}" for i in u], "period": np.array(PERIODS)[t], "overall": x, "revenue": np.exp(log_y)}
    )


def test_is_least_squares_with_dummies():
    frame = customers(1, units=40).sample(frac=0.85, random_state=1)
    fit = elasticity(frame, "revenue", "overall", "customer", "period")
    number = frame["period"].map({p: i for i, p in enumerate(PERIODS)})
    earlier = frame.assign(number=number + 1)[["customer", "number", "overall"]]
    rows = frame.assign(number=number).drop(columns="overall").merge(earlier, on=["customer", "number"])
    rows = rows[rows.groupby("customer")["customer"].transform("size") > 1]
    ols = smf.ols("np.log(revenue) ~ overall + C(customer) + C(number)", rows).fit()
    assert fit.table["estimate"][0] == pytest.approx(ols.params["overall"], rel=1e-8)
    assert fit.n_rows == len(rows)


def test_truth_is_covered_and_no_effect_is_none():
    """Truth: .1 log points per point, then 0; a lag of 0 would show nothing of it. 80 customers."""
    for effect in (0.1, 0.0):
        table = pd.concat(
            [elasticity(customers(s, units=80, effect=effect), "revenue", "overall", "customer", "period").table
             for s in range(40)]
        )  # fmt: skip
        assert ((table["conf_low"] <= effect) & (table["conf_high"] >= effect)).mean() >= 0.87
        assert table["estimate"].mean() == pytest.approx(effect, abs=0.006)
    same_period = elasticity(customers(1), "revenue", "overall", "customer", "period", lag=0)
    assert abs(same_period.table["estimate"][0]) < 0.05


def test_percent_and_elasticity_proper():
    frame = customers(2).assign(overall=lambda f: np.exp(f["overall"]))
    fit = elasticity(frame, "revenue", "overall", "customer", "period", log_x=True)
    assert fit.table["estimate"][0] == pytest.approx(0.1, abs=0.03)
    # 1 % more of x goes with about b % more
    assert fit.percent["estimate"][0] == pytest.approx(fit.table["estimate"][0], rel=0.01)
    semi = elasticity(customers(2), "revenue", "overall", "customer", "period")
    assert semi.percent["estimate"][0] == pytest.approx(100 * np.expm1(semi.table["estimate"][0]))


def test_what_is_left_out_is_counted():
    frame = customers(3, units=30)
    frame.loc[5, "revenue"] = 0.0
    frame.loc[6, "revenue"] = np.nan
    fit = elasticity(frame, "revenue", "overall", "customer", "period")
    assert fit.dropped == {"no revenue": 1, "revenue not above zero": 1, "no overall 1 period(s) before": 30}
    assert fit.n_rows == 240 - 32


def test_moments_feed_a_chain():
    fit = elasticity(customers(4), "revenue", "overall", "customer", "period")
    link = link_from_moments("money", "customer", fit.moments())
    assert set(link.units) == {f"c{i}" for i in range(200)}
    row = bootstrap_chain([link], reps=500, seed=1).table.iloc[0]
    assert row["estimate"] == pytest.approx(fit.table["estimate"][0], rel=1e-7)
    assert row["std_error"] == pytest.approx(fit.table["std_error"][0], rel=0.15)


def test_refusals():
    frame = customers(5, units=10)
    with pytest.raises(EstimationError, match="80 rows repeat a customer × period"):
        elasticity(pd.concat([frame, frame]), "revenue", "overall", "customer", "period")
    with pytest.raises(EstimationError, match="none of 80 rows"):
        elasticity(frame.assign(revenue=-1.0), "revenue", "overall", "customer", "period")
    with pytest.raises(EstimationError, match="whole number of periods"):
        elasticity(frame, "revenue", "overall", "customer", "period", lag=-1)
