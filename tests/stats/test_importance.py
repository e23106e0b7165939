"""Shares of R²: the numbers of R, the axioms they rest on, and what a study without effects gives."""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.importance import (
    JOHNSON,
    LMG,
    collinearity,
    importance,
    lmg,
    places,
    ranks_of,
    relative_weights,
)
from exlink.stats.moments import row_moments, within_moments
from tests.stats.reference import EXACT, real

REFERENCE = Path(__file__).parents[1] / "reference"
SEAT = ["seat_legroom_rating", "seat_recline_rating", "seat_width_rating", "aisle_space_rating", "viewing_tv_rating"]
OUTCOME = {"longley": "Employed", "swiss": "Fertility", "skytrax_seat": "overall_rating"}


def read(dataset):
    """Return the rows, the covariates and a cluster per row of a data set that R has read too."""
    if dataset == "skytrax_seat":
        rows = real("skytrax_seat/seat_reviews.csv")
        rows[SEAT] = rows[SEAT].where(rows[SEAT] != 0)  # 0 stands for "not applicable"
        return rows, SEAT, "airline_name"
    rows = pd.read_csv(REFERENCE / f"{dataset}.csv")
    xs = [c for c in rows if c != OUTCOME[dataset]]
    return rows.assign(row=range(len(rows))), xs, "row"


def r_numbers(dataset, quantity):
    table = pd.read_csv(REFERENCE / "importance_r.csv", keep_default_na=False)
    chosen = table[(table["dataset"] == dataset) & (table["quantity"] == quantity)]
    assert len(chosen)
    return chosen.set_index("term")["value"].astype(float)


