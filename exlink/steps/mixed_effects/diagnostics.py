"""Whether the model of single answers is wrong in a way that matters: residuals, and what people differ in (M23)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.lmm import LmmFit
from exlink.stats.residuals import binned_residuals, detrended_quantiles
from exlink.stats.within_between import within_slope
from exlink.steps.mixed_effects.models import Fits
from exlink.steps.mixed_effects.rows import CUSTOMER, Design

BINS, PER_BIN = 20, 50  # bins at most, and answers that a bin's average needs
ROOM = 2  # people in a bin beyond the smallest group that may be shown
FEWEST_BINS = 5  # of a distribution; fewer show no shape
END = 2  # SDs of what is expected from its middle: where a bend is told
CURVED = 0.1  # of the residuals' SD: a straight line that is farther off at the ends is called bent
UNEVEN = 1.5  # times: how much more residuals spread at one end than at the other before it is told
FAR, INSIDE = 0.25, 2.5  # SDs: how far a quantile inside ±2.5 may lie from the normal one before it is told
FEW_STEPS = 11  # answers on a scale of 0 to 10 at most: heaped, whatever the model
CONTACTS = "single contacts"
RESIDUALS = ["measure", "fitted", "value", "low", "high", "n", "n_units"]
QUANTILES = ["whose", "expected", "difference", "low", "high", "n_people"]


@dataclass(frozen=True, slots=True, eq=False)
class Diagnostics:
    """What the model of one outcome leaves over.

    residuals : DataFrame    measure ('average', 'spread'), fitted (average of the bin: what EX and circumstances let
                             expect), value (points), low, high (95 %; the value itself for the spread), n (answers),
                             n_units
    quantiles : DataFrame    whose (the units, 'customers', 'single contacts'), expected (normal quantile, SDs),
                             difference (observed less expected, SDs), low, high, n_people (behind the bin)
    sigma : float            standard deviation of all residuals, points
    bend : tuple             points by which answers two SD from the middle of what is expected lie off the straight
                             line, compared within units, and its 95 % interval
    steps : int              how many different answers there are
    answers : int            answers looked at
    reason : str             why nothing is assessed, or ``""``
    """

    residuals: pd.DataFrame
    quantiles: pd.DataFrame
    sigma: float
    bend: tuple[float, float, float]
    steps: int
    answers: int
    reason: str


def diagnostics(data: StudyData, given: Design, outcome: str, fits: Fits) -> Diagnostics:
    """Return residuals and random effects of the model of one outcome, in bins of people that may be shown.

    Residuals are averaged around the fixed part, which they do not go along with if the model is right: around modes of
    people they would, because modes are shrunken. Quantiles are of residuals around both parts, and of modes divided by
    the SD that they have under the model. Where there are very many answers, a fixed sample of them is looked at.
    """
    none = (pd.DataFrame(columns=RESIDUALS), pd.DataFrame(columns=QUANTILES), np.nan, (np.nan,) * 3, 0, 0)
    if outcome not in fits.kept:
        return Diagnostics(*none, f"not assessed: no model of {outcome}")
    if given.weights:
        return Diagnostics(*none, "not assessed: a row is the average of several customers")
    fit, rows = fits.kept[outcome], given.fetched(outcome)
    modes = fit.ranefs()
    terms = [t for t in fit.fixef.index if t != "(Intercept)"]
    fixed = fit.fixef["(Intercept)"] + rows[terms].to_numpy(dtype=float) @ fit.fixef[terms].to_numpy()
    around = rows[outcome].to_numpy(dtype=float) - fixed
    people = sum(rows[group].map(modes[group]["(Intercept)"]).fillna(0.0).to_numpy() for group in modes)
    left = around - people
    smallest, bins = data.study.privacy.min_group, min(BINS, len(rows) // PER_BIN)
    if bins < FEWEST_BINS:
        needs = f"{FEWEST_BINS * PER_BIN} answers to {outcome}, this study has {len(rows)}"
        return Diagnostics(*none, f"not assessed: what models leave over shows its shape from {needs}")
    try:
        found = binned_residuals(fixed, around, rows[given.unit], bins)
        bend = _bend(fixed, around, rows[given.unit])
        parts = [_quantiles(left / left.std(), CONTACTS, rows[given.unit].nunique(), smallest)]
    except EstimationError as error:
        return Diagnostics(*none, f"not assessed: {error}")
    for group, words in ((given.unit, data.people), (CUSTOMER, "customers")):
        if group in modes:
            parts.append(_quantiles(_standardised(fit, group, modes[group]), words, None, smallest))
    steps, spread = int(rows[outcome].nunique()), float(around.std())
    return Diagnostics(_long(found), pd.concat(parts, ignore_index=True), spread, bend, steps, len(rows), "")


def diagnostics_sentence(found: Diagnostics, outcome: str, people: str) -> str:
    """Return what the model gets wrong, and whether that touches the intervals of the effects."""
    if found.reason:
        return found.reason
    spread = found.residuals[found.residuals["measure"] == "spread"].sort_values("fitted")
    off, low, high = found.bend
    slight = CURVED * found.sigma
    bends = (low > 0 or high < 0) and abs(off) > slight
    first, last = spread["value"].head(3).mean(), spread["value"].tail(3).mean()
    shape = (
        "the line bends, and effects are averages over the bend."
        if bends
        else "a straight line will do."
        if max(abs(low), abs(high)) < 2 * slight
        else "no bend is shown, and one of that size cannot be excluded."
    )
    said = [
        f"Far from the middle of what is expected (two standard deviations) the straight line is off by {signed(off)} "
        f"points ({signed(low)} to {signed(high)}), where residuals spread by {found.sigma:.2f}: {shape}"
    ]
    if max(first, last) > UNEVEN * min(first, last):
        said.append(
            f"Answers spread by {first:.2f} points where low ones are expected and by {last:.2f} where high ones are; "
            "clustered errors allow for that, the model's own do not."
        )
    if found.steps <= FEW_STEPS:
        said.append(
            f"Answers come in {found.steps:,} steps, so residuals of single contacts are not normal; with "
            f"{found.answers:,} of them the effects are, near enough."
        )
    whose = [w for w in found.quantiles["whose"].unique() if w != CONTACTS]
    if apart := [w for w in whose if _far(found.quantiles, w)]:
        said.append(
            f"What {in_words(apart)} differ in is not quite normal: their variance and its interval are read with "
            "care; the effects are hardly touched."
        )
    elif whose:
        said.append(f"What {in_words(whose)} differ in is normal as far as can be told.")
    head = "**Nothing here invalidates the intervals of the effects.**" if not bends else (
        "**The intervals hold for the average effect, not for its shape.**"
    )  # fmt: skip
    return " ".join([head, *said])


def residuals_words(found: Diagnostics) -> str:
    """Return the figure of residuals in words, for those who listen to the page."""
    if found.residuals.empty:
        return "Nothing to show."
    said = []
    for name, part in found.residuals.sort_values("fitted").groupby("measure", sort=True):
        first, last, least, most = (
            signed(v) for v in (part["value"].iloc[0], part["value"].iloc[-1], part["value"].min(), part["value"].max())
        )
        said.append(
            f"{name}: {first} at the lowest expected answers, {last} at the highest, {least} to {most} overall."
        )
    return " ".join(said)


def quantiles_words(found: Diagnostics) -> str:
    """Return the figure of quantiles in words, for those who listen to the page."""
    return " ".join(
        f"{name}: off by {signed(part['difference'].min())} to {signed(part['difference'].max())} standard deviations."
        for name, part in found.quantiles.groupby("whose", sort=False)
    )


def _bend(fitted: np.ndarray, residuals: np.ndarray, unit: pd.Series) -> tuple[float, float, float]:
    """Return how far residuals two SD of fitted values from the middle are off, within units (Ramsey's RESET, 1969)."""
    z = (fitted - fitted.mean()) / fitted.std()
    cells = pd.DataFrame({"n_r": 1, "sum_r": residuals, "straight": z, "square": z**2, "unit": unit.to_numpy()})
    row = within_slope(cells, "r", ["straight", "square"], "unit").table.set_index("term").loc["square"]
    return tuple(float(END**2 * row[c]) for c in ("estimate", "conf_low", "conf_high"))


def _far(quantiles: pd.DataFrame, whose: str) -> bool:
    """Return whether quantiles lie clearly, and not a little, from the normal ones."""
    part = quantiles[(quantiles["whose"] == whose) & (quantiles["expected"].abs() < INSIDE)]
    sure = (part["low"] > 0) | (part["high"] < 0)
    return bool((sure & (part["difference"].abs() > FAR)).any())


def _standardised(fit: LmmFit, group: str, modes: pd.DataFrame) -> np.ndarray:
    """Return conditional modes over the SD of their estimates: psi² less what is not known of each."""
    variance = float(fit.varcorr.set_index("group").loc[group, "value"])
    told = variance - modes["(Intercept)_sd"].to_numpy(dtype=float) ** 2
    known = told > 0.01 * variance  # a level with one answer says next to nothing of itself
    return modes["(Intercept)"].to_numpy(dtype=float)[known] / np.sqrt(told[known])


def _quantiles(values: np.ndarray, whose: str, people: int | None, smallest: int) -> pd.DataFrame:
    """Return the quantiles set off, in as many bins as people may be shown; no row where these are too few."""
    bins = BINS if people is not None else min(BINS, len(values) // (smallest + ROOM))
    if bins < FEWEST_BINS:
        return pd.DataFrame(columns=QUANTILES)
    found = detrended_quantiles(values, bins).assign(whose=whose)
    return found.assign(n_people=found["n"] if people is None else people)[QUANTILES]


def _long(found: pd.DataFrame) -> pd.DataFrame:
    named = found.rename(columns={"n_clusters": "n_units"})
    average = named.assign(measure="average", value=named["mean"])
    spread = named.assign(measure="spread", value=named["sd"], low=named["sd"], high=named["sd"])
    return pd.concat([average, spread], ignore_index=True)[RESIDUALS]
