"""Step 04 in depth: teams, slopes by role and tenure, specifications, scripts, advocacy, and what models leave over."""

from dataclasses import replace

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from linkage_world import Plan, open_study, write_study

from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.stats.lmm import fit_lmm
from exlink.stats.within_between import within_slope
from exlink.steps import mixed_effects as step
from exlink.steps.mixed_effects import advocacy as advocacy_of_step
from exlink.steps.mixed_effects import ahead
from exlink.steps.mixed_effects.advocacy import BESIDE, OWN
from exlink.steps.mixed_effects.alike import BANDS, POOLED
from exlink.steps.mixed_effects.models import formula_of
from exlink.steps.mixed_effects.slopes_truth import planted_spread
from exlink.steps.mixed_effects.specifications import BARE, CROSSED, NOT_SPLIT, ORDER, SLOPES, TEAMS

CONTROLS = ["touchpoint", "channel", "complexity"]
Y = "satisfaction"


def fitted(data, controls=CONTROLS, keep=Y, **changes):
    given = replace(step.design(data, controls, max_rows=60_000), **changes)
    return given, step.fit_all(data, given, reml=True, smallest_share=0.0125, keep=keep)


def rows_of(given):
    return given.rows.sort("interaction_id").collect().to_pandas()


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Sixty employees in six teams and one role, four waves; tools acts by 0.5."""
    return open_study(tmp_path_factory.mktemp("planted"), Plan())


@pytest.fixture(scope="module")
def sample_fits(sample):
    return fitted(sample)


@pytest.fixture(scope="module")
def in_depth(sample, sample_fits):
    """What the notebook asks of the sample's focus outcome: teams, slopes, specifications."""
    given, fits = sample_fits
    teams = step.with_team(sample, given, Y, fits, reml=True)()
    slopes = step.random_slopes(given, Y, fits, reml=True)
    bare = step.without_circumstances(given, Y, fits)
    return teams, slopes, step.specifications(given, Y, fits, teams, slopes, bare)


# -- teams -------------------------------------------------------------------------------------------


def with_teams(data, sd, seed=4):
    """Return a design with twelve teams of five in place of the study's, which differ by ``sd``."""
    given = step.design(data, [], max_rows=60_000)
    rows = rows_of(given)
    codes = rows["employee_id"].astype("category").cat.codes.to_numpy() % 12
    own = np.random.default_rng(seed).standard_normal(12)
    own = sd * (own - own.mean()) / own.std(ddof=1)
    rows = rows.assign(team_id=[f"T-{c:02d}" for c in codes], satisfaction=rows[Y] + own[codes])
    return replace(given, rows=data.lazily(rows))


def team_parts(data, given):
    fits = step.fit_all(data, given, reml=True, smallest_share=0.05)
    fit = step.with_team(data, given, Y, fits, reml=True)()
    return step.team_variances(data, given, Y, fit), fit


def test_what_teams_differ_in_is_told_from_their_people(planted):
    """Twelve teams with an SD of 0.5: the variance between them is 0.25 by construction, that inside stays."""
    parts, fit = team_parts(planted, with_teams(planted, 0.5))
    by = parts.set_index("component")
    assert list(by.index) == ["employee within the team", "team", "customer", "single contact"]
    # people's own differences (variance about 0.17, five in a team) add 0.03 to the spread of twelve observed teams
    assert by.loc["team", "variance"] == pytest.approx(0.25, abs=0.06)
    assert by.loc["team", "share_low"] > 0.1
    before, _ = team_parts(planted, with_teams(planted, 0.0))
    same = before.set_index("component").loc["employee within the team", "variance"]
    assert by.loc["employee within the team", "variance"] == pytest.approx(same, rel=0.25)
    assert parts["share"].sum() == pytest.approx(1)
    assert "belongs to 12 teams" in step.team_sentence(parts, fit, "employees")


def test_teams_that_do_not_differ_are_not_told_from_zero_and_a_singular_fit_is_said_in_words(planted):
    given = with_teams(planted, 0.0)
    parts, fit = team_parts(planted, given)
    team = parts.set_index("component").loc["team"]
    assert team["share_low"] == pytest.approx(0, abs=1e-9)
    assert "cannot be told from chance" in step.team_sentence(parts, fit, "employees")
    zero = parts.assign(message="a variance is found to be zero")
    said = step.team_sentence(zero, fit, "employees")
    assert "That part was left at zero" in said


