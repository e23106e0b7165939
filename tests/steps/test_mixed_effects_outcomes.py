"""Step 04, what happens in contacts: outcomes, paths through them, struggling; what is planted is found, or said."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from exlink.data.mediators import answered_cells
from exlink.data.outcomes import WEEKS, combinations, escalation_spells, outcome_cells, units_by_wave
from exlink.data.struggle import everyday_touchpoint, struggle_panel
from exlink.stats.predetermined import predetermined_slopes
from exlink.steps import mixed_effects as step
from exlink.steps.mixed_effects.outcomes import OUTCOMES

CONTROLS = ["touchpoint", "channel", "complexity"]


@pytest.fixture(scope="module")
def work(sample):
    return step.fit_work(sample, CONTROLS)


@pytest.fixture(scope="module")
def paths(sample, work):
    return step.mediation_paths(sample, "satisfaction", CONTROLS, work)


def of(work, column, aspect, effect="within"):
    e = work.effects
    return e[(e["column"] == column) & (e["aspect"] == aspect) & (e["effect"] == effect)].iloc[0]


def test_cells_hold_every_linked_contact_and_what_came_of_it(sample):
    cells, levels = outcome_cells(sample, CONTROLS, "ease")
    told = sample.query("""
        SELECT count(*) AS n, count_if(reopened) AS sum_reopened, count_if(escalated AND resolved_first_contact)
               AS sum_escalated_solved, sum(ln(handle_seconds)) AS sum_log_handle, sum(transfers) AS sum_transfers,
               count_if(ease = 2) AS n_ease_2, sum(ease) AS sum_ease FROM linked ORDER BY 1""").iloc[0]
    for column, value in told.items():
        assert cells[column].sum() == pytest.approx(value, rel=1e-12), column
    assert levels == [1, 2, 3, 4, 5]
    assert not cells.duplicated(["left", "right"]).any()


def test_positions_of_cells_name_units_waves_and_circumstances(sample):
    cells, _ = outcome_cells(sample, CONTROLS)
    named = units_by_wave(sample).loc[cells["left"], ["employee_id", "wave"]].reset_index(drop=True)
    named = named.join(combinations(sample, CONTROLS).loc[cells["right"]].reset_index(drop=True))
    told = sample.query(f"""
        SELECT employee_id, wave, {", ".join(CONTROLS)}, count(*) AS n, count_if(escalated) AS sum_escalated
        FROM linked GROUP BY ALL ORDER BY ALL""")
    counts = ["n", "sum_escalated"]
    ours = named.join(cells[counts]).sort_values(["employee_id", "wave", *CONTROLS], ignore_index=True)
    pd.testing.assert_frame_equal(ours, told, check_dtype=False)
    alone, _ = outcome_cells(sample, [])
    assert (alone["right"] == 0).all()
    assert len(combinations(sample, [])) == 1
    assert alone["n"].sum() == told["n"].sum()


@pytest.mark.parametrize("named", [["employee_id", "channel"], ["wave", "channel"], ["channel", "channel"]])
def test_a_circumstance_may_be_a_key_of_the_cells_or_stand_twice(sample, named):
    cells, _ = outcome_cells(sample, named)
    plain, _ = outcome_cells(sample, ["channel"])
    sums = [c for c in plain if c not in ("left", "right")]
    pd.testing.assert_frame_equal(*(f.groupby("left")[sums].sum() for f in (cells, plain)))
    answered, _, _ = answered_cells(sample, "ease", ["transfers"], named)
    assert answered["n"].sum() == answered_cells(sample, "ease", ["transfers"], [])[0]["n"].sum()
    assert step.design(sample, named, max_rows=60_000).answers == step.design(sample, [], max_rows=60_000).answers


def test_beyond_the_most_cells_it_is_a_fixed_sample_and_says_so(sample, monkeypatch):
    monkeypatch.setattr("exlink.data.outcomes.MOST_CELLS", 12_000)
    few, again = (outcome_cells(sample, CONTROLS, "ease")[0] for _ in range(2))
    pd.testing.assert_frame_equal(few, again)
    assert few["n"].sum() == pytest.approx(12_000, rel=0.05)
    assert "fixed sample" in step.work_sentence(step.fit_work(sample, CONTROLS), "employees")


def test_planted_outcomes_are_found_and_nothing_else_is(sample, work):
    """Six coefficients are planted; of 39 pairs with nothing planted, 95 % of the intervals should hold zero."""
    assert work.failures == []
    found = step.work_found(sample, work)
    planted, null = found[found["planted"] != 0], found[found["planted"] == 0]
    assert len(planted) == 6
    assert planted["covered"].all()
    assert null["covered"].mean() >= 0.89
    assert of(work, "resolved_first_contact", "knowledge")["verdict"] == "higher"
    assert of(work, "reopened", "knowledge")["verdict"] == "lower"
    assert of(work, "escalated", "empowerment")["verdict"] == "lower"
    assert of(work, "handle_seconds", "tools")["verdict"] == "lower"
    assert of(work, "transfers", "knowledge")["verdict"] == "lower"
    assert not work.effects.query("effect == 'within' and aspect in ['recognition', 'coaching']")["clear"].any()


def test_a_share_is_that_of_statsmodels_on_rows(sample, work):
    """Percentage points of the logit on single contacts, with the same columns built by hand."""
    rows = sample.query("""
        SELECT employee_id, wave, touchpoint, channel, complexity, resolved_first_contact::INT AS solved
        FROM linked ORDER BY interaction_id""")
    xs = [f"ex_{a}" for a in sample.aspects]
    rows = rows.merge(sample.exposures()[["employee_id", "wave", *xs]], on=["employee_id", "wave"]).dropna(subset=xs)
    means = rows.groupby("employee_id")[xs].transform("mean")
    rows = rows.assign(**{f"{x}_between": means[x] for x in xs}, **{f"{x}_within": rows[x] - means[x] for x in xs})
    terms = " + ".join([f"{x}_{k}" for k in ("within", "between") for x in xs])
    model = smf.logit(f"solved ~ {terms} + C(wave) + C(touchpoint) + C(channel) + complexity", rows)
    fit = model.fit(disp=0, cov_type="cluster", cov_kwds={"groups": rows["employee_id"]})
    at, p = model.exog_names.index("ex_knowledge_within"), fit.predict()
    ours = of(work, "resolved_first_contact", "knowledge")
    average, beta = (p * (1 - p)).mean(), fit.params.iloc[at]
    gradient = beta * (p * (1 - p) * (1 - 2 * p)) @ model.exog / len(p)
    gradient[at] += average
    assert ours["estimate"] == pytest.approx(100 * beta * average, rel=1e-6)
    error = np.sqrt(gradient @ fit.cov_params().to_numpy() @ gradient)
    assert ours["std_error"] == pytest.approx(100 * error, rel=1e-5)


def test_families_are_adjusted_apart(work):
    within = work.effects[work.effects["effect"] == "within"]
    assert set(within["family"]) == {"advice", "effort", "time", "hand-offs"}
    assert (within["p_adjusted"] >= within["p_value"] - 1e-15).all()
    advice = within[within["family"] == "advice"]
    order = advice.sort_values("p_value")["p_value"].to_numpy()
    lowest = (order * len(order) / np.arange(1, len(order) + 1)).min()
    assert advice["p_adjusted"].min() == pytest.approx(lowest)


def test_escalations_count_as_far_as_they_were_seen(sample):
    spells = escalation_spells(sample, ["touchpoint"])
    raw = sample.query("""
        SELECT started_at::DATE AS began, escalation_resolved_on AS solved FROM linked WHERE escalated
        ORDER BY interaction_id""")
    assert spells["n"].sum() == len(raw)
    last = min(pd.Timestamp(sample.study.period.last), max(raw["began"].max(), raw["solved"].max()))
    week, seen = ((end - raw["began"]).dt.days for end in (raw["solved"], last))
    ended = week // 7 < (seen + 1) // 7
    assert spells.loc[spells["ended"], "n"].sum() == ended.sum()
    assert (spells["period"] >= 0).all()
    assert WEEKS >= 8


def test_words_say_units_intervals_and_what_could_have_been_seen(sample, work):
    said = step.work_sentence(work, "employees")
    assert " percentage points (" in said
    assert " pp" not in said + step.work_alt(work, step.POINTS)
    solved = next(line for line in said.splitlines() if "Solved" in line)
    assert solved.count("percentage points") == 1  # the unit is told once a line
    assert "with knowledge" in said
    assert "four of five tries" in said  # speed of escalations: nothing is clear
    assert all(o.name.split()[0].casefold() in said.casefold() for o in OUTCOMES)
    assert "independent counts" in step.dispersion_sentence(work)
    assert "knowledge" in step.work_alt(work, step.POINTS)


def test_what_the_mixed_model_does_not_show_is_said_where_it_is_told(work):
    """On ease two models may part: the one line that leaders read says so, about that aspect alone."""
    assert "not relied on" not in step.work_sentence(work, "employees")
    told = step.work_sentence(work, "employees", ["collaboration", "recognition"])
    lines = [line for line in told.splitlines() if "not relied on" in line]
    assert len(lines) == 1
    assert "Found easy" in lines[0]
    assert "on collaboration the mixed model further up says otherwise" in lines[0]


def test_effort_as_steps_and_as_numbers_agree(sample, work):
    effort = step.effort_models(sample, work).set_index("aspect")
    for aspect in ("tools", "knowledge", "collaboration"):  # planted on ease
        row = effort.loc[aspect]
        assert row["top_low"] > 0 > row["bottom_high"]
        assert row["linear_low"] > 0
    assert np.sign(effort["top"]).equals(np.sign(effort["linear"]))
    assert "straight line" in step.effort_sentence(effort.reset_index())


def test_paths_add_up_and_find_what_is_planted(paths):
    """Planted: .30 and .10 log odds of resolution per point of knowledge and tools, and .45 of satisfaction for it."""
    wide = paths.paths.pivot(index="aspect", columns="path", values="estimate")
    np.testing.assert_allclose(wide["total"], wide["direct"] + wide["indirect"], atol=1e-12)
    parts = ["resolved_first_contact", "handle_seconds", "transfers", "escalated"]
    np.testing.assert_allclose(wide["indirect"], wide[parts].sum(axis=1), atol=1e-12)
    by = paths.paths.set_index(["aspect", "path"])
    inside = (by["conf_low"] <= by["planted"]) & (by["planted"] <= by["conf_high"])
    for aspect in ("knowledge", "tools"):
        assert inside[aspect, "indirect"]
        assert by.loc[(aspect, "resolved_first_contact"), "conf_low"] > 0
    # hand-offs and handling time move no answer: nothing runs through them
    null = paths.paths[paths.paths["path"].isin(["transfers", "handle_seconds", "escalated"])]
    assert ((null["conf_low"] <= 0) & (null["conf_high"] >= 0)).mean() >= 0.9
    assert inside.mean() >= 0.9


def test_paths_in_words_say_the_assumption(paths):
    said = step.paths_sentence(paths, "satisfaction", "employees")
    assert "of what a point of knowledge goes with" in said
    assert "first-contact resolution" in said
    assert "sequential ignorability" in step.ignorability_sentence(paths)
    assert set(step.clear_paths(paths)["path"]) == {"total", "indirect", "direct"}


def test_hard_work_is_followed_by_lower_engagement(sample):
    """Planted: .20 points of overall satisfaction per point of everyday ease one wave earlier; none on the aspects."""
    found, lines = step.struggle_effects(sample, struggle_panel(sample))
    assert lines == []
    ease = found.set_index(["measure", "outcome"]).loc[("ease", "satisfaction")]
    assert ease["conf_low"] <= 0.20 <= ease["conf_high"]
    assert ease["verdict"] == "higher"
    assert found.set_index(["measure", "outcome"]).loc[("ease", "experience"), "verdict"] == "inconclusive"
    assert everyday_touchpoint(sample) == "everyday work"
    assert "more satisfied" in step.struggle_sentence(found, "employees")


def test_before_is_the_wave_before_and_no_other(sample):
    panel = struggle_panel(sample)
    merged = panel.merge(panel.assign(turn=panel["turn"] + 1), on=["employee_id", "turn"], suffixes=("", "_then"))
    pd.testing.assert_series_equal(merged["satisfaction_before"], merged["satisfaction_then"], check_names=False)
    gap = panel.groupby("employee_id")["turn"].diff() > 1
    assert gap.any()
    assert panel.loc[gap, "satisfaction_before"].isna().all()


def worn(seed, effect, units=150, waves=8):
    """Return a panel: satisfaction_t = level + effect · ease_(t−1) + noise; ease reacts to satisfaction of its wave."""
    rng = np.random.default_rng(seed)
    level, ease = 0.5 * rng.normal(size=units), np.zeros((units, waves))
    said = np.zeros((units, waves))
    for t in range(waves):
        said[:, t] = level + (effect * ease[:, t - 1] if t else 0) + 0.5 * rng.normal(size=units)
        ease[:, t] = 0.6 * said[:, t] + 0.6 * rng.normal(size=units)
    unit, turn = np.indices((units, waves - 1))
    return pd.DataFrame({"unit": unit.ravel(), "turn": turn.ravel(), "y": said[:, 1:].ravel(),
                         "ease": ease[:, :-1].ravel(), "before": said[:, :-1].ravel()})  # fmt: skip


@pytest.mark.parametrize("effect", [0.0, 0.2])
def test_within_persons_over_waves_the_truth_is_covered(effect):
    """Seven pairs of waves, 40 panels; deviations from person means would be off by about −.1 here."""
    tables = [predetermined_slopes(worn(s, effect), "y", ["ease", "before"], "unit", "turn").table for s in range(40)]
    rows = pd.DataFrame([t.iloc[0] for t in tables])
    assert ((rows["conf_low"] <= effect) & (effect <= rows["conf_high"])).mean() >= 0.85
    assert rows["estimate"].mean() == pytest.approx(effect, abs=0.03)


def test_a_study_without_these_columns_says_so(required_only, team_grain):
    for data in (required_only, team_grain):
        work = step.fit_work(data, CONTROLS)
        paths = step.mediation_paths(data, data.cx_kpis[-1], CONTROLS, work)
        struggle, lines = step.struggle_effects(data, struggle_panel(data))
        assert isinstance(step.work_sentence(work, data.people), str)
        assert isinstance(step.effort_sentence(step.effort_models(data, work)), str)
        assert isinstance(step.paths_sentence(paths, "satisfaction", data.people), str)
        assert isinstance(step.struggle_sentence(struggle, data.people), str)
        assert any("desktop_activity" in line for line in lines)
    assert any("interactions.transfers" in line for line in step.fit_work(team_grain, CONTROLS).failures)
    gone = step.mediation_paths(team_grain, "satisfaction", CONTROLS, step.fit_work(team_grain, CONTROLS))
    assert gone.reason.startswith("not assessed")


def test_without_change_within_it_is_not_assessed(one_wave):
    reason = step.within_reason(one_wave)
    work = step.fit_work(one_wave, CONTROLS, reason)
    assert work.effects.empty
    assert work.failures == [reason]
    assert step.work_sentence(work, "employees") == ""
    paths = step.mediation_paths(one_wave, "satisfaction", CONTROLS, work, reason)
    assert step.paths_sentence(paths, "satisfaction", "employees") == reason
    struggle, lines = step.struggle_effects(one_wave, struggle_panel(one_wave))
    assert struggle.empty
    assert lines
