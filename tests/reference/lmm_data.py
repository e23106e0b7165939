"""Simulated data sets for the mixed models, the same for R and for the tests.

Every function returns a frame drawn from a fixed seed; numeric columns are rounded, so that a last-bit difference
between two machines' ``exp`` does not change the file. ``lmm_r.csv`` holds :func:`checksum` of each frame R has read.

``python tests/reference/lmm_data.py FOLDER`` writes them as CSV for ``lmm.R``.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd


def crossed3() -> pd.DataFrame:
    """50,000 contacts: 300 employees with intercept and slope × 12,000 customers × 12 queues.

    ``score = 4 + 0.3·x − 0.002·(wait − 300) + 0.15·[email] − 0.25·[phone] + (a_e + b_e·x) + c_c + q_q + ε``;
    SD a 0.5, b 0.2, correlation −0.4, c 0.6, q 0.25, ε 1; wait in seconds, mean 300, SD 120. Employees and
    customers meet at random, busy employees more often; ``x`` varies between employees and within them.
    """
    rng = np.random.default_rng(20240301)
    rows, employees, customers, queues = 50_000, 300, 12_000, 12
    busy = rng.gamma(4.0, size=employees)
    e = rng.choice(employees, size=rows, p=busy / busy.sum())
    c = rng.integers(0, customers, size=rows)
    q = rng.integers(0, queues, size=rows)
    x = rng.normal(0, 0.7, size=employees)[e] + rng.normal(0, 0.7, size=rows)
    wait = rng.normal(300, 120, size=rows)
    channel = rng.choice(["chat", "email", "phone"], size=rows, p=[0.3, 0.2, 0.5])
    slopes = rng.normal(size=(employees, 2)) @ _factor(0.5, 0.2, -0.4).T
    score = (
        4
        + 0.3 * x
        - 0.002 * (wait - 300)
        + np.select([channel == "email", channel == "phone"], [0.15, -0.25], 0.0)
        + slopes[e, 0]
        + slopes[e, 1] * x
        + rng.normal(0, 0.6, size=customers)[c]
        + rng.normal(0, 0.25, size=queues)[q]
        + rng.normal(size=rows)
    )
    return pd.DataFrame(
        {
            "employee": _labels("e", e),
            "customer": _labels("c", c),
            "queue": _labels("q", q),
            "x": x.round(6),
            "wait": wait.round(3),
            "channel": channel,
            "score": score.round(6),
        }
    )


def unbalanced() -> pd.DataFrame:
    """60 groups, 24 of them with one row, the others from 2 to 300 rows.

    ``y = 2 + 0.5·x − 0.3·z + a_g + b_g·x + ε``; SD a 0.8, b 0.4, correlation 0.3, ε 1.5; ``z`` is constant
    within groups.
    """
    rng = np.random.default_rng(20240302)
    sizes = np.concatenate([np.ones(24, int), np.geomspace(2, 300, 36).round().astype(int)])
    g = np.repeat(rng.permutation(len(sizes)), sizes)
    effects = rng.normal(size=(len(sizes), 2)) @ _factor(0.8, 0.4, 0.3).T
    x = rng.normal(size=len(g))
    z = rng.normal(size=len(sizes))[g]
    y = 2 + 0.5 * x - 0.3 * z + effects[g, 0] + effects[g, 1] * x + rng.normal(0, 1.5, size=len(g))
    return pd.DataFrame({"g": _labels("g", g), "x": x.round(6), "z": z.round(6), "y": y.round(6)})


def nested() -> pd.DataFrame:
    """25 sites with 3–6 teams of 4–8 employees with 3–10 rows each; ids start anew in every site and team.

    ``y = 7 + 0.4·x + 0.2·(late = 1) + s_site + t_team + a_employee + ε``; SD s 0.5, t 0.4, a 0.6, ε 1.
    """
    rng = np.random.default_rng(20240303)
    keys, offsets = [], []
    for site in range(1, 26):
        of_site = rng.normal(0, 0.5)
        for team in range(1, rng.integers(3, 7) + 1):
            of_team = rng.normal(0, 0.4)
            for employee in range(1, rng.integers(4, 9) + 1):
                rows = rng.integers(3, 11)
                keys += [(f"s{site:02d}", f"t{team}", f"e{employee}")] * rows
                offsets += [of_site + of_team + rng.normal(0, 0.6)] * rows
    frame = pd.DataFrame(keys, columns=["site", "team", "employee"])
    x = rng.normal(size=len(frame))
    late = rng.integers(0, 2, size=len(frame))
    y = 7 + 0.4 * x + 0.2 * late + np.array(offsets) + rng.normal(size=len(frame))
    return frame.assign(x=x.round(6), late=late, y=y.round(6))


def few() -> pd.DataFrame:
    """12 groups of 30 rows, half of the groups treated, integer ids.

    ``y = 1 + 0.5·treated + 0.3·x + a_g + ε``; SD a 0.6, ε 1.
    """
    rng = np.random.default_rng(20240304)
    g = np.repeat(np.arange(1, 13), 30)
    x = rng.normal(size=len(g))
    y = 1 + 0.5 * (g % 2) + 0.3 * x + rng.normal(0, 0.6, size=13)[g] + rng.normal(size=len(g))
    return pd.DataFrame({"g": g, "treated": g % 2, "x": x.round(6), "y": y.round(6)})


def weighted() -> pd.DataFrame:
    """150 units with 6 periods each; a row is the mean of ``n`` answers, n from 1 to 50.

    ``y = 5 + 0.6·x + a_unit + ε``, ε with variance 4 / n; SD a 0.5.
    """
    rng = np.random.default_rng(20240305)
    unit = np.repeat(np.arange(150), 6)
    n = rng.integers(1, 51, size=len(unit))
    x = rng.normal(size=len(unit))
    y = 5 + 0.6 * x + rng.normal(0, 0.5, size=150)[unit] + rng.normal(size=len(unit)) * 2 / np.sqrt(n)
    return pd.DataFrame({"unit": _labels("u", unit), "n": n, "x": x.round(6), "y": y.round(6)})


def badly_scaled() -> pd.DataFrame:
    """200 groups of 12 rows whose covariates differ in size by a factor 100,000.

    ``y = 3 + 0.04·(year − 2020) − 0.00002·(seconds − 100,000) + 0.3·flag + a_g + b_g·flag + ε``; SD a 0.7,
    b 0.4, correlation −0.3, ε 1; year 2015…2024, seconds around 100,000, flag 0 or 1.
    """
    rng = np.random.default_rng(20240306)
    g = np.repeat(np.arange(200), 12)
    effects = rng.normal(size=(200, 2)) @ _factor(0.7, 0.4, -0.3).T
    year = rng.integers(2015, 2025, size=len(g))
    seconds = rng.normal(100_000, 20_000, size=len(g)).round(1)
    flag = rng.integers(0, 2, size=len(g))
    y = 3 + 0.04 * (year - 2020) - 2e-5 * (seconds - 1e5) + 0.3 * flag + effects[g, 0] + effects[g, 1] * flag
    y = y + rng.normal(size=len(g))
    return pd.DataFrame({"g": _labels("g", g), "year": year, "seconds": seconds, "flag": flag, "y": y.round(6)})


def singular_corr() -> pd.DataFrame:
    """40 groups of 10 rows whose slopes are half their intercepts: the correlation is estimated at +1.

    ``y = 1 + 0.5·x + a_g + 0.5·a_g·x + ε``; SD a 0.8, ε 1.
    """
    rng = np.random.default_rng(20240307)
    g = np.repeat(np.arange(40), 10)
    a = rng.normal(0, 0.8, size=40)[g]
    x = rng.normal(size=len(g))
    y = 1 + 0.5 * x + a + 0.5 * a * x + rng.normal(size=len(g))
    return pd.DataFrame({"g": _labels("g", g), "x": x.round(6), "y": y.round(6)})


SIMULATED: dict[str, Callable[[], pd.DataFrame]] = {
    f.__name__: f for f in (crossed3, unbalanced, nested, few, weighted, badly_scaled, singular_corr)
}


def csv_text(frame: pd.DataFrame) -> str:
    """Return the frame as CSV; numbers in the shortest form that reads back to the same double (≤ 17 digits)."""
    return frame.to_csv(index=False, lineterminator="\n")


def checksum(frame: pd.DataFrame) -> str:
    """Return the first 16 hex digits of the SHA-256 of :func:`csv_text`."""
    return hashlib.sha256(csv_text(frame).encode()).hexdigest()[:16]


def write(folder: Path) -> None:
    """Write ``<case>.csv`` for every simulated case and ``checksums.csv`` into the folder, made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = {name: simulate() for name, simulate in SIMULATED.items()}
    for name, frame in frames.items():
        (folder / f"{name}.csv").write_text(csv_text(frame), encoding="utf-8")
    sums = pd.DataFrame({"case": list(frames), "checksum": [checksum(f) for f in frames.values()]})
    (folder / "checksums.csv").write_text(csv_text(sums), encoding="utf-8")


def _labels(letter: str, codes: np.ndarray) -> np.ndarray:
    return np.array([f"{letter}{k:05d}" for k in range(codes.max() + 1)])[codes]


def _factor(sd1: float, sd2: float, correlation: float) -> np.ndarray:
    """Return the lower Cholesky factor of a 2 × 2 covariance given as SDs and correlation."""
    return np.array([[sd1, 0.0], [correlation * sd2, np.sqrt(1 - correlation**2) * sd2]])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
