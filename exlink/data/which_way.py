"""Which comes first, experience or customers' ratings: what step 04 found, as the steps that speak of money read it.

A gain through customers presumes that experience comes first. So money is called a gain only where that was not found
to be wrong, and a verdict that is not known here counts as one that does not support it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUPPORTED, BOTH, FIRST_CUSTOMERS, CONTRADICTED = "EX→CX supported", "both", "CX→EX supported", "contradicted"
OPEN, NOT_ASSESSED, NOT_RUN = "inconclusive", "not assessed", ""
SHOWN, UNDECIDED = (SUPPORTED, BOTH), (OPEN, NOT_ASSESSED, NOT_RUN)
PLACEBO_LEVEL = 0.01  # of step 04: a placebo below it is what keeps a forward effect from being believed
CONDITION = "unless something else moved both in the same wave"


@dataclass(frozen=True, slots=True)
class WhichWay:
    """The verdict on direction, and why it is none.

    verdict : as step 04 writes it; ``""`` where step 04 is not part of the run
    reason : why it is inconclusive or not assessed, as part of a sentence; ``""`` otherwise
    """

    verdict: str
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Whether experience is found to move customers, alone or both ways."""
        return self.verdict in SHOWN

    @property
    def against(self) -> str:
        """Why no gain through customers is stated, as part of a sentence; ``""`` where the verdict leaves it open."""
        if self.shown or self.verdict in UNDECIDED:
            return ""
        return {
            FIRST_CUSTOMERS: "customers' ratings come first and employees' experience follows them",
            CONTRADICTED: "that better experience raises customers' ratings by as much as would matter is contradicted",
        }.get(self.verdict, f"the test of which comes first says “{self.verdict}”")

    @property
    def found(self) -> str:
        """What was found, as part of a sentence."""
        if self.against:
            return self.against
        because = f": {self.reason}" if self.reason else ""
        return {
            SUPPORTED: f"experience comes first and customers' ratings follow, {CONDITION}",
            BOTH: f"it runs both ways, experience moves customers, {CONDITION}, and customers move experience",
            OPEN: f"which comes first is inconclusive{because}",
            NOT_ASSESSED: f"which comes first could not be tested{because}",
            NOT_RUN: "which comes first is not tested in this run",
        }[self.verdict]


def which_way(facts: Mapping[str, Any]) -> WhichWay:
    """Return the verdict from the facts ``direction`` of step 04; empty facts mean that it did not run."""
    verdict = str(facts.get("verdict") or NOT_RUN)
    if verdict == NOT_ASSESSED:
        return WhichWay(verdict, str(facts.get("sentence") or "").removeprefix("not assessed: ").replace("`", ""))
    return WhichWay(verdict, _why_open(facts) if verdict == OPEN else "")


def _why_open(facts: Mapping[str, Any]) -> str:
    estimates = facts.get("estimates") or {}
    ahead, placebo = estimates.get("ex_to_cx"), estimates.get("placebo")
    if ahead is None:
        return "too few waves with both sides' answers"
    if ahead["conf_low"] > 0 and placebo is not None and placebo["p_value"] < PLACEBO_LEVEL:
        return "experience asked after the contacts goes with them as well, so something else may move both"
    return (
        f"an effect below {ahead['mde']:.2f} points of {facts.get('outcome')} per point of experience would go unseen"
    )
