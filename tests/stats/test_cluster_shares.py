"""Shares from sums over clusters: the same as from the clusters, and as a regression with clustered errors."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.cluster_shares import against_rest, cluster_shares
from exlink.stats.proportions import group_shares
from tests.stats.reference import EXACT


def rows(seed=3, clusters=80, lift=0.0):
    """Return one row per contact: cluster, group, success; clusters differ, and group b succeeds more by ``lift``."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.1, 0.5, clusters)
    at = np.repeat(np.arange(clusters), rng.integers(1, 9, clusters))
    group = rng.choice(list("abc"), len(at))
    return pd.DataFrame(
        {"c": at, "g": group, "y": (rng.random(len(at)) < level[at] + lift * (group == "b")).astype(int)}
    )


def moments(frame):
    own = frame.groupby(["g", "c"])["y"].agg(s="sum", m="size").reset_index()
    own = own.join(own.groupby("c")[["s", "m"]].sum().add_prefix("t"), on="c")
    pairs = {"ss": ("s", "s"), "sm": ("s", "m"), "mm": ("m", "m"), "s_ts": ("s", "ts"), "s_tm": ("s", "tm"),
             "m_ts": ("m", "ts"), "m_tm": ("m", "tm")}  # fmt: skip
    for name, (a, b) in pairs.items():
        own[name] = own[a] * own[b]
    out = own.groupby("g")[["s", "m", *pairs]].sum().assign(clusters=own.groupby("g").size())
    total = own.groupby("c")[["s", "m"]].sum()
    return out.assign(
        ts=total["s"].sum(), tm=total["m"].sum(), ts_ts=(total["s"] ** 2).sum(), t_clusters=len(total),
        ts_tm=(total["s"] * total["m"]).sum(), tm_tm=(total["m"] ** 2).sum(),
    ).astype(float)  # fmt: skip


def test_same_as_from_the_clusters_themselves():
    frame = rows()
    cells = frame.groupby(["g", "c"])["y"].agg(s="sum", m="size").reset_index()
    ours, theirs = cluster_shares(moments(frame)), group_shares(cells, "s", "m", "g", cluster="c")
    for column in ("estimate", "std_error", "conf_low", "conf_high", "n", "n_clusters"):
        assert list(ours[column]) == pytest.approx(list(theirs[column]), rel=EXACT)


def test_difference_from_the_rest_is_a_regression_with_clustered_errors():
    """y ~ in group, errors clustered: the classic sandwich, times G / (G − 1) as everywhere here."""
    import statsmodels.formula.api as smf

    frame = rows(5, lift=0.1)
    ours = against_rest(moments(frame))
    for group in "abc":
        frame["x"] = (frame["g"] == group).astype(float)
        fit = smf.ols("y ~ x", frame).fit(cov_type="cluster", cov_kwds={"groups": frame["c"], "use_correction": False})
        g = frame["c"].nunique()
        assert ours.loc[group, "estimate"] == pytest.approx(fit.params["x"], rel=1e-9)
        assert ours.loc[group, "std_error"] == pytest.approx(fit.bse["x"] * np.sqrt(g / (g - 1)), rel=1e-9)
    assert (ours["p_adjusted"] >= ours["p_value"]).all()


def test_without_a_difference_few_are_found():
    """100 studies with three equal groups: 5 % nominal, so at most 25 of 300 comparisons (99.9 % point, correlated)."""
    found = sum((against_rest(moments(rows(seed)))["p_value"] < 0.05).sum() for seed in range(100))
    assert 3 <= found <= 25


def test_edges():
    frame = rows().assign(y=0)
    shares = cluster_shares(moments(frame))
    assert (shares["estimate"] == 0).all()
    assert (shares["conf_low"] == 0).all()
    assert (shares["conf_high"] > 0).all(), "none of n is not certainty"
    alone = rows().assign(g="a")
    assert against_rest(moments(alone))["estimate"].isna().all(), "one group has no rest"
    with pytest.raises(EstimationError, match="more successes than rows"):
        cluster_shares(moments(rows()).assign(s=1e6))
    with pytest.raises(EstimationError, match="column clusters"):
        cluster_shares(moments(rows()).drop(columns="clusters"))
