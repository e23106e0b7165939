"""Mediators are no controls: how much of what EX does to customers runs through what happens in the contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.mediators import ANSWER, answered_cells, known_mediators
from exlink.data.outcomes import combinations, units_by_wave
from exlink.data.panel import aspect_columns, column_label
from exlink.data.planted import planted_effects, planted_operations
from exlink.errors import EstimationError
from exlink.stats.cell_moments import moments_of_cells
from exlink.stats.crossed import crossed_cells
from exlink.stats.mediation import DIRECT, INDIRECT, TOTAL, Mediation, mediate
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.repeated import repeated_columns
from exlink.stats.tidy import TIDY
from exlink.steps.mixed_effects.outcome_rows import circumstance_columns, wave_columns
from exlink.steps.mixed_effects.outcomes import WorkFits
from exlink.steps.mixed_effects.rows import MEDIATORS

REPS, SEED = 1_000, 4
WORDS = {
    "resolved_first_contact": "first-contact resolution", "handle_seconds": "handling time", "transfers": "hand-offs",
    "escalated": "escalation",
}  # fmt: skip
COLUMNS = ["outcome", "aspect", *TIDY, "path", "lane", "n_units", "p_adjusted", "clear", "planted"]
LANES = {TOTAL: "in all", INDIRECT: "through what happens in the contact", DIRECT: "otherwise"}


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Paths from EX to one KPI of customers, within units.

    paths : DataFrame      one row per aspect and path: aspect, term, path, lane (words; of mediators their names),
                           tidy columns with percentile intervals, n_units, p_adjusted (Benjamini–Hochberg over the
                           aspects of a path), clear (whether the aspect's total is), planted (simulated data)
    shares : DataFrame     one row per aspect: share of the total that is indirect, with its interval; only of
                           clear totals
    through : DataFrame    one row per mediator: slope on the KPI, interval, p_adjusted (Benjamini–Hochberg), rho
    lines : list of str    mediators that are not assessed
    reason : str           why nothing is, or ''
    """

    paths: pd.DataFrame
    shares: pd.DataFrame
    through: pd.DataFrame
    lines: list[str]
    reason: str


def mediation_paths(
    data: StudyData, outcome: str, circumstances: Sequence[str], work: WorkFits, reason: str = ""
) -> Paths:
    """Return what a point of each aspect does to ``outcome``: in all, through each mediator, and otherwise.

    Parameters
    ----------
    circumstances : sequence of str
        Held equal; those that EX itself moves are left out, because they are what the paths run through.
    work : WorkFits
        Models of what happens in contacts: in simulated data they say how far a planted path reaches.
    reason : str
        Why it cannot be assessed, or ''.
    """
    if not reason and data.has("interactions", "weight"):
        reason = "not assessed: rows of `interactions` stand for several customers (`weight`), not for single contacts"
    if reason:
        return _nothing(reason, [])
    mediators, lines = known_mediators(data, outcome)
    if not mediators:
        return _nothing(lines[0], [])
    wanted = [c for c in circumstances if c not in MEDIATORS]
    try:
        fit = _fit(data, outcome, mediators, wanted)
    except EstimationError as error:
        return _nothing(f"not assessed: {error}", lines)
    paths = fit.paths.assign(aspect=[column_label(data, t) for t in fit.paths["term"]])
    totals = paths["path"] == TOTAL
    paths["p_adjusted"] = benjamini_hochberg(paths["p_value"].astype(float), family=paths["path"])
    clear = set(paths.loc[totals & (paths["p_adjusted"] < 0.05), "term"])
    paths = paths.assign(
        clear=paths["term"].isin(clear), lane=paths["path"].map({**LANES, **WORDS}), outcome=outcome,
        planted=_planted(data, outcome, paths, work),
    )  # fmt: skip
    paths = paths[COLUMNS]
    shares = fit.shares.assign(aspect=[column_label(data, t) for t in fit.shares["term"]])
    shares = shares[shares["term"].isin(clear)].reset_index(drop=True)
    through = fit.through.assign(
        path=fit.through["mediator"], mediator=fit.through["mediator"].map(WORDS),
        p_adjusted=benjamini_hochberg(fit.through["p_value"].astype(float)),
    )  # fmt: skip
    return Paths(paths, shares, through, lines, "")


def _fit(data: StudyData, outcome: str, mediators: list[str], wanted: list[str]) -> Mediation:
    cells, sums, products = answered_cells(data, outcome, mediators, wanted)
    xs = aspect_columns(data)
    left = units_by_wave(data)[["left", data.unit, "wave", *xs]]
    left = left[left["left"].isin(cells["left"]) & left[xs].notna().all(axis=1)].reset_index(drop=True)
    waves = wave_columns(left)
    right = circumstance_columns(data, combinations(data, wanted).loc[np.unique(cells["right"])], wanted)
    table = crossed_cells(
        cells, left.assign(**waves), right, key=["left"], unit=data.unit, left_columns=[*xs, *waves],
        right_columns=list(right), values=["n", *sums.values(), *products.values()],
    )  # fmt: skip
    free = [*mediators, ANSWER]
    moments = moments_of_cells(table, xs, free, counts="n", sums=sums, products=products)
    gram = moments.reduced()[0][:-1, :-1]
    repeated = [moments.names[j] for j, _ in repeated_columns(gram, 1e-9)]
    if repeated:
        raise EstimationError(f"{column_label(data, repeated[0])}: does not vary within, or repeats other columns")
    return mediate(moments, mediators, reps=REPS, seed=SEED)


def _planted(data: StudyData, outcome: str, paths: pd.DataFrame, work: WorkFits) -> list[float]:
    """Return planted totals and planted paths through first-contact resolution, on the observed scale.

    A point of the aspect moves the log odds of resolution by what is planted, and so its chance by that times the mean
    of p (1 − p), which the model of resolution tells; resolution moves the latent answer by what is planted, and the
    observed answer by as much less as the aspects' effects are smaller observed than latent.
    """
    effects, operations = planted_effects(data), planted_operations(data)
    fit = work.fits.get("resolved_first_contact")
    if effects is None or operations is None or fit is None:
        return [float("nan")] * len(paths)
    truth = pd.DataFrame(data.truth["effects"])
    acting = truth[(truth["kpi"] == outcome) & truth["acts"].astype(bool)]
    shown = float((acting["joint"] / acting["latent"]).mean())
    slope = float((fit.marginal["estimate"] / fit.table["estimate"]).iloc[1])
    lift = data.truth["controls"]["latent"]["resolved_first_contact"][outcome] * shown * slope
    totals = effects[effects["outcome"] == outcome].set_index("term")["joint"]
    solved = operations[operations["column"] == "resolved_first_contact"].set_index("term")["planted"] * lift
    out = []
    for row in paths.itertuples():
        through = float(solved.get(row.term, 0.0))
        of = {TOTAL: float(totals[row.term]), DIRECT: float(totals[row.term]) - through, INDIRECT: through,
              "resolved_first_contact": through}  # fmt: skip
        out.append(of.get(row.path, 0.0))
    return out


def _nothing(reason: str, lines: list[str]) -> Paths:
    empty = pd.DataFrame(columns=COLUMNS)
    return Paths(empty, empty, pd.DataFrame(), lines, reason)
