"""Linear mixed models from cross-products: exact, and as cheap on ten million rows as on ten thousand.

``formula`` and ``layout`` say which columns there are; ``frame`` with ``typed``, or ``engine``, compress rows to
``products``; ``system`` orders these for elimination; ``criterion`` and ``optimise`` find the variances; ``inference``,
``robust``, ``modes`` and ``varcorr`` read errors, effects and shares off the same numbers. ``fit`` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from exlink.errors import EstimationError
from exlink.stats.lmm.fit import LmmFit, fit_products
from exlink.stats.lmm.formula import read_model
from exlink.stats.lmm.source import compress
from exlink.stats.lmm.threads import one_thread

__all__ = ["LmmFit", "begin_lmm", "fit_lmm"]


def fit_lmm(
    formula: str,
    data: Any,
    random: Mapping[str, str | Sequence[str]],
    *,
    reml: bool = True,
    weights: str | None = None,
    frequencies: str | None = None,
    level: float = 0.95,
    clustered: bool = True,
) -> LmmFit:
    """Fit a linear mixed model with any number of grouping factors, nested or crossed.

    Rows are compressed to cross-products first, inside the engine unless ``data`` is a DataFrame; the fit is exact
    and costs as much as there are groups (Bates, Mächler, Bolker & Walker 2015, J. Stat. Softw. 67(1)).

    Parameters
    ----------
    formula : str
        Fixed part, as formulaic reads it: ``"csat ~ tools + C(channel) + log(wait)"``. In memory all of formulaic;
        inside an engine columns, arithmetic, log, exp, sqrt, abs and C(). True and false count as 1 and 0.
        The reference is the first category: in the order of a type that has one (Categorical of text, ENUM), else of
        the text; ``C(channel, contr.treatment("phone"))`` names another. Parquet keeps no order, and no categories of
        numbers: write ``C(n)``. Columns are centred where a constant is among them (``1 + x``, ``0 + C(x)``). Without
        one (``0 + x``) a response far from zero costs digits: of the 16 of the criterion twice
        log10(distance / residual SD).
    data : DataFrame, Narwhals LazyFrame, DuckDB relation, Polars or Spark frame, or Parquet path
        One row per observation. Rows with a missing value are left out and counted. An engine reads the rows several
        times: a sample or ``random()`` is stored first (``.to_table()``, ``.df()``); rows that differ are refused.
    random : mapping
        Grouping factor → its random effects, ``{"employee_id": "1 + tools", "customer_id": "1"}``. Effects of one
        text are correlated; a list of texts keeps them independent (``["1", "0 + tools"]``: without ``0`` a text holds
        an intercept). ``"site/team"`` is ``site`` and ``site:team``, whose levels are called ``north:a``; a key that
        holds a colon is quoted.
        Robust errors are clustered by the first factor: put the widest one first.
    reml : bool
        Restricted maximum likelihood (lme4's default), or maximum likelihood.
    weights : str, optional
        Column of precision weights: the row is a mean of so many answers, Var = sigma² / weight.
    frequencies : str, optional
        Column of counts: the row stands for so many identical rows.
    level : float
        Of the intervals.
    clustered : bool
        False leaves robust errors out (missing): for questions to variances or the criterion, which need none.

    Returns
    -------
    LmmFit

    Raises
    ------
    EstimationError
        A formula, column or design that no model can be fitted on; the message says which and what to do.

    Examples
    --------
    >>> fit = fit_lmm("csat ~ tools", frame, random={"employee_id": "1 + tools"})  # doctest: +SKIP
    """
    return begin_lmm(
        formula, data, random, reml=reml, weights=weights, frequencies=frequencies, level=level, clustered=clustered
    )()


def begin_lmm(
    formula: str,
    data: Any,
    random: Mapping[str, str | Sequence[str]],
    *,
    reml: bool = True,
    weights: str | None = None,
    frequencies: str | None = None,
    level: float = 0.95,
    clustered: bool = True,
) -> Callable[[], LmmFit]:
    """Read the rows of a model now and return what fits it: a function that may be called in another thread.

    An engine's connection answers one question at a time; the search that follows needs none.

    Parameters
    ----------
    formula, data, random, reml, weights, frequencies, level, clustered
        As in ``fit_lmm``.

    Returns
    -------
    callable, without arguments; returns the LmmFit

    Raises
    ------
    EstimationError
        As ``fit_lmm``: of columns and rows at once, of a design that no model can be fitted on by the callable.
    """
    if not isinstance(reml, bool | np.bool_):
        raise EstimationError(f"{formula}: reml is {reml!r}; give True (REML) or False (maximum likelihood).")
    model = read_model(formula, random, weights, frequencies)
    with one_thread():
        products = compress(model, data)

    def search() -> LmmFit:
        with one_thread():
            return fit_products(products, formula, reml=bool(reml), level=level, clustered=clustered)

    return search
