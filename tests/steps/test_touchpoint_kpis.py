"""02: every KPI is what its formula says, gaps are named, nothing refused is computed all the same."""

import numpy as np
import pandas as pd
import pytest

from exlink.data import kpis
from exlink.data.kpis import KPIS, Kpi, lacking
from exlink.errors import ParameterError
from exlink.stats.reliability import cronbach_alpha
from exlink.steps.touchpoint_kpis import dictionary, indices, scores, trend


@pytest.fixture(scope="module")
def table(sample):
    return scores.kpi_table(sample)


@pytest.fixture(scope="module")
def at(table):
    return table.set_index(["side", "kpi", "touchpoint"])


@pytest.fixture(scope="module")
def contacts(sample):
    return sample.query(
        "SELECT employee_id, touchpoint, ease, recommend, satisfaction, resolved_first_contact "
        "FROM interactions ORDER BY interaction_id"
    )


# -- dictionary (M7) ---------------------------------------------------------------------------------


def test_every_kpi_says_what_it_is():
    frame = dictionary.dictionary()
    assert len(frame) == len(KPIS)
    assert frame.notna().all().all()
    assert (frame.map(str.strip) != "").all().all()


def test_the_lint_names_the_side_that_lacks_a_kpi():
    assert lacking() == {"resolution": "ex"}
    assert lacking(tuple(k for k in KPIS if k.name != "eNPS"))["recommend"] == "ex"
    assert dictionary.registry_gaps() == ["the dictionary defines no KPI of employees for resolution"]


def test_mirror_tells_a_gap_in_the_study_from_a_gap_in_the_dictionary(sample, required_only):
    full = dictionary.mirror(sample).set_index("concept")
    assert (full.loc[["ease", "recommend", "satisfaction"], "verdict"] == "both sides").all()
    assert full.loc["resolution", "employees"] == dictionary.NOT_DEFINED
    assert "resolution" in dictionary.mirror_sentence(full.reset_index())
    nobody = dictionary.mirror(sample).assign(verdict="neither side")
    assert "Nobody is asked" in dictionary.mirror_sentence(nobody)
    assert dictionary.mirror(required_only).set_index("concept").loc["ease", "verdict"] == "both sides"


# -- scores ------------------------------------------------------------------------------------------


def test_customers_kpis_follow_their_formulas(at, contacts):
    claims = contacts[contacts["touchpoint"] == "claim"]
    nps = 100 * ((claims["recommend"] >= 9).sum() - (claims["recommend"] <= 6).sum()) / claims["recommend"].count()
    want = {
        "CES": claims["ease"].mean(),
        "NPS": nps,
        "CSAT": 100 * (claims["satisfaction"].dropna() >= 4).mean(),
        "Satisfaction": claims["satisfaction"].mean(),
        "FCR": 100 * claims["resolved_first_contact"].mean(),
    }
    for kpi, value in want.items():
        row = at.loc[("customers", kpi, "claim")]
        assert row["estimate"] == pytest.approx(value), kpi
        assert row["conf_low"] < value < row["conf_high"]
    assert at.loc[("customers", "CSAT", "claim"), "n"] == claims["satisfaction"].count()
    answering = claims.dropna(subset="satisfaction")["employee_id"].nunique()
    assert at.loc[("customers", "CSAT", "claim"), "n_units"] == answering


def test_employees_kpis_follow_their_formulas(at, sample):
    said = sample.query("SELECT kpi, score FROM ex_responses WHERE kpi IN ('recommend', 'satisfaction') ORDER BY ALL")
    recommend = said.loc[said["kpi"] == "recommend", "score"]
    assert at.loc[("employees", "eNPS", "all"), "estimate"] == pytest.approx(
        100 * ((recommend >= 9).mean() - (recommend <= 6).mean())
    )
    assert at.loc[("employees", "ESAT", "all"), "estimate"] == pytest.approx(
        100 * (said.loc[said["kpi"] == "satisfaction", "score"] >= 4).mean()
    )


