"""Shares, counts, logs, durations and ordered answers on crossed cells: R's numbers, known truth, refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from exlink.errors import EstimationError
from exlink.stats.crossed import crossed_cells, divided
from exlink.stats.durations import at_risk
from exlink.stats.ordinal import fit_ordinal, nominal_effects
from exlink.stats.quasi import CLOGLOG, IDENTITY, LOG, LOGIT, fit_quasi
from tests.reference.outcomes_data import rows
from tests.stats.reference import REFERENCE as BESIDE

NEAR = 1e-6  # the same estimating equations as R, solved to the end by both
BY_DIFFERENCES = 1e-5  # R's errors of ordered answers come from differences of scores
LEVELS = [f"answer_{k}" for k in range(1, 6)]
VALUES = ["n", "event", "count", "squares", "answer", *LEVELS]
FOUND = ["x1", "x2", "z1", "z2"]


def of_r(model):
    table = pd.read_csv(BESIDE.with_name("outcomes_r.csv"))
    return table[table["model"] == model].set_index("term")


def tables(frame):
    """Return rows with the counts that cells hold, the left and the right table."""
    frame = frame.assign(n=1, squares=frame["count"] ** 2, right=pd.factorize(frame["c"], sort=True)[0])
    frame = frame.assign(**{name: (frame["answer"] == k).astype(int) for k, name in enumerate(LEVELS, 1)})
    left = frame.drop_duplicates(["unit", "period"])[["unit", "period", "x1", "x2"]].reset_index(drop=True)
    right = frame.drop_duplicates("c").sort_values("c")[["z1", "z2"]].reset_index(drop=True)
    return frame, left, right


def compressed(frame):
    frame, left, right = tables(frame)
    cells = frame.groupby(["unit", "period", "right"], as_index=False)[VALUES].sum()
    return crossed_cells(
        cells, left, right, key=["unit", "period"], unit="unit", left_columns=["x1", "x2"], right_columns=["z1", "z2"],
        values=VALUES,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    return compressed(rows())


@pytest.mark.parametrize(
    ("model", "total", "family"),
    [("logit", "event", LOGIT), ("poisson", "count", LOG), ("linear", "answer", IDENTITY)],
)
def test_are_the_models_of_r(cells, model, total, family):
    ours, theirs = (
        fit_quasi(cells, total, "n", family).table.set_index("term"),
        of_r(model).drop("dispersion", errors="ignore"),
    )
    np.testing.assert_allclose(ours.loc[theirs.index, "estimate"], theirs["estimate"], rtol=NEAR)
    np.testing.assert_allclose(ours.loc[theirs.index, "std_error"], theirs["se"], rtol=NEAR)


def test_marginal_effects_and_dispersion_are_those_of_r(cells):
    ours, theirs = fit_quasi(cells, "event", "n", LOGIT).marginal.set_index("term"), of_r("marginal")
    np.testing.assert_allclose(ours.loc[theirs.index, "estimate"], theirs["estimate"], rtol=NEAR)
    np.testing.assert_allclose(ours.loc[theirs.index, "std_error"], theirs["se"], rtol=NEAR)
    count = fit_quasi(cells, "count", "n", LOG, squares="squares")
    assert count.dispersion == pytest.approx(of_r("poisson").loc["dispersion", "estimate"], rel=NEAR)


def test_proportional_odds_are_those_of_r(cells):
    ours, theirs = fit_ordinal(cells, LEVELS, range(1, 6)), of_r("ordinal")
    np.testing.assert_allclose(ours.cuts, theirs["estimate"].iloc[:4], rtol=NEAR)
    np.testing.assert_allclose(ours.table.set_index("term")["estimate"], theirs["estimate"].iloc[4:], rtol=NEAR)
    np.testing.assert_allclose(np.sqrt(np.diag(ours.vcov)), theirs["se"], rtol=BY_DIFFERENCES)
    np.testing.assert_allclose(ours.top["estimate"], of_r("top")["estimate"], rtol=NEAR)
    np.testing.assert_allclose(ours.top["std_error"], of_r("top")["se"], rtol=BY_DIFFERENCES)


def spells_of(frame):
    """Return the crossed cells of weeks at risk, with a level of hazard for each week."""
    frame, left, right = tables(frame)
    spells = frame.assign(week=(frame["days"] // 7).astype(int)).rename(columns={"period": "wave"})
    risk = at_risk(spells, ["unit", "wave", "right"], period="week", last=3)
    pairs = risk.drop_duplicates(["right", "period"])[["right", "period"]].reset_index(drop=True)
    risk = risk.merge(pairs.assign(pair=np.arange(len(pairs))), on=["right", "period"])
    weeks = pd.DataFrame({f"week_{k}": (pairs["period"] == k).astype(float) for k in range(1, 4)})
    circumstances = right.iloc[pairs["right"]].reset_index(drop=True)
    return crossed_cells(
        risk.drop(columns="right").rename(columns={"pair": "right"}), left.rename(columns={"period": "wave"}),
        pd.concat([circumstances, weeks], axis=1), key=["unit", "wave"], unit="unit", left_columns=["x1", "x2"],
        right_columns=["z1", "z2", *weeks], values=["waiting", "ends"],
    )  # fmt: skip


def test_grouped_durations_are_those_of_r_and_near_cox():
    ours, theirs, cox = fit_quasi(spells_of(rows()), "ends", "waiting", CLOGLOG).table, of_r("grouped"), of_r("cox")
    weeks = {f"factor(week){k}": f"week_{k}" for k in range(1, 4)}
    ours, theirs = ours.set_index("term"), theirs.rename(index=weeks)
    np.testing.assert_allclose(ours.loc[theirs.index, "estimate"], theirs["estimate"], rtol=NEAR)
    np.testing.assert_allclose(ours.loc[theirs.index, "std_error"], theirs["se"], rtol=NEAR)
    # weeks in place of days, and four of them: the same coefficients up to a fraction of their errors
    gap = (ours.loc[FOUND, "estimate"] - cox["estimate"]).abs() / cox["se"]
    assert gap.max() < 0.6
    np.testing.assert_allclose(ours.loc[FOUND, "std_error"], cox["se"], rtol=0.15)


def test_cells_say_what_rows_say():
    """Every row its own cell (its own circumstance), or rows alike together: the same estimates and errors."""
    frame, left, _ = tables(rows())
    single = frame.assign(right=np.arange(len(frame)))
    alone = crossed_cells(
        single[["unit", "period", "right", *VALUES]], left, single[["z1", "z2"]], key=["unit", "period"], unit="unit",
        left_columns=["x1", "x2"], right_columns=["z1", "z2"], values=VALUES,
    )  # fmt: skip
    shuffled = compressed(rows().sample(frac=1, random_state=1))
    for family, total in ((LOGIT, "event"), (LOG, "count")):
        first = fit_quasi(shuffled, total, "n", family).table
        pd.testing.assert_frame_equal(first, fit_quasi(alone, total, "n", family).table, rtol=1e-9)
    pd.testing.assert_frame_equal(
        fit_ordinal(shuffled, LEVELS, range(1, 6)).top, fit_ordinal(alone, LEVELS, range(1, 6)).top, rtol=1e-8
    )


def study(seed, effect, units=60, periods=6, each=8):
    """Return rows: η = effect · x1 + .4 u with u shared by a unit's rows; x2 does nothing."""
    rng = np.random.default_rng(seed)
    unit, period, _ = (a.ravel() for a in np.indices((units, periods, each)))
    x = rng.normal(size=(units, periods, 2))
    c = rng.integers(6, size=len(unit))
    eta = effect * x[unit, period, 0] + 0.4 * rng.normal(size=units)[unit]
    return pd.DataFrame({
        "unit": unit, "period": period, "c": c, "x1": x[unit, period, 0], "x2": x[unit, period, 1], "z1": c - 2.5,
        "z2": c % 2, "event": (rng.random(len(unit)) < special.expit(eta - 0.5)).astype(int),
        # negative binomial: the variance is twice the mean
        "count": rng.negative_binomial(np.exp(eta), 0.5),
        "answer": 1 + np.digitize(eta + rng.logistic(size=len(unit)), [-2, -1, 0, 1.5]),
        "days": rng.exponential(size=len(unit)) * 8 * np.exp(-eta), "ended": 1,
    })  # fmt: skip


