"""fit_lmm against lme4, lmerTest and clubSandwich: real, published and simulated data, at the optimum and away from it.

``tests/reference/lmm.R`` made the numbers. An error at a fixed theta is an error of algebra, one that shows only at
the optimum is an error of the optimiser.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pandas as pd
import pytest

from exlink.stats.lmm import fit_lmm
from tests.reference import lmm_data
from tests.stats.reference import OPTIMISER, REFERENCE, r_numbers, real

# the same closed form at the same theta: rounding, times the condition of the worst design
FIXED_THETA = 1e-10
# the same product in another order
ROUNDING = 1e-12
# both optima are exact to the rounding of the criterion (1e-9 of InstEval's 237,734); the rest follows from theta,
# which two roundings of a flat optimum leave open by their square root
CRITERION = 1e-6
THETA = 1e-6
FIXEF = 1e-6
STD_ERROR = 1e-6
SIGMA = 1e-7
VARIANCE = 1e-5
MODES = 1e-5
R_SQUARED = 1e-6
# lmerTest differentiates numerically, and so does not agree with itself to more digits than this
DF = 1e-3
# robust errors do not feel theta more than the others do
ROBUST = 1e-5
# G/(G - 1) against a correction per cluster: apart by what a cluster's own share in the estimates is
ROBUST_CROSSED = 3e-2
# Bell & McCaffrey's root is taken in whitened rows, clubSandwich's (Pustejovsky & Tipton 2018) is not: both are
# unbiased under the model, and apart where clusters are of very different size
OTHER_ROOT = 5e-3
# half-widths of Wald and of profile intervals differ by the skewness of the profile: of SDs with 6 levels by this much
WALD = 0.15
# an SD whose profile interval begins below a third of the estimate is close to zero for its error
NEAR_ZERO = 3


@dataclass(frozen=True)
class Case:
    """How R's case is said here.

    formula, random, options : what ``fit_lmm`` takes
    data : called when needed, skips the test where real data is not at hand
    names : lme4's names of coefficients, where they differ from formulaic's
    """

    formula: str
    data: Callable[[], pd.DataFrame]
    random: dict[str, str | list[str]]
    options: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def published(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE.parent / f"{name}.csv")


def dyestuff_counted() -> pd.DataFrame:
    """Dyestuff with the counts by which R repeated its rows."""
    frame = published("dyestuff")
    return frame.assign(count=1 + np.arange(1, len(frame) + 1) % 3)


EXAM_NAMES = {
    "sexM": "C(sex)[T.M]",
    "schgendgirls": "C(schgend)[T.girls]",
    "schgendmixed": "C(schgend)[T.mixed]",
}
CHANNEL_NAMES = {"channelemail": "C(channel)[T.email]", "channelphone": "C(channel)[T.phone]"}

CASES = {
    "sleepstudy": Case("Reaction ~ Days", lambda: real("mixed_models/sleepstudy.csv"), {"Subject": "1 + Days"}),
    "sleepstudy_independent": Case(
        "Reaction ~ Days", lambda: real("mixed_models/sleepstudy.csv"), {"Subject": ["1", "0 + Days"]}
    ),
    "penicillin": Case("diameter ~ 1", lambda: real("mixed_models/Penicillin.csv"), {"plate": "1", "sample": "1"}),
    "exam": Case(
        "normexam ~ standLRT + C(sex) + C(schgend)",
        lambda: real("mixed_models/Exam.csv"),
        {"school": "1 + standLRT"},
        names=EXAM_NAMES,
    ),
    "dyestuff": Case("Yield ~ 1", lambda: published("dyestuff"), {"Batch": "1"}),
    "dyestuff2": Case("Yield ~ 1", lambda: published("dyestuff2"), {"Batch": "1"}),
    "dyestuff_repeated": Case("Yield ~ 1", dyestuff_counted, {"Batch": "1"}, options={"frequencies": "count"}),
    "pastes": Case("strength ~ 1", lambda: published("pastes"), {"batch": "1", "batch:cask": "1"}),
    "insteval": Case(
        "y ~ 1 + C(service)",
        lambda: real("mixed_models/InstEval.csv"),
        {"s": "1", "d": "1", "dept": "1"},
        names={"service1": "C(service)[T.1]"},
    ),
    "crossed3": Case(
        "score ~ x + wait + C(channel)",
        lmm_data.crossed3,
        {"employee": "1 + x", "customer": "1", "queue": "1"},
        names=CHANNEL_NAMES,
    ),
    "unbalanced": Case("y ~ x + z", lmm_data.unbalanced, {"g": "1 + x"}),
    "nested": Case("y ~ x + late", lmm_data.nested, {"site/team/employee": "1"}),
    "few": Case("y ~ treated + x", lmm_data.few, {"g": "1"}),
    "weighted": Case("y ~ x", lmm_data.weighted, {"unit": "1"}, options={"weights": "n"}),
    "badly_scaled": Case("y ~ year + seconds + flag", lmm_data.badly_scaled, {"g": "1 + flag"}),
    "singular_corr": Case("y ~ x", lmm_data.singular_corr, {"g": "1 + x"}),
}


@cache
def r_table() -> pd.DataFrame:
    text = ["case", "quantity", "group", "term1", "term2", "text"]
    return pd.read_csv(REFERENCE.parent / "lmm_r.csv", dtype=dict.fromkeys(text, str), keep_default_na=False).assign(
        value=lambda t: pd.to_numeric(t["value"]), reml=lambda t: pd.to_numeric(t["reml"])
    )


@cache
def fitted(name: str, reml: bool):
    case = CASES[name]
    return fit_lmm(case.formula, case.data(), random=case.random, reml=reml, **case.options)


def r_says(name: str, reml: bool, quantity: str) -> pd.DataFrame:
    """Return R's rows of one quantity, coefficients renamed to ours; empty where R gives none."""
    table = r_table()
    chosen = table[(table["case"] == name) & (table["reml"] == reml) & (table["quantity"] == quantity)]
    names = CASES[name].names
    return chosen.assign(term1=chosen["term1"].replace(names), term2=chosen["term2"].replace(names))