def drawn(n=300, p=4, *, effects=None, noise=1.0, seed=0):
    """y = X·effects + noise·e; X has a factor in common (correlations 0.5)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, p)) + rng.standard_normal((n, 1))
    beta = np.arange(p) if effects is None else np.asarray(effects)
    frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(p)])
    return frame.assign(y=x @ beta + noise * rng.standard_normal(n), unit=np.arange(n) % 60)


def covariates_of(frame):
    return [c for c in frame if c.startswith("x")]


def products_of(frame):
    return row_moments(frame, "y", covariates_of(frame), "unit").reduced()


def shares_of(frame, reps=300, seed=1):
    return importance(row_moments(frame, "y", covariates_of(frame), "unit"), reps=reps, seed=seed)


@pytest.mark.parametrize("dataset", ["longley", "swiss", "skytrax_seat"])
def test_shares_are_those_of_r(dataset):
    rows, xs, cluster = read(dataset)
    moments = row_moments(rows, OUTCOME[dataset], xs, cluster)
    found = importance(moments, reps=10, seed=1)
    # Longley's correlation matrix has a condition number of 12,000: R's QR and ours part in the ninth digit
    close = {"rel": 1e-6 if dataset == "longley" else EXACT}
    for method, quantity in ((LMG, "lmg"), (JOHNSON, "johnson")):
        part = found.table[found.table["method"] == method].set_index("term")
        expected = r_numbers(dataset, quantity)[xs]
        assert part["estimate"].to_numpy() == pytest.approx(expected.to_numpy(), **close)
        assert part["slope"].to_numpy() == pytest.approx(r_numbers(dataset, "slope")[xs].to_numpy(), **close)
    assert found.rsquared == pytest.approx(r_numbers(dataset, "rsquared").iloc[0], **close)
    vif = found.collinearity.table.set_index("term")["vif"]
    assert vif.to_numpy() == pytest.approx(r_numbers(dataset, "vif")[xs].to_numpy(), **close)
    assert found.collinearity.condition_index == pytest.approx(r_numbers(dataset, "condition_index").iloc[0], **close)


def test_the_classic_collinear_regression_is_warned_of_by_name():
    rows, xs, cluster = read("longley")
    said = importance(row_moments(rows, "Employed", xs, cluster), reps=10, seed=1).collinearity.warning(
        {"GNP": "income"}
    )
    assert "income with Year" in said
    assert "Armed.Forces" not in said  # its inflation is 3.6
    rows, xs, cluster = read("swiss")
    assert importance(row_moments(rows, "Fertility", xs, cluster), reps=10, seed=1).collinearity.warning() == ""


def test_lmg_is_the_average_over_all_orders():
    """By brute force, each model by least squares of its own."""
    frame = drawn(n=80, p=4)
    xs = ["x0", "x1", "x2", "x3"]

    def fit(names):
        if not names:
            return 0.0
        x = frame[list(names)].to_numpy() - frame[list(names)].to_numpy().mean(axis=0)
        y = frame["y"].to_numpy() - frame["y"].mean()
        return 1 - ((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2).sum() / (y**2).sum()

    gains = dict.fromkeys(xs, 0.0)
    for order in itertools.permutations(xs):
        for k, name in enumerate(order):
            gains[name] += (fit(order[: k + 1]) - fit(order[:k])) / 24
    assert lmg(products_of(frame))[0] == pytest.approx(list(gains.values()))


def test_uncorrelated_covariates_get_their_squared_correlation_from_both():
    x = np.kron(np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]), np.ones((10, 1)))
    noise = np.random.default_rng(1).standard_normal(40)
    frame = pd.DataFrame(x, columns=["x0", "x1", "x2"]).assign(y=x @ [1, 2, 0] + noise, unit=range(40))
    expected = frame[["x0", "x1", "x2"]].corrwith(frame["y"]) ** 2
    products = products_of(frame)
    assert lmg(products)[0] == pytest.approx(expected.to_numpy())
    assert relative_weights(products)[0] == pytest.approx(expected.to_numpy())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), p=st.integers(2, 6), scale=st.floats(0.01, 100), shift=st.floats(-50, 50))
def test_shares_sum_to_r_squared_and_ignore_order_labels_and_units(seed, p, scale, shift):
    rng = np.random.default_rng(seed)
    frame = drawn(n=60, p=p, effects=rng.normal(size=p), seed=seed)
    xs = [f"x{k}" for k in range(p)]
    products = row_moments(frame, "y", xs, "unit").reduced()
    y = frame["y"] - frame["y"].mean()
    x = frame[xs] - frame[xs].mean()
    fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    turned = list(rng.permutation(xs))
    moved = frame.assign(**{x: frame[x] * scale + shift for x in xs}).sample(frac=1, random_state=seed)
    again = row_moments(moved.assign(unit=moved["unit"].map("U{}".format)), "y", turned, "unit").reduced()
    for method in (lmg, relative_weights):
        shares = method(products)[0]
        assert (shares >= -1e-12).all()
        assert shares.sum() == pytest.approx((fitted @ fitted) / (y @ y))
        assert dict(zip(turned, method(again)[0], strict=True)) == pytest.approx(dict(zip(xs, shares, strict=True)))


def test_no_covariate_is_zeroed_because_its_slope_is_not_clear():
    """x0 has no effect of its own but goes along with what has: its slope holds zero, its share does not vanish."""
    found = shares_of(drawn(effects=[0, 1, 1, 1]))
    idle = found.table[found.table["term"] == "x0"]
    assert ((idle["slope_low"] < 0) & (idle["slope_high"] > 0)).all()
    assert (idle["share"] > 0.03).all()
    assert (idle["rank"] == 4).all()


def test_rank_intervals_hold_the_true_order_and_open_where_nothing_differs():
    apart = shares_of(drawn(n=2000)).table
    assert apart["rank"].tolist() == [4, 3, 2, 1] * 2
    assert (apart["rank_low"] == apart["rank"]).all()
    assert (apart["rank_high"] == apart["rank"]).all()
    same = shares_of(drawn(effects=[1, 1, 1, 1]))
    assert (same.table["rank_high"] - same.table["rank_low"]).min() >= 2


def test_where_nothing_acts_nothing_is_explained_and_every_slope_holds_zero():
    found = shares_of(drawn(effects=[0, 0, 0, 0]))
    assert found.rsquared < 0.05
    assert (found.table["slope_low"] < 0).all()
    assert (found.table["slope_high"] > 0).all()


def test_share_intervals_cover_the_true_shares():
    """200 studies of 60 clusters: y = x1 + 2·x2 + 3·x3 + 4·e, correlations 0.5; the truth from a very large draw."""
    truth = lmg(products_of(drawn(n=400_000, noise=4.0, seed=9)))[0]
    truth = truth / truth.sum()
    inside = []
    for seed in range(200):
        table = shares_of(drawn(noise=4.0, seed=100 + seed), reps=200, seed=seed).table
        part = table[table["method"] == LMG]
        inside.append((part["conf_low"].to_numpy() <= truth) & (truth <= part["conf_high"].to_numpy()))
    # 200 studies: 95 % within two of its own errors, less what percentile intervals with 60 clusters lack
    assert np.mean(inside, axis=0)[1:].min() > 0.90


def test_compressed_cells_give_the_shares_of_their_rows():
    """Within units: from cells as from the rows, demeaned by unit by hand."""
    rng = np.random.default_rng(2)
    unit, wave = np.repeat(np.arange(30), 40), np.tile(np.repeat(np.arange(4), 10), 30)
    cell = unit * 4 + wave
    x = rng.standard_normal((120, 2))[cell] + rng.standard_normal((30, 2))[unit]
    rows = pd.DataFrame(x, columns=["x0", "x1"]).assign(
        unit=unit, wave=wave, y=x @ [1, 0.5] + rng.standard_normal(1200)
    )
    cells = rows.groupby(["unit", "wave", "x0", "x1"])["y"].agg(["size", "sum"]).reset_index()
    cells = cells.rename(columns={"size": "n_y", "sum": "sum_y"})
    inside = within_moments(cells, "y", ["x0", "x1"], "unit").reduced()
    means = rows.groupby("unit")[["x0", "x1", "y"]].transform("mean")
    centred = (rows[["x0", "x1", "y"]] - means).to_numpy()
    whole = centred.T @ centred
    # cells know the sum of squares of their means only: shares of R² are the same, R² itself is of means
    for method in (lmg, relative_weights):
        a, b = method(inside)[0], method(whole[None])[0]
        assert a / a.sum() == pytest.approx(b / b.sum())


def test_too_many_covariates_keep_their_relative_weights():
    frame = drawn(p=13)
    with pytest.raises(EstimationError, match=r"LMG: 13 covariates would take 2\^13 models"):
        lmg(products_of(frame))
    table = shares_of(frame, reps=20).table
    assert table[table["method"] == LMG]["estimate"].isna().all()
    assert (table[table["method"] == LMG]["note"] == "13 covariates; LMG is computed for at most 12").all()
    assert table[table["method"] == JOHNSON]["share"].sum() == pytest.approx(1)


def test_covariates_that_cannot_be_told_apart_are_refused():
    frame = drawn().assign(x4=lambda f: f["x0"] + f["x1"])
    with pytest.raises(EstimationError, match="collinear"):
        row_moments(frame, "y", ["x0", "x1", "x4"], "unit")
    products = np.array([[1.0, 1.0, 0.5], [1.0, 1.0, 0.5], [0.5, 0.5, 1.0]])
    assert np.isnan(lmg(products[None])).all()
    assert np.isnan(relative_weights(products[None])).all()
    with pytest.raises(EstimationError, match="x0, x1: a covariate does not vary or repeats the others"):
        collinearity(products, ["x0", "x1"])
    with pytest.raises(EstimationError, match="at least 2 are needed"):
        importance(row_moments(frame, "y", "x0", "unit"), reps=10, seed=1)


def test_ranks_count_from_the_largest_and_are_told_in_words():
    assert ranks_of(np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.9]])).tolist() == [[3, 1, 2], [2, 3, 1]]
    assert [places(1.0, 1.0), places(1.0, 3.0), places(np.nan, np.nan)] == ["1", "1 to 3", "–"]


def test_the_table_has_the_columns_its_docstring_names():
    table = shares_of(drawn(), reps=20).table
    assert {"slope_p", "n", "n_units", "note"} <= set(table.columns)
    assert table.columns.is_unique
