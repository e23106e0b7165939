"""Cluster-robust errors against the formulas in rows: same numbers from p × p matrices."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

from exlink.stats.lmm import fit_lmm, robust
from tests.stats.lmm.worlds import crossed, grouped, indicator
from tests.stats.reference import r_numbers, real

ALGEBRA = 1e-8


def covariance(fit, zs: dict[str, np.ndarray], rows: int) -> dict[str, np.ndarray]:
    """Return each factor's share of the rows' covariance, and the residual's, from the fitted variances."""
    parts = {"Residual": fit.sigma**2 * np.eye(rows)}
    for group, z in zs.items():
        own = fit.varcorr[fit.varcorr["group"] == group]
        terms = list(dict.fromkeys(own["term1"]))
        psi = np.zeros((len(terms), len(terms)))
        for row in own.itertuples():
            i, j = terms.index(row.term1), terms.index(row.term2)
            psi[i, j] = psi[j, i] = row.value
        parts[group] = z @ np.kron(np.eye(z.shape[1] // len(terms)), psi) @ z.T
    return parts


def test_cr2_equals_bell_and_mccaffrey_in_whitened_rows():
    frame = grouped(1, [1, 2, 5, 30, 12, 9, 17, 3, 8, 21])
    frame["late"] = (frame["g"] > 4).astype(float)
    fit = fit_lmm("y ~ x + late", frame, random={"g": "1 + x"})
    n = len(frame)
    x = np.column_stack([np.ones(n), frame["x"], frame["late"]])
    v = sum(covariance(fit, {"g": indicator(frame["g"], np.ones(n), frame["x"])}, n).values())
    inverse = np.linalg.inv(v)
    m = np.linalg.inv(x.T @ inverse @ x)
    residual = frame["y"].to_numpy() - x @ fit.fixef.to_numpy()
    wanted, weights = np.zeros((3, 3)), []
    white = np.zeros((n, n))
    for g in frame["g"].unique():
        rows = np.flatnonzero(frame["g"] == g)
        white[np.ix_(rows, rows)] = np.real(linalg.inv(linalg.sqrtm(v[np.ix_(rows, rows)])))
    hat = white @ x @ m @ (white @ x).T
    for g in frame["g"].unique():
        rows = np.flatnonzero(frame["g"] == g)
        sizes, axes = np.linalg.eigh(np.eye(len(rows)) - hat[np.ix_(rows, rows)])
        root = axes @ np.diag(np.where(sizes > 1e-9, np.maximum(sizes, 1e-9) ** -0.5, 0)) @ axes.T
        weight = np.zeros((3, n))
        weight[:, rows] = m @ x[rows].T @ white[np.ix_(rows, rows)] @ root
        weights.append(weight)
        influence = weight @ white @ residual
        wanted += np.outer(influence, influence)
    assert fit.robust_kind == "CR2"
    assert fit.robust_vcov.to_numpy() == pytest.approx(wanted, rel=ALGEBRA)
    for k, df in enumerate(fit.robust_table["df"]):
        # Satterthwaite: a sum of squares q'q with q = W (I - H) e, e standard normal
        rows = np.array([w[k] for w in weights]) @ (np.eye(n) - hat)
        inner = rows @ rows.T
        assert df == pytest.approx(np.trace(inner) ** 2 / np.trace(inner @ inner), rel=ALGEBRA)


def test_cr2_is_unbiased_when_the_model_is_right():
    """Expected squared influences under V give back the model's covariance: the very aim of the correction."""
    frame = grouped(4, [4, 9, 2, 15, 7, 30])
    fit = fit_lmm("y ~ x", frame, random={"g": "1"})
    n = len(frame)
    x = np.column_stack([np.ones(n), frame["x"]])
    v = sum(covariance(fit, {"g": indicator(frame["g"], np.ones(n))}, n).values())
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(n), v, size=150)
    found = []
    for draw in draws:
        # theta held where it was: the same weights for every draw
        again = fit_at(frame.assign(y=draw), fit)
        found.append(again)
    ratio = np.mean(found, axis=0) / np.diag(np.linalg.inv(x.T @ np.linalg.inv(v) @ x))
    assert ratio == pytest.approx(
        1.0, abs=4 * np.std(found, axis=0).max() / np.sqrt(150) / np.mean(found, axis=0).min()
    )


def fit_at(frame: pd.DataFrame, other) -> np.ndarray:
    """Return the robust variances with the variance parameters of another fit."""
    from exlink.stats.lmm.criterion import solve
    from exlink.stats.lmm.elimination import factor
    from exlink.stats.lmm.formula import read_model
    from exlink.stats.lmm.frame import from_frame
    from exlink.stats.lmm.robust import robust
    from exlink.stats.lmm.system import arrange
    from exlink.stats.lmm.units import factors_of, units_of

    products = from_frame(read_model("y ~ x", {"g": "1"}), frame)
    system, units = arrange(products), units_of(products)
    at = factor(system, [units.standardised(0, factors_of(other.theta, products.groupings, "")[0])])
    return np.diag(units.vcov(robust(products, at, solve(system, at, reml=True)).vcov))


@pytest.mark.parametrize("random", [{"a": "1 + x", "b": "1"}, {"a": "1", "b": "1 + x", "c": "1"}])
def test_crossed_factors_equal_the_formula_in_rows_and_are_unbiased_under_the_model(random):
    frame = crossed(3, rows=500, levels=(25, 9, 4))
    # a level of c is met mostly by some clusters: what b and c take within a cluster is not what they take in all
    frame["c"] = np.where(np.random.default_rng(1).random(500) < 0.6, frame["a"] % 4, frame["c"])
    fit = fit_lmm("y ~ x + z", frame, random=random)
    n = len(frame)
    x = np.column_stack([np.ones(n), frame["x"], frame["z"]])
    columns = {g: [np.ones(n), frame["x"]] if "x" in effects else [np.ones(n)] for g, effects in random.items()}
    parts = covariance(fit, {g: indicator(frame[g], *made) for g, made in columns.items()}, n)
    v = sum(parts.values())
    weighted = np.linalg.solve(v, x)
    m = np.linalg.inv(x.T @ weighted)
    residual = frame["y"].to_numpy() - x @ fit.fixef.to_numpy()
    a = frame["a"].to_numpy()
    apart = a[:, None] != a[None, :]
    between = m @ weighted.T @ (apart * v) @ weighted @ m
    wanted, expected = between.copy(), between.copy()
    own, taken = [], []
    for g in np.unique(a):
        rows = np.flatnonzero(a == g)
        mine = weighted[rows]
        full = mine.T @ v[np.ix_(rows, rows)] @ mine
        left = full - mine.T @ x[rows] @ m @ x[rows].T @ mine
        root = np.real(linalg.sqrtm(full))
        inner = np.linalg.inv(root) @ left @ np.linalg.inv(root)
        repair = root @ np.real(linalg.inv(linalg.sqrtm(inner))) @ np.linalg.inv(root)
        influence = m @ repair @ mine.T @ residual[rows]
        wanted += np.outer(influence, influence)
        expected += m @ repair @ left @ repair.T @ m
        own.append(np.diag(m @ repair @ full @ repair.T @ m))
        taken.append(m @ repair @ mine.T @ x[rows] @ np.linalg.cholesky(m))
    assert fit.robust_kind == "CR2, crossed"
    held = [k for k, name in enumerate(fit.fixef.index) if name in fit.message]
    free = [k for k in range(3) if k not in held]
    both = np.ix_(free, free)
    assert fit.robust_vcov.to_numpy()[both] == pytest.approx(wanted[both], rel=1e-6, abs=1e-10)
    for k in held:  # the model takes away more than a quarter, and its own error is the larger one
        assert -between[k, k] > 0.25 * m[k, k] > 0.25 * wanted[k, k]
        assert fit.robust_std_error.iloc[k] == fit.std_error.iloc[k]
    assert expected == pytest.approx(m, rel=1e-6, abs=1e-10)
    for k in free:
        # influences of clusters covary through β alone; what the model adds is as uncertain as its own error is
        loads = np.array([t[k] for t in taken])
        inner = np.diag([o[k] for o in own]) - loads @ loads.T
        spread = np.trace(inner @ inner) + between[k, k] ** 2 / fit.table["df"][k]
        wanted_df = (np.trace(inner) + between[k, k]) ** 2 / spread
        assert fit.robust_table["df"][k] == pytest.approx(wanted_df, rel=1e-6)
    for k in held:
        assert fit.robust_table["df"][k] == fit.table["df"][k]


def test_factors_nested_in_the_first_keep_clusters_independent():
    frame = grouped(6, [6] * 40).rename(columns={"g": "person"})
    frame["team"] = frame["person"] // 5
    assert fit_lmm("y ~ x", frame, random={"team": "1", "person": "1"}).robust_kind == "CR2"
    assert fit_lmm("y ~ x", frame, random={"person": "1", "team": "1"}).robust_kind == "CR2, crossed"


def test_call_centre_trial_model_error_is_far_from_the_clustered_one():
    """Bloom et al. (2015), Table II: errors are correlated over weeks, so 17,806 rows say less than they seem to."""
    trial = real("ctrip_wfh/experimental_data.csv")
    trial = trial[trial["expgroup"].isin([0, 1]) & (trial["year_week"] != 201049)]
    trial = trial.assign(
        T=((trial["expgroup"] == 1) & (trial["year_week"] > 201049)).astype(float), week=trial["year_week"].astype(str)
    )
    fit = fit_lmm("perform1 ~ T + expgroup + C(week)", trial, random={"personid": "1"})
    lmer = r_numbers("ctrip_wfh", "lmer REML").loc["fixef:T"]
    # stats_r.csv holds lme4's own optimum, good to four digits of an error
    assert fit.fixef["T"] == pytest.approx(lmer["estimate"], rel=1e-5)
    assert fit.std_error["T"] == pytest.approx(lmer["se"], rel=1e-5)
    # fixed effects instead of random ones, and CR1: another estimator of the same thing
    clustered = r_numbers("ctrip_wfh", "two-way FE, person-clustered").loc["T", "se"]
    assert fit.robust_std_error["T"] == pytest.approx(clustered, rel=0.02)
    assert fit.nobs == 17806
    assert fit.n_incomplete == 705


@pytest.mark.parametrize("seed", range(8))
def test_dense_crossing_with_large_differences_never_claims_to_know_more_than_the_model(seed):
    """The deduction for shared levels is then as large as what it is taken from: the difference may be negative."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": draw.integers(0, 12, 480), "b": draw.integers(0, 60, 480), "x": draw.normal(size=480)})
    frame["y"] = 2 * draw.normal(size=60)[frame["b"]] + 0.4 * draw.normal(size=12)[frame["a"]] + draw.normal(size=480)
    fit = fit_lmm("y ~ x", frame, random={"a": "1", "b": "1"})
    assert fit.robust_std_error["x"] >= fit.std_error["x"] * (1 - 1e-12)


def test_what_one_cluster_alone_knows_has_the_model_s_error():
    frame = grouped(3, [20] * 12)
    frame["t"] = ((frame["g"] == 0) & (np.arange(len(frame)) % 2 == 0)).astype(float)
    fit = fit_lmm("y ~ x + t", frame, random={"g": "1"})
    assert fit.robust_std_error["t"] == fit.std_error["t"]
    assert "robust errors are the model's for t" in fit.message


def by_definition(expected: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return φ = E^{1/2} (I − E^{+1/2} G G' E^{+1/2})^{+1/2} E^{+1/2} of one cluster, by axes, cut off at ``SPENT``."""
    sizes, axes = np.linalg.eigh(expected)
    kept = sizes > robust.SPENT * sizes[-1]
    root, back = [(axes[:, kept] * sizes[kept] ** power) @ axes[:, kept].T for power in (0.5, -0.5)]
    left, turned = np.linalg.eigh(np.eye(len(expected)) - back @ taken @ taken.T @ back)
    powers = np.where(left > robust.SPENT, np.maximum(left, robust.SPENT) ** -0.5, 0.0)
    return root @ (turned * powers) @ turned.T @ back


def clusters(p: int, size: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return E and G of clusters of all kinds, p effects each; the largest share that β takes is about ``size``."""
    draw = np.random.default_rng(p)

    def cluster(lengths: np.ndarray, *, lost: float = size) -> tuple[np.ndarray, np.ndarray]:
        axes = np.linalg.qr(draw.normal(size=(p, p)))[0]
        inside = np.linalg.qr(draw.normal(size=(p, p)))[0] * np.sqrt(lost * np.linspace(1, 0.2, p))
        return (axes * lengths) @ axes.T, (axes * np.sqrt(lengths)) @ inside

    some = draw.uniform(0.1, 1, size=p)
    rank = np.arange(p) < p // 2
    return {
        "whole": cluster(some), "thin": cluster(np.where(rank, some, 0.0)), "one": cluster(np.arange(p) == 1),
        "empty": cluster(np.zeros(p)), "weak but seen": cluster(np.where(rank, some, 1e-8)),
        "weaker than is seen": cluster(np.where(rank, some, 3e-10)), "alone": cluster(some, lost=1.0),
        "alone and thin": cluster(np.where(rank, some, 0.0), lost=1.0), "nothing taken": cluster(some, lost=0.0),
    }  # fmt: skip


@pytest.mark.parametrize("size", [1e-3, 0.02, 0.099, 0.101, 0.5])
@pytest.mark.parametrize("p", [2, 7, 30])
def test_corrections_of_all_clusters_at_once_are_those_of_each_by_definition(p, size):
    """Whether the rank is told by pivots or by axes, and the root taken by its series or by axes."""
    kinds = clusters(p, size)
    expected, taken = (np.array([pair[i] for pair in kinds.values()]) for i in (0, 1))
    scores = (expected @ np.random.default_rng(0).normal(size=(len(kinds), p, 1)))[:, :, 0]
    influence, own, known = robust._mended(expected, taken, scores)
    for g, kind in enumerate(kinds):
        phi = by_definition(expected[g], taken[g])
        near = 1e-6 if "alone" in kind or "weak" in kind else 1e-11  # what is left of 1, or weak axes, lose digits
        assert influence[g] == pytest.approx(phi @ scores[g], rel=near, abs=near), kind
        assert own[g] == pytest.approx(phi @ expected[g] @ phi.T, rel=near, abs=near), kind
        assert known[g] == pytest.approx(phi @ taken[g], rel=near, abs=near), kind


def test_contrasts_read_together_are_those_read_alone():
    fit = fit_lmm("y ~ x + z", crossed(3, rows=300), random={"a": "1", "b": "1"})
    found = robust.robust(fit.workings.products, fit.workings.best.at, fit.workings.best.found)
    contrasts, model = np.random.default_rng(1).normal(size=(5, 3)), np.array([3.0, 9.0, 40.0, 1e3, np.inf])
    degrees, trusted = found.read(contrasts, model)
    for k in range(5):
        z = found.bread.T @ contrasts[k]
        loads = np.array([known.T @ z for known in found.known])
        inner = np.diag([z @ own @ z for own in found.own]) - loads @ loads.T
        added = z @ found.between @ z / found.variance
        wanted = (np.trace(inner) + added) ** 2 / (np.trace(inner @ inner) + added**2 / model[k])
        assert degrees[k] == pytest.approx(wanted, rel=ALGEBRA)
        kept = added > -robust.MOST_DEDUCTED * z @ z and np.trace(inner) + added > (1 - robust.MOST_LOST) * z @ z
        assert trusted[k] == kept
