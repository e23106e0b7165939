"""Step 04 in sentences: what the models say, how far they agree, and what the wrong model would have said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import in_words, signed
from exlink.steps.mixed_effects.check import agrees
from exlink.steps.mixed_effects.labels import in_labels
from exlink.steps.mixed_effects.models import FIXED, MIXED, NAIVE, Fits, strongest
from exlink.steps.mixed_effects.rows import SAMPLE, Design
from exlink.steps.mixed_effects.variances import CONTACT


def rows_sentence(data: StudyData, given: Design) -> str:
    """Return what the models rest on, and whom they give an effect of their own."""
    used = "all linked answers"
    if given.share < 1:
        used = f"a fixed sample of {given.share:.1%} of the customers, with all of their linked answers"
    crossed = f" from {given.customers:,} customers" if not given.alone else ""
    whose = f"{data.people} and customers" if crossed else data.people
    lines = "".join(f" {line[0].upper()}{line[1:]}." for line in [given.alone, *given.left_out] if line)
    naive = f" Plain least squares uses a fixed sample of about {SAMPLE:,} of them." if given.answers > SAMPLE else ""
    return (
        f"The mixed models rest on **{given.answers:,} answers that {given.units:,} {data.people} got{crossed}** "
        f"({used}) and give {whose} effects of their own; the fixed-effects models rest on the averages of all linked "
        f"answers.{naive}{lines}"
    )


def effects_sentence(effects: pd.DataFrame, outcome: str, people: str) -> str:
    """Return what moves one outcome within the same people, all aspects in one model."""
    part = _of(effects, outcome, MIXED, "within")
    seen = (
        f"An effect of {np.nanmedian(part['mde']):.2f} points would have been found in four of five tries before "
        "adjustment for many tests; with it, it must be larger."
    )
    up, down = (strongest(effects, outcome, verdict) for verdict in ("higher", "lower"))
    if up.empty and down.empty:
        return f"**No aspect clearly moves customers' {outcome} within the same {people}.** {_rest(part)} {seen}"
    moves = [
        f"{word} within the same {people} by {in_words([_per_point(r) for r in rows.itertuples()])}"
        for word, rows in (("rises", up), ("falls", down)) if len(rows)
    ]  # fmt: skip
    against = " A fall where experience gets better is against what one would expect." if len(down) else ""
    return (
        f"**With all aspects in one model, customers' {outcome} {', and '.join(moves)}.**{against} {_rest(part)} {seen}"
    )


def _per_point(row: Any) -> str:  # a row of itertuples, which has no type of its own
    """Return the size of an effect with its interval, both without the sign that the verb carries."""
    low, high = sorted((abs(row.conf_low), abs(row.conf_high)))
    return f"{abs(row.estimate):.2f} ({low:.2f} to {high:.2f}) per point of {row.aspect}"


def _rest(part: pd.DataFrame) -> str:
    none = list(part.loc[part["verdict"] == "no meaningful association", "aspect"])
    open_ = list(part.loc[part["verdict"] == "inconclusive", "aspect"])
    said = f"No effect that matters: {in_words(none)}." if none else ""
    return f"{said} Inconclusive: {in_words(open_)}." if open_ else said


def agreement_sentence(effects: pd.DataFrame, outcome: str, people: str) -> str:
    """Return how far mixed model and fixed effects differ, and on which aspects they come to different verdicts."""
    first = _of(effects, outcome, MIXED, "within").set_index("aspect")
    second = _of(effects, outcome, FIXED, "within").set_index("aspect").reindex(first.index)
    if first.empty:
        return "Without change within, there is only one way to put the question."
    gap = (first["estimate"] - second["estimate"]).abs()
    if gap.dropna().empty:
        return "The two ways to estimate the effects within cannot be compared here."
    both = gap.notna()
    first, second = first[both], second[both]
    apart = [
        f"{a} (‘{_verdict(first, a)}’ in the mixed model, ‘{_verdict(second, a)}’ with fixed effects)"
        for a in first.index[first["verdict"] != second["verdict"]]
    ]
    parted = f" They part on {in_words(apart)}." if apart else ""
    alone = (
        f" {in_words(list(gap.index[~both]))} could be estimated in one of the two ways only." if not both.all() else ""
    )
    return (
        f"**On {len(first) - len(apart)} of {len(first)} aspects the two ways to compare the same {people} with "
        f"themselves, mixed model and fixed effects, come to the same verdict.**{parted} Their estimates differ by at "
        f"most {gap.max():.2f} points ({gap.idxmax()}); what chance alone may do to one of them is usually "
        f"{1.96 * first['std_error'].median():.2f} points up or down.{alone}"
    )


def errors_matter_sentence(effects: pd.DataFrame) -> str:
    """Return which verdicts rest on the kind of errors: clustered, as the page shows them, or the model's own."""
    mixed = effects[effects["specification"] == MIXED]
    apart = mixed[mixed["verdict"] != mixed["model_verdict"]]
    if mixed.empty:
        return ""
    if apart.empty:
        return f"None of the {len(mixed)} verdicts depends on which of the two is used."
    each = [
        f"{r.aspect} on {r.outcome}, {r.effect} (‘{r.verdict}’ here, ‘{r.model_verdict}’ with the model's own error)"
        for r in apart.itertuples()
    ]
    rest = "the other" if len(apart) == 1 else "the others"
    return f"{len(mixed) - len(apart)} of {len(mixed)} verdicts are the same with either; {rest}: {in_words(each)}."


