"""The roll-up by role, site and team: it adds up exactly, it pulls towards the truth, and it gives nobody away."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.data.employee_quarters import leaving
from exlink.data.staff_levels import LEVELS, NOT_RECORDED, staff_levels
from exlink.publish.disclosure import Policy, release
from exlink.steps import business_rollup as step
from exlink.steps.business_rollup import chain, levels, levels_words
from exlink.steps.misalignment_audit import outcomes, scorecard_words

REPS = 300
MINIMUM = 8
EXACT = 1e-9  # sums of the same numbers in another order


def euros(value: float) -> str:
    return f"€{value:,.0f}"


@pytest.fixture(scope="module")
def rolled(sample):
    return step.roll_up(sample, reps=REPS, seed=1)


@pytest.fixture(scope="module")
def found(sample, rolled):
    return levels.levels(sample, rolled, "tools", 0.1)


def staff(sizes, seed=0, spread=0.0, roles=3, sites=2):
    """Return people of teams of these sizes, teams ``spread`` apart on both sides, with the teams' true levels."""
    rng = np.random.default_rng(seed)
    teams = np.repeat(np.arange(len(sizes)), sizes)
    true = spread * rng.standard_normal(len(sizes))
    answers = rng.integers(5, 40, len(teams))
    people = 0.2 * rng.standard_normal(len(teams))
    cx = 4 + true[teams] + people
    frame = pd.DataFrame({
        "employee_id": [f"E{i}" for i in range(len(teams))], "team": [f"T{t}" for t in teams],
        "role": [f"R{t % roles}" for t in teams], "site": [f"S{t % sites}" for t in teams],
        "ex": 3 + true[teams] + 0.8 * rng.standard_normal(len(teams)), "contacts": 3 * answers, "n": answers,
        "sum": answers * cx + np.sqrt(answers) * rng.standard_normal(len(teams)),
    })  # fmt: skip
    return frame.assign(sumsq=frame["sum"] ** 2 / answers + answers - 1), true


def rolled_up(frame, parent="role"):
    """Return the lattice of a frame of people, with shares instead of money."""
    lattice = levels._lattice(frame)
    whole = lattice[levels._at(lattice, levels.COMPANY)].iloc[0]
    shares = lattice["contacts"] / whole["contacts"]
    lattice = lattice.assign(share_contacts=shares, customers=1e6 * shares, saved=np.nan, money=1e6 * shares)
    for name, cells in (("ex", levels._of_people(frame)), ("cx", levels._of_answers(frame))):
        lattice = levels._with_means(lattice, name, cells, parent)
    return levels.Levels(lattice, "tools", "tools", "satisfaction", 0.1, parent, len(frame))


# -- it adds up ------------------------------------------------------------------------------------------


def agrees(table):
    whole = table.set_index("level").loc[levels.COMPANY].drop("units").astype(float)
    for _, row in table.iterrows():
        np.testing.assert_allclose(row[whole.index].astype(float), whole, rtol=EXACT)


def test_every_level_of_the_sample_adds_up_to_the_company(found, rolled):
    table = levels.reconciled(found)
    agrees(table)
    assert table["units"].tolist() == [1, 4, 4, 20]
    money = step.streams(rolled, "tools", 0.1)["total"][0]
    assert table["money"].tolist() == pytest.approx([money] * 4)


def test_the_company_is_the_plain_mean_of_its_people(sample, found):
    people = staff_levels(sample, "tools", "satisfaction")
    row = found.lattice.loc[levels.rows_of(found, levels.COMPANY)].iloc[0]
    assert row["ex"] == pytest.approx(people["ex"].mean())
    assert row["cx"] == pytest.approx(people["sum"].sum() / people["n"].sum())
    assert row["n_people"] == len(people) <= found.here


sizes = st.lists(st.integers(1, 30), min_size=2, max_size=9)


