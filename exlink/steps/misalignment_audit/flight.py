"""Step 06: do the best people become the flight risk (M39)? A discrete-time hazard of leaving of one's own accord.

The sign rests on one number that is named beforehand: by how much the odds that a top performer leaves in the next
quarter rise with each of their escalations, in 100 contacts, that was still open when it began. What work beside the
systems adds, and how others react, stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.exit_risks import exit_risks, now_at_risk
from exlink.errors import EstimationError
from exlink.stats.calibration import calibration
from exlink.stats.firth import FirthFit, fit_firth
from exlink.stats.logit import expit
from exlink.stats.multiplicity import benjamini_hochberg

FIT_SHARE = 0.6  # of the quarters, the earlier ones, from which the later ones are predicted
BANDS = (1.0, 3.0, 6.0)  # years of service at which a band of tenure begins
DRAWS = 2000
SPREAD = (0, 2, 4, 6, 8, 10)  # open escalations in 100 contacts at which risks are drawn
PULLS = ("unresolved", "off_system")
SPAN = {"unresolved": 0.0, "off_system": 0.5}  # of the middle 95 %: below half an hour, an hour more is mere guessing
SIGN = "unresolved_top"  # the term on which the sign rests
NAMES = {
    "unresolved_top": ("Open escalations, per one in 100 contacts", "top performers"),
    "unresolved_other": ("Open escalations, per one in 100 contacts", "others"),
    "off_system_top": ("Work off the systems, per hour a day", "top performers"),
    "off_system_other": ("Work off the systems, per hour a day", "others"),
    "top": ("Being a top performer, nothing open and all on the systems", "everyone"),
    "log_tenure": ("Years of service, per doubling", "everyone"),
    "period": ("Time, per quarter", "everyone"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """The hazard of leaving.

    rows : DataFrame        person-quarters in the model, with its columns
    columns : list of str   covariates of the model
    fit : FirthFit
    settled : DataFrame or None    odds of the same terms at equal satisfaction with work; None where not assessable
    table : DataFrame       odds ratios in words: what, who, estimate, conf_low, conf_high, p_value, p_adjusted,
                            planted, n_people
    people, top_people, exits, top_exits : int    behind it
    missing : str           one line on what is not in the model
    """

    rows: pd.DataFrame
    columns: list[str]
    fit: FirthFit
    settled: pd.DataFrame | None
    table: pd.DataFrame
    people: int
    top_people: int
    exits: int
    top_exits: int
    missing: str = ""
    _draws: list = field(default_factory=list)

    def draws(self, seed: int) -> np.ndarray:
        """Return draws of the coefficients, the intercept first: (DRAWS, k)."""
        if not self._draws:
            self._draws.append(self.fit.draws(DRAWS, seed=seed))
        return self._draws[0]


def assess_flight(data: StudyData) -> Flight | str:
    """Return the hazard of leaving, or why it cannot be assessed."""
    if data.unit == "team_id":
        return "not assessed: needs EX and exits of employees; this study links at the level of teams"
    if missing := data.missing("employees.left_on", "employees.performance_rating", "interactions.escalated"):
        return missing
    risks = exit_risks(data)
    if risks.empty:
        return "not assessed: needs a quarter that begins after the first EX answers and has ended with the period"
    if risks["top"].isna().all():
        return "not assessed: `employees.performance_rating` sets no group of at most a quarter of the staff apart"
    needed = [c for c in ("unresolved", "off_system", "top") if c == "top" or risks[c].notna().any()]
    rows = risks.dropna(subset=needed).reset_index(drop=True)
    few = data.study.privacy.min_group
    exits, top_exits = int(rows["left"].sum()), int(rows.loc[rows["top"] == 1, "left"].sum())
    if min(top_exits, exits - top_exits) < few:
        who, quarters = "top performers" if top_exits < few else "others", rows["quarter"].nunique()
        return (
            f"not assessed: fewer than {few} {who} left of their own accord in {quarters} "
            f"quarter{'s' * (quarters > 1)}, "
            "too few to tell why, and few enough to be recognised; that few left is neither a sign nor its absence"
        )
    by_top = rows.groupby("top")["employee_id"].nunique()
    top_people, people = int(by_top.get(1, 0)), int(rows["employee_id"].nunique())
    if min(top_people - top_exits, people - top_people - (exits - top_exits)) < few:
        return f"not assessed: fewer than {few} top performers, or fewer than {few} others, stayed"
    rows, columns = _design(rows)
    if SIGN not in columns:
        return "not assessed: no escalation of a top performer was still open when a quarter began"
    try:
        fit = fit_firth(rows, "left", columns, tested=[c for c in columns if c in NAMES], cluster="near")
    except EstimationError as error:
        return f"not assessed: {error}"
    return Flight(
        rows, columns, fit, _settled(rows, columns, few), _odds(fit.table, data, people, top_people), people,
        top_people, exits, top_exits, _left_out(data, rows),
    )  # fmt: skip


def _design(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows with the columns of the model: pulls apart for top performers and others, the rest for all."""
    out, top = rows.copy(), rows["top"]
    # leaving runs in teams, whatever the reason: their errors hang together
    out["near"] = out["team_id"].astype("string").fillna(out["employee_id"].astype("string"))
    columns = []
    for pull in PULLS:
        if rows[pull].notna().all() and _differs(rows, pull):
            out[f"{pull}_top"], out[f"{pull}_other"] = rows[pull] * top, rows[pull] * (1 - top)
            columns += [f"{pull}_top", f"{pull}_other"]
    columns.append("top")
    if rows["tenure_years"].notna().all():
        out["log_tenure"] = np.log2(rows["tenure_years"].clip(lower=0.1))
        columns.append("log_tenure")
    out["period"] = pd.factorize(rows["quarter"], sort=True)[0].astype(float)
    roles = sorted(rows["role"].dropna().unique())
    for at, role in enumerate(roles[1:]):
        out[f"role_{at}"] = (rows["role"] == role).astype(float)
    columns += ["period", *[f"role_{at}" for at in range(len(roles) - 1)]]
    return out, [c for c in columns if np.ptp(out[c]) > 0]


