"""Conditional modes and their SDs against the formulas in rows."""

import numpy as np
import pandas as pd
import pytest

from exlink.errors import EstimationError
from exlink.stats.lmm import fit_lmm, modes
from tests.stats.lmm.worlds import crossed, indicator

ALGEBRA = 1e-8  # two ways to the same numbers, one through matrices of 300 rows


@pytest.mark.parametrize("chunk", [4_000, 7, 1])
@pytest.mark.parametrize("random", [{"a": "1 + x", "b": "1", "c": "1"}, {"a": "1 + x"}, {"b": "1 + x", "a": "1"}])
def test_modes_and_their_sds_are_what_the_dense_formula_says(random, chunk, monkeypatch):
    """``b | y`` at known β: mean ``Psi Z'V⁻¹(y − Xβ)``, covariance ``σ²(Psi − Psi Z'V⁻¹Z Psi)``; chunks change nothing.

    Twenty levels of the eliminated factor make three chunks of seven.
    """
    monkeypatch.setattr(modes, "CHUNK", chunk)
    frame = crossed(4, rows=300, levels=(20, 9, 4))
    frame["x"] = 2 * frame["x"] + 1
    fit = fit_lmm("y ~ x", frame, random=random)
    x = np.column_stack([np.ones(300), frame["x"]])
    zs, psis = [], []
    for group, effects in random.items():
        own = fit.varcorr[fit.varcorr["group"] == group]["value"].to_numpy()
        psi = own[[0, 1, 1, 2]].reshape(2, 2) if "x" in effects else own[:, None]
        zs.append(indicator(frame[group], *x.T[: len(psi)]))
        psis.append(np.kron(np.eye(zs[-1].shape[1] // len(psi)), psi))
    v = fit.sigma**2 * np.eye(300) + sum(z @ p @ z.T for z, p in zip(zs, psis, strict=True))
    left = np.linalg.solve(v, frame["y"] - x @ fit.fixef.to_numpy())
    for group, z, psi in zip(random, zs, psis, strict=True):
        found = fit.ranef(group)
        pd.testing.assert_frame_equal(fit.ranefs()[group], found)
        q = found.shape[1] // 2
        reach = psi @ z.T
        wanted = np.sqrt(np.diag(psi - reach @ np.linalg.solve(v, reach.T))).reshape(-1, q)
        assert found.iloc[:, :q].to_numpy() == pytest.approx((reach @ left).reshape(-1, q), abs=ALGEBRA)
        assert found.iloc[:, q:].to_numpy() == pytest.approx(wanted, rel=ALGEBRA)
        assert list(found.columns) == [*found.columns[:q], *(f"{t}_sd" for t in found.columns[:q])]


def test_an_effect_called_as_the_sd_of_another_is_refused_by_name():
    frame = crossed(4).rename(columns={"z": "x_sd"})
    fit = fit_lmm("y ~ x", frame, random={"b": ["1 + x", "0 + x_sd"]})
    with pytest.raises(EstimationError, match="ranef of b: x_sd would be a random effect and the SD of another"):
        fit.ranef("b")
    other = fit_lmm("y ~ x", frame, random={"b": ["1 + x", "0 + I(1 * x_sd)"]})
    assert other.objective == pytest.approx(fit.objective, abs=1e-8)
    assert other.ranef("b").columns.is_unique