def test_a_kpi_is_added_by_a_row(sample, monkeypatch):
    reopened = Kpi("Reopened", "cx", "lasting", "share", "share of contacts opened again", "%", "lower is better",
                   "interactions.reopened", "house measure")  # fmt: skip
    for module in (kpis, scores):
        monkeypatch.setattr(module, "KPIS", (*KPIS, reopened))
    found = scores.kpi_table(sample).set_index(["kpi", "touchpoint"])
    share = sample.query("SELECT 100 * avg(reopened::INT) AS share FROM interactions ORDER BY 1")["share"][0]
    assert found.loc[("Reopened", "all"), "estimate"] == pytest.approx(share)
    assert found.loc[("FCR", "all"), "estimate"] != pytest.approx(share)
    assert lacking((*KPIS, reopened))["lasting"] == "ex"


def test_clustered_intervals_are_wider_than_those_of_independent_answers(at, contacts):
    row = at.loc[("customers", "Satisfaction", "all")]
    naive = contacts["satisfaction"].std() / np.sqrt(contacts["satisfaction"].count())
    assert (row["conf_high"] - row["conf_low"]) / 2 > 1.3 * 1.96 * naive


def test_nps_on_another_scale_is_refused_in_words(sample):
    study = sample.study.model_copy(update={"scales": {**sample.study.scales, "recommend": (0, 5)}})
    other = type("Data", (), {"study": study, "cx_kpis": sample.cx_kpis, "has": sample.has, "query": sample.query})()
    (nps,) = [k for k in KPIS if k.name == "NPS"]
    assert "0–10 scale" in scores.reason_not_assessed(other, nps)


def test_averages_of_units_give_no_shares(team_grain):
    frame = scores.kpi_table(team_grain)
    assert not {"ESAT", "eNPS"} & set(frame["kpi"])
    assert {"Employee satisfaction", "NPS", "CSAT"} <= set(frame["kpi"])
    assert any("averages" in line for line in scores.unassessed(team_grain))


def test_missing_resolution_is_said(team_grain, sample):
    assert any("resolved_first_contact" in line for line in scores.unassessed(team_grain))
    assert scores.unassessed(sample) == []


def test_both_sides_stand_beside_each_other(table):
    frame = scores.mirrored(table).set_index("measure")
    assert frame.loc["resolution (%)", "employees"] == "–"
    assert "−" in frame.loc["recommendation (points)", "employees"]
    assert (frame["n_units"] <= 240).all()
    said = scores.mirrored_sentence(table, 8)
    assert said.startswith("**NPS is")
    assert "%" not in said.split("**")[1]
    assert scores.mirrored_sentence(table, 10_000) == ""
    near_zero = pd.Series({"estimate": -0.2, "conf_low": -24.4, "conf_high": 0.3})
    assert scores._words(near_zero, "points") == "0 (−24 to 0)"


def test_touchpoints_are_sorted_by_the_first_kpi_and_planted_low_ones_come_first(table):
    frame = table.loc[scores.at_touchpoints(table, scores.CX)]
    first = frame[frame["kpi"] == frame["kpi"].iloc[0]]
    assert first["estimate"].is_monotonic_increasing
    assert set(first["touchpoint"].head(2)) == {"claim", "cancellation"}
    assert "all" not in set(frame["touchpoint"])


def test_overlap_is_called_inconclusive():
    frame = pd.DataFrame(
        {
            "touchpoint": ["a", "b"],
            "kpi": "NPS",
            "unit": "points",
            "estimate": [1.0, 4.0],
            "conf_low": [-5.0, -2.0],
            "conf_high": [7.0, 10.0],
            "n": 50,
            "n_units": 20,
        }
    )
    assert "inconclusive" in scores.touchpoint_sentence(frame, "customers", 8)
    assert scores.touchpoint_sentence(frame, "customers", 30) == ""
    assert "(1.00)" in scores.touchpoint_sentence(frame.assign(unit="score"), "customers", 8)


