"""Step 07: whose feedback gets further than all the other, and where power to act matters."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.voice_stages import CAN, CANNOT, NOBODY
from exlink.stats.waiting import share_by, waiting_curve
from exlink.steps import action_loop as step
from exlink.steps.action_loop import funnel_words, hand_over
from exlink.steps.action_loop.gaps import (
    LESS,
    MORE,
    OPEN,
    against_others,
    gaps_sentence,
    hand_over_gap_sentence,
    hand_over_gaps,
)


@pytest.fixture(scope="module")
def found(sample):
    return step.assess_funnel(sample, act_days=90)


def test_groups_that_were_planted_apart_are_told_apart(sample, found):
    groups = found.groups.set_index("label")
    planted = sample.truth["themes"]
    for theme in planted["fixed"]:
        row = groups[groups.index.str.startswith(theme)].iloc[0]
        assert row["verdict"] == MORE and row["gap_low"] > 0
    assert groups.loc[CAN, "verdict"] == MORE and groups.loc[CANNOT, "verdict"] == LESS
    assert np.isnan(groups.loc[NOBODY, "gap_p"]) and groups.loc[NOBODY, "differs"] == ""
    assert groups.loc["customers", "gap"] == pytest.approx(-groups.loc["employees", "gap"])
    due = found.cells.groupby("source")[["acted", "due"]].sum()
    by_hand = 100 * (due["acted"] / due["due"])
    assert groups.loc["customers", "gap"] == pytest.approx(by_hand["customer"] - by_hand["employee"])
    told = found.groups[found.groups["gap_p"].notna()]
    assert len(told) == 16 and (told["gap_adjusted"] >= told["gap_p"] - 1e-12).all()
    assert set(told.loc[told["gap_adjusted"] >= 0.05, "verdict"]) == {OPEN}
    said = funnel_words.groups_sentence(found)
    assert said.startswith("Of 16 groups, 3 were acted on clearly more often") and "Benjamini–Hochberg" in said
    assert funnel_words.groups_sentence("not assessed: needs `voc_feedback`") == ""


def test_power_to_act_matters_where_it_was_planted(sample):
    hand_overs = step.assess_hand_overs(sample)
    table = hand_over_gaps(hand_overs.spells, 90, 8).set_index("what")
    row = table.loc["acknowledged to acted on"]
    spells = hand_overs.spells["acknowledged to acted on"]
    for kind, column in ((CAN, "can"), (CANNOT, "cannot")):
        curve = waiting_curve(spells[spells["kind"] == kind], "days", "ended", "topic", n="pieces")
        assert row[column] == pytest.approx(100 * share_by(curve, np.array([90]))["estimate"].iloc[0])
    assert row["verdict"] == MORE and row["gap_low"] < row["can"] - row["cannot"] < row["gap_high"]
    assert "acted on to told back" not in table.index  # too few pieces whose owner cannot act came so far
    said = hand_over.authority_sentence(hand_overs, days=90, min_group=8)
    assert "more readily or less where the owner can act" in said and "Of 2 hand-overs" in said
    assert hand_over.authority_sentence("not assessed: needs `voc_feedback`", days=90, min_group=8) == ""


def spells(can, cannot, *, batches=12, size=10):
    """Return spells of both kinds: so many of each batch are handed over after 30 days, the others wait for 200."""
    rows = [
        (kind, f"{kind}{b}", days, ended, n)
        for kind, share in ((CAN, can), (CANNOT, cannot))
        for b in range(batches)
        for days, ended, n in ((30, True, round(share * size)), (200, False, size - round(share * size)))
    ]
    return {"x": pd.DataFrame(rows, columns=["kind", "topic", "days", "ended", "pieces"]).query("pieces > 0")}


def test_nothing_handed_over_has_an_interval_too():
    never = hand_over_gaps(spells(0.5, 0.0), 90, 8).iloc[0]
    assert never["cannot"] == 0 and never["gap"] == 50 and never["gap_low"] < 45 and never["verdict"] == MORE
    same = hand_over_gaps(spells(0.5, 0.5), 90, 8)
    assert same["verdict"].tolist() == [OPEN]
    assert "makes no clear difference" in hand_over_gap_sentence(same, 90)
    assert hand_over_gaps(spells(0.5, 0.5, batches=1, size=4), 90, 8).empty
    assert hand_over_gap_sentence(pd.DataFrame(), 90) == gaps_sentence(pd.DataFrame(), "acted on") == ""


def test_themes_that_differ_by_themselves_are_no_effect_of_their_owner():
    # 12 themes, 4 whose owner cannot act, which has no effect; themes differ by an SD of 0.8 on the logit
    rng, clear, low = np.random.default_rng(4), 0, 0
    for _ in range(60):
        spent, cells = [], []
        for theme in range(12):
            kind, own = CANNOT if theme < 4 else CAN, rng.normal(0, 0.8)
            for quarter in range(8):
                k = rng.binomial(30, 1 / (1 + np.exp(-(0.2 + own + rng.normal(0, 0.3)))))
                spent += [(kind, str(theme), 10, True, k), (kind, str(theme), 200, False, 30 - k)]
                cells.append((str(theme), 30, k, kind, f"{theme}|{quarter}"))
        waits = pd.DataFrame(spent, columns=["kind", "topic", "days", "ended", "pieces"]).query("pieces > 0")
        clear += hand_over_gaps({"x": waits}, 30, 8)["verdict"].iloc[0] != OPEN
        table = pd.DataFrame(cells, columns=["topic", "due", "acted", "kind", "batch"])
        low += (against_others(table, table["kind"], "acted", "topic")["gap_p"] < 0.05).iloc[0]
    assert clear <= 7 and low <= 7  # 60 × 5 % are 3; quarters of themes as clusters come to 16 and 22


def test_too_few_quarters_are_said(one_wave):
    found = step.assess_funnel(one_wave, act_days=30)
    said = funnel_words.funnel_sentence(found, act_days=30, min_group=8)
    assert "cannot be told from feedback of 1 quarter; at least 4 are needed" in said
