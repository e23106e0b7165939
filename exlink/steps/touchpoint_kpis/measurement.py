"""Whether work complexity and behavioural norms are two things, and the same two for every role (M9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from exlink.data.aspects import BEHAVIOURAL_NORMS, WORK_COMPLEXITY
from exlink.data.dataset import StudyData
from exlink.data.exposures import slug
from exlink.data.panel import aspect_columns, column_label
from exlink.data.wording import in_words
from exlink.errors import EstimationError, ParameterError, did_you_mean
from exlink.stats.blocks import ACROSS, block_correlations
from exlink.stats.cfa import FEWEST_PER_FACTOR, CfaFit, compare, configural, fit_cfa
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.omega import mcdonald_omega
from exlink.stats.tidy import tidy_frame

COMPLEXITY, NORMS = "work complexity", "behavioural norms"
USUAL = {COMPLEXITY: WORK_COMPLEXITY, NORMS: BEHAVIOURAL_NORMS}
FEWEST_PEOPLE = 100  # below which loadings of a group are too loose to be compared
GOOD_CFI, GOOD_RMSEA, GOOD_SRMR = 0.95, 0.06, 0.08  # Hu & Bentler 1999
SMALL_CFI = 0.01  # a loss below this counts as invariance (Cheung & Rensvold 2002)
ALPHA = 0.05  # of the χ² of the difference, which must agree with the loss of CFI
SEED = 902
LOADINGS = ["factor", "aspect", "estimate", "conf_low", "conf_high", "n", "planted"]
FIT = ["model", "chisq", "df", "p_value", "cfi", "tli", "rmsea", "rmsea_low", "rmsea_high", "srmr", "aic", "n"]
BLOCKS = ["pairs", "estimate", "conf_low", "conf_high", "n_pairs", "omega", "omega_low", "omega_high", "n"]
DIFFERENCES = ["aspect", "groups", "estimate", "conf_low", "conf_high", "p_adjusted", "n"]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the measurement model says; only ``reason`` is filled where it cannot be had.

    reason : str            why there is none, or ''
    means : DataFrame       persons' means of the aspects
    factors : dict          factor → its columns
    two, one : CfaFit       two correlated factors; one factor for everything
    blocks : DataFrame      mean correlations inside and across the two
    """

    reason: str
    means: pd.DataFrame | None = None
    factors: dict[str, list[str]] | None = None
    two: CfaFit | None = None
    one: CfaFit | None = None
    blocks: pd.DataFrame | None = None


