"""Feedback with a time before anything was done about it: what changed after the first action (M42)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.data.voice import first_actions
from exlink.steps import misalignment_audit as step
from exlink.steps.misalignment_audit import echo_words
from exlink.steps.misalignment_audit.echo_after import change_after

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
QUARTERS = pd.period_range("2024Q4", "2026Q3", freq="Q")


def register(fixed, steady, *, factor, seed=1, delay=0):
    """Return a register of feedback in which something is done about some themes from the fifth quarter on.

    ``fixed`` and ``steady`` are pieces a quarter; ``factor`` is what remains of a fixed theme after its first action;
    ``delay`` quarters before it are acted on, too, but only then: a backlog that is cleared.
    """
    rng, rows = np.random.default_rng(seed), []
    for theme, size in {**fixed, **steady}.items():
        for at, quarter in enumerate(QUARTERS):
            acted = theme in fixed and at >= 4 - delay
            n = rng.poisson(size * (factor if theme in fixed and at > 4 else 1.0))
            day = pd.Series(quarter.start_time + pd.to_timedelta(rng.integers(0, 80, n), unit="D"))
            begin = QUARTERS[4].start_time + pd.Timedelta(days=85)
            rows.append(pd.DataFrame({
                "source": "employee", "theme": theme, "received_on": day,
                "acted_on": day.add(pd.Timedelta(days=5)).clip(lower=begin) if acted else pd.NaT,
            }))  # fmt: skip
    out = pd.concat(rows, ignore_index=True)
    return out.assign(feedback_id=[f"F-{i}" for i in range(len(out))])


def study_of(frame, folder):
    """The sample with another register of feedback."""
    path = folder / "voc_feedback.csv"
    frame.to_csv(path, index=False, date_format="%Y-%m-%d")
    study = load_study(SAMPLE)
    sources = {name: source for name, source in study.sources.items() if name in REQUIRED}
    sources["voc_feedback"] = study.sources["voc_feedback"].model_copy(update={"path": str(path)})
    return open_data(study.model_copy(update={"sources": sources}), threads=1)


REQUIRED = ("employees", "ex_responses", "interactions", "cx_responses")
# pieces a quarter; so many that a fall to 40 % is nearly always clear in each theme alone
FIXED, STEADY = {"slow forms": 180, "lost parcels": 135, "no keys": 150}, {"queue": 120, "parking": 165, "heat": 105}


def said(found):
    return echo_words.after_sentence(found.after, 8)


def change(found):
    """Return the change after an action as it is said: estimate, low, high, in per cent."""
    import re

    return [float(x) for x in re.search(r"step is ([+-]\d+)% \(([+-]\d+) to ([+-]\d+)\)", said(found)).groups()]


@pytest.mark.parametrize("delay", [0, 3])
def test_a_theme_that_fades_after_an_action_is_seen_against_those_that_stay(tmp_path, delay):
    data = study_of(register(FIXED, STEADY, factor=0.4, delay=delay), tmp_path)
    assert set(first_actions(data)["quarter"]) == {"2025Q4"}  # when something was done, not when it had been said
    found = step.assess_echo(data, act_days=90)
    at, low, high = change(found)
    assert low < -60 < high < 0
    assert at == pytest.approx(-60, abs=12)
    assert "clear beyond chance; 3 themes" in said(found)
    assert "way back to what is usual" in echo_words.trend_sentence(found, 8)
    fixed = found.cells["theme"].isin(FIXED)
    share = found.cells.loc[fixed, "received"].sum() / found.cells["received"].sum()
    assert said(found).startswith(f"{share:.0%} of the feedback is on themes of which clearly less came in")
    assert "3 of 3 that can be judged (Benjamini–Hochberg), of 3 ever acted on" in said(found)


def test_only_themes_whose_volume_fell_count_as_followed_by_a_change(tmp_path):
    frame = register({"slow forms": 180}, STEADY, factor=0.3)
    idle = register({"no change": 180}, {}, factor=1.0, seed=2).assign(feedback_id=lambda f: "I" + f["feedback_id"])
    found = step.assess_echo(study_of(pd.concat([frame, idle]), tmp_path), act_days=90)
    own = found.cells["theme"] == "slow forms"
    assert found.after.fell == found.cells.loc[own, "received"].sum()
    assert "1 of 2 that can be judged (Benjamini–Hochberg), of 2 ever acted on" in said(found)


def test_an_action_that_changes_nothing_is_not_called_a_change():
    average, single, actions = 0, 0, pd.DataFrame({"source": "employee", "theme": list(FIXED), "quarter": "2025Q4"})
    for seed in range(40):
        frame = register(FIXED, STEADY, factor=1.0, seed=seed)
        frame["quarter"] = pd.PeriodIndex(frame["received_on"], freq="Q").astype(str)
        cells = frame.groupby(["source", "theme", "quarter"]).size().rename("received").reset_index()
        after = change_after(cells, actions)
        average += after.average["conf_low"] > 0 or after.average["conf_high"] < 0
        single += after.fell > 0
    assert average <= 5  # 40 × 5 % are 2
    assert single <= 4  # falls alone, one of three at most by chance in 2.5 % of studies


def test_without_a_time_before_or_a_theme_to_compare_nothing_is_said(tmp_path):
    alone = step.assess_echo(study_of(register(FIXED, {}, factor=0.4), tmp_path), act_days=90)
    assert "it takes 3 themes never acted on to compare with; there are 0" in said(alone)
    early = register(FIXED, STEADY, factor=0.4)
    early["acted_on"] = early["received_on"].add(pd.Timedelta(days=1)).where(early["theme"].isin(FIXED))
    found = step.assess_echo(study_of(early, tmp_path), act_days=90)
    assert "cannot be told from a trend: none of the 3 themes that were acted on has 2 quarters" in said(found)


def test_one_other_theme_gives_no_measure_of_spread_and_wild_ones_widen_the_interval(tmp_path):
    calm = step.assess_echo(study_of(register(FIXED, STEADY, factor=0.4), tmp_path), act_days=90)
    frame = register(FIXED, STEADY, factor=0.4)
    quarter = pd.PeriodIndex(frame["received_on"], freq="Q")
    extra = frame[(frame["theme"] == "queue") & quarter.isin(QUARTERS[::2])]
    wild = pd.concat([frame, *(extra.assign(feedback_id=extra["feedback_id"] + f"-{i}") for i in range(3))])
    rough = step.assess_echo(study_of(wild, tmp_path), act_days=90)
    width = [high - low for _, low, high in (change(calm), change(rough))]
    assert width[1] > 1.5 * width[0]
