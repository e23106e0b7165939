"""What cannot be fitted is said in one sentence: what, where, how many, how to mend it."""

import duckdb
import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from tests.stats.lmm.worlds import grouped

G = {"g": "1"}


@pytest.fixture
def frame() -> pd.DataFrame:
    made = grouped(1, [6] * 10)
    return made.assign(
        twice=2 * made["x"],
        one=1.0,
        name="same",
        word=[f"w{k}" for k in range(60)],
        size=10,
        mixed=[1, "n/a"] * 30,
        day=pd.Timestamp("2026-01-01"),
        vast=1e160 * made["x"],
        minute=1e-120 * made["x"],
        seconds=1e3 + made["g"],
        ends=np.where(made["g"] > 4, np.inf, made["g"]),
        lists=[[k % 5] for k in range(60)],
        **{"at:sea": made["g"]},
    )


@pytest.mark.parametrize(
    ("formula", "random", "said"),
    [
        ("y ~ tools", G, "y ~ tools: column tools is not in the data."),
        ("y ~ X1", G, r"column X1 is not in the data\. Did you mean 'x'\?"),
        ("y ~ x", {"gg": "1"}, r"column gg is not in the data\. Did you mean 'g'\?"),
        ("y ~ x", {"g": "1 + xx"}, r"column xx is not in the data\. Did you mean 'x'\?"),
        ("y ~ x", {"name": "1"}, "name has 1 level; a random effect needs at least 2"),
        ("y ~ x", {"word": "1"}, "word has 60 levels in 60 rows; the number of levels"),
        ("y ~ x + twice", G, "collinear columns: twice is a sum of multiples of x. Leave one out"),
        ("y ~ x + one", G, "one is zero or constant in all rows|collinear columns: one is"),
        ("one ~ x", G, "the response one is constant in 60 rows"),
        ("y ~ x", {}, r"no random part. Say which rows belong together, for example random=\{\"employee_id\": \"1\"\}"),
        ("y ~ x", None, "no random part"),
        ("y ~ x", "g", "random is str, not a mapping"),
        ("y ~ x", {"g": 1}, "random effects of g are 1, not a text"),
        (5, G, "formula is int, not a text such as"),
        ("y ~ .", G, r"'\.' has no meaning here; name the terms"),
        ("y ~ a1 + a2", G, "columns a1, a2 are not in the data"),
        ("y ~ x", {5: "1"}, "random names 5: '1'; write it as"),
        ("y ~ x", {"g": []}, r"random names 'g': \[\]; write it as"),
        ("y ~ x", {"g": " "}, "random effects of g are empty"),
        ("y ~ x", {"g": "1 | x"}, r"random effects of g are '1 \| x'; write a right"),
        ("y ~ x", {"g": "1 + x + twice"}, "collinear random effects of g: twice is a sum of multiples of x"),
        ("y ~ x", {"g": "1 + one"}, "one is constant"),
        ("y ~ x + C(g)", G, "g is a term and a grouping factor"),
        ("y ~ mixed", G, "mixed mixes numbers and text"),
        ("y ~ day", G, "day is neither a number nor text"),
        ("y ~ foo(x)", G, r"y ~ foo\(x\): foo\(\) is unknown\."),
        ("y ~ lgo(x)", G, r"lgo\(\) is unknown\. Did you mean 'log'\?"),
        ("y ~ x", {"g": "1 + np.sqr(x)"}, r"np\.sqr\(\) is unknown\. Did you mean 'sqrt'\?"),
        ("y ~ True + x", G, "True is no column. The constant is written 1, none is 0"),
        ("y ~ minute", G, "values of minute are too small to be squared. Use smaller units"),
        ("minute ~ x", G, "values of minute are too small to be squared"),
        ("y ~ vast", G, "values beyond 1e150 cannot be squared"),
        ("y ~ y", G, "y is the response and a term that explains it"),
        ("y ~ x", {"g": "1 + y"}, "y is the response and a term that explains it"),
        ("y ~ x", {"g/": "1"}, "random names 'g/': '1'; write it as"),
        ("y ~ x", {"at:sea": "1"}, "':' and '/' combine columns, so 'at:sea' cannot be a group by that name. Rename"),
        ("y ~ x", pd.Series({"g": "1"}), "random is Series, not a mapping"),
        ("y ~ x + (1 + log(x) | g)", G, r"as random=\{\"g\": \"1 \+ log\(x\)\"\}"),
        ("y ~ x + (x || g)", G, r"as random=\{\"g\": \[\"1\", \"0 \+ x\"\]\}"),
        ("y ~ x + (0 + x || g)", G, r"as random=\{\"g\": \[\"0 \+ x\"\]\}"),
        ("y ~ x", {"lists": "1"}, "lists holds lists or records, which are no levels of a group"),
        ("y ~ x", {"ends": "1"}, "ends is infinite in some rows, which is no level of a group"),
        ("word ~ x", G, "word ~ x: the response word is not a number. Make it one first"),
        ("y ~ exp(seconds)", G, r"infinite or undefined values \(exp\(seconds\): 60 of 60 rows\)\. .* as missing\.$"),
        ("y ~ x + (1 + x | g)", G, r"write random parts beside the formula, as random=\{\"g\": \"1 \+ x\"\}"),
        ("y ~ x +", G, "cannot be read as a formula"),
        ("x", G, "the formula has no response"),
        ("y + x ~ 1", G, "'y \\+ x' is not one response"),
        ("cbind(y, size - y) ~ x", G, "not linear: 'cbind"),
        ("y / size ~ x", G, "not linear: 'y / size' is a number of cases out of a total"),
        ("C(word) ~ x", G, "the response is not a number but 60 categories"),
        ("y ~ log(x)", G, r"infinite or undefined values \(log\(x\): \d+ of 60 rows\).*; log and sqrt need"),
        ("y ~ C(word)", G, "60 complete rows cannot carry 60 fixed effects"),
    ],
)  # fmt: skip
def test_one_sentence_each(frame, formula, random, said):
    with pytest.raises(EstimationError, match=said) as caught:
        fit_lmm(formula, frame, random=random)
    assert "\n" not in str(caught.value)


