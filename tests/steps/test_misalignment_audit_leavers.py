"""What leavers had worked round, burning out and leaving, human buffers, one cause at several sites."""

import numpy as np
import pytest

from exlink.data.before_leaving import before_leaving
from exlink.publish.disclosure import Policy, release, release_facts
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import leavers_words

POLICY = Policy(min_group=8, known_ids=frozenset())

# -- what leavers had worked round (M48) ------------------------------------------------------------------


@pytest.fixture(scope="module")
def gone(sample):
    return step.assess_leavers(sample)


def checked(found, harmless=0.1, matters=0.5):
    return step.leavers_check(found, harmless=harmless, matters=matters)


def test_leavers_were_less_satisfied_as_planted(gone):
    row = gone.table.set_index("term").loc["ex_satisfaction"]
    assert row["conf_low"] < gone.planted < row["conf_high"] < 0
    assert "holds it" in leavers_words.planted_sentence(gone, 8)
    assert leavers_words.planted_sentence(gone, 26) == ""  # fewer leavers had answered


def test_leavers_are_set_beside_those_of_the_same_role_site_and_quarter(sample, gone):
    rows, _ = before_leaving(sample)
    rows = rows[rows["let_go"] == 0]
    left = rows[rows["left"] == 1].reset_index(drop=True)
    band = np.searchsorted((1, 3, 6), rows["tenure_years"], side="right")
    means = []
    for _, one in left.iterrows():
        own = np.searchsorted((1, 3, 6), one["tenure_years"], side="right")
        same = (rows[["role", "site", "quarter"]] == one[["role", "site", "quarter"]].to_numpy()).all(axis=1)
        stayers = rows[same & (band == own) & (rows["left"] == 0)]
        if len(stayers):
            means.append(one["unresolved"] - stayers["unresolved"].mean())
    row = gone.table.set_index("term").loc["unresolved"]
    assert row["n"] == len(means)
    assert row["estimate"] == pytest.approx(np.mean(means))


def test_the_load_decides_and_its_rule_can_fail_and_pass(gone):
    assert checked(gone).verdict == "not assessable"
    assert "standard deviations in the quarter before" in checked(gone).sentence
    assert checked(gone, harmless=-1.0).verdict == "fail"
    assert checked(gone, matters=0.7).verdict == "pass"
    assert checked(gone, matters=0.2).verdict == "watch"
    assert set(checked(gone).numbers) >= {"estimate", "conf_low", "conf_high", "harmless", "matters"}
    release_facts(step.facts([checked(gone)]), policy=POLICY)


def test_few_leavers_are_neither_judged_nor_shown(sample, gone, monkeypatch):
    shown = step.shown_leavers(gone)
    kept = release(shown, policy=Policy(min_group=30, known_ids=frozenset()), people="n_people", by=["label"], over=[],
                   sides=["n_stayers"], reason="answers of the same people")  # fmt: skip
    answered = shown["kind"] == "what they said of work"
    assert kept.frame.loc[answered, "standard"].isna().all()
    assert kept.frame.loc[~answered, "standard"].notna().all()
    assert "In none of 3 measures" in leavers_words.apart_sentence(gone, 30)
    privacy = sample.study.privacy.model_copy(update={"min_group": 41})
    monkeypatch.setattr(sample, "study", sample.study.model_copy(update={"privacy": privacy}))
    assert step.assess_leavers(sample).startswith("not assessed: fewer than 41 people left")


def test_what_is_missing_is_said(required_only, one_wave, team_grain):
    found = step.assess_leavers(required_only)
    assert found.loaded == ["escalations left open"]
    assert "off_system" not in set(found.table["term"])
    assert step.assess_leavers(one_wave).startswith("not assessed: ")
    assert checked(step.assess_leavers(team_grain)).lacking.endswith("at the level of teams")
    assert step.shown_leavers("not assessed: …").empty