def test_few_teams_and_linked_teams_cost_one_line(planted, team_grain):
    given, fits = fitted(planted, keep="")
    reason = step.with_team(planted, given, Y, fits, reml=True)()
    assert reason.startswith("not assessed: teams' own share needs at least 10 teams")
    assert "this study has 6" in reason
    assert step.team_variances(planted, given, Y, reason).empty
    assert step.team_sentence(pd.DataFrame(), reason, "employees") == reason
    given, fits = fitted(team_grain, keep="")
    assert "teams are the units themselves" in step.with_team(team_grain, given, Y, fits, reml=True)()


def test_the_sample_s_teams_differ_as_planted(sample, sample_fits, in_depth):
    parts = step.team_variances(sample, sample_fits[0], Y, in_depth[0]).set_index("component")
    told = parts.drop(index="single contact")  # what is planted there holds what circumstances account for
    assert told["planted"].between(told["share_low"], told["share_high"]).all()
    assert parts.loc["team", "n_teams"] == 20


# -- slopes and specifications -----------------------------------------------------------------------


def test_the_strongest_three_aspects_are_asked_whether_they_act_alike(in_depth):
    """Planted: knowledge acts half as much again on newcomers; the other two slopes differ by a fifth or not at all.

    Without levels of waves, empowerment, whose slopes are all alike, was said to differ (p = .021 after adjustment).
    """
    table = in_depth[1].table.set_index("aspect")
    assert list(table.index) == ["tools", "knowledge", "empowerment"]
    assert table.loc["knowledge", "p_value"] < 0.05
    assert (table.loc[["tools", "empowerment"], "p_adjusted"] > 0.05).all()
    assert (table["sd_low"] <= table["sd"]).all() and (table["sd"] <= table["sd_high"]).all()
    assert (table["p_adjusted"] >= table["p_value"] - 1e-12).all()
    assert (table["low"] < table["estimate"]).all()
    assert "empowerment goes with" in step.slopes_sentence(in_depth[1], Y, "employees")


def test_planted_spreads_of_slopes_lie_in_their_intervals(sample, in_depth):
    """Tools: a fifth of each person's slope, and roles apart; empowerment: none; of knowledge none is stated."""
    assert 0.02 < planted_spread(sample, Y, "ex_tools") < 0.06
    assert planted_spread(sample, Y, "ex_empowerment") == 0
    said = step.slopes_truth(sample, Y, in_depth[1])
    assert "empowerment 0.00, inside" in said and "tools 0.0" in said
    assert "outside" not in said and "knowledge" not in said


def test_luck_of_a_wave_is_no_slope_of_ones_own(tmp_path):
    """Slopes are equal, waves of a person have luck of their own: no more rejections than 5 % of studies allow.

    Without levels of waves most of these studies were told that people's slopes differ.
    """
    data = open_study(tmp_path, Plan(units=60, waves=6, contacts=10))
    given = step.design(data, [], max_rows=60_000)
    rows = given.rows.collect().to_pandas()
    who = rows.groupby(["employee_id", "wave"], sort=True).ngroup().to_numpy()
    found = []
    for seed in range(4):
        luck = 0.6 * np.random.default_rng(seed).standard_normal(who.max() + 1)
        shaken = replace(given, rows=nw.from_native(duckdb.from_df(rows.assign(**{Y: rows[Y] + luck[who]}))))
        fits = step.fit_all(data, shaken, reml=True, smallest_share=0.0125)
        found += list(step.random_slopes(shaken, Y, fits, reml=True).table["p_value"])
    assert len(found) >= 4
    assert sum(p < 0.05 for p in found) <= 1


def test_slopes_that_were_switched_off_say_so(sample_fits):
    given, fits = sample_fits
    off = step.random_slopes(given, Y, fits, reml=True, asked=False)
    assert step.slopes_sentence(off, Y, "employees") == "not assessed: switched off by `random_slopes`"
    assert step.first_slope(off) == {}


def test_variants_begun_early_are_those_fitted_in_turn(sample, sample_fits, in_depth):
    given, fits = sample_fits
    variants = ahead.begin_variants(sample, given, Y, fits, reml=True)
    bare = step.without_circumstances(given, Y, fits)
    for begun, asked in ((variants.teams, in_depth[0]), (variants.bare, bare)):
        pd.testing.assert_frame_equal(begun.result().robust_table, asked.robust_table, check_exact=True)


