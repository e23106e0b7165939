"""Small simulated data with known structure, and the dense formulas that compressed ones are checked against."""

from __future__ import annotations

import numpy as np
import pandas as pd


def crossed(seed: int, rows: int = 600, levels: tuple[int, int, int] = (40, 15, 4)) -> pd.DataFrame:
    """Return rows of three crossed factors a, b, c; slopes of x vary with a.

    y = 1 + 0.5 x + 0.2 z + a (SD 0.7) + x · slope of a (SD 0.3) + b (SD 0.9) + c (SD 0.3) + noise (SD 1); z is constant
    within a.
    """
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({name: draw.integers(0, k, rows) for name, k in zip("abc", levels, strict=True)})
    frame["x"] = draw.normal(size=rows)
    frame["z"] = draw.normal(size=levels[0])[frame["a"]]
    effects = {n: s * draw.normal(size=k)[frame[n]] for n, k, s in zip("abc", levels, (0.7, 0.9, 0.3), strict=True)}
    slopes = 0.3 * draw.normal(size=levels[0])[frame["a"]]
    frame["y"] = 1 + 0.5 * frame["x"] + 0.2 * frame["z"] + slopes * frame["x"] + sum(effects.values())
    frame["y"] += draw.normal(size=rows)
    return frame


def grouped(seed: int, sizes: list[int], slope_sd: float = 0.3) -> pd.DataFrame:
    """Return groups g of given sizes, random intercept (SD 0.6) and slope of x: y = 2 + 0.4 x + … + noise (SD 1)."""
    draw = np.random.default_rng(seed)
    g = np.repeat(np.arange(len(sizes)), sizes)
    x = draw.normal(size=len(g))
    y = 2 + 0.4 * x + 0.6 * draw.normal(size=len(sizes))[g] + slope_sd * draw.normal(size=len(sizes))[g] * x
    return pd.DataFrame({"g": g, "x": x, "y": y + draw.normal(size=len(g))})


def indicator(labels: pd.Series, *columns: np.ndarray) -> np.ndarray:
    """Return the dense Z of one factor: columns level by level."""
    codes, levels = pd.factorize(labels, sort=True)
    out = np.zeros((len(labels), len(levels) * len(columns)))
    for k, column in enumerate(columns):
        out[np.arange(len(labels)), codes * len(columns) + k] = column
    return out


def dense_criterion(
    y: np.ndarray, x: np.ndarray, zs: list[np.ndarray], thetas: list[np.ndarray], *, reml: bool
) -> float:
    """Return lme4's profiled criterion from the n × n covariance, no compression."""
    n, p = x.shape
    v = np.eye(n)
    for z, t in zip(zs, thetas, strict=True):
        v += z @ np.kron(np.eye(z.shape[1] // len(t)), t @ t.T) @ z.T
    inverse = np.linalg.inv(v)
    gram = x.T @ inverse @ x
    beta = np.linalg.solve(gram, x.T @ inverse @ y)
    square = float((y - x @ beta) @ inverse @ (y - x @ beta))
    degrees = n - p if reml else n
    log_det = np.linalg.slogdet(v)[1] + (np.linalg.slogdet(gram)[1] if reml else 0.0)
    return float(log_det + degrees * (1 + np.log(2 * np.pi * square / degrees)))