def test_people_on_either_side_of_a_share_are_counted(at, sample):
    said = sample.query(
        "SELECT DISTINCT employee_id, score >= 4 AS top FROM ex_responses WHERE kpi = 'satisfaction' "
        "AND touchpoint = 'promotion' ORDER BY ALL"
    )
    row = at.loc[("employees", "ESAT", "promotion")]
    assert (row["n_yes"], row["n_no"]) == (said["top"].sum(), (~said["top"]).sum())
    said = sample.query("SELECT employee_id, score FROM ex_responses WHERE kpi = 'recommend' ORDER BY ALL")
    row = at.loc[("employees", "eNPS", "all")]
    people = {name: set(said.loc[which, "employee_id"]) for name, which in (
        ("up", said["score"] > 8), ("passive", said["score"].between(7, 8)), ("down", said["score"] < 7))}  # fmt: skip
    for side, name in (("n_yes", "up"), ("n_no", "down")):  # passives once, promoters or detractors twice
        assert row[side] == 2 * len(people[name]) + len(people["passive"] - people[name])
    said = sample.query("SELECT employee_id, score FROM ex_responses WHERE kpi = 'satisfaction' ORDER BY ALL")
    row = at.loc[("employees", "Employee satisfaction", "all")]
    own = said.groupby("employee_id")["score"].mean()  # in half scales, from either end
    assert (row["n_yes"], row["n_no"]) == (np.ceil(((own - 1) / 2).sum()), np.ceil(((5 - own) / 2).sum()))
    row = at.loc[("customers", "Satisfaction", "all")]
    assert row["n_no"] == row["n_yes"] == row["n_units"], "a mean of customers has no sides: everybody is on both"


def test_a_hidden_side_is_called_hidden_and_no_value_is_invented(table):
    mask = (table["side"] == "employees") & (table["concept"] == "ease")
    part = table.astype({"n": float, "n_units": float})
    part.loc[mask, ["estimate", "conf_low", "conf_high", "n", "n_units"]] = np.nan
    frame = scores.mirrored(part).set_index("measure")
    assert frame.loc["ease (score)", "employees"] == "hidden"
    assert "hidden" not in scores.mirrored_sentence(part, 8)


# -- trend (M10) -------------------------------------------------------------------------------------


def test_no_more_alarms_than_chance_where_nothing_was_planted_to_jump(sample):
    frame = trend.customers(sample)
    assert len(frame) == frame["panel"].nunique() * 24
    assert frame["alarm"].mean() < 0.05
    assert ((frame["lower"] < frame["centre"]) & (frame["centre"] < frame["upper"])).all()


def test_an_outage_raises_an_alarm(sample, monkeypatch):
    def outage(data, by, period):
        cells = original(data, by, period)
        bad = cells["when"] == "2026-02"
        cells.loc[bad, "sum_satisfaction"] = cells.loc[bad, "n_satisfaction"] * 1.0
        cells.loc[bad, "sumsq_satisfaction"] = cells.loc[bad, "n_satisfaction"] * 1.5
        return cells

    original = trend.cx_answer_cells
    monkeypatch.setattr(trend, "cx_answer_cells", outage)
    frame = trend.customers(sample)
    caught = frame[frame["alarm"] & (frame["when"] == "2026-02")]
    assert caught["panel"].nunique() >= 5
    assert "2026-02" in trend.trend_sentence(frame, "customers' scores", 8)


def test_a_drift_is_found_and_noise_is_not():
    when = [f"2026-{m:02d}" for m in range(1, 13)]
    rng = np.random.default_rng(5)
    flat = pd.DataFrame({"panel": "flat", "when": when, "value": 70 + rng.normal(0, 1, 12), "n": 100, "n_units": 50})
    rise = flat.assign(panel="rising", value=flat["value"] + np.arange(12))
    said = trend.drift_sentence(pd.concat([flat, rise]), "them", 8)
    assert "rising by +" in said
    assert "flat" not in said
    assert "No steady drift" in trend.drift_sentence(flat, "them", 8)


def test_one_wave_has_no_trend_and_says_so(one_wave):
    frame = trend.employees(one_wave)
    assert frame.empty
    assert trend.trend_sentence(frame, "the employees' side", 8).startswith("not assessed")
    assert trend.drift_sentence(frame, "them", 8) == ""


def test_what_is_hidden_elsewhere_has_no_series_and_is_named(sample):
    frame = trend.customers(sample, without=["claim"])
    assert "claim" not in set(frame["panel"])
    assert len(frame), "the others stay"
    usual, other = trend.employees(sample), trend.employees(sample, without=["everyday work"])
    assert other["n"].sum() < usual["n"].sum(), "the next touchpoint stands in"
    every = sample.query("SELECT DISTINCT touchpoint FROM ex_responses ORDER BY ALL")["touchpoint"]
    assert trend.employees(sample, without=every).empty
    assert trend.left_out_sentence(["claim"], 8).startswith("claim is left out: fewer than 8")
    assert trend.left_out_sentence([], 8) == ""


