"""The specifications of step 04: the mixed model, two-way fixed effects, and plain least squares as a warning."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import MIN_UNITS, aspect_columns, column_label, panel_cells, smallest_slopes
from exlink.data.planted import with_planted
from exlink.errors import EstimationError
from exlink.stats.lmm import LmmFit, begin_lmm
from exlink.stats.lmm.variance_intervals import variance_intervals
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.panel import panel_two_way
from exlink.stats.power import adjusted_verdict, minimum_detectable, p_in_words
from exlink.stats.tidy import TIDY
from exlink.steps.mixed_effects.few import too_few_changes
from exlink.steps.mixed_effects.independent import independent_of
from exlink.steps.mixed_effects.rows import CUSTOMER, Design

MIXED, FIXED, NAIVE = "mixed model", "fixed effects", "naive pooled"
LANES = {MIXED: "within, mixed model", FIXED: "within, fixed effects", NAIVE: "naive: not split"}
BOUNDS = ["variance_low", "variance_high", "share_low", "share_high"]
OWN = {"std_error": "model_error", "conf_low": "model_low", "conf_high": "model_high", "p_value": "model_p"}
COLUMNS = ["outcome", "effect", "specification", *TIDY, *OWN.values(), "n_units", "message"]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What is kept of a mixed model; the cross-products it came from are let go, because they are large.

    terms : list of str            of the fixed part, without the intercept
    table, robust_table : DataFrame    tidy rows by model error, and by errors clustered by unit
    variances : Series             variance by grouping factor and 'Residual', in squared points
    bounds : DataFrame or None     by the same: variance_low, variance_high, share_low, share_high (95 %), method; None
                                   of models with EX, whose variances are compared and not judged
    icc : Series                   share of each grouping factor
    levels : Series of int         units, customers
    r2_marginal, r2_conditional, loglik : float
    n : int                        answers
    is_singular, converged : bool
    message : str                  what the fit warns of in words, empty when there is nothing to say
    """

    terms: list[str]
    table: pd.DataFrame
    robust_table: pd.DataFrame
    variances: pd.Series
    bounds: pd.DataFrame | None
    icc: pd.Series
    levels: pd.Series
    r2_marginal: float
    r2_conditional: float
    loglik: float
    n: int
    is_singular: bool
    converged: bool
    message: str

    @property
    def n_units(self) -> int:
        """Return the number of units."""
        return int(self.levels.iloc[0])

    @property
    def n_customers(self) -> int | None:
        """Return the number of customers, None where they have no effect of their own."""
        return int(self.levels[CUSTOMER]) if CUSTOMER in self.levels else None


Both = tuple[Fitted, Fitted, LmmFit | None]  # with EX, without it, and the fit with EX where it is kept


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """All specifications of all outcomes.

    effects : DataFrame     one row per aspect, outcome, effect (within, between, naive) and specification
    mixed : dict            outcome → the mixed model with EX
    without : dict          outcome → the same without EX
    failures : list of str  one line per model that could not be fitted
    kept : dict             outcome → the whole fit with EX, of the one outcome that was asked for: further questions
                            are put to it, and two would not fit into a laptop beside each other
    """

    effects: pd.DataFrame
    mixed: dict[str, Fitted]
    without: dict[str, Fitted]
    failures: list[str]
    kept: dict[str, LmmFit]


def fit_all(data: StudyData, given: Design, *, reml: bool, smallest_share: float, keep: str = "") -> Fits:
    """Fit every specification for every CX KPI.

    Parameters
    ----------
    smallest_share : float
        The smallest effect that matters, as a share of the KPI's scale per point of the aspect.
    keep : str
        The outcome whose whole fit is kept.

    Returns
    -------
    Fits; ``effects`` has aspect (label), term (``ex_<aspect>``), outcome, effect, specification, tidy columns with
    errors clustered by unit (``std_error``, interval, p value), ``model_error`` (the model's own error),
    n_units, message (warnings in words), p_adjusted (Benjamini–Hochberg within effect and specification), p_words,
    verdict, clear, model_verdict (of mixed models, with their own errors in place of the clustered ones), mde (of
    one test at 5 %, before the adjustment), planted_kind and planted (joint effect, for within rows of simulated
    data).
    """
    parts, mixed, without, kept, failures = [], {}, {}, {}, []
    for y, begun in _begun(data, given, reml=reml, keep=keep).items():
        if isinstance(begun, str):
            failures.append(begun)
            continue
        try:
            mixed[y], without[y], fit = begun.result()
            kept |= {} if fit is None else {y: fit}
            parts += _of_mixed(mixed[y], given, y)
            parts.append(_naive(given, y))
        except EstimationError as error:
            failures.append(f"not assessed: {given.worded(error)}")
    if given.within:
        for y in data.cx_kpis:
            try:
                parts.append(_fixed(data, y))
            except EstimationError as error:
                failures.append(f"not assessed: {given.worded(error)}")
    found = pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS) if parts else pd.DataFrame(columns=COLUMNS)
    return Fits(_judged(data, found, smallest_share), mixed, without, failures, kept)


