"""truth.json is true: simple estimators, written out here, find in the data what it says was planted.

Within-person effects: two-way demeaning by employee and wave, standard errors clustered by employee. As a
reported score is constant within employee and wave, cell sums carry all that the estimator needs.
"""

import json

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from exlink.data.simulate import expectation, simulate_study
from exlink.data.simulate.design import ASPECT_NAMES, INITIATIVES, KPIS, Contact

SEEDS = (11, 12, 13)
ASPECTS = sorted(ASPECT_NAMES)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(f"seed{seed}") for seed in SEEDS]
    for folder, seed in zip(folders, SEEDS, strict=True):
        simulate_study(folder, seed=seed)
    return [Simulated(folder) for folder in folders]


class Simulated:
    """One study, its reports linked to what followed them."""

    def __init__(self, folder):
        self.folder = folder
        self.truth = json.loads((folder / "truth.json").read_text())
        self.effects = pd.DataFrame(self.truth["effects"]).set_index(["aspect", "kpi"])
        self.reports = self.sql(
            "PIVOT (SELECT employee_id, responded_on, wave, aspect, score FROM ex_responses WHERE kpi = 'driver')"
            " ON aspect USING avg(score) ORDER BY employee_id, responded_on"
        )
        overall = self.sql("SELECT employee_id, wave, avg(score) AS overall FROM ex_responses"
                           " WHERE kpi = 'satisfaction' GROUP BY ALL")  # fmt: skip
        self.reports = self.reports.merge(overall, on=["employee_id", "wave"])
        self.reports["acts"] = self.reports["responded_on"] + pd.Timedelta(days=14)
        following = self.reports.groupby("employee_id")["acts"].shift(-1)
        self.reports["ends"] = (self.reports["acts"] + pd.Timedelta(days=91)).where(
            ~(following < self.reports["acts"] + pd.Timedelta(days=91)), following
        )
        self.cells = self.contacts_after("acts", "ends")

    def sql(self, query):
        connection = duckdb.connect()
        for table in ("ex_responses", "desktop_activity"):
            connection.execute(f"CREATE VIEW {table} AS FROM '{self.folder}/{table}.parquet'")
        for table in ("interactions", "cx_responses", "customer_relationship", "customer_value"):
            connection.execute(f"CREATE VIEW {table} AS FROM '{self.folder}/{table}/*.parquet'")
        for table in ("employees", "voc_feedback", "initiatives", "ex_invitations"):
            connection.execute(f"CREATE VIEW {table} AS FROM '{self.folder}/{table}.csv'")
        if hasattr(self, "reports"):
            connection.register("reports", self.reports)
        return connection.execute(query).df()

    def contacts_after(self, begins, ends):
        """One row per report: the aspects, and count and mean of every KPI of the contacts linked to it."""
        sums = ", ".join(f"count({k}) AS n_{k}, avg({k}) AS {k}" for k in KPIS)
        return self.sql(
            f"SELECT r.*, {sums} FROM reports r JOIN interactions i ON i.employee_id = r.employee_id"
            f" AND i.started_at >= r.{begins} AND i.started_at < r.{ends} JOIN cx_responses USING (interaction_id)"
            " GROUP BY ALL ORDER BY employee_id, wave"
        )


def two_way(frame, columns, weight):
    """Weighted residuals of ``columns`` after employee and wave means."""
    values, w = frame[columns].to_numpy(float, copy=True), weight.to_numpy(float)
    codes = [pd.factorize(frame[group])[0] for group in ("employee_id", "wave")]
    for _ in range(15):
        for code in codes:
            total = np.bincount(code, w)
            for j in range(values.shape[1]):
                values[:, j] -= (np.bincount(code, w * values[:, j]) / total)[code]
    return values


def clustered(y, x, w, cluster):
    """Weighted least squares with standard errors clustered by ``cluster``."""
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    slope = bread @ x.T @ (y * w)
    score = pd.DataFrame(x * (w * (y - x @ slope))[:, None]).groupby(cluster).sum().to_numpy()
    return slope, np.sqrt(np.diag(bread @ score.T @ score @ bread))


def within(cells, kpi, *models):
    """Slopes and standard errors of ``kpi`` on each model's aspects, within employees and waves."""
    cells = cells[cells[f"n_{kpi}"] > 0].reset_index(drop=True)
    weight = cells[f"n_{kpi}"]
    values = pd.DataFrame(two_way(cells, [*ASPECTS, kpi], weight), columns=[*ASPECTS, kpi])
    cluster = pd.factorize(cells["employee_id"])[0]
    return [clustered(values[kpi].to_numpy(), values[list(aspects)].to_numpy(), weight.to_numpy(float), cluster)
            for aspects in models]  # fmt: skip


