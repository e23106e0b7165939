"""Step 04 splits within from between, agrees with itself over specifications, and shows what a naive model claims."""

from dataclasses import replace

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from linkage_world import Plan, open_study

from exlink.steps import mixed_effects as step
from exlink.steps.mixed_effects import models, words
from exlink.steps.mixed_effects.independent import independent_columns, independent_of
from exlink.steps.mixed_effects.rows import MEDIATORS

CONTROLS = ["touchpoint", "channel", "complexity"]


def fitted(data, controls=CONTROLS, **options):
    given = step.design(data, controls, max_rows=60_000)
    return given, step.fit_all(data, given, **{"reml": True, "smallest_share": 0.05} | options)


def rows_of(given):
    """Return the rows of the models as a frame."""
    return given.rows.sort("interaction_id").collect().to_pandas()


def with_rows(given, frame):
    """Return a design whose rows are those of ``frame``."""
    return replace(given, rows=nw.from_native(duckdb.from_df(frame)))


def of(fits, term, specification, effect="within", outcome="satisfaction"):
    e = fits.effects
    chosen = (e["term"] == term) & (e["specification"] == specification) & (e["effect"] == effect)
    return e[chosen & (e["outcome"] == outcome)].iloc[0]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Sixty employees in four waves; tools acts, recognition only goes along with a trait."""
    return open_study(tmp_path_factory.mktemp("planted"), Plan(kpis=("ease", "satisfaction")))


@pytest.fixture(scope="module")
def planted_fits(planted):
    return fitted(planted)


@pytest.fixture(scope="module")
def teams(tmp_path_factory):
    """One wave of EX per team: there is no within."""
    return open_study(tmp_path_factory.mktemp("teams"), Plan(waves=1, grain="team", contacts=30))


@pytest.fixture(scope="module")
def sample_fits(sample):
    return fitted(sample, smallest_share=0.0125)


def test_both_specifications_find_what_acts(planted_fits):
    _, fits = planted_fits
    for specification in (step.MIXED, step.FIXED):
        tools, recognition = (of(fits, t, specification) for t in ("ex_tools", "ex_recognition"))
        assert tools["conf_low"] < 0.5 < tools["conf_high"]
        assert tools["verdict"] == "higher"
        assert recognition["conf_low"] < 0 < recognition["conf_high"]


def test_the_naive_model_credits_what_only_goes_along(planted_fits, planted):
    """Expected bias: the slope of the trait on recognition between employees, thinned by the variance within."""
    _, fits = planted_fits
    naive = of(fits, "ex_recognition", step.NAIVE, "naive")
    assert naive["conf_low"] > 0.1
    assert of(fits, "ex_recognition", step.MIXED, "between")["conf_low"] > naive["estimate"]
    said = words.naive_sentence(fits.effects, "satisfaction", planted.people)
    assert "recognition (+" in said
    assert "tools" not in said


def test_mixed_and_fixed_effects_agree(planted_fits):
    """With the unit means in the model, the within slopes of a mixed model are those of fixed effects."""
    _, fits = planted_fits
    for term in ("ex_tools", "ex_recognition"):
        mixed, fixed = of(fits, term, step.MIXED), of(fits, term, step.FIXED)
        assert mixed["estimate"] == pytest.approx(fixed["estimate"], abs=0.01)
        assert mixed["std_error"] == pytest.approx(fixed["std_error"], rel=0.15)
    said = words.agreement_sentence(fits.effects, "satisfaction", "employees")
    assert said.startswith("**On 2 of 2 aspects") and "They part" not in said


def test_verdicts_that_differ_are_named_with_their_aspect(planted_fits):
    effects = planted_fits[1].effects.copy()
    fixed = (effects["specification"] == step.FIXED) & (effects["outcome"] == "satisfaction")
    effects.loc[fixed & (effects["term"] == "ex_tools"), "verdict"] = "inconclusive"
    said = words.agreement_sentence(effects, "satisfaction", "employees")
    assert said.startswith("**On 1 of 2 aspects")
    assert "They part on tools (‘higher’ in the mixed model, ‘inconclusive’ with fixed effects)." in said
    effects.loc[fixed & (effects["term"] == "ex_recognition"), "estimate"] = np.nan
    said = words.agreement_sentence(effects, "satisfaction", "employees")
    assert (
        said.startswith("**On 0 of 1 aspects") and "recognition could be estimated in one of the two ways only" in said
    )


def test_verdicts_that_rest_on_the_kind_of_errors_are_named(planted_fits):
    """The model's own errors give a verdict of their own, by its own interval and p values adjusted as the others."""
    effects = planted_fits[1].effects
    assert words.errors_matter_sentence(effects) == "None of the 8 verdicts depends on which of the two is used."
    fits = planted_fits[1]
    tools = fits.mixed["satisfaction"].table.set_index("term").loc["ex_tools_within"]
    own = of(fits, "ex_tools", step.MIXED)
    assert own["model_verdict"] == "higher" and own["model_error"] == tools["std_error"] != own["std_error"]
    changed = effects.copy()
    changed.loc[changed["term"].eq("ex_tools") & changed["effect"].eq("within"), "model_verdict"] = "inconclusive"
    said = words.errors_matter_sentence(changed[changed["outcome"] == "satisfaction"])
    assert said.startswith("3 of 4 verdicts are the same with either; the other: tools on satisfaction, within")
    assert "(‘higher’ here, ‘inconclusive’ with the model's own error)" in said


