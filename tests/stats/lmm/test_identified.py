"""Models whose variances could be any number are refused in one sentence, and those that only look so are not."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from tests.stats.lmm.worlds import grouped


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Return eight groups g of three teams c each, which are numbered within groups, and through as ``team``."""
    frame = grouped(3, [30] * 8)
    draw = np.random.default_rng(4)
    c = draw.integers(0, 3, len(frame))
    frame["y"] += draw.normal(size=24)[3 * frame["g"] + c]
    of_group = {f"z{k}": draw.normal(size=8)[frame["g"]] for k in range(7)}
    return frame.assign(
        c=c, team=3 * frame["g"] + c, label=[f"n{k}" for k in frame["g"]], other=draw.integers(0, 5, len(frame)),
        kind=np.array(["p", "q"])[draw.integers(0, 2, len(frame))], twice=2 * frame["x"], year=2015 + frame["x"],
        flag=(c == 1) * 1.0, rest=(c != 1) * 1.0, **of_group,
    )  # fmt: skip


def refused(rows, formula, random, **more):
    """Return the one sentence with which both paths refuse."""
    said = []
    for data in (rows, duckdb.from_df(rows)):
        with pytest.raises(EstimationError) as caught:
            fit_lmm(formula, data, random, **more)
        said.append(str(caught.value))
    assert said[0] == said[1] and "\n" not in said[0]
    return said[0]


@pytest.mark.parametrize(
    ("random", "term"),
    [
        ({"g": ["1", "1"]}, "(Intercept)"),
        ({"g": ["1", "x"]}, "(Intercept)"),
        ({"g": ["1 + x", "0 + x"]}, "x"),
        ({"g": ["0 + year", "0 + year"]}, "year"),
        ({"g": ["1", "0 + x", "0 + twice"]}, "twice"),
        ({"g": ["1", "0 + kind"]}, "kind[q]"),
        ({"g/c": "1", "g": "1"}, "(Intercept)"),
        ({"g": "1", "g/c": "1"}, "(Intercept)"),
    ],
)
def test_independent_parts_that_repeat_each_other(rows, random, term):
    said = refused(rows, "y ~ x", random)
    assert f"independent random parts of g repeat {term}, so its variances cannot be told apart. Keep it in one" in said


@pytest.mark.parametrize("random", [
    {"g": ["1", "0 + x"]}, {"g": ["1", "0 + flag", "0 + rest"]}, {"g": ["1", "0 + year"]}, {"g/c": "1", "other": "1"},
    {"g": "1", "label": "0 + x"},
])  # fmt: skip
def test_independent_parts_that_do_not(rows, random):
    """An intercept beside independent effects of both categories: covariance between categories tells it apart."""
    assert fit_lmm("y ~ x", rows, random).converged


def test_the_same_groups_under_two_names(rows):
    said = refused(rows, "y ~ x", {"other": "1", "g": "1", "label": "1"})
    assert "g, label group the rows alike, so their random effects of (Intercept) cannot be told apart" in said
    assert "g:c, team group the rows alike" in refused(rows, "y ~ x", {"g/c": "1", "team": "1"})
    assert "g:c, c:g group the rows alike" in refused(rows, "y ~ x", {"g:c": "1", "c:g": "1"})


@pytest.mark.parametrize("random", [{"g": "1"}, {"g": "1 + x"}, {"other": "1", "g": "1"}])
def test_as_many_group_level_effects_as_groups(rows, random):
    of_group = " + ".join(f"z{k}" for k in range(7))
    said = refused(rows, f"y ~ x + {of_group}", random)
    assert "8 fixed effects (the intercept among them) do not vary within the 8 levels of g" in said
    assert fit_lmm(f"y ~ x + {of_group.removesuffix(' + z6')}", rows, random).nobs == len(rows)
    assert "leaves its random effects nothing" in refused(rows, f"y ~ {of_group}", random)
    more = rows.assign(z7=rows["z0"] ** 2)
    for data in (more, duckdb.from_df(more)):
        with pytest.raises(EstimationError, match="collinear columns: z7 is a sum of multiples of"):
            fit_lmm(f"y ~ x + {of_group} + z7", data, random)


def test_groups_whose_indicators_are_sums_of_fixed_effects(rows):
    """Effects that vary within groups one by one, but whose sums do not."""
    mixed = rows.assign(**{f"m{k}": rows["x"] + rows[f"z{k}"] for k in range(7)})
    formula = "y ~ x + " + " + ".join(f"m{k}" for k in range(7))
    assert "leaves its random effects nothing" in refused(mixed, formula, {"g": "1"})


def test_weights_tell_a_variance_per_row_only_if_they_differ(rows):
    each = rows.assign(row=np.arange(len(rows)), same=2.0, ones=1.0, pairs=np.where(rows.index % 2, 2.0, 0.5))
    assert each["pairs"].prod() == 1.0
    for weights in (None, "same", "ones"):
        assert "240 levels in 240 rows; the number of levels" in refused(each, "y ~ x", {"row": "1"}, weights=weights)
    for data in (each, duckdb.from_df(each)):
        assert fit_lmm("y ~ x", data, {"row": "1"}, weights="pairs").nobs == 240
