"""What a fit answers: properties that hold for any data, weights, shares, refits."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from threadpoolctl import ThreadpoolController

from exlink.errors import EstimationError
from exlink.stats.lmm import begin_lmm, fit_lmm
from exlink.stats.lmm.threads import one_thread
from exlink.stats.lmm.variance_intervals import variance_intervals
from exlink.stats.mixed import mixed_model
from tests.stats.lmm.worlds import crossed, grouped

SAME = 1e-6  # two runs of the optimiser on data that differ by rounding


def small(seed: int) -> pd.DataFrame:
    return crossed(seed, rows=160, levels=(12, 7, 3))


def fit(frame: pd.DataFrame, **options):
    return fit_lmm("y ~ x + z", frame, random={"a": "1 + x", "b": "1"}, **options)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_rows_and_names_of_levels_change_nothing(seed):
    frame = small(seed)
    one = fit(frame)
    draw = np.random.default_rng(seed)
    names = draw.permutation(12)
    other = fit(frame.assign(a=[f"id {names[k]}" for k in frame["a"]]).sample(frac=1, random_state=seed % 1000))
    assert other.objective == pytest.approx(one.objective, abs=1e-7)
    assert other.fixef.to_numpy() == pytest.approx(one.fixef.to_numpy(), abs=SAME)
    modes = other.ranef("a").loc[[f"id {names[k]}" for k in range(12) if k in set(frame["a"])], "(Intercept)"]
    assert modes.to_numpy() == pytest.approx(one.ranef("a")["(Intercept)"].to_numpy(), abs=1e-4)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), c=st.floats(1e-4, 1e5))
def test_a_response_in_other_units_scales_effects_and_sigma_and_leaves_theta(seed, c):
    frame = small(seed)
    one, other = fit(frame), fit(frame.assign(y=c * frame["y"]))
    assert other.fixef.to_numpy() == pytest.approx(c * one.fixef.to_numpy(), rel=1e-5, abs=c * SAME)
    assert other.sigma == pytest.approx(c * one.sigma, rel=SAME)
    assert other.theta == pytest.approx(one.theta, abs=1e-4)
    assert other.robust_std_error.to_numpy() == pytest.approx(c * one.robust_std_error.to_numpy(), rel=1e-4)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), shift=st.floats(-1e6, 1e6), scale=st.floats(1e-3, 1e6))
def test_a_shifted_and_scaled_covariate_costs_no_digits(seed, shift, scale):
    """A random slope beside a random intercept: the model is the same, only its numbers are in other units."""
    frame = small(seed)
    moved = frame.assign(x=scale * frame["x"] + shift * scale)
    one, other = fit(frame, reml=False), fit(moved, reml=False)
    assert other.objective == pytest.approx(one.objective, abs=1e-6)
    assert other.fixef["x"] * scale == pytest.approx(one.fixef["x"], rel=1e-5, abs=1e-5)
    assert other.std_error["x"] * scale == pytest.approx(one.std_error["x"], rel=1e-4)
    assert other.sigma == pytest.approx(one.sigma, rel=SAME)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_frequencies_are_repeated_rows(seed):
    frame = small(seed)
    frame["times"] = 1 + np.random.default_rng(seed).integers(0, 3, len(frame))
    counted = fit(frame, frequencies="times")
    repeated = fit(frame.loc[frame.index.repeat(frame["times"])])
    assert counted.nobs == repeated.nobs == frame["times"].sum()
    assert counted.objective == pytest.approx(repeated.objective, abs=1e-6)
    assert counted.std_error.to_numpy() == pytest.approx(repeated.std_error.to_numpy(), rel=1e-5)
    assert counted.robust_std_error.to_numpy() == pytest.approx(repeated.robust_std_error.to_numpy(), rel=1e-4)
    assert counted.r2_marginal == pytest.approx(repeated.r2_marginal, rel=1e-5)


@pytest.mark.parametrize("unit", [1e6, 1e-6, 1e90, 1e-90])
def test_the_unit_of_weights_decides_nothing(unit):
    frame = small(3).assign(n=lambda f: 1 + f.index % 5)
    one, other = fit(frame, weights="n"), fit(frame.assign(n=unit * frame["n"]), weights="n")
    assert (other.is_singular, other.message, other.evaluations) == (one.is_singular, one.message, one.evaluations)
    assert other.objective == pytest.approx(one.objective, abs=1e-7)
    assert other.std_error.to_numpy() == pytest.approx(one.std_error.to_numpy(), rel=SAME)
    assert other.table["df"].to_numpy() == pytest.approx(one.table["df"].to_numpy(), rel=SAME)
    assert other.robust_table["df"].to_numpy() == pytest.approx(one.robust_table["df"].to_numpy(), rel=SAME)
    # sigma is of a row of weight 1, theta in its units
    assert other.sigma == pytest.approx(one.sigma * unit**0.5, rel=SAME)
    assert other.theta * unit**0.5 == pytest.approx(one.theta, rel=SAME)
    assert other.objective_at(other.theta) == pytest.approx(other.objective, abs=1e-7)
    assert other.without("z").sigma == pytest.approx(one.without("z").sigma * unit**0.5, rel=SAME)
    mine, theirs = (table[table["group"] != "Residual"] for table in (one.intervals(), other.intervals()))
    columns = ["estimate", "conf_low", "conf_high"]
    assert theirs[columns].to_numpy() == pytest.approx(mine[columns].to_numpy(), rel=1e-5, nan_ok=True)
    assert other.ranef("a").to_numpy() == pytest.approx(one.ranef("a").to_numpy(), abs=1e-5)


def test_variances_beside_heavy_weights_have_intervals_as_beside_light_ones():
    frame = small(3).assign(n=lambda f: 1 + f.index % 5)
    columns = ["variance", "variance_low", "variance_high"]
    one, other = (
        variance_intervals(fit(frame.assign(n=unit * frame["n"]), weights="n")).set_index("group")[columns]
        for unit in (1.0, 1e10)
    )
    wanted = one.mul([1.0, 1.0, 1e10], axis=0).to_numpy()
    assert np.isfinite(wanted).any()
    assert other.to_numpy() == pytest.approx(wanted, rel=1e-5, nan_ok=True)


def test_means_of_known_counts_carry_what_their_rows_say_about_effects():
    """Answers averaged per person and wave, weighted by their number: same effects and between-person variance."""
    draw = np.random.default_rng(2)
    cells = pd.DataFrame({"g": np.repeat(np.arange(80), 6), "x": draw.normal(size=480), "n": draw.integers(1, 9, 480)})
    cells["level"] = 1 + 0.3 * cells["x"] + 0.5 * draw.normal(size=80)[cells["g"]]
    rows = cells.loc[cells.index.repeat(cells["n"])].reset_index(names="cell")
    rows["y"] = rows["level"] + draw.normal(size=len(rows))
    means = cells.assign(y=rows.groupby("cell")["y"].mean())
    all_rows = fit_lmm("y ~ x", rows, random={"g": "1"})
    weighted = fit_lmm("y ~ x", means, random={"g": "1"}, weights="n")
    # the within-cell spread is the rows' alone, so sigma is estimated from other data: near, not equal
    assert weighted.fixef.to_numpy() == pytest.approx(all_rows.fixef.to_numpy(), abs=0.01)
    assert weighted.sigma == pytest.approx(all_rows.sigma, rel=0.1)
    assert weighted.varcorr["value"].iloc[0] == pytest.approx(all_rows.varcorr["value"].iloc[0], rel=0.1)
    assert weighted.nobs == 480


def test_incomplete_rows_are_left_out_and_counted():
    frame = small(1).assign(note=None)
    frame.loc[[3, 5], "x"] = np.nan
    frame.loc[5, "y"] = np.nan
    frame["a"] = frame["a"].astype(object)
    frame.loc[9, "a"] = None
    found = fit(frame)
    assert (found.nobs, found.n_incomplete) == (157, 3)
    assert found.objective == pytest.approx(fit(frame.dropna(subset=["x", "y", "a"])).objective, abs=1e-9)


def test_without_refits_from_the_same_cross_products():
    frame = crossed(7)
    full = fit(frame)
    direct = fit_lmm("y ~ x", frame, random={"a": "1 + x", "b": "1"})
    assert full.without("z").objective == pytest.approx(direct.objective, abs=1e-7)
    # x stays for the random slope although its fixed effect goes
    only = full.without("z", "x")
    assert list(only.fixef.index) == ["(Intercept)"]
    assert only.objective == pytest.approx(fit_lmm("y ~ 1", frame, random={"a": "1 + x", "b": "1"}).objective, abs=1e-6)
    with pytest.raises(EstimationError, match=r"'zz' is no fixed effect\. Did you mean 'z'\?"):
        full.without("zz")


def test_models_fitted_side_by_side_say_what_each_says_alone():
    frames = [crossed(seed) for seed in (7, 8, 9)]
    random = {"a": "1 + x", "b": "1"}
    with ThreadPoolExecutor(max_workers=3) as beside:
        found = list(beside.map(lambda search: search(), [begin_lmm("y ~ x + z", f, random) for f in frames]))
    for frame, fit_beside in zip(frames, found, strict=True):
        alone = fit_lmm("y ~ x + z", frame, random)
        pd.testing.assert_frame_equal(fit_beside.robust_table, alone.robust_table)
        assert fit_beside.objective == alone.objective


def test_a_fit_in_any_thread_has_blas_to_itself_in_one_thread():
    """Asked for in the main thread first, which threadpoolctl then lets nobody else follow."""
    controller = ThreadpoolController()

    def within() -> set[int]:
        with one_thread():
            return {each["num_threads"] for each in controller.info() if each["user_api"] == "blas"}

    def alone(do):  # in a thread that ends: as long as it lives, nobody else may set a limit
        with ThreadPoolExecutor(max_workers=1) as beside:
            return beside.submit(do).result()

    two = alone(lambda: controller.limit(limits=2, user_api="blas"))
    before = [each["num_threads"] for each in controller.info()]
    assert within() == {1}
    with ThreadPoolExecutor(max_workers=3) as beside:
        assert list(beside.map(lambda _: within(), range(6))) == [{1}] * 6
    assert [each["num_threads"] for each in controller.info()] == before
    alone(two.restore_original_limits)


FORKED = """
import os, sys, threading
import numpy as np, pandas as pd
from exlink.stats.lmm import fit_lmm

