"""Step 04 on all answers: employees crossed with customers, circumstances made in the engine, a second program."""

from dataclasses import replace

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from linkage_world import Plan, open_study, write_study
from scipy import stats

from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.formula import read_model
from exlink.stats.lmm.source import compress
from exlink.steps import mixed_effects as step
from exlink.steps.mixed_effects import rows as rows_module
from exlink.steps.mixed_effects import slopes, words
from exlink.steps.mixed_effects.controls import FEW, read_controls
from exlink.steps.mixed_effects.models import formula_of
from tests.stats.lmm.products import assert_same

CONTROLS = ["touchpoint", "channel", "complexity"]
LEANING = 0.4 * np.random.default_rng(7).standard_normal(300)  # of customers, in points


def lazily(frame):
    return nw.from_native(duckdb.from_df(frame))


def rows_of(given):
    return given.rows.sort("interaction_id").collect().to_pandas()


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Sixty employees, three hundred customers who answer sixteen times each and do not differ."""
    return open_study(tmp_path_factory.mktemp("planted"), Plan())


@pytest.fixture(scope="module")
def differing(planted):
    """The same study with customers who differ by ``LEANING``."""
    given = step.design(planted, CONTROLS, max_rows=60_000)
    rows = rows_of(given)
    codes = rows["customer_id"].astype("category").cat.codes.to_numpy()
    return replace(given, rows=lazily(rows.assign(satisfaction=rows["satisfaction"] + LEANING[codes])))


@pytest.fixture(scope="module")
def sample_fits(sample):
    given = step.design(sample, CONTROLS, max_rows=60_000)
    return given, step.fit_all(sample, given, reml=True, smallest_share=0.0125)


# -- employees and customers, each with an effect of their own ---------------------------------------


def test_what_customers_differ_in_is_found(planted, differing):
    """Means of sixteen answers (noise 0.49 / 16) tell the variance of 300 customers to 0.008: three times that."""
    fits = step.fit_all(planted, differing, reml=True, smallest_share=0.05)
    parts = step.variances(planted, fits).set_index("component")
    assert list(parts.index) == ["employee", "customer", "single contact"]
    assert parts.loc["customer", "without"] == pytest.approx(LEANING.var(ddof=1), abs=0.025)
    assert parts["share"].sum() == pytest.approx(1)
    tools = fits.effects[(fits.effects["term"] == "ex_tools") & (fits.effects["specification"] == step.MIXED)]
    within = tools[tools["effect"] == "within"].iloc[0]
    assert within["conf_low"] < 0.5 < within["conf_high"]
    said = words.variance_sentence(parts.reset_index(), "satisfaction", "employees")
    assert "between customers, whoever serves them" in said


def test_taking_customers_out_sharpens_the_effects(planted, differing):
    """Without customers of their own, what they differ in is noise of single answers and widens every interval."""
    crossed = step.fit_all(planted, differing, reml=True, smallest_share=0.05).mixed["satisfaction"]
    alone = replace(differing, alone="customers are left aside for this test")
    without = step.fit_all(planted, alone, reml=True, smallest_share=0.05).mixed["satisfaction"]
    errors = [f.table.set_index("term").loc["ex_tools_within", "std_error"] for f in (crossed, without)]
    assert errors[0] < 0.95 * errors[1]


def test_the_sample_s_customers_differ_as_planted(sample, sample_fits):
    """6,700 customers with two answers each: the component is known to about 10 %."""
    parts = step.variances(sample, sample_fits[1])
    customers = parts[parts["component"] == "customer"]
    assert len(customers) == 3
    np.testing.assert_allclose(customers["without"], customers["planted"], rtol=0.15)
    # EX is what employees feel: it cannot account for what customers bring along
    assert customers["accounted"].abs().max() < 0.05
    contacts = parts[parts["component"] == "single contact"]
    assert (contacts["without"] < contacts["planted"]).all()
    assert set(step.variances_found(parts)["component"]) == {"employee", "customer"}


def test_customers_who_come_once_leave_the_employees_alone(tmp_path):
    folder = write_study(tmp_path, Plan(units=20))
    contacts = pd.read_csv(folder / "interactions.csv")
    contacts["customer_id"] = [f"C-{k:05d}" for k in range(len(contacts))]
    contacts.to_csv(folder / "interactions.csv", index=False)
    data = open_data(load_study(folder))
    given = step.design(data, CONTROLS, max_rows=60_000)
    assert given.random == {"employee_id": "1"}
    said = words.rows_sentence(data, given)
    assert f"0 of {len(contacts):,} answered more than once" in said
    fits = step.fit_all(data, given, reml=True, smallest_share=0.05)
    assert set(step.variances(data, fits)["component"]) == {"employee", "single contact"}
    assert step.checks(fits)["customers"].isna().all()


def test_by_team_customers_have_no_effect_of_their_own(team_grain):
    given = step.design(team_grain, CONTROLS, max_rows=60_000)
    assert given.random == {"team_id": "1"}
    assert "known by team only" in words.rows_sentence(team_grain, given)


# -- the step's numbers are fit_lmm's ----------------------------------------------------------------


def by_hand(data):
    """Return the model's rows made without the step: pandas, and formulaic's own categories."""
    rows = data.sample_linked().merge(
        data.exposures()[["employee_id", "wave", "ex_tools", "ex_recognition"]], on=["employee_id", "wave"]
    )
    for x in ("tools", "recognition"):
        rows[f"{x}_b"] = rows.groupby("employee_id")[f"ex_{x}"].transform("mean")
        rows[f"{x}_w"] = rows[f"ex_{x}"] - rows[f"{x}_b"]
    return rows


@pytest.mark.parametrize("most", [60_000, 0], ids=["in memory", "in the engine"])
def test_the_step_is_a_direct_fit(planted, monkeypatch, most):
    monkeypatch.setattr(rows_module, "IN_MEMORY", most)
    given = step.design(planted, CONTROLS, max_rows=60_000)
    monkeypatch.setattr(step.Design, "fetched", lambda self, y: rows_of(self))
    fit = step.fit_all(planted, given, reml=True, smallest_share=0.05).mixed["satisfaction"]
    random = {"employee_id": "1", "customer_id": "1"}
    formula = "satisfaction ~ tools_w + recognition_w + tools_b + recognition_b + C(wave) + C(touchpoint)"
    direct = fit_lmm(formula, by_hand(planted), random)
    for own, name in (("tools_within", "tools_w"), ("recognition_between", "recognition_b")):
        numbers = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
        mine = fit.robust_table.set_index("term").loc[f"ex_{own}", numbers].astype(float)
        other = direct.robust_table.set_index("term").loc[name, numbers].astype(float)
        np.testing.assert_allclose(mine, other, rtol=1e-5)
    np.testing.assert_allclose(fit.variances, direct.varcorr["value"], rtol=1e-5, atol=1e-8)
    assert fit.loglik == pytest.approx(direct.loglik, abs=1e-6)


def test_the_model_without_ex_is_a_fit_of_its_own(sample, sample_fits):
    given, fits = sample_fits
    formula = f"ease ~ {' + '.join(given.circumstances)}"
    direct = fit_lmm(formula, given.fetched("ease"), given.random)
    np.testing.assert_allclose(fits.without["ease"].variances, direct.varcorr["value"], rtol=1e-5)


def test_a_kpi_asked_in_some_circumstances_only_has_its_own_columns(planted):
    """Satisfaction asked after claims only: the column for claims is constant there and goes, for this KPI."""
    given = step.design(planted, CONTROLS, max_rows=60_000)
    rows = rows_of(given)
    enquiry = rows["c_touchpoint_1"] == 1
    asked = replace(given, rows=lazily(rows.assign(satisfaction=rows["satisfaction"].mask(enquiry))))
    assert "c_touchpoint_1" in asked.terms
    assert "c_touchpoint_1" not in asked.usable("satisfaction")
    fits = step.fit_all(planted, asked, reml=True, smallest_share=0.05)
    assert fits.failures == []
    assert fits.mixed["satisfaction"].n == int((~enquiry).sum())


# -- samples ------------------------------------------------------------------------------------------


def test_beyond_the_limit_whole_customers_are_drawn(sample):
    given = step.design(sample, CONTROLS, max_rows=5_000)
    everyone = sample.query("SELECT customer_id, count(*) AS n FROM linked WHERE has_cx GROUP BY 1 ORDER BY 1")
    drawn = rows_of(given)["customer_id"].value_counts()
    assert given.answers == drawn.sum() == pytest.approx(5_000, rel=0.1)
    whole = everyone.set_index("customer_id")["n"].reindex(drawn.index)
    assert (drawn == whole).all()
    assert "% of the customers, with all of their linked answers" in words.rows_sentence(sample, given)


def test_a_sample_is_written_down_for_each_choice_of_circumstances(sample):
    """Only the columns that are asked for; another choice finds its own."""
    bare, whole = (step.design(sample, chosen, max_rows=5_000) for chosen in ([], [*CONTROLS, "nowhere"]))
    assert [line for line in whole.left_out if "needs" in line] == ["not assessed: needs `interactions.nowhere`"]
    assert {t.rsplit("_", 1)[0] for t in whole.circumstances} >= {"c_touchpoint", "c_channel", "c"}
    assert bare.circumstances == whole.waves == bare.waves
    shared = [c for c in rows_of(bare) if c in rows_of(whole)]
    pd.testing.assert_frame_equal(rows_of(bare)[shared], rows_of(whole)[shared])


def test_what_is_fetched_is_bounded_and_repeats(sample):
    given = step.design(sample, CONTROLS, max_rows=60_000)
    first, second = (given.fetched("ease", most=2_000) for _ in range(2))
    assert first.equals(second)
    assert 1_500 < len(first) < 2_500
    assert first["ease"].notna().all()


def test_rows_in_memory_are_those_of_the_engine(sample, monkeypatch):
    """The same sample to the letter, the same terms, the same sums: whichever path a study's size leads to."""
    inside = step.design(sample, CONTROLS, max_rows=60_000)
    holed = rows_of(inside)
    holed["ease"] = holed["ease"].mask(holed["c_channel_1"] == 1)  # its column is constant where ease was asked
    inside = replace(inside, rows=sample.lazily(holed))
    monkeypatch.setattr(rows_module, "IN_MEMORY", 0)
    beyond = replace(inside)
    assert beyond.frame is None
    monkeypatch.undo()
    assert inside.frame is inside.frame is inside.source
    for outcome in ("ease", "recommend"):
        for most in (2_000, 60_000):
            pd.testing.assert_frame_equal(inside.fetched(outcome, most), beyond.fetched(outcome, most))
        assert inside.usable(outcome) == beyond.usable(outcome)
        assert ("c_channel_1" in inside.usable(outcome)) == (outcome != "ease")
        model = read_model(formula_of(outcome, inside.usable(outcome)), {**inside.random, "team_id": "1"})
        assert_same(*(compress(model, given.source) for given in (inside, beyond)))


