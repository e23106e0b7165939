"""Penalised logits of rare events: R's brglm2, closed forms, known truth; and whether predictions come true."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.calibration import BRIER, GAIN, RATIO, SLOPE, calibration
from exlink.stats.firth import fit_firth

FOLDER = Path(__file__).parents[1] / "reference"
FIT = (
    1e-5  # relative: brglm2 stops when its steps are below 1e-10, which leaves the sixth digit open in the first model
)
ENDS = 1e-4  # absolute, of interval ends: uniroot over optim


@pytest.mark.parametrize("model", ["event ~ a + b + c + d", "event ~ a + rare"])
def test_as_brglm2_and_its_profile(model):
    data, known = pd.read_csv(FOLDER / "firth_data.csv"), pd.read_csv(FOLDER / "firth_r.csv")
    known = known[known["model"] == model]
    table = fit_firth(data, "event", model.split(" ~ ")[1].split(" + ")).table
    assert table["term"].tolist() == known["term"].tolist()
    np.testing.assert_allclose(table[["estimate", "std_error"]], known[["estimate", "std_error"]], rtol=FIT)
    np.testing.assert_allclose(table[["conf_low", "conf_high"]], known[["conf_low", "conf_high"]], atol=ENDS)
    np.testing.assert_allclose(table["p_value"], known["p_value"], atol=1e-6)


def test_a_table_of_four_cells_gets_half_an_event_in_each():
    # Firth 1993: in a saturated logit Jeffreys' prior adds one half to every cell, finite where a cell is empty
    frame = pd.DataFrame({"x": [0] * 20 + [1] * 15, "y": [0] * 20 + [1] * 6 + [0] * 9})
    assert fit_firth(frame, "y", ["x"]).table["estimate"][0] == pytest.approx(np.log(6.5 / 9.5) - np.log(0.5 / 20.5))


def test_predictions_add_up_to_the_events_and_units_do_not_matter():
    data = pd.read_csv(FOLDER / "firth_data.csv")
    fit = fit_firth(data, "event", ["a", "c"])
    assert fit.predict(data).sum() == pytest.approx(data["event"].sum())
    other = fit_firth(data.assign(a=60 * data["a"] + 7), "event", ["a", "c"])
    np.testing.assert_allclose(other.table["conf_low"], fit.table["conf_low"] / [60, 1], rtol=1e-5)
    np.testing.assert_allclose(other.predict(data.assign(a=60 * data["a"] + 7)), fit.predict(data), rtol=1e-7)


@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_intervals_of_rare_events_cover(effect):
    # 80 studies of about 12 events in 300 rows: 95 % nominal, − 7 points of simulation error (over two SD)
    rng, held, mean = np.random.default_rng(8), 0, []
    for _ in range(80):
        x = rng.standard_normal(300)
        y = (rng.random(300) < 1 / (1 + np.exp(3.3 - effect * x))).astype(int)
        row = fit_firth(pd.DataFrame({"x": x, "y": y}), "y", ["x"]).table.iloc[0]
        held += row["conf_low"] <= effect <= row["conf_high"]
        mean.append(row["estimate"])
    assert held / 80 >= 0.88
    assert abs(np.mean(mean) - effect) < 0.1


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"x": [0.0, 1.0, 2.0], "y": [0, 0, 0]}, "both values"),
        ({"x": [1.0, 1.0, 1.0], "y": [0, 1, 0]}, "x does not vary"),
        ({"x": [0.0, np.nan, 2.0], "y": [0, 1, 0]}, "missing values"),
    ],
)
def test_what_cannot_be_fitted_is_said(frame, said):
    with pytest.raises(EstimationError, match=said):
        fit_firth(pd.DataFrame(frame), "y", ["x"])


def test_true_probabilities_come_true_and_exaggerated_ones_do_not():
    rng = np.random.default_rng(3)
    eta = -2 + rng.standard_normal(4000)
    y = (rng.random(4000) < 1 / (1 + np.exp(-eta))).astype(int)
    true = calibration(y, eta, y.mean()).set_index("term")
    assert true.loc[SLOPE, "conf_low"] < 1 < true.loc[SLOPE, "conf_high"]
    assert true.loc[GAIN, "conf_low"] > 0
    assert true.loc[RATIO, "conf_low"] < 1 < true.loc[RATIO, "conf_high"]
    wide = calibration(y, -2 + 3 * (eta + 2), y.mean()).set_index("term")
    assert wide.loc[SLOPE, "conf_high"] < 0.5
    assert wide.loc[BRIER, "estimate"] > true.loc[BRIER, "estimate"]


def test_brier_score_and_ratio_by_hand():
    y, p = np.array([1, 0, 0, 1]), np.array([0.5, 0.25, 0.25, 0.2])
    rows = calibration(y, np.log(p / (1 - p)), 0.5).set_index("term")
    assert rows.loc[BRIER, "estimate"] == pytest.approx((0.25 + 0.0625 + 0.0625 + 0.64) / 4)
    assert rows.loc[GAIN, "estimate"] == pytest.approx(100 * (1 - rows.loc[BRIER, "estimate"] / 0.25))
    assert rows.loc[RATIO, "estimate"] == pytest.approx(2 / 1.2)
    # Garwood's interval of a count of two, as in every table of it
    assert rows.loc[RATIO, "conf_low"] == pytest.approx(stats.chi2.ppf(0.025, 4) / 2 / 1.2)
    with pytest.raises(EstimationError, match="predicted alike"):
        calibration(y, np.zeros(4), 0.5)


def in_teams(rng, frailty, teams=20, size=30):
    """Events without any effect of x, of which teams have more or fewer; x has a level by team, too."""
    team = np.repeat(np.arange(teams), size)
    x = rng.normal(0, 0.6, teams)[team] + rng.normal(0, 0.8, len(team))
    y = rng.random(len(team)) < 1 / (1 + np.exp(2.0 - frailty * rng.standard_normal(teams)[team]))
    return pd.DataFrame({"team": team, "x": x, "y": y.astype(float)})


def test_what_clusters_have_in_common_makes_intervals_longer_never_shorter():
    rng, missed = np.random.default_rng(3), {"alone": 0, "team": 0}
    for _ in range(40):
        frame = in_teams(rng, frailty=1.0)
        plain, wide = fit_firth(frame, "y", ["x"]), fit_firth(frame, "y", ["x"], cluster="team")
        for name, row in (("alone", plain.table.iloc[0]), ("team", wide.table.iloc[0])):
            missed[name] += not row["conf_low"] <= 0 <= row["conf_high"]
        assert wide.table["estimate"][0] == plain.table["estimate"][0]
        assert wide.table["conf_low"][0] <= plain.table["conf_low"][0] + 1e-9
        assert wide.table["conf_high"][0] >= plain.table["conf_high"][0] - 1e-9
        assert wide.table["p_value"][0] >= plain.table["p_value"][0] - 1e-9
        assert np.sqrt(wide.vcov[1, 1]) == pytest.approx(wide.table["std_error"][0])
    assert missed["team"] <= 6 < missed["alone"]  # of 40, where 2 are meant, and 7 come once in 300 such tests


def test_errors_of_clusters_are_those_of_the_sandwich():
    import statsmodels.api as sm

    frame = in_teams(np.random.default_rng(4), frailty=1.0, teams=60)
    own = fit_firth(frame, "y", ["x"], cluster="team").table.iloc[0]["std_error"]
    model = sm.Logit(frame["y"], sm.add_constant(frame["x"]))
    known = model.fit(disp=0, cov_type="cluster", cov_kwds={"groups": frame["team"]}).bse["x"]
    assert own == pytest.approx(known, rel=0.01)  # which leaves the penalty out
