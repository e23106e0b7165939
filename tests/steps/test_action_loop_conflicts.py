"""Step 07: KPIs that pull against each other; counted by hand, a planted conflict found, silence where data lack."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.team_kpis import (
    ENGAGEMENT,
    RATING,
    by_team_quarter,
    said_of_work,
    team_measures,
    team_people,
    team_quarters,
)
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
    behind = team_people(sample)
    assert behind.groupby(["team_id", "quarter"]).size().to_dict() == people.to_dict()
    rated = contacts[contacts["satisfaction"].notna()].groupby(["team_id", "quarter"])["employee_id"].nunique()
    assert behind[behind[RATING]].groupby(["team_id", "quarter"]).size().to_dict() == rated.to_dict()


def test_engagement_is_the_mean_of_who_was_in_the_team(sample):
    said = by_team_quarter(said_of_work(sample))
    assert said["n_said"].sum() == len(sample.exposures())
    assert said["mean"].between(0, 100).all() and said["quarter"].nunique() == 8


def test_every_pair_is_judged_in_one_family(sample, found):
    n = len(team_measures(sample)) + 1
    assert len(found.pairs) == n * (n - 1) / 2 and found.teams == 20
    assert (found.pairs["p_adjusted"] >= found.pairs["p_value"] - 1e-12).all()
    assert found.pairs["estimate"].is_monotonic_increasing
    said = conflicts_sentence(found)
    assert "No two KPIs clearly pull against each other" in said and "28 pairs, adjusted for so many" in said
    assert "would have been found four times in five for the middle pair, had it been the only one" in said
    # three of twenty teams part: the pair leans against each other, and not enough for a verdict on all teams
    part = found.pairs.set_index("label").loc[f"{RATING} and {ENGAGEMENT}"]
    assert part["estimate"] < 0 and part["verdict"] == OPEN
    assert "in 3 of 20 teams" in planted_conflict(sample, found)


def test_each_kpi_is_measured_on_one_half_of_the_contacts_and_its_partner_on_the_other(sample):
    cells = team_quarters(sample)
    one, two = conflicts._halves(cells, by_team_quarter(said_of_work(sample)), {"short handle time": -1})
    for half, values in enumerate((one, two)):
        own = cells[cells["half"] == half].set_index(["team_id", "quarter"])["short handle time"]
        pd.testing.assert_series_equal(values["short handle time"], -own.loc[values.index])
    assert not np.isclose(one["short handle time"], two["short handle time"]).any()
    pd.testing.assert_series_equal(one[ENGAGEMENT], two[ENGAGEMENT])


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
    seven = team_people(sample).groupby(["team_id", "quarter"]).head(7)
    monkeypatch.setattr(conflicts, "team_people", lambda data: seven)
    assert "5 teams of 8 people over 3 quarters; this study has 0" in assess_conflicts(sample)


def test_people_behind_a_pair_are_those_of_the_kpi_that_fewer_are_behind(sample, found, monkeypatch):
    """In the quarters used; of fewer than eight nothing is told, in no table and no sentence."""
    people, said = team_people(sample), said_of_work(sample)
    both = people.merge(said[["team_id", "quarter"]].drop_duplicates())
    pairs = found.pairs.set_index(["first", "second"])
    assert pairs.loc[("short handle time", "few transfers"), "n_people"] == people["employee_id"].nunique()
    assert pairs.loc[("few transfers", ENGAGEMENT), "n_people"] == said["employee_id"].nunique()
    assert said["employee_id"].nunique() < both["employee_id"].nunique()
    monkeypatch.setattr(conflicts, "said_of_work", lambda data: said[said["employee_id"].isin(of)])
    for n, told in ((8, 7), (7, 0)):
        one_a_team = said.groupby(said["employee_id"]).filter(lambda g: len(g) >= 6 and g["team_id"].nunique() == 1)
        of = set(one_a_team.groupby("team_id")["employee_id"].first().head(n))
        assert len(of) == n
        answered = assess_conflicts(sample).pairs
        assert answered["second"].eq(ENGAGEMENT).sum() == told
        assert len(answered) == 21 + told and answered.loc[answered["second"].eq(ENGAGEMENT), "n_people"].eq(8).all()


def test_quarters_of_small_teams_do_not_count_their_people(sample, found, monkeypatch):
    people, key = team_people(sample), ["team_id", "quarter"]
    team = people["team_id"].iloc[0]
    own = people["team_id"] == team
    few = pd.concat([people[~own], people[own].groupby("quarter").head(3)])
    monkeypatch.setattr(conflicts, "team_people", lambda data: few)
    left = assess_conflicts(sample)
    large = few[few.groupby(key)["quarter"].transform("size") >= sample.study.privacy.min_group]
    assert left.small == found.small + people.loc[own, "quarter"].nunique() and left.teams == 19
    assert left.pairs["n_people"].max() == large["employee_id"].nunique() < found.pairs["n_people"].max()
