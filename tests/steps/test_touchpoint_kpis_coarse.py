"""02: what is published about employees at one touchpoint leaves every answer of a few people open."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.answers import ex_answer_cells
from exlink.data.coarse import rare_answers
from exlink.publish.disclosure import Policy, release
from exlink.stats.intervals import mean_from_sums
from exlink.steps.journey_mapping import lifecycle
from exlink.steps.touchpoint_kpis import scores, trend
from tests.data.test_coarse import compositions, seen_of_means, seen_of_nets

COLUMNS = ["estimate", "conf_low", "conf_high"]


@pytest.fixture(scope="module")
def published(sample):
    """Return the KPIs as notebook 02 releases them."""
    found = scores.kpi_table(sample)
    by = ["side", "kpi", "concept", "unit", "touchpoint"]
    out = release(found, policy=Policy(8), people="n_units", by=by, over=["touchpoint"], sides=["n_yes", "n_no"],
                  reason="KPIs and sides repeat the same people")  # fmt: skip
    return out.frame.set_index(["kpi", "touchpoint"])


def answered_once(published, kpi):
    """Return the released rows of one KPI at single touchpoints to which everybody gave one answer."""
    rows = published.loc[kpi].dropna(subset=["n"])
    return rows[(rows["n"] == rows["n_units"]) & (rows.index != "all")]


def test_released_net_scores_leave_three_guesses(sample, published):
    rows = answered_once(published, "eNPS")
    assert len(rows) >= 1, "else nothing is tested"
    said = ex_answer_cells(sample)
    for touchpoint, row in rows.iterrows():
        answers = compositions(int(row["n"]), 3)
        seen = seen_of_nets(answers, 8)
        fits = answers[np.isclose(seen[COLUMNS], row[COLUMNS].to_numpy(dtype=float), atol=1e-6).all(axis=1)]
        own = said[(said["kpi"] == "recommend") & (said["touchpoint"] == touchpoint)]
        truth = (
            own["promoters"].sum(),
            (own["n_score"] - own["promoters"] - own["detractors"]).sum(),
            own["detractors"].sum(),
        )
        assert (fits == truth).all(axis=1).any()
        for j, count in enumerate(truth):
            assert not 0 < count < 8 or len(set(fits[:, j])) >= 3


def test_released_means_and_shares_leave_three_guesses(sample, published):
    """Notebook 01 publishes the mean in per cent of the scale, on the same steps as 02: both are one piece of news."""
    means, shares = answered_once(published, "Employee satisfaction"), published.loc["ESAT"]
    small = means[means["n"] <= 45]  # all answers of more people take too long to count
    assert len(small) >= 1, "else nothing is tested"
    in_01 = lifecycle.kpis(sample).set_index(["touchpoint", "kpi"])
    for touchpoint, row in small.iterrows():
        answers = compositions(int(row["n"]), 5)
        seen = seen_of_means(answers, 8)
        alike = np.isclose(seen[COLUMNS], row[COLUMNS].to_numpy(dtype=float), atol=1e-6).all(axis=1)
        share = shares.loc[touchpoint, "estimate"]
        if not np.isnan(share):
            alike &= np.isclose((answers[:, 3] + answers[:, 4]) / row["n"] * 100, share)
        said = sample.query(
            f"SELECT score, count(*) AS n FROM ex_responses WHERE kpi = 'satisfaction' AND touchpoint = '{touchpoint}' "
            "GROUP BY score ORDER BY score").set_index("score")["n"].reindex(range(1, 6), fill_value=0)  # fmt: skip
        fits = answers[alike]
        assert (fits == said.to_numpy()).all(axis=1).any()
        for j, count in enumerate(said):
            assert not 0 < count < 8 or len(set(fits[:, j])) >= 3
        assert in_01.loc[(touchpoint, "satisfaction"), "estimate"] == pytest.approx((row["estimate"] - 1) * 25)
        assert in_01.loc[(touchpoint, "satisfaction"), "conf_low"] == pytest.approx((row["conf_low"] - 1) * 25)


def test_what_many_people_answer_keeps_its_precision(sample, published):
    """The step of a mean over all touchpoints is a thousandth of the scale, and its net score is the exact one."""
    said = sample.query("SELECT avg(score) AS m FROM ex_responses WHERE kpi = 'satisfaction' ORDER BY m")["m"].iloc[0]
    assert published.loc[("Employee satisfaction", "all"), "estimate"] == pytest.approx(said, abs=0.002 + 1e-9)
    assert not rare_answers(sample, ()).set_index("kpi").loc["recommend", "net"]


def test_points_of_the_control_chart_lie_on_steps_where_answers_are_rare(sample):
    frame = trend.employees(sample)
    rare = rare_answers(sample, ["touchpoint", "quarter"])
    rare = rare[rare["touchpoint"] == "everyday work"].set_index(["kpi", "quarter"])["mean"]
    raw = sample.query("""
        SELECT kpi, year(responded_on) || 'Q' || quarter(responded_on) AS quarter, count(*) AS n,
               sum((score - scale_min) / (scale_max - scale_min)) * 100 AS total, 0.0 AS squares
        FROM ex_responses WHERE touchpoint = 'everyday work' AND kpi <> 'driver' GROUP BY ALL ORDER BY ALL""")
    exact = raw.set_index(["kpi", "quarter"])
    assert rare.any()
    for row in frame.itertuples():
        own = exact.loc[(row.panel, row.when)]
        value = mean_from_sums(own["n"], own["total"], own["squares"])["estimate"].iloc[0]
        far = 1.0 / 2 if rare.loc[(row.panel, row.when)] else 0
        assert abs(row.value - value) <= far + 1e-9
        assert row.lower < row.centre < row.upper


def test_rare_answers_are_those_of_few_people(sample):
    rare = rare_answers(sample).set_index(["kpi", "touchpoint"])
    said = sample.query(
        "SELECT kpi, touchpoint, score, employee_id FROM ex_responses WHERE kpi <> 'driver' ORDER BY ALL"
    )
    minimum = sample.study.privacy.min_group
    for (kpi, touchpoint), part in said.groupby(["kpi", "touchpoint"]):
        by_score = part.groupby("score")["employee_id"].nunique()
        width = {"ease": 5, "satisfaction": 5, "recommend": 11}[kpi]
        assert rare.loc[(kpi, touchpoint), "mean"] == ((by_score >= minimum).sum() < width)
        if kpi == "recommend":
            kind = pd.cut(part["score"], [-1, 6, 8, 10]).astype(str)
            enough = part.groupby(kind)["employee_id"].nunique() >= minimum
            assert rare.loc[(kpi, touchpoint), "net"] == (enough.sum() < 3)
    assert len(rare) == said.groupby(["kpi", "touchpoint"]).ngroups
    assert rare["mean"].any()
    assert len(rare_answers(sample, ())) == said["kpi"].nunique()
    assert set(rare_answers(sample, ["touchpoint", "quarter"]).columns) == {
        "kpi",
        "touchpoint",
        "quarter",
        "mean",
        "net",
    }


def test_averages_are_no_single_answers(team_grain):
    assert rare_answers(team_grain).empty
