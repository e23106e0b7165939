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
    what : between what and what; scale : 'r' (a correlation), or the unit of ``estimate`` in words
    n : behind it, in words; level : whose effect it is; status : `QUOTED` or `REPRODUCED`
    """

    topic: str
    what: str
    short: str
    source: str
    scale: str
    estimate: float
    n: str
    level: str
    status: str = QUOTED
    low: float = nan
    high: float = nan


_UNITS = "7,939 business units of 36 companies"
PUBLISHED = (
    Published("customers", "engagement and customers' satisfaction or loyalty", "Harter et al. 2002", HARTER, "r", 0.33,
              _UNITS, "business units"),
    Published("leaving", "engagement and turnover", "Harter et al. 2002", HARTER, "r", -0.30, _UNITS, "business units"),
    Published("performance", "engagement and productivity", "Harter et al. 2002", HARTER, "r", 0.25, _UNITS,
              "business units"),
    Published("performance", "engagement and profit", "Harter et al. 2002", HARTER, "r", 0.17, _UNITS,
              "business units"),
    Published("money", "customers' satisfaction and performance of the firm", "Otto et al. 2020", OTTO, "r", 0.101,
              "251 correlations of 96 studies", "firms"),
    Published("star", "customers' satisfaction (0–100) per star of employees' rating (1–5)", "Glassdoor 2019",
              GLASSDOOR, "points of 100", 1.3, "293 firms of 13 industries", "firms"),
    Published("replacement", "cost of replacing a worker", "Boushey & Glynn 2012", BOUSHEY, "of a yearly salary", 0.21,
              "27 case studies", "firms"),
    # .2324 with a standard error of .0621 clustered by person, from the data of the paper: tests/stats/test_panel.py
    Published("trial", "performance of call-centre agents sent to work from home", "Bloom et al. 2015", BLOOM,
              "standard deviations", 0.232, "249 agents, a trial by lot", "persons", REPRODUCED,
              0.2324 - 1.96 * 0.0621, 0.2324 + 1.96 * 0.0621),
)  # fmt: skip
