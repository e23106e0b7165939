"""Step 04, errors: what teams share in a wave, and how the page says that people are few."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from linkage_world import Plan, open_study

from exlink.data.dataset import open_data
from exlink.data.simulate import simulate_study
from exlink.data.study import load_study
from exlink.steps import mixed_effects as step
from exlink.steps.mixed_effects.few import FEW, few_changes, few_units, too_few_changes
from exlink.steps.mixed_effects.outcomes import WorkFits


def test_the_sample_s_teams_share_little_luck(sample):
    """Nothing is planted by team and wave that moves customers' answers."""
    found = step.team_luck(sample)
    assert list(found["outcome"]) == list(sample.cx_kpis)
    assert found["ratio"].between(0.9, 1.1).all()
    assert "Teams share little luck" in step.team_luck_sentence(found, "employees")
    assert step.team_luck_facts(found).keys() == set(sample.cx_kpis)


def test_teams_that_share_luck_are_told(sample, monkeypatch):
    """EX and answers of a team go up and down together: a third of what moves either within people."""
    module = import_module("exlink.steps.mixed_effects.team_luck")  # the package has a function by that name
    cells, rng = module.panel_cells(sample, ["team_id"]), np.random.default_rng(3)
    at = cells.groupby(["team_id", "wave"], sort=True).ngroup().to_numpy()
    shock = rng.standard_normal(at.max() + 1)[at]
    shaken = cells.assign(
        ex_tools=cells["ex_tools"] + 0.4 * shock,
        sum_satisfaction=cells["sum_satisfaction"] + 0.5 * shock * cells["n_satisfaction"],
    )
    monkeypatch.setattr(module, "panel_cells", lambda data, by: shaken)
    found = step.team_luck(sample)
    assert found.set_index("outcome").loc["satisfaction", "largest"] > 1.3
    assert "are too short" in step.team_luck_sentence(found.assign(ratio=1.4), "employees")


def test_teams_and_few_teams_are_one_line(team_grain, tmp_path):
    assert step.team_luck(team_grain).startswith("not assessed: this study compares teams")
    few = step.team_luck(open_study(tmp_path, Plan()))
    assert few == "not assessed: what teams share in a wave needs 10 teams with answers"
    assert step.team_luck_facts(few) == {}
    assert step.team_luck(team_grain, "because") == "because"


def test_intervals_of_few_people_are_called_too_short():
    assert few_units(FEW, "employees") == ""
    assert few_units(float("nan"), "employees") == ""
    assert few_units(FEW - 1, "employees").startswith(
        "With 39 employees the intervals of this section are somewhat too"
    )


@pytest.mark.parametrize(("units", "said"), [(30, True), (60, False)])
def test_the_page_says_so_where_shares_are_modelled(units, said):
    row = {
        "effect": "within",
        "outcome": "reopened",
        "aspect": "tools",
        "clear": False,
        "mde": 1.0,
        "estimate": 0.1,
        "n_units": units,
    }
    work = WorkFits(pd.DataFrame([row]), {}, None, [], None)
    assert ("somewhat too short" in step.work_sentence(work, "employees")) == said


def test_too_few_changes_within_people_are_not_told(tmp_path):
    """Forty people, two waves, nothing acts: one interval in five missed zero, most studies showed a ‘clear’ one."""
    folder = simulate_study(tmp_path / "tiny", seed=4, employees=40, interactions=1000, waves=2, direction="none")
    data = open_data(load_study(folder), threads=1)
    work = step.fit_work(data, ["channel"])
    assert work.effects.empty
    assert any("changes between waves of the same employees are too few for 9 aspects" in f for f in work.failures)
    assert step.work_sentence(work, "employees") == ""
    fits = step.fit_all(data, step.design(data, ["channel"], max_rows=60_000), reml=True, smallest_share=0.0125)
    assert step.FIXED not in set(fits.effects["specification"])
    assert step.MIXED in set(fits.effects["specification"])  # whose intervals hold what they say
    assert any("fixed effects on satisfaction" in f and "too few for 9 aspects" in f for f in fits.failures)


@pytest.mark.parametrize(("changes", "told", "said"), [(26, False, True), (27, True, True), (90, True, False)])
def test_changes_are_counted_against_aspects(changes, told, said):
    assert (too_few_changes(changes, 9, "employees") == "") is told
    assert (few_changes(changes, 9) != "") is said