@pytest.mark.parametrize("effect", [0.0, 0.25])
def test_truth_is_covered_whatever_units_share(effect):
    """60 units; 30 studies. What units share shrinks the average odds ratio by about 1 / √(1 + .35 · .16) = .97
    (Zeger, Liang & Albert 1988), which the marginal effect does not feel; rates and hazards: none, or a few percent.
    Expected: truth inside 95 % intervals in 83 to 100 % of the studies."""
    hits = {"logit": [], "count": [], "ordinal": [], "nothing": []}
    for seed in range(30):
        frame = study(seed, effect)
        table = compressed(frame)
        found = {"logit": fit_quasi(table, "event", "n", LOGIT).table,
                 "count": fit_quasi(table, "count", "n", LOG).table,
                 "ordinal": fit_ordinal(table, LEVELS, range(1, 6)).table}  # fmt: skip
        for name, part in found.items():
            part = part.set_index("term")
            target = effect * (0.97 if name != "count" else 1.0)
            hits[name].append(part.loc["x1", "conf_low"] <= target <= part.loc["x1", "conf_high"])
            hits["nothing"].append(part.loc["x2", "conf_low"] <= 0 <= part.loc["x2", "conf_high"])
    assert all(np.mean(hit) >= 0.83 for hit in hits.values()), {k: np.mean(v) for k, v in hits.items()}


