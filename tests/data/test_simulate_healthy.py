"""The healthy twin carries none of the warning signs, and the ordinary study carries all of them."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from exlink.cli import main
from exlink.data.dataset import open_data
from exlink.data.simulate import simulate_study
from exlink.data.simulate.design import HEALTHY_EXIT, Exit, World
from exlink.data.simulate.people import draw_people, draw_teams
from exlink.data.simulate.turnover import exit_logit
from exlink.data.study import load_study
from exlink.steps.touchpoint_kpis.effort import planted_sentence
from tests.data.test_simulate import table_of

SIGNS = ("top_performer_flight", "divergence", "shadow_processes", "voc_without_change")
WORLDS = [pytest.param(False, id="ordinary"), pytest.param(True, id="healthy")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for healthy in (False, True):
        made[healthy] = tmp_path_factory.mktemp(f"healthy_{healthy}")
        simulate_study(made[healthy], seed=21, healthy=healthy)
    return made


@pytest.fixture(scope="module")
def truths(folders):
    return {healthy: json.loads((folder / "truth.json").read_text()) for healthy, folder in folders.items()}


@pytest.mark.parametrize("healthy", WORLDS)
def test_the_truth_says_which_signs_are_planted(truths, healthy):
    assert truths[healthy]["signs"] == dict.fromkeys(SIGNS, not healthy)
    for place in ("diverging_teams", "unsafe_teams"):
        assert bool(truths[healthy][place]["teams"]) != healthy
    assert (truths[healthy]["faulty_site"]["site"] is None) == healthy
    assert bool(truths[healthy]["attrition"]["top_performer_x_unresolved"]) != healthy


def test_both_worlds_speak_the_same_keys(truths):
    def keys(value, path=""):
        if not isinstance(value, dict):
            return {path}
        return {key for name, inner in value.items() for key in keys(inner, f"{path}.{name}")}

    assert keys(truths[True]) == keys(truths[False])


@pytest.mark.parametrize(("plan", "rises"), [(HEALTHY_EXIT, False), (Exit(), True)])
def test_exits_follow_unresolved_escalations_in_the_ordinary_world_alone(plan, rises):
    people = SimpleNamespace(rating=np.array([3, 5]))
    calm, stuck = (exit_logit(plan, people, np.full(2, 3.6), np.full(2, 30.0), np.full(2, n)) for n in (0.0, 3.0))
    assert ((stuck > calm) == rises).all()
    assert ((stuck - calm)[1] > (stuck - calm)[0]) == rises


def test_as_many_leave_in_both_worlds(truths):
    ordinary, healthy = (truths[h]["attrition"]["mean_quarterly_hazard"] for h in (False, True))
    assert healthy == pytest.approx(ordinary, rel=0.15)


@pytest.mark.parametrize("healthy", WORLDS)
def test_off_system_minutes_are_alike_in_all_teams_of_the_healthy_twin_alone(folders, healthy):
    days = table_of(folders[healthy], "desktop_activity").to_pandas()
    team = table_of(folders[healthy], "employees").to_pandas().set_index("employee_id")["team_id"]
    daily = days[~days["managed"]].groupby(["employee_id", "day"])["minutes"].sum().reset_index()
    by_team = daily.groupby(daily["employee_id"].map(team))["minutes"].mean()
    assert (by_team.max() < 1.08 * by_team.min()) == healthy
    assert (by_team.mean() < 25) == healthy


@pytest.mark.parametrize("healthy", WORLDS)
def test_nobody_is_strained_in_the_healthy_twin(healthy):
    world, rng = World(healthy=healthy), np.random.default_rng(1)
    assert draw_people(rng, world, draw_teams(rng, world)).strain.any() != healthy


@pytest.mark.parametrize("healthy", WORLDS)
def test_feedback_is_acted_on_told_back_and_fades_in_the_healthy_twin_alone(folders, healthy):
    voc = table_of(folders[healthy], "voc_feedback").to_pandas()
    age = (voc["received_on"] - voc["received_on"].min()) / (voc["received_on"].max() - voc["received_on"].min())
    settled = voc[age < 0.75]
    acted = settled["acted_on"].notna()
    assert (acted.mean() > 0.8) == healthy
    assert (settled.loc[acted, "told_back_on"].notna().mean() > 0.85) == healthy
    assert (settled.groupby("theme")["acted_on"].count().min() > 0) == healthy
    assert bool(voc["owner_can_act"].dropna().astype(bool).all()) == healthy
    complains = ~voc["theme"].isin(["friendly and competent", "praise from my manager"])
    early, late = (voc[complains & half].groupby("theme").size() for half in (age <= 0.5, age > 0.5))
    assert ((late / early).max() < 0.75) == healthy


@pytest.mark.parametrize("healthy", WORLDS)
def test_teams_that_diverge_are_in_the_ordinary_world_alone(folders, truths, healthy):
    """Engagement of the teams by wave: the steepest fall, held against what the spread of teams makes of chance."""
    answers = table_of(folders[healthy], "ex_responses").to_pandas()
    team = table_of(folders[healthy], "employees").to_pandas().set_index("employee_id")["team_id"]
    answers = answers[answers["kpi"] == "satisfaction"]
    level = answers.groupby([answers["employee_id"].map(team), "wave"])["score"].mean().unstack()
    steps = np.arange(level.shape[1])
    trends = level.apply(lambda row: np.polyfit(steps[row.notna()], row.dropna(), 1)[0], axis=1)
    steepest = set(trends.nsmallest(3).index)
    assert (trends.min() < -0.12) != healthy
    assert steepest == set(truths[False]["diverging_teams"]["teams"]) or healthy


def test_the_healthy_twin_keeps_the_contract_and_the_effects(folders, truths):
    data = open_data(load_study(folders[True]))
    assert data.accounting["rows_rejected"].sum() == 0
    latent = {h: [(e["aspect"], e["kpi"], e["acts"]) for e in truths[h]["effects"]] for h in (False, True)}
    assert latent[True] == latent[False]


def test_a_step_says_nothing_of_shadow_teams_where_none_is_planted(truths):
    teams = pd.DataFrame({"group": ["T-01", "T-02"], "n_units": [12, 12], "estimate": [18.0, 19.0]})
    assert planted_sentence(SimpleNamespace(truth=truths[True]), teams, 8) == ""
    teams = pd.DataFrame({"group": truths[False]["off_system"]["shadow_teams"], "n_units": 12, "estimate": 90.0})
    assert "minutes a day" in planted_sentence(SimpleNamespace(truth=truths[False]), teams, 8)


def test_the_command_makes_the_healthy_twin(tmp_path):
    words = [
        "simulate",
        str(tmp_path / "s"),
        "--employees",
        "40",
        "--interactions",
        "1000",
        "--waves",
        "3",
        "--healthy",
    ]
    assert main(words) == 0
    assert not any(json.loads((tmp_path / "s" / "truth.json").read_text())["signs"].values())
