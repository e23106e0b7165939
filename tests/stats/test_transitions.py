"""Moves between states: scipy's contingency tables, counts by hand, chains with and without memory."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats import transitions
from exlink.stats.transitions import independent_within, transition_rates

CHAIN = np.array([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.1, 0.3, 0.6]])


def walk(rng, units=120, periods=6, memory=0.0):
    """Units that move by `CHAIN`; with `memory` they return to the state before with that chance."""
    state = np.zeros((units, periods), dtype=int)
    state[:, 0] = rng.integers(0, 3, units)
    for t in range(1, periods):
        drawn = (rng.random((units, 1)) > CHAIN[state[:, t - 1]].cumsum(1)).sum(1)
        back = rng.random(units) < memory * (t > 1)
        state[:, t] = np.where(back, state[:, max(t - 2, 0)], drawn)
    rows = [pd.DataFrame({"unit": range(units), "t": t, "now": state[:, t], "then": state[:, t + 1],
                          "before": state[:, t - 1]}) for t in range(1, periods - 1)]  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def test_rates_are_counts_and_intervals_hold_the_chain():
    rng = np.random.default_rng(3)
    held = []
    for _ in range(60):
        frame = walk(rng)
        table = transition_rates(frame, "unit", "now", "then")
        held.append((table["conf_low"] <= CHAIN.ravel()) & (CHAIN.ravel() <= table["conf_high"]))
    assert 0.92 <= np.mean(held) <= 0.98  # 540 intervals, give or take three of their standard errors
    crossed = pd.crosstab(frame["now"], frame["then"])
    np.testing.assert_array_equal(table["n_moves"], crossed.to_numpy().ravel())
    np.testing.assert_allclose(table["estimate"], crossed.div(crossed.sum(axis=1), axis=0).to_numpy().ravel())
    stays = frame[frame["now"] == 0]
    first = table.iloc[0]
    assert first["n_units"] == stays.loc[stays["then"] == 0, "unit"].nunique()
    assert first["n_others"] == stays.loc[stays["then"] != 0, "unit"].nunique()


def test_the_statistic_is_that_of_contingency_tables_stratum_by_stratum(monkeypatch):
    frame = walk(np.random.default_rng(4))
    found = independent_within(frame["before"], frame["then"], frame["now"], reps=99, seed=1)
    known = [stats.chi2_contingency(pd.crosstab(part["before"], part["then"]), correction=False)
             for _, part in frame.groupby("now")]  # fmt: skip
    assert found["statistic"] == pytest.approx(sum(k.statistic for k in known))
    # with hundreds of moves the permutations agree with the chi-squared distribution
    p = stats.chi2.sf(found["statistic"], sum(k.dof for k in known))
    more = independent_within(frame["before"], frame["then"], frame["now"], reps=1999, seed=1)
    assert more["p_value"] == pytest.approx(p, abs=0.05)
    monkeypatch.setattr(transitions, "MANY", 100)
    assert independent_within(frame["before"], frame["then"], frame["now"], seed=1)["p_value"] == pytest.approx(p)


def test_states_that_everybody_leaves_alike_say_nothing():
    frame = walk(np.random.default_rng(4))
    more = pd.concat([pd.DataFrame({"before": [0, 1, 2], "then": 1, "now": -1}), frame], ignore_index=True)
    found = [independent_within(f["before"], f["then"], f["now"], reps=9, seed=1) for f in (frame, more)]
    assert found[0] == found[1]
    assert found[1]["strata"] == 3


def test_memory_is_seen_and_not_where_there_is_none():
    rng = np.random.default_rng(5)

    def rejected(memory):
        p = [independent_within(f["before"], f["then"], f["now"], reps=99, seed=2)["p_value"]
             for f in (walk(rng, units=60, memory=memory) for _ in range(100))]  # fmt: skip
        return np.mean(np.array(p) <= 0.05)

    assert rejected(0.0) <= 0.12  # 5 %, and three standard errors of a hundred runs
    assert rejected(0.4) >= 0.9


def test_what_cannot_be_told_is_refused():
    frame = walk(np.random.default_rng(6), units=10)
    with pytest.raises(EstimationError, match="unknown state"):
        transition_rates(frame.assign(then=None), "unit", "now", "then")
    with pytest.raises(EstimationError, match="do both labels vary"):
        independent_within(frame["now"] * 0, frame["then"], frame["now"], seed=1)
