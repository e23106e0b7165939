"""Names of levels and categories: the same in memory and in an engine, and never two of one name."""

import datetime
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from exlink.stats.lmm.engine import from_engine
from exlink.stats.lmm.formula import read_model
from exlink.stats.lmm.frame import from_frame
from tests.stats.lmm.products import assert_same

N = 240
ORDER = ["often", "never", "always"]


@pytest.fixture
def rows() -> pd.DataFrame:
    """Return y = noise of 240 rows: only names matter here."""
    draw = np.random.default_rng(8)
    return pd.DataFrame({
        "y": draw.normal(size=N),
        "x": draw.normal(size=N),
        "g": draw.integers(0, 6, N),
        "h": draw.integers(0, 3, N),
        "how": np.array(ORDER)[draw.integers(0, 3, N)],
    })  # fmt: skip


@pytest.fixture
def engine():
    with duckdb.connect() as connection:
        yield connection


def both(engine, frame, formula, random, **more):
    """Return the compressed rows in memory and in an engine, which must be the same."""
    engine.register("given", pa.Table.from_pandas(frame, preserve_index=False))
    model = read_model(formula, random, **more)
    one, other = from_frame(model, frame), from_engine(model, engine.table("given"))
    assert_same(one, other)
    return one


def test_combinations_with_colons_in_their_keys_are_told_apart(engine, rows):
    draw = np.random.default_rng(1)
    a = np.array(["x:y", "x", '"x'])[draw.integers(0, 3, N)]
    frame = rows.assign(a=a, b=np.where(a == "x:y", "z", "y:z"))
    frame.loc[::3, "b"] = "plain"
    levels = both(engine, frame, "y ~ x", {"a:b": "1"}).groupings[0].levels
    assert len(levels) == len(frame[["a", "b"]].drop_duplicates()) == levels.nunique()
    assert {'"x:y":z', 'x:"y:z"', "x:plain", '"""x":plain'} <= set(levels)


def test_whole_keys_with_gaps_stay_whole(engine, rows):
    holed = rows.astype({"g": "float64", "h": "Int64"})
    holed.loc[::9, "g"] = np.nan
    holed.loc[::7, "h"] = pd.NA
    made = both(engine, holed, "y ~ x", {"g": "1", "g:h": "1"})
    assert made.groupings[0].levels.tolist() == list(range(6))
    assert made.groupings[0].levels.dtype == "int64"
    assert set(made.groupings[1].levels) == {f"{g}:{h}" for g in range(6) for h in range(3)}


def test_keys_with_fractions_keep_them(engine, rows):
    made = both(engine, rows.assign(g=rows["g"] / 4), "y ~ x", {"g": "1", "g:h": "1"})
    assert made.groupings[0].levels.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert "0.25:1" in made.groupings[1].levels and "0.0:1" in made.groupings[1].levels


@pytest.mark.parametrize(
    "kind",
    [
        lambda k: [datetime.date(2026, 1, 1 + i) for i in k],
        lambda k: pd.Timestamp("2026-01-05 08:30") + pd.to_timedelta(k, "h"),
        lambda k: k > 2,
        lambda k: [Decimal(int(i) * 25).scaleb(-2) for i in k],
        lambda k: pd.Categorical([f"k{i}" for i in k], categories=[f"k{i}" for i in range(5, -1, -1)]),
    ],
    ids=["dates", "times", "flags", "decimals", "categories"],
)
def test_other_kinds_of_keys(engine, rows, kind):
    both(engine, rows.assign(k=kind(rows["g"].to_numpy())), "y ~ x", {"k:h": "1"})


