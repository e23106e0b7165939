"""Step 07: initiatives – what they changed, as planted; intention beside perception; silence where data are missing."""

from copy import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exlink.data.dataset import open_data
from exlink.data.initiatives import (
    before_and_after,
    initiative_rows,
    planted_changes,
    rated_by_wave,
    said_by_wave,
    whole_of,
)
from exlink.data.initiatives import team_times as times_of
from exlink.data.study import load_study
from exlink.steps.action_loop import friction
from exlink.steps.action_loop import initiative_words as words
from exlink.steps.action_loop.initiatives import EASE, assess_initiatives, by_initiative, own_effects
from exlink.steps.action_loop.metric_audit import audit_metrics
from exlink.steps.action_loop.perception import KEPT, OPEN, OPPOSITE, PARTLY, SOME, UNSEEN, perceived, verdict_on
from exlink.steps.misalignment_audit.investment import assess_investment


@pytest.fixture(scope="module")
def found(sample):
    return assess_initiatives(sample)


def with_initiatives(sample, **columns):
    """Return the sample with columns of its initiatives replaced; None leaves one out. Nothing is read again."""
    data, rows = copy(sample), sample.frame("initiatives")
    rows = rows.drop(columns=[c for c, v in columns.items() if v is None])
    rows = rows.assign(**{c: v for c, v in columns.items() if v is not None})
    data.frame = lambda table, chosen=None: rows.copy() if table == "initiatives" else sample.frame(table, chosen)
    return data


def test_intervals_hold_what_was_planted(sample, found):
    own = own_effects(sample, found)
    assert len(own) == 6 and own["planted"].notna().all()
    assert ((own["conf_low"] <= own["planted"]) & (own["planted"] <= own["conf_high"])).all()
    assert "6 of 6 initiatives hold" in words.planted_sentence(sample, found, 8)
    verdicts = perceived(found).set_index("initiative_id")["verdict"]
    assert verdicts[["N-01", "N-02", "N-03", "N-05"]].tolist() == [KEPT, UNSEEN, OPPOSITE, SOME]
    assert set(verdicts[["N-04", "N-06"]]) <= {KEPT, PARTLY, UNSEEN, OPEN}


def test_effect_is_that_of_means_where_everybody_is_there(sample, found):
    """Before and after by hand: person means of the tools score, treated less untreated, on the same rows."""
    said, rows = said_by_wave(sample), initiative_rows(sample)
    own = rows[rows["initiative_id"] == "N-01"].set_index("team_id")["started_on"]
    other = rows[rows["initiative_id"].ne("N-01") & rows["column"].eq("ex_tools")]
    used = before_and_after(said, times_of(said), own, other, strict=True)
    assert set(used.loc[used["since"].notna(), "team_id"]) == {"T-08", "T-14", "T-17"}
    late = other.set_index("team_id")["started_on"]  # the teams of the other initiative, until it began
    begun = used["team_id"].map(late)
    assert begun.notna().any() and (used["said_on"] < begun)[begun.notna()].all()
    start = used["team_id"].map(own)
    assert ((used["said_on"] > start) == (used["since"] >= 0))[used["since"].notna()].all()
    after = np.where(used["since"].notna(), used["since"] >= 0, used["at"] >= 4)
    person = used.assign(after=after).groupby(["team_id", "unit", "after"])["ex_tools"].mean().unstack().dropna()
    change = (person[True] - person[False]).groupby("team_id").mean()
    mine = change.index.isin(own.index)
    rough = change[mine].mean() - change[~mine].mean()
    exact = found.effects.query("initiative_id == 'N-01' and outcome == 'its aspect'")["estimate"].iloc[0]
    assert exact == pytest.approx(rough, abs=0.12)  # persons there are weighted alike, and periods not balanced


