"""01: both sides of the same contacts, and how much of the answers lies with people, role by role."""

import numpy as np
import pandas as pd
import pytest

from exlink.data import coarse
from exlink.data.answers import ex_kpi_scales
from exlink.steps.journey_mapping import gap, influence, track


@pytest.fixture(scope="module")
def order(sample):
    return track.stage_order(sample)


@pytest.fixture(scope="module")
def seen(sample, order):
    return gap.stage_gaps(sample, order)


@pytest.fixture(scope="module")
def roles(sample):
    return influence.role_shares(sample, "satisfaction")


def test_gap_is_the_mean_difference_of_the_same_contacts(order, sample, monkeypatch):
    monkeypatch.setattr(gap, "_in_steps", lambda found, behind, data: found)
    seen = gap.stage_gaps(sample, order)
    raw = sample.query("""
        SELECT avg((i.satisfaction - 1) / 4 * 100) AS cx, avg((e.ex_satisfaction - 1) / 4 * 100) AS ex,
               count(*) AS n, count(DISTINCT employee_id) AS people
        FROM linked i JOIN exposures e USING (employee_id, wave)
        WHERE i.touchpoint = 'claim' AND i.satisfaction IS NOT NULL AND e.ex_satisfaction IS NOT NULL ORDER BY ALL
        """).iloc[0]
    row = seen[(seen["group"] == "claim") & (seen["kpi"] == "satisfaction")].iloc[0]
    assert row["customers"] == pytest.approx(raw["cx"])
    assert row["employees"] == pytest.approx(raw["ex"])
    assert row["estimate"] == pytest.approx(raw["cx"] - raw["ex"])
    assert (row["n"], row["n_units"]) == (raw["n"], raw["people"])
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_where_an_answer_is_that_of_few_employees_are_told_in_steps(seen, order, sample, monkeypatch):
    behind = gap._in_force(sample, "touchpoint")
    with monkeypatch.context() as patched:
        patched.setattr(gap, "_in_force", lambda data, group: behind.assign(rare=behind["group"] == "claim"))
        some = gap.stage_gaps(sample, order)
    monkeypatch.setattr(gap, "_in_steps", lambda found, behind, data: found)
    exact = gap.stage_gaps(sample, order)
    claim = some["group"] == "claim"
    pd.testing.assert_frame_equal(some[~claim], exact[~claim])
    told, true = some[claim], exact[claim]
    n = behind[behind["group"] == "claim"].set_index("kpi")["n"]
    widths = {kpi: high - low for kpi, (low, high) in ex_kpi_scales(sample).items()}
    sums = told["kpi"].map(n) * told["kpi"].map(widths) / 100  # answers' points per point of 100
    assert (told["employees"] - true["employees"]).abs().gt(1e-9).all()
    assert np.allclose(told["customers"] - told["employees"], told["estimate"])
    assert np.allclose(told["employees"] * 10, (told["employees"] * 10).round())
    half = (told["conf_high"] - told["conf_low"]) / 2
    # the interval holds the exact one, and what was given up leaves several sums of answers possible
    assert ((told["conf_low"] <= true["conf_low"]) & (told["conf_high"] >= true["conf_high"])).all()
    assert (half - (true["conf_high"] - true["conf_low"]) / 2).gt(0).all()
    assert sums.gt(coarse.APART).all()
    assert (told["p_adjusted"] >= true["p_adjusted"]).all() and told["p_adjusted"].isin(gap.P_STEPS).all()


def test_rare_answers_of_few_are_those_nobody_or_few_gave(sample):
    """By hand: how many people of a role stand behind each rounded score in force, against the minimum group."""
    raw = sample.query("""
        SELECT DISTINCT role, employee_id, wave, round(ex_ease) AS answer FROM linked JOIN exposures
        USING (employee_id, wave) WHERE ease IS NOT NULL AND ex_ease IS NOT NULL AND role IS NOT NULL ORDER BY ALL""")
    behind = gap._in_force(sample, "role").set_index(["kpi", "group"]).loc["ease"]
    low, high = ex_kpi_scales(sample)["ease"]
    for role, own in raw.groupby("role"):
        people = own.groupby("answer")["employee_id"].nunique().reindex(np.arange(low, high + 1), fill_value=0)
        assert behind.loc[role, "rare"] == (people < sample.study.privacy.min_group).any()
        assert behind.loc[role, "n"] == len(own.drop_duplicates(["employee_id", "wave"]))


def test_stages_stand_in_order_and_the_total_is_no_test(seen, order):
    assert list(dict.fromkeys(seen["group"])) == [*order, gap.ALL]
    total = seen[seen["group"] == gap.ALL]
    assert total["p_adjusted"].isna().all()
    assert not total["clear"].any()


def test_planted_low_stages_have_the_smallest_gap(seen):
    """Customers' scores are planted lowest at claims and cancellations; who serves them is much the same."""
    own = seen[(seen["kpi"] == "satisfaction") & (seen["group"] != gap.ALL)].set_index("group")["estimate"]
    assert set(own.nsmallest(2).index) == {"claim", "cancellation"}
    said = gap.gap_sentence(seen, "satisfaction")
    assert "customers are better pleased than employees" in said
    assert "at claim" in said


def test_sentence_does_not_invent_a_side(seen):
    level = seen.assign(conf_low=-5.0, conf_high=5.0, estimate=0.0)
    assert "are not shown to differ" in gap.gap_sentence(level, "satisfaction")
    assert gap.gap_sentence(seen.iloc[:0], "satisfaction") == ""


