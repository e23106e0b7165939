"""Rows in an engine are compressed to the same numbers as rows in memory."""

import importlib.util

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.lmm.engine import from_engine, plan
from exlink.stats.lmm.engine.expressions import Column, Part
from exlink.stats.lmm.formula import read_model
from exlink.stats.lmm.frame import from_frame
from exlink.stats.lmm.source import compress
from tests.stats.lmm.products import assert_same


def rows(n=3000, seed=1):
    """Return interactions of 12 employees in 4 teams with 90 customers, covariates constant within employee × wave.

    y = 5 + 0.3 tools − 0.02 wait + u[employee] + noise; nothing here depends on which values are planted.
    """
    rng = np.random.default_rng(seed)
    employee, wave = rng.integers(12, size=n), rng.integers(4, size=n)
    tools = np.round(3 + rng.normal(size=(12, 4)), 2)[employee, wave]
    wait = rng.exponential(6, size=n) + 0.1
    return pd.DataFrame({
        "employee": [f"e{i:02d}" for i in employee],
        "team": [f"t{i % 4}" for i in employee],
        "desk": employee // 4,
        "customer": [f"c{i}" for i in rng.integers(90, size=n)],
        "queue": rng.integers(5, size=n),
        "tools": tools,
        "load": np.round(2 + rng.normal(size=(12, 4)), 1)[employee, wave],
        "wait": wait,
        "seconds": 1e5 + 60 * wait,
        "year": 2015 + rng.integers(10, size=n),
        "flag": rng.random(n) < 0.3,
        "channel": np.array(["chat", "email", "phone", "Ärger"])[rng.integers(4, size=n)],
        "grade": rng.integers(1, 4, size=n),
        "talk time": rng.normal(size=n),
        "w": rng.uniform(0.5, 3, size=n),
        "f": rng.integers(1, 5, size=n),
        "y": 5 + 0.3 * tools - 0.02 * wait + rng.normal(size=12)[employee] + rng.normal(size=n),
    })  # fmt: skip


ROWS = rows()
MODELS = {
    "numeric": ("y ~ tools + wait", {"employee": "1"}, {}),
    "slopes": ("y ~ tools + wait", {"employee": "1 + tools + wait"}, {}),
    "slope not fixed": ("y ~ tools", {"employee": "1 + wait"}, {}),
    "categorical": ("y ~ channel + C(grade) + C(flag) + flag", {"employee": "1"}, {}),
    "own base": ("y ~ C(channel, contr.treatment('phone')) + C(grade, Treatment(2))", {"employee": "1"}, {}),
    "other contrasts": ("y ~ C(channel, contr.sum) + C(grade, contr.poly)", {"employee": "1"}, {}),
    "interactions": ("y ~ tools * channel + wait:C(grade) + flag:tools:wait", {"employee": "1"}, {}),
    "categories by categories": ("y ~ channel * C(grade)", {"employee": "1 + channel"}, {}),
    "transforms": (
        "log10(y + 10) ~ np.log(wait) + I(tools ** 2) + {load / wait} + np.sqrt(wait) + np.abs(-`talk time`)"
        " + np.log1p(wait) + I(2 * tools - load) + exp(tools) + np.log2(wait)",
        {"employee": "1"}, {},
    ),
    "no intercept": ("y ~ 0 + channel + wait", {"employee": "1 + wait"}, {}),
    "no random intercept": ("y ~ tools + wait", {"employee": "0 + wait"}, {}),
    "uncorrelated": ("y ~ tools + wait", {"employee": ["1", "0 + tools"]}, {}),
    "badly scaled": ("y ~ year + seconds + flag", {"employee": "1 + flag"}, {}),
    "crossed": ("y ~ tools + wait + channel", {"employee": "1 + tools", "customer": "1 + wait"}, {}),
    "three factors": ("y ~ tools + wait", {"employee": "1", "customer": "1 + wait", "queue": "1 + tools"}, {}),
    "nested": ("y ~ tools + wait", {"team/employee": "1 + wait"}, {}),
    "combination": ("y ~ tools", {"desk:team": "1", "queue:grade": "1"}, {}),
    "weights": ("y ~ tools + wait + channel", {"employee": "1 + tools", "customer": "1"}, {"weights": "w"}),
    "frequencies": ("y ~ tools + wait + channel", {"employee": "1 + tools", "customer": "1"}, {"frequencies": "f"}),
    "integer group": ("y ~ tools + wait", {"queue": "1", "desk": "1"}, {}),
}  # fmt: skip


