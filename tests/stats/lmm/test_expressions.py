"""Factors of a formula as expressions: the columns of formulaic, value by value, on every engine at hand."""

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from formulaic import Formula

from exlink.errors import EstimationError
from exlink.stats.lmm.engine.design import design, read_factors
from exlink.stats.lmm.engine.expressions import FUNCTIONS, kinds
from exlink.stats.lmm.formula import INTERCEPT, read_model

ROWS = pd.DataFrame({
    "y": [1.5, 2.0, 0.5, 4.0, 3.0, 2.5],
    "a": [0.5, 1.0, 2.0, 4.0, 3.0, 0.25],
    "b": ["v", "u", "w", "u", "v", "w"],
    "c": [1, 2, 5, 2, 1, 5],
    "z": [-1, 0, 3, 7, -2, 4],
    "f": [True, False, True, True, False, False],
    "g g": [2.0, 1.0, 0.0, 1.0, 5.0, 3.0],
    "id": ["p", "q", "p", "q", "p", "q"],
})  # fmt: skip


def compiled(formula, rows=ROWS, random="1"):
    """Return the design columns of ``formula`` as an engine computes them."""
    model = read_model(formula, {"id": random})
    with duckdb.connect() as engine:
        engine.register("given", pa.Table.from_pandas(rows, preserve_index=False))
        frame = nw.from_native(engine.table("given"))
        schema = frame.collect_schema()
        factors = read_factors(model, schema)
        levels = {c: sorted(rows[c].unique().tolist()) for c in factors.columns}
        _, columns = design(model, factors, schema, levels)
        # the row number keeps the order, and lets a constant be a column
        numbered = frame.with_columns(*[c.expression().alias(f"x{i}") for i, c in enumerate(columns)])
        table = numbered.collect(backend="pyarrow").to_native()
    return pd.DataFrame({c.name: table[f"x{i}"].to_numpy() for i, c in enumerate(columns)})


@pytest.mark.parametrize(
    "right",
    [
        "a + z", "`g g` + a:`g g`", "a ** 2", "I(a ** 2)", "I(-a + 3.5)", "I(2 ** c)", "I(+z / 2 - a * 3)", "{a / 2}",
        "I(`g g` * a)", "f + f:a", "I(f * a)", "I(f + f)", "I(c ** -1)",
        "log(a) + np.log(a) + log10(a) + log2(a) + exp(z)",
        "np.log1p(a) + np.sqrt(a) + np.abs(z) + np.exp(a) + np.log10(a) + np.log2(a)", "np.log(I(a + 1))",
        "b", "0 + b", "b + a:b", "a * b * f", "b:C(c)", "0 + b:C(c)", "C(c) + c", "C(f)", "C(b):C(f):a",
        "C(b, contr.treatment('v'))", "C(b, contr.treatment(base='w')) * a", "C(c, Treatment(2))",
        "C(c, Treatment(reference=5))", "C(b, contr.SAS)", "C(b, contr.sum)", "C(c, contr.helmert)", "C(`g g`)",
        "C(c, levels=[5, 1, 2])", "2:a + b",
    ],
)  # fmt: skip
def test_columns_are_formulaics(right):
    found = compiled(f"y ~ {right}")
    rows = ROWS if "C(" in right else ROWS.astype({"c": float, "z": float, "f": float})  # numbers are doubles
    expected = pd.DataFrame(Formula(right).get_model_matrix(rows)).rename(columns={"Intercept": INTERCEPT})
    assert [c for c in found if c != "y"][: expected.shape[1]] == list(expected)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name].astype(float), rtol=1e-14, atol=1e-14)


def test_responses_and_random_terms_are_compiled_too():
    found = compiled("np.log(y) ~ a", random="1 + b + I(z / 2)")
    assert list(found) == [INTERCEPT, "a", "b[T.v]", "b[T.w]", "I(z / 2)", "np.log(y)"]
    np.testing.assert_allclose(found["np.log(y)"], np.log(ROWS["y"]), rtol=1e-14)


def test_undefined_values_are_nan_not_an_error_of_the_engine():
    found = compiled("y ~ np.log(z) + np.sqrt(z) + {1 / `g g`} + log1p(z) + sqrt(a) + abs(a)")
    assert found["np.log(z)"].isna().tolist() == (ROWS["z"] <= 0).tolist()
    assert found["np.sqrt(z)"].isna().tolist() == (ROWS["z"] < 0).tolist()
    assert found["1 / `g g`"].isna().tolist() == (ROWS["g g"] == 0).tolist()


def test_one_level_has_no_column():
    found = compiled("y ~ a + b", ROWS.assign(b="u"))
    assert list(found) == [INTERCEPT, "a", "y"]


@pytest.mark.parametrize(
    ("right", "piece"),
    [
        ("bs(a, df=4)", "'bs(a, df=4)'"), ("poly(a, 2)", "'poly(a, 2)'"), ("scale(a)", "'scale(a)'"),
        ("I(a > 2)", "'a > 2' in 'I(a > 2)'"), ("np.round(a)", "'np.round(a)'"), ("I(a // 2)", "'a // 2' in"),
        ("np.log(a, z)", "'np.log(a, z)'"), ("C(a > 2)", "'C(a > 2)' is not C() of one column"),
        ("I(np.pi * a)", "'np.pi' in"), ("I(a + 'x')", "''x'' in"),
    ],
)  # fmt: skip
def test_what_cannot_be_compiled_is_named(right, piece):
    with pytest.raises(EstimationError) as caught:
        compiled(f"y ~ {right}")
    assert piece in str(caught.value) and "a pandas DataFrame takes all of formulaic" in str(caught.value)


def test_a_column_an_engine_would_compute_differently_is_refused():
    with pytest.raises(EstimationError, match=r"'I\(f \+ f\)' cannot be computed inside an engine"):
        compiled("y ~ C(f) + I(f + f)")  # in C() they stay booleans; true + true is true in numpy and 2 in SQL


def test_text_is_no_number_and_a_base_must_exist():
    with pytest.raises(EstimationError, match=r"'np\.log\(b\)' needs numbers, but b is text"):
        compiled("y ~ np.log(b)")
    with pytest.raises(EstimationError, match=r"`'q'`.*not among the provided levels"):
        compiled("y ~ C(b, Treatment('q'))")


def test_kinds_of_columns():
    schema = {
        "i": nw.Int8(),
        "d": nw.Decimal(),
        "t": nw.Boolean(),
        "s": nw.String(),
        "e": nw.Enum(["a"]),
        "x": nw.Date(),
    }
    assert list(kinds(schema).values()) == ["number", "number", "number", "category", "category", "other"]


def test_the_functions_are_those_the_message_lists():
    with pytest.raises(EstimationError) as caught:
        compiled("y ~ bs(a)")
    assert all(name in str(caught.value) for name in FUNCTIONS)