def r_series(name: str, reml: bool, quantity: str) -> pd.Series:
    rows = r_says(name, reml, quantity)
    if rows.empty:
        pytest.skip(f"no {quantity} for {name}")
    return rows.set_index("term1")["value"]


def r_number(name: str, reml: bool, quantity: str) -> float:
    return r_says(name, reml, quantity)["value"].item()


def assert_close(ours: pd.Series, wanted: pd.Series, rel: float, scale: pd.Series | float = 0.0) -> None:
    """Assert that each of R's numbers is met within ``rel`` of its size, or of ``scale`` where that is larger."""
    assert set(ours.index) == set(wanted.index)
    error = (ours[wanted.index] - wanted).abs() / np.maximum(wanted.abs(), scale)
    assert (error.fillna(0.0) <= rel).all(), f"relative errors {error[error > rel].to_dict()}"


every_fit = pytest.mark.parametrize(("name", "reml"), [(n, r) for n in CASES for r in (True, False)])


@every_fit
def test_fixed_effects(name, reml):
    se = r_series(name, reml, "std_error")
    assert_close(fitted(name, reml).fixef, r_series(name, reml, "fixef"), FIXEF, scale=se)


@every_fit
def test_standard_errors(name, reml):
    assert_close(fitted(name, reml).std_error, r_series(name, reml, "std_error"), STD_ERROR)


@every_fit
def test_covariance_of_fixed_effects(name, reml):
    rows = r_says(name, reml, "vcov")
    se = r_series(name, reml, "std_error")
    vcov = fitted(name, reml).vcov
    for row in rows.itertuples():
        scale = se[row.term1] * se[row.term2]
        assert vcov.loc[row.term1, row.term2] == pytest.approx(row.value, abs=2 * STD_ERROR * scale)
        assert vcov.loc[row.term2, row.term1] == pytest.approx(vcov.loc[row.term1, row.term2], rel=ROUNDING)


