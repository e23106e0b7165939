"""Step 03's sentences say no more than its intervals bear out, and the same on every part of the page."""

import pandas as pd
import pytest
from linkage_world import Plan, judged, open_study

from exlink.steps import individual_linkage as step
from exlink.steps.individual_linkage import drivers, overall_words, shares, truth, words


@pytest.fixture(scope="module")
def silent(tmp_path_factory):
    """Nothing acts on customers."""
    return open_study(tmp_path_factory.mktemp("silent"), Plan(slope=0.0, seed=3))


def one_aspect(within, between):
    keys = {"aspect": ["calm"], "term": ["ex_calm"], "outcome": ["ease"], "n_units": [90]}
    parts = (pd.DataFrame({**keys, "verdict": [word], "planted_kind": [""]}) for word in (within, between))
    return step.readings(*parts)


@pytest.mark.parametrize(
    ("between", "reading", "said"),
    [
        ("inconclusive", "nothing within that matters; between inconclusive",
         "Within, nothing that matters moves with calm; between, that is inconclusive."),
        ("no meaningful association", "nothing that matters, within or between",
         "Neither within nor between does anything that matters go with calm."),
    ],
)  # fmt: skip
def test_an_interval_that_holds_zero_between_is_no_absence(between, reading, said):
    both = one_aspect("no meaningful association", between)
    assert both["reading"].tolist() == [reading]
    assert words.readings_sentence(both, "ease", "employees") == said


def test_what_is_not_assessed_is_not_called_absent():
    both = one_aspect("not assessed", "higher")
    assert words.readings_sentence(both, "ease", "teams") == "What goes with ease is not assessed."


def test_the_smallest_slope_that_matters_is_named_in_points_and_customers(sample):
    said = words.matters_sentence(judged(sample), 0.0125)
    assert "0.05 points of ease, 0.125 points of recommend and 0.05 points of satisfaction" in said
    assert said.endswith("For ease that is as if one customer in 20 answered a point higher.")
    wide = judged(sample).assign(smallest=1.25)
    assert "customer in" not in words.matters_sentence(wide, 0.0125)


def test_touchpoints_stand_in_journey_order_and_dark_cells_are_not_findings(sample):
    found = step.touchpoint_correlations(sample, reps=50, seed=1)
    order = list(dict.fromkeys(found["touchpoint"]))
    assert order[0] == "onboarding"
    assert order[-1] == "renewal"
    shown = pd.Series(False, index=found.index)
    said = words.touchpoints_sentence(found, "satisfaction", shown)
    assert "at field visit: dark cells there may be chance." in said  # 28 people
    nothing = words.touchpoints_sentence(found.assign(clear=False), "satisfaction", shown)
    assert nothing.startswith("**No aspect's correlation with satisfaction is clear at any touchpoint**")
    many = words.touchpoints_sentence(found.assign(clear=True), "satisfaction", shown)
    assert many.startswith("**63 of 63 pairs of aspect and touchpoint are clear**")
    assert "No other pair" not in many
    hidden = found["touchpoint"] == "field visit"
    assert "field visit" not in words.touchpoints_sentence(found, "satisfaction", hidden)


def test_the_overall_score_is_defined_and_its_guards_are_seen_when_they_pass(sample):
    found = drivers.importance_of_aspects(sample, "satisfaction", reps=50, seed=1)
    said = overall_words.guard_sentence(sample, found.collinearity)
    assert said.startswith("The overall score is the mean of employees' answers to 8 items, ")
    assert "no mean of the aspects (they account for 30% of it, R²)" in said
    assert "No two aspects go along too closely to be told apart: the largest correlation" in said


def test_where_nothing_acts_the_truth_says_so():
    found = pd.DataFrame({"what": ["does nothing"] * 3, "verdict": ["inconclusive", "higher", "inconclusive"],
                          "held": ["yes", "no", "yes"], "held_joint": "yes"})  # fmt: skip
    said = truth.truth_sentence(found, "ease")
    assert said.startswith("Nothing acts on ease in these simulated data. 1 of the 3 aspects are called clear;")
    assert "0 of the 0" not in said


def test_a_study_without_assignments_says_that_moves_are_unknown(sample, required_only, team_grain):
    said = [words.linked_sentence(step.panel_facts(d), step.stages(d)) for d in (sample, required_only, team_grain)]
    assert ["needs `assignments`; everybody counts where `employees` has them" in text for text in said] == [
        False, True, False,
    ]  # fmt: skip


def test_the_planted_share_has_a_column_only_where_something_was_planted(sample, silent):
    assert "planted" in shares.shares_columns(shares.shares(sample))
    assert "planted" not in shares.shares_columns(shares.shares(silent))
    assert "planted" not in shares.shares_columns("not assessed: x")


def test_a_reason_is_told_once():
    assert step.said_above("", "Within") == ""
    assert step.said_above("not assessed: a long reason", "Within") == "not assessed: see “Within” above"
