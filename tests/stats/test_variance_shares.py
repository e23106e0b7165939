"""Variance shares: balanced data against lme4, unbalanced crossed data against known truth."""

import time

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.variance_shares import variance_shares
from tests.stats.reference import r_numbers, real

GROUPS = ["employee", "customer", "team"]


def crossed(seed: int, rows: int, levels: tuple[int, int, int], variances: tuple[float, ...]) -> pd.DataFrame:
    """Return rows with crossed employees and customers, employees in teams (5 % of rows elsewhere).

    Employees differ in their number of rows by a factor of about ten.
    """
    rng = np.random.default_rng(seed)
    employee = rng.choice(levels[0], rows, p=rng.dirichlet(np.full(levels[0], 3.0)))
    customer = rng.integers(0, levels[1], rows)
    team = (employee + (rng.random(rows) < 0.05)) % levels[2]
    codes = [employee, customer, team]
    y = np.sqrt(variances[3]) * rng.normal(size=rows)
    for code, level, variance in zip(codes, levels, variances, strict=False):
        y = y + np.sqrt(variance) * rng.normal(size=level)[code]
    return pd.DataFrame({"y": y, **dict(zip(GROUPS, codes, strict=True))})


def test_balanced_data_give_remls_components():
    """Penicillin is balanced, where Henderson's estimates, the analysis of variance and REML agree."""
    table = variance_shares(real("mixed_models/Penicillin.csv"), "diameter", ["plate", "sample"]).set_index("term")
    r = r_numbers("Penicillin")
    for term, name in (("plate", "plate:(Intercept)"), ("sample", "sample:(Intercept)"), ("residual", "Residual:NA")):
        assert table.loc[term, "variance"] == pytest.approx(r.loc[f"vc:{name}:var", "estimate"], rel=1e-3)
    assert table["estimate"].sum() == pytest.approx(1)


def test_one_factor_by_hand():
    """Groups of 2, 2 and 3 rows; the analysis of variance with n0 = (7 − 17/7)/2."""
    y, g = np.array([1.0, 3, 4, 6, 8, 9, 10]), np.array([0, 0, 1, 1, 2, 2, 2])
    table = variance_shares(pd.DataFrame({"y": y, "g": g}), "y", ["g"]).set_index("term")
    within = (2 + 2 + 2) / 4
    between = (2 * (2 - y.mean()) ** 2 + 2 * (5 - y.mean()) ** 2 + 3 * (9 - y.mean()) ** 2) / 2
    expected = (between - within) / ((7 - 17 / 7) / 2)
    assert table.loc["residual", "variance"] == pytest.approx(within)
    assert table.loc["g", "variance"] == pytest.approx(expected)


def test_unbalanced_crossed_truth_is_covered():
    """Truth: shares .10 employee, .20 customer, .03 team; 40 samples of 6,000 rows."""
    truth = pd.Series({"employee": 0.10, "customer": 0.20, "team": 0.03, "residual": 0.67})
    tables = [variance_shares(crossed(s, 6000, (120, 1500, 12), tuple(truth)), "y", GROUPS) for s in range(40)]
    table = pd.concat(tables).set_index("term")
    mean = table.groupby(level=0)["estimate"].mean()
    for term in truth.index:
        assert mean[term] == pytest.approx(truth[term], abs=0.012)
        part = table.loc[[term]]
        covered = ((part["conf_low"] <= truth[term]) & (part["conf_high"] >= truth[term])).mean()
        # a dozen teams: see the note in variance_shares
        assert covered >= (0.8 if term == "team" else 0.9)


def test_no_effect_gives_no_share():
    """Truth: employees and teams differ by nothing. The intervals reach zero, the share is near it."""
    tables = [variance_shares(crossed(s, 4000, (80, 1000, 10), (0, 0.3, 0, 0.7)), "y", GROUPS) for s in range(30)]
    table = pd.concat(tables).set_index("term")
    assert table.loc["employee", "estimate"].mean() < 0.01
    assert (table.loc["employee", "conf_low"] == 0).mean() >= 0.9
    assert (table["estimate"] >= 0).all()


def test_sixty_thousand_rows_are_quick():
    frame = crossed(1, 60_000, (240, 12_000, 20), (0.1, 0.2, 0.03, 0.67)).assign(
        employee=lambda f: "e" + f["employee"].astype(str), customer=lambda f: "c" + f["customer"].astype(str)
    )
    start = time.process_time()
    table = variance_shares(frame, "y", GROUPS)
    assert time.process_time() - start < 3
    assert table["estimate"][0] == pytest.approx(0.10, abs=0.03)


def test_order_labels_and_scale_change_nothing():
    frame = crossed(2, 2000, (40, 300, 8), (0.1, 0.2, 0.05, 0.65))
    other = frame.sample(frac=1, random_state=1).assign(y=lambda f: 10 * f["y"] + 5)
    one, two = variance_shares(frame, "y", GROUPS), variance_shares(other, "y", GROUPS)
    np.testing.assert_allclose(two["estimate"], one["estimate"], rtol=1e-7)
    np.testing.assert_allclose(two["variance"], 100 * one["variance"], rtol=1e-7)
    np.testing.assert_allclose(two["std_error"], one["std_error"], rtol=1e-7)


def test_what_cannot_be_told_apart_is_said():
    frame = crossed(3, 500, (20, 100, 4), (0.1, 0.2, 0.05, 0.65))
    with pytest.raises(EstimationError, match="the same grouping"):
        variance_shares(frame.assign(copy=frame["employee"]), "y", ["employee", "copy"])
    with pytest.raises(EstimationError, match="a level of its own"):
        variance_shares(frame.assign(row=range(500)), "y", ["row"])
    with pytest.raises(EstimationError, match="one has 1 level"):
        variance_shares(frame.assign(one=1), "y", ["one"])
    with pytest.raises(EstimationError, match="y does not vary"):
        variance_shares(frame.assign(y=2.0), "y", ["employee"])