def test_unknown_width_of_period_is_refused(sample):
    with pytest.raises(ParameterError, match="every is 'week'; it must be one of month, quarter"):
        trend.customers(sample, "week")


def test_employees_are_followed_at_their_main_touchpoint(sample):
    frame = trend.employees(sample)
    assert list(dict.fromkeys(frame["panel"])) == ["ease", "recommend", "satisfaction"]
    everyday = sample.query("""
        SELECT avg(score) AS m FROM ex_responses WHERE touchpoint = 'everyday work' AND kpi = 'ease'
        AND quarter(responded_on) = 4 AND year(responded_on) = 2024 ORDER BY m""")["m"].iloc[0]
    row = frame[(frame["panel"] == "ease") & (frame["when"] == "2024Q4")].iloc[0]
    assert row["value"] == pytest.approx((everyday - 1) / 4 * 100, abs=0.5)  # told in steps of one per cent


# -- indices (M8) ------------------------------------------------------------------------------------


def test_alpha_rests_on_one_answer_per_person(sample):
    frame = indices.indices(sample).set_index("aspect")
    assert len(frame) == len(sample.aspects)
    latest = sample.query("""
        SELECT employee_id, item, score FROM ex_responses WHERE aspect = 'tools' AND kpi = 'driver'
        QUALIFY responded_on = max(responded_on) OVER (PARTITION BY employee_id) ORDER BY ALL""")
    items = latest.pivot(index="employee_id", columns="item", values="score")
    assert frame.loc["tools", "alpha"] == pytest.approx(cronbach_alpha(items)["estimate"].iloc[0])
    assert frame.loc["tools", "n_units"] == len(items)
    assert frame.loc["psychological safety", "alpha_low"] < frame.loc["psychological safety", "alpha"]


def test_single_items_have_no_alpha_and_say_why(team_grain, monkeypatch):
    query = team_grain.query
    monkeypatch.setattr(
        team_grain,
        "query",
        lambda sql: query(sql).pipe(
            lambda f: f[f["item"].str.endswith("_1")].reset_index(drop=True) if "item" in f else f
        ),
    )
    frame = indices.indices(team_grain)
    assert frame["alpha"].isna().all()
    assert frame["note"].str.contains("at least 2 items").all()
    assert "one item" in indices.indices_sentence(frame, 8)


def test_many_alarms_of_a_series_are_counted_and_few_are_named():
    frame = pd.DataFrame({"panel": "claim", "when": [f"2025-{k:02d}" for k in range(1, 9)], "n_units": 50})
    few = frame.assign(alarm=frame.index < 2, rule="outside the limits")
    assert "claim (2025-01: outside the limits, 2025-02: outside the limits)" in trend.trend_sentence(few, "x", 8)
    many = frame.assign(alarm=True, rule="outside the limits")
    assert "claim (8 points, the first 2025-01: outside the limits)" in trend.trend_sentence(many, "x", 8)


def test_lowest_and_highest_are_said_with_those_they_cannot_be_told_from(sample):
    table = scores.kpi_table(sample)
    said = scores.touchpoint_sentence(table.loc[scores.at_touchpoints(table, scores.CX)], scores.CX, 8)
    assert "NPS of customers is lowest at cancellation" in said
    assert "overlaps with claim" in said
    for name in ("enquiry", "onboarding"):
        assert name in said.split("that of the highest")[1]


def test_ease_has_rows_of_its_own_unless_means_are_shown_already(sample):
    table = scores.kpi_table(sample)
    for side, kpi in ((scores.CX, "CES"), (scores.EX, "Employee ease")):
        ease = table.loc[scores.ease_at_touchpoints(table, side)]
        assert set(ease["kpi"]) == {kpi}
        assert ease["estimate"].is_monotonic_increasing
        assert "all" not in set(ease["touchpoint"])
    assert scores.ease_at_touchpoints(table[table["unit"] == "score"], scores.CX) == []
    said = scores.touchpoint_sentence(table.loc[scores.ease_at_touchpoints(table, scores.EX)], scores.EX, 8)
    assert "Employee ease of employees" not in said
