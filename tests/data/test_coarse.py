"""What a row of employees' scores gives away: every set of answers that fits what is published is counted."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from exlink.data.coarse import APART, STEPS, in_steps, off_either_end, one_sided, step_of, told_coarsely
from exlink.stats.intervals import mean_from_sums
from exlink.stats.proportions import group_nps, widest_nps

SCALE = (1.0, 5.0)
HIDDEN = -999.0
COLUMNS = ["estimate", "conf_low", "conf_high"]


def compositions(n: int, parts: int) -> np.ndarray:
    """Return every way in which n answers fall on so many possible answers: shape (ways, parts)."""
    bars = np.array(list(combinations(range(n + parts - 1), parts - 1)))
    ends = np.column_stack([np.full(len(bars), -1), bars, np.full(len(bars), n + parts - 1)])
    return np.diff(ends, axis=1) - 1


def small(counts: np.ndarray, min_group: int) -> np.ndarray:
    return (counts > 0) & (counts < min_group)


def seen_of_means(answers: np.ndarray, min_group: int, coarse: bool = True) -> pd.DataFrame:
    """Return what a reader sees of one row: mean and interval, share of the best two; NaN where hidden."""
    n, values = int(answers[0].sum()), np.arange(1, 6)
    exact = mean_from_sums(np.full(len(answers), n), answers @ values, answers @ values**2).assign(n_clusters=n)
    best = answers[:, 3] + answers[:, 4]
    told = in_steps(exact, SCALE, (answers < min_group).any(axis=1) & coarse, (best == 0) | (best == n)).fillna(HIDDEN)
    told = told[COLUMNS].round(9)
    halves = [np.ceil(points / 2 - 1e-9) for points in (answers @ np.arange(5), answers @ np.arange(4, -1, -1))]
    shown = ~small(halves[0], min_group) & ~small(halves[1], min_group)
    share = np.where(~small(best, min_group) & ~small(n - best, min_group), best, HIDDEN)
    return told.apply(lambda column: column.where(shown, HIDDEN)).assign(share=share)


def seen_of_nets(answers: np.ndarray, min_group: int, coarse: bool = True) -> pd.DataFrame:
    """Return the same of a net score; answers are promoters, passives, detractors."""
    n = int(answers[0].sum())
    cells = pd.DataFrame({
        "case": np.repeat(np.arange(len(answers)), n), "who": np.tile(np.arange(n), len(answers)), "n": 1,
        "kind": np.repeat(np.tile([0, 1, 2], len(answers)), answers.ravel()),
    }).assign(promoters=lambda f: f["kind"] == 0, detractors=lambda f: f["kind"] == 2).astype(
        {"promoters": int, "detractors": int}
    )  # fmt: skip
    exact, wide = (f(cells, "promoters", "detractors", "n", ["case"], cluster="who") for f in (group_nps, widest_nps))
    few = (answers < min_group).any(axis=1) & coarse
    told = exact[COLUMNS].apply(lambda column: column.where(~few, wide[column.name]))
    up, down = 2 * answers[:, 0] + answers[:, 1], 2 * answers[:, 2] + answers[:, 1]
    shown = ~small(up, min_group) & ~small(down, min_group)
    return told.round(9).apply(lambda column: column.where(shown, HIDDEN))


def guesses(seen: pd.DataFrame, answers: np.ndarray, min_group: int) -> np.ndarray:
    """Return, for every set of answers with a few of a kind of which something is shown, how many values are left."""
    alike = seen.groupby(list(seen.columns), sort=False).ngroup().to_numpy()
    left = np.full(answers.shape, np.inf)
    for j in range(answers.shape[1]):
        values = pd.Series(answers[:, j]).groupby(alike).nunique().to_numpy()[alike]
        left[:, j] = np.where(small(answers[:, j], min_group), values, np.inf)
    fewest = left.min(axis=1)[(seen != HIDDEN).any(axis=1).to_numpy()]
    return fewest[np.isfinite(fewest)]


@pytest.mark.parametrize(
    ("n", "min_group"), [(8, 8), (11, 8), (12, 8), (17, 8), (24, 8), (30, 8), (7, 5), (12, 5), (20, 5)]
)
def test_means_and_shares_leave_three_guesses_but_in_one_set_of_two_hundred(n, min_group):
    """All answers that n people can give on five options, seen as mean, interval and share of the best two."""
    answers = compositions(n, 5)
    left = guesses(seen_of_means(answers, min_group), answers, min_group)
    assert len(left)
    assert (left >= 3).mean() >= 0.995
    assert (left >= 2).all()  # nobody's answer is ever certain
    exact = guesses(seen_of_means(answers, min_group, coarse=False), answers, min_group)
    assert (exact < 3).mean() > 0.05  # without the steps


@pytest.mark.parametrize(
    ("n", "min_group"), [(8, 8), (9, 8), (15, 8), (29, 8), (40, 8), (9, 5), (16, 5), (30, 5), (30, 10)]
)
def test_net_scores_leave_three_guesses_for_every_few(n, min_group):
    """All promoters, passives and detractors that n people can be, seen as net score and interval."""
    answers = compositions(n, 3)
    left = guesses(seen_of_nets(answers, min_group), answers, min_group)
    assert len(left)
    assert (left >= 3).all()
    if n >= 29:
        assert (guesses(seen_of_nets(answers, min_group, coarse=False), answers, min_group) < 3).any()


def test_the_row_that_gave_two_promoters_away():
    """29 people, net score −62.07: by the exact interval 2 promoters, 7 passives, 20 detractors, and nothing else."""
    answers = compositions(29, 3)
    own = np.flatnonzero((answers == [2, 7, 20]).all(axis=1))[0]
    for coarse, left in ((False, 1), (True, 6)):
        seen = seen_of_nets(answers, 8, coarse)
        assert seen["estimate"][own] == pytest.approx(-62.07, abs=0.005)
        assert (seen == seen.loc[own]).all(axis=1).sum() == left


def test_steps_hold_sums_and_intervals_hold_the_exact_ones():
    answers = compositions(14, 5)
    n, values = 14, np.arange(1, 6)
    exact = mean_from_sums(np.full(len(answers), n), answers @ values, answers @ values**2).assign(n_clusters=n)
    nowhere = np.zeros(len(answers), dtype=bool)
    told = in_steps(exact, SCALE, ~nowhere, nowhere)
    assert ((told["conf_low"] < exact["estimate"]) & (exact["estimate"] < told["conf_high"])).all()
    assert (told["conf_high"] - told["conf_low"]).round(9).nunique() == 1  # it says nothing of the answers
    many = in_steps(exact.assign(n_clusters=60), SCALE, ~nowhere, nowhere)
    assert (many["conf_low"] <= exact["conf_low"] + 1e-9).all()
    assert (many["conf_high"] >= exact["conf_high"] - 1e-9).all()
    assert (told["estimate"] - exact["estimate"]).abs().max() <= step_of(np.array([n]), 4)[0] / 100 * 4 / 2 + 1e-9
    sums = pd.Series(answers @ values).groupby(told["estimate"].round(9)).nunique()
    inside = sums.index[(sums.index > 1.5) & (sums.index < 4.5)]
    assert (sums[inside] >= APART).all()
    kept = in_steps(exact, SCALE, nowhere, ~nowhere)
    pd.testing.assert_frame_equal(kept, exact)


def test_a_step_is_the_finest_that_holds_five_sums():
    n = np.array([1, 8, 29, 60, 300, 100_000])
    assert step_of(n, 4.0).tolist() == [50.0, 20.0, 5.0, 5.0, 0.5, 0.1]
    assert set(step_of(n, 10.0)) <= set(STEPS)
    assert (step_of(n, 10.0) <= step_of(n, 4.0)).all()


def test_a_total_of_one_answer_each_is_told_as_its_parts_are():
    parts = pd.DataFrame({"kpi": ["ease", "ease"], "touchpoint": ["a", "b"], "mean": [False, True], "net": False})
    whole = pd.DataFrame({"kpi": ["ease"], "mean": [False], "net": [False]})
    once, often = ({"n": [20], "n_clusters": [k]} for k in (20, 12))
    assert told_coarsely(pd.DataFrame(once), whole, "ease", (), "mean", parts).tolist() == [True]
    assert told_coarsely(pd.DataFrame(often), whole, "ease", (), "mean", parts).tolist() == [False]
    assert told_coarsely(pd.DataFrame(often), whole.assign(mean=True), "ease", (), "mean", parts).tolist() == [True]
    assert told_coarsely(pd.DataFrame(once), whole, "ease", (), "net", parts).tolist() == [False]
    at = pd.DataFrame({"touchpoint": ["b", "a", "c"], "n": 9, "n_clusters": 9})
    assert told_coarsely(at, parts, "ease", ("touchpoint",), "mean").tolist() == [True, False, False]


def test_a_mean_of_one_side_only_is_left_out():
    cells = pd.DataFrame({"at": list("aabbc"), "n_score": [1, 1, 1, 1, 2], "top2": [1, 1, 0, 1, 0]})
    assert one_sided(cells, ["at"]).tolist() == [True, False, True]
    assert one_sided(cells, []).tolist() == [False]
    frame = pd.DataFrame({"estimate": [4.5, 3.5, 2.0], "conf_low": 1.0, "conf_high": 5.0, "n": 20, "n_clusters": 20})
    told = in_steps(frame, SCALE, np.array([True, True, False]), one_sided(cells, ["at"]))
    assert told["estimate"].isna().tolist() == [True, False, False]
    assert told["conf_low"].isna().tolist() == [True, False, False]


def test_people_off_either_end_are_counted():
    cells = pd.DataFrame({"who": list("abcd"), "at": "x", "n_score": [2, 1, 1, 0], "sum_score": [10.0, 1.0, 4.0, 0.0]})
    found = off_either_end(cells, ["at"], "who", SCALE)
    assert found.to_numpy().tolist() == [[4, 3]]  # a twice and c one and a half, rounded up; b twice and c a half
    assert off_either_end(cells, [], "who", SCALE).to_numpy().tolist() == [[4, 3]]