def test_specifications_are_the_fits_they_say_they_are(sample_fits, in_depth):
    given, fits = sample_fits
    teams, slopes, found = in_depth
    assert list(found["specification"].unique()) == list(ORDER)
    by = found.set_index(["specification", "term"])["estimate"]
    bare = fit_lmm(formula_of(Y, [*given.within, *given.between, *given.waves]), given.fetched(Y), given.random)
    assert by[BARE, "ex_tools"] == pytest.approx(bare.fixef["ex_tools_within"], abs=1e-6)
    assert by[TEAMS, "ex_tools"] == teams.fixef["ex_tools_within"]
    assert by[CROSSED, "ex_tools"] == fits.kept[Y].fixef["ex_tools_within"]
    assert by[SLOPES, "ex_tools"] == slopes.table.set_index("term").loc["ex_tools", "estimate"]
    kept = found[found["specification"] != NOT_SPLIT]
    assert kept["planted"].between(kept["conf_low"], kept["conf_high"]).all()
    said = step.specifications_sentence(found, Y)
    assert "Over 5 specifications" in said
    assert "No choice among them" in said


def test_a_choice_that_matters_is_named(in_depth):
    found = in_depth[2].copy()
    turned = (found["specification"] == BARE) & (found["aspect"] == "tools")
    found.loc[turned, ["conf_low", "conf_high"]] = -0.1, 0.1
    said = step.specifications_sentence(found, Y)
    assert "holds zero in one but not in another: tools (… without circumstances)" in said


# -- roles and tenure --------------------------------------------------------------------------------


def test_roles_in_which_an_aspect_acts_differently_are_found_and_others_are_not(tmp_path):
    data = open_study(tmp_path, Plan(units=120, role_slopes=(0.1, 0.9), kpis=("ease", Y)))
    found = step.acts_alike(data)
    tests = found.tests.set_index(["aspect", "outcome"])
    assert tests.loc[("tools", Y), "verdict"] == "differs"
    assert tests.loc[("recognition", Y), "verdict"] == "not shown to differ"
    tools = found.slopes[(found.slopes["aspect"] == "tools") & (found.slopes["outcome"] == Y)]
    own = tools[tools["kind"] == "own"].set_index("who")
    for role, slope in (("role 0", 0.1), ("role 1", 0.9)):
        # satisfaction is cut at 1 and 5, which flattens slopes by a few hundredths
        assert own.loc[role, "conf_low"] - 0.05 < slope < own.loc[role, "conf_high"] + 0.05
    pooled = tools[tools["kind"] == POOLED].set_index("who")
    assert own.loc["role 0", "estimate"] < pooled.loc["role 0", "estimate"]
    assert pooled.loc["role 1", "estimate"] < own.loc["role 1", "estimate"]
    assert step.chosen_aspects(found, "role", Y, []) == ["tools"]
    assert "differs by roles** for tools" in step.alike_sentence(found, "role", Y, ["tools"])
    assert "not assessed: needs `employees.hired_on`" in step.alike_sentence(found, "tenure", Y, [])


def test_slopes_that_are_alike_are_not_said_to_differ(tmp_path):
    """Three roles, one slope: of 8 studies, each with a family held at 5 %, three false alarms or more have a
    chance below 1 %."""
    alarms = 0
    for seed in range(8):
        data = open_study(tmp_path / str(seed), Plan(units=45, contacts=4, role_slopes=(0.4, 0.4, 0.4), seed=seed))
        alarms += int((step.acts_alike(data).tests["verdict"] == "differs").any())
    assert alarms <= 2


@pytest.fixture(scope="module")
def newcomers(tmp_path_factory):
    """Half the employees were hired shortly before the first wave: tools act by 0.9 on them, and by 0.2 on the rest."""
    plan = Plan(units=120, waves=3, contacts=16, role_slopes=(0.9, 0.2))
    folder = write_study(tmp_path_factory.mktemp("newcomers"), plan)
    people = pd.read_csv(folder / "employees.csv")
    hired = people["role"].map({"role 0": "2024-12-15", "role 1": "2015-03-01"})
    people.assign(hired_on=hired, role="agent").to_csv(folder / "employees.csv", index=False)
    return open_data(load_study(folder))


