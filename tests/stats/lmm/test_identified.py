"""Models whose variances could be any number are refused in one sentence, and those that only look so are not."""

import time

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


def test_nested_groups_hold_the_outer_ones_already(rows):
    for random in ({"g/c": "1", "g": "1"}, {"g": "1", "g/c": "1"}):
        assert refused(rows, "y ~ x", random).endswith("Where g/c is asked for, it holds g already.")
    assert "asked for" not in refused(rows, "y ~ x", {"g": ["1", "1"]})


def test_many_categories_are_compared_at_once(rows):
    """Sixty columns have 1,830 products with each other, whose least squares took minutes."""
    many = pd.concat([rows.assign(site=k % 60) for k in range(60)]).assign(site=lambda f: np.arange(len(f)) % 60)
    many["y"] = many["y"] + np.random.default_rng(1).normal(size=len(many))
    before = time.process_time()
    assert "repeat C(site)[59]" in refused(many, "y ~ x", {"g": ["1", "0 + C(site)"]})
    assert time.process_time() - before < 10


@pytest.mark.parametrize("random", [
    ["1 + t + I(t**2)", "0 + z0"], ["1 + when + I(when**2)", "0 + z0"], ["1", "0 + z0 + near"],
])  # fmt: skip
def test_alike_inside_a_part_is_not_alike_across_parts(random):
    """Columns of one part may be as related as a year and its square: the other part shares nothing with them."""
    draw = np.random.default_rng(8)
    g = np.repeat(np.arange(60), 12)
    frame = pd.DataFrame({"g": g, "x": draw.normal(size=720), "z0": draw.normal(size=720)})
    frame["t"] = draw.normal(30, 2, 720)
    frame = frame.assign(when=2000 + draw.integers(0, 11, 720), near=frame["z0"] + 0.003 * draw.normal(size=720))
    frame["y"] = draw.normal(size=60)[g] * (1 + frame["z0"]) + draw.normal(size=720)
    fitted = fit_lmm("y ~ x", frame, {"g": random})
    assert fitted.nobs == 720


def test_more_directions_than_a_plane_has_forms(rows):
    """Of four directions of one plane any two differ, but their four squares are one too many for its three forms."""
    frame = rows.assign(w=rows["z0"] + rows["x"], v=rows["z0"] - rows["x"], u=rows["z0"] + 2 * rows["x"])
    assert fit_lmm("y ~ x", frame, {"g": ["0 + x", "0 + z0", "0 + w"]}).nobs == len(rows)
    assert "repeat v" in refused(frame, "y ~ x", {"g": ["0 + x", "0 + z0", "0 + w", "0 + v"]})
    assert "repeat v" in refused(frame, "y ~ x", {"g": ["1", "0 + x", "0 + z0", "0 + w", "0 + v", "0 + u"]})


def test_slopes_that_fixed_effects_hold_in_every_group(rows):
    said = refused(rows, "y ~ C(g):x", {"g": "0 + x"})
    assert "fixed effects hold the effect of x in each of the 8 levels of g, which leaves its random effects" in said
    assert "hold the effect of x in each" in refused(rows, "y ~ 0 + C(other) + label:x", {"g": ["1", "0 + x"]})
    assert fit_lmm("y ~ label:x", rows, {"g": "1"}).nobs == len(rows)


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
