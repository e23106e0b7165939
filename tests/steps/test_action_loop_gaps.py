"""Step 07: whose feedback gets further than all the other, and where power to act matters."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.voice_stages import CAN, CANNOT, NOBODY
from exlink.stats.waiting import share_by, waiting_curve
from exlink.steps import action_loop as step
from exlink.steps.action_loop import funnel_words, hand_over
from exlink.steps.action_loop.gaps import LESS, MORE, OPEN, gaps_sentence, hand_over_gap_sentence, hand_over_gaps


@pytest.fixture(scope="module")
def found(sample):
    return step.assess_funnel(sample, act_days=90)


def test_groups_that_were_planted_apart_are_told_apart(sample, found):
    groups = found.groups.set_index("label")
    planted = sample.truth["themes"]
    for theme in planted["fixed"]:
        row = groups[groups.index.str.startswith(theme)].iloc[0]
        assert row["verdict"] == MORE and row["gap_low"] > 0
    assert groups.loc[CAN, "verdict"] == MORE and groups.loc[[CANNOT, NOBODY], "verdict"].eq(LESS).all()
    assert groups.loc["customers", "gap"] == pytest.approx(-groups.loc["employees", "gap"])
    due = found.cells.groupby("source")[["acted", "due"]].sum()
    by_hand = 100 * (due["acted"] / due["due"])
    assert groups.loc["customers", "gap"] == pytest.approx(by_hand["customer"] - by_hand["employee"])
    assert (found.groups["gap_adjusted"] >= found.groups["gap_p"] - 1e-12).all()
    assert set(groups.loc[groups["gap_adjusted"] >= 0.05, "verdict"]) == {OPEN}
    said = funnel_words.groups_sentence(found)
    assert said.startswith("Of 17 groups, 3 were acted on clearly more often") and "Benjamini–Hochberg" in said
    assert funnel_words.groups_sentence("not assessed: needs `voc_feedback`") == ""


def test_power_to_act_matters_where_it_was_planted(sample):
    hand_overs = step.assess_hand_overs(sample)
    table = hand_over_gaps(hand_overs.spells, 90, 8).set_index("what")
    row = table.loc["acknowledged to acted on"]
    spells = hand_overs.spells["acknowledged to acted on"]
    for kind, column in ((CAN, "can"), (CANNOT, "cannot")):
        curve = waiting_curve(spells[spells["kind"] == kind], "days", "ended", "batch", n="pieces")
        assert row[column] == pytest.approx(100 * share_by(curve, np.array([90]))["estimate"].iloc[0])
    assert row["verdict"] == MORE and row["gap_low"] < row["can"] - row["cannot"] < row["gap_high"]
    assert "acted on to told back" not in table.index  # too few pieces whose owner cannot act came so far
    said = hand_over.authority_sentence(hand_overs, days=90, min_group=8)
    assert "It matters whether the owner can act" in said and "Of 2 hand-overs" in said
    assert hand_over.authority_sentence("not assessed: needs `voc_feedback`", days=90, min_group=8) == ""


def spells(can, cannot, *, batches=12, size=10):
    """Return spells of both kinds: so many of each batch are handed over after 30 days, the others wait for 200."""
    rows = [
        (kind, f"{kind}{b}", days, ended, n)
        for kind, share in ((CAN, can), (CANNOT, cannot))
        for b in range(batches)
        for days, ended, n in ((30, True, round(share * size)), (200, False, size - round(share * size)))
    ]
    return {"x": pd.DataFrame(rows, columns=["kind", "batch", "days", "ended", "pieces"]).query("pieces > 0")}


def test_nothing_handed_over_has_an_interval_too():
    never = hand_over_gaps(spells(0.5, 0.0), 90, 8).iloc[0]
    assert never["cannot"] == 0 and never["gap"] == 50 and never["gap_low"] < 45 and never["verdict"] == MORE
    same = hand_over_gaps(spells(0.5, 0.5), 90, 8)
    assert same["verdict"].tolist() == [OPEN]
    assert "makes no clear difference" in hand_over_gap_sentence(same, 90)
    assert hand_over_gaps(spells(0.5, 0.5, batches=1, size=4), 90, 8).empty
    assert hand_over_gap_sentence(pd.DataFrame(), 90) == gaps_sentence(pd.DataFrame(), "acted on") == ""


def test_too_few_quarters_are_said(one_wave):
    found = step.assess_funnel(one_wave, act_days=30)
    said = funnel_words.funnel_sentence(found, act_days=30, min_group=8)
    assert "cannot be told from feedback of 1 quarter; at least 4 are needed" in said
