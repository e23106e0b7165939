"""Cases against controls of the same stratum: least squares and conditional logit of statsmodels, known truth."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.matched import matched_differences

EXACT = 1e-9


def risk_sets(rng, gap=0.0, strata=60, size=8, units=150):
    """Units at risk in strata that differ in level by 3 SD; a case is higher by `gap` on average."""
    rows = []
    for s in range(strata):
        who = rng.choice(units, size=size, replace=False)
        cases = np.zeros(size, dtype=int)
        cases[: rng.integers(0, 3)] = 1
        x = 3 * rng.standard_normal() + rng.standard_normal(size) + gap * cases
        rows.append(pd.DataFrame({"unit": who, "stratum": s, "case": cases, "x": x}))
    return pd.concat(rows, ignore_index=True)


@pytest.fixture
def sets():
    return risk_sets(np.random.default_rng(5), gap=0.4)


def one(frame, name="x"):
    return matched_differences(frame, [name], "case", "stratum", "unit").iloc[0]


def test_as_least_squares_with_a_constant_per_stratum(sets):
    import statsmodels.formula.api as smf

    found = one(sets)
    both = sets[sets.groupby("stratum")["case"].transform("nunique") == 2].copy()
    cases = both.groupby("stratum")["case"].transform("sum")
    both["w"] = np.where(both["case"] == 1, 1.0, cases / (both.groupby("stratum")["case"].transform("size") - cases))
    known = smf.wls("x ~ case + C(stratum)", both, weights=both["w"]).fit()
    assert found["estimate"] == pytest.approx(known.params["case"], rel=EXACT)
    assert found["n"] == both["case"].sum()
    assert found["n_strata"] == both["stratum"].nunique()
    assert found["mean_cases"] - found["mean_controls"] == pytest.approx(found["estimate"], rel=EXACT)


def test_tells_as_much_as_a_conditional_logit(sets):
    from statsmodels.discrete.conditional_models import ConditionalLogit

    found = one(sets)
    both = sets[sets.groupby("stratum")["case"].transform("nunique") == 2]
    known = ConditionalLogit(both["case"], both[["x"]], groups=both["stratum"]).fit(disp=0)
    # a difference of means against a slope: the same question, so z values agree to a fifth, not to digits
    assert found["estimate"] / found["std_error"] == pytest.approx(float(known.tvalues["x"]), rel=0.2)


def test_intervals_hold_the_truth_and_nothing_is_found_where_nothing_is():
    rng = np.random.default_rng(11)
    for gap in (0.0, 0.5):
        rows = pd.DataFrame([one(risk_sets(rng, gap)) for _ in range(150)])
        held = ((rows["conf_low"] <= gap) & (gap <= rows["conf_high"])).mean()
        assert 0.905 <= held <= 0.995  # 95 % of 150 runs, give or take 2.5 of its standard errors
        assert rows["estimate"].mean() == pytest.approx(gap, abs=0.04)
        # the plain difference of all cases and all others would be off by the strata's levels, not by chance
        assert rows["estimate"].std() == pytest.approx(rows["std_error"].mean(), rel=0.16)


def test_strata_of_one_kind_and_missing_values_do_not_count(sets):
    alone = sets.groupby("stratum")["case"].transform("nunique") == 1
    shifted = sets.assign(x=sets["x"] + 100 * alone)
    assert one(shifted)["estimate"] == pytest.approx(one(sets)["estimate"], rel=EXACT)
    holes = sets.assign(x=sets["x"].where(sets.index % 3 > 0))
    assert one(holes)["estimate"] == pytest.approx(one(sets[sets.index % 3 > 0])["estimate"], rel=EXACT)


def test_too_few_cases_have_no_interval_and_other_values_are_refused(sets):
    few = sets[(sets["case"] == 0) | (sets["stratum"] <= sets.loc[sets["case"] == 1, "stratum"].min())]
    row = one(few[few["stratum"] < 6])
    assert row["n"] < 3
    assert np.isnan(row["estimate"])
    with pytest.raises(EstimationError, match="0 or 1"):
        one(sets.assign(case=sets["case"] * 2))
    with pytest.raises(EstimationError, match="no measure"):
        matched_differences(sets, [], "case", "stratum", "unit")


def test_what_clusters_have_in_common_makes_intervals_longer_never_shorter():
    rng, missed = np.random.default_rng(6), {"alone": 0, "together": 0}
    for _ in range(60):
        team = np.repeat(np.arange(20), 40)
        odds = np.exp(rng.normal(0, 1.0, 20)[team] - 3.0)
        frame = pd.DataFrame({
            "unit": np.arange(len(team)), "team": team, "stratum": team % 4,
            "x": rng.normal(0, 0.6, 20)[team] + rng.normal(0, 0.8, len(team)),
            "case": (rng.random(len(team)) < odds / (1 + odds)).astype(int),
        })  # fmt: skip
        alone, together = (
            one(frame),
            matched_differences(frame, ["x"], "case", "stratum", "unit", cluster="team").iloc[0],
        )
        for name, row in (("alone", alone), ("together", together)):
            missed[name] += not row["conf_low"] <= 0 <= row["conf_high"]
        assert together["estimate"] == alone["estimate"]
        assert together["conf_high"] - together["conf_low"] >= alone["conf_high"] - alone["conf_low"] - 1e-12
    assert missed["together"] <= 8 < missed["alone"]  # of 60, where 3 are meant, and 9 come once in 300 such tests


def test_a_cluster_per_unit_changes_nothing(sets):
    same = matched_differences(sets, ["x"], "case", "stratum", "unit", cluster="unit").iloc[0]
    assert same["std_error"] == pytest.approx(one(sets)["std_error"], rel=1e-12)