def _differs(rows: pd.DataFrame, pull: str) -> bool:
    """Return whether person-quarters differ enough in what pulls for its effect to be told in its unit."""
    low, high = np.quantile(rows[pull], (0.025, 0.975))
    return bool(high - low >= SPAN[pull])


def _left_out(data: StudyData, rows: pd.DataFrame) -> str:
    """Return what the model does without, and why, as lines of one sentence each; '' where nothing is left out."""
    lines = [] if rows["off_system"].notna().all() else [data.missing("desktop_activity")]
    if not lines and not _differs(rows, "off_system"):
        lines.append(
            "work off the systems is not in the model: nearly all differ by less than half an hour a day, so what an "
            "hour more would do cannot be told"
        )
    unknown = float(rows["tenure_years"].isna().mean())
    if unknown == 1:
        lines.append(data.missing("employees.hired_on") or "years of service are not held equal: none is recorded")
    elif unknown > 0:
        lines.append(
            "years of service are not held equal: `employees.hired_on` is missing for some of the people, and "
            "without them the model would be of others"
        )
    return ". ".join(line[0].upper() + line[1:] for line in lines if line)


def _settled(rows: pd.DataFrame, columns: list[str], few: int) -> pd.DataFrame | None:
    """Return the same terms at equal satisfaction, which escalations may themselves wear down: no control, a check."""
    if "ex_satisfaction" not in rows:
        return None
    said = rows.dropna(subset=["ex_satisfaction"])
    if said.loc[said["top"] == 1, "left"].sum() < few:
        return None
    return fit_firth(said, "left", [*columns, "ex_satisfaction"], tested=["unresolved_top"], cluster="near").table


def _odds(table: pd.DataFrame, data: StudyData, people: int, top_people: int) -> pd.DataFrame:
    """Return odds ratios in words; the four pulls are one family of tests."""
    rows = table[table["term"].isin(NAMES)].reset_index(drop=True)
    pulls = rows["term"].str.startswith(tuple(PULLS))
    rows["p_adjusted"] = benjamini_hochberg(rows["p_value"].where(pulls))
    planted = _planted(data)
    counts = {"top performers": top_people, "others": people - top_people, "everyone": people}
    alone = "" if rows["term"].str.startswith("off_system").any() else " and all on the systems"
    return rows.assign(
        what=[NAMES[t][0].removesuffix(alone) for t in rows["term"]], who=[NAMES[t][1] for t in rows["term"]],
        estimate=np.exp(rows["estimate"]), conf_low=np.exp(rows["conf_low"]), conf_high=np.exp(rows["conf_high"]),
        log_odds=rows["estimate"], planted=[np.exp(planted.get(t, np.nan)) for t in rows["term"]],
        n_people=[counts[NAMES[t][1]] for t in rows["term"]],
    )  # fmt: skip


def _planted(data: StudyData) -> dict[str, float]:
    plan = (data.truth or {}).get("attrition", {})
    if "unresolved_per_100_contacts" not in plan:
        return {}
    other = float(plan["unresolved_per_100_contacts"])
    return {"unresolved_other": other, "unresolved_top": other + float(plan["top_performer_x_unresolved"])}