def test_the_models_own_verdict_uses_its_own_interval(planted, planted_fits, monkeypatch):
    """With the model's own interval widened past zero only its own verdict falls."""
    given, kept = planted_fits[0], models._kept

    def doubtful(fit, terms, given, bounds=None):
        own = kept(fit, terms, given, bounds)
        return replace(own, table=own.table.assign(conf_low=own.table["conf_low"] - 9, p_value=0.9))

    monkeypatch.setattr(models, "_kept", doubtful)
    found = of(step.fit_all(planted, given, reml=True, smallest_share=0.05), "ex_tools", step.MIXED)
    assert found["verdict"] == "higher" and found["model_verdict"] == "inconclusive"


def test_a_verdict_stands_with_its_adjusted_p(planted_fits):
    said = words.with_said(planted_fits[1].effects).set_index(["term", "effect", "specification", "outcome"])["said"]
    assert said["ex_tools", "within", step.MIXED, "satisfaction"] == "higher (p\u00a0<\u00a00.001)"
    table = pd.DataFrame(
        {"verdict": ["inconclusive", "not assessed"], "p_adjusted": [0.2, np.nan], "p_words": ["0.200", "–"]}
    )
    assert list(words.with_said(table)["said"]) == ["inconclusive (p\u00a0=\u00a00.200)", "not assessed"]


def test_warnings_speak_of_aspects_not_of_columns(planted_fits):
    given, _ = planted_fits
    message = "robust errors are the model's for ex_recognition_within, c_wave_1, (Intercept): clusters cannot tell"
    assert given.worded(message) == (
        "robust errors are the model's for recognition (within), wave (1), the overall level: clusters cannot tell"
    )
    assert (
        given.worded("ex_tools_withins and my.ex_tools_within stay") == "ex_tools_withins and my.ex_tools_within stay"
    )
    assert given.worded("Model failed to converge") == "the search for the best fit did not settle"


def test_no_term_of_a_model_is_left_without_words(sample_fits):
    given, _ = sample_fits
    assert set(given.terms) <= set(given.labels)
    assert not any("ex_" in words or "c_" in words for words in given.labels.values())


def test_what_a_fit_warns_of_reaches_the_page_in_words(planted, monkeypatch):
    plain = models.begin_lmm

    def warned(*args, **options):
        search = plain(*args, **options)
        return lambda: replace(
            search(), message="robust errors are the model's for ex_tools_within: clusters alone cannot tell them"
        )

    monkeypatch.setattr(models, "begin_lmm", warned)
    _, fits = fitted(planted)
    said = words.errors_sentence(step.checks(fits))
    assert "**Warnings.** ease: robust errors are the model's for tools (within)" in said
    assert "satisfaction: robust errors" in said and "ex_" not in said
    assert not fits.effects["message"].str.contains("ex_").any()
    shown = step.questions(step.checks(fits), "employees").set_index("question")
    assert list(shown.loc["Warnings", ["ease", "satisfaction"]]) == ["see above"] * 2


