"""Writes truth.json: all that was planted, on the scales on which an analysis finds it.

Nothing here is estimated from outcomes: effects come from planted parameters and data-generating
probabilities at the contacts that happened, projections from the design (who reported what, when).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from exlink.data.simulate import expectation
from exlink.data.simulate.company import company
from exlink.data.simulate.contacts import Scene
from exlink.data.simulate.design import (
    ASPECTS,
    JOURNEY,
    KPIS,
    ROLES,
    SLOPES,
    Contact,
    Money,
    Operations,
    Survey,
    World,
)
from exlink.data.simulate.feedback import Echo, planted_echo
from exlink.data.simulate.ledger import Ledger
from exlink.data.simulate.states import UNASKED, Plan
from exlink.data.simulate.turnover import exit_plan
from exlink.data.simulate.within import two_way


def write_truth(
    path: Path, scene: Scene, ledger: Ledger, echo: Echo, plans: list[Plan], off_system: dict[str, float | None]
) -> None:
    """Write truth.json."""
    world = scene.world
    sample = {c: np.concatenate([s[c] for s in ledger.samples]) for c in ledger.samples[0]}
    truth = {
        "note": "Everything planted in this study. Compare estimates with `effects[].joint` (all aspects in one model) "
                "or `.marginal` (one aspect at a time); both are on the observed scale.",
        "seed": world.seed,
        "sizes": {"employees": world.employees, "teams": world.teams, "interactions": world.interactions,
                  "customers": world.customers, "waves": world.waves, "linked_interactions": ledger.linked,
                  "cx_answers": ledger.answered},
        "waves": list(world.quarters),
        "timing": _timing(scene, echo),
        "journey": list(JOURNEY),
        "effects": _effects(scene, ledger, sample),
        "effects_note": "points of the CX KPI per point of the employee's reported aspect score (1–5). latent: before "
                        "rounding and clipping; joint: observed score, mean over linked contacts with an answer; "
                        "joint_all_customers: as if everybody had answered; marginal: one aspect at a time, within "
                        "employee and wave; between: one aspect at a time, employees' means. Slopes differ between "
                        "persons and flatten near the top of a scale, so that a straight line, which weighs persons by "
                        "the spread of their reports, may come out up to 3 % off these means.",
        "variance_components": _variances(scene, sample),
        "variance_note": "variance of a contact's score, in squared points. employee: all that is stable in a person, "
                         "mean reported aspects included; employee_net_of_ex: without these; residual: all else.",
        "heterogeneity": _heterogeneity(),
        "operations": _operations(world),
        "controls": _controls(),
        **_rollup(ledger),
        "attrition": _attrition(world, ledger),
        "engagement": {"ease_of_wave_before": Survey().ease_carried,
                       "aspect_weights": {a.name: a.engagement for a in ASPECTS},
                       "note": "latent points of the EX KPIs per point of the everyday-work ease reported one wave "
                               "earlier, and per point of each aspect in the same wave."},
        **company(scene, plans, off_system),
        "response": _response(),
        "gaps": {"touchpoints_without_survey": [UNASKED]},
    }  # fmt: skip
    text = json.dumps(_rounded(truth), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _timing(scene: Scene, echo: Echo) -> dict:
    world = scene.world
    ahead = (
        "A reported state acts from lag_days after the answer until lag_days after the next one; it does not act "
        "before." if world.ex_acts else "What employees report does not act on customers."
    )  # fmt: skip
    back = (
        "The mean satisfaction of all contacts of a person in quarter q-1, answered or not, less what is usual for the "
        "person (a constant), moves every aspect of the wave that opens in quarter q by cx_on_ex latent points per "
        "point; a share wave_autocorrelation of what it moved is carried from wave to wave. No contact moves an answer "
        "before it. The movement is common to all aspects, and comes on top of wave_correlation."
        if world.cx_acts else "CX does not act back on EX (cx_on_ex)."
    )  # fmt: skip
    return {"lag_days": world.lag_days, "window_days": world.window_days, "direction": world.direction,
            "ex_on_cx": world.ex_acts, "cx_on_ex": Contact().echo * world.cx_acts,
            "cx_on_ex_reported": planted_echo(scene, echo), "note": f"{ahead} {back}"}  # fmt: skip


def _effects(scene: Scene, ledger: Ledger, sample: dict[str, np.ndarray]) -> list[dict]:
    acts = scene.world.ex_acts
    joint, everyone = (
        expectation.slopes(sample["index"], sample["p_resolved"], sample["slopes"], answering=answering)
        if acts else np.zeros(SLOPES.shape) for answering in (True, False)
    )  # fmt: skip
    overlap = _within_overlap(scene.states.reported, ledger.cells)
    between = _between(scene.states.reported, ledger)
    steepness = np.array([_steepness(sample["index"][:, k], k) for k in range(len(KPIS))])
    rows = []
    for a, aspect in enumerate(ASPECTS):
        for k, kpi in enumerate(KPIS):
            rows.append({
                "aspect": aspect.name, "factor": aspect.factor,
                "kind": "null" if aspect.kind == "within" and not acts else aspect.kind, "kpi": kpi,
                "acts": acts and bool(SLOPES[a, k]), "latent": float(sample["slopes"][:, a, k].mean()),
                "joint": joint[a, k], "joint_all_customers": everyone[a, k],
                "marginal": float(overlap[a] @ joint[:, k]),
                "between": between[a, k] * steepness[k],
            })  # fmt: skip
    return rows


def _steepness(index: np.ndarray, k: int) -> float:
    """Return the mean change of the expected score per latent unit."""
    sd, h = expectation.SD[k], expectation.STEP
    ends = [expectation.expected(index + s * h, KPIS[k], sd).mean() for s in (1, -1)]
    return float((ends[0] - ends[1]) / (2 * h))


def _within_overlap(reported: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Return cov(x_b, x_a) / var(x_a) within employees and waves, (a, b), weighted by contacts."""
    x = two_way(reported, cells)
    cov = np.einsum("iwa,iwb,iw->ab", x, x, cells)
    return cov / np.diag(cov)[:, None]


