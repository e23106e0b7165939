"""A whole that is computed from its parts is recognised; a rating of its own is not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.composite import composite
from tests.stats.reference import real

PARTS = ["a", "b", "c"]


def ratings(n=400, seed=0):
    """Three parts on 1–5, correlated as parts of a survey are."""
    rng = np.random.default_rng(seed)
    raw = 3.3 + 0.8 * rng.standard_normal((n, 1)) + 0.7 * rng.standard_normal((n, 3))
    return pd.DataFrame(np.clip(np.rint(raw), 1, 5), columns=PARTS)


def test_a_rounded_mean_with_some_typing_errors_is_a_mean():
    """Nine of ten rows: as in reviews whose overall rating the site computes."""
    rows = ratings()
    rows["whole"] = np.rint(rows[PARTS].mean(axis=1))
    wrong = np.random.default_rng(1).random(len(rows)) < 0.1
    rows.loc[wrong, "whole"] = np.random.default_rng(2).integers(1, 6, wrong.sum())
    found = composite(rows, "whole", PARTS)
    assert found.is_mean
    assert not found.is_sum  # rounding alone hides it from R²
    assert found.reason("the overall score", "the aspects").startswith(
        "the overall score is the mean of the aspects in 9"
    )


def test_a_mean_on_another_scale_is_a_mean():
    rows = ratings()
    rows["whole"] = np.rint(2 * rows[PARTS].mean(axis=1))
    assert composite(rows, "whole", PARTS).is_mean


def test_a_weighted_sum_is_a_sum():
    rows = ratings()
    rows["whole"] = rows[PARTS] @ [0.6, 0.3, 0.1] + 0.01 * np.random.default_rng(3).standard_normal(len(rows))
    found = composite(rows, "whole", PARTS)
    assert found.is_sum
    assert not found.is_mean
    assert found.weights.to_numpy() == pytest.approx([0.6, 0.3, 0.1], abs=0.01)
    assert "weighted sum of the aspects (R² 1.000 over 400 answers)" in found.reason("it", "the aspects")


def test_a_rating_of_its_own_is_neither():
    rows = ratings()
    own = rows[PARTS].mean(axis=1) + 0.7 * np.random.default_rng(4).standard_normal(len(rows))
    rows["whole"] = np.clip(np.rint(own), 1, 5)
    found = composite(rows, "whole", PARTS)
    assert not found.found
    assert found.reason("it", "them") == ""
    assert found.rsquared > 0.3  # it goes along with them all the same


def test_where_nearly_everybody_says_the_same_guessing_is_no_proof():
    """Nine of ten rate 4: always saying 4 reproduces 90 %, and so does the mean of anything."""
    rng = np.random.default_rng(5)
    rows = ratings().assign(whole=np.where(rng.random(400) < 0.9, 4.0, rng.integers(1, 6, 400)))
    found = composite(rows, "whole", PARTS)
    assert found.reproduced > 0.8
    assert not found.found


def test_total_scores_of_the_school_survey_are_means_of_their_groups():
    """Part and whole: ``saf_tot`` averages teachers, parents and students; parents' own score does not."""
    schools = real("nyc_school_survey_2011/nyc_survey_keycols.csv")
    for domain in ("saf", "com", "eng", "aca"):
        groups = [f"{domain}_{g}_11" for g in ("t", "p", "s")]
        total = composite(schools, f"{domain}_tot_11", groups)
        assert total.found, domain
        assert not composite(schools, groups[1], [groups[0], groups[2]]).found


def test_the_overall_rating_of_seats_is_a_rating_of_its_own():
    seats = real("skytrax_seat/seat_reviews.csv")
    parts = ["seat_legroom_rating", "seat_recline_rating", "seat_width_rating", "aisle_space_rating"]
    found = composite(seats, "overall_rating", parts)
    assert not found.found
    assert found.rsquared > 0.7


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-20, 20), scale=st.floats(0.1, 10))
def test_order_of_rows_and_of_parts_and_the_scale_do_not_matter(seed, shift, scale):
    rows = ratings(seed=seed)
    rows["whole"] = np.rint(2 * rows[PARTS].mean(axis=1))
    first = composite(rows, "whole", PARTS)
    moved = rows.assign(whole=rows["whole"] * scale + shift).sample(frac=1, random_state=seed)
    again = composite(moved, "whole", PARTS[::-1])
    assert again.found == first.found
    assert again.rsquared == pytest.approx(first.rsquared)
    assert again.weights[PARTS].to_numpy() == pytest.approx(scale * first.weights.to_numpy(), abs=1e-9)


def test_what_cannot_be_judged_is_refused_in_words():
    rows = ratings().assign(whole=3.0)
    with pytest.raises(EstimationError, match=r"it does not vary \(400 complete rows\)"):
        composite(rows, "whole", PARTS)
    with pytest.raises(EstimationError, match="400 complete rows and 1 parts"):
        composite(rows, "whole", ["a"])
