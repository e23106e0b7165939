"""Kaplan–Meier curves with clustered errors, against R's survival, statsmodels, a closed form and known truth."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from exlink.errors import EstimationError
from exlink.stats.waiting import share_by, time_until, waiting_curve

REFERENCE = Path(__file__).parents[1] / "reference"
REAL = os.environ.get("EXLINK_REAL_DATA")


@pytest.fixture(scope="module")
def lung():
    data = pd.read_csv(REFERENCE / "waiting_data.csv")
    return data.assign(row=np.arange(len(data)))


@pytest.mark.parametrize(("case", "cluster"), [("rows", "row"), ("clusters", "inst")])
def test_curve_and_errors_are_those_of_r(lung, case, cluster):
    expected = pd.read_csv(REFERENCE / "waiting_r.csv").query("case == @case")
    curve = waiting_curve(lung, "time", "status", cluster).set_index("time")
    at = curve.index[np.searchsorted(curve.index, expected["time"], side="right") - 1]
    g = lung[cluster].nunique()
    np.testing.assert_allclose(1 - curve.loc[at, "estimate"], expected["surv"], rtol=1e-10)
    # R leaves out G / (G - 1)
    np.testing.assert_allclose(curve.loc[at, "std_error"] * np.sqrt((g - 1) / g), expected["se"], rtol=1e-8)


def test_median_and_its_interval_are_those_of_r(lung):
    expected = pd.read_csv(REFERENCE / "waiting_r.csv").query("case == 'median'").iloc[0]
    g = len(lung)  # at the level at which Student's t with G / (G - 1) is R's normal at 95 %
    level = 2 * t.cdf(norm.ppf(0.975) * np.sqrt((g - 1) / g), g - 1) - 1
    found = time_until(waiting_curve(lung, "time", "status", "row", level=level))
    assert found.tolist() == [expected["time"], expected["surv"], expected["se"]]


def test_curve_is_that_of_statsmodels_and_counts_may_be_pooled(lung):
    from statsmodels.duration.survfunc import SurvfuncRight

    whole = lung.assign(time=lung["time"] // 30)
    reference = SurvfuncRight(whole["time"], whole["status"].astype(int))
    pooled = whole.groupby(["inst", "time", "status"], as_index=False).size()
    curve = waiting_curve(pooled, "time", "status", "inst", n="size")
    np.testing.assert_allclose(1 - curve["estimate"], reference.surv_prob, atol=1e-12)
    pd.testing.assert_frame_equal(curve, waiting_curve(whole, "time", "status", "inst"))


def test_without_censoring_the_error_is_that_of_a_share_and_bounds_are_log_log():
    spells = pd.DataFrame({"time": [1.0] * 30 + [2.0] * 70, "ended": True, "row": np.arange(100)})
    first = waiting_curve(spells, "time", "ended", "row").iloc[0]
    error = np.sqrt(0.3 * 0.7 / 100 * 100 / 99)
    assert first["std_error"] == pytest.approx(error)
    half = t.ppf(0.975, 99) * error / abs(0.7 * np.log(0.7))
    assert [first["conf_low"], first["conf_high"]] == pytest.approx([1 - 0.7 ** np.exp(-half), 1 - 0.7 ** np.exp(half)])


def test_intervals_hold_the_truth_as_often_as_they_say_when_clusters_end_together():
    """Batches of ten share half of the log waiting time's variance; true share ended by day 20 is one half.

    Expected bias of errors that count rows: they are far too small, and hold the truth in about six of ten studies.
    """
    rng, held, naive, runs = np.random.default_rng(5), 0, 0, 200
    for _ in range(runs):
        batch = np.repeat(np.arange(40), 10)
        days = 20 * np.exp(np.sqrt(0.5) * (rng.normal(size=40)[batch] + rng.normal(size=400)))
        stopped = rng.uniform(10, 80, 400)
        spells = pd.DataFrame({"time": np.minimum(days, stopped), "ended": days <= stopped, "batch": batch})
        for cluster in ("batch", "row"):
            row = share_by(waiting_curve(spells.assign(row=range(400)), "time", "ended", cluster), np.array([20.0]))
            inside = row["conf_low"].iloc[0] <= 0.5 <= row["conf_high"].iloc[0]
            held, naive = held + (inside and cluster == "batch"), naive + (inside and cluster == "row")
    assert abs(held / runs - 0.95) < 3 * np.sqrt(0.95 * 0.05 / runs)
    assert naive / runs < 0.85


def test_what_was_never_reached_has_no_time():
    spells = pd.DataFrame({"time": [5.0, 9.0, 9.0, 9.0], "ended": [True, False, False, False], "row": range(4)})
    found = time_until(waiting_curve(spells, "time", "ended", "row"))
    assert np.isinf(found["estimate"]) and np.isinf(found["conf_high"])
    assert share_by(waiting_curve(spells, "time", "ended", "row"), np.array([1.0, 6.0]))["estimate"].tolist() == [
        0,
        0.25,
    ]


def test_nothing_ended_one_cluster_and_impossible_times():
    spells = pd.DataFrame({"time": [5.0, 9.0], "ended": [False, False], "row": [0, 1]})
    nothing = waiting_curve(spells, "time", "ended", "row")
    assert nothing.empty and np.isinf(time_until(nothing)["estimate"]) and np.isnan(time_until(nothing)["conf_low"])
    one = time_until(waiting_curve(spells.assign(ended=True, row=0), "time", "ended", "row"))
    assert one["estimate"] == 5 and np.isnan(one["conf_low"])
    with pytest.raises(EstimationError, match=r"1 of 2 spells end before they begin"):
        waiting_curve(spells.assign(time=[-1.0, 2.0]), "time", "ended", "row")


@pytest.fixture(scope="module")
def bank():
    """The bank's queue: time to an agent, callers who hang up are censored (Mandelbaum, Sakov & Zeltyn 2000)."""
    calls = pd.read_csv(
        f"{REAL}/anonymous_bank_callcentre/data_anonymous_bank_february.txt", sep="\t", low_memory=False
    )
    calls = calls[calls["outcome"].isin(["AGENT", "HANG"]) & (calls["q_time"] > 0)]
    return calls.assign(served=calls["outcome"] == "AGENT")