def chosen_factors(data: StudyData, complexity: Sequence[str], norms: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of both factors: as named in the notebook, else those of ``USUAL`` the study asks about.

    Raises
    ------
    ParameterError
        A named aspect is not in the study, or is named twice.
    """
    out, seen = {}, set()
    for factor, named in ((COMPLEXITY, complexity), (NORMS, norms)):
        for aspect in named:
            if slug(aspect) not in data.aspects:
                near = did_you_mean(slug(aspect), data.aspects)
                raise ParameterError(f"{factor} names the aspect '{aspect}', which the study does not ask about.{near}")
        chosen = [slug(a) for a in named] or [a for a in USUAL[factor] if a in data.aspects]
        if twice := seen & set(chosen):
            raise ParameterError(f"{in_words(sorted(twice))} is named for both factors; an aspect belongs to one.")
        seen |= set(chosen)
        out[factor] = [f"ex_{a}" for a in chosen]
    return out


def measure(data: StudyData, complexity: Sequence[str] = (), norms: Sequence[str] = ()) -> Measured:
    """Return the two-factor model of persons' means over all waves, beside the model with one factor."""
    factors = chosen_factors(data, complexity, norms)
    for factor, columns in factors.items():
        if len(columns) < FEWEST_PER_FACTOR:
            found = in_words([column_label(data, c) for c in columns])
            return Measured(
                f"not assessed: {factor} needs {FEWEST_PER_FACTOR} aspects; found among those of the study: {found}. "
                "Name them in the parameters `complexity` and `norms`."
            )
    used = [c for columns in factors.values() for c in columns]
    means = data.exposures().groupby(data.unit, sort=True)[used].mean()
    try:
        two = fit_cfa(means, factors)
        one = fit_cfa(means, {"one": used})
        blocks = block_correlations(means, factors, seed=SEED)
    except EstimationError as error:
        return Measured(f"not assessed: {error}")
    return Measured("", means, factors, two, one, blocks)


def loading_rows(data: StudyData, found: Measured) -> pd.DataFrame:
    """Return the standardised loadings: factor, aspect, estimate, conf_low, conf_high, n, planted factor ('' if real).

    Those of a factor that cannot be told are empty: a loading above one with an interval of hundreds says nothing.
    """
    if found.reason:
        return pd.DataFrame(columns=LOADINGS)
    frame = found.two.loadings.rename(columns={"item": "column"})
    untold = frame["factor"].isin(untold_factors(found.two, found.factors))
    frame.loc[untold, ["estimate", "conf_low", "conf_high"]] = float("nan")
    planted = {e["aspect"]: e["factor"] for e in (data.truth or {}).get("effects", [])}
    frame["aspect"] = [column_label(data, c) for c in frame["column"]]
    frame["planted"] = [planted.get(c.removeprefix("ex_"), "") for c in frame["column"]]
    return frame[LOADINGS]


def fit_rows(found: Measured) -> pd.DataFrame:
    """Return the fit of one and of two factors: model, chi² with df and p, CFI, TLI, RMSEA with interval, SRMR, n."""
    fits = {} if found.reason else {"one factor": found.one, "two factors": found.two}
    rows = [{"model": name, **fit.measures[FIT[1:]].to_dict()} for name, fit in fits.items()]
    return pd.DataFrame(rows, columns=FIT).astype({"n": int})


def block_rows(found: Measured) -> pd.DataFrame:
    """Return mean correlations of aspects inside each factor and across the two, and omega of each factor's sum.

    Returns
    -------
    DataFrame: pairs (in words), estimate, conf_low, conf_high, n_pairs, omega, omega_low, omega_high (NaN across, and
    where no single factor stands behind the aspects or the two-factor model cannot tell it), n.
    """
    if found.reason:
        return pd.DataFrame(columns=BLOCKS)
    words = {ACROSS: "across the two"} | {f: f"within {f}" for f in found.factors}
    frame = found.blocks.assign(pairs=found.blocks["term"].map(words))
    omegas, untold = {}, untold_factors(found.two, found.factors)
    for factor, columns in found.factors.items():
        if factor in untold:  # a reliable score of a factor that is not there would say the opposite of the model
            continue
        try:
            row = mcdonald_omega(found.means[columns]).iloc[0]
        except EstimationError:  # the measurement sentence says for which factor there is no single score
            continue
        omegas[factor] = (row["estimate"], row["conf_low"], row["conf_high"])
    known = [omegas.get(term, (float("nan"),) * 3) for term in frame["term"]]
    frame[["omega", "omega_low", "omega_high"]] = known
    return frame[BLOCKS]


def measurement_sentence(data: StudyData, found: Measured) -> str:
    """Say whether two factors are needed, whether the model fits, and what cannot be told; '' without a model."""
    if found.reason:
        return ""
    difference, m = compare(found.one, found.two), found.two.measures
    better = "better than" if difference["p_value"] < ALPHA else "no better than"
    numbers = (
        f"(χ² of the difference {difference['chisq']:.1f}, {difference['df']:.0f} degree of freedom, "
        f"{_p(difference['p_value'])}; {m['n']:.0f} {data.people})"
    )
    doubts = _doubts(data, found)
    if doubts:
        said = f"**Whether two factors stand behind the answers is inconclusive**: {doubts} "
        said += f"By the numbers alone two factors describe the answers {better} one {numbers}. {_model_free(found)}"
    else:
        said = f"**Two factors describe the answers {better} one** {numbers}."
    good = m["cfi"] >= GOOD_CFI and m["rmsea"] <= GOOD_RMSEA and m["srmr"] <= GOOD_SRMR
    said += (
        f" The two-factor model {'fits' if good else 'does not reach every usual mark of fit'}: CFI {m['cfi']:.2f}, "
        f"RMSEA {m['rmsea']:.2f} ({m['rmsea_low']:.2f} to {m['rmsea_high']:.2f}), SRMR {m['srmr']:.2f}."
    )
    if not doubts:  # else the correlation hangs on a loading that is not known
        r = found.two.correlations.iloc[0]
        low, high = max(r["conf_low"], -1.0), min(r["conf_high"], 1.0)
        said += f" The factors correlate {r['estimate']:.2f} ({low:.2f} to {high:.2f})."
    if data.unit == "employee_id":
        said += " Errors take people as independent, and members of a team are not: p and intervals are too sure."
    return said


def _doubts(data: StudyData, found: Measured) -> str:
    """Return why the solution cannot be relied on, in a sentence, or ''."""
    if not found.two.converged:
        return "the fit did not settle, so nothing of it is to be relied on."
    if not found.two.improper:
        return ""
    names = in_words([column_label(data, c) for c in found.two.improper])
    lost = in_words(untold_factors(found.two, found.factors))
    return (
        f"the loadings of {lost} cannot be told, since the other aspects share so little with {names} that its loading "
        "comes out above one. Read these aspects one by one; no score of that factor is safe."
    )


def _model_free(found: Measured) -> str:
    """Say what the mean correlations say, which need no model."""
    rows = found.blocks.set_index("term")
    across, inside = rows.loc[ACROSS], rows.drop(index=ACROSS)
    apart = (inside["conf_low"] > across["conf_high"]).all()
    values = in_words([f"{r.estimate:.2f} within {term}" for term, r in inside.iterrows()])
    return (
        f"Without any model, aspects correlate {values}, and {across['estimate']:.2f} across the two: "
        f"{'more inside than across' if apart else 'the intervals overlap'}."
    )


def planted_sentence(data: StudyData, found: Measured) -> str:
    """Say how many aspects stand under the factor they were planted on; '' for real data."""
    if found.reason or data.truth is None:
        return ""
    rows = loading_rows(data, found)
    known = rows[rows["planted"] != ""]
    right = sum(row.planted in row.factor for row in known.itertuples())
    return f"Planted in this simulated study: {right} of {len(known)} aspects on the factor they stand under here."


def untold_factors(fit: CfaFit, factors: dict[str, list[str]]) -> list[str]:
    """Return the factors one of whose aspects came out with a residual variance below zero."""
    return [factor for factor, columns in factors.items() if set(columns) & set(fit.improper)]


def role_groups(data: StudyData, found: Measured) -> pd.Series:
    """Return each person's group: roles of at least ``FEWEST_PEOPLE``, all others together if these are as many."""
    roles = data.frame("employees", ["employee_id", "role"]).set_index("employee_id")["role"]
    roles = roles.reindex(found.means.dropna().index)
    sizes = roles.value_counts()
    small = sizes.index[sizes < FEWEST_PEOPLE]
    roles = roles.where(~roles.isin(small), "other roles")
    return roles.where(roles != "other roles") if sizes[small].sum() < FEWEST_PEOPLE else roles


def invariance(data: StudyData, found: Measured) -> tuple[str, pd.DataFrame]:
    """Return whether roles share the loadings, in words, and the differences of loadings.

    Returns
    -------
    sentence : the verdict, which ΔCFI and χ² of the difference must agree on, or the line that says what is missing.
    frame : aspect, groups, estimate (difference of standardised loadings), conf_low, conf_high, p_adjusted (BH), n;
        empty where there are fewer than two groups.
    """
    empty = pd.DataFrame(columns=DIFFERENCES)
    if found.reason:
        return "", empty
    if data.unit == "team_id":
        return "not assessed: needs `employees.role`; this study links at the level of teams", empty
    groups = role_groups(data, found)
    if groups.nunique() < 2:
        return f"not assessed: needs two groups of roles with {FEWEST_PEOPLE} people each", empty
    frame = found.means.dropna().assign(group=groups).dropna()
    try:
        free, equal = configural(frame, found.factors, "group"), fit_cfa(frame, found.factors, group="group")
    except EstimationError as error:
        return f"not assessed: {error}", empty
    loss = free.measures["cfi"] - equal.measures["cfi"]
    test = compare(equal, free)
    numbers = (
        f"equal loadings cost {max(loss, 0):.3f} CFI; χ² of the difference {test['chisq']:.1f}, {test['df']:.0f} "
        f"degrees of freedom, {_p(test['p_value'])}"
    )
    sizes = in_words([f"{name} ({n})" for name, n in groups.value_counts().sort_index().items()])
    if free.improper or not (free.converged and equal.converged):
        verdict = "**Whether roles share the loadings is inconclusive**: in one of the groups a factor cannot be told"
    elif loss > SMALL_CFI and test["p_value"] < ALPHA:
        verdict = "**The factors do not mean the same for all roles**: comparing their factor scores is not safe"
    elif loss > SMALL_CFI or test["p_value"] < ALPHA:
        verdict = f"**Whether roles share the loadings is inconclusive**: CFI (mark {SMALL_CFI}) and χ² disagree"
    else:
        verdict = "**No difference of loadings between roles was found**, which is no proof that there is none"
    return f"{verdict} ({numbers}). Groups: {sizes}.", _differences(data, free, found.factors)


def _differences(data: StudyData, free: CfaFit, factors: dict[str, list[str]]) -> pd.DataFrame:
    """Return the difference of each loading that can be told between the first group and every other one."""
    loadings = free.loadings[~free.loadings["factor"].isin(untold_factors(free, factors))]
    names = list(dict.fromkeys(loadings["group"]))
    by = {name: loadings[loadings["group"] == name].reset_index(drop=True) for name in names}
    parts = []
    for name in names[1:]:
        first = by[names[0]]
        other = by[name]
        error = (first["std_error"] ** 2 + other["std_error"] ** 2) ** 0.5
        part = tidy_frame("difference", first["estimate"] - other["estimate"], error, first["n"] + other["n"])
        part["aspect"] = [column_label(data, c) for c in first["item"]]
        parts.append(part.assign(groups=f"{names[0]} minus {name}"))
    if not parts:
        return pd.DataFrame(columns=DIFFERENCES)
    out = pd.concat(parts, ignore_index=True)
    out["p_adjusted"] = benjamini_hochberg(out["p_value"])
    return out[DIFFERENCES]


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def unused(data: StudyData, found: Measured) -> list[str]:
    """Return the aspects that belong to neither factor."""
    inside = {c for columns in (found.factors or {}).values() for c in columns}
    return [column_label(data, c) for c in aspect_columns(data) if c not in inside]
