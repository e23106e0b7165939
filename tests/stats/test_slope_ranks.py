"""Slopes by group from sums, and mean correlations of blocks: rows give the same, truth is found, nothing is not."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.blocks import ACROSS, block_correlations
from exlink.stats.slope_ranks import slope_ranks


def rows(rng, slopes, clusters=60, per=20):
    """y = slope·x + noise; every cluster meets every group."""
    group = np.tile(np.arange(len(slopes)), clusters * per)
    x = rng.normal(size=len(group))
    y = np.asarray(slopes)[group] * x + rng.normal(size=len(group))
    return pd.DataFrame({"group": group.astype(str), "cluster": np.arange(len(group)) // (per * len(slopes)),
                         "x": x, "y": y})  # fmt: skip


def sums(frame):
    frame = frame.assign(
        n=1, sum_x=frame["x"], sum_y=frame["y"], sumsq_x=frame["x"] ** 2, sum_xy=frame["x"] * frame["y"]
    )
    names = ["n", "sum_x", "sum_y", "sumsq_x", "sum_xy"]
    return frame.groupby(["group", "cluster"])[names].sum().reset_index()


def test_sums_give_the_slopes_of_rows_and_the_planted_order():
    frame = rows(np.random.default_rng(1), [0.2, 0.8, 0.5])
    found = slope_ranks(sums(frame), "group", "cluster", reps=300, seed=1).set_index("group")
    for name, part in frame.groupby("group"):
        assert found.loc[name, "estimate"] == pytest.approx(np.polyfit(part["x"], part["y"], 1)[0])
    assert found["rank"].tolist() == [3, 1, 2]
    assert (found["rank_low"] == found["rank_high"]).all()
    assert ((found["conf_low"] < [0.2, 0.8, 0.5]) & (found["conf_high"] > [0.2, 0.8, 0.5])).all()
    assert found["n"].tolist() == [1200] * 3
    assert found["n_clusters"].tolist() == [60] * 3


def test_no_difference_has_no_sure_place():
    """Truth: all slopes are equal, so a place holds nearly all others; the interval covers in about 95 % of samples."""
    rng, hits, wide = np.random.default_rng(2), [], []
    for _ in range(60):
        found = slope_ranks(sums(rows(rng, [0.4] * 3, clusters=40, per=5)), "group", "cluster", reps=200, seed=3)
        hits.append((found["conf_low"] < 0.4) & (found["conf_high"] > 0.4))
        wide.append((found["rank_high"] - found["rank_low"]).mean())
    assert np.mean(hits) > 0.9
    assert np.mean(wide) > 1


def test_order_of_rows_changes_nothing_and_nonsense_is_refused():
    table = sums(rows(np.random.default_rng(4), [0.1, 0.3]))
    again = slope_ranks(table.sample(frac=1, random_state=1), "group", "cluster", reps=50, seed=1)
    pd.testing.assert_frame_equal(slope_ranks(table, "group", "cluster", reps=50, seed=1), again)
    with pytest.raises(EstimationError, match="1 group"):
        slope_ranks(table[table["group"] == "0"], "group", "cluster", seed=1)
    with pytest.raises(EstimationError, match="does not vary in 1"):
        flat = table["group"] == "1"
        slope_ranks(table.assign(sum_x=table["sum_x"].mask(flat, 0), sumsq_x=table["sumsq_x"].mask(flat, 0)),
                    "group", "cluster", seed=1)  # fmt: skip


def test_blocks_are_mean_correlations():
    """Truth: inside each block .5, across 0."""
    rng = np.random.default_rng(5)
    common = rng.normal(size=(800, 2))
    x = pd.DataFrame(common[:, [0, 0, 1, 1]] + rng.normal(size=(800, 4)), columns=list("abcd"))
    found = block_correlations(x, {"one": ["a", "b"], "two": ["c", "d"]}, reps=300, seed=1).set_index("term")
    r = x.corr().to_numpy()
    assert found.loc["one", "estimate"] == pytest.approx(r[0, 1])
    assert found.loc[ACROSS, "estimate"] == pytest.approx(r[:2, 2:].mean())
    assert found["n_pairs"].tolist() == [1, 1, 4]
    assert found.loc["one", "conf_low"] < 0.5 < found.loc["one", "conf_high"]
    assert found.loc[ACROSS, "conf_low"] < 0 < found.loc[ACROSS, "conf_high"]
    alone = block_correlations(x, {"one": ["a"], "two": ["c", "d"]}, reps=20, seed=1)
    assert alone["term"].tolist() == ["two", ACROSS]
    with pytest.raises(EstimationError, match="does not vary"):
        block_correlations(x.assign(a=1), {"one": ["a", "b"]}, seed=1)
