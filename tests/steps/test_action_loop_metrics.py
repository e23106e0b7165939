"""Step 07: which metrics say something of persons or teams; against what was planted, silence where data lack."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from exlink.data.team_kpis import ENGAGEMENT, all_measures, said_of_work, unit_quarters
from exlink.stats.reliability import reliability_of_mean
from exlink.steps.action_loop import metric_audit
from exlink.steps.action_loop.metric_audit import DROP, KEEP, OPEN, TEAM, audit_metrics, audit_sentence

NOT_TOLD = (np.nan, np.nan)
RULE = {"target_repeats": 70.0, "trend_repeats": 30.0}


@pytest.fixture(scope="module")
def found(sample):
    return audit_metrics(sample, **RULE)


def test_deviations_add_up_to_nothing_over_all_contacts(sample):
    cells = unit_quarters(sample)
    contacts = sample.query("SELECT count(*) AS n, count(satisfaction) AS s FROM interactions ORDER BY 1").iloc[0]
    assert cells["n_handle_seconds"].sum() == contacts["n"] and cells["n_satisfaction"].sum() == contacts["s"]
    for kpi in all_measures(sample):
        assert cells[f"sum_{kpi.column}"].sum() == pytest.approx(0, abs=1e-4)


def test_what_comes_back_of_ratings_is_what_the_planted_variances_say(sample, found):
    """A quarter's mean of n answers is repeatable by n·icc / (1 + (n − 1)·icc).

    Of what is planted as a person's own, the part that comes from reported aspects is shared with the team, which is
    taken out here: the truth lies between the variance without that part and with all of it, and the interval reaches
    there.
    """
    parts = {(p["kpi"], p["component"]): p["observed"] for p in sample.truth["variance_components"]}
    cells = unit_quarters(sample)
    rows = found.rows.set_index("metric")
    for kpi, name in (("satisfaction", "customers' satisfaction"), ("recommend", "customers' recommendation")):
        n = cells.loc[cells[f"n_{kpi}"] >= metric_audit.FEWEST_ROWS, f"n_{kpi}"]
        least, most = (
            100 * reliability_of_mean(own / (own + parts[kpi, "customer"] + parts[kpi, "residual"]), n).mean()
            for own in (parts[kpi, "employee_net_of_ex"], parts[kpi, "employee"])
        )
        assert rows.loc[name, "person_low"] < most and rows.loc[name, "person_high"] > least
        assert rows.loc[name, "person_high"] - rows.loc[name, "person_low"] < 15


def test_advice_follows_the_rule(found):
    rows = found.rows.set_index("metric")
    assert rows.loc["script kept", "advice"] == KEEP  # planted as a habit of persons
    assert rows.loc["customers' recommendation", "advice"] == TEAM
    assert rows.loc["transfers", "advice"] == rows.loc["handle time", "advice"] == DROP  # no trait was planted
    assert np.isnan(rows.loc["employees' engagement", "person"])  # never told of persons
    strict = {m: metric_audit._advice(r, 101, 101, m != ENGAGEMENT) for m, r in rows.iterrows()}
    assert set(strict.values()) == {DROP}
    assert rows.loc["customers' ease", "advice"] == OPEN
    assert rows.loc["customers' recommendation", "claimed"] == "yes" and rows.loc["transfers", "claimed"] == "no"


@pytest.mark.parametrize(
    ("person", "team", "advice", "by_team"),
    [((71, 79), (1, 9), KEEP, KEEP), ((65, 79), (31, 80), TEAM, TEAM), ((65, 79), (20, 50), OPEN, OPEN),
     ((58, 69), (0, 29), DROP, DROP), ((58, 75), (0, 29), OPEN, DROP), (NOT_TOLD, (0, 29), OPEN, DROP),
     ((58, 69), NOT_TOLD, OPEN, OPEN), (NOT_TOLD, NOT_TOLD, OPEN, OPEN)],
)  # fmt: skip
def test_the_whole_interval_has_to_clear_the_mark(person, team, advice, by_team):
    """For nobody: below both marks. Of what could not be told of persons, or may reach theirs, it is not said."""
    row = pd.Series(dict(zip(["person_low", "person_high", "team_low", "team_high"], [*person, *team], strict=True)))
    assert metric_audit._advice(row, 70, 30, True) == advice
    assert metric_audit._advice(row, 70, 30, False) == by_team


def test_sentence_counts_the_advice(found):
    said = audit_sentence(found, target_repeats=70.0)
    assert said.startswith("Of 11 metrics, 1 is fit to measure a person: at least 70%")
    nobody = replace(found, rows=found.rows[found.rows["advice"] != KEEP])
    assert audit_sentence(nobody, target_repeats=70.0).startswith("Of 10 metrics, none is fit to measure a person")
    assert "Initiatives added 11 metrics" in said and "not on record" in said


def test_where_data_lack(sample, required_only, one_wave, team_grain, monkeypatch):
    assert audit_metrics(one_wave, **RULE).startswith("not assessed: whether results come back needs two quarters")
    assert audit_sentence(audit_metrics(one_wave, **RULE), target_repeats=70.0) == ""
    bare = audit_metrics(required_only, **RULE)
    assert bare.rows["claimed"].eq("").all() and bare.added is None
    by_team = audit_metrics(team_grain, **RULE)
    assert by_team.rows["person"].isna().all() and by_team.rows["team"].notna().all()
    assert KEEP not in set(by_team.rows["advice"])
    cells = unit_quarters(sample)
    counts = [c for c in cells if c.startswith("n_")]
    monkeypatch.setattr(metric_audit, "unit_quarters", lambda data: cells.assign(**dict.fromkeys(counts, 0)))
    nobody = said_of_work(sample).head(0)
    monkeypatch.setattr(metric_audit, "said_of_work", lambda data: nobody)
    assert "no metric is known for the same people" in audit_metrics(sample, **RULE)


def test_of_a_few_people_nothing_is_told(sample, found, monkeypatch):
    """Seven who answer, and seven with results enough in two quarters to be told apart."""
    rows = found.rows.set_index("metric")
    said, cells = said_of_work(sample), unit_quarters(sample)
    assert rows.loc[ENGAGEMENT, "n_people"] == said["employee_id"].nunique()
    assert rows.loc["customers' ease", "n_people"] == cells.loc[cells["n_ease"] > 0, "employee_id"].nunique()
    seven = said["employee_id"].drop_duplicates().head(7)
    rated = cells["employee_id"].isin(cells["employee_id"].drop_duplicates().head(7))
    few = cells.assign(n_ease=cells["n_ease"].where(rated, cells["n_ease"].clip(upper=4)))
    monkeypatch.setattr(metric_audit, "said_of_work", lambda data: said[said["employee_id"].isin(seven)])
    monkeypatch.setattr(metric_audit, "unit_quarters", lambda data: few)
    told = audit_metrics(sample, **RULE).rows.set_index("metric")
    assert ENGAGEMENT not in told.index
    assert np.isnan(told.loc["customers' ease", "person"]) and told.loc["customers' ease", "team"] >= 0
