"""Does the chain's interval hold the planted money? Twenty simulated studies, each rolled up as notebook 05 does.

    python -m benchmarks.chain            benchmarks/results/chain.csv and .md; about a minute on one core

Planted money per 0.1 point is what the planted links make of it: the aspect's effect on the contact, the contact's on
the overall opinion, that on revenue and on leaving. The hazard of exits is planted at equal unresolved escalations, of
which the analysis knows nothing: odds shrink when such causes are averaged over (Gail, Wieand & Piantadosi 1984),
percentage points do not, and money is counted from these. Both are held against the truth. What aspects do to
satisfaction with work is planted before answers are rounded and cut to their scale, which takes about a twentieth off
what can be found: intervals hold these values a little less often.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData, open_data
from exlink.data.employee_quarters import employee_quarters
from exlink.data.simulate import simulate_study
from exlink.data.study import load_study
from exlink.steps import business_rollup as step
from exlink.steps.business_rollup.links import EXITS, STAY

RESULTS = Path(__file__).parent / "results"
SEEDS = range(1, 21)
SIZE = {"employees": 240, "interactions": 60_000}
POINTS, REPS = 0.1, 400
NEEDED = 17  # of twenty: 95 % intervals give fewer than that in 1.6 % of such runs
ROUNDED = "link, planted before rounding"
MARGINAL = "work satisfaction → exits, points a quarter"


def one(seed: int, size: dict[str, int] | None = None) -> pd.DataFrame:
    """Return links and money of one simulated study: what, kind, planted, estimate, std_error, covered, seed."""
    with tempfile.TemporaryDirectory() as folder:
        data = open_data(load_study(simulate_study(Path(folder), seed=seed, **(size or SIZE))), threads=1)
        rollup = step.roll_up(data, reps=REPS, seed=seed)
        values = step.value(rollup, POINTS)
        kinds = {e["aspect"]: e["kind"] for e in data.truth["effects"]}
        acts = {e["aspect"] for e in data.truth["effects"] if e["kpi"] == rollup.kpi and e["acts"]}
        exits = _marginal_exits(data, rollup)
    links = step.chain_table(rollup).dropna(subset="planted").assign(what=lambda f: f["link"])
    links["kind"] = ["link" if not link.startswith(STAY) else ROUNDED for link in links["link"]]
    money = values[values["stream"] == "customers"].assign(what=lambda f: f["aspect"])
    money["kind"] = ["money, acts" if a in acts else f"money, {_silent(kinds[a])}" for a in money["aspect"]]
    columns = ["what", "kind", "planted", "estimate", "std_error", "conf_low", "conf_high"]
    rows = pd.concat([links[columns], money[columns], exits[columns]], ignore_index=True)
    return rows.assign(covered=rows["planted"].between(rows["conf_low"], rows["conf_high"]), seed=seed)


def _silent(kind: str) -> str:
    return "only confounded" if kind == "confounded" else "does nothing to this KPI"


def _marginal_exits(data: StudyData, rollup: step.Rollup) -> pd.DataFrame:
    """Return the average change of the chance of leaving in a quarter, in percentage points, and the planted one."""
    truth, row = data.truth["attrition"], rollup.parts["exits"].table.iloc[0]
    rows = employee_quarters(data).dropna(subset="ex_satisfaction")
    rows["quarter_before"] = [int(q[:4]) * 4 + int(q[5]) - 1 for q in rows["quarter"]]
    open_cases = data.query("""
        SELECT employee_id, year(started_at) * 4 + quarter(started_at) AS quarter_before,
               100.0 * count(*) FILTER (escalated AND escalation_resolved_on IS NULL) / count(*) AS unresolved
        FROM interactions GROUP BY ALL ORDER BY ALL""")
    rows = rows.merge(open_cases, on=["employee_id", "quarter_before"], how="left").fillna({"unresolved": 0.0})
    rows = rows.merge(data.frame("employees")[["employee_id", "performance_rating"]], on="employee_id")
    logit = truth["intercept"] + truth["ex_satisfaction_per_point"] * (rows["ex_satisfaction"] - truth["centred_at"])
    top = truth["top_performer_x_unresolved"] * (rows["performance_rating"] >= 5)
    chance = 1 / (1 + np.exp(-(logit + (truth["unresolved_per_100_contacts"] + top) * rows["unresolved"])))
    planted = 100 * truth["ex_satisfaction_per_point"] * float((chance * (1 - chance)).mean())
    per_point = -100 / (4 * rollup.workforce.headcount)  # exits a year → points a quarter, as `exit_parts` scales them
    draws = per_point * rollup.draws.draws[EXITS]
    low, high = draws.quantile([0.025, 0.975])
    return pd.DataFrame([{
        "what": MARGINAL, "kind": "link", "planted": planted, "estimate": row["estimate"] * row["per_percent"],
        "std_error": draws.std(), "conf_low": low, "conf_high": high,
    }])  # fmt: skip


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per link and aspect's money: studies, covered, means of planted and estimate, bias in errors."""
    z = (rows["estimate"] - rows["planted"]) / rows["std_error"]
    table = rows.assign(z=z).groupby(["kind", "what"], sort=False)
    return table.agg(
        studies=("seed", "nunique"), covered=("covered", "sum"), planted=("planted", "mean"),
        estimate=("estimate", "mean"), bias_in_errors=("z", "mean"), spread_of_errors=("z", "std"),
    ).reset_index().sort_values("kind", kind="stable", ignore_index=True)  # fmt: skip


def markdown(table: pd.DataFrame) -> str:
    """Return the summary as a page."""
    size = f"{SIZE['employees']} employees, {SIZE['interactions']:,} interactions"
    head = ["# The chain in twenty simulated studies", "", *__doc__.splitlines()[4:], "",
            f"{len(SEEDS)} studies of {size}, {REPS} resamples each, money per {POINTS:g} point and year. *Bias* is "
            "the mean distance of estimate and planted value in standard errors, *spread* its standard deviation: 0 "
            "and 1 where the interval is honest.", "",
            "| | | planted | estimate | covered | bias | spread |", "|---|---|---:|---:|---:|---:|---:|"]  # fmt: skip
    lines = [
        f"| {r.kind} | {r.what} | {r.planted:,.3g} | {r.estimate:,.3g} | {r.covered} of {r.studies} | "
        f"{r.bias_in_errors:+.2f} | {r.spread_of_errors:.2f} |"
        for r in table.itertuples()
    ]
    return "\n".join([*head, *lines]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studies and write the results; returns 1 if planted money of an acting aspect is covered too rarely."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chain", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for chain.csv and chain.md")
    given = parser.parse_args(arguments)
    table = summary(pd.concat([one(seed) for seed in SEEDS], ignore_index=True))
    given.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(given.out / "chain.csv", index=False, float_format="%.6g")
    (given.out / "chain.md").write_text(markdown(table))
    return int((table.loc[table["kind"] == "money, acts", "covered"] < NEEDED).any())


if __name__ == "__main__":
    sys.exit(main())