def test_the_checks_turned_round_hold_what_the_checks_say(sample_fits):
    checked = step.checks(sample_fits[1])
    shown = step.questions(checked, "employees").set_index("question")
    assert list(shown.columns) == [*checked["outcome"], "n_units"]
    for row in checked.itertuples():
        column = shown[row.outcome]
        assert column["Answers"] == f"{row.n:,}" and column["Employees"] == str(row.n_units)
        assert column["Of the rest, between customers"] == f"{row.icc_customer:.1%}"
        assert column["Explained by EX and circumstances"] == f"{row.r2_marginal:.1%}"
        assert (column["Best fit found"], column["Warnings"]) == ("yes", "none")
    none = checked.assign(customers=pd.NA, icc_customer=np.nan, converged=False)
    none = step.questions(none, "employees").set_index("question")
    assert (none.loc["Of the rest, between customers", list(checked["outcome"])] == "–").all()
    assert (none.loc["Best fit found", list(checked["outcome"])] == "no").all()
    assert (none["n_units"] == checked["n_units"].min()).all()


def test_within_and_between_add_up_to_the_aspect(planted_fits, planted):
    given, _ = planted_fits
    exposures = planted.exposures()
    rows = planted.sample_linked().merge(exposures[["employee_id", "wave", "ex_tools"]], on=["employee_id", "wave"])
    made = rows_of(given)
    np.testing.assert_allclose(made["ex_tools_within"] + made["ex_tools_between"], rows["ex_tools"])
    assert made.groupby("employee_id")["ex_tools_within"].mean().abs().max() < 1e-12


def test_where_nothing_acts_nothing_is_clear(tmp_path):
    data = open_study(tmp_path / "silent", Plan(slope=0.0, trait=0.0, seed=5))
    _, fits = fitted(data)
    assert not fits.effects["clear"].any()
    assert "No aspect clearly moves" in words.effects_sentence(fits.effects, "satisfaction", data.people)
    given = step.design(data, CONTROLS, max_rows=60_000)
    assert step.random_slopes(given, "satisfaction", fits, reml=True).lines == [
        "not assessed: no aspect is clear for satisfaction"
    ]


def test_employees_who_do_not_differ_give_a_singular_fit_in_plain_words(tmp_path):
    """Every employee's residuals are centred on purpose, so that the variance between them is at its boundary."""
    data = open_study(tmp_path / "alike", Plan(slope=0.0, trait=0.0, unit_sd=0.0, units=20, seed=2))
    given = step.design(data, [], max_rows=60_000)
    rows = rows_of(given)
    rows["satisfaction"] += 3.0 - rows.groupby("employee_id")["satisfaction"].transform("mean")
    fits = step.fit_all(data, with_rows(given, rows), reml=True, smallest_share=0.05)
    checked = step.checks(fits)
    assert "a variance is found to be zero" in checked["message"].iloc[0]
    assert "a variance is found to be zero" in words.errors_sentence(checked)


def test_slopes_that_differ_between_employees_are_found(planted, planted_fits):
    """A random slope of SD 0.4 is put into the outcome; without it none is found."""
    given, fits = planted_fits
    none = step.first_slope(step.random_slopes(given, "satisfaction", fits, reml=True))
    assert none["p_value"] > 0.01
    rows = rows_of(given)
    codes = rows["employee_id"].astype("category").cat.codes.to_numpy()
    own = 0.4 * np.random.default_rng(4).standard_normal(codes.max() + 1)
    varied = with_rows(given, rows.assign(satisfaction=rows["satisfaction"] + own[codes] * rows["ex_tools_within"]))
    refitted = step.fit_all(planted, varied, reml=True, smallest_share=0.05)
    found = step.first_slope(step.random_slopes(varied, "satisfaction", refitted, reml=True))
    assert found["aspect"] == "tools"
    assert found["sd"] == pytest.approx(0.4, abs=0.12)
    assert found["p_value"] < 1e-6


def test_mediators_are_flagged_and_circumstances_are_not():
    assert step.mediator_lines(CONTROLS) == []
    (line,) = step.mediator_lines(["touchpoint", "handle_seconds"])
    assert line.startswith("handle time (`handle_seconds`) is moved by EX")
    assert not set(CONTROLS) & set(MEDIATORS)


