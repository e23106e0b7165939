"""Errors by two crossing clusters: linearmodels' own, and what a known crossing must do to them."""

import numpy as np
import pandas as pd
import pytest
from linearmodels.panel import PanelOLS

from exlink.errors import EstimationError
from exlink.stats.two_way import widening


def contacts(seed: int, *, shared: float = 0.0, spread: float = 0.0) -> pd.DataFrame:
    """Return rows of 60 employees in 6 periods met by 200 customers: y = customer·shared + noise.

    ``spread`` > 0 makes x go along with the customer, so that errors and covariate cluster in the same customers.
    """
    rng = np.random.default_rng(seed)
    n = 3_600
    employee, period, customer = rng.integers(0, 60, n), rng.integers(0, 6, n), rng.integers(0, 200, n)
    own, kind = rng.normal(size=200), rng.normal(size=200)
    x = rng.normal(size=(60, 6))[employee, period] + spread * kind[customer]
    z, y = rng.normal(size=n), 0.2 * x + shared * own[customer] + rng.normal(size=n)
    return pd.DataFrame({"employee": employee, "period": period, "customer": customer, "x": x, "z": z, "y": y})


def test_is_linearmodels_with_two_clusters():
    """Row by row with dummies of units and periods absorbed; linearmodels needs unique rows, so a counter is time."""
    frame = contacts(1, shared=1.0, spread=0.5)
    dummies = pd.get_dummies(frame["period"], prefix="t", drop_first=True, dtype=float)
    data = pd.concat([frame, dummies], axis=1)
    data["row"] = data.groupby("employee").cumcount()
    data = data.set_index(["employee", "row"])
    clusters = pd.DataFrame({"e": data.index.get_level_values(0), "c": data["customer"].to_numpy()}, index=data.index)
    model = PanelOLS(data["y"], data[["x", "z", *dummies.columns]], entity_effects=True)
    theirs = model.fit(cov_type="clustered", clusters=clusters, auto_df=False, count_effects=False, debiased=False)
    one = model.fit(cov_type="clustered", clusters=clusters[["e"]], auto_df=False, count_effects=False, debiased=False)
    found = widening(frame, "y", ["x", "z"], "employee", "period", "customer")
    np.testing.assert_allclose(found["two_way"], theirs.std_errors[["x", "z"]], rtol=1e-6)
    np.testing.assert_allclose(found["one_way"], one.std_errors[["x", "z"]], rtol=1e-6)


def test_customers_widen_only_what_they_share():
    """Shared customers make outcomes alike, but x is the employee's: no widening. Where x is theirs too: much."""
    harmless = widening(contacts(2, shared=1.0), "y", ["x"], "employee", "period", "customer")["ratio"][0]
    harmful = widening(contacts(2, shared=1.0, spread=1.0), "y", ["x"], "employee", "period", "customer")["ratio"][0]
    assert harmless == pytest.approx(1, abs=0.06)
    assert harmful > 1.5


def test_refusals():
    with pytest.raises(EstimationError, match="1 values of customer"):
        widening(contacts(3).assign(customer=1), "y", ["x"], "employee", "period", "customer")
    with pytest.raises(EstimationError, match="no variance within"):
        widening(contacts(3).assign(x=lambda f: f["employee"]), "y", ["x"], "employee", "period", "customer")