def test_newcomers_on_whom_an_aspect_acts_more_are_found(newcomers):
    found = step.acts_alike(newcomers)
    tests = found.tests.set_index("aspect")
    assert set(found.tests["dimension"]) == {"tenure"}  # one role only: nothing to compare
    assert tests.loc["tools", "verdict"] == "differs"
    assert tests.loc["tools", "difference_low"] - 0.1 < 0.7 < tests.loc["tools", "difference_high"] + 0.1
    assert tests.loc["recognition", "difference_low"] < 0 < tests.loc["recognition", "difference_high"]
    said = step.alike_sentence(found, "tenure", Y, ["tools"])
    assert "In the first year a point is worth this many points more than later: tools +0." in said
    assert "effects by role need two groups" in step.alike_sentence(found, "role", Y, [])


def test_tenure_is_counted_on_the_day_of_the_contact(sample):
    """The answers of each band, counted again by SQL in days."""
    found = step.acts_alike(sample).slopes
    found = found[(found["dimension"] == "tenure") & (found["outcome"] == Y) & (found["kind"] == "own")]
    counted = found[found["aspect"] == "tools"].set_index("who")["n"]
    again = sample.query(f"""
        SELECT CASE WHEN years < 1 THEN '{BANDS[0][1]}' WHEN years < 3 THEN '{BANDS[1][1]}'
                    ELSE '{BANDS[2][1]}' END AS who, count(*) AS n
        FROM (SELECT date_diff('minute', e.hired_on::TIMESTAMP, l.started_at) / (365.25 * 1440) AS years, l.satisfaction
              FROM linked l JOIN employees e USING (employee_id) WHERE l.satisfaction IS NOT NULL)
        GROUP BY ALL ORDER BY 1""").set_index("who")["n"]
    # units that are seen once in a band say nothing of change and are left out of the slopes
    assert (counted <= again[counted.index]).all()
    assert (counted > 0.9 * again[counted.index]).all()


def test_the_sample_s_planted_slopes_by_group_lie_in_the_intervals(sample):
    """Seven planted slopes by group and KPI of tools and of knowledge: 21 intervals of 95 %, of which four may miss
    with a chance of 2 %."""
    own = step.acts_alike(sample).slopes.query("kind == 'own'").dropna(subset=["planted"])
    assert len(own) == 21
    assert own["planted"].between(own["conf_low"], own["conf_high"]).sum() >= 18


# -- scripts -----------------------------------------------------------------------------------------


def test_scripts_turn_where_planted(sample, sample_fits):
    found = step.scripts(sample, *sample_fits, reml=True)
    turns = found.turns.set_index("outcome")
    assert turns["planted"].to_dict() == pytest.approx({"ease": 3.75, "recommend": 3 + 5 / 9, Y: 3 + 2 / 3})
    assert turns["planted"].between(turns["turn_low"], turns["turn_high"]).all()
    assert turns["signs"].all()
    assert (turns["p_adjusted"] < 0.01).all()
    slopes = found.slopes.pivot(index="outcome", columns="complexity", values="estimate")
    assert (slopes[2.0] > slopes[3.0]).all()
    assert (slopes[3.0] > slopes[4.0]).all()
    assert "3 of 3 lie inside their intervals" in step.turns_planted(found)
    assert "The more complex a contact, the less" in step.turns_sentence(found, "employees")


def test_a_turn_that_may_lie_beyond_what_was_seen_is_not_said_to_be_there(sample, sample_fits):
    """Contacts are of complexity 1 to 5: an interval that reaches 6.1 also holds scripts that never get in the way."""
    found = step.scripts(sample, *sample_fits, reml=True)
    assert (found.turns["seen_low"] == 1).all()
    assert (found.turns["seen_high"] == 5).all()
    assert "It turns from better to worse at a complexity of ease" in step.turns_sentence(found, "employees")
    wide = found.turns.assign(turn_high=np.where(found.turns["outcome"] == "ease", 6.1, found.turns["turn_high"]))
    said = step.turns_sentence(replace(found, turns=wide), "employees")
    assert "at a complexity of recommend" in said
    assert "That it turns from better to worse at all, among complexities from 1 to 5, is not shown for ease" in said
    none = step.turns_sentence(replace(found, turns=wide.assign(turn_high=np.nan, turn_low=np.nan)), "employees")
    assert "It turns" not in none
    assert "the data set no bounds" in none


