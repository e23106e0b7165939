"""Slopes by role and tenure: what is planted is found, what is not is not, and what is lacking costs a line."""

import pytest
from linkage_world import Plan, open_study

from exlink.steps import individual_linkage as step
from exlink.steps.individual_linkage import roles


@pytest.fixture(scope="module")
def unlike(tmp_path_factory):
    """Tools acts three times as much in one role as in another; recognition does nothing in any."""
    return open_study(tmp_path_factory.mktemp("unlike"), Plan(units=120, waves=6, role_slopes=(0.2, 0.4, 0.6)))


def test_roles_that_differ_are_found_and_pulled_together(unlike):
    found = roles.differences(unlike)
    tests = found.tests.set_index(["dimension", "term"])
    assert tests.loc[("role", "ex_tools"), "verdict"] == "differs"
    # the planted slopes have an SD of 0.2 between roles
    assert tests.loc[("role", "ex_tools"), "tau_low"] < 0.2 < tests.loc[("role", "ex_tools"), "tau_high"]
    part = roles.of_aspect(found, "ex_tools", "satisfaction").set_index(["kind", "who"])
    raw, pooled = part.loc["as measured"], part.loc["pooled in part"]
    assert ((raw["conf_low"] < [0.2, 0.4, 0.6]) & (raw["conf_high"] > [0.2, 0.4, 0.6])).all()
    assert pooled["estimate"].std() < raw["estimate"].std()
    assert (raw["n_units"] == 40).all()
    assert roles.chosen_aspect(step.slopes(unlike, smallest_share=0.05), found, "satisfaction") == "ex_tools"
    said = roles.differences_sentence(found, "ex_tools", "satisfaction")
    assert said.startswith("**The slope differs** for ")
    assert "tools on satisfaction by role" in said.split("; no other")[0]
    assert said.endswith("Not assessed: needs `employees.hired_on`.")


def test_roles_that_do_not_differ_are_rarely_told_apart(tmp_path_factory):
    """Eight studies, each with a chance of 5 % that the adjusted family speaks: three would come in 0.6 % of cases."""
    spoken = []
    for seed in range(1, 9):
        plan = Plan(units=60, waves=5, contacts=10, role_slopes=(0.4, 0.4, 0.4), seed=seed)
        found = roles.differences(open_study(tmp_path_factory.mktemp("alike"), plan))
        said = roles.differences_sentence(found, "ex_tools", "satisfaction")
        spoken.append("No evidence that aspects work differently by role or tenure**: of 2 comparisons" not in said)
    assert sum(spoken) <= 2


def test_the_sample_s_first_year_is_found(sample):
    """Planted: knowledge acts half as much again in the first year; roles differ too little to be seen."""
    found = roles.differences(sample)
    assert len(found.tests) == 2 * 27
    clear = found.tests[found.tests["p_adjusted"] < 0.05]
    assert set(clear["term"]) == {"ex_knowledge"}
    assert set(clear["dimension"]) == {"tenure"}
    part = roles.of_aspect(found, "ex_knowledge", "recommend")
    by = part[(part["dimension"] == "tenure") & (part["kind"] == "pooled in part")].set_index("who")["estimate"]
    assert list(by.index) == ["under 1 year", "1 to 3 years", "3 years or more"]
    assert by.idxmax() == "under 1 year"
    said = roles.differences_sentence(found, "ex_knowledge", "recommend", 8)
    assert "A point more of knowledge goes with these points of recommend: under 1 year +" in said
    assert roles.planted_sentence(sample, "ex_knowledge").endswith("knowledge: first year 1.5 and later 1.")
    assert roles.planted_sentence(sample, "ex_workload") == ""
    assert "under 1 year" not in roles.differences_sentence(found, "ex_knowledge", "recommend", 1000)


def test_one_role_or_teams_cost_one_line(tmp_path_factory):
    one = roles.differences(open_study(tmp_path_factory.mktemp("one"), Plan()))
    assert one.tests.empty
    need = "need two groups of at least 10 employees whose EX answers move"
    assert one.lines == [f"not assessed: slopes by role {need}", "not assessed: needs `employees.hired_on`"]
    teams = roles.differences(open_study(tmp_path_factory.mktemp("teams"), Plan(grain="team")))
    assert teams.lines == ["not assessed: roles and tenure are known of employees, and this study links teams"]
    assert roles.differences_sentence(teams, "", "satisfaction") == teams.lines[0]
