"""Hard work and effort in the order of time (M24): what is seen between two answers, and what is said at them."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.effort import PARTS
from exlink.data.struggle import struggle_panel
from exlink.data.struggle_signs import SIGNS, _between, signs_by_wave
from exlink.steps import mixed_effects as step
from exlink.steps.mixed_effects.struggle_link import FELT, SHOWN


@pytest.fixture(scope="module")
def weeks(sample):
    return struggle_panel(sample)


@pytest.fixture(scope="module")
def links(sample, weeks):
    return step.struggle_links(sample, weeks)


def row(found, way, sign):
    return found.set_index(["way", "sign"]).loc[(way, sign)]


def test_signs_are_counted_between_two_answers_and_not_after_the_next(sample):
    """Recounted day by day in pandas; days from the next answer on are left out although the old one is in force."""
    told = signs_by_wave(sample).set_index(["employee_id", "wave"])
    answers = sample.exposures().sort_values(["employee_id", "responded_on"])
    answers["next"] = answers.groupby("employee_id")["responded_on"].shift(-1)
    days = sample.frame("desktop_activity")
    contacts = sample.query("SELECT employee_id, wave, started_at, escalated, escalation_resolved_on FROM linked "
                            "ORDER BY interaction_id")  # fmt: skip
    known = answers.dropna(subset="next").iloc[::37]
    assert len(known) > 15
    for a in known.itertuples():
        mine = days[days["employee_id"] == a.employee_id]
        day = pd.to_datetime(mine["day"])
        mine = mine[(day >= a.valid_from) & (day < min(a.next, a.valid_to))]
        off = mine.loc[~mine["managed"], "minutes"].sum() / max(mine["day"].nunique(), 1)
        served = contacts[(contacts["employee_id"] == a.employee_id) & (contacts["wave"] == a.wave)
                          & (contacts["started_at"] < a.next)]  # fmt: skip
        still = served["escalated"].fillna(False).astype(bool) & ~(
            pd.to_datetime(served["escalation_resolved_on"]) < a.next
        )
        found = told.loc[(a.employee_id, a.wave)]
        if len(mine):
            assert found["off"] == pytest.approx(off)
            assert found["switches"] == pytest.approx(mine["switches"].sum() / mine["day"].nunique())
            effort = mine["minutes"].where(~mine["managed"].astype(bool), 0.0)
            effort = effort + mine["switches"].fillna(0) * 2 / 60 + mine["copy_pastes"].fillna(0) * 4 / 60
            parts = mine["category"].isin([part.category for part in PARTS])
            assert found["effort"] == pytest.approx(effort[parts].sum() / mine["day"].nunique())
        if len(served):
            assert found["unresolved"] == pytest.approx(100 * still.mean())
    last = told.loc[[(a, w) for a, w in answers.loc[answers["next"].isna(), ["employee_id", "wave"]].to_numpy()]]
    assert last["unresolved"].isna().all()  # what is still open at the next answer is not known without one


def test_the_weeks_end_when_the_next_answer_comes(sample):
    """An answer stays in force ``lag_days`` beyond the next one; what is seen then cannot have shaped that one."""
    rows = sample.query(f"SELECT * FROM ({_between(sample)}) JOIN exposures USING (employee_id, wave) ORDER BY ALL")
    again = rows.dropna(subset="asked_again")
    assert (again["after"] <= again["asked_again"]).all()
    assert (again["valid_to"] > again["asked_again"]).mean() > 0.5  # else the test could not fail


def test_of_the_wave_before_comes_what_was_seen_before_the_answer(weeks):
    merged = weeks.merge(weeks.assign(turn=weeks["turn"] + 1), on=["employee_id", "turn"], suffixes=("", "_then"))
    for name in SIGNS:
        pd.testing.assert_series_equal(merged[f"{name}_before"], merged[f"{name}_then"], check_names=False)


def test_hard_work_shows_on_the_desktop_afterwards_and_not_before(sample, links):
    """Planted: reported tools, part of everyday ease, shorten time off the systems and switches after the answer."""
    found, lines = links
    assert lines == []
    assert row(found, SHOWN, "off")["verdict"] == row(found, SHOWN, "effort")["verdict"] == "lower"
    assert row(found, SHOWN, "switches")["verdict"] == "lower"
    assert set(found.loc[found["way"] == FELT, "verdict"]) == {"inconclusive"}
    assert row(found, SHOWN, "unresolved")["verdict"] == "inconclusive"
    said = step.links_sentence(found, sample)
    assert "more minutes a day off the systems" in said
    assert "is inconclusive" in said
    assert "significant" not in said


def test_what_is_told_per_point_of_harder_work_has_its_sign_turned(sample, links):
    found, _ = links
    told = step.links_table(found, sample)
    for way, turn in ((FELT, 1), (SHOWN, -1)):
        for sign in ("effort", "off", "switches", "unresolved"):
            a, b = row(found, way, sign), row(told, way, sign)
            assert b["estimate"] == turn * a["estimate"]
            assert b["conf_low"] < b["estimate"] < b["conf_high"]
    assert row(told, SHOWN, "off")["verdict"] == "higher"


def test_a_chain_holds_no_more_than_its_weaker_link(sample, weeks, links):
    found, _ = links
    effects, _ = step.struggle_effects(sample, weeks)
    said = step.chain_sentence(found, effects)
    assert "not shown as a whole" in said
    both = effects.assign(verdict=np.where(effects["measure"] == "effort", "lower", effects["verdict"]))
    assert step.chain_sentence(found, both).startswith("Both links")
    neither = found.assign(verdict="inconclusive")
    assert "that hard work goes over into effort is inconclusive (+8.8 minutes" in step.chain_sentence(neither, effects)


def test_a_chain_goes_over_one_measure_of_effort(sample, weeks, links):
    """Switches or time off the systems that rise are no first link when effort as a whole, the second's, is unclear."""
    found, _ = links
    effects, _ = step.struggle_effects(sample, weeks)
    second = effects.assign(verdict=np.where(effects["measure"] == "effort", "lower", effects["verdict"]))
    of_effort = (found["way"] == SHOWN) & (found["sign"] == "effort")
    for verdict, said in (("inconclusive", "inconclusive"), ("higher", "not as expected")):
        parted = step.chain_sentence(found.assign(verdict=found["verdict"].mask(of_effort, verdict)), second)
        assert f"that hard work goes over into effort is {said} (" in parted and "Both links" not in parted
    assert "into effort is not assessed, that" in step.chain_sentence(found[~of_effort], second)