@settings(max_examples=8, deadline=None)
@given(sizes, st.integers(0, 50), st.sampled_from([0.0, 0.5]), st.sampled_from(["role", "site", levels.COMPANY]))
def test_any_company_adds_up(sizes, seed, spread, parent):
    people, _ = staff(sizes, seed, spread)
    got = rolled_up(people, parent)
    agrees(levels.reconciled(got).drop(columns="saved"))
    if parent != levels.COMPANY:  # and the teams of a role to that role
        at = got.lattice[levels._at(got.lattice, "team")]  # all of them, shown or not
        if len(at) >= levels.FEWEST:
            of = people.drop_duplicates("team").set_index("team")[parent]
            parts = at.groupby(at["team"].map(of))[["ex", "n_people"]].apply(
                lambda f: np.average(f["ex"], weights=f["n_people"]))  # fmt: skip
            whole = got.lattice[levels._at(got.lattice, parent)].set_index("unit")["ex"]
            np.testing.assert_allclose(parts, whole.reindex(parts.index), rtol=EXACT)


# -- it pulls towards the truth --------------------------------------------------------------------------


def teams_of(got):
    return got.lattice.loc[levels.rows_of(got, "team")].set_index("unit")


def test_teams_that_do_not_differ_are_pulled_together_and_hardly_any_is_told_from_the_whole():
    told, left = [], []
    for seed in range(8):
        at = teams_of(rolled_up(staff([9] * 20, seed)[0], levels.COMPANY))
        told.append(((at["ex_gap_low"] > 0) | (at["ex_gap_high"] < 0)).mean())
        left.append(at["ex"].std() / at["ex_mean"].std())
    assert np.mean(told) < 0.03  # 95 % intervals of means that are pulled as well
    assert np.mean(left) < 0.5


def test_teams_that_differ_are_covered_and_nearer_the_truth_than_their_own_means():
    inside, pulled, raw = [], [], []
    for seed in range(8):
        people, true = staff([9] * 20, seed, spread=0.4)
        at = teams_of(rolled_up(people, levels.COMPANY)).loc[[f"T{t}" for t in range(20)]]
        for name, truth in (("ex", 3 + true), ("cx", 4 + true)):
            inside.append(((at[f"{name}_low"] <= truth) & (truth <= at[f"{name}_high"])).mean())
        pulled.append(np.mean((at["ex"] - 3 - true) ** 2))
        raw.append(np.mean((at["ex_mean"] - 3 - true) ** 2))
    # intervals of `partial_pool` by themselves hold 93 to 94 % of 20 such values; 320 here have an error of 1.5 %
    assert 0.89 < np.mean(inside) < 0.99
    assert np.mean(pulled) < 0.9 * np.mean(raw)


def test_small_teams_are_pulled_further_than_large_ones():
    people, _ = staff([4] * 10 + [60] * 10, seed=3, spread=0.4)
    at = teams_of(rolled_up(people, levels.COMPANY))
    gap = at["ex_mean"] - float(people["ex"].mean())
    left = (at["ex_gap"] / gap).groupby(at["n_people"] > 10).median()
    assert left[False] < left[True] < 1.05


def test_the_error_of_customers_answers_counts_who_met_them():
    """Answers of one employee's customers are alike: σ²/n alone would make intervals too short."""
    people, _ = staff([9] * 12, seed=5)
    cells = levels._of_answers(people)
    found = levels._direct(cells, "team")
    simple = 1 / people.groupby("team")["n"].sum()
    assert (found["variance"] > simple.reindex(found.index)).all()
    # planted: people differ by 0.2, answers by 1
    truth = people.assign(v=0.04 * people["n"] ** 2 + people["n"]).groupby("team")[["v", "n"]].sum()
    ratio = found["variance"] / (truth["v"] / truth["n"] ** 2)
    assert 0.6 < ratio.mean() < 1.6


# -- it gives nobody away --------------------------------------------------------------------------------


def shown(got):
    return release(
        got.lattice, policy=Policy(MINIMUM), people="n_people", by=list(LEVELS), margin=levels.ALL, sides=["n_met"],
        values=[c for c in levels.SHOWN if c in got.lattice],
    )  # fmt: skip


