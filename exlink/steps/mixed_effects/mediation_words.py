"""Paths through what happens in the contact, in sentences."""

from __future__ import annotations

import pandas as pd

from exlink.data.wording import in_words, signed
from exlink.stats.mediation import INDIRECT, TOTAL
from exlink.steps.mixed_effects.few import few_units
from exlink.steps.mixed_effects.mediation import LANES, WORDS, Paths

IGNORABLE = (
    "These shares are causal only under what is called *sequential ignorability*: nothing unseen moves both the aspect "
    "and what follows, and nothing unseen moves both what happens in the contact and the answer."
)


def paths_sentence(found: Paths, outcome: str, people: str) -> str:
    """Return how much of each clear effect runs through what happens in the contact, and through what."""
    if found.reason:
        return found.reason
    if found.shares.empty:
        return (
            f"**No aspect clearly goes with {outcome} within the same {people}, so there is nothing to divide.** "
            "A part of nothing would be a number without a meaning."
        )
    parts = found.paths.set_index(["term", "path"])
    through, rest = [], []
    for row in found.shares.sort_values("estimate", ascending=False, kind="stable").itertuples():
        if parts.loc[(row.term, INDIRECT), "p_adjusted"] < 0.05 and row.estimate > 0:
            total = parts.loc[(row.term, TOTAL), "estimate"]
            through.append(
                f"{row.estimate:.0%} ({row.conf_low:.0%} to {row.conf_high:.0%}) of what a point of "
                f"{row.aspect} goes with ({signed(total)})"
            )
        else:
            rest.append(row.aspect)
    lead = (
        f"**Through what happens in the contact runs {in_words(through)} in {outcome}**{_chiefly(found)}."
        if through
        else f"**No part of what moves {outcome} can be told to run through what happens in the contact.**"
    )
    none = f" For {in_words(rest)} no such part can be told from none." if rest and through else ""
    few = few_units(found.paths["n_units"].min(), people)
    return f"{lead}{none}{f' {few}' * bool(few)}"


def _chiefly(found: Paths) -> str:
    """Return the mediators that customers feel by themselves, the others equal, after adjustment for their number."""
    felt = found.through[found.through["p_adjusted"] < 0.05]
    return f", by way of {in_words(list(felt['mediator']))}" if len(felt) else ""


def ignorability_sentence(found: Paths) -> str:
    """Return what the shares assume, and how strong what is unseen would have to be to undo them."""
    if found.reason or found.shares.empty:
        return ""
    top = found.through.loc[found.through["rho"].abs().idxmax()]
    return (
        f"**What this assumes.** {IGNORABLE} If something unseen made {top['mediator']} and the answer go together "
        f"with a correlation of {top['rho']:.2f}, the whole path through it would be owed to that. Difficult customers "
        "and difficult matters are such things, as far as the circumstances held equal do not tell them. Mediators "
        "also move each other: their sum is surer than how it divides."
    )


def clear_paths(found: Paths) -> pd.DataFrame:
    """Return total, indirect and direct effects of the aspects whose total is clear, the largest total first."""
    if found.reason:
        return found.paths
    part = found.paths[found.paths["clear"] & found.paths["path"].isin(list(LANES))]
    size = part[part["path"] == TOTAL].set_index("term")["estimate"].abs()
    turn = {path: k for k, path in enumerate(LANES)}
    part = part.assign(size=part["term"].map(size), turn=part["path"].map(turn))
    return part.sort_values(["size", "term", "turn"], ascending=[False, True, True], ignore_index=True)


def single_paths(found: Paths) -> pd.DataFrame:
    """Return the paths through single mediators of the aspects whose total is clear."""
    if found.reason:
        return found.paths
    part = found.paths[found.paths["clear"] & found.paths["path"].isin(list(WORDS))]
    return part.sort_values(["aspect", "path"], ignore_index=True)


def paths_alt(found: Paths) -> str:
    """Return the figure of paths in words, for those who listen to the page."""
    shown = clear_paths(found)
    if shown.empty:
        return "No effect is clear, so none is divided."
    each = [f"{r.aspect} {r.lane} {signed(r.estimate)}" for r in shown.itertuples()]
    return f"Effects divided: {'; '.join(each)}."