def walked(seed, felt, shown, units=160, waves=8):
    """Return a panel in which ten minutes move ease by ``felt``, and a point of ease moves minutes by ``shown``."""
    rng = np.random.default_rng(seed)
    level, usual = 0.6 * rng.normal(size=units), 55 + 15 * rng.normal(size=units)
    ease, off = np.zeros((units, waves)), np.zeros((units, waves))
    for t in range(waves):
        before = (off[:, t - 1] - usual) / 10 if t else 0
        ease[:, t] = level + felt * before + 0.7 * rng.normal(size=units)
        off[:, t] = usual + shown * (ease[:, t] - level) + 10 * rng.normal(size=units)
    unit, turn = np.indices((units, waves))
    panel = pd.DataFrame({"employee_id": unit.ravel(), "turn": turn.ravel(), "ease": ease.ravel(), "off": off.ravel()})
    lagged = panel.groupby("employee_id")[["ease", "off"]].shift(1).add_suffix("_before")
    return pd.concat([panel, lagged], axis=1)


@pytest.mark.parametrize(("felt", "shown"), [(0.0, 0.0), (-0.25, 0.0), (0.0, -6.0), (-0.25, -6.0)])
def test_each_order_of_time_is_told_by_its_own_estimate(sample, felt, shown):
    """Thirty panels of 160 people: truth covered, and the other way round not mistaken for it."""
    tables = [step.struggle_links(sample, walked(s, felt, shown))[0] for s in range(30)]
    for way, truth in ((FELT, felt), (SHOWN, shown)):
        rows = pd.DataFrame([row(t, way, "off") for t in tables])
        assert ((rows["conf_low"] <= truth) & (truth <= rows["conf_high"])).mean() >= 0.83
        assert rows["estimate"].mean() == pytest.approx(truth, abs=0.04 if way == FELT else 0.8)
        clear = (rows["verdict"] == ("lower" if truth else "inconclusive")).mean()
        assert clear >= (0.6 if truth else 0.85)


def test_without_desktop_or_escalations_one_line_says_so(required_only, team_grain, one_wave):
    for data in (required_only, team_grain):
        found, lines = step.struggle_links(data, struggle_panel(data))
        assert any("desktop_activity" in line for line in lines)
        assert isinstance(step.links_sentence(found, data), str)
    assert step.struggle_links(one_wave, struggle_panel(one_wave))[0].empty