def test_a_control_that_is_not_there_costs_one_line(planted):
    given = step.design(planted, ["touchpoint", "complexity"], max_rows=60_000)
    assert given.left_out == ["not assessed: needs `interactions.complexity`"]
    assert [t for t in given.circumstances if t.startswith("c_touchpoint")] == ["c_touchpoint_1"]


def test_columns_that_repeat_others_are_left_out(planted_fits):
    given, _ = planted_fits
    rows = rows_of(given)
    wide = rows.assign(flat=1.0, twice=rows["ex_tools_within"] * 2 + rows["ex_tools_between"], noise=1e-17 * rows.index)
    names = ["ex_tools_within", "ex_tools_between", "flat", "twice", "noise"]
    assert independent_of(wide, names) == ["ex_tools_within", "ex_tools_between"]
    lazily = nw.from_native(duckdb.from_df(wide))
    assert independent_columns(lazily, given.cells, ["employee_id", "wave"], names) == names[:2]


def test_a_single_wave_leaves_only_the_comparison_between_units(teams):
    given, fits = fitted(teams)
    assert step.within_reason(teams).startswith("not assessed: effects within teams")
    assert given.within == []
    assert set(fits.effects["effect"]) == {"between", "naive"}
    assert of(fits, "ex_recognition", step.MIXED, "between")["verdict"] == "higher"
    assert set(step.lanes(fits.effects, "satisfaction")["lane"]) == {"between, mixed model", "naive: not split"}
    assert "differs in its errors only" in words.naive_sentence(fits.effects, "satisfaction", teams.people)
    assert "teams" in words.variance_sentence(step.variances(teams, fits), "satisfaction", teams.people)


# -- the committed sample, and studies that lack something --------------------------------------------


def of_lane(effects, specification):
    found = step.effects_found(effects)
    return found[found["lane"] == models.LANES[specification]].set_index("planted")


def test_the_sample_gives_back_the_joint_effects(sample_fits):
    _, fits = sample_fits
    e = fits.effects
    for specification in (step.MIXED, step.FIXED):
        found = of_lane(e, specification)
        assert found["pairs"].sum() == 27
        assert found["covered"].sum() >= 24  # 95 % intervals: 3 of 27 may miss
        assert found.loc["acts on this KPI", "clear"] == found.loc["acts on this KPI", "pairs"]
        # the adjustment bounds the share of false ones among the clear ones; it does not promise none
        assert found["clear"].sum() - found.loc["acts on this KPI", "clear"] <= 1
    naive = of_lane(e, step.NAIVE)
    assert naive.loc["only goes along between persons", "covered"] <= 2
    assert naive.loc["only goes along between persons", "clear"] >= 3


def test_the_sample_s_employee_variance_is_the_planted_one(sample, sample_fits):
    parts = step.variances(sample, sample_fits[1])
    parts = parts[parts["component"] == "employee"]
    assert len(parts) == 3
    np.testing.assert_allclose(parts["without"], parts["planted"], rtol=0.25)
    assert parts["accounted"].between(0.2, 0.8).all()


def test_the_sample_s_variances_lie_inside_their_intervals(sample, sample_fits):
    """Six planted variances, 95 % intervals: one may miss."""
    parts = step.variances(sample, sample_fits[1])
    found = step.variances_found(parts)
    assert len(found) == 6 and found["covered"].sum() >= 5
    assert ((parts["share_low"] < parts["share"]) & (parts["share"] < parts["share_high"])).all()
    assert ((parts["variance_low"] < parts["without"]) & (parts["without"] < parts["variance_high"])).all()
    said = words.variance_sentence(parts, "satisfaction", "employees")
    first = parts[parts["outcome"] == "satisfaction"].iloc[0]
    assert f"{first['share']:.1%} ({first['share_low']:.1%} to {first['share_high']:.1%})" in said
    moved = parts.assign(planted=parts["variance_high"] * 1.01)
    assert not step.variances_found(moved)["covered"].any()


def test_of_a_part_that_may_be_zero_nothing_is_accounted_for(sample, sample_fits):
    _, fits = sample_fits
    before = fits.without["satisfaction"]
    unsure = replace(before, bounds=before.bounds.assign(variance_low=[0.0, 0.01, 0.5]))
    parts = step.variances(sample, replace(fits, without=fits.without | {"satisfaction": unsure}))
    by = parts.set_index(["outcome", "component"])["accounted"]
    assert np.isnan(by["satisfaction", "employee"]) and by["ease", "employee"] > 0
    said = words.variance_sentence(parts, "satisfaction", "employees")
    assert "Whether employees differ at all is inconclusive, and so is what EX accounts for of it." in said
    assert "by more than chance" not in said and "can move" not in said and "nan" not in said
    assert any("cannot be told from zero" in note for note in words.variance_notes(parts, "employees"))