@settings(max_examples=8, deadline=None)
@given(sizes, st.integers(0, 50))
def test_no_small_team_is_visible_nor_left_over_by_the_sums(sizes, seed):
    people, _ = staff(sizes, seed)
    got = rolled_up(people)
    frame = shown(got).frame
    assert frame["n_people"].dropna().ge(MINIMUM).all()
    hidden = frame["n_people"].isna()
    assert frame.loc[hidden, ["ex", "cx", "money", "share_contacts"]].isna().all(axis=None)
    # every shown row is a sum of base cells: no small hidden base cell may follow from shown sums alone
    base = frame.index[(frame[list(LEVELS)] != levels.ALL).all(axis=1)]
    labels, counts = frame[list(LEVELS)], got.lattice["n_people"]
    sums = np.array([
        [all(labels.at[r, name] in (levels.ALL, labels.at[b, name]) for name in LEVELS) for b in base]
        for r in frame.index[~hidden]
    ], dtype=float).reshape(-1, len(base))  # fmt: skip
    for place, cell in enumerate(base):
        if hidden[cell] and counts[cell] < MINIMUM:
            own = np.eye(len(base))[place]
            solved = np.linalg.lstsq(sums.T, own, rcond=None)[0] if len(sums) else np.zeros(0)
            away = np.abs(sums.T @ solved - own).max() if len(sums) else 1.0
            assert away > 1e-6, "a small team follows from what is shown"


def test_the_sample_hides_its_small_teams_and_keeps_its_sites(found):
    released = shown(found)
    teams = released.part(levels.rows_of(found, "team")).frame
    small = found.lattice.loc[levels.rows_of(found, "team"), "n_people"].to_numpy() < MINIMUM
    assert small.any()
    assert teams["n_people"].isna().to_numpy()[small].all()
    assert released.part(levels.rows_of(found, levels.COMPANY, "site", "role")).hidden == 0
    assert "ex_mean" not in released.frame


def test_a_site_where_few_met_customers_is_hidden_and_another_one_with_it():
    people, _ = staff([10] * 8, sites=4, roles=1)
    silent = (people["site"] == "S0") & (people.groupby("site").cumcount() >= 3)
    people.loc[silent, ["n", "sum", "sumsq"]] = 0
    got = rolled_up(people, levels.COMPANY)
    frame = shown(got).part(levels.rows_of(got, "site")).frame.set_index("site")
    assert np.isnan(frame.at["S0", "cx"])
    assert frame["cx"].isna().sum() >= 2  # or the sum of all would give it back


# -- who leaves ------------------------------------------------------------------------------------------


def released_exits(table):
    return release(table, policy=Policy(MINIMUM), people="n_left", by=["level", "unit"], margin=levels.ALL,
                   over=["unit"], reason="two ways to cut the same people").frame  # fmt: skip


def test_leavers_of_a_level_add_up_and_small_numbers_are_hidden(sample, rolled):
    table = levels.leavers(sample, rolled)
    for _, part in table.groupby("level"):
        whole, units = part[part["unit"] == levels.ALL].iloc[0], part[part["unit"] != levels.ALL]
        for name in ("n_left", "cost"):
            assert units[name].sum() == pytest.approx(whole[name])
    assert table["n_left"].max() == rolled.workforce.leavers
    frame = released_exits(table)
    assert frame["exits"].dropna().ge(MINIMUM).all()
    assert (frame.groupby("level")["exits"].apply(lambda c: c.isna().sum()) != 1).all()


def paid_of(sample, monkeypatch, known):
    """Return the sample's rows of who leaves with the salaries of ``known`` people only."""
    people = leaving(sample)
    blanked = people.assign(annual_salary=people["annual_salary"].where(people["employee_id"].isin(known)))
    for module in (levels, chain):
        monkeypatch.setattr(module, "leaving", lambda data: blanked)
    return blanked


