"""Step 04: multilevel models of single interactions, within and between apart, in several specifications (M23).

The same question is put to the data four ways. A mixed model on single answers with every aspect split into
within and between; two-way fixed effects on unit × wave means, which use the within part only; and, as a
warning, plain least squares that does not split. Where the first two agree, the choice of model is not
what drives the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from exlink.data.dataset import StudyData
from exlink.data.panel import MIN_UNITS, aspect_columns, column_label, panel_cells, smallest_slopes
from exlink.data.panel import focus_outcome as focus_outcome
from exlink.data.panel import within_reason as within_reason
from exlink.data.planted import planted_variances, with_planted
from exlink.data.planted import recovery as recovery
from exlink.errors import EstimationError
from exlink.stats.mixed import MixedFit, mixed_model
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.panel import panel_two_way
from exlink.stats.power import adjusted_verdict, minimum_detectable, p_in_words
from exlink.stats.tidy import TIDY
from exlink.steps.mixed_effects_rows import Design
from exlink.steps.mixed_effects_rows import design as design
from exlink.steps.mixed_effects_rows import mediator_lines as mediator_lines

MIXED, FIXED, NAIVE = "mixed model", "fixed effects", "naive pooled"
LANES = {MIXED: "within, mixed model", FIXED: "within, fixed effects", NAIVE: "naive: not split"}
COLUMNS = ["outcome", "effect", "specification", *TIDY, "model_error", "n_units", "message"]


@dataclass(frozen=True, slots=True, eq=False)
class Fits:
    """All specifications of all outcomes.

    effects : DataFrame     one row per aspect, outcome, effect (within, between, naive) and specification
    mixed : dict            outcome → the mixed model with EX
    without : dict          outcome → the same without EX
    failures : list of str  one line per model that could not be fitted
    """

    effects: pd.DataFrame
    mixed: dict[str, MixedFit]
    without: dict[str, MixedFit]
    failures: list[str]


def fit_all(data: StudyData, given: Design, *, reml: bool, smallest_share: float) -> Fits:
    """Fit every specification for every CX KPI.

    Returns
    -------
    Fits; ``effects`` has aspect (label), term (``ex_<aspect>``), outcome, effect, specification, tidy columns with
    errors clustered by unit (``std_error``, interval, p value), ``model_error`` (the model's own error),
    n_units, message (lme4's words), p_adjusted (Benjamini–Hochberg within effect and specification), p_words,
    verdict, clear, mde (of one test at 5 %, before the adjustment), planted_kind and planted (joint
    effect, for within rows of simulated data).
    """
    parts, mixed, without, failures = [], {}, {}, []
    for y in data.cx_kpis:
        rows = given.rows.dropna(subset=[y])
        if rows[data.unit].nunique() < MIN_UNITS:  # a variance of nine units says nothing, their slopes little
            failures.append(f"not assessed: models of {y} need at least {MIN_UNITS} {data.people} with answers")
            continue
        try:
            mixed[y] = mixed_model(rows, _formula(y, given.terms), data.unit, reml=reml)
            without[y] = mixed_model(rows, _formula(y, given.circumstances), data.unit, reml=reml)
            parts += _of_mixed(mixed[y], given, y)
            parts.append(_naive(rows, given, y, data))
        except EstimationError as error:
            failures.append(f"not assessed: {error}")
    if given.within:
        for y in data.cx_kpis:
            try:
                parts.append(_fixed(data, y))
            except EstimationError as error:
                failures.append(f"not assessed: {error}")
    found = pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)
    return Fits(_judged(data, found, smallest_share), mixed, without, failures)


def random_slope(data: StudyData, given: Design, outcome: str, fits: Fits, *, reml: bool) -> dict[str, object] | str:
    """Return whether the strongest aspect acts on everybody alike: a random slope, tested against none.

    Returns
    -------
    dict: aspect, estimate, sd (of slopes between units), low, high (where 95 % of units' slopes lie), p_value
    (mixture of χ² with 1 and 2 degrees of freedom), message, n_units. A string says why it is not assessed.
    """
    main = pd.concat([strongest(fits.effects, outcome, verdict) for verdict in ("higher", "lower")])
    main = main.sort_values("estimate", ascending=False, kind="stable", key=lambda e: e.abs())
    if main.empty or outcome not in fits.mixed:
        return f"not assessed: no aspect is clear for {outcome}"
    term = f"{main['term'].iloc[0]}_within"
    rows = given.rows.dropna(subset=[outcome])
    try:
        fit = mixed_model(rows, _formula(outcome, given.terms), data.unit, slopes=term, reml=reml)
    except EstimationError as error:
        return f"not assessed: {error}"
    by = fit.varcorr[(fit.varcorr["term1"] == term)]
    sd = float(np.sqrt(max(by["value"].iloc[0], 0.0)))
    gain = max(2 * (fit.loglik - fits.mixed[outcome].loglik), 0.0)
    estimate = float(fit.fixef[term])
    return {
        "aspect": main["aspect"].iloc[0], "estimate": estimate, "sd": sd,
        "low": estimate - 1.96 * sd, "high": estimate + 1.96 * sd,
        "p_value": float(0.5 * stats.chi2.sf(gain, 1) + 0.5 * stats.chi2.sf(gain, 2)),
        "message": fit.message, "n_units": fit.n_groups,
    }  # fmt: skip


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


def variances(data: StudyData, fits: Fits) -> pd.DataFrame:
    """Return the variance components of every outcome, without EX in the model and with it.

    Returns
    -------
    DataFrame: outcome, component (words), without, with_ex (variances in squared points), accounted (share of the
    component that goes once EX is in), planted (without EX, simulated data), n_units. The unit's component
    holds its team's.
    """
    who = data.people.rstrip("s")
    rows = []
    for y, fit in fits.mixed.items():
        before = fits.without[y].varcorr.set_index("group")["value"]
        after = fit.varcorr.set_index("group")["value"]
        for group, component in ((data.unit, who), ("Residual", "single contact")):
            first, second = float(before[group]), float(after[group])
            rows.append({
                "outcome": y, "component": component, "without": first, "with_ex": second,
                "accounted": 1 - second / first if first > 0 else np.nan, "n_units": fit.n_groups,
            })  # fmt: skip
    out = pd.DataFrame(rows, columns=["outcome", "component", "without", "with_ex", "accounted", "n_units"])
    truth = planted_variances(data)
    out["planted"] = np.nan
    if truth is not None and who == "employee":
        nested = truth[truth["component"].isin(["employee", "team"])].groupby("outcome")["observed"].sum()
        out["planted"] = out["outcome"].map(nested).where(out["component"] == who)
    return out


def variance_reason(data: StudyData) -> str:
    """Return why variances of single answers cannot be told, or ``""``."""
    if data.has("interactions", "weight"):
        return "not assessed: a row of `interactions` is the average of several customers (column `weight`)"
    return ""


def checks(fits: Fits) -> pd.DataFrame:
    """Return what a reader of models asks first, per outcome.

    Returns
    -------
    DataFrame: outcome, n, n_units, icc, loglik, inflation (clustered over model error, median over the EX terms),
    converged, message (lme4's words, 'none' when there is nothing to say).
    """
    rows = [
        {"outcome": y, "n": f.n_rows, "n_units": f.n_groups, "icc": f.icc, "loglik": f.loglik,
         "inflation": _inflation(f), "converged": f.converged, "message": f.message or "none"}
        for y, f in fits.mixed.items()
    ]  # fmt: skip
    columns = ["outcome", "n", "n_units", "icc", "loglik", "inflation", "converged", "message"]
    return pd.DataFrame(rows, columns=columns)


def _formula(y: str, terms: list[str]) -> str:
    return f"{y} ~ {' + '.join(terms) if terms else '1'}"


def _inflation(fit: MixedFit) -> float:
    ex = fit.table["term"].str.startswith("ex_")
    return float((fit.robust_table["std_error"] / fit.table["std_error"])[ex].median()) if ex.any() else np.nan


def _of_mixed(fit: MixedFit, given: Design, y: str) -> list[pd.DataFrame]:
    own, robust = fit.table.set_index("term"), fit.robust_table.set_index("term")
    parts = []
    for effect, terms in (("within", given.within), ("between", given.between)):
        part = robust.loc[terms].reset_index()
        part["term"] = part["term"].str.removesuffix(f"_{effect}")
        parts.append(part.assign(
            outcome=y, effect=effect, specification=MIXED, model_error=own.loc[terms, "std_error"].to_numpy(),
            n_units=fit.n_groups, message=fit.message,
        ))  # fmt: skip
    return parts


def _naive(rows: pd.DataFrame, given: Design, y: str, data: StudyData) -> pd.DataFrame:
    """Return least squares on the aspects as they are, with the errors that take every row for independent."""
    import statsmodels.api as sm

    xs = [t.removesuffix("_between") for t in given.between]
    whole = [rows[f"{x}_within"] + rows[f"{x}_between"] for x in xs]
    exog = pd.concat([*whole, rows[given.circumstances]], axis=1)
    exog.columns = [*xs, *given.circumstances]
    if np.linalg.matrix_rank(exog.to_numpy() - exog.to_numpy().mean(axis=0)) < exog.shape[1]:
        raise EstimationError(f"{y}: the aspects and circumstances are collinear.")
    fit = sm.OLS(rows[y].astype(float), sm.add_constant(exog)).fit()
    bounds = fit.conf_int()
    return pd.DataFrame({
        "term": xs, "estimate": fit.params[xs].to_numpy(), "std_error": fit.bse[xs].to_numpy(),
        "conf_low": bounds.loc[xs, 0].to_numpy(), "conf_high": bounds.loc[xs, 1].to_numpy(),
        "p_value": fit.pvalues[xs].to_numpy(), "n": len(rows), "outcome": y, "effect": "naive",
        "specification": NAIVE, "model_error": fit.bse[xs].to_numpy(), "n_units": rows[data.unit].nunique(),
        "message": "",
    })  # fmt: skip


def _fixed(data: StudyData, y: str) -> pd.DataFrame:
    """Return two-way fixed effects on unit × wave means, all answers of the study."""
    cells = panel_cells(data)
    cells = cells[cells[f"n_{y}"] > 0]
    frame = cells.assign(**{y: cells[f"sum_{y}"] / cells[f"n_{y}"]})
    fit = panel_two_way(frame, y, aspect_columns(data), data.unit, "wave", weights=f"n_{y}")
    return fit.table.assign(
        outcome=y, effect="within", specification=FIXED, model_error=np.nan, message="",
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
    found = with_planted(found, data, "joint").rename(columns={"kind": "planted_kind"})
    # the joint truth is about change within persons; what is planted between them is stated one aspect at a time
    found["planted"] = found["planted"].where(found["effect"] != "between")
    return found[["aspect", *[c for c in found.columns if c != "aspect"]]]