def risk_profile(found: Flight | str, *, seed: int, min_group: int) -> pd.DataFrame:
    """Return the chance of leaving within a quarter by open escalations, for top performers and others, in per cent.

    Returns
    -------
    DataFrame: who, open_escalations, estimate, conf_low, conf_high, n_people. All else as it is on average. A line
    ends at what at least ``min_group`` of these people have had open.
    """
    if isinstance(found, str):
        return pd.DataFrame(columns=["who", "open_escalations", "estimate", "conf_low", "conf_high", "n_people"])
    means = found.rows[found.columns].mean()
    counts = {1.0: found.top_people, 0.0: found.people - found.top_people}
    out = []
    for top, who in ((1.0, "top performers"), (0.0, "others")):
        point = means.copy()
        point["top"] = top
        for pull in PULLS:
            if f"{pull}_top" in means:
                level = found.rows[pull].mean()
                point[f"{pull}_top"], point[f"{pull}_other"] = level * top, level * (1 - top)
        most = found.rows[found.rows["top"] == top].groupby("employee_id")["unresolved"].max().nlargest(min_group)
        for value in [v for v in SPREAD if v <= most.iloc[-1]]:
            point["unresolved_top"], point["unresolved_other"] = value * top, value * (1 - top)
            frame = pd.DataFrame([point[found.columns]])
            drawn = 100 * expit(found.draws(seed) @ np.concatenate([[1.0], frame.to_numpy()[0]]))
            low, high = np.quantile(drawn, (0.025, 0.975))
            out.append({"who": who, "open_escalations": value, "estimate": 100 * float(found.fit.predict(frame)[0]),
                        "conf_low": low, "conf_high": high, "n_people": counts[top]})  # fmt: skip
    return pd.DataFrame(out)


def group_risks(found: Flight | str, by: str, *, seed: int) -> pd.DataFrame:
    """Return the mean predicted chance of leaving within a quarter, in per cent, of groups of those there last.

    Parameters
    ----------
    by : {'team', 'tenure'}

    Returns
    -------
    DataFrame: group, estimate, conf_low, conf_high, n_people; teams are numbered by their risk, not named.
    """
    if isinstance(found, str):
        return pd.DataFrame(columns=["group", "estimate", "conf_low", "conf_high", "n_people"])
    rows = now_at_risk(found.rows)
    names = ["under 1 year", "1 to 3 years", "3 to 6 years", "6 years and more"]
    if by == "tenure":
        known = rows.dropna(subset=["tenure_years"])
        key = pd.Series(np.searchsorted(BANDS, known["tenure_years"], side="right"), index=known.index)
    else:
        known = rows.dropna(subset=["team_id"])
        key = pd.Series(pd.factorize(known["team_id"], sort=True)[0], index=known.index)
    design = np.column_stack([np.ones(len(known)), known[found.columns].to_numpy(dtype=float)])
    drawn = 100 * expit(found.draws(seed) @ design.T)
    risk = 100 * found.fit.predict(known)
    out = []
    for code in sorted(key.unique()):
        inside = (key == code).to_numpy()
        low, high = np.quantile(drawn[:, inside].mean(axis=1), (0.025, 0.975))
        out.append({"code": code, "estimate": risk[inside].mean(), "conf_low": low, "conf_high": high,
                    "n_people": int(inside.sum())})  # fmt: skip
    table = pd.DataFrame(out, columns=["code", "estimate", "conf_low", "conf_high", "n_people"])
    if by == "tenure":
        return table.assign(group=[names[code] for code in table["code"]]).drop(columns="code")
    table = table.sort_values("estimate", kind="stable", ignore_index=True).drop(columns="code")
    return table.assign(group=[f"team {at + 1}" for at in range(len(table))])


def came_true(found: Flight | str, min_group: int) -> pd.DataFrame | str:
    """Return how far the later quarters were as predicted from the earlier ones, or why that cannot be told."""
    if isinstance(found, str):
        return found
    quarters = sorted(found.rows["quarter"].unique())
    early = quarters[: max(1, round(FIT_SHARE * len(quarters)))]
    first = found.rows["quarter"].isin(early)
    seen, later = found.rows[first], found.rows[~first]
    if min(seen["left"].sum(), later["left"].sum()) < min_group:
        return f"not assessed: fewer than {min_group} people left in the earlier or in the later quarters"
    columns = [c for c in found.columns if np.ptp(seen[c]) > 0]
    try:
        fit = fit_firth(seen, "left", columns, tested=[])
        table = calibration(later["left"], fit.log_odds(later), float(seen["left"].mean()))
    except EstimationError as error:
        return f"not assessed: {error}"
    return table.assign(n_people=int(later["employee_id"].nunique()), quarters=f"{len(early)} of {len(quarters)}")
