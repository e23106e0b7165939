"""An early warning knows nothing of the future, and is judged by hits, false alarms and their interval."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.early_warning import back_test, lead_times, past_alarms, past_scores


def panel(seed, units=40, times=6, link=0.0, between=0.0):
    """Units followed over time: a signal, and an event that is more likely after a high one by ``link`` (log odds)."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(units), times), "at": np.tile(np.arange(times), units)})
    lasting = rng.normal(0, between, units)[frame["unit"]] if between else 0.0
    frame["a"], frame["b"] = rng.normal(size=len(frame)) + lasting, rng.normal(size=len(frame))
    frame["event"] = (rng.random(len(frame)) < 1 / (1 + np.exp(1.5 - link * frame["a"] - lasting))).astype(float)
    return frame


def test_a_score_does_not_know_what_comes_later():
    frame = panel(1)
    score = past_scores(frame, ["a", "b"], "at")
    changed = frame.copy()
    changed.loc[changed["at"] >= 4, ["a", "b"]] *= 100
    later = past_scores(changed, ["a", "b"], "at")
    early = frame["at"] < 4
    pd.testing.assert_series_equal(score[early], later[early])
    assert not np.allclose(score[~early], later[~early])
    alarm, other = (past_alarms(s, frame["at"], share=0.2) for s in (score, later))
    pd.testing.assert_series_equal(alarm[early], other[early])


def test_a_score_is_the_mean_of_what_is_known_in_standard_deviations():
    frame = pd.DataFrame({"at": [0, 0, 0, 1], "a": [1.0, 2.0, 3.0, 4.0], "b": [5.0, 5.0, 5.0, 9.0],
                          "c": [np.nan, np.nan, np.nan, np.nan]})  # fmt: skip
    score = past_scores(frame, ["a", "b", "c"], "at")
    assert score[:3].isna().all()  # only one signal varies yet, and it takes two
    a, b = frame["a"], frame["b"]
    assert score[3] == pytest.approx(((4 - a.mean()) / a.std() + (9 - b.mean()) / b.std()) / 2)
    assert past_scores(frame, ["a", "b", "c"], "at", least=1)[2] == pytest.approx(1.0)


def test_an_alarm_is_what_few_earlier_scores_exceeded():
    at = pd.Series([0] * 10 + [1] * 3)
    score = pd.Series([*range(10), 6.0, 8.0, np.nan])
    alarm = past_alarms(score, at, share=0.2)
    assert alarm[:10].isna().all()  # nothing came before
    assert alarm[10:].fillna(-1).tolist() == [0, 1, -1]
    alike = pd.Series([0.0] * 10 + [1.0, 2.0, 3.0])
    assert (
        past_alarms(alike, at, share=0.2)[10:] == 1
    ).all()  # what is above all that came before, whatever else is now
    with pytest.raises(EstimationError, match="lies between 0 and 1"):
        past_alarms(score, at, share=1.0)


def test_lead_is_how_long_the_alarm_had_been_on():
    rows = pd.DataFrame(
        [("x", 0, 1, 0), ("x", 1, 1, 0), ("x", 2, 1, 1), ("x", 3, 0, 1), ("x", 4, 1, 1),
         ("y", 0, 1, 1), ("y", 2, 1, 1), ("y", 3, 1, 1), ("z", 3, np.nan, 1), ("z", 4, 1, np.nan)],
        columns=["unit", "at", "alarm", "event"],
    )  # fmt: skip
    leads = lead_times(rows["alarm"], rows["event"], rows["unit"], rows["at"])
    assert leads.to_dict() == {2: 3, 4: 1, 5: 1, 6: 1, 7: 2}  # a missing time ends a run, as does another unit


def test_hits_and_false_alarms_are_counted():
    rows = pd.DataFrame({"unit": list("aabbccdd"), "event": [1, 0, 1, 0, 1, 0, 1, 0],
                         "on": [1, 0, 1, 1, 0, 0, 1, 0], "other": [0, 0, 1, 0, 1, 1, np.nan, 0]})  # fmt: skip
    table = back_test(rows, ["on"], "event", "unit", seed=1).set_index("measure")
    assert table.loc["hits", "estimate"] == 3 / 4
    assert table.loc["false alarms", "estimate"] == 1 / 4
    assert table.loc["gain", "estimate"] == 1 / 2
    assert (table.loc["hits", "n"], table.loc["false alarms", "n"], table.loc["gain", "n"]) == (4, 4, 8)
    both = back_test(rows, ["on", "other"], "event", "unit", seed=1)
    assert (both.loc[both["measure"] == "gain", "n"] == 7).all()  # the same rows for both
    behind = both.set_index(["alarm", "measure"])["estimate"]
    assert behind["other", "behind the first"] == pytest.approx(behind["on", "gain"] - behind["other", "gain"])
    with pytest.raises(EstimationError, match="takes both events and none"):
        back_test(rows.assign(event=1), ["on"], "event", "unit", seed=1)


def test_independent_rows_have_the_interval_of_two_shares():
    frame = panel(3, units=600, times=1, link=1.0)
    frame["on"] = (frame["a"] > 0.8).astype(float)
    table = back_test(frame, ["on"], "event", "unit", seed=2, reps=4000).set_index("measure")
    hit, false = table.loc["hits"], table.loc["false alarms"]
    error = [np.sqrt(r["estimate"] * (1 - r["estimate"]) / r["n"]) for r in (hit, false)]
    assert hit["std_error"] == pytest.approx(error[0], rel=0.05)
    assert table.loc["gain", "std_error"] == pytest.approx(np.hypot(*error), rel=0.05)
    assert table.loc["gain", "conf_high"] - table.loc["gain", "estimate"] == pytest.approx(
        1.96 * np.hypot(*error), rel=0.1
    )


def test_an_alarm_of_chance_gains_nothing_and_a_true_one_is_found():
    clear = {0.0: 0, 1.5: 0}
    for link in clear:
        for seed in range(30):
            frame = panel(seed, units=20, times=7, link=link, between=0.5)
            signal = "a" if link else "b"  # b is chance even where units differ for good
            frame["on"] = past_alarms(past_scores(frame, [signal], "at", least=1), frame["at"], share=0.2)
            gain = back_test(frame, ["on"], "event", "unit", seed=seed, reps=400).set_index("measure").loc["gain"]
            clear[link] += gain["conf_low"] > 0
    assert clear[0.0] <= 3  # 30 × 2.5 % are 0.75, and twenty units make percentiles a little short
    assert clear[1.5] >= 24
