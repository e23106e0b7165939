"""Slopes by group are those of separate models where groups share nobody, and know when they do."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.group_slopes import group_slopes
from exlink.stats.within_between import within_slope


def panel(units=60, waves=6, slopes=(0.2, 0.5, 0.8), seed=0, moving=False):
    """y = slope[group]·x + level of the unit + level of the group + e; units stay in a group, or move through all."""
    rng = np.random.default_rng(seed)
    unit, wave = np.repeat(np.arange(units), waves), np.tile(np.arange(waves), units)
    k = len(slopes)
    group = (wave * k // waves) if moving else unit % k
    x = 3 + rng.standard_normal(units)[unit] + rng.standard_normal(units * waves)
    level = 2 * rng.standard_normal(units)[unit] + np.arange(k)[group]
    y = np.array(slopes)[group] * x + level + 0.5 * rng.standard_normal(units * waves)
    n = rng.integers(1, 9, units * waves)
    names = np.array([f"group {g}" for g in range(k)])
    return pd.DataFrame({"unit": [f"U{u:02d}" for u in unit], "wave": wave, "group": names[group], "x": x,
                         "n_y": n, "sum_y": n * y})  # fmt: skip


def test_without_time_effects_groups_are_separate_models():
    cells = panel()
    found = group_slopes(cells, "y", "x", "unit", "group")
    for name, part in cells.groupby("group"):
        alone = within_slope(part, "y", "x", "unit").table.iloc[0]
        row = found.table.set_index("term").loc[name]
        assert row["estimate"] == pytest.approx(alone["estimate"])
        # the factors of small samples count clusters and parameters of one model or of three
        assert row["std_error"] == pytest.approx(alone["std_error"], rel=0.03)
        assert row["n_units"] == 20
        assert row["n"] == part["n_y"].sum()
    assert np.abs(found.vcov - np.diag(np.diag(found.vcov))).max() == pytest.approx(0, abs=1e-12)


def test_a_change_of_group_is_no_slope():
    """Everybody moves through three groups whose levels differ by a point each; x says nothing inside them."""
    found = group_slopes(panel(slopes=(0.0, 0.0, 0.0), moving=True), "y", "x", "unit", "group", "wave").table
    assert (found["conf_low"] < 0).all()
    assert (found["conf_high"] > 0).all()
    assert (found["n_units"] == 60).all()


def test_errors_are_clustered_by_unit_across_groups():
    """A unit's own slope stays with it from group to group, so the estimates of groups go up and down together."""
    cells = panel(units=150, slopes=(0.5, 0.5), moving=True)
    own = pd.Series(np.random.default_rng(5).standard_normal(150), index=cells["unit"].unique())
    cells["sum_y"] += cells["n_y"] * cells["unit"].map(own) * cells["x"]
    v = group_slopes(cells, "y", "x", "unit", "group").vcov
    # clustered by unit and group it would be zero; leverages of three waves each keep it well below 1
    assert v[0, 1] / np.sqrt(v[0, 0] * v[1, 1]) > 0.25


def test_intervals_cover_what_is_planted():
    inside = [
        t["conf_low"].le([0.2, 0.5, 0.8]) & t["conf_high"].ge([0.2, 0.5, 0.8])
        for seed in range(300)
        for t in [group_slopes(panel(seed=seed), "y", "x", "unit", "group", "wave").table]
    ]
    # 300 studies of three slopes: three standard errors of 95 % are 2.2 points
    assert np.mean(inside) == pytest.approx(0.95, abs=0.022)


def test_order_of_rows_and_labels_do_not_matter():
    cells = panel(moving=True)
    first = group_slopes(cells, "y", "x", "unit", "group", "wave")
    turned = cells.sample(frac=1, random_state=1).assign(unit=lambda f: "Z" + f["unit"].str[::-1])
    again = group_slopes(turned, "y", "x", "unit", "group", "wave")
    pd.testing.assert_frame_equal(first.table, again.table)
    assert again.vcov == pytest.approx(first.vcov)


def test_groups_with_too_few_are_named_and_one_group_is_refused():
    cells = panel()
    cells.loc[cells["unit"].isin(["U00", "U03"]), "group"] = "rare"
    found = group_slopes(cells, "y", "x", "unit", "group", min_units=5)
    assert found.left_out == {"rare": 2}
    assert "rare" not in set(found.table["term"])
    with pytest.raises(EstimationError, match="0 of 4 groups have at least 50 values of unit with x moving"):
        group_slopes(cells, "y", "x", "unit", "group", min_units=50)


# -- other covariates held equal ---------------------------------------------------------------------


def two_covariates(seed=0):
    """x acts by 0.2, 0.5 and 0.8 in three groups; z goes along with x and acts by 0.6 in all of them."""
    cells = panel(units=90, seed=seed)
    z = 0.7 * cells["x"] + np.random.default_rng(seed + 1_000).standard_normal(len(cells))
    return cells.assign(z=z, sum_y=cells["sum_y"] + cells["n_y"] * 0.6 * z)


def test_slopes_beside_others_are_least_squares_with_dummies():
    """Frisch–Waugh–Lovell: the same as dummies of units and times beside z, solved by numpy."""
    cells = two_covariates()
    found = group_slopes(cells, "y", "x", "unit", "group", "wave", beside=["z"]).table
    dummies = pd.get_dummies(cells[["unit", "wave"]].astype(str), dtype=float).to_numpy()
    by_group = np.column_stack([np.where(cells["group"] == g, cells["x"], 0.0) for g in found["term"]])
    design = np.column_stack([by_group, cells["z"], dummies])
    root = np.sqrt(cells["n_y"].to_numpy(dtype=float))
    solved, *_ = np.linalg.lstsq(design * root[:, None], (cells["sum_y"] / cells["n_y"]) * root, rcond=None)
    assert found["estimate"].to_numpy() == pytest.approx(solved[:3])
    assert list(found.columns) == list(group_slopes(cells, "y", "x", "unit", "group").table.columns)


def test_slopes_beside_others_are_not_credited_with_what_others_do():
    """Alone, x carries 0.7 · 0.6 of what z does; beside z each interval holds what is planted (99.9 % of each)."""
    cells = two_covariates(seed=3)
    beside = group_slopes(cells, "y", "x", "unit", "group", "wave", beside=["z"]).table
    assert ((beside["estimate"] - [0.2, 0.5, 0.8]).abs() < 3.4 * beside["std_error"]).all()
    alone = group_slopes(cells, "y", "x", "unit", "group", "wave").table
    assert (alone["estimate"] > beside["estimate"] + 0.3).all()
