"""Slopes inside groups with crossing clusters: statsmodels' numbers, known truth, no effect."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.grouped import grouped_slope
from exlink.stats.power import minimum_detectable


def answers(seed, *, people=50, waves=6, slope=0.0, drift=0.0, rows=3):
    """Return rows of ``y = slope·late + person + wave + noise``; with ``drift`` later waves are answered later too."""
    rng = np.random.default_rng(seed)
    who, wave = np.divmod(np.arange(people * waves * rows) // rows, waves)
    late = (rng.random(len(who)) < 0.3 + drift * wave).astype(float)
    y = slope * late + rng.normal(size=people)[who] + 0.5 * wave + rng.normal(size=len(who))
    return pd.DataFrame({"who": who, "wave": wave, "late": late, "y": y})


def cells(rows):
    return rows.groupby(["who", "wave", "late"], as_index=False).agg(n_y=("y", "size"), sum_y=("y", "sum"))


def test_it_is_least_squares_on_the_rows_with_dummies_and_clusters():
    import statsmodels.formula.api as smf

    rows = answers(3, slope=0.4)
    want = smf.ols("y ~ late + C(wave)", rows).fit(cov_type="cluster", cov_kwds={"groups": rows["who"]})
    found = grouped_slope(cells(rows), "y", "late", "wave", "who").iloc[0]
    assert found["estimate"] == pytest.approx(want.params["late"], rel=1e-9)
    assert found["std_error"] == pytest.approx(want.bse["late"], rel=1e-9)
    assert (found["n"], found["n_units"], found["n_groups"]) == (len(rows), 50, 6)
    assert found["mde"] == pytest.approx(minimum_detectable(found["std_error"]))


def test_what_differs_between_groups_is_not_taken_for_a_slope():
    """Truth: no slope; waves that score higher are answered later. Without the groups the slope would be clear."""
    rows = answers(5, people=400, drift=0.1)
    naive = np.polyfit(rows["late"], rows["y"], 1)[0]
    found = grouped_slope(cells(rows), "y", "late", "wave", "who").iloc[0]
    assert naive > 0.4
    assert found["conf_low"] < 0 < found["conf_high"]


def test_no_effect_is_found_at_the_nominal_rate():
    """Truth: no slope, answers of a person alike in all waves: 5 % of intervals leave zero out."""
    out = pd.concat([grouped_slope(cells(answers(s, people=40)), "y", "late", "wave", "who") for s in range(300)])
    assert 0.01 <= ((out["conf_low"] > 0) | (out["conf_high"] < 0)).mean() <= 0.10


def test_groups_in_which_nothing_varies_say_nothing():
    rows = answers(7)
    still = rows.assign(wave=99, late=1.0, who=lambda f: f["who"] + 1000)
    one = grouped_slope(cells(rows), "y", "late", "wave", "who")
    two = grouped_slope(cells(pd.concat([rows, still])), "y", "late", "wave", "who")
    pd.testing.assert_frame_equal(one, two)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(-40, 40))
def test_order_labels_and_a_constant_change_nothing(seed, add):
    rows = answers(seed, people=10, waves=3)
    other = rows.sample(frac=1, random_state=seed).assign(y=lambda f: f["y"] + add, who=lambda f: 100 - f["who"])
    one, two = (grouped_slope(cells(r), "y", "late", "wave", "who").iloc[0] for r in (rows, other))
    for name in ("estimate", "std_error", "p_value"):
        assert one[name] == pytest.approx(two[name], rel=1e-6, abs=1e-8)


def test_what_cannot_be_estimated_is_refused():
    rows = answers(9)
    with pytest.raises(EstimationError, match="at least 3"):
        grouped_slope(cells(rows[rows["who"] < 2]), "y", "late", "wave", "who")
    with pytest.raises(EstimationError, match="no variance"):
        grouped_slope(cells(rows.assign(y=4.0)), "y", "late", "wave", "who")
    with pytest.raises(EstimationError, match="not in the frame"):
        grouped_slope(cells(rows), "y", "later", "wave", "who")
