"""Discrete-time hazards: statsmodels' logit, the known truth of simulated careers, and refusals."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from exlink.errors import EstimationError
from exlink.stats.bootstrap import bootstrap_chain
from exlink.stats.hazard import fit_hazard
from tests.stats.panels import cluster_weights


def careers(seed: int, *, people: int = 240, periods: int = 8, effect: float = 0.6) -> pd.DataFrame:
    """Return person-periods until exit: log odds −3 + .15·period + effect·x + .8·flag."""
    rng = np.random.default_rng(seed)
    person, period = np.divmod(np.arange(people * periods), periods)
    x = 0.5 * rng.normal(size=people)[person] + rng.normal(size=len(person))
    flag = (rng.random(len(person)) < 0.3).astype(float)
    chance = 1 / (1 + np.exp(3 - 0.15 * period - effect * x - 0.8 * flag))
    exit_ = rng.random(len(person)) < chance
    gone = pd.Series(exit_).groupby(person).cumsum() - exit_
    frame = pd.DataFrame(
        {"person": person, "period": period, "x": x, "flag": flag, "exit": exit_.astype(float)},
    )
    return frame[gone.to_numpy() == 0].reset_index(drop=True)


def test_is_statsmodels_logit():
    frame = careers(1)
    fit = fit_hazard(frame, "exit", ["x", "flag"], "person", baseline="period")
    logit = smf.logit("exit ~ C(period) + x + flag", frame)
    theirs = logit.fit(disp=0, cov_type="cluster", cov_kwds={"groups": frame["person"]}, tol=1e-12)
    np.testing.assert_allclose(fit.table["estimate"], theirs.params[["x", "flag"]], rtol=1e-7)
    np.testing.assert_allclose(fit.table["std_error"], theirs.bse[["x", "flag"]], rtol=1e-6)
    assert fit.loglik == pytest.approx(theirs.llf, rel=1e-10)
    np.testing.assert_allclose(fit.odds_ratios["estimate"], np.exp(theirs.params[["x", "flag"]]), rtol=1e-7)
    np.testing.assert_allclose(fit.predict(frame), theirs.predict(frame), rtol=1e-6)
    # dummy=True: a flag is a step from 0 to 1, as ours
    effects = theirs.get_margeff(dummy=True)
    np.testing.assert_allclose(fit.marginal_effects["estimate"], 100 * effects.margeff[-2:], rtol=1e-6)
    np.testing.assert_allclose(fit.marginal_effects["std_error"], 100 * effects.margeff_se[-2:], rtol=1e-5)


def test_compressed_cells_give_the_same():
    frame = careers(2).assign(x=lambda f: f["x"].round())
    cells = frame.groupby(["person", "x", "flag"], as_index=False).agg(n=("exit", "size"), exit=("exit", "sum"))
    rows = fit_hazard(frame, "exit", ["x", "flag"], "person")
    fewer = fit_hazard(cells, "exit", ["x", "flag"], "person", weights="n")
    for name in ("table", "odds_ratios", "marginal_effects"):
        pd.testing.assert_frame_equal(getattr(rows, name), getattr(fewer, name), rtol=1e-8)


def test_text_covariates_are_coded_against_the_first_level():
    frame = careers(3).assign(role=lambda f: np.array(["agent", "expert", "lead"])[f["person"] % 3])
    fit = fit_hazard(frame, "exit", ["x", "role"], "person")
    theirs = smf.logit("exit ~ x + role", frame).fit(disp=0)
    assert list(fit.table["term"]) == ["x", "role[expert]", "role[lead]"]
    np.testing.assert_allclose(fit.table["estimate"], theirs.params[["x", "role[T.expert]", "role[T.lead]"]], rtol=1e-5)


def test_truth_is_covered_and_no_effect_is_none():
    """Truth: log odds .6, then 0, per point of x. 120 people; 80 samples each."""
    for effect in (0.6, 0.0):
        tables = [
            fit_hazard(careers(s, people=120, effect=effect), "exit", ["x", "flag"], "person", baseline="period").table
            for s in range(80)
        ]
        x = pd.concat(tables).query("term == 'x'")
        assert ((x["conf_low"] <= effect) & (x["conf_high"] >= effect)).mean() >= 0.9
        assert x["estimate"].mean() == pytest.approx(effect, abs=0.06)


def test_one_step_draws_are_close_to_refits():
    frame = careers(4)
    fit = fit_hazard(frame, "exit", ["x", "flag"], "person")
    weights = cluster_weights(fit.n_units, 25, seed=1)
    design = sm.add_constant(frame[["x", "flag"]])
    refits = []
    for row in weights:
        times = pd.Series(row, index=fit.units).loc[frame["person"]].to_numpy()
        refits.append(sm.GLM(frame["exit"], design, family=sm.families.Binomial(), freq_weights=times).fit().params)
    refits = np.array(refits)[:, 1:]
    # order 1/units: a fraction of an error at the most, and far less in the spread
    assert (np.abs(fit.draws(weights) - refits).max(axis=0) < 0.25 * fit.table["std_error"]).all()
    for j in range(2):
        assert np.corrcoef(fit.draws(weights)[:, j], refits[:, j])[0, 1] > 0.995
    many = cluster_weights(fit.n_units, 2000, seed=2)
    np.testing.assert_allclose(fit.draws(many).std(axis=0), fit.table["std_error"], rtol=0.12)
    np.testing.assert_allclose(fit.marginal_draws(many).std(axis=0), fit.marginal_effects["std_error"], rtol=0.12)


def test_link_of_a_chain():
    fit = fit_hazard(careers(5), "exit", ["x", "flag"], "person")
    link = fit.link("x", name="leaving", cluster="employee", marginal=True)
    whole = bootstrap_chain([link], reps=400, seed=1).table.iloc[0]
    assert whole["estimate"] == pytest.approx(fit.marginal_effects["estimate"][0], rel=1e-6)
    assert whole["std_error"] == pytest.approx(fit.marginal_effects["std_error"][0], rel=0.2)
    blocks = bootstrap_chain([link], reps=400, seed=1, most_units=100).table.iloc[0]
    assert blocks["std_error"] == pytest.approx(whole["std_error"], rel=0.25)
    with pytest.raises(EstimationError, match="no covariate 'tools'"):
        fit.link("tools", name="leaving", cluster="employee")


def test_periods_without_an_exit_are_left_out_and_counted():
    frame = careers(6)
    frame.loc[frame["period"] == 2, "exit"] = 0
    fit = fit_hazard(frame, "exit", "x", "person", baseline="period")
    assert fit.dropped["period without events"] == (frame["period"] == 2).sum()
    assert fit.n_rows == (frame["period"] != 2).sum()


def test_event_free_quarters_dilute_marginal_effects_as_statsmodels_has_them_over_all_rows():
    """People were at risk in a quiet quarter too; their fitted hazard there is nothing, and so is its change."""
    frame = careers(8, periods=4)
    quiet = frame.assign(period=frame["period"] + 4, exit=0.0)  # the same people, four quarters without an exit
    whole = fit_hazard(frame, "exit", ["x", "flag"], "person", baseline="period")
    diluted = fit_hazard(pd.concat([frame, quiet]), "exit", ["x", "flag"], "person", baseline="period")
    pd.testing.assert_frame_equal(diluted.table, whole.table)
    logit = smf.logit("exit ~ C(period) + x + flag", frame).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(
        diluted.marginal_effects["estimate"], 50 * logit.get_margeff(dummy=True).margeff[-2:], rtol=1e-6
    )
    ratio = diluted.marginal_effects["std_error"] / whole.marginal_effects["std_error"]
    np.testing.assert_allclose(ratio, 0.5, rtol=1e-9)
    weights = cluster_weights(whole.n_units, 5, seed=3)
    np.testing.assert_allclose(diluted.marginal_draws(weights), whole.marginal_draws(weights) / 2, rtol=1e-9)


def few(seed: int, events: int) -> pd.DataFrame:
    """Return `careers` with only the first ``events`` exits kept."""
    frame = careers(seed)
    return frame.assign(exit=frame["exit"].where(frame["exit"].cumsum() <= events, 0.0))


def test_with_few_events_the_baseline_is_a_trend_then_nothing():
    frame = few(9, 15)
    trend = fit_hazard(frame, "exit", ["x", "flag"], "person", baseline="period")
    theirs = smf.logit("exit ~ period + x + flag", frame).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": frame["person"]}, tol=1e-12
    )
    assert trend.baseline == "linear"
    assert trend.n_rows == len(frame)
    np.testing.assert_allclose(trend.table["estimate"], theirs.params[["x", "flag"]], rtol=1e-6)
    np.testing.assert_allclose(trend.table["std_error"], theirs.bse[["x", "flag"]], rtol=1e-6)
    np.testing.assert_allclose(trend.predict(frame), theirs.predict(frame), rtol=1e-6)
    named = frame.assign(period=[f"2026Q{q}" for q in frame["period"]])  # quarters by name count the same
    pd.testing.assert_frame_equal(
        fit_hazard(named, "exit", ["x", "flag"], "person", baseline="period").table, trend.table
    )
    none = fit_hazard(few(9, 12), "exit", ["x", "flag"], "person", baseline="period")
    assert none.baseline == "none"
    pd.testing.assert_frame_equal(none.table, fit_hazard(few(9, 12), "exit", ["x", "flag"], "person").table)
    assert fit_hazard(careers(9), "exit", ["x", "flag"], "person", baseline="period").baseline == "levels"


def test_the_number_of_events_is_not_told_where_it_is_small():
    with pytest.raises(EstimationError, match="fewer than 10 events") as refused:
        fit_hazard(few(9, 7), "exit", "x", "person")
    assert "7" not in str(refused.value).replace(f"{len(few(9, 7)):,}", "")


def test_refusals():
    frame = careers(7)
    with pytest.raises(EstimationError, match="separates events"):
        fit_hazard(frame.assign(oracle=frame["exit"] * 2 - 1), "exit", "oracle", "person")
    with pytest.raises(EstimationError, match="fewer than 10 events"):
        fit_hazard(frame.assign(exit=0.0), "exit", "x", "person")
    with pytest.raises(EstimationError, match="constant does not vary"):
        fit_hazard(frame.assign(constant=1.0), "exit", ["x", "constant"], "person")
    with pytest.raises(EstimationError, match="collinear"):
        fit_hazard(frame.assign(twice=2 * frame["x"]), "exit", ["x", "twice"], "person")
    with pytest.raises(EstimationError, match="between 0 and 1"):
        fit_hazard(frame.assign(exit=2.0), "exit", "x", "person")
