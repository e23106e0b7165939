"""Random intercepts and slopes by statsmodels' MixedLM: the independent check beside the compressed model."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.tidy import need_columns, tidy_frame

SINGULAR_TOLERANCE = 1e-4  # lme4's isSingular() default, on the relative covariance factor
SINGULAR = "boundary (singular) fit: see help('isSingular')"
NEAR = 0.01  # relative factor below which gradients stop short of the boundary, and Powell has a look too
METHODS = ("lbfgs", "powell")  # tried in this order
FEW_LEVELS = "grouping factors with < 5 sampled levels may give unreliable estimates"


@dataclass(frozen=True, slots=True, eq=False)
class MixedFit:
    """Linear mixed model with one grouping factor.

    fixef : Series, (p,)
    table : DataFrame, (p, 7)      tidy; normal intervals
    robust_table : DataFrame, (p, 7)   the same with errors clustered by group; t with groups − 1 degrees of freedom
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
    robust_table: pd.DataFrame
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
    vcov, robust, modes = _conditional(fit, cov)
    n_rows = int(model.nobs)
    return MixedFit(
        fixef=pd.Series(np.asarray(fit.fe_params), index=names),
        table=tidy_frame(names, np.asarray(fit.fe_params), np.sqrt(np.diag(vcov)), n_rows, level=level),
        robust_table=tidy_frame(
            names, np.asarray(fit.fe_params), np.sqrt(np.diag(robust)), n_rows, df=n_groups - 1, level=level
        ),
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


def _start(model: Any) -> Any:
    """Return starting values: least squares, and variances from the one-way analysis of its residuals."""
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    x, y, z = np.asarray(model.exog), np.asarray(model.endog), np.asarray(model.exog_re)
    slopes, *_ = np.linalg.lstsq(x, y, rcond=None)
    residuals = y - x @ slopes
    codes = pd.factorize(np.asarray(model.groups))[0]
    counts = np.bincount(codes)
    sums = np.bincount(codes, weights=residuals)
    inside = max((residuals @ residuals - (sums**2 / counts).sum()) / max(len(y) - len(counts), 1), 1e-12)
    between = (sums**2 / counts).sum() / max(len(counts) - 1, 1)
    ratio = max((between - inside) / (counts.mean() * inside), 0.01)
    spread = np.maximum(z.var(axis=0), 1e-12)
    diagonal = [ratio, *(0.1 * ratio / spread[1:])]  # slopes vary less, in units of the response, than intercepts
    return MixedLMParams.from_components(slopes, cov_re=np.diag(diagonal))


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
    """Return the fit; where gradients fail, as they do at the boundary, by Powell's method without them.

    From statsmodels' own start L-BFGS can step onto a variance of exactly zero, where its gradient vanishes and
    its likelihood is infinite, and call that converged: so fits start from a moment estimate, and an infinite
    likelihood is no solution.
    """
    from statsmodels.tools.sm_exceptions import ConvergenceWarning, SingularMatrixWarning

    told_in_message = (ConvergenceWarning, SingularMatrixWarning, RuntimeWarning)
    start, best, trouble = _start(model), None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for method in METHODS:
            try:
                fit = model.fit(reml=reml, method=[method], start_params=start)
            except np.linalg.LinAlgError as error:
                trouble = error
                continue
            if not np.isfinite(fit.llf):
                continue
            best = fit if best is None or fit.llf > best.llf else best
            if fit.converged and not is_singular(np.asarray(fit.cov_re), float(fit.scale), NEAR):
                break
    if best is None:
        told = _first_line(trouble) if trouble else "its likelihood is infinite"
        raise EstimationError(f"{formula}: no finite solution ({told}); look for collinear columns.") from trouble
    for warning in caught:
        if not issubclass(warning.category, told_in_message):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    return best


def _conditional(fit: object, cov: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the covariance of the fixed effects given the variances, the one clustered by group, and the modes.

    ``(X'V⁻¹X)⁻¹`` and ``ΨZ'V⁻¹(y - Xβ)``, as lme4. statsmodels inverts a Hessian of fixed effects and variances
    together, which differs by some tenths of a percent and does not exist at the boundary. The clustered one is the
    sandwich of the groups' scores ``X'V⁻¹(y - Xβ)``, times G/(G − 1) (Liang & Zeger 1986).
    """
    model, beta, q = fit.model, np.asarray(fit.fe_params), len(cov)
    x, z, y = (np.concatenate(part) for part in (model.exog_li, model.exog_re_li, model.endog_li))
    starts = np.cumsum([0, *(len(part) for part in model.endog_li[:-1])])
    residuals = y - x @ beta
    sums = np.add.reduceat(z[:, :, None] * np.column_stack([z, x, residuals])[:, None, :], starts, axis=0)
    # V⁻¹ a = (a - Z (σ²I + ΨZ'Z)⁻¹ Ψ Z'a) / σ², which also holds when Ψ is singular
    inner = np.linalg.solve(fit.scale * np.eye(q) + cov @ sums[:, :, :q], cov @ sums[:, :, q:])
    met, modes = sums[:, :, q:-1], inner[:, :, -1]
    gram = (x.T @ x - np.tensordot(met, inner[:, :, :-1], axes=([0, 1], [0, 1]))) / fit.scale
    own = np.add.reduceat(x * residuals[:, None], starts, axis=0)
    scores = (own - np.einsum("gqp,gq->gp", met, modes)) / fit.scale
    bread = np.linalg.inv(gram)
    influence = scores @ bread * np.sqrt(len(scores) / (len(scores) - 1))
    return bread, influence.T @ influence, modes


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