def _between(reported: np.ndarray, ledger: Ledger) -> np.ndarray:
    """Return slopes of persons' mean latent CX on their mean report, one aspect at a time, (aspect, kpi)."""
    seen = ledger.contacts > 0
    n = ledger.contacts[seen][:, None]
    x = np.einsum("iwa,iw->ia", reported, ledger.cells)[seen] / n
    y = ledger.index_sum[seen] / n
    x, y = x - (x * n).sum(0) / n.sum(), y - (y * n).sum(0) / n.sum()
    return (x * n).T @ y / (x * x * n).sum(0)[:, None]


def _variances(scene: Scene, sample: dict[str, np.ndarray]) -> list[dict]:
    """Return variance components of a contact's score, on both scales."""
    rows = []
    for k, kpi in enumerate(KPIS):
        index, sd = sample["index"][:, k], expectation.SD[k]
        mean = scene.states.reported.mean(1) - scene.states.reported.mean((0, 1))
        state = np.einsum("na,na->n", mean[sample["who"]], sample["slopes"][:, :, k])
        parts = {"employee": sample["employee"][:, k] + state, "employee_net_of_ex": sample["employee"][:, k],
                 "team": sample["team"][:, k], "customer": sample["customer"][:, k]}  # fmt: skip
        level = expectation.expected(index, kpi, sd)
        total = float(expectation.expected_square(index, kpi, sd).mean() - level.mean() ** 2)
        latent_total = float(index.var() + sd**2)
        left, left_latent = total, latent_total
        for name, effect in parts.items():
            observed = expectation.share_explained(index, effect, k)
            rows.append({"kpi": kpi, "component": name, "latent": float(effect.var()), "observed": observed,
                         "observed_share": observed / total})  # fmt: skip
            if name != "employee_net_of_ex":
                left, left_latent = left - observed, left_latent - float(effect.var())
        rows.append({"kpi": kpi, "component": "residual", "latent": left_latent, "observed": left,
                     "observed_share": left / total})  # fmt: skip
    return rows


def _heterogeneity() -> dict:
    return {
        "tools_slope_by_role": {r.name: r.tools_slope for r in ROLES},
        "tools_slope_sd": Contact().tools_slope_sd,
        "knowledge_slope_first_year": Contact().new_hire_knowledge,
        "note": "factors on the latent slope; the SD is between persons, as a share of their role's slope.",
        "wave_correlation": Survey().wave_corr, "wave_autocorrelation": Survey().wave_ar,
        "wave_note": "correlation of latent wave deviations between aspects that act; 0 for all other pairs.",
    }  # fmt: skip


