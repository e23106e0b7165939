"""Step 04, direction: right where the truth is known, cautious in small studies, silent where it is blind."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exlink.data.between_answers import answer_spans, between_answers, stretches_of
from exlink.data.dataset import open_data
from exlink.data.ex_index import INDEX, ex_index
from exlink.data.simulate.study import simulate_study
from exlink.data.study import load_study
from exlink.errors import ParameterError
from exlink.stats.direction import direction
from exlink.steps.mixed_effects import direction_words as ways
from exlink.steps.mixed_effects.direction import AHEAD, BACK, CORRECTED, INSTRUMENTED, PLACEBO, find_direction
from exlink.steps.mixed_effects.direction_truth import planted_direction, with_planted_direction

LAGS = [-1, 0, 1, 2]


def found_in(data, outcome="satisfaction", lags=LAGS):
    return find_direction(data, outcome, lags, 0.05)


@pytest.fixture(scope="module")
def on_sample(sample):
    return found_in(sample)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Return a function that simulates a world, of the default size where nothing else is said, and opens it."""

    def simulated(direction, **sizes):
        folder = tmp_path_factory.mktemp(direction)
        simulate_study(folder, direction=direction, **sizes)
        return open_data(load_study(folder), threads=1)

    return simulated


def test_the_sample_plants_one_direction_and_that_one_is_found(sample, on_sample):
    assert planted_direction(sample) == (True, False)
    assert (on_sample.verdict.verdict, on_sample.verdict.placebo_failed) == ("forward", False)
    grid = with_planted_direction(sample, on_sample, "satisfaction").set_index(["way", "direction", "lag"])
    for key in ((CORRECTED, AHEAD, 0), (INSTRUMENTED, AHEAD, 0), (CORRECTED, BACK, 0), (PLACEBO, AHEAD, -1)):
        row = grid.loc[key]
        assert row["conf_low"] <= row["planted"] <= row["conf_high"], key
    assert grid.loc[(CORRECTED, AHEAD, 0), "planted"] == pytest.approx(0.39, abs=0.05)
    assert np.isnan(grid.loc[(INSTRUMENTED, AHEAD, 1), "planted"])


def test_aspects_that_act_are_told_from_those_that_do_not(on_sample):
    ahead = on_sample.aspects[on_sample.aspects["direction"] == AHEAD].set_index("aspect")
    assert set(ahead.index[ahead["verdict"] == "higher"]) == {"tools", "knowledge", "empowerment"}
    assert (on_sample.aspects.loc[on_sample.aspects["direction"] == BACK, "verdict"] == "inconclusive").all()
    kpis = on_sample.kpis.set_index(["direction", "outcome"])["verdict"]
    assert (kpis[AHEAD] == "higher").all()
    assert (kpis[BACK] == "inconclusive").all()


@pytest.mark.parametrize(("direction", "verdict"), [("cx-to-ex", "backward"), ("both", "both")])
def test_the_verdict_turns_with_the_world(world, direction, verdict):
    data = world(direction)  # as `exlink simulate --direction` writes it
    found = found_in(data, lags=[-1, 0])
    assert found.verdict.verdict == verdict
    assert found.verdict.placebo_failed
    lines = ways.direction_lines(data, found, "satisfaction")
    assert "is **right**" in ways.truth_sentence(data, found)
    assert "the true one is larger" in lines[2]
    assert with_planted_direction(data, found, "satisfaction").query("direction == @BACK")["planted"].isna().all()


def test_a_tiny_study_is_inconclusive_and_says_what_it_takes(world):
    data = world("both", employees=40, interactions=1_000, waves=3, seed=5)
    found = found_in(data)
    assert found.verdict.verdict == "inconclusive"
    assert ways.direction_facts(found, ["x"], "satisfaction", LAGS)["verdict"] == "inconclusive"
    said = " ".join(ways.direction_lines(data, found, "satisfaction"))
    assert "would have been found in four of five tries" in said or "no estimate" in said
    assert "is **cautious**" in ways.truth_sentence(data, found)


