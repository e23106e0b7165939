"""Small studies with a planted association, written as files and opened like any other.

Every unit has two aspects. ``tools`` acts on customers within units (``slope`` points of satisfaction per
point); ``recognition`` goes along with a trait of the unit that customers like, and does nothing by itself:
a naive comparison of units shows it, a comparison of the same unit over time must not.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData, open_data
from exlink.data.study import load_study
from exlink.steps.individual_linkage import judged_together, slopes


@dataclass(frozen=True)
class Plan:
    """What is planted, in points of satisfaction (1–5); ``trait`` SD of the confounder between units."""

    units: int = 60
    waves: int = 4
    contacts: int = 20  # per unit and wave
    slope: float = 0.5
    trait: float = 0.4
    role_slopes: tuple[float, ...] = ()  # of tools, role by role, in place of ``slope``
    unit_sd: float = 0.1
    overall_noise: float = 0.0  # of the overall score; without it that score is a sum of the two aspects
    grain: str = "employee"
    kpis: tuple[str, ...] = ("satisfaction",)
    seed: int = 1


def write_study(folder: Path, plan: Plan) -> Path:
    """Write the study and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(plan.seed)
    unit = "employee_id" if plan.grain == "employee" else "team_id"
    names = [f"U-{k:03d}" for k in range(plan.units)]
    trait = rng.standard_normal(plan.units)
    tools = 3 + 0.3 * rng.standard_normal((plan.units, 1)) + 0.6 * rng.standard_normal((plan.units, plan.waves))
    recognition = 3 + 0.5 * trait[:, None] + 0.5 * rng.standard_normal((plan.units, plan.waves))
    roles = plan.role_slopes or (plan.slope,)
    slope_of = [roles[u % len(roles)] for u in range(plan.units)]
    level = plan.trait * trait + plan.unit_sd * rng.standard_normal(plan.units)
    starts = pd.date_range("2025-01-01", periods=plan.waves, freq="91D")
    ex, contacts, answers = [], [], []
    for u in range(plan.units):
        for w in range(plan.waves):
            asked = {"employee_id": names[u], "team_id": names[u], "wave": f"W{w}", "scale_min": 1, "scale_max": 5,
                     "responded_on": starts[w].date(), "touchpoint": "everyday work"}  # fmt: skip
            for aspect, score in (("tools", tools[u, w]), ("recognition", recognition[u, w])):
                ex.append({**asked, "item": aspect, "aspect": aspect, "kpi": "driver",
                           "score": float(np.clip(score, 1, 5))})  # fmt: skip
            noise = plan.overall_noise * rng.standard_normal() if plan.overall_noise else 0.0
            overall = np.clip(0.2 * tools[u, w] + 0.8 * recognition[u, w] + noise, 1, 5)
            ex.append({**asked, "item": "overall", "aspect": "overall", "kpi": "satisfaction", "score": float(overall)})
            for c in range(plan.contacts):
                key = f"I-{u:03d}-{w}-{c:03d}"
                at = starts[w] + pd.Timedelta(days=int(rng.integers(2, 88)), hours=10)
                contacts.append({"interaction_id": key, "employee_id": names[u], "team_id": names[u],
                                 "customer_id": f"C-{rng.integers(0, 5 * plan.units):05d}", "started_at": at,
                                 "touchpoint": "claim" if c % 2 else "enquiry", "channel": "phone"})  # fmt: skip
                score = 3.2 + slope_of[u] * (np.clip(tools[u, w], 1, 5) - 3) + level[u] + 0.7 * rng.standard_normal()
                answers.append({"interaction_id": key, "responded_at": at + pd.Timedelta(hours=5),
                                **dict.fromkeys(plan.kpis, float(np.clip(score, 1, 5)))})  # fmt: skip
    drop = ["team_id"] if unit == "employee_id" else ["employee_id"]
    pd.DataFrame(ex).drop(columns=drop).to_csv(folder / "ex_responses.csv", index=False)
    pd.DataFrame(contacts).drop(columns=drop).to_csv(folder / "interactions.csv", index=False)
    pd.DataFrame(answers).to_csv(folder / "cx_responses.csv", index=False)
    tables = ["ex_responses", "interactions", "cx_responses"]
    if unit == "employee_id":
        teams = [f"T-{k // 10}" for k in range(plan.units)]
        kinds = [f"role {u % len(roles)}" for u in range(plan.units)] if plan.role_slopes else "agent"
        pd.DataFrame({"employee_id": names, "role": kinds, "team_id": teams}).to_csv(
            folder / "employees.csv", index=False)  # fmt: skip
        tables.append("employees")
    sources = "\n".join(f"  {t}: {t}.csv" for t in tables)
    text = f"name: planted\nperiod: 2026Q4\nsources:\n{sources}\nlinkage: {{grain: {plan.grain}}}\n"
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


def open_study(folder: Path, plan: Plan) -> StudyData:
    """Write the study and open it."""
    return open_data(load_study(write_study(folder, plan)))


def judged(data: StudyData, smallest_share: float = 0.0125) -> pd.DataFrame:
    """Return the slopes within units, alone and beside all other aspects, with the verdicts of both."""
    alone, joint = (slopes(data, smallest_share=smallest_share, kind=k) for k in ("within", "joint"))
    return judged_together(alone, joint)
