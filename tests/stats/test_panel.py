"""linearmodels' two-way fixed effects: the published trial, and agreement with the compressed slope."""

import pytest

from exlink.errors import EstimationError
from exlink.stats.panel import panel_two_way
from exlink.stats.within_between import within_slope
from tests.stats.panels import compress, panel_rows
from tests.stats.reference import r_numbers, real


def test_agrees_with_the_slope_from_cells():
    cells = compress(panel_rows(1, within=0.4))
    cells = cells.assign(y=cells["sum_y"] / cells["n_y"])
    fit = panel_two_way(cells, "y", ["x", "z"], "u", "t", weights="n_y", group_debias=True)
    ours = within_slope(cells, "y", ["x", "z"], "u", "t")
    assert list(fit.table["estimate"]) == pytest.approx(list(ours.table["estimate"]), rel=1e-8)
    # linearmodels knows of cells, not of rows, and counts only the slopes: the errors differ by that factor
    assert list(fit.table["std_error"]) == pytest.approx(list(ours.table["std_error"]), rel=0.02)


def test_working_from_home_trial():
    """Bloom et al. (2015), Table II column 1: .2324 (.0621), 17,806 rows of 249 agents."""
    trial = real("ctrip_wfh/experimental_data.csv")
    trial = trial[trial["expgroup"].isin([0, 1]) & (trial["year_week"] != 201049)]
    home = ((trial["expgroup"] == 1) & (trial["year_week"] >= 201049)).astype(float)
    fit = panel_two_way(trial.assign(home=home), "perform1", "home", "personid", "year_week")
    reference = r_numbers("ctrip_wfh", "two-way FE, person-clustered").loc["T"]
    classic = r_numbers("ctrip_wfh", "OLS two-way").loc["T"]
    row = fit.table.iloc[0]
    assert row["estimate"] == pytest.approx(classic["estimate"], rel=1e-9)
    assert row["std_error"] == pytest.approx(reference["se"], rel=1e-4)
    assert (fit.n_rows, fit.n_units, round(row["std_error"], 4)) == (17806, 249, 0.0621)


def test_repeated_rows_and_flat_columns_are_refused():
    cells = compress(panel_rows(2)).assign(y=1.0)
    with pytest.raises(EstimationError, match="rows repeat a u × t"):
        panel_two_way(panel_rows(2), "y", "x", "u", "t")
    with pytest.raises(EstimationError, match="y: no variance within u"):
        panel_two_way(cells, "y", "x", "u", "t")
