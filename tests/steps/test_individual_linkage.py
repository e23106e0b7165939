"""Step 03 finds what is planted, stays silent where nothing is, and says in words what it cannot do."""

import numpy as np
import pandas as pd
import pytest
from linkage_world import Plan, judged, open_study

from exlink.data.panel import panel_cells
from exlink.errors import ParameterError
from exlink.steps import individual_linkage as step
from exlink.steps.individual_linkage import overall, overall_words, ranking, shares, truth, words


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Sixty employees in four waves; tools acts, recognition only goes along with a trait."""
    return open_study(tmp_path_factory.mktemp("planted"), Plan())


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """As planted, but the overall score is a rating of its own, not a sum of the aspects."""
    return open_study(tmp_path_factory.mktemp("rated"), Plan(overall_noise=0.3))


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """Nothing acts on customers, and employees do not differ."""
    return open_study(tmp_path_factory.mktemp("silent"), Plan(slope=0.0, trait=0.0, unit_sd=0.0, seed=3))


@pytest.fixture(scope="module")
def teams(tmp_path_factory):
    """One wave of EX per team, nothing per employee; customers were asked one question."""
    plan = Plan(waves=1, grain="team", contacts=30)
    return open_study(tmp_path_factory.mktemp("teams"), plan)


def of(frame, term, **where):
    for column, value in where.items():
        frame = frame[frame[column] == value]
    return frame.set_index("term").loc[term]


def test_every_lost_interaction_has_a_stage(planted):
    stages = step.stages(planted)
    assert stages["rows"].iloc[0] - stages["lost"].sum() == stages["rows"].iloc[-1]
    assert stages["rows"].is_monotonic_decreasing
    assert stages["n_units"].tolist() == [60] * len(stages)


def test_the_panel_holds_no_interaction_twice_and_none_before_its_ex(planted):
    facts = step.panel_facts(planted)
    assert facts["linked"] == len(planted.frame("interactions"))
    assert facts["unit_waves"] == 60 * 4
    assert facts["first_day_after_ex"] >= 0
    assert facts["ex_before_cx"]


def test_within_slopes_find_what_acts_and_not_what_goes_along(planted):
    within = step.slopes(planted, smallest_share=0.05)
    tools, recognition = of(within, "ex_tools"), of(within, "ex_recognition")
    assert tools["conf_low"] < 0.5 < tools["conf_high"]
    assert tools["verdict"] == "higher"
    assert recognition["conf_low"] < 0 < recognition["conf_high"]
    assert recognition["verdict"] == "no meaningful association"


def test_between_slopes_show_the_confounder_that_within_slopes_do_not(planted):
    within = step.slopes(planted, smallest_share=0.05)
    between = step.slopes(planted, smallest_share=0.05, kind="between")
    assert of(between, "ex_recognition")["verdict"] == "higher"
    both = step.readings(within, between).set_index("term")["reading"]
    assert both["ex_recognition"] == "only between"
    assert both["ex_tools"] == "moves with customers' answers"


def test_correlations_of_the_two_kinds_are_separate_rows(planted):
    pairs = step.correlations(planted, reps=200, seed=1)
    assert set(pairs["kind"]) == {"within", "between"}
    assert of(pairs, "ex_tools", kind="within")["conf_low"] > 0.3
    assert of(pairs, "ex_recognition", kind="within")["conf_low"] < 0
    assert of(pairs, "ex_recognition", kind="between")["conf_low"] > 0
    assert set(pairs["aspect"]) == {"tools", "recognition", "overall satisfaction"}


def test_where_nothing_acts_nothing_is_clear(silent):
    within = judged(silent, 0.05)
    assert not within["clear"].any()
    assert "No aspect clearly moves" in words.slopes_sentence(within, "satisfaction", silent.people)


def test_the_overall_score_sends_you_to_what_weighs_in_it(rated):
    assert overall.overall_reason(rated) == ""
    joint = step.slopes(rated, smallest_share=0.05, kind="joint")
    ranks = overall.two_rankings(rated, joint, judged(rated, 0.05), "satisfaction", reps=200, seed=1)
    assert ranks["aspect"].tolist() == ["recognition", "tools"]  # planted weights 0.8 and 0.2
    assert ranks["weight"].to_numpy() == pytest.approx([0.8, 0.2], abs=0.1)
    assert ranks["rank_cx"].tolist() == [2, 1]
    said = overall_words.advice_sentence(ranks, "satisfaction")
    assert ranks["places_overall"].tolist() == ["1", "2"]
    assert said == (
        "The overall score alone would have sent you to **recognition**, which weighs most in it. What clearly moves "
        "with customers' satisfaction is **tools**. With recognition, nothing that matters moves in customers' "
        "satisfaction. This is about customers; who stays is another matter (step 05)."
    )


def test_an_overall_score_that_is_a_sum_of_the_aspects_is_not_explained_by_them(planted):
    said = overall.overall_reason(planted)
    assert said.startswith("not assessed: employees' overall satisfaction score is a weighted sum of the aspects (R² ")
    assert overall.explained(planted, "satisfaction", seed=1).startswith("not assessed: ")


def test_the_overall_score_adds_nothing_to_the_aspects_that_act(rated):
    """Planted: tools alone acts, and weighs a fifth of the overall score."""
    fits = overall.explained(rated, "satisfaction", seed=1).set_index("model")
    assert fits.loc["all aspects", "saved"] > 0.1
    assert fits.loc["all aspects", "conf_low"] > 0
    assert np.isnan(fits.loc["overall score alone", "saved"])  # it is what the others are measured against
    assert fits["loss_cv"].idxmin() == "all aspects"
    added = overall.beyond(rated, "satisfaction", reps=200, seed=1).set_index("what")
    aspects, score = added.iloc[0], added.iloc[1]
    assert aspects["conf_low"] > 0.1
    assert score["conf_low"] < 0.01
    gap = fits["rsquared"]
    assert aspects["estimate"] == pytest.approx(gap["overall score and aspects"] - gap["overall score alone"])


def test_the_overall_score_accounts_for_less_than_the_aspects(sample):
    fits = overall.explained(sample, "satisfaction", seed=1).set_index("model")["rsquared_cv"]
    assert fits["all aspects"] > 5 * fits["overall score alone"]
    joint = step.slopes(sample, smallest_share=0.0125, kind="joint")
    within = judged(sample)
    ranks = overall.two_rankings(sample, joint, within, "satisfaction", reps=200, seed=1).set_index("aspect")
    assert list(ranks.index[:2]) == ["recognition", "workload"]  # planted: they weigh most there and do nothing
    of_both = within[within["outcome"] == "satisfaction"].set_index("aspect")["verdict"]
    assert ranks["verdict"].equals(of_both.loc[ranks.index])  # one page, one verdict per aspect and KPI
    assert ranks.loc["creativity", "verdict"] == "inconclusive"
    # an interval clear of zero is not enough among 27 tests: the sentence and the heat map say the same
    assert ranks.loc["workload", "conf_low"] > 0
    assert ranks.loc["workload", "p_adjusted"] > 0.05
    said = overall_words.advice_sentence(ranks.reset_index(), "satisfaction")
    assert "With recognition, nothing that matters moves" in said
    assert "workload" not in said  # second by a hair: its place is anywhere behind the first
    assert ranks.loc["recognition", "places_overall"] == "1"
    assert ranks["rank_overall_high"].iloc[1:].min() >= 8
    assert "the places of the others (2 to 9) overlap and are no order" in said
    assert "is **tools, knowledge and empowerment**." in said
    assert "money" not in said


def ranked(**verdicts):
    """Return aspects with their verdicts, in the order of the overall score; slopes fall in the order given."""
    names = list(verdicts)
    low = [min(k + 1, 3) for k in range(len(names))]  # the first two places are clear, those behind overlap
    return pd.DataFrame({"aspect": names, "verdict": list(verdicts.values()), "rank_overall": range(1, len(names) + 1),
                         "rank_overall_low": low, "rank_overall_high": [1, 2, *[len(names)] * (len(names) - 2)],
                         "rank_cx": range(len(names), 0, -1)})  # fmt: skip


CUSTOMERS_ONLY = "This is about customers; who stays is another matter (step 05)."


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ({"a": "higher", "b": "higher", "c": "inconclusive"},
         "in it. Customers' ease clearly moves with them too."),
        ({"a": "inconclusive", "b": "inconclusive", "c": "inconclusive"},
         "in it. No aspect clearly goes with customers' ease within the same people. Whether anything moves "
         f"for customers with a and b is inconclusive. {CUSTOMERS_ONLY}"),
        ({"a": "inconclusive", "b": "no meaningful association", "c": "higher"},
         "in it. What clearly moves with customers' ease is **c**. With b, nothing that matters moves in customers' "
         f"ease. Whether anything moves for customers with a is inconclusive. {CUSTOMERS_ONLY}"),
        ({"a": "higher", "b": "inconclusive", "c": "higher", "d": "higher"},
         "in it; the places of the others (3 to 4) overlap and are no order. What clearly moves with customers' ease "
         f"is **d, c and a**. Whether anything moves for customers with b is inconclusive. {CUSTOMERS_ONLY}"),
        ({"a": "lower", "b": "lower", "c": "higher"},
         "in it. What clearly moves with customers' ease is **c**. Customers' ease moves *against* a and b: more of it "
         f"goes with less. {CUSTOMERS_ONLY}"),
    ],
)  # fmt: skip
def test_only_what_is_known_not_to_matter_is_said_not_to_matter(verdicts, said):
    whole = overall_words.advice_sentence(ranked(**verdicts), "ease")
    assert whole == f"The overall score alone would have sent you to **a and b**, which weigh most {said}"


def test_without_clear_places_the_overall_score_sends_nowhere():
    unclear = ranked(a="higher", b="inconclusive", c="inconclusive").assign(rank_overall_low=1, rank_overall_high=3)
    assert overall_words.advice_sentence(unclear, "ease") == (
        "The overall score alone would not have told you where to begin: the places of all aspects (1 to 3) overlap "
        "and are no order. What clearly moves with customers' ease is **a**."
    )


def test_an_overall_score_with_little_of_its_own_is_warned_of(rated):
    assert overall.caution(rated) == ""
    exposures = rated.exposures()
    noise = 0.1 * np.random.default_rng(1).standard_normal(len(exposures))
    near = exposures.assign(ex_satisfaction=exposures[["ex_tools", "ex_recognition"]].mean(axis=1) + noise)

    class Near:
        aspects, label = rated.aspects, rated.label

        def exposures(self):
            return near

    said = overall.caution(Near())
    assert said.startswith("Employees' overall satisfaction score is nearly made of the aspects (R² 0.9")
    assert overall.tautology(Near()) == ""
    ranks = ranked(a="higher", b="higher", c="higher")
    assert overall_words.trap_sentence(ranks, "not assessed: x", "ease", said).startswith(
        f"{said} The overall score alone"
    )


def test_an_aspect_that_borrows_its_slope_is_not_called_clear(sample):
    """Coaching does nothing, and moves along with what acts on ease: alone its slope stands clear of zero."""
    within = judged(sample).set_index(["aspect", "outcome"])
    row = within.loc[("coaching", "ease")]
    assert row["planted_kind"] == "confounded"
    assert row["alone_verdict"] == "higher"
    assert row["joint_low"] < 0 < row["joint_high"]
    assert row["verdict"] == "inconclusive"
    assert not row["clear"]
    flat = within.reset_index()
    assert "coaching on ease" in words.slopes_notes(flat, 0.0125)[-1]
    assert "Clear alone and not beside the other aspects" in words.slopes_sentence(flat, "ease", "employees")
    assert "Clear alone and not" not in words.slopes_sentence(flat, "satisfaction", "employees")
    assert "coaching on ease" not in words.clear_words(flat)
    assert "tools on ease +0.18, beside the others +0.17" in words.clear_words(flat)


def test_verdicts_stand_only_where_both_say_the_same():
    words_alone = ["higher", "higher", "lower", "no meaningful association", "higher", "not assessed"]
    alone = pd.DataFrame({"aspect": list("abcdef"), "term": list("abcdef"), "outcome": "ease", "verdict": words_alone,
                          "clear": False})  # fmt: skip
    other = ["higher", "inconclusive", "higher", "inconclusive", "not assessed", "higher"]
    joint = alone.assign(verdict=other, estimate=0.1, conf_low=0.0, conf_high=0.2, p_adjusted=0.1, planted=np.nan)
    both = step.judged_together(alone, joint.iloc[::-1])
    assert both["aspect"].tolist() == list("abcdef")
    assert both["verdict"].tolist() == ["higher", *["inconclusive"] * 3, "higher", "not assessed"]
    assert both["clear"].tolist() == [True, False, False, False, True, False]
    assert both["joint_verdict"].tolist() == other


def test_the_share_left_out_is_below_the_share_fitted(silent):
    noise = np.random.default_rng(0).normal(size=240)
    exposures = silent.exposures()
    cells = exposures.assign(n_y=1, sum_y=noise, sumsq_y=noise**2)
    moments = overall.within_moments(cells, "y", ["ex_tools", "ex_recognition"], "employee_id", "wave")
    folds = np.arange(len(moments.units)) % overall.FOLDS
    fitted = overall.share(moments, [0, 1])
    missed, total = (overall.left_out_losses(moments, chosen, folds).sum() for chosen in ([0, 1], []))
    left_out = 1 - missed / total
    assert 0 <= fitted < 0.05
    assert left_out < fitted


def test_a_variance_that_is_not_there_has_no_interval_and_no_ranking():
    """A share of zero: no number of answers would help, and no bound is made up for it."""
    found = pd.DataFrame({
        "outcome": "ease", "term": ["employee_id", "residual"], "source": ["employee", "single contact"],
        "estimate": [0.0, 1.0], "conf_low": [np.nan, 0.99], "conf_high": [np.nan, 1.0], "n": 900, "n_units": 30,
    })  # fmt: skip
    assert "(95 %" not in shares.shares_sentence(found, "employee_id", "ease", "employees")
    row = {"outcome": "ease", "answers_quarter": 12.0, "reliability_quarter": 0.0, "reliability_quarter_low": np.nan,
           "reliability_quarter_high": np.nan, "verdict": "do not rank", "needed_80": np.nan,
           "quarters_80": np.nan}  # fmt: skip
    verdict, because = ranking.ranking_verdict(pd.DataFrame([row]), "ease", "employees", needed=0.8)
    assert verdict == "Do not rank employees on customers' ease."
    assert "cannot be told from zero" in because
    assert "no number of answers would help" in because
    assert "nan" not in because


def test_variance_shares_add_up_and_ranking_is_refused_on_few_answers(planted):
    found = shares.shares(planted)
    assert found["estimate"].sum() == pytest.approx(1)
    trust = ranking.reliability(planted, found, needed=0.99)
    row = trust.iloc[0]
    assert row["verdict"] == "do not rank"
    assert row["needed_70"] < row["needed_80"]
    sentence, reason = ranking.ranking_verdict(trust, "satisfaction", "employees", needed=0.99)
    assert sentence.startswith("Do not rank employees")
    assert f"{row['needed_80']:,.0f} answers" in reason


def test_ranking_is_tolerable_where_means_repeat(planted):
    trust = ranking.reliability(planted, shares.shares(planted), needed=0.1)
    assert trust["verdict"].tolist() == ["ranking tolerable"]


def test_a_reliability_that_is_not_sure_is_not_enough_to_rank(planted):
    """What is needed lies between the estimate and its lower bound: the estimate alone would allow to rank."""
    found = shares.shares(planted)
    first = ranking.reliability(planted, found, needed=0.5).iloc[0]
    needed = (first["reliability_quarter"] + first["reliability_quarter_low"]) / 2
    trust = ranking.reliability(planted, found, needed=needed)
    assert trust["verdict"].tolist() == ["do not rank"]
    sentence, reason = ranking.ranking_verdict(trust, "satisfaction", "employees", needed=needed)
    assert sentence.startswith("Do not rank")
    assert "its interval does not" in reason
    assert "below" not in reason


def test_reliability_is_the_share_that_comes_back(planted):
    """Odd and even answers of the same employee correlate as Spearman and Brown say."""
    rows = planted.sample_linked()
    half = rows.groupby(["employee_id", rows.groupby("employee_id").cumcount() % 2])["satisfaction"].mean().unstack()
    found = shares.shares(planted)
    by = found.set_index("term")["estimate"]
    icc = by["employee_id"] + by["team_id"]
    expected = ranking.reliability_of_mean(icc, 40)
    assert half.corr().iloc[0, 1] == pytest.approx(float(expected), abs=0.08)


def test_the_distribution_counts_everybody_once_and_shrinks(planted):
    bins, facts = ranking.last_quarter(planted, shares.shares(planted), "satisfaction", seed=1)
    counts = ranking.answers_per_unit(planted)
    assert set(bins.groupby("kind")["n_units"].sum()) == {int((counts["last_satisfaction"] > 0).sum())}
    assert facts["sd_shrunken"] < facts["sd_raw"]
    assert facts["in_teams"] == (shares.shares(planted).set_index("term").loc["team_id", "variance"] > 0)
    assert "each is pulled to the " in ranking.spread_sentence(facts, planted.people)
    assert not set(bins.columns) & {"employee_id", "term"}


def test_everybody_belongs_to_the_team_of_most_answers(planted):
    """Ten employees to a team; somebody without a linked answer in the quarter is a team of one."""
    units = pd.Series([f"U-{k:03d}" for k in (0, 9, 10, 19, 59)] + ["U-999", "T-0"])
    codes = ranking.teams_of(planted, units)
    assert codes.tolist() == [0, 0, 1, 1, 2, 3, 4]


def test_without_differences_between_employees_no_number_of_answers_helps(silent):
    found = shares.shares(silent)
    trust = ranking.reliability(silent, found, needed=0.8)
    assert trust["verdict"].tolist() == ["do not rank"]
    assert trust["reliability_quarter"].iloc[0] < 0.5
    # a variance of 1e-25 must not ask for 1e26 answers: what cannot be told from zero counts as zero
    for edge in (found.assign(conf_low=np.nan, conf_high=np.nan), found.assign(estimate=1e-25, conf_low=0.0)):
        assert ranking.reliability(silent, edge, needed=0.8)["needed_80"].isna().all()
    verdict, because = ranking.ranking_verdict(trust, "satisfaction", "employees", needed=0.8)
    assert verdict.startswith("Do not rank")
    assert "nan" not in because
    assert "nan" not in shares.shares_sentence(found, "employee_id", "satisfaction", "employees")


def test_a_single_wave_leaves_only_the_comparison_between_units(teams):
    assert step.within_reason(teams).startswith("not assessed: effects within teams")
    within = step.slopes(teams, smallest_share=0.05)
    assert within["estimate"].isna().all()
    assert (within["verdict"] == "not assessed").all()
    between = step.slopes(teams, smallest_share=0.05, kind="between")
    assert of(between, "ex_recognition")["verdict"] == "higher"
    assert set(step.side_by_side(within, between, "satisfaction")["effect"]) == {"between"}
    assert "teams" in words.correlations_sentence(step.correlations(teams, reps=50, seed=1), "between", teams.people)


def test_touchpoint_correlations_count_each_unit_once(teams):
    found = step.touchpoint_correlations(teams, reps=50, seed=1)
    assert set(found["touchpoint"]) == {"claim", "enquiry"}
    cells = panel_cells(teams, ["touchpoint"])
    part = cells[cells["touchpoint"] == "claim"]
    by_hand = np.corrcoef(part["ex_recognition"], part["sum_satisfaction"] / part["n_satisfaction"])[0, 1]
    assert of(found, "ex_recognition", touchpoint="claim")["estimate"] == pytest.approx(by_hand)
    assert (found["n_units"] == 60).all()


def test_what_a_study_lacks_costs_one_line(teams):
    assert overall.overall_reason(teams).startswith("not assessed: employees' overall satisfaction score is a weighted")
    joint = step.slopes(teams, smallest_share=0.05, kind="joint")
    assert overall.two_rankings(teams, joint, judged(teams, 0.05), "satisfaction", reps=50, seed=1).startswith(
        "not assessed:"
    )
    assert step.focus_outcome(teams, "") == "satisfaction"
    with pytest.raises(ParameterError, match=r"focus is 'recommend'; it must be one of satisfaction\."):
        step.focus_outcome(teams, "recommend")
    assert step.recovery(step.slopes(teams, smallest_share=0.05)) is None


def test_simultaneous_measurement_is_said():
    facts = {"ex_before_cx": False, "median_days_after_ex": 0.0}
    assert "direction is not assessed" in words.direction_sentence(facts)


def test_results_repeat_and_do_not_depend_on_the_order_of_rows(planted):
    first = step.slopes(planted, smallest_share=0.05)
    pd.testing.assert_frame_equal(first, step.slopes(planted, smallest_share=0.05))


# -- the committed sample, and studies that lack something --------------------------------------------


def test_the_sample_gives_back_what_was_planted(sample):
    within, joint = judged(sample), step.slopes(sample, smallest_share=0.0125, kind="joint")
    between = step.slopes(sample, smallest_share=0.0125, kind="between")
    found = truth.recovered(within, joint).set_index("planted")
    assert found["pairs"].sum() == 27
    assert found[["covered", "covered_joint"]].sum().min() >= 24  # 95 % intervals: 3 of 27 may miss
    assert found.loc["acts on this KPI", "clear_both"] == 10
    # each adjustment bounds the share of false ones among the slopes called clear; it does not promise none
    idle = found.loc[["only goes along between persons", "does nothing", "acts on another KPI only"]]
    assert (idle[["clear", "clear_joint"]].sum() <= 1).all()
    assert idle["clear_both"].sum() == 0
    assert step.recovery(between).set_index("planted").loc["only goes along between persons", "clear"] == 6


def test_the_sample_s_variance_shares_cover_the_planted_ones(sample):
    found = shares.shares(sample).dropna(subset=["planted"])
    covered = (found["conf_low"] <= found["planted"]) & (found["planted"] <= found["conf_high"])
    assert len(found) == 9
    assert covered.sum() >= 8
    assert (found["message"] == "").all()
    everything = shares.shares(sample)
    assert everything.groupby("outcome")["estimate"].sum().to_numpy() == pytest.approx([1, 1, 1])
    assert set(everything["source"]) == {"employee", "customer", "team", "reason for contact", "single contact"}
    said = shares.shares_sentence(everything, "employee_id", "satisfaction", "employees")
    assert "sits with the employee** (95 % interval " in said
    assert "most of the rest with the single contact" in said


@pytest.mark.parametrize("study", ["required_only", "one_wave", "team_grain"])
def test_every_part_works_or_says_why_not(study, request):
    data = request.getfixturevalue(study)
    outcome = step.focus_outcome(data, "satisfaction")
    within, between = (step.slopes(data, smallest_share=0.0125, kind=k) for k in ("within", "between"))
    assert len(within) == len(between) == len(data.aspects) * len(data.cx_kpis)
    assert within["estimate"].notna().any() == (step.within_reason(data) == "")
    assert len(step.readings(within, between)) == len(within)
    assert step.stages(data)["rows"].is_monotonic_decreasing
    joint = step.slopes(data, smallest_share=0.0125, kind="joint")
    together = step.judged_together(within, joint)
    assert (together["verdict"] == "not assessed").equals(within["verdict"] == "not assessed")
    assert words.slopes_sentence(together, outcome, data.people)
    trap = overall.two_rankings(data, joint, together, outcome, reps=50, seed=1)
    for found in (trap, overall.explained(data, outcome, seed=1), shares.shares(data)):
        assert not isinstance(found, str) or found.startswith("not assessed: ")
    said = words.linked_sentence(step.panel_facts(data), step.stages(data))
    assert (" employees " in said) == (data.people == "employees")


def test_in_a_reversed_world_the_sentences_say_the_opposite(sample, reversed_sample):
    """The same answers with EX mirrored: what was higher is lower, in the verdicts and in the words."""
    within, turned = (judged(d) for d in (sample, reversed_sample))
    between, turned_between = (step.slopes(d, smallest_share=0.0125, kind="between") for d in (sample, reversed_sample))
    up, down = words.strongest(within, "satisfaction"), words.strongest(turned, "satisfaction", "lower")
    assert len(up) > 0
    assert list(down["aspect"]) == list(up["aspect"])
    assert words.strongest(turned, "satisfaction").empty
    said = words.slopes_sentence(turned, "satisfaction", "employees")
    assert f"When {up['aspect'][0]} is a point better" in said
    assert f"{up['estimate'][0]:.2f} points lower**" in said
    assert "higher**" not in said
    assert "No aspect" not in said
    readings = words.readings_sentence(step.readings(turned, turned_between), "satisfaction", "employees")
    assert up["aspect"][0] in readings.split("moves *against* ")[1].split(":")[0]
    assert "have happier customers" not in readings
    assert "have less happy customers" in readings
    assert "have happier customers" in words.readings_sentence(
        step.readings(within, between), "satisfaction", "employees")  # fmt: skip
    joint = step.slopes(reversed_sample, smallest_share=0.0125, kind="joint")
    trap = overall.two_rankings(reversed_sample, joint, turned, "satisfaction", reps=50, seed=1)
    advice = overall_words.advice_sentence(trap, "satisfaction")
    assert "No aspect clearly goes with" in advice
    assert "moves *against* " in advice


def test_a_contact_on_the_day_of_the_ex_answer_does_not_count_as_after_it(sample, same_day):
    assert step.panel_facts(sample)["ex_before_cx"]
    facts = step.panel_facts(same_day)
    assert facts["first_day_after_ex"] == 0
    assert 0 < facts["not_after_share"] < 0.1
    assert not facts["ex_before_cx"]
    said = words.direction_sentence(facts)
    assert "Every linked contact follows" not in said
    assert "which came first is not known" in said


def test_a_handful_of_people_carries_no_slope(tmp_path):
    found = step.slopes(open_study(tmp_path, Plan(units=9)), smallest_share=0.0125, kind="between")
    assert found["estimate"].isna().all()
    assert set(found["verdict"]) == {"not assessed"}
    assert set(found["note"]) == {"fewer than 10 employees"}