def test_wages_of_a_few_are_nobodys_mean(sample, rolled, monkeypatch):
    """Salaries of seven employees and seven leavers are known: no mean of theirs, and no cost made of it."""
    people, last = leaving(sample), pd.Timestamp(sample.study.period.last)
    here = people.loc[people["left_on"].isna(), "employee_id"]
    gone = people.loc[people["voluntary"] & (people["left_on"] > last - pd.DateOffset(years=1)), "employee_id"]
    paid_of(sample, monkeypatch, {*here[: MINIMUM - 1], *gone[: MINIMUM - 1]})
    staff = chain.workforce(sample)
    assert np.isnan(staff.salary) and np.isnan(staff.leavers_salary) and staff.leavers == len(gone)
    found = paid_of(sample, monkeypatch, {*here[:MINIMUM], *gone[:MINIMUM]})
    staff = chain.workforce(sample)
    for mean, who in ((staff.salary, here[:MINIMUM]), (staff.leavers_salary, gone[:MINIMUM])):
        assert mean == pytest.approx(found.loc[found["employee_id"].isin(who), "annual_salary"].mean())


def test_the_cost_of_exits_is_what_the_audit_says_of_them(sample, rolled):
    """Step 06 says in words what exits cost: of the same people, at the same wages, with the same assumption."""
    left = outcomes.assess_leaving(sample)
    assert left.exits == rolled.workforce.leavers
    assert left.salary == pytest.approx(rolled.workforce.leavers_salary)
    row = levels.leavers(sample, rolled).query("unit == @levels.ALL").iloc[0]
    said = " ".join(scorecard_words.outcomes_told("", left, "", euros))
    for share, name in zip(scorecard_words._assumed(), ("cost", "cost_low", "cost_high"), strict=True):
        assert left.exits * left.salary * share == pytest.approx(row[name], rel=0.005)
        assert euros(left.exits * left.salary * share) in said


def test_a_role_of_whose_leavers_few_wages_are_known_hides_those_of_the_others(sample, rolled, monkeypatch):
    table = levels.leavers(sample, rolled)
    role = table.query("level == 'role' and unit != @levels.ALL").nlargest(1, "n_left").iloc[0]
    assert role["n_left"] >= MINIMUM and np.isfinite(role["cost"])
    people = leaving(sample)
    left = people[people["role"].eq(role["unit"]) & people["voluntary"]]
    paid_of(sample, monkeypatch, set(people["employee_id"]) - set(left["employee_id"][MINIMUM - 1 :]))
    told = levels.leavers(sample, rolled)
    whole = told["unit"] == levels.ALL
    assert told.loc[whole, "cost"].notna().all()
    assert told.loc[(told["level"] == "role") & ~whole, "cost"].isna().all()


def test_exits_beside_the_rollup_do_not_tell_how_few_did_not_answer(sample, rolled, found):
    """A column of who stayed, less the people of the roll-up, would be the silent ones of a role or a site."""
    employed = sample.frame("employees").query("left_on.isna()").groupby("role").size()
    answered = found.lattice[(found.lattice["site"] == levels.ALL) & (found.lattice["team"] == levels.ALL)]
    silent = employed - answered.set_index("role")["n_people"].drop(levels.ALL)
    assert silent.between(1, MINIMUM - 1).any()  # here there is something to give away
    counts = released_exits(levels.leavers(sample, rolled)).select_dtypes("number").drop(columns=["n_left", "exits"])
    assert set(counts) == {"cost", "cost_low", "cost_high"}


def test_a_head_count_told_of_a_role_hides_it_where_nearly_all_answered(sample, found):
    at = found.lattice["role"].eq("contact-centre agent") & levels._at(found.lattice, "role")
    hide = np.array(levels.near_headcounts(sample, found, ["contact-centre agent", "everyone"]))
    assert hide[at].all() and hide.sum() == 1
    assert not any(levels.near_headcounts(sample, found, ["everyone"]))
    got = release(
        found.lattice, policy=Policy(MINIMUM), people="n_people", by=["role", "site", "team"], values=levels.SHOWN,
        margin=levels.ALL, sides=["n_met"], may_be_empty=["n_met"], hide=hide, reason="known to colleagues",
    ).frame  # fmt: skip
    roles = got[levels._at(found.lattice, "role")]
    assert roles["ex"].isna().sum() >= 2  # or the whole company would give it back