def test_model_errors_would_be_too_small_for_overdispersed_counts():
    frame = study(3, 0.25)
    fit = fit_quasi(compressed(frame), "count", "n", LOG, squares="squares")
    assert fit.dispersion > 1.5


def test_one_slope_for_all_steps_is_told_from_several():
    """x1 moves only who passes the lowest step; x2 moves every step alike."""
    frame = study(5, 0.0, units=80)
    rng = np.random.default_rng(5)
    eta = 0.5 * frame["x2"].to_numpy()
    low = rng.random(len(frame)) < special.expit(-1.0 - 1.0 * frame["x1"])
    frame["answer"] = np.where(low, 1, 2 + np.digitize(eta + rng.logistic(size=len(frame)), [-1, 0, 1]))
    told = nominal_effects(compressed(frame), LEVELS, ["x1", "x2"]).set_index("term")
    assert told.loc["x1", "p_value"] < 0.001
    alike = [nominal_effects(compressed(study(s, 0.3)), LEVELS, ["x1"])["p_value"].iloc[0] < 0.05 for s in range(30)]
    assert np.mean(alike) <= 0.17  # 5 % expected, of 30 studies


def test_what_cannot_be_estimated_is_refused(cells):
    frame = rows()
    with pytest.raises(EstimationError, match="does not vary"):
        fit_quasi(compressed(frame.assign(event=0)), "event", "n", LOGIT)
    with pytest.raises(EstimationError, match="separates"):
        fit_quasi(compressed(frame.assign(event=(frame["x1"] > 0).astype(int))), "event", "n", LOGIT)
    with pytest.raises(EstimationError, match="9 clusters"):
        fit_quasi(compressed(frame[frame["unit"] < 9]), "event", "n", LOGIT)
    with pytest.raises(EstimationError, match="three levels"):
        fit_ordinal(compressed(frame.assign(answer=frame["answer"].clip(1, 2))), LEVELS, range(1, 6))
    with pytest.raises(EstimationError, match="end before they begin"):
        at_risk(pd.DataFrame({"period": [-1], "ended": [True], "n": [1]}), [])