def test_without_a_second_wave_one_honest_line_is_all(one_wave):
    found = found_in(one_wave)
    assert found.reason.startswith("not assessed: effects within employees need")
    assert ways.direction_sentence(ways.direction_lines(one_wave, found, "satisfaction")) == found.reason
    assert ways.direction_facts(found, [found.reason], "satisfaction", LAGS)["verdict"] == "not assessed"
    assert found.grid.empty and found.kpis.empty and found.aspects.empty
    assert ways.labelled(with_planted_direction(one_wave, found, "satisfaction")).empty


def test_four_tables_and_teams_are_enough(required_only, team_grain, on_sample):
    pd.testing.assert_frame_equal(found_in(required_only).grid, on_sample.grid)
    by_team = found_in(team_grain)
    assert by_team.ahead["n_units"] <= 20
    assert "teams" in ways.direction_lines(team_grain, by_team, "satisfaction")[1]


def test_no_contact_counts_on_the_wrong_side_of_an_answer():
    answers = pd.DataFrame({"u": ["a", "a", "a", "b"], "responded_on": pd.to_datetime(
        ["2025-01-10", "2025-02-01", "2025-08-01", "2025-03-01"])})  # fmt: skip
    spans = answer_spans(answers, "u", lag_days=14, window_days=91)
    day = pd.to_datetime(spans["from_day"], unit="D"), pd.to_datetime(spans["to_day"], unit="D")
    shown = {(r.row, r.side): (f"{a:%m-%d}", f"{b:%m-%d}") for r, a, b in zip(spans.itertuples(), *day, strict=True)}
    assert shown[(0, "after")] == ("01-24", "02-01")  # the next answer ends it, not the day that one begins to act
    assert shown[(1, "before")] == ("01-24", "02-01")
    assert shown[(1, "after")] == ("02-15", "05-17")  # the window ends it
    assert shown[(2, "before")] == ("05-02", "08-01")
    assert shown[(3, "before")] == ("11-30", "03-01")


def test_cells_are_what_counting_by_hand_gives(sample):
    cells = between_answers(sample, ["satisfaction"])
    exposures = sample.exposures()
    for person in cells["employee_id"].unique()[:6]:
        own = exposures[exposures["employee_id"] == person].reset_index(drop=True)
        contacts = sample.query(
            f"SELECT started_at, satisfaction FROM interactions WHERE employee_id = '{person}' "
            "AND satisfaction IS NOT NULL ORDER BY ALL"
        )
        for at in range(1, len(own)):
            answered = own["responded_on"][at]
            since = max(answered - pd.Timedelta(days=91), own["responded_on"][at - 1] + pd.Timedelta(days=14))
            before = contacts[(contacts["started_at"] >= since) & (contacts["started_at"] < answered)]["satisfaction"]
            cell = cells[(cells["employee_id"] == person) & (cells["wave"] == own["wave"][at])].iloc[0]
            assert len(before) == cell["n_before_satisfaction"]
            assert len(before) == 0 or before.mean() == pytest.approx(cell["before_satisfaction"])


def test_both_sides_are_what_each_answer_sees_by_itself(sample):
    kpis = sample.cx_kpis
    cells = between_answers(sample, kpis)
    answers = sample.exposures()[["employee_id", "wave", "responded_on"]]
    linkage = sample.study.linkage
    spans = answer_spans(answers, "employee_id", linkage.lag_days, linkage.window_days)
    contacts = sample.query(f"SELECT employee_id, started_at, {', '.join(kpis)} FROM interactions ORDER BY ALL")
    day = contacts["started_at"].to_numpy().astype("datetime64[D]").astype("int64")
    met = contacts.assign(day=day).merge(spans, on="employee_id")
    met = met[(met["day"] >= met["from_day"]) & (met["day"] < met["to_day"])]
    for side, part in met.groupby("side"):
        for kpi in kpis:
            told = part.groupby("row")[kpi].agg(["count", "mean"]).reindex(cells.index)
            assert told["count"].fillna(0).tolist() == cells[f"n_{side}_{kpi}"].tolist()
            np.testing.assert_allclose(cells[f"{side}_{kpi}"], told["mean"], rtol=1e-12)