# -- circumstances -----------------------------------------------------------------------------------


def columns_of(frame, *wanted):
    controls, missing = read_controls(lazily(frame), wanted)
    made = lazily(frame).select("at", *(c for control in controls for c in control.columns)).sort("at")
    return made.collect().to_pandas().drop(columns="at"), missing


def test_missing_numbers_are_the_mean_and_told():
    values = [1.0, 2.0, np.nan, 4.0, None, 5.0]
    made, _ = columns_of(pd.DataFrame({"at": range(6), "wait": values}), "wait")
    np.testing.assert_allclose(made["c_wait"], [-2, -1, 0, 1, 0, 2])
    assert list(made["c_wait_unknown"]) == [0, 0, 1, 0, 1, 0]


def test_missing_categories_are_a_value():
    frame = pd.DataFrame({"at": range(4), "channel": ["phone", None, "chat", "phone"]})
    made, missing = columns_of(frame, "channel", "queue")
    assert list(made.columns) == ["c_channel_1", "c_channel_2"]  # chat is the first value, phone and unknown follow
    assert list(made["c_channel_1"]) == [1, 0, 0, 1]
    assert list(made["c_channel_2"]) == [0, 1, 0, 0]
    assert missing == ["queue"]


def test_flags_and_numbers_with_two_values_are_categories():
    frame = pd.DataFrame({"at": range(4), "flag": [True, False, True, True], "two": [1.0, 2.0, np.nan, 1.0]})
    made, _ = columns_of(frame, "flag", "two")
    assert list(made.columns) == ["c_flag_1", "c_two_1", "c_two_2"]
    assert list(made["c_flag_1"]) == [1, 0, 1, 1]
    assert list(made["c_two_2"]) == [0, 0, 1, 0]


