"""The machinery of the calibration; what it finds is for benchmarks/results/calibration.md to say."""

import numpy as np
import pytest

from benchmarks.calibration import __main__, page, right, summary
from benchmarks.calibration.lessons import lessons
from benchmarks.calibration.replicate import WORLDS, one, run, seeds
from benchmarks.calibration.summary import HOLDS, JUST_ABOVE, JUST_BELOW, TOO_HIGH, TOO_LOW, summarise, verdict


@pytest.fixture(scope="module")
def rows():
    return summarise([run(right.few(12, 10), 6), run(right.unbalanced(30, 40), 6)])


@pytest.mark.parametrize(
    ("covered", "said"),
    [(475, HOLDS), (465, HOLDS), (485, HOLDS), (463, JUST_BELOW), (450, TOO_LOW), (487, JUST_ABOVE), (498, TOO_HIGH)],
)
def test_a_verdict_allows_for_chance(covered, said):
    assert verdict(covered, 500) == said


def test_more_replications_make_a_smaller_deviation_count():
    assert (verdict(92, 100), verdict(9_200, 10_000)) == (JUST_BELOW, TOO_LOW)


def test_a_replication_depends_on_its_world_and_number_alone():
    world = WORLDS["few"]
    few, many = seeds(world, 2), seeds(world, 5)
    again = [one(world, s).model for s in (few[1], many[1])]
    np.testing.assert_array_equal(*again)
    assert not np.array_equal(one(world, many[2]).model, again[0])


def test_every_world_has_unbiased_draws_of_its_own_size():
    for world in WORLDS.values():
        frame = world.draw(np.random.default_rng(1))
        assert {"y", *world.terms, *world.random} == {"y", *frame.columns} & {"y", *world.terms, *world.random}
        assert set(world.judged) - {"(Intercept)"} <= set(world.terms)
        assert frame.notna().all(axis=None)


def test_every_term_has_a_line_for_each_kind_of_error(rows):
    few = rows[rows["world"] == "few"]
    assert list(few["term"].value_counts(sort=False)) == [2] * 5 + [1] * 2  # five fixed effects, two SDs
    assert set(few.loc[few["false_positives"].notna(), "term"]) == {"employee_null", "row_null"}
    assert few.loc[few["error"] == "model", "length_ratio"].eq(1).all()


def test_coverage_counts_the_intervals_that_were_given():
    inside, given = np.array([True, False, False, True]), np.array([True, True, False, True])
    row = summary._judged("SD x", "Wald", 1.0, np.ones(4), inside, given)
    assert (row["coverage"], row["given"]) == (2 / 3, 0.75)


def test_the_page_tells_every_line(rows):
    text = page.markdown(rows, 6, 0.5)
    for world, of in rows.groupby("world"):
        block = text.split(f"### {world}\n")[1].split("###")[0]
        assert block.count("\n| ") == len(of) + 2
    assert len(lessons(rows)) == 3  # right, few, spreads: the other worlds were not run


def test_the_share_of_stray_lines_is_that_of_a_binomial_count():
    counts = np.random.default_rng(1).binomial(500, 0.95, 200_000)
    assert __main__.stray(500) == pytest.approx(((counts < 465) | (counts > 485)).mean(), abs=0.003)