# -- words, and less data --------------------------------------------------------------------------------


def test_words_tell_that_it_adds_up_and_how_far_teams_differ(found):
    told = levels_words.levels_sentence(found, euros, MINIMUM)
    whole = found.lattice.loc[levels.rows_of(found, levels.COMPANY)[0]]
    assert f"({euros(whole['money_low'])} to {euros(whole['money_high'])})" in told
    open_ = replace(found, lattice=found.lattice.assign(money_low=-1.0))
    assert "inconclusive) a year" in levels_words.levels_sentence(open_, euros, MINIMUM)
    assert "Each level adds up to the whole company" in told
    assert "4 roles, 4 sites, 20 teams" in told
    assert "as answered" in levels_words.teams_sentence(found)
    assert "best" not in told + levels_words.teams_sentence(found)


def test_without_customers_money_columns_and_streams_fall_away(required_only):
    rolled = step.roll_up(required_only, reps=REPS, seed=1)
    got = levels.levels(required_only, rolled, "", 0.1)
    agrees(levels.reconciled(got).dropna(axis=1, how="all"))
    bare = replace(rolled, replacement=np.full(REPS, np.nan))
    none = levels.levels(required_only, bare, "tools", 0.1)
    assert none.lattice["money"].isna().all()
    assert "money" not in levels_words.level_columns(none, "role", "EUR")
    assert "a year" not in levels_words.levels_sentence(none, euros, MINIMUM)


def test_team_grain_and_few_leavers_get_one_line(team_grain, one_wave):
    rolled = step.roll_up(team_grain, reps=REPS, seed=1)
    got = levels.levels(team_grain, rolled, "", 0.1)
    assert got.startswith("not assessed")
    assert levels.rows_of(got, "team") == []
    assert levels_words.teams_sentence(got) == ""
    assert levels_words.levels_sentence(got, euros, MINIMUM).startswith("Not assessed")
    assert levels.leavers(team_grain, rolled).startswith("not assessed")
    early = levels.leavers(one_wave, step.roll_up(one_wave, reps=REPS, seed=1))
    assert "fewer than 8 people left" in levels_words.exits_sentence(early, euros)


def test_a_site_that_is_not_recorded_makes_no_level():
    people, _ = staff([10] * 6)  # two teams in each role
    got = rolled_up(people.assign(site=NOT_RECORDED))
    assert levels.rows_of(got, "site") == []
    assert len(levels.rows_of(got, "team")) == 6


def test_teams_that_are_all_of_a_role_are_not_shown_as_teams(sample, rolled):
    """A row with a name would name the team whose interval stands beside the others without one."""
    found = levels.levels(sample, rolled, "recognition", 0.1)
    assert levels.whole_units(found.lattice) == set()
    alone = found.lattice[(found.lattice["role"] != levels.ALL) & (found.lattice["team"] != levels.ALL)]
    one = alone.drop_duplicates("role")["team"]
    lattice = found.lattice[found.lattice["team"].isin([*one, levels.ALL])].copy()
    role = lattice[(lattice["site"] == levels.ALL) & (lattice["team"] == levels.ALL)].set_index("role")["n_people"]
    teams = lattice["team"] != levels.ALL
    lattice.loc[teams, "n_people"] = lattice.loc[teams, "team"].map(
        alone.drop_duplicates("team").set_index("team")["role"].map(role)
    )
    few = replace(found, lattice=lattice.reset_index(drop=True))
    assert levels.whole_units(few.lattice) == set(one)
    assert levels.rows_of(few, "team") == []
    assert "are named by its row" in levels_words.teams_sentence(few)