def test_simple_slopes_are_those_of_the_model_centred_there(sample, sample_fits):
    """Moving the origin of complexity to 2 makes the coefficient of adherence the simple slope at 2, error and all."""
    given, fits = sample_fits
    found = step.scripts(sample, given, fits, reml=True)
    at_two = found.slopes.set_index(["outcome", "complexity"]).loc[(Y, 2.0)]
    rows = given.fetched(Y).dropna(subset=["script_adherence", "complexity"])
    own = rows["script_adherence"] - rows_usual(given)[rows["employee_id"]].to_numpy()
    rows = rows.assign(own=own, usual=rows["script_adherence"] - own, how=rows["complexity"] - 2.0)
    kept = [t for t in fits.mixed[Y].terms if not t.startswith("c_complexity")]
    again = fit_lmm(f"{Y} ~ {' + '.join(kept)} + own * how + usual * how", rows, {"employee_id": "1"})
    assert at_two["estimate"] == pytest.approx(0.1 * again.fixef["own"], abs=1e-7)
    assert at_two["std_error"] == pytest.approx(0.1 * again.robust_std_error["own"], rel=1e-5)


def rows_usual(given):
    rows = rows_of(given)
    return rows.groupby("employee_id")["script_adherence"].mean()


def test_adherence_that_does_nothing_is_not_credited(sample, sample_fits):
    """Adherence drawn anew for every contact: no interaction is clear, and no simple slope after adjustment."""
    given, fits = sample_fits
    rows = rows_of(given)
    drawn = np.random.default_rng(11).uniform(0.4, 1.0, len(rows))
    found = step.scripts(
        sample, replace(given, rows=sample.lazily(rows.assign(script_adherence=drawn))), fits, reml=True
    )
    assert (found.turns["p_adjusted"] > 0.05).all()
    assert set(found.slopes["verdict"]) == {"inconclusive"}
    assert "cannot be told from chance" in step.turns_sentence(found, "employees")


# -- advocacy ----------------------------------------------------------------------------------------


def test_advocacy_is_two_way_fixed_effects_on_waves(sample, sample_fits):
    """The same by another algebra: least squares on deviations, one cell per wave."""
    found = step.advocacy(sample, sample_fits[1].effects)
    own = found.effects[found.effects["whose"] == OWN].set_index("term")
    waves = sample.exposures().assign(n_a=1, sum_a=lambda f: f["ex_recommend"]).dropna(subset=["ex_recommend"])
    again = within_slope(waves, "a", list(own.index), "employee_id", "wave").table.set_index("term")
    assert own["estimate"].to_numpy() == pytest.approx(again.loc[own.index, "estimate"].to_numpy())


def test_the_sample_s_creativity_is_rewarded_by_customers_and_hardly_by_employees(sample, sample_fits):
    """Planted for employees' recommendation: recognition weighs five times as much as creativity."""
    found = step.advocacy(sample, sample_fits[1].effects)
    by = found.effects.set_index(["whose", "aspect"])
    weights = pd.Series(sample.truth["engagement"]["aspect_weights"]).rename(lambda a: a.replace("_", " "))
    assert weights.idxmax() == by.loc[OWN, "estimate"].idxmax()
    assert weights.idxmin() == by.loc[OWN, "estimate"].idxmin()
    assert by.loc[(OWN, "creativity"), "verdict"] == "inconclusive"
    assert by.loc[(BESIDE, "creativity"), "verdict"] == "higher"
    assert "With creativity customers do, and employees do not clearly" in step.advocacy_sentence(found, "employees")


def test_who_answers_is_counted(sample):
    """Shares again, by hand: each invitation with the last satisfaction before it."""
    found = step.answering(sample)
    assert list(found["who"]) == list(advocacy_thirds())
    assert found["estimate"].between(found["conf_low"], found["conf_high"]).all()
    asked = advocacy_of_step.__globals__["ex_asked"](sample)
    asked = asked[asked["surveyed"]]
    first = sample.exposures().dropna(subset=["ex_satisfaction"]).groupby("employee_id")["responded_on"].min()
    known = pd.to_datetime(asked["invited_on"]) > pd.to_datetime(asked["employee_id"].map(first))
    assert found["n"].sum() == int(known.sum())
    assert (found["estimate"] * found["n"]).sum() == pytest.approx(asked.loc[known, "answered"].sum())
    assert "Selection" in step.selection_sentence(found, "employees")


def advocacy_thirds():
    from exlink.steps.mixed_effects.advocacy import THIRDS

    return THIRDS


def test_the_dissatisfied_who_stay_silent_are_told_with_numbers(sample):
    found = step.answering(sample)
    silent = found.assign(difference=[-0.3, 0.1, 0.2], difference_low=-0.4, difference_high=-0.2, p_adjusted=0.001)
    said = step.selection_sentence(silent, "employees")
    assert "**Selection: the dissatisfied answer less**" in said
    assert "the least satisfied against the other two thirds together: −30 points, −40 to −20" in said


