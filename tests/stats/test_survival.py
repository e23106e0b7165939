"""Cox on start–stop rows: R's survival, statsmodels' PHReg, the discrete-time hazard beside it, and the known truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import SurvfuncRight

from exlink.errors import EstimationError
from exlink.stats.hazard import fit_hazard
from exlink.stats.survival import concordance, fit_cox
from tests.stats.reference import r_numbers, real
from tests.stats.survival_data import careers

REFERENCE = pd.read_csv(Path(__file__).parents[1] / "reference" / "survival_r.csv").fillna({"term": ""})
NEWTON = 1e-8  # two Newton iterations stopped at 1e-9 and 1e-10


@pytest.fixture(scope="module")
def frame():
    return careers(1)


@pytest.mark.parametrize(
    ("case", "event", "start", "stop"),
    [("continuous", "left", "start", "stop"), ("days", "left", "begins", "ends"), ("other cause", "sent", "start",
     "stop")],
)  # fmt: skip
def test_is_coxph_with_late_entries_ties_and_several_rows_a_person(frame, case, event, start, stop):
    """R: coxph(Surv(start, stop, event) ~ x + flag, cluster = person, ties = "efron"), errors without G/(G−1)."""
    theirs = REFERENCE[REFERENCE["dataset"] == case].set_index(["quantity", "term"])["value"]
    fit = fit_cox(frame, event, ["x", "flag"], "person", start=start, stop=stop)
    factor = np.sqrt(fit.n_units / (fit.n_units - 1))
    for row in fit.table.itertuples():
        assert row.estimate == pytest.approx(theirs["coef", row.term], rel=NEWTON)
        assert fit.model_error[row.term] == pytest.approx(theirs["se", row.term], rel=1e-6)
        assert row.std_error == pytest.approx(factor * theirs["robust_se", row.term], rel=1e-6)
    assert fit.concordance == pytest.approx(theirs["concordance", ""], rel=1e-9)
    assert fit.hazard_ratios["conf_low"][0] == pytest.approx(np.exp(fit.table["conf_low"][0]))


def test_is_phreg_where_everybody_enters_at_zero(frame):
    """Without entry times statsmodels' Efron likelihood is the same, with tied days as well."""
    first = frame.groupby("person").head(1).assign(days=lambda f: f["ends"] - f["begins"])
    assert first.loc[first["left"] == 1, "days"].duplicated().any()
    ours = fit_cox(first, "left", ["x", "flag"], "person", stop="days")
    theirs = PHReg(first["days"], first[["x", "flag"]], status=first["left"], ties="efron").fit(disp=0)
    np.testing.assert_allclose(ours.table["estimate"], theirs.params, rtol=1e-6)
    np.testing.assert_allclose(ours.model_error, theirs.bse, rtol=1e-6)


def test_real_turnover():
    """1,129 people, 571 exits; R: coxph(Surv(stag, event) ~ …), ties after Efron, and survfit's median."""
    people = real("employee_turnover/turnover.csv", encoding="latin-1")
    theirs = r_numbers("employee_turnover", "coxph Efron")
    names = ["extraversion", "independ", "selfcontrol", "anxiety", "novator", "age"]
    fit = fit_cox(people.assign(person=range(len(people))), "event", names, "person", stop="stag")
    assert (fit.n_rows, fit.n_events) == (1129, 571)
    np.testing.assert_allclose(fit.table["estimate"], theirs.loc[names, "estimate"], rtol=1e-6)
    np.testing.assert_allclose(fit.model_error, theirs.loc[names, "se"], rtol=1e-6)
    assert fit.concordance == pytest.approx(theirs.at["concordance", "estimate"], rel=1e-9)
    median = SurvfuncRight(people["stag"], people["event"]).quantile(0.5)
    assert median == pytest.approx(r_numbers("employee_turnover", "KM").at["median months", "estimate"], rel=1e-9)


# -- beside the discrete-time hazard --------------------------------------------------------------------


def test_a_discrete_hazard_is_cox_in_the_limit_of_rare_events():
    """Where few leave in a period, log odds are log hazards: 1.6 % a period put some 1 % between the two.

    logit(1 − exp(−λ)) = log λ + λ/2 + …, so the slope of the logit is (1 + λ/2) times that of the log hazard, here
    less than a fifth of an error.
    """
    frame = careers(2, people=1_500, rate=0.01)
    assert frame["left"].mean() == pytest.approx(0.0165, abs=0.002)
    cox = fit_cox(frame, "left", ["x", "flag"], "person", start="start", stop="stop").table
    logit = fit_hazard(frame, "left", ["x", "flag"], "person", baseline="period").table
    ratio = logit["estimate"] / cox["estimate"]
    assert 0.99 < ratio[0] < 1.03
    np.testing.assert_allclose(logit["estimate"], cox["estimate"], atol=0.2 * cox["std_error"].min())
    np.testing.assert_allclose(logit["std_error"], cox["std_error"], rtol=0.03)