def test_a_wave_on_both_sides_of_the_start_is_left_out():
    said = pd.DataFrame({
        "unit": list("aabbcc"), "team_id": list("xxxxyy"), "at": [0, 1, 0, 1, 0, 1],
        "said_on": pd.to_datetime(["2026-01-05", "2026-04-05", "2026-01-20", "2026-04-07", "2026-01-05", "2026-04-05"]),
    })  # fmt: skip
    said["until"] = said["said_on"]
    none = pd.DataFrame({"team_id": [], "started_on": pd.to_datetime([])})
    own = pd.Series({"x": pd.Timestamp("2026-01-10")})
    used = before_and_after(said, times_of(said), own, none, strict=True)
    assert used.query("team_id == 'x'")["at"].tolist() == [1, 1] and used.query("team_id == 'y'")["at"].tolist() == [
        0,
        1,
    ]
    assert (
        used.query("team_id == 'x'")["since"].tolist() == [0, 0] and used.query("team_id == 'y'")["since"].isna().all()
    )
    other = pd.DataFrame({"team_id": ["y", "x"], "started_on": pd.to_datetime(["2026-03-01", "2026-03-02"])})
    kept = before_and_after(said, times_of(said), pd.Series({"x": pd.Timestamp("2026-02-01")}), other, strict=True)
    assert kept[["team_id", "at"]].drop_duplicates().to_numpy().tolist() == [["x", 0], ["y", 0]]
    loose = before_and_after(said, times_of(said), pd.Series({"x": pd.Timestamp("2026-02-01")}), other, strict=False)
    assert loose.query("team_id == 'y'")["at"].tolist() == [0, 1]


def test_ratings_are_those_of_the_contacts(sample):
    rated = rated_by_wave(sample)
    total = sample.query("""SELECT count(ease) AS n, sum(ease) AS s FROM interactions WHERE has_cx AND ease IS NOT NULL
        AND started_at >= TIMESTAMP '2024-10-22' AND started_at < TIMESTAMP '2026-10-20' ORDER BY 1""").iloc[0]
    assert rated["n_ease"].sum() == total["n"]
    assert (rated["n_ease"] * rated["ease"]).sum() == pytest.approx(total["s"])
    assert rated["at"].nunique() == 8 and (rated["said_on"] < rated["until"]).all()


def test_an_initiative_that_is_none_moves_nothing(sample):
    """The same names in teams and at dates drawn anew: of 12 mock initiatives hardly one is clear."""
    alarms = clear = 0
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        teams = rng.permutation([f"T-{k:02d}" for k in range(1, 21)])[:16]
        names = [f"M{k % 6}" for k in range(16)]
        days = pd.Timestamp("2025-05-15") + pd.to_timedelta(rng.integers(0, 200, 16), unit="D")
        mock = with_initiatives(sample, team_id=teams, initiative_id=names, name=names, started_on=days,
                                aspect="collaboration", kind="training", intended_change=0.3)  # fmt: skip
        effects = assess_initiatives(mock).effects.query("outcome == 'its aspect'")
        alarms += (effects["p_value"] < 0.05).sum()
        clear += effects["verdict"].isin(["higher", "lower"]).sum()
    assert alarms <= 3 and clear <= 1


@pytest.mark.parametrize(("interval", "clear", "verdict"), [
    ((0.5, 0.3, 0.7), True, KEPT), ((0.3, 0.1, 0.45), True, PARTLY), ((0.1, -0.1, 0.3), False, UNSEEN),
    ((-0.4, -0.7, -0.1), True, OPPOSITE), ((0.4, 0.05, 0.75), True, SOME),
    ((0.6, 0.3, 0.9), True, KEPT), ((0.6, 0.2, 1.0), True, SOME), ((0.3, -0.1, 0.7), False, OPEN),
    ((0.6, 0.02, 1.2), False, OPEN), ((0.2, np.nan, np.nan), False, OPEN),
])  # fmt: skip
def test_verdict_on_an_intention(interval, clear, verdict):
    assert verdict_on(0.5, *interval, clear=clear) == verdict
    estimate, low, high = interval
    assert verdict_on(-0.5, -estimate, -high, -low, clear=clear) == verdict  # what was meant to fall


