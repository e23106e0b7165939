"""Published effects that a study's own can be laid beside, each with its source, n and level (M38).

An effect of business units is no effect of persons, and one of firms none of customers: ``level`` says whose it is.
``low`` and ``high`` stand only where the source gives them or the tests of this project compute them from its data.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

HARTER = "Harter, Schmidt & Hayes (2002), J. Appl. Psychol. 87:268–279"
OTTO = "Otto, Szymanski & Varadarajan (2020), J. Acad. Mark. Sci. 48:543–564"
GLASSDOOR = "Zhao & Chamberlain (2019), Glassdoor Economic Research"
BOUSHEY = "Boushey & Glynn (2012), Center for American Progress"
BLOOM = "Bloom, Liang, Roberts & Ying (2015), Q. J. Econ. 130:165–218, table II"
QUOTED, REPRODUCED = "quoted", "reproduced here"


@dataclass(frozen=True, slots=True)
class Published:
    """One published effect.

    topic : which of a study's own effects it stands beside
    what : between what and what; pair : the same in a word or two, for a label
    scale : 'r' (a correlation), or the unit of ``estimate`` in words
    source, short : in full, and for a label; n : behind it, in words
    level : whose effect it is; status : `QUOTED` or `REPRODUCED`
    """

    topic: str
    what: str
    pair: str
    estimate: float
    source: str
    short: str
    scale: str
    n: str
    level: str
    status: str = QUOTED
    low: float = nan
    high: float = nan


_HARTER = {
    "source": HARTER,
    "short": "Harter et al. 2002",
    "scale": "r",
    "n": "7,939 business units",
    "level": "business units",
}  # of 36 companies; corrected by the authors for errors of measurement
PUBLISHED = (
    Published("customers", "engagement and customers' satisfaction or loyalty", "customers", 0.33, **_HARTER),
    Published("leaving", "engagement and turnover", "turnover", -0.30, **_HARTER),
    Published("performance", "engagement and productivity", "productivity", 0.25, **_HARTER),
    Published("performance", "engagement and profit", "profit", 0.17, **_HARTER),
    Published("money", "customers' satisfaction and performance of the firm", "firm's performance", 0.101, source=OTTO,
              short="Otto et al. 2020", scale="r", n="251 correlations of 96 studies", level="firms"),
    Published("star", "customers' satisfaction (0–100) per star of employees' rating (1–5)", "customers", 1.3,
              source=GLASSDOOR, short="Glassdoor 2019", scale="points of 100", n="293 firms of 13 industries",
              level="firms"),
    Published("replacement", "cost of replacing a worker", "replacement", 0.21, source=BOUSHEY,
              short="Boushey & Glynn 2012", scale="of a yearly salary", n="27 case studies", level="firms"),
    # .2324 with a standard error of .0621 clustered by person, from the data of the paper: tests/stats/test_panel.py
    Published("trial", "performance of call-centre agents sent to work from home", "performance", 0.232, source=BLOOM,
              short="Bloom et al. 2015", scale="standard deviations", n="249 agents, a trial by lot", level="persons",
              status=REPRODUCED, low=0.2324 - 1.96 * 0.0621, high=0.2324 + 1.96 * 0.0621),
)  # fmt: skip
