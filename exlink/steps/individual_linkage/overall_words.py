"""Step 03 in sentences: what the overall score is, what it alone would have told you to do, and what it leaves out."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.panel import column_label
from exlink.data.wording import in_words
from exlink.errors import listed
from exlink.stats.importance import Collinearity, places
from exlink.steps.individual_linkage.overall import ALONE, ASPECTS, made_of_aspects, overall_score

RANKS_NOTES = (
    "Both within the same persons or teams, all aspects in one model, points per point of the aspect.",
    "Place: range over resamples of whole persons or teams; overlapping ranges are no order. Weights are slopes; "
    "shares of what is explained (LMG, above and in step 02) may order aspects otherwise.",
    "Verdict: of the slope alone and beside all others, adjusted for all KPIs and aspects (Benjamini–Hochberg).",
)


def guard_sentence(data: StudyData, collinearity: Collinearity) -> str:
    """Return what the overall score is, how far the aspects make it, and how far aspects go along with each other."""
    overall = overall_score(data)
    kpi = overall.removeprefix("ex_")
    items = data.query(f"SELECT DISTINCT item FROM ex_responses WHERE kpi = '{kpi}' ORDER BY 1")["item"].tolist()
    named = listed([item.replace("_", " ") for item in items], 3)
    asked = f"the mean of employees' answers to {len(items)} items, {named}" if len(items) > 1 else \
        f"what employees answer to “{named}”"  # fmt: skip
    found = made_of_aspects(data)
    own = f"no mean of the aspects (they account for {found.rsquared:.0%} of it, R²)" if found else \
        "too rarely answered beside the aspects to tell whether it is made of them"  # fmt: skip
    pair = collinearity.table.loc[collinearity.table["correlation"].abs().idxmax()]
    names = " and ".join(column_label(data, column) for column in (pair["term"], pair["partner"]))
    apart = "Some aspects go along too closely to be told apart" if collinearity.high else \
        "No two aspects go along too closely to be told apart"  # fmt: skip
    return (
        f"The overall score is {asked} (`ex_responses.kpi` = {kpi}): {own}. {apart}: the largest correlation within "
        f"the same {data.people} is {pair['correlation']:.2f}, {names}."
    )


def advice(rankings: pd.DataFrame, top: int = 2) -> tuple[list[str], list[str], list[str]]:
    """Return where the overall score would have sent you, and what clearly goes with and against customers' answers.

    It sends to the first ``top`` aspects at most, and only so far as their places are clear: in 95 % of resamples
    they weigh more than every aspect behind them.
    """
    by = rankings.sort_values("rank_overall", kind="stable", ignore_index=True)
    clear_to = [k for k in range(1, min(top, len(by) - 1) + 1)
                if by["rank_overall_high"].iloc[:k].max() < by["rank_overall_low"].iloc[k:].min()]  # fmt: skip
    sent = by["aspect"].head(max(clear_to, default=0))
    clear = rankings[rankings["verdict"] == "higher"].sort_values("rank_cx")["aspect"]
    against = rankings[rankings["verdict"] == "lower"].sort_values("rank_cx", ascending=False)["aspect"]
    return list(sent), list(clear), list(against)


def advice_sentence(rankings: pd.DataFrame, outcome: str) -> str:
    """Return what the overall score alone would have told you to do, and what is known of that; verdicts adjusted."""
    sent, right, against = advice(rankings)
    rest = rankings[~rankings["aspect"].isin(sent)]
    behind = places(rest["rank_overall_low"].min(), rest["rank_overall_high"].max())
    unsure = f"the places of {'the others' if sent else 'all aspects'} ({behind}) overlap and are no order" \
        if len(rest) > 1 else ""  # fmt: skip
    if sent:
        first = f"The overall score alone would have sent you to **{in_words(sent)}**, which " \
                f"{'weighs' if len(sent) == 1 else 'weigh'} most in it" + (f"; {unsure}" if unsure else "")  # fmt: skip
    else:
        first = f"The overall score alone would not have told you where to begin: {unsure or 'there is one aspect'}"
    missed = [aspect for aspect in sent if aspect not in right]
    if sent and not missed:
        said = f"{first}. Customers' {outcome} clearly moves with {'it' if len(sent) == 1 else 'them'} too" + (
            f", as with **{in_words(others)}**." if (others := [a for a in right if a not in sent]) else "."
        )
    elif right:
        said = f"{first}. What clearly moves with customers' {outcome} is **{in_words(right)}**."
    else:
        said = f"{first}. No aspect clearly goes with customers' {outcome} within the same people."
    warned = f"Customers' {outcome} moves *against* {in_words(against)}: more of it goes with less." if against else ""
    told = rankings.set_index("aspect")["verdict"].loc[missed]
    of_customers = "This is about customers; who stays is another matter (step 05)." if missed else ""
    return " ".join(filter(None, [said, *_of_missed(told, outcome), warned, of_customers]))


def _of_missed(told: pd.Series, outcome: str) -> list[str]:
    """Return what is known of aspects that weigh most in the overall score and are not clear for customers."""
    names = {word: in_words(list(told.index[told == word])) for word in told.unique()}
    sentences = {
        "no meaningful association": f"With {{}}, nothing that matters moves in customers' {outcome}.",
        "inconclusive": "Whether anything moves for customers with {} is inconclusive.",
    }
    return [sentence.format(names[word]) for word, sentence in sentences.items() if word in names]


def trap_sentence(rankings: pd.DataFrame, fits: pd.DataFrame | str, outcome: str, caution: str = "") -> str:
    """Return the advice of the overall score and how much it and the aspects account for, behind any caution."""
    said = f"{caution} {advice_sentence(rankings, outcome)}".lstrip()
    if isinstance(fits, str):
        return f"{said} How much of the movement each accounts for is {fits.rstrip('.')}."
    alone, aspects = (fits.set_index("model").loc[m] for m in (ALONE, ASPECTS))
    return (
        f"{said} Of the movement of customers' average {outcome} within the same people, the overall score accounts "
        f"for {alone['rsquared']:.1%}, the aspects for {aspects['rsquared']:.1%}; for people the model has not seen it "
        f"is {max(alone['rsquared_cv'], 0):.1%} and {max(aspects['rsquared_cv'], 0):.1%}."
    )


def beyond_sentence(added: pd.DataFrame, fits: pd.DataFrame, outcome: str, people: str) -> str:
    """Return what each side knows that the other does not, and what that is worth for people not seen before."""
    aspects, score = added.iloc[0], added.iloc[1]
    gain = fits.set_index("model").loc[ASPECTS]
    saves = "save" if gain["saved"] > 0 else "cost"
    sure = "" if gain["conf_low"] > 0 or gain["conf_high"] < 0 else "; that may be chance"
    return (
        f"Among {int(aspects['n']):,} answers on contacts of {int(aspects['n_units']):,} {people}: beyond the overall "
        f"score, the aspects account for a further **{aspects['estimate']:.1%}** of the movement of "
        f"customers' {outcome} (ΔR²; 95 % interval {aspects['conf_low']:.1%} to {aspects['conf_high']:.1%}); beyond "
        f"the aspects, the overall score for {score['estimate']:.1%} ({score['conf_low']:.1%} to "
        f"{score['conf_high']:.1%}). "
        f"For people left out of the estimate, the aspects {saves} {abs(gain['saved']):.0%} of the overall score's "
        f"squared misses ({gain['conf_low']:.0%} to {gain['conf_high']:.0%}{sure})."
    )