def test_cost_is_divided_by_what_clearly_moved(sample, found):
    table = by_initiative(sample, found).set_index("name")
    screen = found.effects.query("initiative_id == 'N-01' and outcome == 'its aspect'")["estimate"].iloc[0]
    assert table.loc["One screen for the whole case", "cost_per_tenth"] == pytest.approx(85_000 / screen / 10)
    assert table.loc[["Quality scorecards", "New desktop assistant"], "cost_per_tenth"].isna().all()
    assert {"ease", "ease_low", "ease_high"} <= set(table.columns)
    assert table.loc["One screen for the whole case", "by_lot"] == pytest.approx(1 / 1140)
    beside = perceived(found, "ease").set_index("name")["customers"]
    np.testing.assert_allclose(beside, table["ease"][beside.index])


def test_what_is_said(sample, found):
    said = words.initiatives_sentence(found, 8)
    assert said.startswith("Of 6 initiatives that can be assessed, “One screen for the whole case” (tools +0.61")
    assert "“Quality scorecards” (workload −0.56" in said and "made it worse" in said
    assert "That is no proof that there was none" in words.customers_sentence(sample, found, 8)
    lot = words.lot_sentence(found, 8)
    assert "“One screen for the whole case”" in lot and "136 choices, and no share below 1 in 136" in lot
    assert "with 2 of 17 teams" in lot and words.lot_sentence(found, 99) == ""
    assert "weak test" in words.trend_sentence(found, 8)
    assert "perceived as the opposite: “Quality scorecards”" in words.perception_sentence(perceived(found), 8)
    assert "Fewer" not in said and "none can be assessed" in words.initiatives_sentence(found, 99)


def test_missing_and_late_initiatives(sample, required_only, found):
    nothing = assess_initiatives(required_only)
    assert nothing == "not assessed: needs `initiatives`"
    assert words.initiatives_sentence(nothing, 8) == words.trend_sentence(nothing, 8) == ""
    assert perceived(nothing).empty and own_effects(required_only, nothing).empty
    assert by_initiative(required_only, nothing).empty
    started = sample.frame("initiatives").set_index("initiative_id")["started_on"]
    started = started.mask(started.index == "N-06", pd.Timestamp("2026-09-25")).to_numpy()
    late = assess_initiatives(with_initiatives(sample, started_on=started))
    assert late.listed.set_index("initiative_id").loc["N-06", "why"].startswith("too early")
    assert "“New desktop assistant”: too early" in words.initiatives_sentence(late, 8)
    unasked = assess_initiatives(with_initiatives(sample, aspect="parking"))
    assert unasked == "not assessed: employees were not asked about parking (all 6 initiatives)"
    mistyped = assess_initiatives(with_initiatives(sample, started_on=pd.Timestamp("2019-03-01")))
    assert mistyped == "not assessed: began before the first wave of answers: what was before is not known (all 6 " + (
        "initiatives)"
    )
    ids = sample.frame("initiatives")["initiative_id"]
    two = pd.Series("tools", ids.index).mask(ids.isin(["N-02", "N-06"]), "parking").to_numpy()
    said = words.initiatives_sentence(assess_initiatives(with_initiatives(sample, aspect=two)), 8)
    assert said.endswith(" and “New desktop assistant”: employees were not asked about parking.")


def test_without_costs_and_with_names_twice(sample):
    data = with_initiatives(sample, name="Change", cost=None, metrics_added=None, frictions_removed=None)
    found = assess_initiatives(data)
    table = by_initiative(data, found)
    assert table["name"].is_unique and table["cost"].isna().all() and table["cost_per_tenth"].isna().all()
    assert EASE in set(found.effects["outcome"])


def test_real_data_have_nothing_planted(sample):
    data = copy(sample)
    data.truth = None
    assert planted_changes(data) is None and words.planted_sentence(data, assess_initiatives(data), 8) == ""