def test_a_number_that_is_missing_is_no_percentage(sample, sample_fits):
    parts = step.variances(sample, sample_fits[1])
    lost = parts.assign(accounted=np.nan, share_high=np.nan)
    said = words.variance_sentence(lost, "satisfaction", "employees")
    assert "nan" not in said and "single contacts, EX" not in said
    assert "nan" not in words.variance_words(lost)


def test_the_method_of_intervals_is_told_where_it_is_the_rougher_one(sample, sample_fits):
    parts = step.variances(sample, sample_fits[1])
    assert (parts["method"] == "profile").all()
    assert not any("Wald" in note for note in words.variance_notes(parts, "employees"))
    assert any("Wald" in note for note in words.variance_notes(parts.assign(method="Wald"), "employees"))


def test_answers_whose_circumstances_say_all_of_ex_are_modelled_without_it(planted, monkeypatch):
    """No term of EX is left: the model with EX and without it is one."""
    given = step.design(planted, CONTROLS, max_rows=60_000)
    monkeypatch.setattr(step.Design, "usable", lambda self, outcome: list(self.circumstances))
    fits = step.fit_all(planted, given, reml=True, smallest_share=0.05)
    assert fits.failures == []
    for y in planted.cx_kpis:
        assert fits.mixed[y].terms == fits.without[y].terms == given.circumstances
        assert fits.without[y].bounds is not None
    accounted = step.variances(planted, fits)["accounted"].dropna()
    assert len(accounted) and (accounted == 0).all()


def test_a_fixed_sample_repeats(sample):
    first, second = (step.design(sample, CONTROLS, max_rows=4_000) for _ in range(2))
    assert 0 < first.share < 1
    assert rows_of(first).equals(rows_of(second))
    assert "fixed sample of" in words.rows_sentence(sample, first)


@pytest.mark.parametrize("study", ["required_only", "one_wave", "team_grain"])
def test_every_part_works_or_says_why_not(study, request):
    data = request.getfixturevalue(study)
    given, fits = fitted(data)
    outcome = step.focus_outcome(data, "satisfaction")
    assert ("within" in set(fits.effects["effect"])) == (step.within_reason(data) == "")
    assert all(line.startswith("not assessed: ") for line in fits.failures)
    assert len(step.checks(fits)) + len(set(fits.failures)) >= len(data.cx_kpis)
    facts = words.facts(fits, given, outcome, data.people)
    assert facts["unit"] == data.people
    assert words.lanes_words(step.lanes(fits.effects, outcome)).endswith(".")


def test_in_a_reversed_world_the_sentence_says_falls(sample_fits, reversed_sample):
    given, fits = fitted(reversed_sample, smallest_share=0.0125)
    up = step.strongest(sample_fits[1].effects, "satisfaction")
    down = step.strongest(fits.effects, "satisfaction", "lower")
    assert len(up) > 0
    assert list(down["aspect"]) == list(up["aspect"])
    said = words.effects_sentence(fits.effects, "satisfaction", "employees")
    assert "falls within the same employees by" in said
    assert f"per point of {up['aspect'][0]}" in said
    assert "rises" not in said and "No aspect" not in said
    assert "against what one would expect" in said
    assert "before adjustment for many tests" in said
    assert words.facts(fits, given, "satisfaction", "employees")["aspects_against"] == list(down["aspect"])
    slope = step.random_slopes(given, "satisfaction", fits, reml=True).table.set_index("aspect")
    assert list(slope.index) == list(down["aspect"][:3])
    assert (slope["estimate"] < 0).all()


def test_a_handful_of_people_carries_no_model(tmp_path):
    data = open_study(tmp_path, Plan(units=9))
    fits = step.fit_all(data, step.design(data, [], max_rows=1000), reml=True, smallest_share=0.0125)
    assert fits.mixed == {}
    assert "not assessed: models of satisfaction need at least 10 employees with answers" in fits.failures
