"""What a point of each aspect is worth a year: from customers, and from people who stay."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.power import minimum_detectable, verdict
from exlink.stats.tidy import draws_frame
from exlink.steps.business_rollup.chain import Rollup, planted_money
from exlink.steps.business_rollup.links import EXITS, KEPT, OVERALL, REVENUE, STAY

STREAMS = {
    "revenue": "revenue from customers who stay anyway",
    "kept": "revenue of customers who would have left",
    "customers": "margin from customers",
    "saved": "replacement cost saved",
    "total": "total",
}


def streams(rollup: Rollup, aspect: str, points: float) -> dict[str, tuple[float, np.ndarray]]:
    """Return point estimate and joint draws a year of each stream of money, for ``points`` more of an aspect.

    ``customers`` is revenue and kept revenue together, at the average margin where margins are recorded;
    ``total`` adds what is saved on replacing leavers. Streams without their links are absent.
    """
    out: dict[str, tuple[float, np.ndarray]] = {}
    for name, last in (("revenue", REVENUE), ("kept", KEPT)):
        if rollup.has(aspect, OVERALL, last):
            out[name] = _product(rollup, [aspect, OVERALL, last], points)
    if "revenue" in out:
        parts = [out[name] for name in ("revenue", "kept") if name in out]
        out["customers"] = tuple(rollup.margin_share * sum(p[i] for p in parts) for i in (0, 1))
    if rollup.has(STAY + aspect, EXITS) and np.isfinite(rollup.replacement).all():
        estimate, draws = _product(rollup, [STAY + aspect, EXITS], points)
        out["saved"] = (estimate * float(rollup.replacement.mean()), draws * rollup.replacement)
    both = [out[name] for name in ("customers", "saved") if name in out]
    if both:
        out["total"] = tuple(sum(p[i] for p in both) for i in (0, 1))
    return out


def _product(rollup: Rollup, names: list[str], points: float) -> tuple[float, np.ndarray]:
    return points * float(rollup.draws.point(names).prod()), rollup.draws.product_draws(names, points)


def value(rollup: Rollup, points: float = 0.1) -> pd.DataFrame:
    """Return money a year for ``points`` more of each aspect, stream by stream.

    Returns
    -------
    DataFrame: aspect, label, stream, money (in words), tidy columns, p_positive, p_adjusted (Benjamini–Hochberg
    over the aspects of a stream), verdict, planted, covered, mde (of one aspect tested alone: before adjustment),
    n_people; the dearest aspect first, those without a verdict last. Empty where no stream could be estimated.
    """
    n_people = _people(rollup)
    rows = []
    for aspect in rollup.aspects:
        planted = planted_money(rollup, aspect, points)
        for stream, (estimate, draws) in streams(rollup, aspect, points).items():
            row = draws_frame(aspect, estimate, draws, int(rollup.draws.table["n"].min()))
            rows.append(
                row.assign(
                    aspect=aspect,
                    label=rollup.labels[aspect],
                    stream=stream,
                    money=STREAMS[stream],
                    p_positive=float((draws > 0).mean()),
                    planted=planted.get(stream, np.nan),
                    n_people=n_people,
                )
            )
    if not rows:
        return pd.DataFrame()
    out = pd.concat(rows, ignore_index=True)
    out["p_adjusted"] = benjamini_hochberg(out["p_value"], family=out["stream"].to_numpy())
    bounds = zip(out["estimate"], out["conf_low"], out["conf_high"], out["p_adjusted"], strict=True)
    # an interval clear of zero counts only if it stays so among all the aspects that were tried
    out["verdict"] = [verdict(e, low, high) if p <= 0.05 else "inconclusive" for e, low, high, p in bounds]
    out["mde"] = minimum_detectable(out["std_error"].to_numpy())
    inside = (out["conf_low"] <= out["planted"]) & (out["planted"] <= out["conf_high"])
    out["covered"] = inside.where(out["planted"].notna()).astype(object)
    return _ranked(out)


def _ranked(out: pd.DataFrame) -> pd.DataFrame:
    """Sort aspects by their total (or what there is), clear ones first; streams in their order."""
    head = out[out["stream"] == "total"].set_index("aspect")
    order = {"higher": 0, "inconclusive": 1, "lower": 2, "no meaningful association": 3}
    keys = pd.DataFrame({"clear": head["verdict"].map(order), "money": -head["estimate"]})
    rank = {a: i for i, a in enumerate(keys.sort_values(["clear", "money"], kind="stable").index)}
    at = list(STREAMS)
    return out.sort_values(
        by=["aspect", "stream"], key=lambda c: c.map(rank if c.name == "aspect" else at.index), ignore_index=True,
    )  # fmt: skip


def _people(rollup: Rollup) -> int:
    """Return the number of employees (or units) behind the aspects' effects: the smaller of both chains."""
    tables = [rollup.parts[name].table for name in ("contact", "stay")]
    return min((int(t["n_people"].min()) for t in tables if len(t)), default=0)


