"""The mirrored KPI registry: one framework, Ease · Recommendation · Satisfaction, on both sides (M7).

Adding a KPI is adding a row here and a test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kpi:
    """One KPI: what it is called, on which side, how it is computed and where it comes from.

    ``concept`` is the word both sides share; ``statistic`` is ``mean``, ``top2`` (share of the two best
    answers), ``net`` (promoters minus detractors, in points) or ``share``; ``needs`` is ``table.column``.
    """

    name: str
    side: str
    concept: str
    statistic: str
    formula: str
    unit: str
    direction: str
    needs: str
    source: str

    @property
    def column(self) -> str:
        """Return the column that holds the KPI's answers."""
        return self.needs.partition(".")[2]


KPIS: tuple[Kpi, ...] = (
    Kpi(
        "CES",
        "cx",
        "ease",
        "mean",
        "mean of the ease score",
        "score",
        "higher is easier",
        "cx_responses.ease",
        "Dixon, Freeman & Toman 2010",
    ),
    Kpi(
        "NPS",
        "cx",
        "recommend",
        "net",
        "% scoring 9–10 minus % scoring 0–6",
        "points",
        "higher is better",
        "cx_responses.recommend",
        "Reichheld 2003",
    ),
    Kpi(
        "CSAT",
        "cx",
        "satisfaction",
        "top2",
        "share of the two best answers",
        "%",
        "higher is better",
        "cx_responses.satisfaction",
        "ISO 10004:2018",
    ),
    Kpi(
        "Satisfaction",
        "cx",
        "satisfaction",
        "mean",
        "mean of the satisfaction score",
        "score",
        "higher is better",
        "cx_responses.satisfaction",
        "ISO 10004:2018",
    ),
    Kpi(
        "FCR",
        "cx",
        "resolution",
        "share",
        "share resolved at first contact",
        "%",
        "higher is better",
        "interactions.resolved_first_contact",
        "ISO 18295-1:2017",
    ),
    Kpi(
        "Employee ease",
        "ex",
        "ease",
        "mean",
        "mean of the ease items",
        "score",
        "higher is easier",
        "ex_responses.score",
        "MIT CISR, Dery & Sebastian 2017",
    ),
    Kpi(
        "eNPS",
        "ex",
        "recommend",
        "net",
        "% scoring 9–10 minus % scoring 0–6",
        "points",
        "higher is better",
        "ex_responses.score",
        "Reichheld 2003, asked of employees",
    ),
    Kpi(
        "ESAT",
        "ex",
        "satisfaction",
        "top2",
        "share of the two best answers",
        "%",
        "higher is better",
        "ex_responses.score",
        "ISO 10004:2018, asked of employees",
    ),
    Kpi(
        "Employee satisfaction",
        "ex",
        "satisfaction",
        "mean",
        "mean of the satisfaction items",
        "score",
        "higher is better",
        "ex_responses.score",
        "ISO 10004:2018, asked of employees",
    ),
)


def share_columns(kpis: tuple[Kpi, ...] | None = None) -> list[str]:
    """Return the yes-or-no columns of ``interactions`` that KPIs are shares of."""
    return [k.column for k in (KPIS if kpis is None else kpis) if k.statistic == "share"]


def lacking(kpis: tuple[Kpi, ...] = KPIS) -> dict[str, str]:
    """Return the concepts that only one side measures, with the side that lacks them."""
    sides: dict[str, set[str]] = {}
    for kpi in kpis:
        sides.setdefault(kpi.concept, set()).add(kpi.side)
    return {concept: ({"ex", "cx"} - have).pop() for concept, have in sides.items() if len(have) == 1}