@pytest.fixture(scope="module")
def estimates(studies):
    rows = []
    for study in studies:
        for kpi in KPIS:
            joint, *alone = within(study.cells, kpi, ASPECTS, *([aspect] for aspect in ASPECTS))
            for j, aspect in enumerate(ASPECTS):
                planted = study.effects.loc[(aspect, kpi), ["kind", "acts", "joint", "marginal"]]
                found = {"slope": joint[0][j], "se": joint[1][j], "alone": alone[j][0][0], "alone_se": alone[j][1][0]}
                rows.append({"aspect": aspect, "kpi": kpi, **planted, **found})
    return pd.DataFrame(rows)


def test_joint_effects_lie_in_their_intervals_as_often_as_promised(estimates):
    inside = (estimates["slope"] - estimates["joint"]).abs() < 1.96 * estimates["se"]
    assert inside.mean() > 0.87  # 81 intervals at 95 %
    assert ((estimates["slope"] - estimates["joint"]).abs() < 4 * estimates["se"]).all()


def test_single_aspect_effects_lie_in_their_intervals_as_often_as_promised(estimates):
    inside = (estimates["alone"] - estimates["marginal"]).abs() < 1.96 * estimates["alone_se"]
    assert inside.mean() > 0.87


def test_estimates_are_unbiased_over_seeds(estimates):
    pooled = estimates.groupby(["aspect", "kpi"]).agg(gap=("slope", "mean"), joint=("joint", "mean"), se=("se", "mean"))
    z = (pooled["gap"] - pooled["joint"]) / (pooled["se"] / np.sqrt(len(SEEDS)))
    assert z.abs().max() < 4
    assert abs(z.mean()) < 0.8


def test_effects_that_act_are_found_in_every_study(estimates):
    acting = estimates[estimates["acts"].astype(bool)]
    assert set(acting["aspect"]) == {"tools", "knowledge", "empowerment", "collaboration", "creativity"}
    assert (acting["slope"] > 1.96 * acting["se"]).all()


def test_confounded_and_null_aspects_have_no_effect_within_persons(estimates):
    idle = estimates[estimates["kind"] != "within"]
    assert (idle["joint"] == 0).all()
    assert ((idle["slope"] / idle["se"]).abs() > 1.96).mean() < 0.17  # expected 5 % of 36


def test_confounded_aspects_are_clearly_associated_between_persons(studies):
    for study in studies:
        means = study.cells.groupby("employee_id")[[*ASPECTS, *KPIS]].mean()
        for aspect in ("recognition", "coaching"):
            x = means[aspect] - means[aspect].mean()
            y = means["satisfaction"] - means["satisfaction"].mean()
            slope = (x * y).sum() / (x**2).sum()
            se = np.sqrt((x**2 * (y - slope * x) ** 2).sum()) / (x**2).sum()
            assert slope > 2.5 * se
            assert abs(slope - study.effects.loc[(aspect, "satisfaction"), "between"]) < 3 * se


def test_a_report_does_not_act_before_its_lag(studies):
    """In the fortnight after an answer the state before still acts: what is left is its autocorrelation."""
    early = []
    for study in studies:
        cells = study.contacts_after("responded_on", "acts")
        early.append(within(cells, "satisfaction", ["tools"])[0][0][0])
    assert abs(np.mean(early)) < 0.06  # 0.15 once it acts


def test_linked_contacts_are_counted_as_the_contract_links_them(studies):
    for study in studies:
        linked = study.sql("SELECT count(*) AS n FROM reports r JOIN interactions i ON i.employee_id = r.employee_id"
                           " AND i.started_at >= r.acts AND i.started_at < r.ends")["n"][0]  # fmt: skip
        assert linked == study.truth["sizes"]["linked_interactions"]


def test_revenue_follows_overall_satisfaction_within_customers(studies):
    z = []
    for study in studies:
        rows = study.sql(
            "SELECT v.customer_id AS employee_id, v.period AS wave, ln(revenue) AS y, satisfaction AS x, churned"
            " FROM customer_value v JOIN customer_relationship r ON r.customer_id = v.customer_id AND v.period ="
            " year(responded_on + INTERVAL 3 MONTH) || 'Q' || quarter(responded_on + INTERVAL 3 MONTH) ORDER BY ALL"
        )
        values = two_way(rows, ["x", "y"], pd.Series(1.0, rows.index))
        slope, se = clustered(values[:, 1], values[:, :1], np.ones(len(rows)), pd.factorize(rows["employee_id"])[0])
        z.append((slope[0] - study.truth["revenue"]["log_points_per_point"]) / se[0])
        assert slope[0] > 5 * se[0]
    assert np.abs(z).max() < 3.5