def test_the_engine_says_the_same(frame):
    told = duckdb.from_df(frame.drop(columns="mixed"))
    for formula, random, said in (
        ("word ~ x", G, "the response word is not a number"),
        ("y ~ x", {"lists": "1"}, "lists holds lists or records"),
        ("y ~ x", {"ends": "1"}, "ends is infinite in some rows"),
        ("y ~ x", {"at:sea": "1"}, "Rename the column"),
    ):
        with pytest.raises(EstimationError, match=said):
            fit_lmm(formula, told, random=random)


def test_columns_that_are_no_names_and_groups_in_the_index(frame):
    expected = fit_lmm("y ~ x", frame, random=G).fixef
    by_number = fit_lmm("y ~ `7`", frame.rename(columns={"x": 7}), random=G).fixef
    np.testing.assert_array_equal(by_number, expected)
    with pytest.raises(EstimationError, match=r"column g is not in the data\. It is the index: use reset_index\(\)"):
        fit_lmm("y ~ x", frame.set_index("g"), random=G)


def test_a_closed_connection_is_told():
    connection = duckdb.connect()
    closed = connection.sql("SELECT 1.0 AS y, 2.0 AS x, 3 AS g")
    connection.close()
    with pytest.raises(EstimationError, match="the DuckDB connection of the rows is closed"):
        fit_lmm("y ~ x", closed, random=G)


def test_one_row_is_singular_in_words(frame):
    with pytest.raises(EstimationError, match="1 complete row cannot carry 1 fixed effect"):
        fit_lmm("y ~ 1", frame.head(1), random=G)


def test_more_random_effects_than_rows(frame):
    short = frame.groupby("g").head(2)
    with pytest.raises(EstimationError, match=r"number of observations \(20\) <= number of random effects \(20\) of g"):
        fit_lmm("y ~ x", short, random={"g": "1 + x"})


@pytest.mark.parametrize("term", ["name", "C(code)"])
def test_a_column_of_ids_is_no_fixed_effect(term):
    many = grouped(1, [60] * 20).assign(code=np.arange(1200), name=[f"n{k}" for k in range(1200)])
    for data in (many, duckdb.from_df(many)):
        with pytest.raises(EstimationError, match=r"has 1,200 categories, and a fixed part takes at most 500"):
            fit_lmm(f"y ~ x + {term}", data, random=G)


def test_infinite_values_are_counted(frame):
    frame.loc[[2, 7], "x"] = np.inf
    with pytest.raises(EstimationError, match=r"infinite or undefined values \(x: 2 of 60 rows\)\. .* as missing\.$"):
        fit_lmm("y ~ x", frame, random=G)


def test_no_complete_row(frame):
    with pytest.raises(EstimationError, match="none of 60 rows is complete"):
        fit_lmm("y ~ x", frame.assign(x=np.nan), random=G)


@pytest.mark.parametrize(("column", "said"), [("weights", "positive numbers"), ("frequencies", "positive numbers")])
def test_weights_that_are_not_positive(frame, column, said):
    frame["w"] = 1.0
    frame.loc[:2, "w"] = [0.0, -1.0, 2.0]
    with pytest.raises(EstimationError, match=f"2 of 60 values of w are no {said}"):
        fit_lmm("y ~ x", frame, random=G, **{column: "w"})


