"""A whole that is computed from its parts is recognised; a rating of its own is not."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.composite import NEARLY, SUM, composite
from tests.stats.reference import real

PARTS = ["a", "b", "c"]
NINE = [f"aspect {k}" for k in range(9)]


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
    assert found.rsquared < SUM  # rounding alone hides it from R²
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


def survey(n=1200, seed=0):
    """Return nine aspects of two items each on 1–5, and a further question; all go along with one factor."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 1))
    raw = 3.4 + 0.45 * factor + 0.75 * rng.standard_normal((n, 9))
    items = np.clip(np.rint(raw[:, :, None] + 0.5 * rng.standard_normal((n, 9, 2))), 1, 5)
    further = np.clip(np.rint(3.4 + 0.45 * factor[:, 0] + 0.9 * rng.standard_normal(n)), 1, 5)
    return pd.DataFrame(items.mean(axis=2), columns=NINE), further


@pytest.mark.parametrize(("lowest", "width", "step"), [(1, 1.0, 1.0), (1, 1.0, 0.5), (0, 2.5, 1.0), (0, 25.0, 5.0)])
def test_a_weighted_mean_on_any_rounded_scale_is_made_of_the_aspects(lowest, width, step):
    """Weights from 3 to 0.5, on 1–5, 0–10 and 0–100: rounding hides it from R², the plain mean is not it."""
    rows, _ = survey()
    weights = np.array([3, 2, 2, 1, 1, 1, 1, 1, 0.5])
    score = lowest + width * (rows[NINE].to_numpy() @ (weights / weights.sum()) - 1)
    found = composite(rows.assign(whole=step * np.rint(score / step)), "whole", NINE)
    assert found.found
    assert found.fitted > 0.9
    assert found.reason("it", "the aspects").startswith("it is ")


@pytest.mark.parametrize("made", ["one further question", "noise"])
def test_a_whole_with_little_of_its_own_is_nearly_made_of_the_aspects(made):
    rows, further = survey()
    mean = rows[NINE].mean(axis=1)
    noise = 0.13 * np.random.default_rng(1).standard_normal(len(rows))
    whole = (9 * mean + further) / 10 if made == "one further question" else mean + noise
    found = composite(rows.assign(whole=whole), "whole", NINE)
    assert found.nearly
    assert not found.found
    assert found.reason("it", "the aspects").startswith("it is nearly made of the aspects (R² 0.9")


def test_a_median_is_found_where_neither_mean_nor_sum_reproduces_it():
    rows, _ = survey()
    found = composite(rows.assign(whole=rows[NINE].median(axis=1)), "whole", NINE)
    assert max(found.rsquared, found.fitted) < 0.9
    assert found.reason("it", "the aspects") == "it is the median of the aspects in 100% of 1,200 answers"


@pytest.mark.parametrize("noise", [0.25, 0.3, 0.4])
def test_an_honest_rating_on_one_to_five_is_its_own(noise):
    """One whole number each: the mean of the aspects, noise of one's own, rounded; R² between a half and two thirds."""
    rows, _ = survey()
    own = rows[NINE].mean(axis=1) + noise * np.random.default_rng(2).standard_normal(len(rows))
    found = composite(rows.assign(whole=np.clip(np.rint(own), 1, 5)), "whole", NINE)
    assert 0.45 < found.rsquared < 0.7
    assert not found.found
    assert not found.nearly
    assert found.reason("it", "them") == ""


def test_the_edges_of_nearly():
    """R² just below and just above the limit: the whole is the mean and noise of a variance made to measure."""
    rows, _ = survey()
    mean = rows[NINE].mean(axis=1)
    noise = np.random.default_rng(3).standard_normal(len(rows))
    base = np.column_stack([np.ones(len(rows)), rows[NINE]])
    noise -= base @ np.linalg.lstsq(base, noise, rcond=None)[0]  # nothing of it in the aspects: R² is exact
    for wanted, verdict in ((NEARLY - 0.002, False), (NEARLY + 0.002, True)):
        noise *= np.linalg.norm(mean - mean.mean()) * np.sqrt(1 / wanted - 1) / np.linalg.norm(noise)
        whole = mean + noise
        found = composite(rows.assign(whole=whole), "whole", NINE)
        assert found.rsquared == pytest.approx(wanted)
        assert found.nearly is verdict


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
