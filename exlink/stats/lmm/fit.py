"""A fitted linear mixed model, and how it is put together from its rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import linalg

from exlink.errors import EstimationError, did_you_mean, listed
from exlink.stats.lmm.checks import alone, check_products, check_weight, refuse_alone
from exlink.stats.lmm.criterion import solve
from exlink.stats.lmm.elimination import factor, inverse_of_rest
from exlink.stats.lmm.inference import ParameterErrors, degrees_of_freedom, parameter_errors
from exlink.stats.lmm.modes import conditional_modes
from exlink.stats.lmm.optimise import EDGE, Entries, Optimum, free_of, optimise, start_like, unpack
from exlink.stats.lmm.products import Products
from exlink.stats.lmm.robust import Robust, robust
from exlink.stats.lmm.summary import summary
from exlink.stats.lmm.system import System, arrange
from exlink.stats.lmm.terms import columns_of, flat
from exlink.stats.lmm.threads import one_thread
from exlink.stats.lmm.units import Units, at_mean_weight, factors_of, theta_of, units_of
from exlink.stats.lmm.varcorr import covariances, shares, spread_intervals, term_names, untold
from exlink.stats.tidy import check_level, tidy_frame

SINGULAR = "boundary (singular) fit: see help('isSingular')"
FEW_LEVELS = "grouping factors with < 5 sampled levels may give unreliable estimates"
NOT_CONVERGED = "Model failed to converge"
FEW_DEGREES = 4.0  # of robust errors: below, the errors themselves are off by a third and more (1 / sqrt(2 df))
FULL = 1e3  # an SD of random effects, of the residual's, that no weights of single rows tell from any larger one


@dataclass(frozen=True, slots=True, eq=False)
class Workings:
    """What later questions to a fit are answered from: the compressed rows and the optimum."""

    products: Products
    system: System
    entries: Entries
    best: Optimum
    units: Units
    covariance: ParameterErrors


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LmmFit:
    """Fitted linear mixed model; numbers follow lme4's definitions.

    formula : str
    fixef, std_error : Series, (p,)       fixed effects and model-based errors, in units of the response per unit
    robust_std_error : Series, (p,)       clustered by the first grouping factor; ``robust_kind`` says how
    robust_kind : str                     'CR2', or 'CR2, crossed' where clusters share levels of another factor; empty
                                          where robust errors were not asked for, which are missing then
    vcov, robust_vcov : DataFrame, (p, p)
    table, robust_table : DataFrame       tidy rows with a column ``df``: t intervals, Satterthwaite's df
    varcorr : DataFrame                   group, term1, term2, value: variances (term1 == term2) and covariances
    theta : ndarray, (t,)                 relative covariance factors, unitless: column by column, as in lme4, but
                                          factors as asked for (lme4 puts the one with most levels first)
    sigma : float                         residual SD of a row of weight 1, in units of the response
    objective, loglik : float             REML criterion, or −2 log-likelihood under ML; log-likelihood
    icc : Series                          share of each grouping factor in the variance of a row of weight 1 around
                                          the fixed part; a row of weight w is taken as w such rows
    r2_marginal, r2_conditional : float   variance of the fixed part, and of fixed and random parts, as shares
    nobs : int                            rows used (sum of frequencies)
    n_incomplete : int                    rows left out because a value was missing
    ngroups : Series of int               levels per grouping factor
    reml, is_singular, converged : bool
    evaluations : int                     of the criterion
    message : str                         warnings in lme4's words, empty when there are none
    level : float                         of the intervals
    """

    formula: str
    fixef: pd.Series
    std_error: pd.Series
    robust_std_error: pd.Series
    robust_kind: str
    vcov: pd.DataFrame
    robust_vcov: pd.DataFrame
    table: pd.DataFrame
    robust_table: pd.DataFrame
    varcorr: pd.DataFrame
    theta: np.ndarray
    sigma: float
    objective: float
    loglik: float
    icc: pd.Series
    r2_marginal: float
    r2_conditional: float
    nobs: int
    n_incomplete: int
    ngroups: pd.Series
    reml: bool
    is_singular: bool
    converged: bool
    evaluations: int
    message: str
    level: float
    workings: Workings = field(repr=False)

    def __str__(self) -> str:
        return summary(self)

    __repr__ = __str__

    def ranef(self, group: str | None = None) -> pd.DataFrame:
        """Return conditional modes of a grouping factor and their SDs (``<term>_sd``), one row per level.

        Raises
        ------
        EstimationError
            The model has no such grouping factor, or an effect called as the SD of another would be.
        """
        names = list(self.ngroups.index)
        group = names[0] if group is None else group
        if group not in names:
            raise EstimationError(f"{self.formula}: '{group}' is no grouping factor.{did_you_mean(str(group), names)}")
        return self._modes([names.index(group)])[group]

    def ranefs(self) -> dict[str, pd.DataFrame]:
        """Return ``ranef`` of every grouping factor; what they share, which takes most of the time, is done once."""
        return self._modes(range(len(self.ngroups)))

    def _modes(self, factors: Sequence[int]) -> dict[str, pd.DataFrame]:
        w, found = self.workings, {}
        with one_thread():
            inverse = inverse_of_rest(w.best.at)
            for f in factors:
                grouping, back = w.products.groupings[f], w.units.spread * w.units.random[f]
                found[grouping.name] = conditional_modes(
                    w.system, w.best.at, w.best.found, f, grouping, term_names(w.products, f), back, inverse
                )
        return found

    def intervals(self, level: float | None = None) -> pd.DataFrame:
        """Return SDs and correlations of the random effects with Wald intervals, on log and Fisher's scales."""
        w = self.workings
        level = check_level(self.level if level is None else level)
        return spread_intervals(w.products, w.units, w.entries, w.best.values, self.sigma, w.covariance, level)

    def objective_at(self, theta: Sequence[float]) -> float:
        """Return the criterion at a given theta (lme4's deviance function), in the order of ``theta``."""
        w = self.workings
        raw = factors_of(theta, w.products.groupings, self.formula)
        found = solve(
            w.system, factor(w.system, [w.units.standardised(f, t) for f, t in enumerate(raw)]), reml=self.reml
        )
        return found.criterion + w.units.constant(found.degrees, w.products.log_weights, reml=self.reml)

    def without(self, *terms: str | Sequence[str], clustered: bool = True) -> LmmFit:
        """Return the same model refitted without some fixed effects, from the same cross-products.

        Parameters
        ----------
        terms : str or list of str
            Fixed effects as ``fixef`` calls them, or terms with all their columns: ``channel`` for each of its
            categories.
        clustered : bool
            False leaves robust errors out (missing): for questions to variances, which need none.

        Raises
        ------
        EstimationError
            A term that is not in the model.
        """
        asked = flat(terms)
        gone = columns_of(self.formula, asked, list(self.fixef.index))
        kept, text = self.workings.products.without(gone), f"{self.formula} without {', '.join(asked)}"
        with one_thread():
            return fit_products(kept, text, reml=self.reml, level=self.level, like=self.workings, clustered=clustered)


