"""What every check of the audit returns: an area, a name, one of four verdicts, a sentence, a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from exlink.data.wording import share_in_words
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH, WORDS, judge

SIGNS = "warning signs"
BEHIND = "behind the signs"
AREAS = "the eight areas"
MEANING = {PASS: "aligned", WATCH: "watch", FAIL: "misaligned", OPEN: "not assessable"}


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One check.

    area : str          the part of the audit it belongs to
    name : str          what is checked, in a few words
    verdict : str       'pass', 'watch', 'fail' or 'not assessable'
    sentence : str      what was found, with its interval, n and number of groups; of a check that could not be made,
                        why: 'not assessed: needs `table.column`', or which numbers are too small
    table : DataFrame   the numbers behind the verdict, to be released by whoever shows them; may be empty
    brief : str         the same for a page that has one line for it, in plain words; the sentence when left out
    numbers : dict      what the verdict rests on, without people: estimate, conf_low, conf_high, harmless, matters …
    """

    area: str
    name: str
    verdict: str
    sentence: str
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    numbers: dict[str, float] = field(default_factory=dict)
    brief: str = ""

    def __post_init__(self) -> None:
        """Refuse a verdict that is none, and one without words."""
        if self.verdict not in WORDS:
            raise ValueError(f"{self.name}: '{self.verdict}' is no verdict; there are {', '.join(WORDS)}.")
        if not self.sentence.strip():
            raise ValueError(f"{self.name}: a verdict needs a sentence that says why.")

    @property
    def between(self) -> bool:
        """Whether a quantity is clearly more than harmless, and clearly less than what matters."""
        return self.verdict == PASS and self.numbers.get("conf_low", np.nan) > self.numbers.get("harmless", np.nan)

    @property
    def told(self) -> str:
        """The sentence, with what keeps an aligned check from being harmless."""
        return (
            f"{self.sentence} That is more than harmless and less than would matter." if self.between else self.sentence
        )

    @property
    def in_short(self) -> str:
        """The same for a page that has one line for it."""
        brief = self.brief or self.sentence
        return f"{brief.removesuffix('.')}: more than harmless, less than would matter." if self.between else brief

    @property
    def said(self) -> str:
        """The verdict line as a page shows it, '' where the check could not be made at all."""
        return "" if self.lacking else f"**{MEANING[self.verdict].capitalize()}.** {self.told}"

    @property
    def lacking(self) -> str:
        """The line of a check that could not be made: 'not assessed: …'; '' where data were there to judge."""
        return self.sentence if self.sentence.startswith("not assessed: ") else ""


def not_assessable(area: str, name: str, why: str) -> Check:
    """Return a check that could not be made, with the reason as its sentence."""
    return Check(area, name, OPEN, why)


def told_share(share: pd.Series, min_group: int) -> tuple[str, str, str]:
    """Return a share of feedback and its interval, in full and short, in words that never speak of a few pieces.

    An interval beside "at most 3%" would give the share away, so there is none where few are on one side.
    """
    n = int(share["n"])
    inside = round(share["estimate"] * n)
    words = share_in_words(inside, n - inside, min_group)
    if 0 < min(inside, n - inside) < min_group:
        return words, *2 * ("no interval, because few pieces are on one side",)
    if not np.isfinite(share["conf_low"]):
        return words, *2 * ("too few quarters and themes for an interval",)
    band = f"{share['conf_low']:.0%} to {share['conf_high']:.0%}"
    return words, f"95% interval {band}", band


def share_numbers(share: pd.Series, min_group: int, **bounds: float) -> dict[str, float]:
    """Return what the verdict on a share of feedback rests on; no numbers where few pieces are on one side."""
    inside = round(share["estimate"] * share["n"])
    few = 0 < min(inside, share["n"] - inside) < min_group
    names = ("estimate", "conf_low", "conf_high")
    told = {name: float("nan") if few else float(share[name]) for name in names}
    return told | {name: float(bound) for name, bound in bounds.items()}


def judged_share(share: pd.Series, *, harmless: float, matters: float) -> tuple[str, str]:
    """Return the verdict on a share of feedback, and the words that qualify it in a sentence."""
    verdict = judge(share["estimate"], share["conf_low"], share["conf_high"], harmless=harmless, matters=matters)
    return verdict, {
        FAIL: "",
        WATCH: ", which may be too much",
        PASS: ", which is little" if share["conf_low"] <= harmless else "",
        OPEN: "; too few quarters and themes to tell whether that is usual here",
    }[verdict]


def overview(checks: Iterable[Check]) -> pd.DataFrame:
    """Return one row per check: area, name, verdict (pass …), meaning (aligned …), sentence."""
    rows = [(c.area, c.name, c.verdict, MEANING[c.verdict], c.told) for c in checks]
    return pd.DataFrame(rows, columns=["area", "name", "verdict", "meaning", "sentence"])


def facts(checks: Iterable[Check]) -> dict[str, dict]:
    """Return per name the verdict, its meaning, the sentence and the numbers, as other steps load them."""
    return {
        c.name: {"area": c.area, "verdict": c.verdict, "meaning": MEANING[c.verdict], "sentence": c.told,
                 "brief": c.in_short, "numbers": dict(c.numbers)}
        for c in checks
    }  # fmt: skip