def _operations(world: World) -> list[dict]:
    scale = {"resolved": ("resolved_first_contact", "logit"), "reopened": ("reopened", "logit"),
             "escalated": ("escalated", "logit"), "log_handle": ("handle_seconds", "log"),
             "log_transfers": ("transfers", "log mean (Poisson)")}  # fmt: skip
    return [{"outcome": scale[name][0], "aspect": aspect, "coefficient": value * world.ex_acts, "scale": scale[name][1],
             "given": "resolved_first_contact" if name in ("reopened", "escalated") else "",
             "note": "per point of the reported aspect, within person; a mediator, not a control"}
            for name, by in asdict(Operations()).items() for aspect, value in by.items()]  # fmt: skip


def _controls() -> dict:
    plan = Contact()
    named = {"complexity": plan.complexity, "log_wait_over_channel_median": plan.wait,
             "resolved_first_contact": plan.resolved, "script_adherence": plan.script,
             "script_adherence_x_complexity": plan.script_complexity}  # fmt: skip
    return {"latent": {name: dict(zip(KPIS, by, strict=True)) for name, by in named.items()},
            "note": "latent points per unit; complexity and its interaction are centred at 3. EX effects are totals: "
                    "what runs through first-contact resolution is part of them."}  # fmt: skip


def _rollup(ledger: Ledger) -> dict:
    plan = Money()
    sums = np.sum(ledger.overall, axis=0)
    observed = sums[:, 0] / sums[:, 1]
    return {
        "overall_cx": {
            "timing": "overall CX of a customer in quarter q on the mean satisfaction score of the customer's contacts "
                      "in q-1: of the answered ones if any was answered, else of all",
            "slopes": [{"kpi": kpi, "latent": plan.overall_slope[k], "within_customer": observed[k],
                        "pooled": sums[k, 2] / sums[k, 3]} for k, kpi in enumerate(KPIS)],
            "note": "points of overall CX per point of mean contact satisfaction; `pooled` also carries what customers "
                    "bring along (a trait raises both), `within_customer` does not.",
        },
        "revenue": {
            "timing": "log revenue of quarter q+1 on overall satisfaction of quarter q, within customer",
            "log_points_per_point": plan.revenue_slope,
            "chain_log_points_per_contact_point": plan.revenue_slope * observed[KPIS.index("satisfaction")],
            "note": "per point of reported overall satisfaction; richer customers are a little happier (pooled bias).",
        },
        "churn": {
            "timing": "logit of leaving at the end of quarter q+1 on overall satisfaction of quarter q",
            "intercept_at_4": plan.churn_intercept, "logit_per_point": plan.churn_slope,
            "note": "no other heterogeneity: pooled and within agree in expectation.",
        },
    }  # fmt: skip


def _attrition(world: World, ledger: Ledger) -> dict:
    plan = exit_plan(world)
    expected, present = (sum(column) for column in zip(*ledger.exits, strict=True))
    return {
        "timing": "logit of a voluntary exit during quarter q on the state of quarter q-1",
        "intercept": plan.intercept, "ex_satisfaction_per_point": plan.satisfaction, "centred_at": 3.6,
        "unresolved_per_100_contacts": plan.unresolved, "top_performer_x_unresolved": plan.top_unresolved,
        "top_performer": f"performance_rating >= {plan.top_rating}",
        "mean_quarterly_hazard": expected / present, "involuntary_quarterly": plan.involuntary,
        "note": "ex_satisfaction: mean of the satisfaction items over all touchpoints of a wave; unresolved: "
                "escalations that were never resolved among the employee's contacts of the quarter, per 100 contacts.",
    }  # fmt: skip


def _response() -> dict:
    return {
        "cx_answer_rate_by_satisfaction": dict(zip("12345", Contact().answered, strict=True)),
        "ex_response_logit": {"per_engagement_point": Survey().engagement_logit,
                              "per_share_of_feedback_acted_on": Survey().closure_logit, "per_survey_asked": 0.0},
        "identified_withheld": {"share": Survey().withheld_share, "shift_points": Survey().withheld_shift},
        "note": "CX: share of all contacts answered, by the score that would be given. EX: acting on feedback in the "
                "quarter before raises response; the number of surveys does not lower it.",
    }  # fmt: skip


def _rounded(value: object) -> object:
    """Round floats to six digits, so that the file stays readable."""
    if isinstance(value, dict):
        return {str(k): _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 6) + 0.0
    return value