def test_of_many_values_the_commonest_stay():
    """Value k occurs k + 1 times: beyond thirty values the rarest become one."""
    text = [f"q{k:02d}" for k in range(40) for _ in range(k + 1)]
    made, _ = columns_of(pd.DataFrame({"at": range(len(text)), "queue": text}), "queue")
    assert made.shape[1] == FEW - 1
    rare = sum(k + 1 for k in range(40 - FEW + 1))
    assert (made.sum(axis=1) == 0).sum() == rare  # "other" sorts before q11 and is the reference


def test_an_empty_control_is_not_there():
    _, missing = columns_of(pd.DataFrame({"at": range(3), "complexity": [np.nan] * 3}), "complexity")
    assert missing == ["complexity"]


def test_a_control_with_gaps_goes_through_the_whole_step(sample):
    """Complexity unknown for a tenth of the contacts and the queue for some: nothing is lost, and nothing fails."""
    given = step.design(sample, [*CONTROLS, "queue", "wait_seconds"], max_rows=60_000)
    everyone = int(sample.query("SELECT count(*) AS n FROM linked WHERE has_cx ORDER BY 1")["n"].iloc[0])
    assert given.answers == everyone
    fits = step.fit_all(sample, given, reml=True, smallest_share=0.0125)
    assert fits.failures == []