def formula_of(outcome: str, terms: list[str]) -> str:
    """Return the fixed part of a model as a formula."""
    return f"{outcome} ~ {' + '.join(terms) if terms else '1'}"


def strongest(effects: pd.DataFrame, outcome: str, verdict: str = "higher") -> pd.DataFrame:
    """Return the effects of the mixed model within units that are clearly 'higher' or 'lower', the farthest first."""
    chosen = effects[(effects["outcome"] == outcome) & (effects["verdict"] == verdict)]
    chosen = chosen[(chosen["specification"] == MIXED) & (chosen["effect"] == "within")]
    up = verdict != "higher"
    return chosen.sort_values(["estimate", "aspect"], ascending=[up, True], kind="stable", ignore_index=True)


def lanes(effects: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Return the specifications of one outcome side by side, aspects in the order of the mixed model's effects."""
    part = effects[(effects["outcome"] == outcome) & effects["estimate"].notna()]
    part = part[part["effect"] != "between"] if (part["effect"] == "within").any() else part
    words = LANES if (part["effect"] == "within").any() else {MIXED: "between, mixed model", NAIVE: LANES[NAIVE]}
    order = part[part["specification"] == MIXED].sort_values("estimate", ascending=False, kind="stable")["aspect"]
    places = {a: k for k, a in enumerate(order)}
    turn = {name: k for k, name in enumerate(LANES)}
    part = part.assign(lane=part["specification"].map(words), place=part["aspect"].map(places).fillna(len(places)),
                       turn=part["specification"].map(turn))  # fmt: skip
    columns = ["aspect", "lane", *TIDY[1:], "model_error", "n_units", "planted"]
    return part.sort_values(["place", "turn"], ignore_index=True)[columns]


def _begun(data: StudyData, given: Design, *, reml: bool, keep: str) -> dict[str, Future[Both] | str]:
    """Return per KPI its models, or a line on why there are none; while one KPI is fitted the next one's rows are read.

    Never more than two: their cross-products are large.
    """
    found: dict[str, Future[Both] | str] = {}
    under_way: list[Future[Both]] = []
    with ThreadPoolExecutor(max_workers=1) as beside:
        for y in data.cx_kpis:
            answering = given.answered(y).select(nw.col(given.unit).n_unique()).collect().item()
            if answering < MIN_UNITS:  # a variance of nine units says nothing, their slopes little
                found[y] = f"not assessed: models of {y} need at least {MIN_UNITS} {data.people} with answers"
                continue
            wait(under_way[:-1])
            try:
                search = _read(given, y, reml=reml)
            except EstimationError as error:
                found[y] = f"not assessed: {given.worded(error)}"
                continue
            found[y] = beside.submit(_fitted, search, given, whole=y == keep)
            under_way.append(found[y])
    return found


def _read(given: Design, y: str, *, reml: bool) -> Callable[[], LmmFit]:
    """Return what fits the model of one outcome with EX, its rows read."""
    return begin_lmm(formula_of(y, given.usable(y)), given.source, given.random, reml=reml, weights=given.weights)


def _fitted(search: Callable[[], LmmFit], given: Design, *, whole: bool) -> Both:
    """Return what is kept of a model with EX and of the one without, and the fit itself where the whole is asked."""
    fit = search()
    return *_with_and_without(fit, given), fit if whole else None


def _with_and_without(fit: LmmFit, given: Design) -> tuple[Fitted, Fitted]:
    """Return what is kept of the model with EX, and of the one without it from the same cross-products."""
    terms = [t for t in given.terms if t in fit.fixef.index]
    ex = [t for t in terms if t not in given.circumstances]
    # EX may repeat the circumstances of those who answered this KPI; only variances are asked of the model without it
    before = fit.without(*ex, clustered=False) if ex else fit
    bounds = variance_intervals(before).set_index("group")[[*BOUNDS, "method"]]
    return _kept(fit, terms, given), _kept(before, [t for t in terms if t not in ex], given, bounds)


def _kept(fit: LmmFit, terms: list[str], given: Design, bounds: pd.DataFrame | None = None) -> Fitted:
    return Fitted(
        terms, fit.table, fit.robust_table, fit.varcorr.set_index("group")["value"],
        bounds, fit.icc, fit.ngroups,
        fit.r2_marginal, fit.r2_conditional, fit.loglik, fit.nobs, fit.is_singular, fit.converged,
        given.worded(fit.message),
    )  # fmt: skip


def _of_mixed(fit: Fitted, given: Design, y: str) -> list[pd.DataFrame]:
    own, robust = fit.table.set_index("term"), fit.robust_table.set_index("term")
    parts = []
    for effect, all_terms in (("within", given.within), ("between", given.between)):
        terms = [t for t in all_terms if t in fit.terms]
        part = robust.loc[terms].reset_index()
        part["term"] = part["term"].str.removesuffix(f"_{effect}")
        by_model = {name: own.loc[terms, column].to_numpy() for column, name in OWN.items()}
        parts.append(part.assign(
            outcome=y, effect=effect, specification=MIXED, n_units=fit.n_units, message=fit.message, **by_model,
        ))  # fmt: skip
    return parts


def _naive(given: Design, y: str) -> pd.DataFrame:
    """Return least squares on the aspects as they are, with the errors that take every row for independent."""
    import statsmodels.api as sm

    rows = given.fetched(y)
    xs = [t.removesuffix("_between") for t in given.between]
    whole = {x: rows[f"{x}_within"] + rows[f"{x}_between"] for x in xs}
    exog = pd.concat([pd.DataFrame(whole, index=rows.index), rows[given.circumstances]], axis=1)
    kept = independent_of(exog, list(exog.columns))
    if not set(xs) <= set(kept):
        raise EstimationError(f"{y}: the aspects are collinear.")
    fit = sm.OLS(rows[y].astype(float), sm.add_constant(exog[kept])).fit()
    bounds = fit.conf_int()
    return pd.DataFrame({
        "term": xs, "estimate": fit.params[xs].to_numpy(), "std_error": fit.bse[xs].to_numpy(),
        "conf_low": bounds.loc[xs, 0].to_numpy(), "conf_high": bounds.loc[xs, 1].to_numpy(),
        "p_value": fit.pvalues[xs].to_numpy(), "n": len(rows), "outcome": y, "effect": "naive",
        "specification": NAIVE, "model_error": fit.bse[xs].to_numpy(), "n_units": rows[given.unit].nunique(),
        "message": "",
    })  # fmt: skip


def _fixed(data: StudyData, y: str) -> pd.DataFrame:
    """Return two-way fixed effects on unit × wave means, all answers of the study."""
    cells = panel_cells(data)
    cells = cells[cells[f"n_{y}"] > 0]
    frame = cells.assign(**{y: cells[f"sum_{y}"] / cells[f"n_{y}"]})
    known = frame[frame[aspect_columns(data)].notna().all(axis=1)]
    changes = len(known) - known[data.unit].nunique()
    if few := too_few_changes(changes, len(aspect_columns(data)), data.people):
        raise EstimationError(f"fixed effects on {y}: {few.removeprefix('not assessed: ')}")
    fit = panel_two_way(frame, y, aspect_columns(data), data.unit, "wave", weights=f"n_{y}")
    return fit.table.assign(
        outcome=y, effect="within", specification=FIXED, message="",
        n=int(frame.loc[frame[aspect_columns(data)].notna().all(axis=1), f"n_{y}"].sum()),
    )  # fmt: skip


def _judged(data: StudyData, found: pd.DataFrame, smallest_share: float) -> pd.DataFrame:
    family = found["effect"] + found["specification"]
    found = found.assign(
        aspect=found["term"].map(lambda t: column_label(data, t)),
        p_adjusted=benjamini_hochberg(found["p_value"].astype(float), family=family),
        smallest=found["outcome"].map(smallest_slopes(data, smallest_share)),
        mde=minimum_detectable(found["std_error"].to_numpy(dtype=float)),
    )
    found["p_words"] = found["p_adjusted"].map(p_in_words)
    found["verdict"] = [
        adjusted_verdict(r.estimate, r.conf_low, r.conf_high, r.p_adjusted, r.smallest) for r in found.itertuples()
    ]
    found["clear"] = found["verdict"].isin(["higher", "lower"])
    found["model_verdict"] = _by_model(found, family)
    found = with_planted(found.drop(columns=["model_low", "model_high", "model_p"]), data, "joint")
    found = found.rename(columns={"kind": "planted_kind"})
    # the joint truth is about change within persons; what is planted between them is stated one aspect at a time
    found["planted"] = found["planted"].where(found["effect"] != "between")
    return found[["aspect", *[c for c in found.columns if c != "aspect"]]]


def _by_model(found: pd.DataFrame, family: pd.Series) -> list[str]:
    """Return the verdicts of mixed models with their own errors in place of the clustered ones."""
    adjusted = benjamini_hochberg(found["model_p"].astype(float), family=family)
    return [
        adjusted_verdict(r.estimate, r.model_low, r.model_high, p, r.smallest) if r.specification == MIXED else ""
        for r, p in zip(found.itertuples(), adjusted, strict=True)
    ]
