"""Real data behind the links: who leaves in a trial, and what is left of an association within the same unit."""

import numpy as np
import pytest
import statsmodels.formula.api as smf

from exlink.stats.hazard import fit_logit
from exlink.stats.lmm import fit_lmm
from exlink.stats.within_between import between_slope, within_slope
from tests.stats.reference import OPTIMISER, r_numbers, real


def test_who_left_the_working_from_home_trial():
    """Bloom et al. (2015): 33.9 % of those kept in the office and 15.3 % of those at home stop before it ends.

    With one flag as covariate the logit is saturated: its average marginal effect is the difference of the shares.
    """
    trial = real("ctrip_wfh/experimental_data.csv")
    trial = trial[trial["expgroup"].isin([0, 1])].dropna(subset="perform1")
    last = trial.groupby("personid").agg(week=("year_week", "max"), home=("expgroup", "first")).reset_index()
    people = last.assign(left=(last["week"] < 201130).astype(float))
    shares = people.groupby("home")["left"].mean()
    theirs = r_numbers("ctrip_wfh", "share whose last")["estimate"]
    assert list(shares) == pytest.approx([theirs["control"], theirs["treatment"]], rel=1e-9)
    assert list(shares.round(3)) == [0.339, 0.153]
    fit = fit_logit(people, "left", "home", "personid")
    effect = fit.marginal_effects.iloc[0]
    assert effect["estimate"] == pytest.approx(100 * (shares[1] - shares[0]), rel=1e-8)
    assert effect["conf_high"] < 0


@pytest.fixture(scope="module")
def trusts():
    frame = real("nhs_ebmgt_2012_2019/data.NHS.2012_2019.csv").rename(columns=lambda c: c.replace(".", "_"))
    return frame.assign(year=frame["Year_Index"].astype(str))


def test_a_pooled_association_collapses_within_trusts(trusts):
    """Staff engagement and hospital mortality, 146 trusts in 2012–2019: −.333 (.038) pooled, −.041 (.031) within.

    R: lm(SHMI ~ engagement, weights = clinical share × responses) and
    lmer(SHMI ~ engagement + factor(year) + (1 | trust)).
    """
    weight = trusts["Survey_clinical_proportion"] * trusts["Responses"]
    pooled = smf.wls("SHMI_Index ~ Engagement_Index", trusts, weights=weight).fit()
    theirs = r_numbers("nhs_ebmgt", "WLS SHMI.Index~x (").loc["Engagement.Index"]
    assert pooled.params["Engagement_Index"] == pytest.approx(theirs["estimate"], rel=1e-9)
    assert pooled.bse["Engagement_Index"] == pytest.approx(theirs["se"], rel=1e-9)
    assert [round(theirs[k], 3) for k in ("estimate", "se")] == [-0.333, 0.038]
    fit = fit_lmm("SHMI_Index ~ Engagement_Index + C(year)", trusts, random={"Code": "1"}, reml=True)
    lmer = r_numbers("nhs_ebmgt", "lmer REML SHMI").loc["fixef:Engagement.Index"]
    assert fit.fixef["Engagement_Index"] == pytest.approx(lmer["estimate"], rel=OPTIMISER)
    assert fit.std_error["Engagement_Index"] == pytest.approx(lmer["se"], rel=OPTIMISER)
    assert [round(lmer[k], 3) for k in ("estimate", "se")] == [-0.041, 0.031]


def test_what_collapses_lies_between_trusts(trusts):
    """The mixed model's slope lies between the two that it blends; within a trust there is nothing to be seen."""
    cells = trusts.dropna(subset=["SHMI_Index", "Engagement_Index"])
    cells = cells.assign(n_y=1.0, sum_y=cells["SHMI_Index"], sumsq_y=cells["SHMI_Index"] ** 2)
    within = within_slope(cells, "y", "Engagement_Index", "Code", "year").table.iloc[0]
    between = between_slope(cells, "y", "Engagement_Index", "Code").table.iloc[0]
    assert between["conf_high"] < 0
    assert within["conf_low"] < 0 < within["conf_high"]
    assert between["estimate"] < -0.041 < within["estimate"]
    assert np.abs(within["estimate"]) < 0.2 * np.abs(between["estimate"])