def _verdict(table: pd.DataFrame, aspect: str) -> str:
    return str(table.loc[aspect, "verdict"])


def naive_sentence(effects: pd.DataFrame, outcome: str, people: str) -> str:
    """Return what a model that does not split would have claimed."""
    naive = _of(effects, outcome, NAIVE, "naive").set_index("aspect")
    within = _of(effects, outcome, MIXED, "within").set_index("aspect").reindex(naive.index)
    if naive.empty or within["estimate"].isna().all():
        return f"The naive model differs in its errors only: it takes answers about the same {people} for independent."
    same = within["clear"].astype(bool) & (np.sign(within["estimate"]) == np.sign(naive["estimate"]))
    claimed = naive[(naive["p_adjusted"] < 0.05) & ~same]
    if claimed.empty:
        return f"The naive model would not have claimed more for {outcome} than what holds within."
    each = [
        f"{a} ({signed(row['estimate'])}, within {signed(within.loc[a, 'estimate'])})" for a, row in claimed.iterrows()
    ]
    return (
        f"**The naive model would also have credited {in_words(each)}** with an effect on {outcome} that "
        f"is not shown when the same {people} are compared with themselves."
    )


def variance_sentence(parts: pd.DataFrame, outcome: str, people: str) -> str:
    """Return where the variance of answers sits, and how much of the differences EX accounts for."""
    by = parts[parts["outcome"] == outcome].set_index("component")
    if by.empty:
        return "not assessed: no model could be fitted"
    who, contact = by.iloc[0], by.loc[CONTACT]
    customers = ""
    if "customer" in by.index:
        customers = f", {_share(by.loc['customer'])} between customers, whoever serves them"
    of_who = (
        f"EX accounts for {_accounted(who['accounted'], '.0%')} of what lies between {people}."
        if np.isfinite(who["accounted"])
        else f"Whether {people} differ at all is inconclusive, and so is what EX accounts for of it."
    )
    of_contact = (
        f" Of the variance of single contacts, EX accounts for {_accounted(contact['accounted'], '.1%')}."
        if np.isfinite(contact["accounted"])
        else ""
    )
    return (
        f"Circumstances taken out, **{_share(who)} of the variance of {outcome} lies between {people}**"
        f"{customers}; the rest differs from contact to contact. {of_who}{of_contact}"
    )


def _accounted(share: float, spec: str) -> str:
    """Return a share that EX accounts for; one below zero is none."""
    return format(max(share, 0.0), spec)


def _share(part: Mapping[str, Any] | pd.Series) -> str:
    """Return a share with its interval, where there is one."""
    known = np.isfinite(part["share_low"]) and np.isfinite(part["share_high"])
    interval = f" ({part['share_low']:.1%} to {part['share_high']:.1%})" if known else ""
    return f"{part['share']:.1%}{interval}"


def variance_words(parts: pd.DataFrame) -> str:
    """Return the figure of shares in words, for those who listen to the page."""
    if parts.empty:
        return "No model could be fitted."
    return f"{'; '.join(f'{r.outcome}, {r.component} {_share(r._asdict())}' for r in parts.itertuples())}."


def variance_notes(parts: pd.DataFrame, people: str) -> list[str]:
    """Return what has to be known to read the table of variances."""
    notes = ["Variances in squared points of each KPI's scale."]
    if people != "teams":
        notes.append(f"What differs between {people} holds what differs between their teams.")
    if parts["accounted"].isna().any():
        notes.append("–: this part cannot be told from zero, so what EX accounts for of it is inconclusive.")
    if (parts["method"] == "Wald").any():
        notes.append("Too many levels or parts for profile intervals: these are Wald's, rough near zero.")
    if (parts["accounted"] < 0).any():
        notes.append("A share below zero says that EX accounts for nothing of that part.")
    return notes


