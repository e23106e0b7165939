import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.power import adjusted_verdict, minimum_detectable, verdict, verdict_sentence


def test_factor_is_two_point_eight_and_has_its_power():
    """Truth: an effect of exactly that size is found in 80 % of samples."""
    assert minimum_detectable(1.0) == pytest.approx(2.8016, abs=1e-4)
    np.testing.assert_allclose(minimum_detectable(np.array([0.5, np.nan])), [1.4008, np.nan], atol=1e-4)
    z = minimum_detectable(1.0) + np.random.default_rng(1).normal(size=20_000)
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(
    ("interval", "smallest", "word"),
    [
        ((0.1, 0.3), 0.0, "higher"),
        ((-0.3, -0.1), 0.0, "lower"),
        ((-0.1, 0.3), 0.0, "inconclusive"),
        ((-0.04, 0.03), 0.05, "no meaningful association"),
        ((0.01, 0.03), 0.05, "no meaningful association"),
        ((0.01, 0.2), 0.05, "higher"),
        ((-0.2, 0.03), 0.05, "inconclusive"),
        ((np.nan, np.nan), 0.05, "inconclusive"),
    ],
)
def test_words(interval, smallest, word):
    assert verdict(np.mean(interval), *interval, smallest) == word


def test_sentences_carry_interval_and_what_could_have_been_seen():
    text = verdict_sentence(0.1, -0.1, 0.3, what="Tools and ease", mde=0.28)
    assert text == (
        "Tools and ease: inconclusive, +0.10 points (95 % interval -0.10 to +0.30). "
        "This data could have detected about 0.28 points."
    )
    assert verdict_sentence(np.nan, np.nan, np.nan, what="Tools").endswith("the data gives no interval.")
    assert "lower" in verdict_sentence(-0.2, -0.3, -0.1, what="Tools")


def test_upside_down_intervals_are_refused():
    with pytest.raises(EstimationError, match=r"runs from 0\.3 down to 0\.1"):
        verdict(0.2, 0.3, 0.1)


@pytest.mark.parametrize(
    ("interval", "p_adjusted", "word"),
    [
        ((0.1, 0.3), 0.01, "higher"),
        ((0.1, 0.3), 0.06, "inconclusive"),
        ((-0.3, -0.1), 0.01, "lower"),
        ((-0.02, 0.03), 0.80, "no meaningful association"),
        ((-0.2, 0.3), 0.80, "inconclusive"),
        ((np.nan, np.nan), np.nan, "not assessed"),
    ],
)
def test_a_verdict_needs_the_interval_and_the_adjusted_p(interval, p_adjusted, word):
    assert adjusted_verdict(np.mean(interval), *interval, p_adjusted, 0.05) == word
