"""A relation that gives other rows each time it is read is refused: its sums would be those of no data at all."""

import duckdb
import numpy as np
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm
from tests.stats.lmm.worlds import crossed

FRAME = crossed(1, 3000)
FRAME = FRAME.assign(w=np.arange(3000) % 5 + 1, kind=np.where(FRAME["x"] > 0, "u", "v"))
CHANGING = {
    "a share of the rows": "SELECT * FROM rows WHERE random() < .5",
    "always as many rows": "SELECT * FROM rows USING SAMPLE 1000 ROWS",
    "a system sample": "SELECT * FROM rows, range(20) USING SAMPLE 10%",
    "a random response": "SELECT * REPLACE (y + random() AS y) FROM rows",
    "a random covariate": "SELECT * REPLACE (random() AS x) FROM rows",
    "random weights": "SELECT * REPLACE (1 + random() AS w) FROM rows",
}


@pytest.fixture
def engine():
    with duckdb.connect() as connection:
        connection.register("frame_of_a_test", FRAME)
        connection.execute("CREATE TABLE rows AS SELECT * FROM frame_of_a_test")
        yield connection


@pytest.mark.parametrize("case", CHANGING)
@pytest.mark.parametrize(
    ("random", "more"),
    [({"b": "1"}, {"weights": "w"}), ({"a": "1 + x", "b": "1"}, {"weights": "w"}), ({"a": "1", "b": "1"}, {})],
)
def test_rows_that_differ_between_reads_are_refused(engine, case, random, more):
    if case == "random weights" and not more:
        pytest.skip("no weights to differ")
    with pytest.raises(EstimationError, match=r"y ~ x \+ kind: the rows differ each time they are read \(a sample"):
        fit_lmm("y ~ x + kind", engine.sql(CHANGING[case]), random=random, **more)


@pytest.mark.parametrize("random", [{"c": "1"}, {"c": "1", "a": "1"}, {"c": "1", "a": "1 + x", "b": "1"}])
@pytest.mark.parametrize("more", [{}, {"weights": "w"}, {"frequencies": "w"}])
@pytest.mark.parametrize("far", [0.0, 1e9])
def test_rows_that_stay_are_not(engine, random, more, far):
    rows = engine.sql(f"SELECT * REPLACE (y + {far} AS y, x + {far} AS x) FROM rows")
    fit_lmm("y ~ 0 + x:kind" if far == 0 else "y ~ x + kind", rows, random=random, **more)


def test_levels_that_no_other_read_has_seen_are_refused(engine):
    rows = engine.sql("SELECT * REPLACE (CAST(1e6 * random() AS INT) AS a) FROM rows")
    with pytest.raises(EstimationError, match="the rows differ each time"):
        fit_lmm("y ~ x", rows, random={"a": "1", "b": "1"})