def test_levels_without_events_are_left_out_and_count_as_unchanged():
    """No event where z2 is 1: its coefficient would be infinite; the others' are those of the rest."""
    frame = rows()
    silent = frame.assign(event=np.where(frame["z2"] == 1, 0, frame["event"]))
    fit, rest = (fit_quasi(compressed(f), "event", "n", LOGIT) for f in (silent, frame[frame["z2"] == 0]))
    assert fit.left_out == (frame["z2"] == 1).sum()
    x1, there = (f.table.set_index("term").loc["x1"] for f in (fit, rest))
    assert x1["estimate"] == pytest.approx(there["estimate"], rel=1e-9)
    share = (frame["z2"] == 0).mean()
    effect, its = (f.marginal.set_index("term").loc["x1", "estimate"] for f in (fit, rest))
    assert effect == pytest.approx(share * its, rel=1e-9)


def test_columns_that_repeat_others_are_left_out():
    frame, left, right = tables(rows())
    table = crossed_cells(
        frame.groupby(["unit", "period", "right"], as_index=False)[VALUES].sum(), left.assign(again=2 * left["x1"] + 1),
        right.assign(flat=3.0), key=["unit", "period"], unit="unit", left_columns=["x1", "x2", "again"],
        right_columns=["z1", "z2", "flat"], values=VALUES,
    )  # fmt: skip
    fit = fit_quasi(table, "event", "n", LOGIT)
    assert fit.design.names == ["(Intercept)", *FOUND]


def test_waiting_is_counted_period_by_period():
    spells = pd.DataFrame({"who": ["a"] * 3, "period": [0, 2, 5], "ended": [True, False, True], "n": [2, 3, 4]})
    told = at_risk(spells, ["who"])
    assert told["waiting"].tolist() == [9, 7, 4, 4, 4, 4]
    assert told["ends"].tolist() == [2, 0, 0, 0, 0, 4]
    cut = at_risk(spells, ["who"], last=3)
    assert cut["waiting"].tolist() == [9, 7, 4, 4]
    assert cut["ends"].sum() == 2


def test_sums_over_cells_are_those_of_the_design_written_down():
    """Left rows without a cell, right rows that no cell is of, and a unit of which nothing is known."""
    rng = np.random.default_rng(8)
    left = pd.DataFrame({"unit": np.repeat(np.arange(12), 3), "period": np.tile(np.arange(3), 12),
                         "x": rng.normal(size=36)})  # fmt: skip
    right = pd.DataFrame({"z1": rng.normal(size=5), "z2": [0.0, 1.0, 0.0, 1.0, 1.0]})
    pairs = pd.DataFrame(list(np.ndindex(12, 3, 5)), columns=["unit", "period", "right"])
    cells = pairs.sample(frac=0.4, random_state=1)
    cells = cells[(cells["unit"] != 4) & (cells["right"] != 3)].assign(value=lambda f: rng.normal(size=len(f)))
    table = crossed_cells(cells, left, right, key=["unit", "period"], unit="unit", left_columns=["x"],
                          right_columns=["z1", "z2"], values=["value"])  # fmt: skip
    design, values = table.design, table.values["value"].to_numpy()
    rows = cells.merge(left, on=["unit", "period"]).sort_values(["unit", "period", "right"])
    np.testing.assert_array_equal(values, rows["value"])
    written = np.column_stack([np.ones(len(rows)), rows["x"], right.iloc[rows["right"]]])
    np.testing.assert_allclose(design.linear(np.arange(1.0, 5.0)), written @ np.arange(1.0, 5.0), rtol=1e-12)
    np.testing.assert_allclose(design.gram(values), written.T @ (written * values[:, None]), rtol=1e-12)
    np.testing.assert_allclose(design.cross(values), written.T @ values, rtol=1e-12)
    by_unit = [written[rows["unit"] == u].T @ values[rows["unit"] == u] for u in range(12)]
    np.testing.assert_allclose(design.scores(values), by_unit, rtol=1e-12, atol=1e-14)


