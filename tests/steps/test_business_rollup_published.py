"""Published effects as their sources give them, and the study's own beside them, computed another way."""

import numpy as np
import pandas as pd
import pytest

from exlink.data.employee_quarters import employee_quarters
from exlink.data.published import PUBLISHED, QUOTED, REPRODUCED
from exlink.errors import EstimationError
from exlink.steps import business_rollup as step
from exlink.steps.business_rollup import published, published_words
from tests.stats.reference import r_numbers

REPS = 200


@pytest.fixture(scope="module")
def rolled(sample):
    return step.roll_up(sample, reps=REPS, seed=1)


@pytest.fixture(scope="module")
def found(sample, rolled):
    return published.correlations(sample, rolled, seed=1)


def own(found, topic, level):
    rows = found[(found["topic"] == published.TOPICS[topic]) & (found["level"] == level)]
    return rows[rows["status"] == published.OWN].iloc[0]


# -- what others found -----------------------------------------------------------------------------------


def test_published_values_are_those_of_their_sources():
    told = {(p.short, p.pair): p.estimate for p in PUBLISHED}
    assert told == {
        ("Harter et al. 2002", "customers"): 0.33, ("Harter et al. 2002", "turnover"): -0.30,
        ("Harter et al. 2002", "productivity"): 0.25, ("Harter et al. 2002", "profit"): 0.17,
        ("Otto et al. 2020", "firm's performance"): 0.101, ("Glassdoor 2019", "customers"): 1.3,
        ("Boushey & Glynn 2012", "replacement"): 0.21, ("Bloom et al. 2015", "performance"): 0.232,
    }  # fmt: skip


def test_an_interval_stands_only_where_it_was_reproduced():
    for one in PUBLISHED:
        assert one.status in (QUOTED, REPRODUCED)
        assert np.isfinite(one.low) == (one.status == REPRODUCED)
        assert one.source and one.n and one.level


def test_what_is_said_to_be_reproduced_is():
    """The numbers that tests/stats/test_panel.py finds in the data of the paper."""
    reference = r_numbers("ctrip_wfh", "two-way FE, person-clustered").loc["T"]
    (one,) = [p for p in PUBLISHED if p.status == REPRODUCED]
    assert one.estimate == pytest.approx(reference["estimate"], abs=5e-4)
    assert (one.high - one.low) / (2 * 1.96) == pytest.approx(reference["se"], abs=1e-4)


# -- the study's own -------------------------------------------------------------------------------------


def test_only_correlations_share_the_axis(found):
    assert found["estimate"].between(-1, 1).all()
    quoted = found[found["status"] == QUOTED]
    assert len(quoted) == sum(p.scale == "r" for p in PUBLISHED)
    assert quoted["conf_low"].isna().all()
    assert found[found["status"] == published.OWN]["conf_low"].notna().all()
    assert found["row"].is_unique


def test_teams_correlation_is_that_of_their_means_weighted_by_answers(sample, found):
    rows = sample.query(
        "SELECT i.team_id, count(i.satisfaction) AS n, avg(e.ex_satisfaction) AS x, avg(i.satisfaction) AS y "
        "FROM linked i JOIN exposures e USING (employee_id, wave) WHERE i.satisfaction IS NOT NULL "
        "AND e.ex_satisfaction IS NOT NULL GROUP BY i.team_id ORDER BY i.team_id"
    )
    cov = np.cov(rows["x"], rows["y"], aweights=rows["n"])
    row = own(found, "customers", "teams")
    assert row["estimate"] == pytest.approx(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]), rel=1e-9)
    assert row["n"] == f"{len(rows)} teams"


def test_leaving_is_the_share_of_a_teams_people_a_quarter(sample, found):
    rows = employee_quarters(sample).dropna(subset="ex_satisfaction")
    rows = rows.merge(sample.frame("employees", ["employee_id", "team_id"]), on="employee_id")
    means = rows.groupby("team_id").agg(n=("left", "size"), x=("ex_satisfaction", "mean"), y=("left", "mean"))
    cov = np.cov(means["x"], means["y"], aweights=means["n"])
    assert own(found, "leaving", "teams")["estimate"] == pytest.approx(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))


def test_leaving_stands_between_people_as_well_as_between_teams(sample, found):
    """The two differ in sign in the sample; the odds between people stand on the same page."""
    rows = employee_quarters(sample).dropna(subset="ex_satisfaction")
    means = rows.groupby("employee_id").agg(n=("left", "size"), x=("ex_satisfaction", "mean"), y=("left", "mean"))
    cov = np.cov(means["x"], means["y"], aweights=means["n"])
    people = own(found, "leaving", "employees")
    assert people["estimate"] == pytest.approx(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]))
    told = published_words.published_sentence(found)
    assert f"Between employees here it is {people['estimate']:.2f}" in told