@pytest.fixture
def engine():
    with duckdb.connect() as connection:
        yield connection


def relation(engine, frame, name="rows"):
    """Return ``frame`` as a table of the engine; a table, because a registered pandas frame has no NULL."""
    engine.register("frame_of_a_test", pa.Table.from_pandas(frame, preserve_index=False))
    engine.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM frame_of_a_test")
    return engine.table(name)


@pytest.mark.parametrize("case", MODELS)
def test_an_engine_sums_what_memory_sums(engine, case):
    formula, random, more = MODELS[case]
    model = read_model(formula, random, **more)
    assert_same(from_engine(model, relation(engine, ROWS)), from_frame(model, ROWS))


def test_missing_values_are_left_out_null_or_nan(engine):
    holed = ROWS.copy()
    holed.loc[::7, "wait"] = np.nan
    holed.loc[::11, "channel"] = None
    holed.loc[::13, "employee"] = None
    model = read_model("y ~ wait + channel", {"employee": "1 + wait", "customer": "1"})
    expected = from_frame(model, holed)
    assert expected.n_incomplete > 0
    assert_same(from_engine(model, relation(engine, holed)), expected)
    engine.execute("UPDATE rows SET wait = 'nan'::DOUBLE WHERE wait IS NULL")
    assert_same(from_engine(model, engine.table("rows")), expected)


def test_a_category_seen_only_in_incomplete_rows_has_no_column(engine):
    holed = ROWS.copy()
    holed.loc[holed["channel"] == "email", "y"] = np.nan
    model = read_model("y ~ channel", {"employee": "1"})
    products = from_engine(model, relation(engine, holed))
    assert "channel[T.email]" not in products.names
    assert_same(products, from_frame(model, holed))


MODEL = read_model("y ~ tools + wait + channel", {"employee": "1 + tools", "customer": "1"})


def test_parquet_paths_and_patterns(tmp_path):
    ROWS[:1000].to_parquet(tmp_path / "a.parquet")
    ROWS[1000:].to_parquet(tmp_path / "b.parquet")
    expected = from_frame(MODEL, ROWS)
    for data in (tmp_path, str(tmp_path / "*.parquet")):
        assert_same(compress(MODEL, data), expected)
    assert_same(compress(MODEL, tmp_path / "a.parquet"), from_frame(MODEL, ROWS[:1000]))


def test_narwhals_frames_and_arrow_tables(engine):
    expected = from_frame(MODEL, ROWS)
    assert_same(compress(MODEL, nw.from_native(relation(engine, ROWS))), expected)
    assert_same(compress(MODEL, pa.Table.from_pandas(ROWS)), expected)
    assert_same(compress(MODEL, nw.from_native(ROWS)), expected)


@pytest.mark.skipif(not importlib.util.find_spec("polars"), reason="polars is not installed")
@pytest.mark.parametrize("lazy", [True, False])
def test_polars_frames(lazy):
    polars = importlib.import_module("polars")
    frame = polars.from_pandas(ROWS)
    assert_same(compress(MODEL, frame.lazy() if lazy else frame), from_frame(MODEL, ROWS))


@pytest.mark.skipif(not importlib.util.find_spec("pyspark"), reason="pyspark is not installed")
def test_spark_frames():
    session = importlib.import_module("pyspark.sql").SparkSession.builder.master("local[1]").getOrCreate()
    assert_same(compress(MODEL, session.createDataFrame(ROWS)), from_frame(MODEL, ROWS))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed):
    few = ROWS[:400]
    shuffled = few.sample(frac=1, random_state=seed)
    with duckdb.connect() as engine:
        one = from_engine(MODEL, relation(engine, few))
        other = from_engine(MODEL, relation(engine, shuffled))
    assert np.array_equal(one.shift, other.shift) and np.array_equal(one.scale, other.scale)
    assert_same(one, other, tolerance=1e-12)


