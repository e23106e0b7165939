"""The difference of two shares against R and statsmodels, and where one of them is 0."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from exlink.errors import EstimationError
from exlink.stats.proportions import wilson
from exlink.stats.share_gap import share_gap

# written by tests/reference/share_gap.R
CASES = pd.read_csv(Path(__file__).parents[1] / "reference" / "share_gap_r.csv").to_dict("records")


def of(successes, n):
    return wilson([successes], [n]).iloc[0]


@pytest.mark.parametrize("case", CASES, ids=lambda c: "{x1:.0f}/{n1:.0f}-{x2:.0f}/{n2:.0f}".format(**c))
def test_bounds_are_those_of_two_other_programs(case):
    gap = share_gap(of(case["x1"], case["n1"]), of(case["x2"], case["n2"]))
    assert [gap[c] for c in gap] == pytest.approx([case[c] for c in gap], abs=1e-10)
    bounds = confint_proportions_2indep(
        case["x1"], case["n1"], case["x2"], case["n2"], method="newcomb", compare="diff"
    )
    assert (gap["conf_low"], gap["conf_high"]) == pytest.approx(bounds, abs=1e-10)


def test_without_a_bound_of_one_share_there_is_none_of_the_difference():
    gap = share_gap({"estimate": 0.5, "conf_low": np.nan, "conf_high": np.nan}, of(5, 20))
    assert gap["estimate"] == 0.25
    assert np.isnan([gap["conf_low"], gap["conf_high"]]).all()


def test_what_is_no_share_is_refused():
    with pytest.raises(EstimationError, match=r"1\.2 is no share"):
        share_gap({"estimate": 1.2, "conf_low": 1.0, "conf_high": 1.4}, of(5, 20))
