"""Whatever type a column came in, in memory it is what it is in an engine: numbers are doubles, text is text."""

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm.engine import from_engine
from exlink.stats.lmm.formula import read_model
from exlink.stats.lmm.frame import from_frame
from tests.stats.lmm.products import assert_same
from tests.stats.lmm.test_engine import rows

ROWS = rows(600).assign(other=lambda d: d["wait"] > 5, code=lambda d: (d["wait"] * 9).clip(upper=120).astype("int8"))
HOLES = ROWS.index % 7 > 0
FORMULA = "y ~ tools + channel + flag + grade"


def sums(formula, frame, random="1"):
    return from_frame(read_model(formula, {"employee": random}), frame)


@pytest.mark.parametrize(
    "frame",
    [
        ROWS.convert_dtypes(),
        ROWS.convert_dtypes(dtype_backend="pyarrow"),
        ROWS.astype({"channel": "string[python]"}),
        ROWS.astype({"channel": "string[pyarrow]"}),
        ROWS.astype({"channel": object, "flag": object, "tools": object}),
        ROWS.astype({"channel": "category"}),
        ROWS.assign(channel=ROWS["channel"].astype(pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string())))),
    ],
    ids=["pandas", "arrow", "text", "text of arrow", "objects", "categories", "categories of arrow"],
)
def test_types_of_other_libraries_are_the_same_columns(frame):
    expected = sums(FORMULA, ROWS)
    assert expected.names[1:6] == ("tools", "channel[T.email]", "channel[T.phone]", "channel[T.Ärger]", "flag")
    assert_same(sums(FORMULA, frame), expected)
    assert_same(sums("y ~ C(channel) + wait", frame), sums("y ~ C(channel) + wait", ROWS))


@pytest.mark.parametrize("kind", [object, "boolean", "bool[pyarrow]"])
@pytest.mark.parametrize("term", ["flag", "C(flag)"])
def test_booleans_with_gaps_are_what_they_are_without(kind, term):
    holed = ROWS.assign(flag=ROWS["flag"].astype(kind).where(HOLES, None))
    found = sums(f"y ~ {term}", holed)
    assert found.n_incomplete == (~HOLES).sum() and found.names[1] == ("flag" if term == "flag" else "C(flag)[T.True]")
    np.testing.assert_array_equal(found.total, sums(f"y ~ {term}", ROWS[HOLES]).total)


@pytest.mark.parametrize(
    ("term", "beside", "mean"),
    [
        ("I(flag + other)", "C(grade)", (ROWS["flag"].astype(int) + ROWS["other"].astype(int)).mean()),
        ("I(grade ** -1)", "C(code)", (1.0 / ROWS["grade"]).mean()),
        ("I(code * code)", "C(code)", (ROWS["code"].astype(float) ** 2).mean()),
        ("I(code ** 2)", "wait", (ROWS["code"].astype(float) ** 2).mean()),
    ],
)
@pytest.mark.parametrize("part", ["{1}", "{0} + {1}"])
def test_calculations_are_those_of_doubles_in_memory_and_in_an_engine(term, beside, mean, part):
    model = read_model("y ~ " + part.format(beside, term), {"employee": "1"})
    found = from_frame(model, ROWS)
    assert found.shift[found.fixed - 1] == pytest.approx(mean, rel=1e-12)
    assert_same(from_engine(model, duckdb.from_df(ROWS)), found)


def test_categories_of_numbers_stay_categories():
    frame = ROWS.astype({"flag": "category", "grade": "category"})
    found = sums("y ~ flag + grade", frame)
    assert found.names[1:4] == ("flag[T.True]", "grade[T.2]", "grade[T.3]")
    assert_same(sums("y ~ C(flag) + C(grade)", frame), sums("y ~ C(flag) + C(grade)", ROWS))


def test_single_precision_is_squared_as_double():
    single = ROWS.assign(wait=ROWS["wait"].astype("float32"))
    double = single.assign(wait=single["wait"].astype(float))
    formula = "y ~ I(wait ** 2) + log(wait)"
    np.testing.assert_array_equal(sums(formula, single).total, sums(formula, double).total)
    model = read_model(formula, {"employee": "1"})
    assert_same(from_engine(model, duckdb.from_df(single)), sums(formula, single))


def test_booleans_are_not_added_and_coded_at_once():
    with pytest.raises(EstimationError, match=r"flag is true or false in C\(\) and a number in 'I\(flag \+ other\)'"):
        sums("y ~ C(flag) + I(flag + other)", ROWS)


@pytest.mark.parametrize(("formula", "random"), [("y ~ tools + k", "1"), ("y ~ C(k)", "1"), ("y ~ tools", "1 + k")])
@pytest.mark.parametrize("value", ["a", 1])
def test_one_category_is_refused(formula, random, value):
    if value == 1:
        formula, random = formula.replace("+ k", "+ C(k)"), random.replace("+ k", "+ C(k)")
    frame = ROWS.assign(k=value).astype({"k": object})
    frame.loc[:4, "k"] = "b" if value == "a" else 2
    frame.loc[:4, "y"] = np.nan
    for data in (frame, frame.infer_objects()):
        with pytest.raises(EstimationError, match=r"k has one category in the complete rows\. Leave it out"):
            sums(formula, data, random)
    with pytest.raises(EstimationError, match=r"k has one category in the complete rows\. Leave it out"):
        from_engine(read_model(formula, {"employee": random}), duckdb.from_df(frame.infer_objects()))
