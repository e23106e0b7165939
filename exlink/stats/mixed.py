"""Random intercepts and slopes by statsmodels' MixedLM: the independent check beside the compressed model."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import need_columns, tidy_frame

SINGULAR_TOLERANCE = 1e-4  # lme4's isSingular() default, on the relative covariance factor
SINGULAR = "boundary (singular) fit: see help('isSingular')"
FEW_LEVELS = "grouping factors with < 5 sampled levels may give unreliable estimates"


@dataclass(frozen=True, slots=True, eq=False)
class MixedFit:
    """Linear mixed model with one grouping factor.

    fixef : Series, (p,)
    table : DataFrame, (p, 7)      tidy; normal intervals
    vcov : DataFrame, (p, p)
    varcorr : DataFrame            group, term1, term2, value: variances and covariances, in units of y squared
    sigma : float                  residual standard deviation
    icc : float                    intercept variance over intercept plus residual variance
    loglik, objective : float      lme4's definitions: logLik, and −2 logLik (REML criterion under REML)
    converged, is_singular : bool
    message : str                  warnings in lme4's words, empty when there are none
    n_rows, n_groups : int
    ranef : DataFrame, (groups, q) conditional modes
    """

    fixef: pd.Series
    table: pd.DataFrame
    vcov: pd.DataFrame
    varcorr: pd.DataFrame
    sigma: float
    icc: float
    loglik: float
    objective: float
    converged: bool
    is_singular: bool
    message: str
    n_rows: int
    n_groups: int
    ranef: pd.DataFrame


def mixed_model(
    frame: pd.DataFrame,
    formula: str,
    group: str,
    *,
    slopes: str | None = None,
    reml: bool = True,
    level: float = 0.95,
) -> MixedFit:
    """Return a mixed model with a random intercept per group and, with ``slopes``, correlated random slopes.

    Parameters
    ----------
    frame : DataFrame, one row per observation
    formula : str
        Fixed part, e.g. ``"y ~ x_within + x_between"``.
    group : str
        Column of groups.
    slopes : str, optional
        Right-hand side of the random slopes, e.g. ``"x_within"``.
    reml : bool

    Raises
    ------
    EstimationError
        Unknown columns, a group column with one level, or a fit without a finite solution.

    Notes
    -----
    Variances come from ``cov_re`` (``params`` holds them divided by the residual variance). MixedLM needs
    about 10 s for 100,000 rows: give it aggregates or a sample.
    """
    import statsmodels.formula.api as smf

    need_columns(frame, [group], formula)
    used = frame[frame[group].notna()]
    n_groups = used[group].nunique()
    if n_groups < 2:
        raise EstimationError(f"{formula}: {group} has {n_groups} level; a random effect needs at least 2.")
    try:
        model = smf.mixedlm(
            formula, used, groups=used[group].to_numpy(), re_formula=f"~{slopes}" if slopes else None,
            missing="drop",
        )  # fmt: skip
    except Exception as error:  # patsy/formulaic raise many kinds for a formula that does not fit the frame
        raise EstimationError(f"{formula}: the formula does not fit the data ({_first_line(error)}).") from error
    fit = _fitted(model, reml, formula)
    cov = np.asarray(fit.cov_re)
    terms = [str(c).replace("Group", "(Intercept)") for c in fit.cov_re.columns]
    terms[0] = "(Intercept)"
    singular = is_singular(cov, float(fit.scale))
    notes = [SINGULAR] if singular else []
    if not fit.converged:
        notes.append("Model failed to converge")
    if n_groups < 5:
        notes.append(FEW_LEVELS)
    names = [str(n).replace("Intercept", "(Intercept)") for n in model.exog_names]
    vcov, modes = _conditional(fit, cov)
    n_rows = int(model.nobs)
    return MixedFit(
        fixef=pd.Series(np.asarray(fit.fe_params), index=names),
        table=tidy_frame(names, np.asarray(fit.fe_params), np.sqrt(np.diag(vcov)), n_rows, level=level),
        vcov=pd.DataFrame(vcov, index=names, columns=names),
        varcorr=_varcorr(cov, terms, float(fit.scale), group),
        sigma=float(np.sqrt(fit.scale)),
        icc=float(cov[0, 0] / (cov[0, 0] + fit.scale)),
        loglik=float(fit.llf),
        objective=float(-2 * fit.llf),
        converged=bool(fit.converged),
        is_singular=singular,
        message="; ".join(notes),
        n_rows=n_rows,
        n_groups=len(model.group_labels),
        ranef=pd.DataFrame(modes, index=pd.Index(model.group_labels, name=group), columns=terms),
    )


def is_singular(cov: np.ndarray, residual_variance: float, tolerance: float = SINGULAR_TOLERANCE) -> bool:
    """Return whether a random-effects covariance lies on the boundary (lme4's ``isSingular``).

    lme4 looks at the diagonal of the relative covariance factor, the Cholesky factor of
    ``cov / residual_variance``; its last pivot vanishes when a variance is zero or a correlation is ±1.
    """
    relative = np.asarray(cov, dtype=float) / residual_variance
    k = len(relative)
    left = relative.copy()
    for i in range(k):
        # pivots of the Cholesky factor, one by one: numpy's cholesky raises exactly where we want to look
        if not left[i, i] > tolerance**2:
            return True
        left[i + 1 :, i + 1 :] -= np.outer(left[i + 1 :, i], left[i, i + 1 :]) / left[i, i]
    return False


def _varcorr(cov: np.ndarray, terms: list[str], scale: float, group: str) -> pd.DataFrame:
    rows = [
        {"group": group, "term1": terms[i], "term2": terms[j] if i != j else "", "value": float(cov[i, j])}
        for i in range(len(terms))
        for j in range(i, len(terms))
    ]
    rows.append({"group": "Residual", "term1": "", "term2": "", "value": scale})
    return pd.DataFrame(rows)


def _fitted(model: object, reml: bool, formula: str) -> object:
    """Return the fit; where gradients fail, as they do at the boundary, by Powell's method without them."""
    from statsmodels.tools.sm_exceptions import ConvergenceWarning, SingularMatrixWarning

    told_in_message = (ConvergenceWarning, SingularMatrixWarning, RuntimeWarning)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fit = model.fit(reml=reml, method=["lbfgs"])
        except np.linalg.LinAlgError:
            fit = None
        if fit is None or not fit.converged:
            try:
                fit = model.fit(reml=reml, method=["powell"])
            except np.linalg.LinAlgError as error:
                raise EstimationError(
                    f"{formula}: no finite solution ({_first_line(error)}); look for collinear columns."
                ) from error
    for warning in caught:
        if not issubclass(warning.category, told_in_message):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return fit


def _conditional(fit: object, cov: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the covariance of the fixed effects given the variances, and the conditional modes.

    ``(X'V⁻¹X)⁻¹`` and ``ΨZ'V⁻¹(y - Xβ)``, as lme4. statsmodels inverts a Hessian of fixed effects and variances
    together, which differs by some tenths of a percent and does not exist at the boundary.
    """
    model, beta = fit.model, np.asarray(fit.fe_params)
    gram, modes = np.zeros((len(beta), len(beta))), []
    for x, z, y in zip(model.exog_li, model.exog_re_li, model.endog_li, strict=True):
        # V⁻¹ a = (a - Z (σ²I + ΨZ'Z)⁻¹ Ψ Z'a) / σ², which also holds when Ψ is singular
        inner = np.linalg.solve(fit.scale * np.eye(len(cov)) + cov @ z.T @ z, cov @ z.T)
        gram += (x.T @ x - (x.T @ z) @ (inner @ x)) / fit.scale
        modes.append(inner @ (y - x @ beta))
    return np.linalg.inv(gram), np.array(modes)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
