"""Words around numbers: articles as they are read aloud, shares that speak of nobody."""

import pytest

from exlink.data.wording import share_in_words, with_article


@pytest.mark.parametrize(
    ("phrase", "article"),
    [("agent", "an"), ("team lead", "a"), ("80% chance", "an"), ("75% chance", "a"), ("8 % share", "an"),
     ("11 % share", "an"), ("18% chance", "an"), ("110 % rise", "a"), ("800 % rise", "an"), ("11,000 rise", "an"),
     ("1,100 rise", "a"), ("1% chance", "a"), ("100% chance", "a"), ("user", "a"), ("hour", "an"), ("house", "a"),
     ("**80% chance**", "an")],
)  # fmt: skip
def test_articles_are_those_one_hears(phrase, article):
    assert with_article(phrase) == f"{article} {phrase}"


def test_a_share_of_all_but_a_few_is_a_bound_that_is_the_same_for_each_few():
    said = {share_in_words(100 - k, k, 8) for k in range(1, 8)}
    assert said == {"at least 93%"}
    assert {share_in_words(k, 100 - k, 8) for k in range(1, 8)} == {"at most 7%"}
    assert share_in_words(8, 92, 8) == "8%"
    assert share_in_words(92, 8, 8) == "92%"
    assert share_in_words(26, 0, 8) == "100%"
    assert share_in_words(0, 26, 8) == "0%"
    assert share_in_words(90, 10, 8, share=0.874) == "87%"


def test_a_bound_that_says_nothing_is_a_word():
    assert share_in_words(9, 1, 8) == "most"
    assert share_in_words(1, 9, 8) == "a few"
