"""Small teams, two waves, survivors and lucky firsts: what the audit must not take for a sign."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.two_trends import engagement_cells, rating_cells
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import drift_words

WHERE = "exlink.steps.misalignment_audit.drift"


def nine_with_two_waves(said, rated):
    """Return the cells with a team of nine, seen in the last two waves alone, that diverges as much as can be."""
    last = sorted(said["wave"].unique())[-2:]
    moments = [float(said.loc[said["wave"] == wave, "years"].iloc[0]) for wave in last]
    people = [f"new-{i}" for i in range(9)]
    rows = {"employee_id": np.repeat(people, 2), "team_id": "nine", "wave": last * 9, "years": moments * 9}
    own, theirs = pd.DataFrame(rows), pd.DataFrame(rows)
    for frame, name, pair in ((own, "engagement", (90.0, 20.0)), (theirs, "satisfaction", (30.0, 95.0))):
        score = np.tile(pair, 9) + np.repeat(np.arange(9) - 4.0, 2)
        frame[f"n_{name}"], frame[f"sum_{name}"], frame[f"sumsq_{name}"] = 1, score, score**2
    return pd.concat([said, own], ignore_index=True), pd.concat([rated, theirs], ignore_index=True)


def assessed(data, harmless=1.0, matters=2.0):
    return step.assess_drift(data, kpi="satisfaction", sure=0.95, harmless=harmless, matters=matters)


def test_a_team_of_nine_with_two_waves_is_not_assessable_however_far_it_diverges(sample, monkeypatch):
    before = assessed(sample)
    said, rated = nine_with_two_waves(engagement_cells(sample), rating_cells(sample, "satisfaction"))
    monkeypatch.setattr(f"{WHERE}.engagement_cells", lambda data: said)
    monkeypatch.setattr(f"{WHERE}.rating_cells", lambda data, kpi: rated)
    found = assessed(sample)
    assert "nine" not in set(found.teams["group"])
    assert found.small == before.small + 1
    assert found.teams["diverging"].sum() == before.teams["diverging"].sum()
    check = step.drift_check(found, sure=0.95, harmless=1.0, matters=2.0)
    assert "not assessable: too few people were followed over enough waves" in check.sentence
    assert "not the same as aligned" in check.sentence


def test_two_waves_of_a_whole_study_are_no_trend(sample, monkeypatch):
    said, rated = engagement_cells(sample), rating_cells(sample, "satisfaction")
    last = sorted(said["wave"].unique())[-2:]
    monkeypatch.setattr(f"{WHERE}.engagement_cells", lambda data: said[said["wave"].isin(last)])
    monkeypatch.setattr(f"{WHERE}.rating_cells", lambda data, kpi: rated[rated["wave"].isin(last)])
    found = assessed(sample)
    check = step.drift_check(found, sure=0.95, harmless=1.0, matters=2.0)
    assert check.lacking == "not assessed: a trend needs at least 4 waves on both sides; this study has 2"
    assert check.verdict == "not assessable"


def test_those_who_leave_make_no_trend_of_those_who_stay(sample, monkeypatch):
    """The discontent go one by one and nobody who stays changes: the mean rises, that of the same people does not."""
    rng, waves = np.random.default_rng(2), 8
    rows = []
    for team in range(6):
        for i in range(14):
            level = 40 + 4 * i + rng.normal(0, 1)
            for wave in range(waves if i > 5 else i + 1):
                rows.append((f"{team}-{i}", f"t{team}", f"w{wave}", 0.25 * wave, level + rng.normal(0, 2)))
    said = pd.DataFrame(rows, columns=["employee_id", "team_id", "wave", "years", "sum_engagement"])
    said = said.assign(n_engagement=1, sumsq_engagement=said["sum_engagement"] ** 2)
    rated = said.rename(columns=lambda name: name.replace("engagement", "satisfaction"))
    monkeypatch.setattr(f"{WHERE}.engagement_cells", lambda data: said)
    monkeypatch.setattr(f"{WHERE}.rating_cells", lambda data, kpi: rated)
    found = assessed(sample)
    same, everyone = found.company.iloc[0], found.company.iloc[1]
    assert same["conf_low"] < 0 < same["conf_high"]
    assert everyone["conf_low"] > 0  # who is left was content all along
    assert "who joins and who goes makes the difference" in drift_words.company_sentence(found)


def test_a_first_wave_that_was_high_by_chance_is_no_fall(sample, monkeypatch):
    """Regression to the mean: the team with the best first wave of many alike is not said to fall."""
    rng, flagged = np.random.default_rng(3), 0
    for _ in range(10):
        rows = [(f"{t}-{i}", f"t{t}", f"w{w}", 0.25 * w, 60 + rng.normal(0, 12))
                for t in range(20) for i in range(9) for w in range(8)]  # fmt: skip
        said = pd.DataFrame(rows, columns=["employee_id", "team_id", "wave", "years", "sum_engagement"])
        said = said.assign(n_engagement=1, sumsq_engagement=said["sum_engagement"] ** 2)
        other = said.assign(sum_engagement=60 + rng.normal(0, 12, len(said)))
        rated = other.assign(sumsq_engagement=other["sum_engagement"] ** 2)
        rated = rated.rename(columns=lambda name: name.replace("engagement", "satisfaction"))
        monkeypatch.setattr(f"{WHERE}.engagement_cells", lambda data, cells=said: cells)
        monkeypatch.setattr(f"{WHERE}.rating_cells", lambda data, kpi, cells=rated: cells)
        flagged += int(assessed(sample).teams["diverging"].sum())
    assert flagged == 0  # of 200 teams without a trend


def test_years_of_service_that_are_not_known_of_all_are_said_to_be_left_out(sample, monkeypatch):
    from exlink.data.exit_risks import exit_risks

    risks = exit_risks(sample)
    whole = step.assess_flight(sample)
    assert whole.missing == ""
    where = "exlink.steps.misalignment_audit.flight.exit_risks"
    gap = risks.assign(tenure_years=risks["tenure_years"].where(risks["employee_id"] != risks["employee_id"].iloc[0]))
    monkeypatch.setattr(where, lambda data: gap)
    part = step.assess_flight(sample)
    assert "log_tenure" in whole.columns
    assert "log_tenure" not in part.columns
    assert part.missing.startswith("Years of service are not held equal: `employees.hired_on` is missing for some")
    assert len(part.rows) == len(whole.rows)  # nobody is dropped for it


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_few_exits_of_the_best_are_neither_a_sign_nor_its_absence(sample, monkeypatch, share):
    from exlink.data.exit_risks import exit_risks

    risks = exit_risks(sample)
    chosen = risks["top"] == share
    monkeypatch.setattr(
        "exlink.steps.misalignment_audit.flight.exit_risks",
        lambda data: risks.assign(left=risks["left"].where(~chosen, 0)),
    )
    check = step.flight_check(step.assess_flight(sample), 1.25)
    assert check.verdict == "not assessable"
    assert "neither a sign nor its absence" in check.lacking
