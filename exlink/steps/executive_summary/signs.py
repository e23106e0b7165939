"""Which way every link of the chain must run for its product to be a gain, and what is said when it does not.

Two links that both run the wrong way multiply to a positive amount: a gain on paper only. So each is looked at by
itself before any money that passes through it is called a gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Expected:
    """What one link of the chain is expected to show.

    name : the link as step 05 calls it
    stream : the money that passes through it, 'customers' or 'saved'
    sign : +1 or -1, the sign of an estimate that says so (leaving is estimated, so staying is -1)
    statement, opposite : what a clear estimate says, with the expected sign and with the other one
    within : whether people are compared with themselves; else with each other, which is weaker
    how : the same in words
    """

    name: str
    stream: str
    sign: int
    statement: str
    opposite: str
    within: bool
    how: str

    def reads(self, row: pd.Series) -> str:
        """Return 'as expected', 'opposite' or 'inconclusive'."""
        return reading(row, self.sign)


LINKS = (
    Expected("contact → overall", "customers", 1, "Better contacts go with customers who think better of us.",
             "Better contacts go with customers who think worse of us.", True,
             "each customer compared with themselves"),
    Expected("overall → revenue", "customers", 1, "Customers who think better of us spend more.",
             "Customers who think better of us spend less.", True, "each customer compared with themselves"),
    Expected("overall → customers kept", "customers", -1, "Customers who think better of us stay longer.",
             "Customers who think better of us leave sooner.", False,
             "customers compared with each other, so loyal people count in full"),
    Expected("work satisfaction → exits avoided", "saved", -1, "People who are content with their work stay.",
             "People who are content with their work leave more often.", False,
             "people compared with each other, so other reasons to stay play a part"),
)  # fmt: skip


def reading(row: pd.Series, sign: int = 1) -> str:
    """Return how an interval reads against the sign it should have."""
    if row["conf_low"] <= 0 <= row["conf_high"]:
        return "inconclusive"
    return "as expected" if sign * row["conf_low"] > 0 else "opposite"


def doubt(row: pd.Series, sign: int = 1) -> str:
    """Return what is said beside an estimate that does not read as expected, '' where it does."""
    return {"inconclusive": " Inconclusive: zero is not ruled out.",
            "opposite": " The opposite of what was expected."}.get(reading(row, sign), "")  # fmt: skip


def clauses(links: list[Expected]) -> str:
    """Return what the data say of links that run the other way, the first two of them, as part of a sentence."""
    return " and ".join(link.opposite[0].lower() + link.opposite[1:-1] for link in links[:2])
