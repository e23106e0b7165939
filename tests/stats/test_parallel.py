"""Factors against chance: eigenvalues by numpy, known factors, none; and groups that stand out."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from exlink.errors import EstimationError
from exlink.stats.parallel import parallel_analysis
from exlink.stats.standing_out import standing_out

TEAMS, MEASURES = 24, 8


def world(rng, loading=0.0, factors=1, teams=TEAMS):
    """Units in four strata that differ by 5 SD in level; each factor moves its own share of the measures."""
    own = rng.standard_normal((teams, factors))[:, np.arange(MEASURES) * factors // MEASURES]
    x = loading * own + np.sqrt(1 - loading**2) * rng.standard_normal((teams, MEASURES))
    stratum = np.arange(teams) % 4
    return pd.DataFrame(x + 5 * stratum[:, None], columns=list("abcdefgh")), stratum


def test_eigenvalues_are_those_of_the_correlations_within_strata():
    frame, stratum = world(np.random.default_rng(1), 0.6)
    found = parallel_analysis(frame, stratum, reps=99, seed=1)
    within = frame - frame.groupby(stratum).transform("mean")
    known = np.linalg.eigvalsh(np.corrcoef(within.to_numpy(), rowvar=False))[::-1]
    np.testing.assert_allclose(found.eigenvalues, known)
    assert found.share == pytest.approx(known[0] / MEASURES)
    vector = np.linalg.eigh(np.corrcoef(within.to_numpy(), rowvar=False))[1][:, -1]
    np.testing.assert_allclose(found.loadings["estimate"].abs(), np.abs(vector) * np.sqrt(known[0]))
    assert (found.loadings["conf_low"] <= found.loadings["conf_high"]).all()
    assert found.free == TEAMS - 4


def test_measures_without_a_factor_have_none_and_strong_ones_theirs():
    rng = np.random.default_rng(2)

    def counted(loading, factors=1):
        return np.array([parallel_analysis(*world(rng, loading, factors), reps=99, seed=3).factors for _ in range(60)])

    assert (counted(0.0) > 0).mean() <= 0.14  # 5 %, and three standard errors of sixty runs
    assert (counted(0.75) == 1).mean() >= 0.85
    assert (counted(0.9, factors=2) == 2).mean() >= 0.85


def test_what_could_have_been_seen_is_seen_as_often():
    rng = np.random.default_rng(4)
    frame, stratum = world(rng, 0.0)
    could = parallel_analysis(frame, stratum, reps=199, seed=5).detectable
    hits = [parallel_analysis(*world(rng, could), reps=99, seed=6).factors > 0 for _ in range(80)]
    assert 0.66 <= np.mean(hits) <= 0.97  # 80 % or the step above it, give or take three standard errors
    assert parallel_analysis(*world(rng, 0.0, teams=48), reps=199, seed=5).detectable < could


def test_too_little_is_refused():
    frame, stratum = world(np.random.default_rng(7))
    with pytest.raises(EstimationError, match="of 4 units beyond"):
        parallel_analysis(frame[:8], stratum[:8], seed=1)
    with pytest.raises(EstimationError, match="the same for all"):
        parallel_analysis(frame.assign(a=1.0), stratum, seed=1)
    with pytest.raises(EstimationError, match="missing"):
        parallel_analysis(frame.assign(a=frame["a"].where(frame.index > 0)), stratum, seed=1)


# -- groups that stand out --------------------------------------------------------------------------------


def test_differences_are_those_of_least_squares_with_strata():
    frame, stratum = world(np.random.default_rng(8))
    group = np.array(list("NESW"))[np.arange(TEAMS) // 6]
    found = standing_out(frame, group, stratum, reps=19, seed=1).set_index(["group", "measure"])
    design = np.column_stack([pd.get_dummies(stratum, dtype=float), group == "S"])
    within = frame["c"] - frame["c"].groupby(stratum).transform("mean")
    spread = np.sqrt((within**2).sum() / (TEAMS - 4))
    known = sm.OLS(frame["c"] / spread, design).fit()
    row = found.loc[("S", "c")]
    assert row["estimate"] == pytest.approx(known.params.iloc[-1])
    np.testing.assert_allclose(row[["conf_low", "conf_high"]].astype(float), known.conf_int().iloc[-1])
    assert row["n_units"] == 6


def test_a_group_stands_out_in_what_was_raised_and_rarely_by_chance():
    rng = np.random.default_rng(9)
    group = np.repeat(np.arange(4), TEAMS // 4)
    false, hits = [], []
    for _ in range(40):
        frame, stratum = world(rng)
        false.append((standing_out(frame, group, stratum, reps=99, seed=2)["p_adjusted"] < 0.05).any())
        frame.loc[group == 2, ["a", "b"]] += 3.0
        table = standing_out(frame, group, stratum, reps=99, seed=2)
        clear = table[table["p_adjusted"] < 0.05]
        hits.append(set(zip(clear["group"], clear["measure"], strict=True)) >= {(2, "a"), (2, "b")})
    assert np.mean(false) <= 0.15  # 5 % for all 32 cells together, and three standard errors of forty runs
    assert np.mean(hits) >= 0.8


def test_groups_that_fill_their_strata_cannot_be_told():
    frame, stratum = world(np.random.default_rng(10))
    with pytest.raises(EstimationError, match="no group shares"):
        standing_out(frame, stratum, stratum, seed=1)
    with pytest.raises(EstimationError, match="degrees of freedom"):
        standing_out(frame[:6], stratum[:6], stratum[:6], seed=1)