@every_fit
def test_variances_and_covariances(name, reml):
    assert_close(
        by_pair(fitted(name, reml).varcorr),
        by_pair(r_says(name, reml, "varcorr")),
        VARIANCE,
        # a covariance is measured against the two variances it belongs to, a variance at 0 against the residual
        scale=covariance_scales(r_says(name, reml, "varcorr")),
    )


def by_pair(table: pd.DataFrame) -> pd.Series:
    """Return variances by group and unordered pair of terms."""
    pairs = ["·".join(sorted((a, b))) for a, b in zip(table["term1"], table["term2"], strict=True)]
    return pd.Series(table["value"].to_numpy(), index=[f"{g}: {p}" for g, p in zip(table["group"], pairs, strict=True)])


def covariance_scales(table: pd.DataFrame) -> pd.Series:
    own = table[table["term1"] == table["term2"]].set_index(["group", "term1"])["value"]
    floor = 1e-4 * own["Residual"].item()
    scale = [max(np.sqrt(own[row.group, row.term1] * own[row.group, row.term2]), floor) for row in table.itertuples()]
    return pd.Series(scale, index=by_pair(table).index)


@every_fit
def test_residual_sd(name, reml):
    assert fitted(name, reml).sigma == pytest.approx(r_number(name, reml, "sigma"), rel=SIGMA)


@every_fit
def test_criterion(name, reml):
    fit = fitted(name, reml)
    assert fit.objective == pytest.approx(r_number(name, reml, "objective"), abs=CRITERION)
    assert fit.loglik == pytest.approx(r_number(name, reml, "loglik"), abs=CRITERION)


@every_fit
def test_theta(name, reml):
    assert list(fitted(name, reml).theta) == pytest.approx(list(r_series(name, reml, "theta")), abs=THETA)


@every_fit
def test_criterion_at_fixed_theta(name, reml):
    for row in r_says(name, reml, "objective_at").itertuples():
        theta = np.array(row.term1.split(), float)
        assert fitted(name, reml).objective_at(theta) == pytest.approx(row.value, rel=FIXED_THETA), f"theta {theta}"


@every_fit
def test_counts(name, reml):
    fit = fitted(name, reml)
    assert fit.nobs == r_number(name, reml, "nobs")
    ours = {str(group): int(n) for group, n in fit.ngroups.items()}
    assert ours == r_says(name, reml, "ngroups").set_index("group")["value"].astype(int).to_dict()


@every_fit
def test_singular_fits_are_said_in_lme4s_words(name, reml):
    fit = fitted(name, reml)
    assert fit.converged
    assert fit.is_singular == bool(r_number(name, reml, "singular"))
    assert ("boundary (singular) fit" in fit.message) == fit.is_singular
    assert ("boundary (singular) fit" in r_says(name, reml, "message")["text"].item()) == fit.is_singular


@every_fit
def test_conditional_modes(name, reml):
    fit = fitted(name, reml)
    for quantity, suffix in (("ranef", ""), ("ranef_sd", "_sd")):
        for (group, term), rows in r_says(name, reml, quantity).groupby(["group", "term1"]):
            modes = fit.ranef(group)[term + suffix]
            modes.index = [level_name(level) for level in modes.index]
            wanted = rows.set_index("term2")["value"]
            # a mode is small where a group is like all others: compare with the spread of the factor's modes
            spread = max(np.sqrt((wanted**2).mean()), 1e-4 * fit.sigma)
            assert_close(modes[wanted.index], wanted, MODES, scale=spread)


def level_name(level: object) -> str:
    """Return lme4's name of a level: of a combination, its parts joined by colons."""
    return ":".join(map(str, level)) if isinstance(level, tuple) else str(level)


@every_fit
def test_satterthwaite_degrees_of_freedom(name, reml):
    wanted = r_series(name, reml, "satterthwaite_df")
    assert_close(fitted(name, reml).table.set_index("term")["df"], wanted, DF)