@pytest.mark.parametrize("size", [1e150, 1e-150])
def test_weights_that_no_sum_can_hold(frame, size):
    with pytest.raises(EstimationError, match=r"weights are 1e[+-]150 on average in 60 rows, too far from 1"):
        fit_lmm("y ~ x", frame.assign(w=size), random=G, weights="w")


def test_frequencies_that_are_not_whole(frame):
    with pytest.raises(EstimationError, match="60 of 60 values of w are no whole numbers"):
        fit_lmm("y ~ x", frame.assign(w=1.5), random=G, frequencies="w")


def test_frequencies_beyond_what_sums_tell(frame):
    with pytest.raises(EstimationError, match=r"frequencies stand for 6e\+12 rows, and beyond 1e\+12 sums lose"):
        fit_lmm("y ~ x", frame.assign(w=1e11), random=G, frequencies="w")


@pytest.mark.parametrize("noise", [1e-8, 1e-9, 1e-12])
def test_a_response_that_groups_fit_all_but_exactly(noise):
    frame = grouped(3, [20] * 60)
    draw = np.random.default_rng(3)
    frame["y"] = 2 + 0.3 * frame["x"] + draw.normal(size=60)[frame["g"]] + noise * draw.normal(size=1200)
    with pytest.raises(EstimationError, match="y ~ x: groups fit the response all but exactly"):
        fit_lmm("y ~ x", frame, random=G)


def test_rows_that_only_frequencies_repeat():
    frame = grouped(3, [1] * 60).assign(f=lambda d: 2 + d["g"] % 3)
    with pytest.raises(EstimationError, match="groups fit the response all but exactly"):
        fit_lmm("y ~ x", frame, random=G, frequencies="f")


@pytest.mark.parametrize("unlike", [1e-2, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("seed", [4, 5, 9])
def test_single_rows_with_weights_almost_alike(seed, unlike):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"g": np.arange(60), "x": draw.normal(size=60), "y": draw.normal(size=60)})
    frame["w"] = 1 + unlike * draw.uniform(0.5, 2, 60)
    for data in (frame, duckdb.from_df(frame)):
        with pytest.raises(EstimationError, match="g has one row per level, and weights do not differ enough"):
            fit_lmm("y ~ x", data, random=G, weights="w")


def test_weights_and_frequencies_together(frame):
    with pytest.raises(EstimationError, match="both weights"):
        fit_lmm("y ~ x", frame.assign(w=1.0), random=G, weights="w", frequencies="w")


def test_questions_to_a_fit_name_the_nearest(frame):
    fit = fit_lmm("y ~ x", frame, random=G)
    with pytest.raises(EstimationError, match=r"'G1' is no grouping factor\. Did you mean 'g'\?"):
        fit.ranef("G1")
    with pytest.raises(EstimationError, match="theta has 2 entries; the model has 1"):
        fit.objective_at([1.0, 2.0])
    with pytest.raises(EstimationError, match="level: 95 is not between 0 and 1"):
        fit.intervals(95)


def test_options_of_the_wrong_kind(frame):
    with pytest.raises(EstimationError, match="reml is 'ML'; give True"):
        fit_lmm("y ~ x", frame, random=G, reml="ML")
    with pytest.raises(EstimationError, match="weights is ndarray, not the name of a column"):
        fit_lmm("y ~ x", frame, random=G, weights=np.ones(60))
    with pytest.raises(EstimationError, match="weights is an empty text"):
        fit_lmm("y ~ x", frame, random=G, weights="")
    with pytest.raises(EstimationError, match="level: 95 is not between 0 and 1"):
        fit_lmm("y ~ x", frame, random=G, level="95")
    with pytest.raises(EstimationError, match="the intercept cannot be taken out afterwards"):
        fit_lmm("y ~ x", frame, random=G).without("(Intercept)")


def test_rows_that_cannot_be_read_repeat_no_value(frame):
    text = duckdb.from_df(pd.DataFrame({"y": ["1", "secret"] * 30, "x": frame["x"], "g": frame["g"]}))
    with pytest.raises(EstimationError, match=r"the rows cannot be read \(ConversionException\)") as caught:
        fit_lmm("y ~ x", text.project("cast(y as double) as y, x, g"), random=G)
    assert "secret" not in str(caught.value)


def test_too_large_a_remainder_is_refused_before_memory_is():
    draw = np.random.default_rng(1)
    rows = 30_000
    big = pd.DataFrame({"a": draw.integers(0, 14_000, rows), "b": draw.integers(0, 13_500, rows)})
    big["y"] = draw.normal(size=rows)
    with pytest.raises(EstimationError, match="random effects beside a; at most 12,000 can be solved together"):
        fit_lmm("y ~ 1", big, random={"a": "1", "b": "1"})
