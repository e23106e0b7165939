"""What the numbers say to somebody who has to choose an error, in sentences computed from them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from benchmarks.calibration.summary import BAND, HOLDS, JUST_ABOVE, JUST_BELOW, TOO_HIGH, TOO_LOW
from benchmarks.calibration.world import INTERCEPT, RIGHT

CLUSTERED = ("CR2", "CR2, crossed")
APART = ("three", "few_crossed", "large", "dense")  # right models that have a lesson of their own
IN_WORDS = {TOO_LOW: "too low", JUST_BELOW: "barely below", JUST_ABOVE: "barely above", TOO_HIGH: "too high"}


def lessons(rows: pd.DataFrame) -> list[str]:
    """Return sentences for the head of the page; a lesson whose worlds were not run is left out."""
    told = (
        _right(rows),
        _slopes(rows),
        _waves(rows),
        _few(rows),
        _crossed(rows),
        _few_crossed(rows),
        _dense(rows),
        _three(rows),
        _across(rows),
        _spreads(rows),
    )
    return [sentence for sentence in told if sentence]


def fits(rows: pd.DataFrame) -> str:
    """Return a line of the reading guide: how many fits were singular or did not converge."""
    worlds = rows.groupby("world")[["singular", "not_converged"]].max()
    most = worlds["singular"].idxmax()
    where = f" ({most})" if worlds["singular"].max() else ""
    return (
        f"- Of all fits {_percent(worlds['not_converged'].mean())} did not converge; singular were "
        f"{_percent(worlds['singular'].max())} at most{where}. Both count like all others."
    )


def _right(rows: pd.DataFrame) -> str:
    right = rows[(rows["section"] == RIGHT) & ~rows["world"].isin(APART)]
    model, robust = _of(right, "model"), _of(right, *CLUSTERED)
    if model.empty:
        return ""
    longest = robust.loc[robust["length_ratio"].idxmax()]
    stray = pd.concat([model, robust])["verdict"].isin([TOO_LOW, TOO_HIGH])
    return (
        f"**Where the model is right** {'not all' if stray.any() else 'both'} hold: model-based intervals cover "
        f"{_percent(model['coverage'].mean())} on average ({_counted(model)}), robust ones "
        f"{_percent(robust['coverage'].mean())} ({_counted(robust)}). Robust intervals are then "
        f"{robust['length_ratio'].median():.2f} times as long (median over terms), at most "
        f"{longest['length_ratio']:.2f} times ({longest['term']} in {longest['world']}): asking for them costs little."
    )


def _slopes(rows: pd.DataFrame) -> str:
    of = rows[
        rows["world"].isin(["slopes", "few_slopes", "crossed_slopes", "few_crossed_slopes", "customer_first"])
        & rows["term"].str.startswith("slope_")
    ]
    when = "an effect differs between people and the model has no slope for it"
    return _against(of, when, "Use the robust error, or put the slope into the model.")


def _waves(rows: pd.DataFrame) -> str:
    of = rows[(rows["world"] == "autocorrelated") & rows["term"].str.startswith("wave_")]
    when = "answers close in time resemble each other and a covariate stays constant for a while, as survey scores do"
    return _against(of, when, "Use the robust error for what employees said between two surveys.")


def _against(of: pd.DataFrame, when: str, then: str) -> str:
    model, robust = _of(of, "model"), _of(of, *CLUSTERED)
    if model.empty:
        return ""
    found = [_spanned(e["false_positives"].dropna()) for e in (model, robust)]
    return (
        f"**When {when}**, model-based intervals of that covariate cover {_spanned(model['coverage'])} and their tests "
        f"find an effect that is not there in {found[0]} of studies; robust intervals cover "
        f"{_spanned(robust['coverage'])}, with {found[1]} false findings. {then}"
    )


def _few(rows: pd.DataFrame) -> str:
    robust = _of(rows[rows["world"].isin(["few", "few_slopes"])], *CLUSTERED)
    if robust.empty:
        return ""
    between = robust[robust["term"].str.startswith("employee_")]
    return (
        f"**With 12 employees** CR2 with its own degrees of freedom covers {_spanned(robust['coverage'])} "
        f"({_counted(robust)}). Covariates of the employees themselves pay for it: they are left with "
        f"{between['df'].min():.1f}–{between['df'].max():.1f} degrees of freedom and intervals up to "
        f"{between['length_ratio'].max():.2f} times as long as model-based ones. Read those by the model-based "
        "interval where nothing speaks against the model, and always with the degrees of freedom beside the error."
    )


def _crossed(rows: pd.DataFrame) -> str:
    of = _of(rows[rows["world"].isin(["crossed", "scores", "crossed_slopes", "customer_first"])], *CLUSTERED)
    if of.empty:
        return ""
    return (
        f"**With employees and customers crossed** and a hundred of either, robust intervals cover "
        f"{_spanned(of['coverage'])} ({_counted(of)}), on whole-number scores as on a continuous scale: safe to use as "
        "the default."
    )


def _few_crossed(rows: pd.DataFrame) -> str:
    of = rows[rows["world"].isin(["few_crossed", "few_crossed_slopes"])]
    of = of[of["error"] != "Wald"]
    if of.empty:
        return ""
    own = of["term"].str.startswith("employee_") | (of["term"] == INTERCEPT)
    model, robust = _of(of[own], "model"), _of(of[own], *CLUSTERED)
    then = (
        ""
        if (robust["verdict"] != TOO_LOW).all()
        else " Read those by the model-based interval, the robust is too short."
    )
    return (
        f"**With 12 employees crossed with customers** robust intervals of what varies with rows and customers cover "
        f"{_spanned(_of(of[~own], *CLUSTERED)['coverage'])}, also where effects differ between employees; of the "
        f"intercept and what varies between employees {_spanned(robust['coverage'])} (model-based "
        f"{_spanned(model['coverage'])}).{then}"
    )


def _dense(rows: pd.DataFrame) -> str:
    of = rows[rows["world"].isin(["large", "dense", "dense_slopes"])]
    model, robust = _of(of[of["section"] == RIGHT], "model"), _of(of, *CLUSTERED)
    if model.empty:
        return ""
    longest = robust.groupby("world")["length_ratio"].max()
    slopes = of[of["term"].str.startswith("slope_")]
    inside = "" if slopes.empty else (
        f" Where effects differ between employees besides, model-based intervals of these effects cover "
        f"{_spanned(_of(slopes, 'model')['coverage'])} and robust ones {_spanned(_of(slopes, *CLUSTERED)['coverage'])}."
    )  # fmt: skip
    safe = not robust["verdict"].isin([TOO_LOW, JUST_BELOW]).any()
    then = ": too long rather than too short, the more so the more of all pairs meet" if safe else ""
    return (
        f"**Where customers differ much** (SD 1.5), model-based intervals cover {_spanned(model['coverage'])} "
        f"({_counted(model)}) if the model is right; robust ones cover {_spanned(robust['coverage'])} "
        f"({_counted(robust)}) and are, for some term, "
        + ", ".join(f"{ratio:.1f} times as long in {world}" for world, ratio in longest.items())
        + f"{then}.{inside}"
    )


def _three(rows: pd.DataFrame) -> str:
    of = rows[rows["world"] == "three"]
    few = of["term"].str.startswith("queue_") | (of["term"] == INTERCEPT)
    model, robust = _of(of, "model"), _of(of, *CLUSTERED)
    if model.empty:
        return ""
    lean = robust.loc[few, "coverage"]
    then = (
        ": they can be read like the others."
        if (robust.loc[few, "verdict"] != TOO_LOW).all()
        else ": read those by the model-based interval, never by the robust one."
    )
    return (
        f"**With a third crossed factor, of ten levels**, model-based intervals cover {_spanned(model['coverage'])}. "
        f"Robust ones, clustered by employee, cover {_spanned(robust.loc[~few, 'coverage'])} for covariates of rows, "
        f"waves and customers, and {_spanned(lean)} for the intercept and covariates of those ten levels{then}"
    )


def _across(rows: pd.DataFrame) -> str:
    out = []
    left = rows[(rows["world"] == "queue_left_out") & rows["term"].str.startswith("queue_")]
    if not left.empty:
        out.append(
            "when the model leaves out a factor that employees share, covariates of that factor are covered "
            f"{_spanned(left['coverage'])} of the time by either error, so put the factor in"
        )
    slopes = rows[rows["term"].str.startswith("slope_")]
    inside, first = slopes[slopes["world"] == "customer_slopes"], slopes[slopes["world"] == "customer_first"]
    if not inside.empty and not first.empty:
        by_employee, model, by_customer = (
            _spanned(_of(part, *errors)["coverage"])
            for part, errors in ((inside, CLUSTERED), (inside, ("model",)), (first, CLUSTERED))
        )
        out.append(
            "when an effect differs between customers, errors clustered by employee cover "
            f"{by_employee} (model-based {model}) and errors clustered by customer {by_customer}, so name first the "
            "factor whose levels differ"
        )
    return f"**What robust errors do not mend**: {'; '.join(out)}." if out else ""


def _spreads(rows: pd.DataFrame) -> str:
    of = _of(rows, "Wald")
    if of.empty:
        return ""
    worst, edge = of.loc[of["coverage"].idxmin()], 1 - of["given"].min()
    return (
        f"**Intervals of SDs and correlations** (Wald) cover {_spanned(of['coverage'])} ({_counted(of)}), least for "
        f"{worst['term']} in {worst['world']}."
        + (f" A fit at the edge has none, which happened to {_percent(edge)} of fits at most." if edge > 0 else "")
    )


def _of(rows: pd.DataFrame, *errors: str) -> pd.DataFrame:
    return rows[rows["error"].isin(errors)]


def _counted(of: pd.DataFrame) -> str:
    n = of["verdict"].value_counts()
    outside = [f"{n[v]} {words}" for v, words in IN_WORDS.items() if v in n]
    within = f"{n.get(HOLDS, 0)} of {len(of)} within {100 * BAND[0]:.0f}–{100 * BAND[1]:.0f} %"
    return ", ".join([within, *outside])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _spanned(shares: Iterable[float]) -> str:
    low, high = min(shares), max(shares)
    return _percent(low) if f"{low:.3f}" == f"{high:.3f}" else f"{100 * low:.1f}–{100 * high:.1f} %"
