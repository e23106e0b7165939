"""The study's own effects beside published ones, on the same scale and with whose effect each is (M38)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.customer_periods import value_after_overall
from exlink.data.dataset import StudyData
from exlink.data.employee_quarters import employee_quarters
from exlink.data.published import PUBLISHED
from exlink.errors import EstimationError
from exlink.stats.correlation import correlation_matrix
from exlink.stats.tidy import TIDY
from exlink.stats.within_between import between_slope
from exlink.steps.business_rollup.chain import Rollup

OWN = "this study"
CUSTOMERS_READ = 200_000  # rows of customers by period; with so many a correlation is known to the third digit
REPS = 1000
STAR = 4.0  # width of a scale from one star to five
Z = 1.96
LEAST_UNITS = (
    10  # of an own correlation: with 4 teams any is large, and resampling them cannot tell how uncertain it is
)
PAIRS = {"customers": "customers", "leaving": "leaving", "money": "revenue"}  # of own rows, by topic
TOPICS = {
    "customers": "employees' experience and customers",
    "leaving": "employees' experience and leaving",
    "performance": "engagement and performance of the unit",
    "money": "customers' satisfaction and money",
}


def correlations(data: StudyData, rollup: Rollup, *, seed: int) -> pd.DataFrame:
    """Return own and published correlations, topic by topic.

    Own ones are of means as they are, not corrected for unreliability; those of teams and persons are compared between
    them by means, weighted by answers, with intervals from resampling them (`correlation_matrix`). Customers are
    independent of each other: their interval is Fisher's.

    Returns
    -------
    DataFrame: topic (words), what, pair, level, source, n (words), status, estimate, conf_low and conf_high (empty
    where a source gives none), row (label of a figure), n_people (behind own effects; of the study in published rows).
    Own ones of fewer than `LEAST_UNITS` units are left out and told in ``attrs['few']``.
    """
    own = pd.DataFrame([*_with_customers(data, rollup, seed), *_with_leaving(data, seed), *_with_money(data, rollup)])
    quoted = pd.DataFrame([
        {"topic": p.topic, "what": p.what, "pair": p.pair, "level": p.level, "source": p.short, "n": p.n,
         "status": p.status, "estimate": p.estimate, "conf_low": p.low, "conf_high": p.high, "n_people": np.nan}
        for p in PUBLISHED if p.scale == "r"
    ])  # fmt: skip
    least = data.study.privacy.min_group
    own = own[own["n_people"] >= least] if len(own) else own
    few = own[own["n_units"] < LEAST_UNITS] if len(own) else own
    own = own.drop(index=few.index)
    out = pd.concat([own, quoted], ignore_index=True) if len(own) else quoted
    out["n_people"] = out["n_people"].fillna(_everyone(data)).astype(int)
    order = {topic: at for at, topic in enumerate(TOPICS)}
    out = out.sort_values("topic", key=lambda c: c.map(order), kind="stable", ignore_index=True)
    flag = (" (" + out["status"] + ")").where(out["status"] != OWN, "")
    out["row"] = out["pair"] + " – " + out["source"] + ": " + out["n"] + flag
    out = out.drop(columns="n_units", errors="ignore").assign(topic=out["topic"].map(TOPICS))
    out.attrs["few"] = [f"{row.what} between {row.level} ({row.n})" for row in few.itertuples()]
    return out


def _everyone(data: StudyData) -> int:
    return int(data.query(f"SELECT count(DISTINCT {data.unit}) AS n FROM exposures ORDER BY n")["n"].iloc[0])


def overall_column(data: StudyData) -> str:
    """Return the column of employees' overall satisfaction, '' where it was not asked."""
    return "ex_satisfaction" if "ex_satisfaction" in data.exposures() else ""


def _with_customers(data: StudyData, rollup: Rollup, seed: int) -> list[dict]:
    """Return how work satisfaction goes with customers' answers: within persons, between them, between teams."""
    x, kpi = overall_column(data), rollup.kpi
    if not x:
        return []
    said = data.exposures()[[data.unit, "wave", x]]
    what = f"work satisfaction and customers' {kpi}"

    def found(unit: str, by: list[str], kinds: dict[str, str]) -> list[dict]:
        cells = data.cells(by, [kpi]).merge(said, on=[data.unit, "wave"]).dropna(subset=x)
        table = correlation_matrix(cells, [kpi], [x], unit, "wave", reps=REPS, seed=seed)
        table = table[table["note"] == ""].set_index("kind")
        people = cells[cells[f"n_{kpi}"] > 0][data.unit].nunique()
        return [_own("customers", what, level, table.loc[kind], people) for kind, level in kinds.items()
                if kind in table.index]  # fmt: skip

    rows = found(data.unit, [data.unit, "wave"],
                 {"within": f"the same {data.people} over time", "between": data.people})  # fmt: skip
    if data.unit == "employee_id":
        rows += found("team_id", [data.unit, "wave", "team_id"], {"between": "teams"})
    return rows


def _own(topic: str, what: str, level: str, row: pd.Series, people: int) -> dict:
    units = f"{int(row['n_units']):,} {level.removeprefix('the same ')}"
    bounds = {name: row[name] for name in ("estimate", "conf_low", "conf_high")}
    return {"topic": topic, "what": what, "pair": PAIRS[topic], "level": level, "source": OWN, "n": units,
            "status": OWN, "n_people": people, "n_units": int(row["n_units"]), **bounds}  # fmt: skip


