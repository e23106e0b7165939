"""Step 07: KPIs that pull against each other; counted by hand, a planted conflict found, silence where data lack."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.team_kpis import ENGAGEMENT, RATING, team_engagement, team_measures, team_quarters
from exlink.steps.action_loop import conflicts
from exlink.steps.action_loop.conflicts import (
    AGAINST,
    OPEN,
    TOGETHER,
    assess_conflicts,
    conflicts_sentence,
    planted_conflict,
)


@pytest.fixture(scope="module")
def found(sample):
    return assess_conflicts(sample)


def test_team_quarters_are_those_computed_without_the_engine(sample):
    cells = team_quarters(sample)
    contacts = sample.query(
        "SELECT interaction_id, employee_id, team_id, started_at, touchpoint, channel, coalesce(reason, '') AS reason, "
        "round(complexity) AS complexity, handle_seconds, satisfaction, (hash(interaction_id) % 2)::INTEGER AS half "
        "FROM interactions ORDER BY 1"
    )
    contacts["quarter"] = contacts["started_at"].dt.to_period("Q").astype(str)
    kind = contacts.groupby(["touchpoint", "channel", "reason", "complexity"], dropna=False)
    for column, goal in (("handle_seconds", "short handle time"), ("satisfaction", RATING)):
        contacts["left"] = contacts[column] - kind[column].transform("mean")
        by_hand = contacts.groupby(["team_id", "quarter", "half"])["left"].mean()
        np.testing.assert_allclose(cells.set_index(["team_id", "quarter", "half"])[goal], by_hand, atol=1e-8)
    people = contacts.groupby(["team_id", "quarter"])["employee_id"].nunique()
    assert cells[cells["half"] == 0].set_index(["team_id", "quarter"])["n_units"].to_dict() == people.to_dict()


def test_engagement_is_the_mean_of_who_was_in_the_team(sample):
    said = team_engagement(sample)
    assert said["n_said"].sum() == len(sample.exposures())
    assert said["mean"].between(0, 100).all() and said["quarter"].nunique() == 8


def test_every_pair_is_judged_in_one_family(sample, found):
    n = len(team_measures(sample)) + 1
    assert len(found.pairs) == n * (n - 1) / 2 and found.teams == 20
    assert (found.pairs["p_adjusted"] >= found.pairs["p_value"] - 1e-12).all()
    assert found.pairs["estimate"].is_monotonic_increasing
    said = conflicts_sentence(found)
    assert "No two KPIs clearly pull against each other" in said and "28 pairs, adjusted for so many" in said
    assert "would have been found four times in five" in said
    # three of twenty teams part: the pair leans against each other, and not enough for a verdict on all teams
    part = found.pairs.set_index("label").loc[f"{RATING} and {ENGAGEMENT}"]
    assert part["estimate"] < 0 and part["verdict"] == OPEN
    assert "in 3 of 20 teams" in planted_conflict(sample, found)


def test_a_conflict_that_is_put_in_is_found_in_the_right_direction(sample, monkeypatch):
    cells = team_quarters(sample)
    rng = np.random.default_rng(1)
    push = rng.normal(0, 1, 160)[pd.factorize(cells["team_id"] + cells["quarter"])[0]]
    cells["short handle time"] += 60 * push  # in seconds as measured: longer where solved more often
    cells["solved at first contact"] += 0.05 * push
    cells["not reopened"] -= 0.05 * push  # fewer reopened: both good
    monkeypatch.setattr(conflicts, "team_quarters", lambda data: cells)
    found = assess_conflicts(sample)
    verdicts = found.pairs.set_index("label")["verdict"]
    assert verdicts["short handle time and solved at first contact"] == AGAINST
    assert verdicts["solved at first contact and not reopened"] == TOGETHER
    said = conflicts_sentence(found)
    assert "**KPIs pull against each other in 2 of 28 pairs**" in said and "move" in said


def test_direction_of_the_company(sample, monkeypatch):
    cells = team_quarters(sample)
    at = cells["quarter"].map({q: i for i, q in enumerate(sorted(cells["quarter"].unique()))})
    monkeypatch.setattr(conflicts, "team_quarters", lambda data: cells.assign(**{"few transfers": 0.2 * at}))
    assert assess_conflicts(sample).directions["few transfers"] == "worse"


def test_few_people_teams_or_quarters(sample, required_only, one_wave, team_grain, monkeypatch):
    assert "this study has 20 over 1" in assess_conflicts(one_wave)
    assert (
        conflicts_sentence(assess_conflicts(one_wave)) == planted_conflict(one_wave, assess_conflicts(one_wave)) == ""
    )
    assert len(assess_conflicts(required_only).pairs) == 28
    assert assess_conflicts(team_grain).pairs["n_units"].eq(20).all()
    cells = team_quarters(sample)
    monkeypatch.setattr(conflicts, "team_quarters", lambda data: cells.assign(n_units=7))
    assert "5 teams of 8 people over 3 quarters; this study has 0" in assess_conflicts(sample)