# -- what the models leave over ----------------------------------------------------------------------


def test_a_line_that_bends_is_told_and_a_straight_one_is_not(planted):
    given, fits = fitted(planted, [])
    straight = step.diagnostics(planted, given, Y, fits)
    assert "Nothing here invalidates" in step.diagnostics_sentence(straight, Y, "employees")
    rows = rows_of(given)
    bow = 0.6 * (rows["ex_tools_within"] ** 2 - (rows["ex_tools_within"] ** 2).mean())
    bent = replace(given, rows=planted.lazily(rows.assign(satisfaction=rows[Y] + bow)))
    refitted = step.fit_all(planted, bent, reml=True, smallest_share=0.05, keep=Y)
    found = step.diagnostics(planted, bent, Y, refitted)
    assert "the line bends" in step.diagnostics_sentence(found, Y, "employees")


def test_residuals_are_taken_around_what_ex_and_circumstances_let_expect(sample, sample_fits):
    given, fits = sample_fits
    found = step.diagnostics(sample, given, Y, fits)
    fit, rows = fits.kept[Y], given.fetched(Y)
    fixed = fit.fixef["(Intercept)"] + sum(rows[t] * fit.fixef[t] for t in fit.fixef.index if t != "(Intercept)")
    lowest = fixed <= fixed.quantile(1 / 20)
    first = found.residuals.iloc[0]
    assert first["measure"] == "average"
    assert first["value"] == pytest.approx((rows[Y] - fixed)[lowest].mean(), abs=0.005)
    assert first["fitted"] == pytest.approx(fixed[lowest].mean(), abs=0.005)


def test_nothing_is_shown_of_fewer_people_than_the_study_allows(sample, sample_fits):
    found = step.diagnostics(sample, *([sample_fits[0], Y, sample_fits[1]]))
    assert (found.residuals["n_units"] >= sample.study.privacy.min_group).all()
    assert (found.quantiles["n_people"] >= sample.study.privacy.min_group).all()
    assert set(found.quantiles["whose"]) == {"employees", "customers", "single contacts"}


def test_employees_who_are_not_normal_are_told(planted):
    """Half the employees a point better: two heaps in place of a bell."""
    given = step.design(planted, [], max_rows=60_000)
    rows = rows_of(given)
    better = rows["employee_id"].astype("category").cat.codes.to_numpy() < 30
    heaps = replace(given, rows=planted.lazily(rows.assign(satisfaction=rows[Y] + 2.0 * better)))
    fits = step.fit_all(planted, heaps, reml=True, smallest_share=0.05, keep=Y)
    said = step.diagnostics_sentence(step.diagnostics(planted, heaps, Y, fits), Y, "employees")
    assert "What employees" in said
    assert "is not quite normal" in said


# -- studies that lack something ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "silent"), [(Plan(), 4), (Plan(waves=1), 6), (Plan(grain="team"), 4), (Plan(units=9), 7)]
)
def test_every_question_costs_one_line_at_most(tmp_path, plan, silent):
    """Studies of the four tables and nothing else: as they are, of one wave, of teams, of nine people."""
    data = open_study(tmp_path, plan)
    given, fits = fitted(data)
    slopes = step.random_slopes(given, Y, fits, reml=True)
    teams = step.with_team(data, given, Y, fits, reml=True)()
    parts = step.team_variances(data, given, Y, teams)
    bare = step.without_circumstances(given, Y, fits)
    specs = step.specifications(given, Y, fits, teams, slopes, bare)
    alike, scripted = step.acts_alike(data), step.scripts(data, given, fits, reml=True)
    said = [
        step.slopes_sentence(slopes, Y, data.people), step.team_sentence(parts, teams, data.people),
        step.specifications_sentence(specs, Y), step.turns_sentence(scripted, data.people),
        step.alike_sentence(alike, "role", Y, []), step.alike_sentence(alike, "tenure", Y, []),
        step.advocacy_sentence(step.advocacy(data, fits.effects), data.people),
        step.selection_sentence(step.answering(data), data.people),
        step.diagnostics_sentence(step.diagnostics(data, given, Y, fits), Y, data.people),
    ]  # fmt: skip
    assert all(said)
    assert not any("nan" in line.split() for line in said)
    assert sum(line.startswith("not assessed") for line in said) >= silent