def test_grouped_time_loses_no_more_than_a_fraction_of_an_error():
    """Complementary log-log on periods is the same hazard ratio as Cox on days (Prentice & Gloeckler 1978).

    With 8 % leaving in a period the logit stands λ/2, some 4 % and more, above both; 20 samples of 300 people.
    """
    rows = []
    for seed in range(20):
        frame = careers(seed)
        cox = fit_cox(frame, "left", ["x", "flag"], "person", start="start", stop="stop").table.iloc[0]
        logit = fit_hazard(frame, "left", ["x", "flag"], "person", baseline="period").table.iloc[0]
        design = pd.get_dummies(frame["period"], dtype=float).assign(x=frame["x"], flag=frame["flag"])
        family = sm.families.Binomial(sm.families.links.CLogLog())
        cloglog = sm.GLM(frame["left"], design, family=family).fit().params["x"]
        rows.append((cox["estimate"], logit["estimate"], cloglog, cox["std_error"]))
    cox, logit, cloglog, error = np.array(rows).T
    assert np.abs(cloglog - cox).max() < 0.5 * error.mean()
    assert cloglog.mean() == pytest.approx(cox.mean(), abs=0.15 * error.mean())
    assert 1.02 < logit.mean() / cox.mean() < 1.10


def test_truth_is_covered_and_the_other_cause_is_left_alone():
    """Truth: log hazard ratio .6, then 0, of leaving; 0 of being sent away, whatever the other."""
    for effect in (0.6, 0.0):
        frames = [careers(100 + seed, people=150, effect=effect) for seed in range(60)]
        own = pd.concat(
            [fit_cox(f, "left", ["x", "flag"], "person", start="start", stop="stop").table for f in frames]
        ).query("term == 'x'")
        assert ((own["conf_low"] <= effect) & (effect <= own["conf_high"])).mean() >= 0.9
        assert own["estimate"].mean() == pytest.approx(effect, abs=0.06)
    sent = [careers(1000 + seed, people=250) for seed in range(60)]
    other = pd.concat([fit_cox(f, "sent", "x", "person", start="start", stop="stop").table for f in sent])
    # errors by cluster with 25 events: 93.5 % over the first 200 seeds, so 87 % is two and a half errors below
    assert ((other["conf_low"] <= 0) & (other["conf_high"] >= 0)).mean() >= 0.87
    assert other["estimate"].mean() == pytest.approx(0, abs=0.06)


def test_who_leaves_the_risk_set_early_counts_only_until_then(frame):
    """Immortal time: rows that begin before their covariate is known would let nobody leave in it."""
    honest = fit_cox(frame, "left", "x", "person", start="start", stop="stop")
    shifted = frame.assign(start=np.maximum(frame["start"] - 1, 0))
    assert abs(fit_cox(shifted, "left", "x", "person", start="start", stop="stop").table["estimate"][0]
               - honest.table["estimate"][0]) > 1e-3  # fmt: skip


def test_concordance_by_hand():
    """Three people: events at 1 and 2, censored at 2; the second enters at 1 and is not at risk at the first event."""
    risk, start, stop, event = [3, 2, 1], [0, 1, 0], [1, 2, 2], [1, 1, 0]
    assert concordance(risk, start, stop, event) == 1.0  # (1 over 3), (2 over 3)
    assert concordance([1, 2, 1], start, stop, event) == 0.75  # a tie, and a win
    assert np.isnan(concordance([1, 2], [0, 0], [1, 1], [0, 0]))


def test_refusals(frame):
    spans = {"start": "start", "stop": "stop"}
    with pytest.raises(EstimationError, match="fewer than 10 events") as refused:
        fit_cox(frame.assign(left=frame["left"].where(frame["left"].cumsum() <= 7, 0)), "left", "x", "person", **spans)
    assert "7" not in str(refused.value).replace(f"{len(frame):,}", "")
    with pytest.raises(EstimationError, match=r"2 of [\d,]+ rows end before"):
        fit_cox(frame.assign(start=frame["start"].where(frame.index > 1, 99.0)), "left", "x", "person", **spans)
    with pytest.raises(EstimationError, match="separates who had the event"):
        fit_cox(frame.assign(oracle=frame["left"]), "left", "oracle", "person", **spans)
    with pytest.raises(EstimationError, match="one does not vary"):
        fit_cox(frame.assign(one=1.0), "left", ["x", "one"], "person", **spans)
    with pytest.raises(EstimationError, match="collinear"):
        fit_cox(frame.assign(twice=2 * frame["x"]), "left", ["x", "twice"], "person", **spans)


def test_text_covariates_and_missing_values(frame):
    named = frame.assign(kind=np.where(frame["flag"] > 0, "b", "a"))
    named.loc[0, "x"] = np.nan
    fit = fit_cox(named, "left", ["x", "kind"], "person", start="start", stop="stop")
    assert list(fit.table["term"]) == ["x", "kind[b]"]
    assert fit.dropped == 1
