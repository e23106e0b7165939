"""Profile intervals against lme4's, and against the likelihood in closed form where lme4 has none."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.stats import chi2

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm, region
from exlink.stats.lmm.profile import profile_intervals
from tests.stats.lmm.test_parity import by_pair, fitted, r_says
from tests.stats.lmm.worlds import crossed, grouped

SPLINES = 3e-4  # lme4 interpolates between the points of its profile
CLOSED = 1e-4


@pytest.mark.parametrize("name", ["dyestuff", "pastes", "penicillin", "sleepstudy"])
def test_profile_intervals_are_lme4_s(name):
    """``confint(lmer(…, REML = FALSE), method = "profile")``; in Pastes the SD of batches begins at zero."""
    table = profile_intervals(fitted(name, False))
    for side in ("low", "high"):
        theirs = by_pair(r_says(name, False, f"profile_{side}"))
        ours = by_pair(table.assign(value=table[f"conf_{side}"]))
        assert ours[theirs.index].to_numpy() == pytest.approx(theirs.to_numpy(), rel=SPLINES)


def balanced(seed: int, sd: float) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    g = np.repeat(np.arange(10), 6)
    return pd.DataFrame({"g": g, "y": sd * draw.normal(size=10)[g] + draw.normal(size=60)})


def deviance(frame: pd.DataFrame, between: float, residual: float, *, reml: bool) -> float:
    """Return the criterion of equal groups of six at two variances, without constants (Searle et al. 1992, 3.7)."""
    means = frame.groupby("g")["y"].mean()
    within = float(((frame["y"] - frame["g"].map(means)) ** 2).sum())
    across = 6 * float(((means - means.mean()) ** 2).sum())
    total = residual + 6 * between
    return (10 - reml) * np.log(total) + 50 * np.log(residual) + across / total + within / residual


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize(("seed", "sd"), [(1, 1.0), (2, 0.4), (4, 0.0)])
def test_bounds_are_those_of_the_likelihood_in_closed_form(seed, sd, reml):
    """Also where the SD is found at zero: it has an upper bound, which Wald cannot give."""
    frame = balanced(seed, sd)
    fit = fit_lmm("y ~ 1", frame, random={"g": "1"}, reml=reml)
    assert fit.is_singular == (sd == 0)

    def profiled(between: float) -> float:
        return minimize_scalar(
            lambda log: deviance(frame, between, np.exp(log), reml=reml), bounds=(-6, 6), method="bounded",
            options={"xatol": 1e-10},
        ).fun  # fmt: skip

    least = profiled(fit.varcorr["value"][0])
    found = profile_intervals(fit, 0.9).set_index("group").loc["g"]

    def over(spread: float) -> float:
        return profiled(spread**2) - least - chi2.ppf(0.9, 1)

    low = brentq(over, 0, found["estimate"]) if over(0) > 0 else 0.0
    assert found["conf_low"] == pytest.approx(low, rel=CLOSED, abs=1e-6)
    assert found["conf_high"] == pytest.approx(brentq(over, found["estimate"], 10), rel=CLOSED)


def test_a_correlation_that_may_be_one_ends_there():
    """With so few groups the criterion at a correlation of one lies less than 3.84 above its minimum."""
    frame = grouped(1, [5] * 8, slope_sd=0.1)
    fit = fit_lmm("y ~ x", frame, random={"g": "1 + x"}, reml=False)
    table = profile_intervals(fit).set_index("kind")
    one, slope = fit.varcorr["value"][[0, 2]] ** 0.5 / fit.sigma
    at_one = minimize(lambda t: fit.objective_at([t[0], t[1], 0.0]), [one, slope], method="Nelder-Mead").fun
    assert at_one - fit.objective < chi2.ppf(0.95, 1)
    assert table.loc["correlation", "conf_high"] == 1.0


def test_many_parameters_are_refused_with_a_way_out():
    fit = fit_lmm("y ~ x", crossed(3), random={"a": "1 + x + z"})
    with pytest.raises(EstimationError, match=r"7 variance parameters are too many to profile, at most 6 are\. Take"):
        profile_intervals(fit)


def test_a_bound_that_no_search_reached_is_missing(monkeypatch):
    monkeypatch.setattr(region, "MOST_STEPS", 1)
    assert profile_intervals(fitted("sleepstudy", False))[["conf_low", "conf_high"]].isna().any(axis=None)