def fit_products(
    products: Products,
    text: str,
    *,
    reml: bool,
    level: float = 0.95,
    like: Workings | None = None,
    clustered: bool = True,
) -> LmmFit:
    """Return the fit of compressed rows; ``like`` is a fit of them with more fixed effects, ``clustered`` as there.

    Raises
    ------
    EstimationError
        Rows that cannot carry the model (see ``checks``).
    """
    check_level(level)
    check_weight(text, products)
    products = at_mean_weight(products)
    check_products(text, products)
    system = arrange(products, text) if like is None else _reduced(like, products)
    entries, units = free_of(products), units_of(products)
    single = alone(products)
    start = None if like is None else start_like(system, entries, like.best.values, like.system)
    try:
        best = optimise(system, entries, reml=reml, start=start)
    except EstimationError as error:
        if single:
            refuse_alone(text, single)
        raise EstimationError(f"{text}: {error}") from error
    covariance = parameter_errors(system, entries, best)
    unknown = untold(products, units, entries, best.values, covariance)
    if single and (unknown or not best.converged or float(np.abs(best.values).max()) > FULL):
        refuse_alone(text, single)
    found, names = best.found, list(products.names[: products.fixed])
    sigma = units.sigma(found.square / found.degrees)
    inverse = linalg.solve_triangular(found.root, np.eye(products.fixed))
    vcov = units.vcov(inverse @ inverse.T) * found.square / found.degrees
    beta = units.beta(found.beta)
    df = degrees_of_freedom(entries, best, covariance, units.fixed)
    by_cluster = robust(products, best.at, found) if clustered else None
    robust_vcov, robust_df, held = _robust(by_cluster, units, vcov, df)
    factors = unpack(best.values, entries, system.effects)
    raw = [units.factor(f, t) for f, t in enumerate(factors)]
    criterion = float(found.criterion + units.constant(found.degrees, products.log_weights, reml=reml))
    parts = shares(products, factors, found.beta, found.square / found.degrees)
    singular = any(np.any(np.abs(np.diag(t)) < EDGE) for t in best.at.factors)
    return LmmFit(
        formula=text, fixef=pd.Series(beta, index=names), std_error=_errors(vcov, names),
        robust_std_error=_errors(robust_vcov, names), robust_kind=by_cluster.kind if by_cluster else "",
        vcov=pd.DataFrame(vcov, index=names, columns=names),
        robust_vcov=pd.DataFrame(robust_vcov, index=names, columns=names),
        table=_table(names, beta, vcov, products, df, level),
        robust_table=_table(names, beta, robust_vcov, products, robust_df, level),
        varcorr=covariances(products, units, factors, sigma), theta=theta_of(raw, products.groupings),
        sigma=sigma, objective=criterion, loglik=-criterion / 2, icc=parts["icc"],
        r2_marginal=parts["marginal"], r2_conditional=parts["conditional"], nobs=round(products.n_rows),
        n_incomplete=products.n_incomplete,
        ngroups=pd.Series({g.name: g.size for g in products.groupings}), reml=reml, is_singular=singular,
        converged=best.converged, evaluations=best.evaluations,
        message=_message(
            products, best, singular, [names[k] for k in held], unknown,
            float(np.delete(robust_df, held).min(initial=np.inf)),
        ),
        level=level,
        workings=Workings(products, system, entries, best, units, covariance),
    )  # fmt: skip


