"""The mirrored KPI dictionary, and which side lacks which KPI (M7)."""

from __future__ import annotations

import pandas as pd

from exlink.data.answers import ex_kpi_scales
from exlink.data.dataset import StudyData
from exlink.data.kpis import KPIS, Kpi, lacking

CX, EX = "customers", "employees"
SIDES = {"cx": CX, "ex": EX}
NOT_DEFINED, NOT_MEASURED = "no such KPI", "not measured"


def dictionary() -> pd.DataFrame:
    """Return every KPI exlink knows: side, name, concept, formula, unit, direction, source."""
    return pd.DataFrame(
        [
            {
                "side": SIDES[k.side],
                "kpi": k.name,
                "concept": k.concept,
                "formula": k.formula,
                "unit": k.unit,
                "direction": k.direction,
                "source": k.source,
            }
            for k in KPIS
        ]
    )


def measured(data: StudyData, kpi: Kpi) -> bool:
    """Return whether this study holds answers that the KPI can be computed from."""
    if kpi.side == "ex":
        return kpi.concept in ex_kpi_scales(data)
    return data.has(*kpi.needs.split("."))


def mirror(data: StudyData) -> pd.DataFrame:
    """Return, per concept, what each side measures.

    Returns
    -------
    DataFrame: concept, customers, employees (names of the KPIs, or why there is none), verdict.
    """
    rows = []
    for concept in dict.fromkeys(k.concept for k in KPIS):
        row = {"concept": concept}
        for side, name in SIDES.items():
            known = [k for k in KPIS if k.concept == concept and k.side == side]
            have = [k.name for k in known if measured(data, k)]
            row[name] = ", ".join(have) or (NOT_MEASURED if known else NOT_DEFINED)
        gaps = [name for name in SIDES.values() if row[name] in (NOT_MEASURED, NOT_DEFINED)]
        row["verdict"] = "both sides" if not gaps else "neither side" if len(gaps) == 2 else f"{gaps[0]} lack it"
        rows.append(row)
    return pd.DataFrame(rows)


def mirror_sentence(frame: pd.DataFrame) -> str:
    """Say which concepts both sides measure, and which side lacks what."""
    frame = frame.assign(concept=frame["concept"].replace({"recommend": "recommendation"}))
    both = frame.loc[frame["verdict"] == "both sides", "concept"].tolist()
    said = f"**Both sides are asked about {', '.join(both)}.**" if both else "**No KPI is asked of both sides.**"
    for side in SIDES.values():
        lacks = frame.loc[frame["verdict"] == f"{side} lack it", "concept"].tolist()
        if lacks:
            said += f" {side.capitalize()} are not asked about {', '.join(lacks)}."
    neither = frame.loc[frame["verdict"] == "neither side", "concept"].tolist()
    return said + (f" Nobody is asked about {', '.join(neither)}." if neither else "")


def registry_gaps() -> list[str]:
    """Return one line per concept that the dictionary itself defines on one side only."""
    return [f"the dictionary defines no KPI of {SIDES[side]} for {concept}" for concept, side in lacking().items()]