def _with_leaving(data: StudyData, seed: int) -> list[dict]:
    """Return how work satisfaction goes with leaving in a quarter: between persons, and with their share by team."""
    if data.unit != "employee_id" or not data.has("employees", "left_on") or not overall_column(data):
        return []
    rows = employee_quarters(data).dropna(subset="ex_satisfaction")
    if rows["left"].sum() < data.study.privacy.min_group:
        return []
    teams = data.frame("employees", ["employee_id", "team_id"])
    cells = rows.merge(teams, on="employee_id").assign(
        n_left=1, sum_left=lambda f: f["left"], sumsq_left=lambda f: f["left"]
    )
    what, people, out = "work satisfaction and leaving in the quarter after", rows["employee_id"].nunique(), []
    for unit, level in (("employee_id", data.people), ("team_id", "teams")):
        table = correlation_matrix(cells, ["left"], ["ex_satisfaction"], unit, "quarter", reps=REPS, seed=seed)
        between = table[(table["kind"] == "between") & (table["note"] == "")]
        out += [_own("leaving", what, level, row, people) for _, row in between.iterrows()]
    return out


def _with_money(data: StudyData, rollup: Rollup) -> list[dict]:
    """Return how customers' overall answers go with their revenue in the period after, between customers."""
    kpi = rollup.kpi
    needed = ("customer_value.revenue", f"customer_relationship.{kpi}", "interactions.customer_id")
    if data.missing(*needed):
        return []
    means = (
        value_after_overall(data, kpi, CUSTOMERS_READ).groupby("customer_id", sort=True)[["overall", "revenue"]].mean()
    )
    means = means.dropna()
    if len(means) <= 3 or not (means.std() > 0).all():
        return []
    row = fisher(float(means["overall"].corr(means["revenue"])), len(means)).assign(n_units=len(means)).iloc[0]
    return [_own("money", f"overall {kpi} and revenue in the period after", "customers", row, len(means))]


def fisher(r: float, n: int) -> pd.DataFrame:
    """Return a correlation of ``n`` independent pairs as a tidy row with Fisher's interval (1921).

    Raises
    ------
    EstimationError
        Fewer than 4 pairs.
    """
    if n < 4:
        raise EstimationError(f"correlation: {n} pairs; Fisher's interval needs at least 4.")
    half = Z / np.sqrt(n - 3)
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    row = ["correlation", r, (1 - r**2) / np.sqrt(n - 1), np.tanh(z - half), np.tanh(z + half), np.nan, n]
    return pd.DataFrame([row], columns=TIDY)


def other_scales(data: StudyData, rollup: Rollup) -> pd.DataFrame:
    """Return published effects that are no correlations, each with what this study has to lay beside it.

    Returns
    -------
    DataFrame: what, source, n, level, status, published, own (all in words; '–' without an interval or a counterpart),
    n_people.
    """
    ours = {"star": _per_star(data, rollup), "replacement": _replacement(rollup)}
    return pd.DataFrame([
        {"what": p.what, "source": p.source, "n": p.n, "level": p.level, "status": p.status,
         "published": _in_words(p.estimate, p.low, p.high, p.scale),
         "own": ours.get(p.topic) or "–", "n_people": _everyone(data)}
        for p in PUBLISHED if p.scale != "r"
    ])  # fmt: skip


def _in_words(estimate: float, low: float, high: float, scale: str) -> str:
    write = "{:.0%}".format if "salary" in scale else _number
    interval = f" ({write(low)} to {write(high)})" if np.isfinite(low) else ""
    return f"{write(estimate)} {scale}{interval}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _per_star(data: StudyData, rollup: Rollup) -> str:
    """Return customers' points of 100 per point of work satisfaction brought to 1–5, between teams."""
    x, kpi = overall_column(data), rollup.kpi
    if not x:
        return ""
    said = data.exposures()[[data.unit, "wave", x]]
    cells = data.cells(list(dict.fromkeys([data.unit, "wave", "team_id"])), [kpi]).merge(said, on=[data.unit, "wave"])
    widths = data.query(
        "SELECT max(scale_max - scale_min) AS w FROM ex_responses WHERE kpi = 'satisfaction' ORDER BY w"
    )
    low, high = data.study.scales[kpi]
    factor = 100 / (high - low) * float(widths["w"].iloc[0]) / STAR
    try:
        row = between_slope(cells.dropna(subset=x), kpi, x, "team_id").table.iloc[0]
    except EstimationError:
        return ""  # the figure above says that teams cannot be compared
    if row["n_units"] < LEAST_UNITS:
        return f"not assessed: {int(row['n_units'])} teams, fewer than {LEAST_UNITS}"
    bounds = [_number(factor * row[name]) for name in ("estimate", "conf_low", "conf_high")]
    return f"{bounds[0]} ({bounds[1]} to {bounds[2]}), {int(row['n_units'])} teams"


def _replacement(rollup: Rollup) -> str:
    if rollup.workforce is None or not np.isfinite(rollup.replacement).all():
        return ""
    share = rollup.replacement / rollup.workforce.salary
    return f"assumed, not measured: {share.min():.0%} to {share.max():.0%}"