@every_fit
def test_robust_errors(name, reml):
    """CR2; with crossed factors R has CR1 only, and ``test_robust`` the exact formula."""
    crossed = r_says(name, reml, "cr2_se").empty
    assert fitted(name, reml).robust_kind == ("CR2, crossed" if crossed else "CR2")
    wanted = r_series(name, reml, "cr1_crossed_se" if crossed else "cr2_white_se")
    message = fitted(name, reml).message  # names the terms whose error is the model's
    own = [term for term in wanted.index if term not in message]
    found = fitted(name, reml).robust_std_error
    assert_close(found[own], wanted[own], ROBUST_CROSSED if crossed else ROBUST)


@every_fit
def test_degrees_of_freedom_of_cr2(name, reml):
    wanted = r_series(name, reml, "cr2_white_df")
    assert_close(fitted(name, reml).robust_table.set_index("term")["df"], wanted, ROBUST)


@every_fit
def test_clubsandwich_takes_another_root(name, reml):
    wanted = r_series(name, reml, "cr2_se")
    assert_close(fitted(name, reml).robust_std_error, wanted, OTHER_ROOT)
    df = r_series(name, reml, "cr2_df")
    assert_close(fitted(name, reml).robust_table.set_index("term")["df"], df, OTHER_ROOT)


@every_fit
def test_r_squared(name, reml):
    fit = fitted(name, reml)
    assert fit.r2_marginal == pytest.approx(r_number(name, reml, "r2m"), rel=R_SQUARED, abs=R_SQUARED)
    assert fit.r2_conditional == pytest.approx(r_number(name, reml, "r2c"), rel=R_SQUARED, abs=R_SQUARED)


@pytest.mark.parametrize("name", ["sleepstudy", "dyestuff", "penicillin", "pastes"])
def test_wald_intervals_are_near_profiled_ones(name):
    """On log and Fisher's scales, where the profile does not reach near zero; there Wald's interval is another one."""
    table = fitted(name, False).intervals()
    estimate, ours_low, ours_high = (
        by_pair(table.assign(value=table[c])) for c in ("estimate", "conf_low", "conf_high")
    )
    low, high = (by_pair(r_says(name, False, f"profile_{side}")) for side in ("low", "high"))
    correlation = low < 0
    clear = correlation | (low > estimate[low.index] / NEAR_ZERO)
    assert clear.sum() >= 1
    for ours, theirs in ((ours_low, low), (ours_high, high)):
        error = (ours[theirs.index] - theirs).abs() / theirs.abs().where(~correlation, 1.0)
        assert (error[clear] < WALD).all(), f"{error[clear].to_dict()}"


@pytest.mark.parametrize("name", lmm_data.SIMULATED)
def test_r_read_the_same_data(name):
    table = r_table()
    recorded = table[(table["case"] == name) & (table["quantity"] == "checksum")]["text"].item()
    assert lmm_data.checksum(lmm_data.SIMULATED[name]()) == recorded


@pytest.mark.parametrize(("name", "dataset"), [("sleepstudy", "sleepstudy"), ("penicillin", "Penicillin")])
def test_an_earlier_run_of_lme4_agrees(name, dataset):
    """stats_r.csv was made with lme4's own optimiser settings."""
    earlier = r_numbers(dataset, "lmer REML")["estimate"]
    assert r_number(name, True, "objective") == pytest.approx(earlier["REMLcrit"], abs=1e-6)
    assert r_number(name, True, "loglik") == pytest.approx(earlier["logLik"], abs=1e-6)
    assert r_number(name, True, "nobs") == earlier["nobs"]
    variances = r_says(name, True, "varcorr")
    for row in variances[variances["term1"] == variances["term2"]].itertuples():
        assert row.value == pytest.approx(earlier[f"vc:{row.group}:{row.term1 or 'NA'}:var"], rel=OPTIMISER)
