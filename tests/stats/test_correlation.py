"""Correlations within and between units: closed forms, R's numbers on schools, and no effect."""

import numpy as np
import pandas as pd
import pytest

from exlink.stats.correlation import between_correlation, correlation_matrix
from tests.stats.panels import compress, panel_cells, panel_rows
from tests.stats.reference import r_numbers, real


def within_only(cells: pd.DataFrame, x: str, time: str | None = "t", **options: int) -> pd.DataFrame:
    """Return the within rows of the matrix of ``y`` and ``x``."""
    table = correlation_matrix(cells, ["y"], list(x), "u", time, **options)
    return table[table["kind"] == "within"].reset_index(drop=True)


def test_within_correlation_by_hand():
    rows = panel_rows(1, within=0.6)
    cells = compress(rows)
    mean = cells["sum_y"] / cells["n_y"]
    weight = cells["n_y"]

    def deviate(v: pd.Series) -> pd.Series:
        unit = (v * weight).groupby(cells["u"]).transform("sum") / weight.groupby(cells["u"]).transform("sum")
        return v - unit

    x, y = deviate(cells["x"]), deviate(mean)
    expected = (weight * x * y).sum() / np.sqrt((weight * x**2).sum() * (weight * y**2).sum())
    row = within_only(cells, "x", None, seed=1).iloc[0]
    assert row["estimate"] == pytest.approx(expected, rel=1e-10)
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_finer_cells_do_not_change_the_occasion():
    rows = panel_rows(2, within=0.6).assign(part=lambda f: np.arange(len(f)) % 2)
    finer = compress(rows, ("u", "t", "x", "z", "part"))
    one = within_only(finer, "x", seed=1)
    two = within_only(compress(rows), "x", seed=1)
    pd.testing.assert_frame_equal(one, two)


def test_confounding_shows_between_and_not_within():
    """Truth: between 1, within 0; the two kinds are never mixed."""
    table = correlation_matrix(compress(panel_rows(3, between=1.0)), ["y"], ["x", "z"], "u", "t", seed=1)
    cell = table.set_index(["kind", "term"])
    assert cell.loc[("between", "x"), "conf_low"] > 0.6
    assert cell.loc[("within", "x"), "conf_low"] < 0 < cell.loc[("within", "x"), "conf_high"]
    assert len(table) == 4


def test_no_effect_is_found_at_the_nominal_rate():
    """Truth: no association. Percentile intervals over 40 units exclude zero in about 5 % of samples."""
    table = pd.concat([within_only(panel_cells(s), "x", reps=200, seed=1) for s in range(120)])
    assert ((table["conf_low"] > 0) | (table["conf_high"] < 0)).mean() <= 0.11
    assert abs(table["estimate"].mean()) < 0.02


def test_schools():
    """Teachers against parents and students, one point per school: R's Pearson correlations."""
    schools = real("nyc_school_survey_2011/nyc_survey_keycols.csv")
    for theme in ("saf", "com", "eng", "aca"):
        for other, model in (("p", "Pearson teacher vs parent"), ("s", "Pearson teacher vs student")):
            y = schools[f"{theme}_{other}_11"]
            cells = schools.assign(n_y=y.notna().astype(int), sum_y=y.fillna(0))
            row = between_correlation(cells, "y", f"{theme}_t_11", "dbn", weights="units", reps=200, seed=1).iloc[0]
            assert row["estimate"] == pytest.approx(r_numbers("nyc_survey", model).loc[theme, "estimate"], rel=1e-9)
            assert row["n_units"] == r_numbers("nyc_survey", model.replace("Pearson", "n")).loc[theme, "estimate"]


def test_same_seed_same_interval():
    cells = compress(panel_rows(4, within=0.2))
    first = within_only(cells, "xz", seed=7)
    pd.testing.assert_frame_equal(first, within_only(cells, "xz", seed=7))
    assert not first.equals(within_only(cells, "xz", seed=8))


def test_shared_work_is_the_same_work():
    cells = compress(panel_rows(6, within=0.4, between=0.6)).assign(twin=lambda f: -3 * f["x"])
    cells["z"] = cells["z"].where(cells.index % 3 > 0)
    xs = ["x", "twin", "z"]
    table = correlation_matrix(cells, ["y"], xs, "u", "t", seed=1, reps=100).set_index(["kind", "term"])
    for x in xs:
        within = within_only(cells, [x], seed=1, reps=100).iloc[0]
        between = between_correlation(cells, "y", x, "u", seed=1, reps=100).iloc[0]
        for row, kind in ((within, "within"), (between, "between")):
            for column in ("estimate", "conf_low", "conf_high", "n_units"):
                assert table.loc[(kind, x), column] == pytest.approx(row[column], abs=1e-7)
    assert table.loc[("within", "twin"), "estimate"] == pytest.approx(-table.loc[("within", "x"), "estimate"])


def test_a_pair_without_data_gets_its_reason():
    cells = compress(panel_rows(5)).assign(flat=2.0)
    table = correlation_matrix(cells, ["y"], ["flat"], "u", "t", seed=1, reps=50)
    assert table["estimate"].isna().all()
    assert table["note"].str.contains("no variance").all()