def tornado(rollup: Rollup, aspect: str, points: float = 0.1) -> pd.DataFrame:
    """Return the total when one link moves over its 95 % interval and the others stay at their estimates.

    Returns
    -------
    DataFrame: link, low, high, base (the total), n_people; empty where there is no total.
    """
    at = rollup.draws.table.set_index("term") if rollup.draws is not None else pd.DataFrame()
    point = at["estimate"].to_dict() if len(at) else {}
    ways = streams(rollup, aspect, points)
    if "total" not in ways:
        return pd.DataFrame()
    base = _total(rollup, aspect, points, point, float(rollup.replacement.mean()))
    words = {aspect: f"{rollup.labels[aspect]} → contact", OVERALL: OVERALL, REVENUE: REVENUE, KEPT: KEPT,
             STAY + aspect: f"{rollup.labels[aspect]} → work satisfaction", EXITS: EXITS}  # fmt: skip
    passed = [*(words if "customers" in ways else ()), *((STAY + aspect, EXITS) if "saved" in ways else ())]
    rows = []
    for name in (n for n in words if n in point and n in passed):  # a link that leads nowhere moves nothing
        ends = [
            _total(rollup, aspect, points, {**point, name: at.at[name, side]}, float(rollup.replacement.mean()))
            for side in ("conf_low", "conf_high")
        ]
        rows.append({"link": words[name], "low": min(ends), "high": max(ends)})
    if np.isfinite(rollup.replacement).all() and rollup.has(STAY + aspect, EXITS):
        costs = np.quantile(rollup.replacement, [0.025, 0.975])
        ends = [_total(rollup, aspect, points, point, float(cost)) for cost in costs]
        rows.append({"link": "cost of replacing a leaver", "low": min(ends), "high": max(ends)})
    out = pd.DataFrame(rows).assign(base=base, n_people=_people(rollup))
    return out.iloc[(out["low"] - out["high"]).argsort(kind="stable")].reset_index(drop=True)


def _total(rollup: Rollup, aspect: str, points: float, at: dict[str, float], cost: float) -> float:
    """Return the total with every link at the value given."""
    customers = saved = 0.0
    if aspect in at and OVERALL in at:
        customers = at[aspect] * at[OVERALL] * (at.get(REVENUE, 0.0) + at.get(KEPT, 0.0)) * rollup.margin_share
    if STAY + aspect in at and EXITS in at and np.isfinite(cost):
        saved = at[STAY + aspect] * at[EXITS] * cost
    return points * (customers + saved)


def histogram(draws: np.ndarray, n_people: int, bins: int = 40) -> pd.DataFrame:
    """Return draws as counts per bin: left, right, count, n_people; the outermost hundredth goes into the last bins."""
    low, high = np.quantile(draws, [0.005, 0.995])
    edges = np.linspace(min(low, 0.0), high, bins + 1)
    counts = np.histogram(np.clip(draws, edges[0], edges[-1]), edges)[0]
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "count": counts, "n_people": n_people})


def of_stream(values: pd.DataFrame, stream: str) -> pd.DataFrame:
    """Return one stream's rows, most money first; empty where the stream is not there."""
    rows = values[values["stream"] == stream] if len(values) else values
    return rows.sort_values("estimate", ascending=False, kind="stable", ignore_index=True) if len(rows) else rows


def stream_names(wide: pd.DataFrame, benefit: str) -> dict[str, str]:
    """Return the columns of `by_stream` that add up, with their headings; ``benefit`` is margin or revenue."""
    names = {"total": "Total", "customers": f"Customers' {benefit}", "saved": "Replacement saved"}
    return {name: words for name, words in names.items() if name in wide}


def by_stream(values: pd.DataFrame) -> pd.DataFrame:
    """Return one row per aspect, in rank order: per stream its amount, ``<stream>_low``, ``_high`` and ``_planted``."""
    if not len(values):
        return values
    columns = {"estimate": "", "conf_low": "_low", "conf_high": "_high", "planted": "_planted"}
    wide = values.pivot(index="aspect", columns="stream", values=list(columns))
    wide.columns = [f"{stream}{columns[what]}" for what, stream in wide.columns]
    people = values.groupby("aspect", sort=False)[["label", "n_people"]].first()
    return people.join(wide).reset_index()


def first_aspect(values: pd.DataFrame) -> str:
    """Return the aspect that ranks first by its total, ``""`` without any."""
    total = values[values["stream"] == "total"] if len(values) else values
    return str(total["aspect"].iloc[0]) if len(total) else ""


def spread(rollup: Rollup, aspect: str, points: float) -> pd.DataFrame:
    """Return the draws of an aspect's total as bins; empty without a total."""
    found = streams(rollup, aspect, points) if aspect else {}
    return histogram(found["total"][1], _people(rollup)) if "total" in found else pd.DataFrame()


def references(rollup: Rollup, aspect: str, points: float) -> dict[str, float]:
    """Return the marks of `spread`: nothing gained, and the estimate."""
    found = streams(rollup, aspect, points) if aspect else {}
    return {"nothing gained": 0.0, "estimate": found["total"][0]} if "total" in found else {}
