"""Step 03: shares of importance, corrected correlations, planted against found; on the sample and where things lack."""

import numpy as np
import pandas as pd
import pytest
from linkage_world import Plan, judged, open_study

from exlink.data.planted import WORDS
from exlink.steps import individual_linkage as step
from exlink.steps.individual_linkage import corrected, drivers, overall, overall_words, truth, words


@pytest.fixture(scope="module")
def within(sample):
    return judged(sample)


@pytest.fixture(scope="module")
def between(sample):
    return step.slopes(sample, smallest_share=0.0125, kind="between")


# -- importance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "acting"),
    [
        ("ease", {"tools", "knowledge", "collaboration"}),
        ("recommend", {"tools", "knowledge", "empowerment", "creativity"}),
        ("satisfaction", {"tools", "knowledge", "empowerment"}),
    ],
)
def test_what_was_planted_to_act_carries_most(sample, outcome, acting):
    found = drivers.importance_of_aspects(sample, outcome, reps=200, seed=1)
    table = drivers.importance_table(sample, found)
    assert set(table["aspect"][: len(acting)]) == acting
    assert set(table.loc[table["direction"] != "not clear", "aspect"]) >= acting
    assert table["share"].sum() == pytest.approx(1)
    assert table["weight"].sum() == pytest.approx(1)
    assert (table["share"] > 0).all()  # what is not clear keeps its share
    idle = table[~table["aspect"].isin(acting)]
    assert (idle["share"] < 0.1).all()
    said = drivers.importance_sentence(sample, found, outcome)
    assert "their shares are shown all the same" in said
    assert "can hardly be told apart" not in said


def test_aspects_that_say_the_same_are_named(tmp_path):
    """Tools asked twice in other words: the two are one driver, and the sentence says so."""
    data = open_study(tmp_path, Plan())
    exposures = data.exposures()
    noise = np.random.default_rng(1).normal(0, 0.02, len(exposures))
    data.exposures = lambda: exposures.assign(ex_recognition=exposures["ex_tools"] + noise)
    found = drivers.importance_of_aspects(data, "satisfaction", reps=50, seed=1)
    said = drivers.importance_sentence(data, found, "satisfaction")
    assert "can hardly be told apart (recognition with tools" in said


def test_importance_needs_two_aspects_and_two_waves(one_wave, tmp_path):
    assert drivers.importance_of_aspects(one_wave, "ease", reps=10, seed=1).startswith("not assessed: ")
    data = open_study(tmp_path, Plan())
    data.aspects = ["tools"]
    found = drivers.importance_of_aspects(data, "satisfaction", reps=10, seed=1)
    assert found == "not assessed: needs driver items of two or more aspects in `ex_responses`"


# -- corrected correlations ---------------------------------------------------------------------------


def test_corrected_values_stand_beside_the_raw_ones(sample):
    found = corrected.corrected_correlations(sample, reps=200, seed=1)
    assert len(found) == 2 * 27
    raw = step.correlations(sample, reps=200, seed=1).set_index(["kind", "term", "outcome"])["estimate"]
    same = found.set_index(["kind", "term", "outcome"])["estimate"]
    assert same.to_numpy() == pytest.approx(raw.loc[same.index].to_numpy())
    assert (found["corrected"].abs() >= found["estimate"].abs()).all()
    assert found[["reliability_x", "reliability_y"]].gt(0.2).all().all()
    assert found[["reliability_x", "reliability_y"]].lt(1).all().all()
    assert corrected.notes(found) == []
    inside = found[(found["kind"] == "within") & (found["outcome"] == "satisfaction")].set_index("term")
    assert inside.loc["ex_tools", "corrected_low"] > 0.4
    assert inside.loc["ex_recognition", "corrected_low"] < 0 < inside.loc["ex_recognition", "corrected_high"]
    said = corrected.corrected_sentence(found, "within", "satisfaction", "employees")
    assert "tools and customers' satisfaction" in said
    assert f"**{inside.loc['ex_tools', 'corrected']:.2f}**" in said


def test_the_matrix_has_both_versions_of_every_kpi_side_by_side(sample):
    found = corrected.corrected_correlations(sample, reps=20, seed=1)
    matrix = corrected.raw_and_corrected(found, "between")
    assert list(dict.fromkeys(matrix["measure"])) == [
        f"{y} {version}" for y in sample.cx_kpis for version in (corrected.RAW, corrected.CORRECTED)
    ]
    assert (matrix.groupby("measure")["aspect"].nunique() == 9).all()
    part = found[found["kind"] == "between"].set_index(["term", "outcome"]).loc[("ex_tools", "ease")]
    both = matrix[(matrix["aspect"] == "tools") & (matrix["outcome"] == "ease")].set_index("version")
    assert both.loc[corrected.RAW, "estimate"] == part["estimate"]
    assert both.loc[corrected.CORRECTED, "conf_high"] == part["corrected_high"]
    said = words.behind(matrix, "employees")
    n = {y: rows["n"].iloc[0] for y, rows in matrix.groupby("outcome")}
    assert said.startswith(f"Behind each cell: ease {n['ease']:,} answers of {part['n_units']:,} employees; ")