def test_own_rows_of_few_units_are_not_assessed(sample, rolled, monkeypatch):
    monkeypatch.setattr(published, "LEAST_UNITS", 21)  # the sample has 20 teams
    table = published.correlations(sample, rolled, seed=1)
    assert "teams" not in set(table.loc[table["status"] == published.OWN, "level"])
    assert "(20 teams)" in published_words.published_sentence(table)
    assert published.other_scales(sample, rolled)["own"].iloc[0].startswith("not assessed: 20 teams")


def test_fishers_interval():
    """r = .5 of 28 pairs: z = .5493 ± 1.96 / 5, back by tanh: .156 to .736."""
    row = published.fisher(0.5, 28).iloc[0]
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((0.1563, 0.7360), abs=5e-4)
    with pytest.raises(EstimationError, match="at least 4"):
        published.fisher(0.5, 3)


def test_fishers_interval_holds_the_truth_and_zero_where_there_is_nothing():
    rng = np.random.default_rng(1)
    for truth in (0.0, 0.4):
        inside = 0
        for _ in range(400):
            x, e = rng.standard_normal((2, 60))
            y = truth * x + np.sqrt(1 - truth**2) * e
            row = published.fisher(float(np.corrcoef(x, y)[0, 1]), 60).iloc[0]
            inside += row["conf_low"] <= truth <= row["conf_high"]
        assert 0.92 < inside / 400 < 0.98


def test_a_star_is_a_point_of_a_five_point_scale(sample, rolled):
    table = published.other_scales(sample, rolled).set_index("source")
    assert "20 teams" in table["own"].iloc[0]
    assert table["published"].iloc[0] == "1.30 points of 100"
    assert table["published"].iloc[1] == "21% of a yearly salary"
    assert "assumed, not measured: 5" in table["own"].iloc[1]
    assert table["published"].iloc[2].startswith("0.23 standard deviations (0.11 to 0.35)")


# -- words, and less data --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "estimate", "words"),
    [
        (-0.1, 0.5, 0.2, "holds the published value, and zero too: inconclusive"),
        (0.1, 0.5, 0.3, "holds the published value"),
        (0.4, 0.8, 0.6, "leaves out the published value; both are of the same sign"),
        (-0.8, -0.4, -0.6, "leaves out the published value; both are of opposite signs"),
        (-0.3, 0.2, -0.1, "leaves out the published value but holds zero"),
    ],
)
def test_words_never_take_lost_significance_for_absence(found, low, high, estimate, words):
    changed = found.copy()
    mine = (changed["status"] == published.OWN) & (changed["level"] == "teams") & (changed["pair"] == "customers")
    changed.loc[mine, ["conf_low", "conf_high", "estimate"]] = (low, high, estimate)
    told = published_words.published_sentence(changed)
    assert words in told.split("\n")[0]
    assert "need not agree" in told


def test_a_sign_is_compared_only_where_both_have_one(found):
    """−.07 (−.63 to .44) between teams has no sign that the clear one between employees could differ from."""
    changed = found.copy()
    own = (changed["status"] == published.OWN) & (changed["pair"] == "customers")
    coarse, fine = (own & (changed["level"] == level) for level in ("teams", "employees"))
    columns = ["conf_low", "conf_high", "estimate"]
    changed.loc[fine, columns] = (0.1, 0.4, 0.26)
    changed.loc[coarse, columns] = (-0.6, 0.4, -0.07)
    line = published_words.published_sentence(changed).split("\n")[0]
    assert "clear of zero: what holds between teams" in line
    assert "sign" not in line
    changed.loc[coarse, columns] = (-0.6, -0.1, -0.3)
    assert "of the other sign: what holds" in published_words.published_sentence(changed).split("\n")[0]


def test_every_published_row_says_where_it_comes_from(sample, found):
    scales = published.other_scales(sample, step.roll_up(sample, reps=REPS, seed=1))
    notes = published_words.scales_notes(scales)
    assert len(notes) == len(scales)
    for note, row in zip(notes, scales.itertuples(), strict=True):
        assert all(word in note for word in (row.source, str(row.n), row.level, row.status))


def test_less_data_leaves_the_quoted_rows(required_only, one_wave, team_grain):
    for data in (required_only, one_wave, team_grain):
        rolled = step.roll_up(data, reps=REPS, seed=1)
        table = published.correlations(data, rolled, seed=1)
        assert (table["status"] == QUOTED).sum() == 5
        assert not (table["pair"] == "revenue").any()
        assert len(published.other_scales(data, rolled)) == 3
        assert published_words.published_sentence(table)
    assert set(table.loc[table["status"] == published.OWN, "level"]) <= {"teams", "the same teams over time"}
    bare = table[table["status"] == QUOTED]
    assert "Nothing of this study" in published_words.published_sentence(pd.DataFrame(bare))