def test_a_fit_needs_no_step_from_the_overall_mean_where_nothing_differs():
    frame = pd.concat([rows().assign(event=k) for k in (0, 0, 1)])  # a third of every row: no slope at all
    fit = fit_quasi(compressed(frame), "event", "n", LOGIT)
    np.testing.assert_allclose(fit.coef, [special.logit(1 / 3), 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(fit.fitted, 1 / 3, rtol=1e-12)


def test_waiting_is_the_number_of_spells_that_had_not_ended_before():
    """Counted spell by spell: groups with a missing key, spells that are never at risk, cut off or not."""
    rng = np.random.default_rng(9)
    spells = pd.DataFrame({
        "a": rng.choice([1.0, 2.0, np.nan], 200), "b": rng.choice(["x", "y"], 200), "period": rng.integers(7, size=200),
        "ended": rng.random(200) < 0.5, "n": rng.integers(1, 4, 200),
    })  # fmt: skip
    spells = pd.concat([spells, pd.DataFrame({"a": [3.0], "b": "x", "period": 0, "ended": False, "n": 5})])
    for last in (None, 3):
        seen = {}
        for row in spells.itertuples():
            through = min(row.period + row.ended, 99 if last is None else last + 1)
            for period in range(through):
                cell = seen.setdefault((-1 if np.isnan(row.a) else row.a, row.b, period), [0, 0])
                cell[0] += row.n
                cell[1] += row.n * (row.ended and period == row.period)
        told = at_risk(spells, ["a", "b"], last=last).fillna({"a": -1})
        assert {(r.a, r.b, r.period): [r.waiting, r.ends] for r in told.itertuples()} == seen
        assert len(told) == len(seen)


def test_cells_in_two_are_the_cells_of_one_more_circumstance():
    frame, left, right = tables(rows())
    frame["solved"] = np.random.default_rng(10).integers(2, size=len(frame))
    frame = frame.assign(n_on=frame["solved"], event_on=frame["event"] * frame["solved"])
    labels = {"key": ["unit", "period"], "unit": "unit", "left_columns": ["x1", "x2"]}
    values = ["n", "event", "n_on", "event_on"]
    counted = frame.groupby(["unit", "period", "right"], as_index=False)[values].sum()
    table = crossed_cells(counted, left, right, right_columns=["z1", "z2"], values=values, **labels)
    on = {name: table.values[f"{name}_on"] for name in ("n", "event")}
    halves = divided(table, "solved", {name: table.values[name] - on[name] for name in on}, on)
    frame["right"] = 2 * frame["right"] + frame["solved"]
    counted = frame.groupby(["unit", "period", "right"], as_index=False)[["n", "event"]].sum()
    both = right.loc[np.repeat(np.arange(len(right)), 2)].reset_index(drop=True)
    both["solved"] = np.tile([0.0, 1.0], len(right))
    plain = crossed_cells(counted, left, both, right_columns=list(both), values=["n", "event"], **labels)
    ours, theirs = (fit_quasi(cells, "event", "n", LOGIT).table for cells in (halves, plain))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-9)


def test_cells_without_a_row_in_both_tables_do_not_enter():
    frame, left, right = tables(rows())
    counted = frame.groupby(["unit", "period", "right"], as_index=False)[VALUES].sum()
    labels = {"key": ["unit", "period"], "unit": "unit", "left_columns": ["x1", "x2"], "right_columns": ["z1", "z2"]}
    few = crossed_cells(counted, left[left["unit"] > 2].iloc[::-1], right.drop(index=0), values=VALUES, **labels)
    kept = counted[(counted["unit"] > 2) & (counted["right"] != 0)]
    assert few.values.sum().equals(kept[VALUES].sum())
    whole = fit_quasi(crossed_cells(kept, left, right, values=VALUES, **labels), "event", "n", LOGIT).table
    pd.testing.assert_frame_equal(fit_quasi(few, "event", "n", LOGIT).table, whole, rtol=1e-9)