def refused(engine, formula, random=None, frame=ROWS, **more):
    with pytest.raises(EstimationError) as caught:
        from_engine(read_model(formula, random or {"employee": "1"}, **more), relation(engine, frame))
    return str(caught.value)


def test_an_unknown_column_is_answered_with_the_nearest(engine):
    assert "column tolls is not in the data. Did you mean 'tools'?" in refused(engine, "y ~ tolls")


def test_infinite_and_undefined_values_are_counted(engine):
    bad = ROWS.assign(wait=ROWS["wait"].where(ROWS.index >= 3, np.inf))
    assert "infinite or undefined values (wait: 3 of 3,000 rows)" in refused(engine, "y ~ wait", frame=bad)
    zero = ROWS.assign(wait=ROWS["wait"].where(ROWS.index >= 5, 0.0))
    for term in ("np.log(wait)", "{1 / wait}", "np.sqrt(wait - 1e-9)"):
        assert ": 5 of 3,000 rows)" in refused(engine, f"y ~ tools + {term}", frame=zero)


@pytest.mark.parametrize("term", ["bs(wait, df=4)", "poly(wait, 2)", "center(wait)", "I(wait > 2)"])
def test_what_no_engine_computes_is_named(engine, term):
    message = refused(engine, f"y ~ tools + {term}")
    assert "cannot be computed inside an engine" in message and "a pandas DataFrame takes all" in message
    assert term.removeprefix("I(").split(",")[0].rstrip(")") in message


def test_text_is_no_number(engine):
    assert "'np.log(channel)' needs numbers, but channel is text." in refused(engine, "y ~ np.log(channel)")
    assert "the response channel is not a number" in refused(engine, "channel ~ tools")
    assert "the response is not a number but 4 categories" in refused(engine, "C(channel) ~ tools")


def test_dates_are_no_terms(engine):
    dated = ROWS.assign(day=pd.Timestamp("2026-01-05"))
    assert "day is neither a number nor text" in refused(engine, "y ~ day", frame=dated)


def test_weights_must_be_usable(engine):
    zero = ROWS.assign(w=ROWS["w"].where(ROWS.index >= 4, 0.0))
    assert "4 of 3,000 values of w are no positive numbers" in refused(engine, "y ~ tools", frame=zero, weights="w")
    part = ROWS.assign(f=ROWS["f"].where(ROWS.index >= 2, 1.5))
    assert "2 of 3,000 values of f are no whole numbers" in refused(engine, "y ~ tools", frame=part, frequencies="f")
    assert "channel is not a column of numbers" in refused(engine, "y ~ tools", weights="channel")


def test_no_complete_row(engine):
    assert "none of 3,000 rows is complete" in refused(engine, "y ~ wait", frame=ROWS.assign(wait=np.nan))


