"""Total, direct and indirect effects: least squares with unit dummies, Sobel's errors, known truth, refusals."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exlink.errors import EstimationError
from exlink.stats.cell_moments import moments_of_cells
from exlink.stats.crossed import crossed_cells
from exlink.stats.mediation import DIRECT, INDIRECT, TOTAL, mediate

FREE = ["m1", "m2", "y"]


def contacts(seed, *, units=60, periods=5, each=10, a=0.5, b=0.4, direct=0.3):
    """Return rows: m1 = a x1 + u + e; m2 = .3 z + e; y = direct x1 + b m1 + u − .2 z + e; x2 does nothing.

    u belongs to the unit and moves m1, y and, between units, x1: only comparisons within units are free of it.
    """
    rng = np.random.default_rng(seed)
    unit, period, _ = (k.ravel() for k in np.indices((units, periods, each)))
    u = rng.normal(size=units)
    x = rng.normal(size=(units, periods, 2)) + u[:, None, None]
    c = rng.integers(4, size=len(unit))
    x1 = x[unit, period, 0]
    m1 = a * x1 + u[unit] + rng.normal(size=len(unit))
    m2 = 0.3 * c + rng.normal(size=len(unit))
    y = direct * x1 + b * m1 + u[unit] - 0.2 * c + rng.normal(size=len(unit))
    return pd.DataFrame({"unit": unit, "period": period, "c": c, "x1": x1, "x2": x[unit, period, 1], "m1": m1, "m2": m2,
                         "y": y})  # fmt: skip


def moments(frame):
    later = {f"p{k}": (frame["period"] == k) * 1.0 for k in range(1, frame["period"].max() + 1)}
    frame = frame.assign(n=1, right=frame["c"], **later)
    pairs = list(itertools.combinations_with_replacement(FREE, 2))
    frame = frame.assign(**{f"{i}_{j}": frame[i] * frame[j] for i, j in pairs})
    cells = frame.groupby(["unit", "period", "right"], as_index=False)[
        ["n", *FREE, *(f"{i}_{j}" for i, j in pairs)]
    ].sum()
    columns = ["x1", "x2", *later]
    left = frame.drop_duplicates(["unit", "period"])[["unit", "period", *columns]].reset_index(drop=True)
    table = crossed_cells(
        cells, left, pd.DataFrame({f"c{k}": (np.arange(4) == k) * 1.0 for k in (1, 2, 3)}), key=["unit", "period"],
        unit="unit", left_columns=columns, right_columns=["c1", "c2", "c3"],
        values=["n", *FREE, *(f"{i}_{j}" for i, j in pairs)],
    )  # fmt: skip
    return moments_of_cells(
        table,
        ["x1", "x2"],
        FREE,
        counts="n",
        sums={k: k for k in FREE},
        products={(i, j): f"{i}_{j}" for i, j in pairs},
    )


def of(fit, path, term="x1"):
    return fit.paths[(fit.paths["path"] == path) & (fit.paths["term"] == term)].iloc[0]


def test_paths_are_those_of_least_squares_with_unit_dummies():
    frame = contacts(1, units=25, each=6)
    fit = mediate(moments(frame), ["m1", "m2"], reps=20, seed=1)
    given = " + C(c) + C(period) + C(unit)"
    total = smf.ols("y ~ x1 + x2" + given, frame).fit().params
    full = smf.ols("y ~ x1 + x2 + m1 + m2" + given, frame).fit().params
    to = {m: smf.ols(f"{m} ~ x1 + x2" + given, frame).fit().params for m in ("m1", "m2")}
    for x in ("x1", "x2"):
        assert of(fit, TOTAL, x)["estimate"] == pytest.approx(total[x], rel=1e-8)
        assert of(fit, DIRECT, x)["estimate"] == pytest.approx(full[x], rel=1e-7, abs=1e-10)
        for m in ("m1", "m2"):
            assert of(fit, m, x)["estimate"] == pytest.approx(to[m][x] * full[m], rel=1e-7, abs=1e-10)
        # product and difference are one number in linear models
        assert of(fit, INDIRECT, x)["estimate"] == pytest.approx(total[x] - full[x], rel=1e-7, abs=1e-10)
    np.testing.assert_allclose(fit.through["estimate"], full[["m1", "m2"]], rtol=1e-7)


REFERENCE = Path(__file__).parents[1] / "reference"
SPREAD, BOUND = 0.06, 0.25  # of 2,000 and of 4,000 draws: chance moves an SD by 2 %, a bound by 0.08 SD; times three


def test_paths_shares_and_rho_are_those_of_r():
    """lavaan's path model and lm() with all dummies; intervals from R's own draws of units (tests/reference)."""
    rows = pd.read_csv(REFERENCE / "mediation_rows.csv").assign(period=lambda f: f["period"] - 1)
    known = pd.read_csv(REFERENCE / "mediation_r.csv").set_index(["term", "path"])
    fit = mediate(moments(rows), ["m1", "m2"], reps=4_000, seed=1)
    through = fit.through.set_index("mediator")
    for (term, path), r in known.iterrows():
        if path == "rho":
            assert through.loc[term, "rho"] == pytest.approx(r["estimate"], rel=1e-8)
            continue
        if path == "share":
            ours = fit.shares.set_index("term").loc[term]
            if np.isnan(ours["estimate"]):  # its total is not clear of zero
                assert known.loc[(term, "total"), "low"] < 0 < known.loc[(term, "total"), "high"]
                continue
        else:
            ours = through.loc[term] if path == "b" else of(fit, path, term)
        assert ours["estimate"] == pytest.approx(r["estimate"], rel=1e-8)
        assert ours["estimate"] == pytest.approx(r["lavaan"], rel=1e-6)
        assert ours["std_error"] == pytest.approx(r["boot_se"], rel=SPREAD)
        assert ours["conf_low"] == pytest.approx(r["low"], abs=BOUND * r["boot_se"])
        assert ours["conf_high"] == pytest.approx(r["high"], abs=BOUND * r["boot_se"])


def test_spread_of_draws_is_near_sobels_error():
    frame = contacts(2, units=40)
    fit = mediate(moments(frame), ["m1", "m2"], reps=2_000, seed=3)
    clusters = {"cov_type": "cluster", "cov_kwds": {"groups": frame["unit"]}}
    given = " + C(c) + C(period) + C(unit)"
    to, full = (
        smf.ols("m1 ~ x1 + x2" + given, frame).fit(**clusters),
        smf.ols("y ~ x1 + x2 + m1 + m2" + given, frame).fit(**clusters),
    )
    sobel = np.hypot(to.params["x1"] * full.bse["m1"], full.params["m1"] * to.bse["x1"])
    # unit dummies count as parameters in statsmodels' small-sample factor: N = 3000, 60 of them, 1 %
    assert of(fit, "m1")["std_error"] == pytest.approx(sobel, rel=0.12)


def test_one_unit_twice_is_two_units():
    frame = contacts(4, units=20)
    weights = np.random.default_rng(1).multinomial(20, np.full(20, 0.05))
    again = pd.concat(
        [frame[frame["unit"] == k].assign(unit=100 * r + k) for k in range(20) for r in range(weights[k])]
    )
    drawn = moments(frame).reduced(weights[None, :].astype(float))
    np.testing.assert_allclose(drawn, moments(again).reduced(), rtol=1e-8, atol=1e-6)


def test_truth_is_covered_and_a_path_that_is_none_is_none():
    """40 studies of 40 units: x1 through m1 .5 · .4 = .20 of .50; m2 lies on no path; the share is 40 %.
    Expected: inside the 95 % intervals in 85 to 100 % of the studies."""
    hits = {"total": [], "m1": [], "m2": [], "share": []}
    for seed in range(40):
        fit = mediate(moments(contacts(seed, units=40)), ["m1", "m2"], reps=300, seed=1)
        for path, truth in (("total", 0.5), ("m1", 0.2), ("m2", 0.0)):
            row = of(fit, path)
            hits[path].append(row["conf_low"] <= truth <= row["conf_high"])
        share = fit.shares.set_index("term").loc["x1"]
        hits["share"].append(share["conf_low"] <= 0.4 <= share["conf_high"])
    assert all(np.mean(hit) >= 0.85 for hit in hits.values()), {k: np.mean(v) for k, v in hits.items()}


def test_a_share_of_nothing_is_not_told():
    fit = mediate(moments(contacts(5)), ["m1", "m2"], reps=200, seed=1)
    shares = fit.shares.set_index("term")
    assert np.isnan(shares.loc["x2", "estimate"])
    assert np.isfinite(shares.loc["x1", "estimate"])


def test_what_hides_behind_a_path_would_have_to_be_this_strong():
    """A cause of m1 and y that nobody sees: rho is the correlation of errors it makes when b is zero."""
    frame = contacts(6, b=0.0, units=120)
    rng = np.random.default_rng(6)
    hidden = rng.normal(size=len(frame))
    frame = frame.assign(m1=frame["m1"] + hidden, y=frame["y"] + hidden)  # errors share half of their variance
    fit = mediate(moments(frame), ["m1", "m2"], reps=50, seed=1)
    assert fit.through.set_index("mediator").loc["m1", "rho"] == pytest.approx(0.5, abs=0.05)
    assert fit.through.set_index("mediator").loc["m2", "rho"] == pytest.approx(0.0, abs=0.05)


def test_refusals():
    with pytest.raises(EstimationError, match="last covariates"):
        mediate(moments(contacts(1, units=20)), ["m2", "m1"], reps=10, seed=1)
    with pytest.raises(EstimationError, match="9 clusters"):
        moments(contacts(1, units=9))
    with pytest.raises(EstimationError, match="x2: does not vary"):
        moments(contacts(1, units=20).assign(x2=1.0))
