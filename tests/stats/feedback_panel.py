"""Two series of the same units, measured in turn: a state, what follows it, the next state – with known effects."""

from __future__ import annotations

import numpy as np
import pandas as pd


def feedback_panel(
    seed: int,
    *,
    effect: float = 0.0,
    feedback: float = 0.0,
    units: int = 200,
    waves: int = 8,
    carried: float = 0.2,
    outcome_carried: float = 0.0,
    outcome_sd: float = 0.3,
    answers: int = 0,
    missing: float = 0.0,
) -> pd.DataFrame:
    """Return unit, wave, x (state), y (what follows it), before (what went before it), earlier (the state before).

    ``x_t = μ + s_t``, ``s_t = carried · s_(t−1) + feedback · d_(t−1) + u``, ``y_t = ν + d_t``,
    ``d_t = effect · s_t + q_t + e``; q is what carries over in the outcome itself (``outcome_carried``, half of its
    variance where it is not 0), μ and ν are levels of units that go together (.5). Least squares within units, 200
    units and 8 waves, effect .4 and feedback .15, y on x alone: bias −.053; 4 waves: −.106.

    With ``answers`` y is the mean of so many answers on average (Poisson, at least one), counted in ``n``; the feedback
    is that of the mean.
    """
    rng = np.random.default_rng(seed)
    level = rng.standard_normal(units)
    mu, nu = 0.3 * level, 0.25 * (0.5 * level + np.sqrt(0.75) * rng.standard_normal(units))
    s, q, d, n = np.zeros(units), np.zeros(units), np.zeros(units), np.ones(units)
    slow = outcome_sd * np.sqrt(0.5) * (outcome_carried > 0)
    fast = np.sqrt(outcome_sd**2 - slow**2)
    rows = []
    for wave in range(-10, waves):
        earlier, before, n_before = mu + s, nu + d, n
        s = carried * s + feedback * d + 0.2 * rng.standard_normal(units)
        q = outcome_carried * q + np.sqrt(1 - outcome_carried**2) * slow * rng.standard_normal(units)
        n = np.maximum(rng.poisson(answers, units), 1) if answers else np.ones(units)
        noise = fast * np.sqrt(max(answers, 1) / n)
        d = effect * s + q + noise * rng.standard_normal(units)
        rows.append({"wave": np.full(units, wave), "x": mu + s, "y": nu + d, "before": before, "earlier": earlier,
                     "n": n, "n_before": n_before})  # fmt: skip
    panel = pd.concat([pd.DataFrame(r).assign(unit=np.arange(units)) for r in rows[10:]], ignore_index=True)
    panel.loc[panel["wave"] == 0, ["before", "earlier"]] = np.nan
    return panel[rng.random(len(panel)) >= missing].reset_index(drop=True)
