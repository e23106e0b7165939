"""Repeats and runs, by hand and against a loop over random cells."""

import numpy as np
import pandas as pd

from exlink.stats.runs import longest_runs, repeats


def cells(open_, volume=None, unit="a", start=0):
    n = len(open_)
    volume = range(1, n + 1) if volume is None else volume
    return pd.DataFrame({"unit": unit, "at": range(start, start + n), "volume": volume,
                         "open": pd.array(open_, dtype="boolean")})  # fmt: skip


def test_a_repeat_follows_a_period_that_was_left_open():
    rows = repeats(cells([True, False, None, True]), "unit", "at", "volume", "open")
    assert rows[["at", "base", "again"]].to_numpy().tolist() == [[1, 2, 2], [2, 3, 0]]  # the last follows an unknown


def test_a_gap_between_periods_makes_no_repeat_and_ends_a_run():
    apart = pd.concat([cells([True]), cells([True], start=2)], ignore_index=True)
    assert repeats(apart, "unit", "at", "volume", "open").empty
    assert longest_runs(apart, "unit", "at", "open")["longest"].tolist() == [1]


def test_runs_by_hand():
    rows = pd.concat([
        cells([True, True, False, True], unit="a"), cells([True, None, True, True], unit="b"),
        cells([False, False, False, False], unit="c"), cells([True, True, True], unit="d"),
    ], ignore_index=True)  # fmt: skip
    runs = longest_runs(rows, "unit", "at", "open").set_index("unit")
    assert runs["longest"].to_dict() == {"a": 2, "b": 2, "c": 0, "d": 3}
    assert runs["still"].to_dict() == {"a": True, "b": True, "c": False, "d": False}
    assert runs["known"].to_dict() == {"a": 4, "b": 3, "c": 4, "d": 3}


def test_runs_are_those_of_a_loop():
    rng = np.random.default_rng(5)
    left = rng.random((40, 12)) < 0.6
    rows = pd.concat([cells(list(row), unit=f"u{i:02d}") for i, row in enumerate(left)], ignore_index=True)
    expected = [max(len(part) for part in "".join("x" if v else " " for v in row).split(" ")) for row in left]
    assert longest_runs(rows, "unit", "at", "open")["longest"].tolist() == expected
    again = repeats(rows, "unit", "at", "volume", "open")["again"].sum()
    assert again == sum((i + 1) * row[i - 1] for row in left for i in range(1, 12))