@pytest.mark.skipif(not REAL, reason="needs EXLINK_REAL_DATA")
def test_waits_of_a_real_call_centre(bank):
    from statsmodels.duration.survfunc import SurvfuncRight

    curve = waiting_curve(bank, "q_time", "served", "date")
    reference = SurvfuncRight(bank["q_time"], bank["served"].astype(int))
    np.testing.assert_allclose(1 - curve["estimate"], reference.surv_prob, atol=1e-10)
    assert time_until(curve)["estimate"] == reference.quantile(0.5)


@pytest.mark.skipif(not REAL, reason="needs EXLINK_REAL_DATA")
@pytest.mark.parametrize("case", ["all", "PS", "NE", "NW"])
def test_waits_of_a_real_call_centre_are_those_of_r_by_day_and_kind_of_call(bank, case):
    expected = pd.read_csv(REFERENCE / "waiting_bank_r.csv").query("case == @case")
    calls = bank if case == "all" else bank[bank["type"] == case]
    assert (len(calls), calls["date"].nunique()) == (expected["calls"].iloc[0], expected["days"].iloc[0])
    pooled = calls.groupby(["q_time", "served", "date"], as_index=False).size()
    curve = waiting_curve(pooled, "q_time", "served", "date", n="size").set_index("time")
    at = curve.index[np.searchsorted(curve.index, expected["time"], side="right") - 1]
    days = expected["days"].iloc[0]
    np.testing.assert_allclose(1 - curve.loc[at, "estimate"], expected["surv"], rtol=1e-10)
    # R leaves out G / (G - 1)
    np.testing.assert_allclose(curve.loc[at, "std_error"] * np.sqrt((days - 1) / days), expected["se"], rtol=1e-8)
    assert time_until(curve.reset_index())["estimate"] == expected["median"].iloc[0]