def _reduced(like: Workings, products: Products) -> System:
    """Return the equations of a fit for what is left of its fixed effects."""
    before = like.products.names[: like.products.fixed]
    kept = [before.index(name) for name in products.names[: products.fixed]]
    return like.system.keeping([*kept, len(before)])


def _errors(vcov: np.ndarray, names: list[str]) -> pd.Series:
    return pd.Series(np.sqrt(np.maximum(np.diag(vcov), 0.0)), index=names)


def _table(
    names: list[str], beta: np.ndarray, vcov: np.ndarray, products: Products, df: np.ndarray, level: float
) -> pd.DataFrame:
    errors = np.sqrt(np.maximum(np.diag(vcov), 0.0))
    return tidy_frame(names, beta, errors, round(products.n_rows), df=df, level=level).assign(df=df)


def _robust(
    clustered: Robust | None, units: Units, vcov: np.ndarray, df: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return robust covariance and degrees of freedom, and the terms whose error is the model's because it is larger.

    Where the clustered error of a term is no guide (``Robust.read``), the larger of it and the model's own is given.
    """
    if clustered is None:
        return np.full_like(vcov, np.nan), np.full_like(df, np.nan), []
    found = units.vcov(clustered.vcov)
    degrees, trusted = clustered.read(units.fixed, df)
    held = np.flatnonzero(~trusted & ~(np.diag(found) >= np.diag(vcov))).tolist()
    for k in held:
        found[k, :], found[:, k], degrees[k] = vcov[k, :], vcov[:, k], df[k]
    return found, degrees, held


def _message(
    products: Products, best: Optimum, singular: bool, held: list[str], unknown: list[str], degrees: float
) -> str:
    notes = [SINGULAR] if singular else []
    if not best.converged:
        notes.append(NOT_CONVERGED)
    if any(g.size < 5 for g in products.groupings):
        notes.append(FEW_LEVELS)
    if unknown:
        notes.append(f"the data do not tell {listed(unknown)}: other values fit as well, so none has an interval")
    if degrees < FEW_DEGREES:
        notes.append(
            f"robust errors rest on {degrees:.1f} degrees of freedom where these are fewest: of so few clusters they "
            "may be far too small, so read the model's errors beside them"
        )
    if held:
        notes.append(f"robust errors are the model's for {listed(held)}: clusters alone cannot tell them")
    return "; ".join(notes)
