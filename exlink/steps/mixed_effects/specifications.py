"""The main effects under every specification, side by side: what a different model would have said (M23)."""

from __future__ import annotations

import pandas as pd

from exlink.data.wording import in_words, signed
from exlink.stats.lmm import LmmFit
from exlink.steps.mixed_effects.models import FIXED, MIXED, NAIVE, Fits
from exlink.steps.mixed_effects.rows import Design
from exlink.steps.mixed_effects.slopes import Slopes, main_aspects

CROSSED, TEAMS, SLOPES = "mixed model", "… with teams", "… with a slope of each person's own"
BARE, TWO_WAY, NOT_SPLIT = "… without circumstances", "fixed effects, two-way", "naive: not split"
ORDER = (CROSSED, TEAMS, SLOPES, BARE, TWO_WAY, NOT_SPLIT)
COLUMNS = ["aspect", "term", "specification", "estimate", "std_error", "conf_low", "conf_high", "n", "n_units",
           "planted"]  # fmt: skip


def without_circumstances(given: Design, outcome: str, fits: Fits) -> LmmFit | None:
    """Return the model of ``outcome``, whose whole fit is kept, with the wave alone held equal; None where it is."""
    if outcome not in fits.kept or not set(given.circumstances) - set(given.waves):
        return None
    kept = fits.kept[outcome]
    return kept.without(*(t for t in given.circumstances if t not in given.waves and t in kept.fixef.index))


def specifications(
    given: Design, outcome: str, fits: Fits, teams: LmmFit | str, slopes: Slopes, bare: LmmFit | None
) -> pd.DataFrame:
    """Return the effects of the main aspects within units on one outcome under each specification that was fitted.

    Parameters
    ----------
    teams : LmmFit or str
        The model with teams as a third factor, or why there is none.
    bare : LmmFit or None
        Of `without_circumstances`.

    Returns
    -------
    DataFrame: aspect, term, specification, estimate, std_error, conf_low, conf_high (errors clustered by unit; the
    naive model's take every answer for independent), n, n_units, planted. Without circumstances means: only the wave is
    held equal. Where no aspect is clear, the three farthest from zero are shown.
    """
    main = main_aspects(fits.effects, outcome, clear=False)
    effects = fits.effects[fits.effects["outcome"] == outcome]
    parts = [
        effects[(effects["specification"] == name) & (effects["effect"] == effect)].assign(specification=words)
        for name, effect, words in ((MIXED, "within", CROSSED), (FIXED, "within", TWO_WAY), (NAIVE, "naive", NOT_SPLIT))
    ]
    if isinstance(teams, LmmFit):
        parts.append(_of(teams, given, TEAMS))
    if bare is not None:
        parts.append(_of(bare, given, BARE))
    parts.append(slopes.table.assign(specification=SLOPES))
    order = {name: k for k, name in enumerate(ORDER)}
    places = {term: k for k, term in enumerate(main["term"])}
    planted = main.set_index("term")["planted"]
    parts = [part[part["term"].isin(places)] for part in parts]
    found = pd.concat([part for part in parts if len(part)], ignore_index=True) if len(main) else pd.DataFrame()
    if found.empty:
        return pd.DataFrame(columns=COLUMNS)
    found = found.assign(aspect=found["term"].map(main.set_index("term")["aspect"]), planted=found["term"].map(planted))
    turn = found.assign(place=found["term"].map(places), turn=found["specification"].map(order))
    return turn.sort_values(["place", "turn"], ignore_index=True)[COLUMNS]


def specifications_sentence(found: pd.DataFrame, outcome: str) -> str:
    """Return how far the main effects move from one specification to the next."""
    split = found[found["specification"] != NOT_SPLIT]
    if split["specification"].nunique() < 2:
        return f"not assessed: there is one specification only for {outcome}"
    each, turned = [], []
    for aspect, part in split.groupby("aspect", sort=False):
        low, high = signed(part["estimate"].min()), signed(part["estimate"].max())
        each.append(f"{aspect} {low} in each" if low == high else f"{aspect} {low} to {high}")
        holds = (part["conf_low"] <= 0) & (part["conf_high"] >= 0)
        turned += [f"{aspect} ({r})" for r in part.loc[holds, "specification"]] if 0 < holds.sum() < len(part) else []
    clear = (
        f"The interval holds zero in one but not in another: {in_words(turned)}."
        if turned
        else "No choice among them makes an effect appear or disappear."
    )
    return (
        f"**Over {split['specification'].nunique()} specifications that compare the same people with themselves, a "
        f"point goes with this many points of {outcome}: {'; '.join(each)}.** {clear}"
    )


def specifications_words(found: pd.DataFrame) -> str:
    """Return the figure of specifications in words, for those who listen to the page."""
    return " ".join(
        f"{r.aspect}, {r.specification}: {signed(r.estimate)} ({signed(r.conf_low)} to {signed(r.conf_high)})."
        for r in found.itertuples()
    )


def _of(fit: LmmFit, given: Design, words: str) -> pd.DataFrame:
    """Return the effects within units of one fit."""
    table = fit.robust_table[fit.robust_table["term"].isin(given.within)]
    return table.assign(
        term=table["term"].str.removesuffix("_within"), specification=words, n_units=int(fit.ngroups[given.unit])
    )
