"""Changes that groups adopt at different dates: R, pyfixest, closed forms, known truth, a published trial."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from exlink.errors import EstimationError
from exlink.stats.adoption import adoption_effect, adoption_profile
from exlink.stats.adoption_rows import adoption_rows, row_weights, usable_rows
from exlink.stats.adoption_spread import Spread
from exlink.stats.panel import panel_two_way
from tests.reference.adoption_panel import adoption_panel
from tests.stats.reference import EXACT, real

FOLDER = Path(__file__).parents[1] / "reference"
COLUMNS = ("y", "unit", "group", "time", "since")
WRITTEN = 1e-7  # the panels R has read are written with eight digits


@pytest.fixture(scope="module")
def theirs():
    return pd.read_csv(FOLDER / "adoption_r.csv").set_index("case")


def test_staggered_panel_is_imputed_as_in_r(theirs):
    found = adoption_effect(pd.read_csv(FOLDER / "adoption_panel.csv"), *COLUMNS)
    assert found.effect["estimate"].iloc[0] == pytest.approx(theirs.loc["imputed", "estimate"], rel=EXACT)
    assert found.effect[["n_groups", "n_others"]].iloc[0].tolist() == [4, 8]


def test_one_date_is_a_t_test_of_the_groups_changes(theirs):
    """Donald & Lang's (2007) two steps, by R's t.test; group-time averages of Callaway & Sant'Anna by R's means."""
    panel = pd.read_csv(FOLDER / "adoption_balanced.csv")
    row, r = adoption_effect(panel, *COLUMNS).effect.iloc[0], theirs.loc["balanced"]
    assert row["estimate"] == pytest.approx(r["estimate"], rel=EXACT)
    assert row["std_error"] == pytest.approx(r["se"], rel=EXACT)
    assert row["df"] == pytest.approx(r["df"], rel=EXACT)
    low, high = stats.t.interval(0.95, r["df"], r["estimate"], r["se"])
    assert [row["conf_low"], row["conf_high"]] == pytest.approx([low, high], rel=EXACT)
    profile = adoption_profile(panel, *COLUMNS)[0].set_index("since")
    for since in range(4):
        assert profile.loc[since, "estimate"] == pytest.approx(theirs.loc[f"since {since}", "estimate"], rel=EXACT)
    assert profile.loc[-4:-1, "estimate"].sum() == pytest.approx(0, abs=1e-9)


def test_agrees_with_two_stage_differences_of_pyfixest():
    import pyfixest

    panel = usable_rows(adoption_rows(adoption_panel(3, gone=0.02), *COLUMNS, None), "y")
    rows = pd.DataFrame({"y": panel.y, "unit": panel.unit, "time": panel.time, "group": panel.group,
                         "treated": (panel.since >= 0).astype(float)})  # fmt: skip
    fit = pyfixest.did2s(
        rows, yname="y", first_stage="~0|unit+time", second_stage="~treated", treatment="treated", cluster="group"
    )
    ours = adoption_effect(adoption_panel(3, gone=0.02), *COLUMNS).effect["estimate"].iloc[0]
    assert ours == pytest.approx(float(fit.coef().iloc[0]), abs=1e-4)  # its sparse solver stops there


def test_naive_two_way_effects_mislead_and_this_does_not():
    """Every group adopts, early or late, and effects grow: late ones are compared with what is still growing."""
    starts = dict.fromkeys(range(4), 2) | dict.fromkeys(range(4, 8), 5)
    bias, naive = [], []
    for seed in range(12):
        panel = adoption_panel(seed, starts=starts, sizes=dict.fromkeys(range(8), 1.0), gone=0.0, shock=0.05)
        panel = panel[panel["group"] < 11]
        treated = (panel["since"] >= 0).astype(float)
        truth = panel.loc[panel["since"] >= 0, "effect"].mean()
        slope = panel_two_way(panel.assign(treated=treated), "y", "treated", "unit", "time").table["estimate"].iloc[0]
        naive.append(slope - truth)
        bias.append(adoption_effect(panel, *COLUMNS).effect["estimate"].iloc[0] - truth)
    error = np.std(bias, ddof=1) / np.sqrt(len(bias))
    assert abs(np.mean(bias)) < 3 * error
    assert np.mean(naive) < -0.15 and abs(np.mean(naive)) > 4 * abs(np.mean(bias))


@pytest.mark.parametrize("adopters", [2, 3])
def test_nothing_is_seen_where_nothing_was_done(adopters):
    """Two or three of 16 groups, chance of their own in every wave: false alarms near 5 %, permuted p values too."""
    starts = {k: 3 + k % 2 for k in range(adopters)}
    world = {"groups": 16, "people": 8, "starts": starts, "sizes": {}, "gone": 0.3}
    found = [adoption_effect(adoption_panel(500 + seed, **world), *COLUMNS) for seed in range(80)]
    effects = pd.concat([f.effect for f in found])
    assert (effects["p_value"] < 0.05).mean() <= 0.11  # the 99 % limit of 80 tries at 5 % is 12.5 %
    assert np.mean([f.p_permuted < 0.05 for f in found]) <= 0.11
    # the error told is the error made
    assert effects["std_error"].mean() == pytest.approx(effects["estimate"].std(), rel=0.2)


def test_intervals_hold_a_planted_change():
    planted = dict.fromkeys(range(3), 0.6)
    held = []
    for seed in range(60):
        panel = adoption_panel(900 + seed, groups=16, people=8, starts={0: 3, 1: 3, 2: 5}, sizes=planted, gone=0.3)
        row = adoption_effect(panel, *COLUMNS).effect.iloc[0]
        truth = panel.loc[panel["since"] >= 0, "effect"].mean()
        held.append(row["conf_low"] <= truth <= row["conf_high"])
    assert np.mean(held) >= 0.88


def test_clusters_of_two_adopters_would_be_far_too_sure():
    """Why errors are not those of a sandwich: over 60 panels without effect it calls three times too many."""
    alarms = []
    for seed in range(60):
        panel = adoption_panel(700 + seed, groups=16, starts={0: 4, 1: 4}, sizes={}, gone=0.0, shock=0.4)
        found = adoption_effect(panel, *COLUMNS)
        sandwich = np.sqrt((found.parts**2).sum() * 16 / 15)
        alarms.append(abs(found.effect["estimate"].iloc[0]) > 1.96 * sandwich)
    assert np.mean(alarms) > 0.15


def test_smallest_permuted_p_is_one_in_all_choices():
    panel = adoption_panel(1, groups=20, starts={0: 4, 1: 4}, sizes={0: 6.0, 1: 6.0}, gone=0.0)
    found = adoption_effect(panel, *COLUMNS)
    assert found.assignments == 190 and found.p_permuted == pytest.approx(1 / 190)


def test_a_trend_before_is_told():
    panel = adoption_panel(4, groups=16, starts=dict.fromkeys(range(3), 5), sizes={}, gone=0.0, shock=0.05)
    panel["y"] += np.where(panel["since"].notna(), 0.3 * panel["time"], 0.0)
    profile, trend = adoption_profile(panel, *COLUMNS)
    row = trend.iloc[0]
    assert row["conf_low"] < 0.3 < row["conf_high"] and row["p_value"] < 0.01
    slope = np.polyfit(profile["since"], profile["estimate"], 1)[0]
    assert slope == pytest.approx(0.3, abs=0.08)
    flat = adoption_profile(adoption_panel(4, groups=16, starts=dict.fromkeys(range(3), 1), sizes={}), *COLUMNS)[1]
    assert np.isnan(flat["estimate"].iloc[0])  # one period before has no trend


def test_order_and_names_of_rows_change_nothing():
    panel = adoption_panel(6)
    plain = adoption_effect(panel, *COLUMNS)
    other = panel.sample(frac=1, random_state=1).assign(group=lambda f: "G" + (99 - f["group"]).astype(str))
    again = adoption_effect(other, *COLUMNS)
    pd.testing.assert_frame_equal(plain.effect, again.effect, rtol=1e-9)
    assert plain.p_permuted == again.p_permuted
    scaled = adoption_effect(panel.assign(y=7 - 3 * panel["y"]), *COLUMNS).effect.iloc[0]
    assert scaled["estimate"] == pytest.approx(-3 * plain.effect["estimate"].iloc[0])
    assert scaled["std_error"] == pytest.approx(3 * plain.effect["std_error"].iloc[0])


def test_weights_count_as_rows():
    """A row of weight 3 is three rows of one period: the same estimate, by least squares written out."""
    panel = adoption_panel(8, people=3)
    panel["w"] = 1 + (np.arange(len(panel)) % 3)
    ours = adoption_effect(panel, *COLUMNS, weight="w").effect["estimate"].iloc[0]
    used = usable_rows(adoption_rows(panel, *COLUMNS, "w"), "y")
    free = ~(used.since >= 0)
    dummies = np.hstack([np.eye(used.unit.max() + 1)[used.unit], np.eye(used.time.max() + 1)[used.time]])
    root = np.sqrt(used.weight[free])[:, None]
    coef = np.linalg.lstsq(dummies[free] * root, used.y[free] * root[:, 0], rcond=None)[0]
    beyond = used.y - dummies @ coef
    assert ours == pytest.approx(np.average(beyond[~free], weights=used.weight[~free]), rel=1e-8)


def test_weights_of_rows_take_unit_and_period_effects_out():
    used = usable_rows(adoption_rows(adoption_panel(9), *COLUMNS, None), "y")
    after = used.since >= 0
    v = row_weights(used, after / after.sum(), ~after)
    assert np.abs(np.bincount(used.unit, v)).max() < 1e-10
    assert np.abs(np.bincount(used.time, v)).max() < 1e-10


def test_what_cannot_be_compared_is_refused():
    panel = adoption_panel(2, gone=0.0)
    with pytest.raises(EstimationError, match="no unit of an adopting group was observed before and after"):
        adoption_effect(panel[panel["group"].isin([0, 1, 10, 11])], *COLUMNS)
    with pytest.raises(EstimationError, match="before and after"):
        adoption_effect(panel[~(panel["since"] < 0)], *COLUMNS)
    with pytest.raises(EstimationError, match="before and after"):
        adoption_effect(panel[:0], *COLUMNS)
    # a single row per unit on either side, three groups beside one adopter: an estimate, and no certainty made up
    small = panel[panel["group"].isin([0, 9, 10, 11]) & panel["time"].isin([2, 3])]
    row = adoption_effect(small, *COLUMNS).effect.iloc[0]
    assert row["df"] == pytest.approx(2, abs=1e-6) and row["conf_high"] - row["conf_low"] > 4 * row["std_error"]


def test_working_from_home_trial():
    """Bloom et al. (2015): .2324 (.0621) from 17,806 rows of 249 agents; no trend before, and an effect that lasts.

    Two-way effects weigh weeks by how well they tell treated from other agents; the average over all treated rows is
    .208 (.063), by pyfixest's did2s on the same rows to six digits: 0.4 of an error apart.
    """
    trial = real("ctrip_wfh/experimental_data.csv")
    trial = trial[trial["expgroup"].isin([0, 1]) & (trial["year_week"] != 201049) & trial["perform1"].notna()]
    week = trial["year_week"].rank(method="dense").astype(int)
    since = week - week[trial["year_week"] > 201049].min()
    home = (trial["expgroup"] == 1) & (since >= 0)
    trial = trial.assign(week=week, since=since.where(trial["expgroup"] == 1), home=home.astype(float))
    assert (len(trial), trial["personid"].nunique()) == (17806, 249)
    published = panel_two_way(trial, "perform1", "home", "personid", "week").table.iloc[0]
    found = adoption_effect(trial, "perform1", "personid", "personid", "week", "since")
    row = found.effect.iloc[0]
    assert published["estimate"] == pytest.approx(0.2324, abs=5e-5)
    assert row["estimate"] == pytest.approx(0.208209, abs=5e-6)  # did2s
    assert row["std_error"] == pytest.approx(0.0634, abs=0.001)  # did2s, clustered by agent
    assert abs(row["estimate"] - published["estimate"]) < 0.5 * published["std_error"]
    assert row["conf_low"] > 0 and found.p_permuted < 0.005
    quarter = trial.assign(quarter=since // 13, since=trial["since"] // 13)
    profile, trend = adoption_profile(quarter, "perform1", "personid", "personid", "quarter", "since")
    assert trend["conf_low"].iloc[0] < 0 < trend["conf_high"].iloc[0]
    assert (profile.loc[profile["since"] >= 0, "estimate"] > 0.1).all()
    assert profile.loc[profile["since"] < 0, "estimate"].abs().max() < 0.1


def _of_sizes(seed, sizes, *, shock):
    """Groups of these many people, of which the first three adopt and nothing comes of it."""
    panel = adoption_panel(seed, groups=len(sizes), people=max(sizes), starts={0: 3, 1: 4, 2: 5}, sizes={}, gone=0.3,
                           shock=shock)  # fmt: skip
    return panel[panel["unit"].str[3:].astype(int) < panel["group"].map(dict(enumerate(sizes)))]


@pytest.mark.parametrize(
    ("sizes", "shock"), [([30] * 3 + [6] * 13, 0.25), ([4] * 3 + [24] * 13, 0.1)], ids=["large adopt", "small adopt"]
)
def test_groups_of_other_sizes_make_no_false_alarms(sizes, shock):
    """What a group shares in a period does not average out in large groups, and what is a row's own does."""
    found = [adoption_effect(_of_sizes(seed, sizes, shock=shock), *COLUMNS) for seed in range(80)]
    effects = pd.concat([f.effect for f in found])
    assert (effects["p_value"] < 0.05).mean() <= 0.11
    assert np.mean([f.p_permuted < 0.05 for f in found]) <= 0.11
    assert effects["std_error"].mean() > 0.9 * effects["estimate"].std()  # 80 tries tell it to a twelfth
    assert effects["std_error"].mean() < 1.5 * effects["estimate"].std()