def test_cells_with_unlike_numbers_are_told_as_a_range():
    pairs = pd.DataFrame({"outcome": ["a", "a", "b"], "estimate": [0.1, 0.2, np.nan], "n": [1200, 900, 5],
                          "n_units": [40, 40, 2]})  # fmt: skip
    assert words.behind(pairs, "teams") == "Behind each cell: a 900 to 1,200 answers of 40 teams."
    assert words.behind(pairs.iloc[2:], "teams") == ""


def test_one_item_per_aspect_corrects_one_side_and_says_so(tmp_path):
    found = corrected.corrected_correlations(open_study(tmp_path, Plan()), reps=50, seed=1)
    inside = found[found["kind"] == "within"]
    assert inside["reliability_x"].isna().all()
    assert inside["reliability_y"].notna().all()
    one_sided = "One item only: only the customers' side is corrected: recognition and tools (within)."
    assert one_sided in corrected.notes(found)
    assert "taken out of one side (customers' averages)" in corrected.corrected_sentence(
        found, "within", "satisfaction", "employees")  # fmt: skip


def test_nine_people_carry_no_corrected_correlation(tmp_path):
    found = corrected.corrected_correlations(open_study(tmp_path, Plan(units=9)), reps=50, seed=1)
    assert found[["estimate", "corrected"]].isna().all().all()
    assert set(found["note"]) == {"fewer than 10 employees"}


def test_one_wave_has_nothing_to_correct_with(one_wave):
    found = corrected.corrected_correlations(one_wave, reps=20, seed=1)
    assert found["corrected"].isna().all()
    assert corrected.raw_and_corrected(found, "between").empty
    said = corrected.corrected_sentence(found, "between", "satisfaction", "employees")
    assert said.startswith("not assessed: no correlation between employees can be corrected (One period per unit")


# -- what the overall score leaves out ----------------------------------------------------------------


def test_the_sentence_on_the_overall_score_says_what_the_aspects_save(sample):
    fits = overall.explained(sample, "satisfaction", seed=1)
    added = overall.beyond(sample, "satisfaction", reps=100, seed=1)
    said = overall_words.beyond_sentence(added, fits, "satisfaction", "employees")
    assert "the aspects save" in said
    assert "may be chance" not in said
    assert added.iloc[0]["conf_low"] > 0.1 > added.iloc[1]["conf_high"]


# -- planted against found ----------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["ease", "recommend", "satisfaction"])
def test_every_aspect_does_what_it_was_made_to(within, between, outcome):
    found = truth.planted_and_found(within, between, outcome)
    assert len(found) == 9
    assert (found["held"] == "yes").sum() >= 8  # 95 % intervals: one of nine may miss
    assert (found["held_joint"] == "yes").sum() >= 8
    assert (found["held_between"] == "yes").sum() >= 8
    acts = found[found["what"] == WORDS["within"]]
    assert (acts["verdict"] == "higher").all()
    assert (acts["held"] == "yes").all()
    confounded = found[found["what"] == WORDS["confounded"]]
    assert (confounded["between_low"] > 0).all()
    assert not found.loc[found["what"] != WORDS["within"], "verdict"].isin(["higher", "lower"]).any()
    held, joint = ((found[column] == "yes").sum() for column in ("held", "held_joint"))
    said = truth.truth_sentence(found, outcome)
    assert f"**{held}** taken one at a time and for **{joint}** with all in one model" in said
    assert said.endswith(f"{len(acts)} of the {len(acts)} that act on it are called clear, and 0 of the "
                         f"{9 - len(acts)} that do not.")  # fmt: skip


def test_confounded_aspects_vanish_within_as_planted(within):
    """Six slopes, each of 95 %: two of six would miss zero by chance in 3 of 100 studies."""
    part = within[within["planted_kind"] == "confounded"]
    assert len(part) == 6
    assert ((part["conf_low"] < 0) & (part["conf_high"] > 0)).sum() >= 5


def test_real_data_have_no_such_table(team_grain):
    within, between = judged(team_grain), step.slopes(team_grain, smallest_share=0.0125, kind="between")
    assert truth.recovered(within, step.slopes(team_grain, smallest_share=0.0125, kind="joint")) is None
    assert truth.planted_and_found(within, between, "ease") is None
    assert truth.truth_sentence(None, "ease") == "not assessed: real data, in which nothing is planted"