def errors_sentence(table: pd.DataFrame) -> str:
    """Return how the two kinds of errors compare, and what the fits warn of, KPI by KPI."""
    if table.empty:
        return "not assessed: no model could be fitted"
    low, high = table["inflation"].min(), table["inflation"].max()
    times = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    said = [f"{r.outcome}: {r.message}" for r in table.itertuples() if r.message != "none"]
    warned = f"**Warnings.** {'. '.join(said)}." if said else "No fit warns of anything."
    return f"{warned} The error of an effect is {times} times as large clustered as by the model itself."


def check_sentence(found: dict[str, Any] | str, people: str) -> str:
    """Return how far another program differs on the same model."""
    if isinstance(found, str):
        return found
    which = "all" if found["all"] else f"a fixed sample of {found['answers']:,}"
    criterion = "REML criterion" if found["reml"] else "deviance"
    trouble = f" It warns: {in_labels(found['message'], {})}." if found["message"] else ""
    if found["singular"]:
        trouble += " In the model of this page a variance is found to be zero."
    weights = " and without weights" if found["unweighted"] else ""
    given = (
        f"Both were given a simpler model, with one random intercept per {people.rstrip('s')}{weights}, on {which} of "
        "the answers, since the other one (statsmodels) cannot hold customers too"
    )
    if agrees(found):
        return (
            f"**Another program finds the same.** {given}: effects differ by {_small(found['gap'])} of their standard "
            f"errors, the {criterion} by {_small(found['criterion'])}.{trouble}"
        )
    return (
        f"**Another program does not find the same.** {given}: the effect `{found['term']}` differs by "
        f"{found['gap']:.2f} of its standard error, the {criterion} by {found['criterion']:.2g}. Do not rely on the "
        f"mixed models before this is understood.{trouble}"
    )


def counts_note(joint: pd.DataFrame, people: str) -> str:
    """Return the numbers behind the effects, per outcome."""
    first = joint.drop_duplicates("outcome")
    if first["n_units"].nunique() == 1:  # one number of people for all, said once
        counts = in_words([f"{r.n:,} ({r.outcome})" for r in first.itertuples()])
        return f"{counts} answers of {int(first['n_units'].iloc[0]):,} {people}."
    return f"{'; '.join(f'{r.outcome}: {r.n:,} answers of {r.n_units:,} {people}' for r in first.itertuples())}."


def verdict_notes() -> list[str]:
    """Return what the verdicts of a table of effects mean, and what its intervals allow for."""
    return [
        "Higher and lower: clear after the adjustment. No meaningful association: the whole interval is smaller than "
        "what would matter. Inconclusive: the data allow both.",
        "Intervals and p values allow for all answers about one person (or team) being alike in any way (clustered "
        "errors); the model's own error, in the saved table, relies on the model for that.",
    ]


def with_said(table: pd.DataFrame) -> pd.DataFrame:
    """Return effects with ``said``, the verdict and its adjusted p value in one narrow cell."""
    space = "\u00a0"
    p = table["p_words"].where(table["p_words"].str.startswith("<"), "=" + table["p_words"])
    known = table["verdict"] + " (p" + space + p.str.replace("=", f"={space}").str.replace("<", f"<{space}") + ")"
    return table.assign(said=known.where(table["p_adjusted"].notna(), table["verdict"]))


def lanes_words(shown: pd.DataFrame) -> str:
    """Return the figure of specifications in words, for those who listen to the page."""
    if shown.empty:
        return "No specification could be fitted."
    first = shown[shown["lane"] == shown["lane"].iloc[0]]
    each = "; ".join(
        f"{r.aspect} {signed(r.estimate)} ({signed(r.conf_low)} to {signed(r.conf_high)})" for r in first.itertuples()
    )
    return f"{first['lane'].iloc[0]}: {each}."


def facts(fits: Fits, given: Design, outcome: str, people: str) -> dict[str, Any]:
    """Return what later steps and readers need beside the table of effects."""
    part = _of(fits.effects, outcome, MIXED, "within")
    return {
        "outcome": outcome, "unit": people, "answers": given.answers, "share": given.share,
        "customers_apart": not given.alone,
        "clear_aspects": list(strongest(fits.effects, outcome)["aspect"]),
        "aspects_against": list(strongest(fits.effects, outcome, "lower")["aspect"]),
        "detectable": float(np.nanmedian(part["mde"])) if len(part) and part["mde"].notna().any() else None,
        "singular": any(f.is_singular for f in fits.mixed.values()),
        "converged": all(f.converged for f in fits.mixed.values()),
        "not_assessed": [*fits.failures, *given.left_out],
    }  # fmt: skip


def _small(value: float) -> str:
    return "less than 0.00001" if value < 0.00001 else f"at most {value:.1g}"


def _of(effects: pd.DataFrame, outcome: str, specification: str, effect: str) -> pd.DataFrame:
    chosen = (effects["outcome"] == outcome) & (effects["specification"] == specification)
    return effects[chosen & (effects["effect"] == effect)].reset_index(drop=True)