def test_chance_of_rows_is_told_within_groups():
    """Rows have the variance 0.25 whatever their group shares; where one row is a whole group it cannot be told."""
    noise = []
    for seed in range(20):
        panel = usable_rows(adoption_rows(_of_sizes(seed, [12] * 10, shock=0.6), *COLUMNS, None), "y")
        after = panel.since >= 0
        v = row_weights(panel, after / after.sum(), ~after)
        noise.append(Spread(panel)._noise(v))
    assert np.mean(noise) == pytest.approx(0.25, abs=3 * np.std(noise) / np.sqrt(len(noise)))
    assert np.mean(noise) == pytest.approx(0.25, abs=0.06)
    alone = usable_rows(adoption_rows(adoption_panel(1, people=1), *COLUMNS, None), "y")
    assert np.isnan(Spread(alone)._noise(np.ones(len(alone.y))))


def test_rows_of_unequal_weight_get_the_larger_error():
    """One row per group and period: averages of many rows or not, the group's own chance is not smaller for them."""
    panel = adoption_panel(2, groups=14, people=1, starts={0: 4, 1: 4}, sizes={}, gone=0.0)
    heavy = panel.assign(w=np.where(panel["group"] < 2, 50.0, 2.0))
    weighed = adoption_effect(heavy, *COLUMNS, weight="w").effect["std_error"].iloc[0]
    assert weighed > 0.9 * adoption_effect(panel, *COLUMNS).effect["std_error"].iloc[0]