def test_a_missing_file_is_answered_with_the_nearest(tmp_path):
    ROWS[:10].to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(EstimationError, match=r"no such file\. Did you mean 'rows\.parquet'\?"):
        from_engine(MODEL, tmp_path / "row.parquet")
    with pytest.raises(EstimationError, match="there is no folder"):
        from_engine(MODEL, tmp_path / "nowhere" / "rows.parquet")
    (tmp_path / "text.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(EstimationError, match="cannot be read as Parquet"):
        from_engine(MODEL, tmp_path / "text.parquet")
    with pytest.raises(EstimationError, match="cannot be read as Parquet"):
        from_engine(MODEL, tmp_path / "*.pq")


def test_anything_else_is_refused():
    with pytest.raises(EstimationError, match="data is list; give a pandas DataFrame"):
        compress(MODEL, [1, 2])


def test_a_constant_column_leaves_nothing(engine):
    model = read_model("y ~ tools + same", {"employee": "1"})
    products = from_engine(model, relation(engine, ROWS.assign(same=np.pi)))
    place = products.names.index("same")
    assert not products.total[place].any()


def test_a_large_offset_costs_no_digits(engine):
    far = ROWS.assign(stamp=1.7e9 + ROWS["wait"].round(3))
    model = read_model("y ~ stamp", {"employee": "1 + stamp"})
    one, other = from_engine(model, relation(engine, far)), from_frame(model, far)
    place = one.names.index("stamp")
    assert 0.5 < one.first.sum(axis=0)[place, place] / len(far) < 2
    slope = [np.linalg.solve(p.total[:2, :2], p.total[:2, -1])[1] * p.scale[-1] / p.scale[1] for p in (one, other)]
    np.testing.assert_allclose(slope[0], slope[1], rtol=1e-9)


BY_CELL = [
    "y ~ tools + load + wait + channel + C(grade)",
    "log10(y + 10) ~ tools * load * wait + wait:channel + np.log(wait):tools",
    "y ~ 0 + tools * load + seconds * channel + year + tools:C(flag)",
]


@pytest.mark.parametrize("formula", BY_CELL)
@pytest.mark.parametrize("keys", [("load", "tools"), ("channel",), ("flag", "grade", "load", "channel")])
@pytest.mark.parametrize("more", [{}, {"weights": "w"}, {"frequencies": "f"}])
def test_grouping_by_cells_first_changes_no_sum(engine, monkeypatch, formula, keys, more):
    monkeypatch.setattr("exlink.stats.lmm.engine.compress.choose_keys", lambda *_: keys)
    model = read_model(formula, {"employee": "1 + tools + wait"}, **more)
    assert_same(from_engine(model, relation(engine, ROWS)), from_frame(model, ROWS))


def test_scores_of_one_survey_become_keys_together(engine, monkeypatch):
    monkeypatch.setattr(plan, "WORTH_A_LOOK", 0)
    chosen = []

    def choose(*given):
        chosen.append(plan.choose_keys(*given))
        return chosen[-1]

    monkeypatch.setattr("exlink.stats.lmm.engine.compress.choose_keys", choose)
    model = read_model("y ~ (tools + load + I(tools ** 2) + I(load ** 2)) ** 2 + wait", {"employee": "1 + wait"})
    products = from_engine(model, relation(engine, ROWS))
    assert sorted(chosen[0]) == ["load", "tools"]
    assert_same(products, from_frame(model, ROWS))


def test_columns_that_tell_each_other_are_looked_at_once():
    rng = np.random.default_rng(4)
    level, wave = rng.integers(40, size=8_000), rng.integers(6, size=8_000)
    code = level * 6 + wave
    seen = {"score": code, "other": code % 97 + 100 * code, "channel": rng.integers(3, size=8_000), "half": wave // 3}
    found = plan._bundles(list(seen), level, seen)
    assert found == [("score", "other", "half"), ("channel",), ("half",)]


def test_few_sums_are_made_without_a_look(engine, monkeypatch):
    monkeypatch.setattr(plan, "WORTH_A_LOOK", 0)
    model = read_model("y ~ tools + wait", {"employee": "1"})
    assert from_engine(model, relation(engine, ROWS)).n_rows == len(ROWS)
    columns = [Column(str(i), (Part(f"`{name}`", frozenset([name])),)) for i, name in enumerate(["tools", "wait"])]
    frame = nw.from_native(relation(engine, ROWS))
    assert plan.choose_keys(columns, frame, len(ROWS), ["employee"], frame.collect_schema()) == ()


def test_cells_are_told_from_a_sample():
    rng = np.random.default_rng(3)
    level, wave = rng.integers(500, size=10_000), rng.integers(8, size=10_000)
    seen = len(np.unique(level * 8 + wave))
    assert seen < 3_750  # of 4,000, when each was drawn 2.5 times on average
    assert plan.cells_in_all(level, [wave]) == pytest.approx(4_000, rel=0.03)
    assert plan.cells_in_all(level, [np.arange(10_000)]) > 1e7