def test_team_grain_goes_through(team_grain, sample):
    study = team_grain.study
    path = sample.study.folder / sample.study.sources["initiatives"].path
    source = type(study.sources["ex_responses"])(path=str(path))
    data = open_data(study.model_copy(update={"sources": {**study.sources, "initiatives": source}}), threads=1)
    own = assess_initiatives(data).effects.query("outcome == 'its aspect'").set_index("initiative_id")
    assert own.loc["N-01", "n_people"] == 3 and own.loc["N-01", "conf_low"] > 0


def test_tiny_study_says_why(tmp_path):
    from exlink.data.simulate import simulate_study

    data = open_data(load_study(simulate_study(tmp_path, seed=1, employees=40, interactions=1_000, waves=2)), threads=1)
    found = assess_initiatives(data)
    assert isinstance(found, str) or "can be assessed" in words.initiatives_sentence(found, 8)


def test_amounts_are_counted_by_one_rule(sample):
    """Alike in all rows: the initiative's, repeated. Not alike: its teams', added up; on every page the same."""
    rows = sample.frame("initiatives")
    at = rows["initiative_id"].eq("N-01")
    amounts = (
        rows["metrics_added"].astype(float).where(~at, [1.0, 1.0, 2.0] * (len(rows) // 3) + [1.0] * (len(rows) % 3))
    )
    data = with_initiatives(sample, metrics_added=amounts, cost=rows["cost"].where(rows.index % 2 == 0))
    whole = whole_of(initiative_rows(data))
    assert whole.loc["N-01", "metrics_added"] == amounts[at].sum() > amounts[at].max()
    np.testing.assert_allclose(whole["cost"], rows.groupby("initiative_id")["cost"].max())  # some rows do not say
    added = int(whole["metrics_added"].sum())
    assert assess_investment(data).added == added
    assert audit_metrics(data, target_repeats=70, trend_repeats=30).added == added
    table = friction.friction_removed(data, assess_initiatives(data)).set_index("kind")
    assert table.loc[friction.ALL, "added"] == added
    unsaid = with_initiatives(sample, cost=np.nan)
    assert whole_of(initiative_rows(unsaid))["cost"].isna().all() and np.isnan(assess_investment(unsaid).spent)


def test_effort_that_few_answered_about_is_not_told(sample, found):
    """Three people of the coached teams answered about effort: no change of theirs stands there, nor in that of all."""
    plain = friction.friction_removed(sample, found).set_index("kind")
    rows = found.effects
    few = rows["n_people"].where(~(rows["kind"].eq("coaching") & rows["outcome"].eq(EASE)), 3)
    table = friction.friction_removed(sample, replace(found, effects=rows.assign(n_people=few))).set_index("kind")
    assert np.isnan(table.loc["coaching", EASE]) and np.isfinite(table.loc["coaching", "ex_workload"])
    without = replace(found, effects=rows[~(rows["kind"].eq("coaching") & rows["outcome"].eq(EASE))])
    left = friction.friction_removed(sample, without).set_index("kind")
    assert table.loc[friction.ALL, EASE] == pytest.approx(left.loc[friction.ALL, EASE])
    assert table.loc[friction.ALL, EASE] != pytest.approx(plain.loc[friction.ALL, EASE])
    assert "(11 looked at together" in friction.friction_sentence(table.reset_index(), 8)


def test_an_interval_without_zero_that_is_not_clear_is_told_as_what_it_is(sample, found):
    rows = found.effects.assign(p_adjusted=0.2)  # as if among many more
    seen = perceived(replace(found, effects=rows))
    wide = seen[seen["verdict"] == OPEN]
    assert (wide["conf_low"] > 0).any()  # its interval alone leaves zero out
    said = words.perception_sentence(seen, 8)
    assert "not told: tested together no change is clear" in said and "holds no change" not in said


def test_costs_count_the_fewest_people_of_their_row(sample, found):
    plain = by_initiative(sample, found)
    rows = found.effects
    few = rows["n_people"].where(~(rows["initiative_id"].eq("N-01") & rows["outcome"].eq("ease")), 3)
    told = by_initiative(sample, replace(found, effects=rows.assign(n_people=few)))
    assert told["n_people"].min() == 3 and plain["n_people"].min() > 3
