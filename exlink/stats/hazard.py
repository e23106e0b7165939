"""Discrete-time hazards: a logit over person-periods, clustered by person.

The likelihood of a discrete-time hazard model is the one of a logit on one row per unit and period at risk
(Allison 1982; Singer & Willett 1993). It is fitted here, and not by statsmodels, because the chain's
bootstrap needs scores and information per unit, and because person-periods may come as compressed cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import linalg

from exlink.errors import EstimationError, listed
from exlink.stats.absorb import encode, group_sums, refuse_collinear
from exlink.stats.bootstrap import Link
from exlink.stats.logit import expit, marginal_effects, newton
from exlink.stats.tidy import need_columns, tidy_frame

MIN_EVENTS = 10
EVENTS_EACH = 5  # events behind each coefficient, below which the baseline is made smoother


@dataclass(frozen=True, eq=False)
class HazardFit:
    """Logit of an event.

    table : DataFrame, (p, 8)             log odds of the covariates: tidy and n_units
    odds_ratios : DataFrame, (p, 8)       the same, exponentiated (errors by the delta method)
    marginal_effects : DataFrame, (p, 8)  average change of the probability, in percentage points, over all rows
                                          at risk: those of periods left out count with no change
    coef, vcov : Series, DataFrame        all coefficients, intercept and baseline included
    units : ndarray, (units,)
    n_rows, n_events, n_units : int
    dropped : dict                        reason → rows left out of the likelihood
    baseline : str                        '' (none asked for), 'levels', 'linear' or 'none' (too few events)
    loglik : float
    score : ndarray, (units, k)           per unit, at the estimate
    gradient : ndarray, (p, k)            of the marginal effects with respect to the coefficients
    """

    table: pd.DataFrame
    odds_ratios: pd.DataFrame
    marginal_effects: pd.DataFrame
    coef: pd.Series
    vcov: pd.DataFrame
    units: np.ndarray
    n_rows: int
    n_events: int
    n_units: int
    dropped: dict[str, int]
    baseline: str
    loglik: float
    score: np.ndarray
    gradient: np.ndarray
    _recipe: _Recipe
    _rows: tuple[np.ndarray, np.ndarray, np.ndarray]  # design, variance, unit

    @cached_property
    def information(self) -> np.ndarray:
        """Information per unit at the estimate, (units, k²): summed for those who draw units, which few do."""
        design, variance, codes = self._rows
        return _products(design, variance, codes, len(self.score)).reshape(len(self.score), -1)

    def coef_draws(self, weights: np.ndarray) -> np.ndarray:
        """Return coefficients per draw of units, one Newton step from the estimate: (B, units) → (B, k).

        The one-step bootstrap (Davidson & MacKinnon 1999) needs only sums over units and differs from the
        full refit by terms of order 1/units.
        """
        weights = np.atleast_2d(weights)
        k = len(self.coef)
        information = (weights @ self.information).reshape(-1, k, k)
        score = weights @ self.score
        out = np.full((len(weights), k), np.nan)
        scale = np.sqrt(np.maximum(information.diagonal(axis1=1, axis2=2), np.finfo(float).tiny))
        scaled = information / (scale[:, :, None] * scale[:, None, :])
        usable = np.linalg.cond(scaled) < 1e12
        step = np.linalg.solve(scaled[usable], (score[usable] / scale[usable])[..., None])[..., 0]
        out[usable] = self.coef.to_numpy() + step / scale[usable]
        return out

    def draws(self, weights: np.ndarray) -> np.ndarray:
        """Return log odds of the covariates per draw: (B, units) → (B, p)."""
        return self.coef_draws(weights)[:, -len(self.table) :]

    def marginal_draws(self, weights: np.ndarray) -> np.ndarray:
        """Return marginal effects per draw in percentage points, to first order: (B, units) → (B, p)."""
        change = self.coef_draws(weights) - self.coef.to_numpy()
        return self.marginal_effects["estimate"].to_numpy() + change @ self.gradient.T

    def link(self, term: str, *, name: str, cluster: str, marginal: bool = False) -> Link:
        """Return a link of a bootstrap chain: the log odds of ``term``, or its marginal effect."""
        terms = list(self.table["term"])
        if term not in terms:
            raise EstimationError(f"link {name}: no covariate '{term}'; there are {listed(terms)}.")
        at = terms.index(term)

        def of(fit: HazardFit) -> Callable[[np.ndarray], np.ndarray]:
            method = fit.marginal_draws if marginal else fit.draws
            return lambda weights: method(weights)[:, at]

        def merged(blocks: np.ndarray, n_blocks: int) -> Callable[[np.ndarray], np.ndarray]:
            design, variance, codes = self._rows
            score = group_sums(self.score, blocks, n_blocks)
            return of(replace(self, score=score, _rows=(design, variance, blocks[codes])))

        return Link(name, cluster, of(self), self.units, self.n_rows, merged=merged)

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the probability of the event for the rows of ``frame`` (NaN where a value is missing)."""
        design, _ = self._recipe.design(frame)
        return expit(design @ self.coef.to_numpy())


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How columns become the design: baseline levels, numeric covariates, levels of categorical ones."""

    x: tuple[str, ...]
    categories: dict[str, tuple]
    baseline: str | None
    levels: tuple
    linear: bool = False

    def design(self, frame: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
        need_columns(frame, [*self.x, *([self.baseline] if self.baseline else [])], "hazard")
        columns, names = [np.ones(len(frame))], ["(Intercept)"]
        if self.baseline and self.linear:
            place = {value: float(at) for at, value in enumerate(self.levels)}
            columns.append(frame[self.baseline].map(place).to_numpy(dtype=float))
            names.append(self.baseline)
        elif self.baseline:
            period = frame[self.baseline].to_numpy()
            for value in self.levels[1:]:
                columns.append((period == value).astype(float))
                names.append(f"{self.baseline}[{value}]")
        for name in self.x:
            if name in self.categories:
                for value in self.categories[name][1:]:
                    columns.append((frame[name] == value).to_numpy(dtype=float))
                    names.append(f"{name}[{value}]")
            else:
                columns.append(frame[name].to_numpy(dtype=float))
                names.append(name)
        return np.column_stack(columns), names


def fit_hazard(
    frame: pd.DataFrame,
    event: str,
    x: str | Sequence[str],
    cluster: str,
    *,
    baseline: str | None = None,
    weights: str | None = None,
    level: float = 0.95,
) -> HazardFit:
    """Return a discrete-time hazard model.

    Parameters
    ----------
    frame : DataFrame
        One row per unit and period at risk (or per cell of equal rows, with ``weights``). Covariates must be
        known at the start of the period: what is measured later is immortal time.
    event : str
        1 in the period in which the event happened, else 0; with ``weights`` the number of events in the cell.
    x : str or sequence of str
        Covariates; text columns are coded against their first level.
    cluster : str
        Unit whose rows belong together.
    baseline : str, optional
        Period column: one level of hazard per period while five events stand behind each coefficient, else a
        trend over the periods, else none. With levels, periods without any event (or without any survivor)
        say nothing about x and are left out of the likelihood, counted in ``dropped``; people were at risk in
        them all the same, so marginal effects average over them with no change.

    Returns
    -------
    HazardFit; CR1 errors by cluster, t with clusters − 1 degrees of freedom.

    Raises
    ------
    EstimationError
        Fewer than 10 events or non-events, too few clusters, constant or collinear columns, or a covariate
        that separates events from non-events.

    Notes
    -----
    The CR1 factor is ``G/(G-1) · (N-1)/(N-k)``, as statsmodels' clustered covariance.
    """
    names = [x] if isinstance(x, str) else list(x)
    what = f"{event} on {listed(names)}"
    columns = list(dict.fromkeys([event, *names, cluster, *[c for c in (baseline, weights) if c]]))
    need_columns(frame, columns, what)
    used = frame[columns].dropna()
    dropped = {"missing values": len(frame) - len(used)}
    n = np.ones(len(used)) if weights is None else used[weights].to_numpy(dtype=float)
    events = used[event].to_numpy(dtype=float)
    if ((events < 0) | (events > n)).any():
        raise EstimationError(f"{what}: {event} must lie between 0 and 1 (or the cell's rows).")
    if min(events.sum(), (n - events).sum()) < MIN_EVENTS:
        # the number itself stays unsaid: so few people could be recognised
        raise EstimationError(
            f"{what}: fewer than {MIN_EVENTS} events or non-events in {n.sum():,.0f} rows; "
            f"{MIN_EVENTS} of each are needed."
        )
    text = [c for c in names if not pd.api.types.is_numeric_dtype(used[c])]
    shape, at_risk = "", n.sum()
    if baseline:
        period, levels = encode(used[baseline])
        free = events.sum() / EVENTS_EACH - sum(used[c].nunique() - 1 if c in text else 1 for c in names)
        shape = "levels" if free >= len(levels) - 1 else "linear" if free >= 1 else "none"
    if shape == "levels":
        happened = np.bincount(period, weights=events, minlength=len(levels))
        informative = (happened > 0) & (happened < np.bincount(period, weights=n, minlength=len(levels)))
        keep = informative[period]
        dropped[f"{baseline} without events"] = int((~keep).sum())
        used, n, events = used[keep], n[keep], events[keep]
        levels = levels[informative]
    codes, units = encode(used[cluster])
    if len(units) < 3:
        raise EstimationError(f"{what}: {len(units)} values of {cluster}; at least 3 are needed.")
    in_use = baseline if shape in ("levels", "linear") else None
    categories = {c: tuple(encode(used[c])[1]) for c in text}
    recipe = _Recipe(tuple(names), categories, in_use, tuple(levels) if in_use else (), shape == "linear")
    design, labels = recipe.design(used)
    return _hazard(design, labels, events, n, codes, units, recipe, dropped, level, what, shape, n.sum() / at_risk)


fit_logit = fit_hazard


def _hazard(
    design: np.ndarray, labels: list[str], events: np.ndarray, n: np.ndarray, codes: np.ndarray,
    units: np.ndarray, recipe: _Recipe, dropped: dict[str, int], level: float, what: str,
    shape: str, share: float,
) -> HazardFit:  # fmt: skip
    flat = [name for name, c in zip(labels[1:], design.T[1:], strict=True) if not np.ptp(c) > 0]
    if flat:
        raise EstimationError(f"{what}: {listed(flat)} does not vary.")
    refuse_collinear(design, n, labels)
    coef, p = newton(design, events, n, what)
    residual, variance = events - n * p, n * p * (1 - p)
    k, g = len(coef), len(units)
    information = design.T @ (design * variance[:, None])
    score = group_sums(design * residual[:, None], codes, g)
    factor = g / (g - 1) * (n.sum() - 1) / (n.sum() - k)
    bread = linalg.inv(information)
    vcov = factor * bread @ (score.T @ score) @ bread
    first = k - sum(len(recipe.categories[c]) - 1 if c in recipe.categories else 1 for c in recipe.x)
    terms, rows, df = labels[first:], int(n.sum()), g - 1
    std_error = np.sqrt(np.diag(vcov))
    table = tidy_frame(terms, coef[first:], std_error[first:], rows, df=df, level=level).assign(n_units=g)
    effects, gradient = (share * part for part in marginal_effects(design, coef, n, first))
    effect_se = np.sqrt(np.einsum("ik,kl,il->i", gradient, vcov, gradient))
    marginal = tidy_frame(terms, effects, effect_se, rows, df=df, level=level).assign(n_units=g)
    ratios = table.assign(
        estimate=np.exp(table["estimate"]),
        std_error=np.exp(table["estimate"]) * table["std_error"],
        conf_low=np.exp(table["conf_low"]),
        conf_high=np.exp(table["conf_high"]),
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        loglik = float(np.nansum(events * np.log(p) + (n - events) * np.log1p(-p)))
    return HazardFit(
        table=table, odds_ratios=ratios, marginal_effects=marginal,
        coef=pd.Series(coef, index=labels), vcov=pd.DataFrame(vcov, index=labels, columns=labels),
        units=units, n_rows=rows, n_events=int(events.sum()), n_units=g, dropped=dropped, baseline=shape,
        loglik=loglik,
        score=score, gradient=gradient, _recipe=recipe, _rows=(design, variance, codes),
    )  # fmt: skip


def _products(design: np.ndarray, weights: np.ndarray, codes: np.ndarray, units: int) -> np.ndarray:
    """Return each unit's weighted cross-products of the columns of ``design``, (units, k, k)."""
    k = design.shape[1]
    out = np.empty((units, k, k))
    for i in range(k):
        met = np.flatnonzero(design[:, i])  # few, where the column is a flag
        sums = group_sums(design[met, i:] * (design[met, i] * weights[met])[:, None], codes[met], units)
        out[:, i, i:] = out[:, i:, i] = sums
    return out