@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_a_key_of_categories_has_the_levels_of_its_values(engine, rows, kind):
    """Sorted, whatever the order of the categories, and without those that no row is of."""
    values = rows["g"].map("k{}".format) if kind == "text" else rows["g"]
    order = ["unseen", *sorted(values.unique(), reverse=True)] if kind == "text" else [9, *range(5, -1, -1)]
    plain, coded = (rows.assign(k=k) for k in (values, pd.Categorical(values, categories=order)))
    coded.loc[4, "k"] = plain.loc[4, "k"] = None
    for random in ({"k": "1 + x", "h": "1"}, {"h": "1", "k:how": "1"}):
        model = read_model("y ~ x", random)
        one, other = from_frame(model, coded), from_frame(model, plain)
        assert [g.levels.tolist() for g in one.groupings] == [g.levels.tolist() for g in other.groupings]
        assert np.array_equal(one.first, other.first)
        assert np.array_equal(one.pairs[0, 1].right, other.pairs[0, 1].right)
        assert np.array_equal(one.pairs[0, 1].products, other.pairs[0, 1].products)


def test_a_column_called_intercept_is_itself(engine, rows):
    frame = rows.assign(Intercept=rows["x"])
    for formula in ("y ~ Intercept", "y ~ 0 + Intercept"):
        made = both(engine, frame, formula, {"g": "1 + Intercept"})
        assert made.names[made.fixed - 1] == "Intercept"
    fit = fit_lmm("y ~ Intercept", frame, {"g": "1"})
    assert fit.fixef.to_numpy() == pytest.approx(fit_lmm("y ~ x", rows, {"g": "1"}).fixef.to_numpy(), rel=1e-9)
    clash = rows.rename(columns={"x": "(Intercept)"})
    for data in (clash, duckdb.from_df(clash)):
        with pytest.raises(EstimationError, match=r"a column is called '\(Intercept\)'"):
            fit_lmm("y ~ `(Intercept)`", data, {"g": "1"})


def test_weights_that_are_text_are_refused_alike(rows):
    frame = rows.assign(w="2")
    for data in (frame, duckdb.from_df(frame)):
        for role in ("weights", "frequencies"):
            with pytest.raises(EstimationError, match="w is not a column of numbers"):
                fit_lmm("y ~ x", data, {"g": "1"}, **{role: "w"})
    counted = rows.assign(w=[Decimal(2)] * N)
    assert fit_lmm("y ~ x", counted, {"g": "1"}, frequencies="w").nobs == 2 * N


def ordered(rows):
    return rows.assign(how=pd.Categorical(rows["how"], categories=["unseen", *ORDER]))


@pytest.mark.parametrize("formula", ["y ~ how", "y ~ C(how)", "y ~ 0 + how * x", "y ~ C(how, contr.sum)"])
def test_a_type_with_an_order_gives_the_order_of_categories(engine, rows, formula):
    """A DuckDB ENUM, which is what a pandas Categorical is to DuckDB."""
    model = read_model(formula, {"g": "1"})
    engine.register("given", ordered(rows))
    one, other = from_frame(model, ordered(rows)), from_engine(model, engine.table("given"))
    assert_same(one, other)
    names = [n for n in one.names if "never" in n or "often" in n]
    assert ("often" in names[0]) == ("contr.sum" in formula or "0 +" in formula)


def test_text_has_the_order_of_its_letters(tmp_path, rows):
    """Parquet keeps no order of categories."""
    ordered(rows).to_parquet(tmp_path / "rows.parquet")
    for data in (rows, duckdb.from_df(rows), tmp_path / "rows.parquet"):
        fit = fit_lmm("y ~ how", data, {"g": "1"})
        assert list(fit.fixef.index) == ["(Intercept)", "how[T.never]", "how[T.often]"]


@pytest.mark.parametrize("base", ['contr.treatment("never")', "contr.treatment(base='never')", "Treatment('never')"])
def test_the_reference_can_be_chosen(tmp_path, rows, base):
    ordered(rows).to_parquet(tmp_path / "rows.parquet")
    found = []
    for data in (rows, ordered(rows), duckdb.from_df(rows), duckdb.from_df(ordered(rows)), tmp_path / "rows.parquet"):
        fit = fit_lmm(f"y ~ C(how, {base})", data, {"g": "1"})
        assert not any("never]" in n for n in fit.fixef.index)
        found.append(fit.fixef.set_axis([n[-8:] for n in fit.fixef.index]).sort_index().to_numpy())
    np.testing.assert_allclose(found, [found[0]] * len(found), rtol=1e-9)