def test_time_is_cut_where_a_span_begins_or_ends_and_belongs_to_one_answer_a_side():
    spans = pd.DataFrame(
        [("a", 0, "after", 5, 10), ("a", 1, "after", 10, 20), ("a", 1, "before", 5, 8), ("b", 2, "before", 7, 9)],
        columns=["u", "row", "side", "from_day", "to_day"],
    )
    cut = stretches_of(spans, "u")
    assert cut.to_numpy().tolist() == [
        ["a", 5, 0, 1], ["a", 8, 0, -1], ["a", 10, 1, -1], ["a", 20, -1, -1], ["b", 7, -1, 2], ["b", 9, -1, -1],
    ]  # fmt: skip


def test_the_index_does_not_move_when_an_aspect_is_left_out(sample, monkeypatch):
    whole = ex_index(sample)
    full = sample.exposures()
    columns = [c for c in full.columns if c.startswith("ex_") and c[3:] in sample.aspects]
    assert whole[INDEX].to_numpy() == pytest.approx(full[columns].mean(axis=1).to_numpy())
    lacking = full.copy()
    lacking.loc[lacking["wave"] == "2025Q3", "ex_recognition"] = np.nan
    monkeypatch.setattr(sample, "exposures", lambda: lacking)
    gap = ex_index(sample).loc[lacking["wave"] == "2025Q3", INDEX].mean() - whole[INDEX].mean()
    others = full.loc[full["wave"] == "2025Q3", columns].drop(columns="ex_recognition")
    assert gap == pytest.approx((others - full[others.columns].mean()).mean(axis=1).mean(), abs=0.005)
    lacking[columns[:5]] = np.nan
    assert ex_index(sample)[INDEX].isna().all()


@pytest.mark.parametrize("lags", [[], [1, 2], [0, 1.5], [0, 12], ["0"], [True, 0]])
def test_a_lag_grid_that_makes_no_sense_is_refused(sample, lags):
    with pytest.raises(ParameterError, match="is no grid of whole waves"):
        found_in(sample, lags=lags)


def told(data, found, **sides):
    """Return the lines of a study in which slopes and verdicts of the sides are others."""
    return ways.direction_lines(data, replace(found, **sides), "satisfaction")


def test_a_verdict_for_experience_says_what_it_cannot_exclude(sample, on_sample):
    lines = told(sample, on_sample)
    assert "comes first" in lines[0] and "unless something else moved both in the same wave" in lines[0]
    assert "within a wave it cannot exclude" in lines[3]
    assert "as it should be" not in lines[3]


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((0.02, 0.09), "It is there, but small"),
        ((-0.3, -0.1), "runs against"),
        ((-0.09, 0.09), "would matter, wherever"),
    ],
)
def test_a_small_effect_and_one_of_the_other_sign_are_not_called_alike(sample, on_sample, bounds, words):
    ahead = on_sample.ahead.copy()
    ahead["conf_low"], ahead["conf_high"] = bounds
    verdict = direction(ahead, on_sample.back, None, smallest=on_sample.smallest)
    assert verdict.verdict == "contradicted"
    line = told(sample, on_sample, ahead=ahead, verdict=verdict)[1]
    assert words in line
    assert ("runs against" in line) == (bounds[1] < 0)


def test_experience_that_falls_after_good_contacts_is_told(sample, on_sample):
    back = on_sample.back.copy()
    back["estimate"], back["conf_low"], back["conf_high"] = -0.2, -0.3, -0.1
    verdict = direction(on_sample.ahead, back, None, smallest=on_sample.smallest)
    line = told(sample, on_sample, back=back, verdict=verdict)[2]
    assert "runs against" in line and "not shown" not in line