def test_roles_cover_all_contacts(sample):
    by_role = gap.role_gaps(sample)
    total = by_role[by_role["group"] == gap.ALL].set_index("kpi")["n"]
    parts = by_role[by_role["group"] != gap.ALL].groupby("kpi")["n"].sum()
    assert parts.to_dict() == total.to_dict()


def test_employees_asked_about_a_stage_by_name_are_compared_there(sample, order, monkeypatch):
    """With the coaching answers renamed to claims, the stage of that name – and no other – is compared."""
    said = gap.ex_answer_cells(sample)
    renamed = said.assign(touchpoint=said["touchpoint"].replace({"coaching": "claim"}))
    monkeypatch.setattr(gap, "shared_stages", lambda data: ["claim"])
    monkeypatch.setattr(gap, "ex_answer_cells", lambda data: renamed)
    frame = gap.stage_gaps(sample, order)
    assert set(frame["group"]) == {"claim", gap.ALL}
    row = frame[(frame["group"] == "claim") & (frame["kpi"] == "ease")].iloc[0]
    own = said[(said["touchpoint"] == "coaching") & (said["kpi"] == "ease")]
    low, high = ex_kpi_scales(sample)["ease"]
    assert row["employees"] == pytest.approx((own["sum_score"].sum() / own["n_score"].sum() - low) / (high - low) * 100)
    assert "the same stage by name: claim" in gap.compared_words(sample)


def test_without_employees_kpis_the_gap_is_not_assessed(sample, order, monkeypatch):
    monkeypatch.setattr(gap, "ex_kpi_scales", lambda data: {})
    assert gap.why_not(sample).startswith("not assessed: needs `ex_responses.kpi`")
    assert gap.stage_gaps(sample, order).empty
    assert gap.role_gaps(sample).empty


def test_team_grain_has_stages_and_no_roles(team_grain):
    assert gap.role_gaps(team_grain).empty
    assert influence.role_shares(team_grain, "satisfaction").empty
    frame = gap.stage_gaps(team_grain, track.stage_order(team_grain))
    assert frame["n_units"].max() == 20


def test_roles_average_is_what_was_planted(roles, sample):
    """Employee and team together; roles were planted to differ in slopes only, which moves their shares a little."""
    average = roles[roles["role"] == influence.AVERAGE_ROLE].iloc[0]
    assert average["conf_low"] <= average["planted"] <= average["conf_high"]
    assert set(roles["role"]) == {*sample.frame("employees")["role"], influence.AVERAGE_ROLE}
    alone, pooled = (roles[roles["series"] == s].set_index("role") for s in (influence.MEASURED, influence.POOLED))
    width = (alone["conf_high"] - alone["conf_low"]) - (pooled["conf_high"] - pooled["conf_low"]).reindex(alone.index)
    assert (width > 0).all(), "what other roles say must sharpen the guess"


def test_stage_means_are_no_share_of_people(sample, monkeypatch):
    """Specialists for a low stage: everything between people is the stage, so nothing is left."""
    rng = np.random.default_rng(1)
    rows = []
    for u in range(60):
        y = (3.0 if u % 2 else 4.0) + rng.normal(size=25)
        stage = "claim" if u % 2 else "enquiry"
        rows.append({"role": "ab"[u // 30], "touchpoint": stage, "employee_id": f"e{u}", "n_satisfaction": 25,
                     "sum_satisfaction": y.sum(), "sumsq_satisfaction": (y**2).sum()})  # fmt: skip
    monkeypatch.setattr(influence, "cx_answer_cells", lambda data, by: pd.DataFrame(rows))
    frame = influence.role_shares(sample, "satisfaction")
    assert (frame["conf_low"] == 0).all(), "no share is below none"
    assert (frame["estimate"] < 0.05).all()


def test_sentence_that_does_not_tell_roles_apart_says_how_far_they_may_be(roles):
    said = influence.role_sentence(roles, "satisfaction")
    average = roles[roles["role"] == influence.AVERAGE_ROLE].iloc[0]
    assert average["p_differ"] > 0.05, "roles were planted to differ in slopes, not in what lies between people"
    assert "are not shown to differ" in said
    assert f"by up to {100 * average['spread_high']:.1f} points" in said
    assert "do not differ" not in said
    assert f"{average['n']:,.0f} answers" in said
    assert influence.role_sentence(roles.iloc[:1], "satisfaction") == ""


def test_sentence_tells_roles_apart_only_when_they_are(roles):
    apart = roles.assign(p_differ=roles["p_differ"].where(roles["p_differ"].isna(), 0.001))
    assert "overlap, so which role matters more is inconclusive" in influence.role_sentence(apart, "satisfaction")
    pooled = (apart["series"] == influence.POOLED) & (apart["role"] == "bank advisor")
    apart.loc[pooled, ["estimate", "conf_low", "conf_high"]] = [0.9, 0.85, 0.95]
    said = influence.role_sentence(apart, "satisfaction")
    assert "Roles differ by more than chance" in said
    assert "90.0% (bank advisor)" in said
    assert "The intervals of these two do not overlap" in said


def test_sentence_of_the_gap_does_not_take_overlap_for_sameness(seen):
    wide = seen.assign(conf_low=seen["estimate"] - 60, conf_high=seen["estimate"] + 60)
    assert "Whether it differs between stages is inconclusive" in gap.gap_sentence(wide, "satisfaction")
