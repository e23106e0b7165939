"""Response rates, slopes inside groups and standardised differences of the school survey: R's and its own numbers."""

import numpy as np
import pandas as pd
import pytest

from exlink.stats.balance import of_category, of_number, standardised_difference
from exlink.stats.grouped import grouped_slope
from exlink.stats.proportions import group_shares

from .reference import EXACT, REFERENCE, real

R = REFERENCE.with_name("readiness_r.csv")


def from_r(case):
    table = pd.read_csv(R)
    return table[table["case"] == case].set_index("term")


@pytest.fixture(scope="module")
def schools():
    return real("nyc_school_survey_2011/nyc_survey_keycols.csv")


@pytest.fixture(scope="module")
def surveyed(schools):
    """Schools with a safety score and a response rate of teachers, and their district."""
    used = schools[schools["saf_t_11"].notna() & schools["rr_t"].notna() & schools["schooltype"].notna()]
    return used.assign(district=used["dbn"].str[:2])


@pytest.mark.parametrize("who", ["t", "p", "s"])
def test_rates_are_those_that_the_survey_published(schools, who):
    """In whole per cent; where more answered than were counted as asked, the survey says 100."""
    used = schools.dropna(subset=[f"rr_{who}", f"N_{who}", f"nr_{who}"])
    used = used.assign(answered=used[[f"N_{who}", f"nr_{who}"]].min(axis=1), asked=used[f"nr_{who}"])
    shares = group_shares(used, "answered", "asked", "dbn").set_index("dbn")["estimate"]
    published = used.set_index("dbn")[f"rr_{who}"].loc[shares.index] / 100
    assert len(shares) > 350
    assert (shares - published).abs().max() <= 0.005 + EXACT


@pytest.mark.parametrize("who", ["t", "p"])
def test_clustered_rates_are_those_of_r(schools, who):
    used = schools.assign(
        answered=schools[[f"N_{who}", f"nr_{who}"]].min(axis=1, skipna=False), asked=schools[f"nr_{who}"]
    ).dropna(subset=["answered", "asked"])
    found = group_shares(used, "answered", "asked", "schooltype", cluster="dbn").set_index("schooltype")
    for kind, row in from_r(f"response rate {who}").iterrows():
        assert found.loc[kind, "estimate"] == pytest.approx(row["estimate"], rel=EXACT)
        assert found.loc[kind, "std_error"] == pytest.approx(row["se"], rel=EXACT)


def test_a_slope_inside_groups_is_that_of_r(surveyed):
    cells = surveyed.assign(n_y=1, sum_y=surveyed["saf_t_11"])
    found = grouped_slope(cells, "y", "rr_t", "schooltype", "district").iloc[0]
    row = from_r("safety on response rate").loc["rr_t"]
    assert found["estimate"] == pytest.approx(row["estimate"], rel=1e-8)  # R's QR of dummies loses a digit or two
    assert found["std_error"] == pytest.approx(row["se"], rel=1e-8)


def test_standardised_differences_are_those_of_r(surveyed):
    rows = from_r("standardised difference")["estimate"]
    many = (surveyed["rr_t"] >= 80).to_numpy()
    kinds = pd.get_dummies(surveyed["schooltype"]).to_numpy(dtype=float)
    known = surveyed["rr_p"].notna().to_numpy()
    value = surveyed["rr_p"].fillna(0).to_numpy()
    sides = {"schooltype": [], "rr_p": []}
    for side in (many, ~many):
        sides["schooltype"].append(of_category(kinds * side[:, None]))
        on = (side & known).astype(float)
        sides["rr_p"].append(of_number(on, on * value, on * value**2))
    for term, pair in sides.items():
        found = standardised_difference(*pair)
        assert found.estimate == pytest.approx(rows[term], rel=1e-6)
        assert np.isfinite(found.chance)