g = np.arange(100) % 20
rows = pd.DataFrame({"y": np.sin(np.arange(100.0)) + g, "x": np.cos(np.arange(100.0)), "g": g})
sigma = fit_lmm("y ~ x", rows, {"g": "1"}).sigma
if (child := os.fork()) == 0:
    os._exit(fit_lmm("y ~ x", rows, {"g": "1"}).sigma != sigma)
late = threading.Timer(0.2, lambda: print(fit_lmm("y ~ x", rows, {"g": "1"}).sigma == sigma, flush=True))
late.start()  # fits when the main thread has ended
sys.exit(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_a_fork_fits_and_so_does_what_outlasts_the_main_thread():
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_blas_has_its_threads_back_when_the_last_of_several_fits_is_done():
    controller = ThreadpoolController()
    before = [each["num_threads"] for each in controller.info()]
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert {each["num_threads"] for each in controller.info() if each["user_api"] == "blas"} == {1}
    second.__exit__(None, None, None)
    assert [each["num_threads"] for each in controller.info()] == before


def test_without_clustered_errors_the_rest_stays():
    full = fit(crossed(7))
    plain, bare = full.without("z"), full.without("z", clustered=False)
    assert bare.robust_kind == "" and bare.robust_std_error.isna().all() and bare.robust_table["conf_low"].isna().all()
    pd.testing.assert_frame_equal(bare.table, plain.table)
    pd.testing.assert_frame_equal(bare.varcorr, plain.varcorr)
    assert bare.message == plain.message
    assert "x" in str(bare)
    at_once = fit_lmm("y ~ x", crossed(7), {"a": "1"}, clustered=False)
    assert at_once.robust_kind == "" and at_once.robust_vcov.isna().all(axis=None)
    pd.testing.assert_frame_equal(at_once.table, fit_lmm("y ~ x", crossed(7), {"a": "1"}).table)


def test_without_takes_lists_and_whole_terms():
    frame = small(1).assign(k=lambda f: np.array(["p", "q", "r"])[f["x"].rank().astype(int) % 3])
    full = fit_lmm("y ~ x + z + k + x:k", frame, random={"a": "1"})
    assert list(full.without(["x:k", "z"], "x").fixef.index) == ["(Intercept)", "k[T.q]", "k[T.r]"]
    only = full.without(["x:k"]).without("k")
    assert list(only.fixef.index) == ["(Intercept)", "x", "z"]
    assert only.formula.endswith("without k")
    assert only.objective == pytest.approx(fit_lmm("y ~ x + z", frame, random={"a": "1"}).objective, abs=1e-7)
    assert list(full.without("x:k").without("k[T.q]").fixef.index) == ["(Intercept)", "x", "z", "k[T.r]"]
    for wrong, said in [
        ("kk", r"'kk' is no fixed effect\. Did you mean 'k'\?"),
        (5, "5 is no fixed effect"),
        (["z", 5], "5 is no fixed effect"),
        ([], "at least one term"),
    ]:
        with pytest.raises(EstimationError, match=said):
            full.without(wrong)


def test_theta_stands_in_the_order_in_which_factors_are_asked_for():
    frame = crossed(7)
    one = fit_lmm("y ~ x", frame, random={"a": "1", "b": "1"})
    other = fit_lmm("y ~ x", frame, random={"b": "1", "a": "1"})
    assert other.theta == pytest.approx(one.theta[::-1], rel=1e-8)
    assert other.objective_at(one.theta[::-1]) == pytest.approx(one.objective, abs=1e-8)


def test_a_fit_without_fixed_effects_says_so():
    found = fit_lmm("y ~ 0", small(1), random={"a": "1"}, reml=np.True_)
    assert found.reml is True
    assert "Fixed effects: none" in str(found)
    assert "Empty" not in str(found)


def test_robust_errors_of_few_clusters_are_said_to_be_no_guide():
    two = fit_lmm("y ~ x", grouped(2, [200, 200]), random={"g": "1"})
    assert two.robust_table["df"].min() < 4
    assert "robust errors rest on 1.0 degrees of freedom where these are fewest" in two.message
    many = fit_lmm("y ~ x", grouped(2, [20] * 20), random={"g": "1"})
    assert "robust errors rest" not in many.message


def test_modes_are_shrunken_group_means_in_closed_form():
    frame = grouped(3, [1, 4, 25, 60, 9])
    found = fit_lmm("y ~ 1", frame, random={"g": "1"})
    variance = found.varcorr["value"].iloc[0]
    means, counts = frame.groupby("g")["y"].mean() - found.fixef.iloc[0], frame.groupby("g").size()
    weight = variance / (variance + found.sigma**2 / counts)
    modes = found.ranef("g")
    assert modes["(Intercept)"].to_numpy() == pytest.approx((weight * means).to_numpy(), rel=1e-9)
    assert modes["(Intercept)_sd"].to_numpy() == pytest.approx(np.sqrt(variance * (1 - weight)).to_numpy(), rel=1e-9)
    assert found.icc["g"] == pytest.approx(variance / (variance + found.sigma**2), rel=1e-9)


def test_statsmodels_agrees():
    """An independent implementation; its optimiser stops earlier."""
    frame = grouped(9, [8] * 60)
    theirs = mixed_model(frame, "y ~ x", "g", slopes="x")
    ours = fit_lmm("y ~ x", frame, random={"g": "1 + x"})
    assert ours.objective == pytest.approx(theirs.objective, abs=1e-4)
    assert ours.fixef.to_numpy() == pytest.approx(theirs.fixef.to_numpy(), abs=1e-4)
    assert ours.std_error.to_numpy() == pytest.approx(theirs.table["std_error"].to_numpy(), rel=1e-3)


def test_intervals_of_variance_parameters_name_every_parameter():
    table = fit(crossed(7)).intervals()
    assert list(zip(table["group"], table["kind"], strict=True)) == [
        ("a", "sd"), ("a", "correlation"), ("a", "sd"), ("b", "sd"), ("Residual", "sd")
    ]  # fmt: skip
    assert (table["conf_low"] < table["estimate"]).all()
    assert (table["estimate"] < table["conf_high"]).all()


def test_reml_is_on_and_tables_are_tidy():
    found = fit(crossed(7))
    assert found.reml
    assert list(found.table.columns) == ["term", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "df"]
    assert (found.table["n"] == found.nobs).all()
    assert found.loglik == pytest.approx(-found.objective / 2)
    assert "(Intercept)" in str(found)