def test_engagement_falls_and_customers_are_happier_in_the_diverging_teams(studies):
    for study in studies:
        team = study.sql("SELECT employee_id, team_id FROM employees")
        cells = study.cells.merge(team, on="employee_id")
        cells["quarter"] = cells["wave"].map({w: k for k, w in enumerate(study.truth["waves"])})
        diverging = cells["team_id"].isin(study.truth["diverging_teams"]["teams"])
        trend = {there: [np.polyfit(rows["quarter"], rows[y], 1, w=np.sqrt(rows["n_satisfaction"]))[0]
                         for y in ("overall", "satisfaction")]
                 for there, rows in cells[cells["n_satisfaction"] > 0].groupby(diverging)}  # fmt: skip
        assert trend[True][0] < -0.05 < trend[False][0]
        assert trend[True][1] > 0.02 > trend[False][1]


def test_the_initiative_that_worked_is_perceived_and_the_other_is_not(studies):
    change = {"N-01": [], "N-02": []}
    for study in studies:
        rows = study.reports.merge(study.sql("SELECT employee_id, team_id FROM employees"), on="employee_id")
        for start in study.sql("SELECT * FROM initiatives WHERE initiative_id IN ('N-01', 'N-02')").itertuples():
            there, after = rows["team_id"] == start.team_id, rows["responded_on"] > start.started_on
            mean = rows[start.aspect].groupby([there, after]).mean()
            gain = (mean[True, True] - mean[True, False]) - (mean[False, True] - mean[False, False])
            change[start.initiative_id].append(gain)
    assert abs(np.mean(change["N-01"]) - INITIATIVES[0].effect) < 0.2
    assert abs(np.mean(change["N-02"])) < 0.2


def test_recurring_themes_come_every_quarter_and_are_never_acted_on(studies):
    for study in studies:
        rows = study.sql("SELECT theme, quarter(received_on) + 4 * year(received_on) AS q, acted_on FROM voc_feedback")
        for theme in study.truth["themes"]["recurring"]:
            assert rows.loc[rows["theme"] == theme, "q"].nunique() == study.truth["sizes"]["waves"]
            assert rows.loc[rows["theme"] == theme, "acted_on"].isna().all()


def test_the_touchpoint_without_survey_is_met_but_never_asked_about(studies):
    for study in studies:
        (gap,) = study.truth["gaps"]["touchpoints_without_survey"]
        assert study.sql(f"SELECT count(*) AS n FROM ex_invitations WHERE touchpoint = '{gap}'")["n"][0] > 0
        assert study.sql(f"SELECT count(*) AS n FROM ex_responses WHERE touchpoint = '{gap}'")["n"][0] == 0


def test_variance_components_add_up_and_match_the_spread_of_scores(studies):
    for study in studies:
        parts = pd.DataFrame(study.truth["variance_components"])
        parts = parts[parts["component"] != "employee_net_of_ex"].groupby("kpi")[["observed", "observed_share"]].sum()
        seen = study.sql("SELECT " + ", ".join(f"var_pop({k}) AS {k}" for k in KPIS) + " FROM cx_responses").T[0]
        assert np.allclose(parts["observed_share"], 1, atol=1e-4)
        assert np.allclose(parts["observed"], seen[parts.index], rtol=0.06)


def test_expected_scores_are_those_of_a_long_draw():
    """The closed form against two million draws of the process itself, with and without non-response."""
    plan, rng, n = Contact(), np.random.default_rng(3), 2_000_000
    index, p = np.array([[3.9, 7.4, 4.2]]), np.array([0.7])
    mood, resolved = rng.standard_normal(n), rng.random(n) < p
    scores = []
    for k, kpi in enumerate(KPIS):
        latent = index[0, k] + plan.resolved[k] * (resolved - p) + plan.mood[k] * mood
        low, high = (1, 5) if kpi != "recommend" else (0, 10)
        scores.append(np.clip(np.rint(latent + plan.noise[k] * rng.standard_normal(n)), low, high))
    answers = rng.random(n) < np.array(plan.answered)[scores[2].astype(int) - 1]
    everybody, _ = expectation.contact_score(index, p, answering=False)
    answering, chance = expectation.contact_score(index, p, answering=True)
    assert np.allclose(everybody[0], [s.mean() for s in scores], atol=0.006)
    assert np.allclose(answering[0], [s[answers].mean() for s in scores], atol=0.009)
    assert chance[0] == pytest.approx(answers.mean(), abs=0.002)


def test_a_slope_without_rounding_limits_is_the_latent_slope_times_the_share_that_can_move():
    """Far from both ends a latent point is a point; at the upper end half of the contacts cannot rise."""
    middle = expectation.expected(np.array([2.99, 3.01]), "satisfaction", 0.5)
    top = expectation.expected(np.array([4.49, 4.51]), "satisfaction", 0.2)
    assert np.diff(middle)[0] / 0.02 == pytest.approx(1.0, abs=0.03)
    assert np.diff(top)[0] / 0.02 == pytest.approx(norm.pdf(0) / 0.2, rel=0.01)