# -- the second program, and slopes where there are many units ----------------------------------------


def test_another_program_finds_the_same(planted):
    given = step.design(planted, CONTROLS, max_rows=60_000)
    found = step.cross_check(given, "satisfaction", reml=True)
    assert found["gap"] < 1e-3
    assert found["criterion"] < 1e-4
    said = words.check_sentence(found, planted.people)
    assert said.startswith("**Another program finds the same.**")
    assert "on all of the answers" in said and "REML criterion" in said


def test_another_program_that_differs_is_told():
    found = {"answers": 20_000, "all": False, "gap": 0.3, "term": "ex_tools_within", "criterion": 2.0,
             "singular": False, "message": "Model failed to converge", "reml": False, "unweighted": False}  # fmt: skip
    assert not step.agrees(found)
    assert not step.agrees(found | {"gap": 0.0})
    assert not step.agrees(found | {"criterion": 0.0})
    assert step.agrees(found | {"gap": 0.001, "criterion": 0.001})
    assert "without weights" not in words.check_sentence(found, "employees")
    assert "one random intercept per employee and without weights" in words.check_sentence(
        found | {"unweighted": True}, "employees"
    )
    said = words.check_sentence(found, "employees")
    assert said.startswith("**Another program does not find the same.**")
    assert "`ex_tools_within` differs by 0.30 of its standard error, the deviance by 2" in said
    assert "a fixed sample of 20,000" in said
    assert "It warns: the search for the best fit did not settle." in said


def test_a_check_that_cannot_be_made_says_why(planted):
    given = step.design(planted, CONTROLS, max_rows=60_000)
    few = replace(given, rows=given.rows.filter(nw.col("employee_id") < "U-005"))
    said = step.cross_check(few, "satisfaction", reml=True)
    assert said.startswith("not assessed: ")
    assert words.check_sentence(said, "employees") == said


def test_singular_on_both_sides_is_told(planted):
    given = step.design(planted, [], max_rows=60_000)
    rows = rows_of(given)
    rows["satisfaction"] += 3.0 - rows.groupby("employee_id")["satisfaction"].transform("mean")
    found = step.cross_check(replace(given, rows=lazily(rows)), "satisfaction", reml=True)
    assert found["singular"]
    assert "a variance is found to be zero" in words.check_sentence(found, "employees")


def test_slopes_are_tested_beside_levels_of_waves_and_of_many_units_in_a_fixed_sample(planted, monkeypatch):
    given = step.design(planted, CONTROLS, max_rows=60_000)
    fits = step.fit_all(planted, given, reml=True, smallest_share=0.05)
    found = step.random_slopes(given, "satisfaction", fits, reml=True)
    formula = f"satisfaction ~ {' + '.join(given.terms)}"
    plain, varied = (
        fit_lmm(formula, given.rows.collect().to_pandas(), {"employee_id": effects, "employee_id:wave": "1"})
        for effects in ("1", "1 + ex_tools_within")
    )
    gain = 2 * (varied.loglik - plain.loglik)
    expected = (stats.chi2.sf(gain, 1) + stats.chi2.sf(gain, 2)) / 2
    assert step.first_slope(found)["p_value"] == pytest.approx(expected, abs=1e-6)
    in_engine = step.random_slopes(replace(given, answers=10**7), "satisfaction", fits, reml=True)
    assert in_engine.table["p_value"].to_numpy() == pytest.approx(found.table["p_value"].to_numpy(), abs=1e-6)
    monkeypatch.setattr(slopes, "MANY", 20)
    few = step.random_slopes(given, "satisfaction", fits, reml=True)
    assert set(few.table["n_units"]) == {20}
    assert "on a fixed sample of 20 people" in step.slopes_sentence(few, "satisfaction", "people")


def test_averages_count_by_the_number_of_customers_behind_them(planted):
    given = step.design(planted, CONTROLS, max_rows=60_000)
    counts = 1 + np.arange(given.answers) % 7
    weighted = replace(given, rows=lazily(rows_of(given).assign(weight=counts)), weights="weight")
    outcome = planted.cx_kpis[0]
    fits = step.fit_all(planted, weighted, reml=True, smallest_share=0.05)
    formula = f"{outcome} ~ {' + '.join(weighted.usable(outcome))}"
    direct = fit_lmm(formula, weighted.fetched(outcome), weighted.random, weights="weight")
    found = fits.mixed[outcome].robust_table.set_index("term")["std_error"]
    assert found.to_numpy() == pytest.approx(direct.robust_std_error.to_numpy(), rel=1e-6)
    alike = fit_lmm(formula, weighted.fetched(outcome), weighted.random)
    assert np.abs(found.to_numpy() / alike.robust_std_error.to_numpy() - 1).max() > 0.01
