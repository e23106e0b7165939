"""Whether aspects act alike in all roles and at all tenures: slopes by group, pooled in part (M23, M26)."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.linkage import compress
from exlink.data.panel import MIN_UNITS, aspect_columns, column_label, panel_cells
from exlink.data.planted import planted_effects, planted_factors
from exlink.data.wording import in_words, signed
from exlink.errors import EstimationError
from exlink.stats.absorb import encode
from exlink.stats.group_slopes import GroupSlopes, group_slopes
from exlink.stats.multiplicity import benjamini_hochberg
from exlink.stats.pooling import Pooled, partial_pool
from exlink.stats.power import p_in_words
from exlink.stats.tidy import tidy_frame

ROLE, TENURE = "role", "tenure"
YEAR = 365.25 * 24 * 60  # minutes
BANDS = ((1.0, "first year"), (3.0, "second and third year"), (np.inf, "later"))  # upper ends, in years
OWN, POOLED = "own", "pooled in part"
SEES_LESS = (
    "Step 03 asks this of each aspect by itself and judges it by everybody's answers; here the other aspects are held "
    "equal and newcomers are judged by their own small number, which sees less: a difference that 03 shows and this "
    "page does not is open here, not refuted."
)
SLOPES = ["dimension", "aspect", "term", "outcome", "who", "kind", "estimate", "conf_low", "conf_high", "n", "n_units",
          "planted"]  # fmt: skip
TESTS = ["dimension", "aspect", "term", "outcome", "groups", "average", "conf_low", "conf_high", "tau", "tau_low",
         "tau_high", "difference", "difference_low", "difference_high", "p_value", "n", "n_units"]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Slopes within persons by role and by tenure, the other aspects held equal.

    slopes : DataFrame     dimension, aspect, term, outcome, who (the group), kind ('own', 'pooled in part'), estimate,
                           conf_low, conf_high, n, n_units, planted (simulated data, where a difference is planted)
    tests : DataFrame      dimension, aspect, term, outcome, groups (how many), average (slope of the average group)
                           with conf_low, conf_high, tau (SD of true slopes between groups) with tau_low, tau_high,
                           difference (first year less later, with its interval; by tenure only), p_value (of no
                           difference between roles; of none between the first year and later), p_adjusted
                           (Benjamini–Hochberg over all rows), p_words, verdict ('differs', 'not shown to differ'), n,
                           n_units (of the smallest group)
    lines : list of str    what could not be assessed, and why
    """

    slopes: pd.DataFrame
    tests: pd.DataFrame
    lines: list[str]


def acts_alike(data: StudyData) -> Alike:
    """Return the slope of every CX KPI on every aspect by role and by tenure at the contact, and whether they differ.

    Roles are those at the contact (``assignments``). A person is compared with their own average inside a role or a
    band of tenure, so that what a change of role or another year brings with it is no effect of experience. Waves are
    held equal, and so are the other aspects, with one slope for all groups. All linked answers count.
    """
    if data.unit != "employee_id":
        return _judged([], [], ["not assessed: roles and tenure are known of employees, and this study links teams"])
    rows, tests, lines, xs = [], [], [], aspect_columns(data)
    for dimension, cells in ((ROLE, panel_cells(data, [ROLE])), (TENURE, _by_tenure(data))):
        if isinstance(cells, str):
            lines.append(cells)
            continue
        before = len(tests)
        # numbers in the order of the names, which every one of the models below compares faster
        cells = cells.assign(**{c: encode(cells[c])[0] for c in (data.unit, "wave")})
        for y in data.cx_kpis:
            for x in xs:
                try:
                    found = group_slopes(cells, y, x, data.unit, dimension, "wave", beside=[o for o in xs if o != x],
                                         min_units=MIN_UNITS)  # fmt: skip
                except EstimationError:
                    continue
                # an error rests on the people of its group: the smallest group's degrees of freedom are nobody's excess
                df = min(found.df, int(found.table["n_units"].min()) - 1)
                pooled = partial_pool(found.table["estimate"], found.vcov, found.table["term"],
                                      n=found.table["n"], df=df)  # fmt: skip
                about = {"dimension": dimension, "aspect": column_label(data, x), "term": x, "outcome": y}
                rows += _slope_rows(about, pooled, found.table["n_units"], _planted(data, dimension, x, y, found))
                tests.append(_test_row(about, pooled, found.table["n_units"]) | _newcomers(found))
        if len(tests) == before:
            lines.append(
                f"not assessed: effects by {dimension} need two groups of at least {MIN_UNITS} {data.people} whose EX "
                "answers move"
            )
    return _judged(rows, tests, lines)


def chosen_aspects(found: Alike, dimension: str, outcome: str, main: list[str], most: int = 2) -> list[str]:
    """Return the aspects to show: those whose slopes clearly differ, else the ``main`` ones that were assessed."""
    tests = found.tests[(found.tests["dimension"] == dimension) & (found.tests["outcome"] == outcome)]
    differing = tests[tests["verdict"] == "differs"].sort_values(["p_value", "aspect"])["aspect"].tolist()
    return (differing or [a for a in main if a in set(tests["aspect"])])[:most]


def of_aspects(found: Alike, dimension: str, outcome: str, aspects: list[str]) -> pd.DataFrame:
    """Return the slopes of these aspects by group, own and pooled under each other, with one label per row."""
    part = found.slopes[(found.slopes["dimension"] == dimension) & (found.slopes["outcome"] == outcome)]
    part = part[part["aspect"].isin(aspects)]
    places = {name: k for k, (_, name) in enumerate(BANDS)}
    order = {aspect: k for k, aspect in enumerate(aspects)}
    part = part.assign(
        label=part["aspect"] + ", " + part["who"], turn=part["aspect"].map(order), place=part["who"].map(places)
    )
    return part.sort_values(["turn", "place"], kind="stable", ignore_index=True).drop(columns=["turn", "place"])


def alike_sentence(found: Alike, dimension: str, outcome: str, aspects: list[str]) -> str:
    """Return whether aspects act differently by role or by tenure; for ``aspects`` how far newcomers differ."""
    tests = found.tests[found.tests["dimension"] == dimension]
    if tests.empty:
        return " ".join(line for line in found.lines if dimension in line or "hired_on" in line)
    by = {ROLE: "roles", TENURE: "years with the company"}[dimension]
    both = in_words(list(found.tests["dimension"].unique()))
    tried = f"{len(found.tests)} comparisons (every aspect and KPI, by {both})"
    differing = tests[tests["verdict"] == "differs"]
    if differing.empty:
        head = (
            f"**That aspects act differently by {by} is not shown**: of {tried} none stands here after adjustment "
            "(Benjamini–Hochberg). That is no proof that they act alike."
        )
    else:
        pairs = [f"{r.aspect} on {r.outcome} (adjusted p {_equals(r.p_words)})" for r in differing.itertuples()]
        head = (
            f"**What a point is worth differs by {by}** for {in_words(pairs)}; no other of {tried} stands here after "
            "adjustment (Benjamini–Hochberg)."
        )
    part = tests[tests["outcome"] == outcome].set_index("aspect")
    shown = part.loc[[a for a in aspects if a in part.index]]
    if dimension != TENURE:
        return f"{head} {_unseen(shown)}".strip()
    return f"{head} {_newcomers_sentence(shown)} {SEES_LESS}".replace("  ", " ")


def group_words(shown: pd.DataFrame) -> str:
    """Return the figure of slopes by group in words, for those who listen to the page."""
    return " ".join(
        f"{r.label}, {r.kind}: {signed(r.estimate)} ({signed(r.conf_low)} to {signed(r.conf_high)})."
        for r in shown.itertuples()
    )


def _unseen(shown: pd.DataFrame) -> str:
    """Return how far true slopes of groups spread, and could spread unseen."""
    each = [f"{a} {r['tau']:.2f} ({r['tau_low']:.2f} to {r['tau_high']:.2f})" for a, r in shown.iterrows()]
    return f"True effects spread between roles by this standard deviation: {'; '.join(each)} points." if each else ""


def _newcomers_sentence(shown: pd.DataFrame) -> str:
    """Return what a point is worth more in the first year than later, with the interval of this one comparison."""
    each = [
        f"{a} {signed(r['difference'])} ({signed(r['difference_low'])} to {signed(r['difference_high'])})"
        for a, r in shown[shown["difference"].notna()].iterrows()
    ]
    return f"In the first year a point is worth this many points more than later: {'; '.join(each)}." if each else ""


def _equals(p_words: str) -> str:
    return p_words if p_words.startswith("<") else f"= {p_words}"


def _by_tenure(data: StudyData) -> pd.DataFrame | str:
    """Return the panel by band of tenure at the contact, or why it is not known."""
    missing = data.missing("employees.hired_on")
    if missing:
        return missing
    key = [data.unit, "wave", TENURE]
    hired = data.relation("employees").select(data.unit, nw.col("hired_on").cast(nw.Datetime("us")))
    linked = data.linked()
    if "hired_on" in linked.collect_schema().names():
        linked = linked.drop("hired_on")
    years = (nw.col("started_at").cast(nw.Datetime("us")) - nw.col("hired_on")).dt.total_minutes() / YEAR
    (first, young), (second, middle), (_, old) = BANDS
    band = nw.when(years < first).then(nw.lit(young)).when(years < second).then(nw.lit(middle)).otherwise(nw.lit(old))
    known = linked.join(hired, on=data.unit, how="inner").filter(~nw.col("hired_on").is_null())
    counted = compress(known.with_columns(band.alias(TENURE)), key, data.cx_kpis).sort(*key).collect().to_pandas()
    exposed = data.exposures()[[data.unit, "wave", *aspect_columns(data)]]
    return counted.merge(exposed, on=[data.unit, "wave"], how="inner", validate="many_to_one")


def _planted(data: StudyData, dimension: str, x: str, y: str, found: GroupSlopes) -> list[float]:
    """Return what is planted per group: the joint effect over all contacts, shared out by the planted factors.

    The factors act on the latent scale; near its middle, where most answers lie, observed effects are in the same
    proportion to about a twentieth.
    """
    groups, factors = found.table["term"].tolist(), planted_factors(data, dimension, x.removeprefix("ex_"))
    truth = planted_effects(data) if factors else None
    if truth is None:
        return [np.nan] * len(groups)
    each = np.array([factors.get(g, factors.get("later", np.nan)) for g in groups], dtype=float)
    joint = truth.loc[(truth["term"] == x) & (truth["outcome"] == y), "joint"].iloc[0]
    return list(joint * each / np.average(each, weights=found.table["n"]))


def _slope_rows(about: dict[str, str], pooled: Pooled, units: pd.Series, planted: list[float]) -> list[dict]:
    names = {OWN: ("estimate", "conf_low", "conf_high"), POOLED: ("shrunken", "shrunken_low", "shrunken_high")}
    return [
        {**about, "who": row["term"], "kind": kind, "estimate": row[value], "conf_low": row[low],
         "conf_high": row[high], "n": row["n"], "n_units": int(n_units), "planted": true}
        for row, n_units, true in zip(pooled.table.to_dict("records"), units, planted, strict=True)
        for kind, (value, low, high) in names.items()
    ]  # fmt: skip


def _test_row(about: dict[str, str], pooled: Pooled, units: pd.Series) -> dict:
    average = pooled.average.iloc[0]
    return {
        **about, "groups": len(pooled.table), "average": average["estimate"], "conf_low": average["conf_low"],
        "conf_high": average["conf_high"], "tau": pooled.tau, "tau_low": pooled.tau_low, "tau_high": pooled.tau_high,
        "p_value": pooled.p_value, "n": int(average["n"]), "n_units": int(units.min()),
    }  # fmt: skip


def _newcomers(found: GroupSlopes) -> dict[str, float]:
    """Return how far the slope of the first year is from the later ones', by their answers; empty where there is none.

    One question was asked before the data were seen, so one contrast answers it, with newcomers' degrees of freedom.
    """
    table, young = found.table, BANDS[0][1]
    if young not in set(table["term"]):
        return {}
    first = (table["term"] == young).to_numpy()
    weights = np.where(first, 1.0, -table["n"] / table.loc[~first, "n"].sum())
    error = float(np.sqrt(weights @ found.vcov @ weights))
    df = int(table.loc[first, "n_units"].iloc[0]) - 1
    row = tidy_frame(young, float(weights @ table["estimate"]), error, 0, df=df).iloc[0]
    names = ("difference", "difference_low", "difference_high", "p_value")
    return dict(zip(names, row[["estimate", "conf_low", "conf_high", "p_value"]], strict=True))


def _judged(rows: list[dict], tests: list[dict], lines: list[str]) -> Alike:
    out = pd.DataFrame(tests, columns=TESTS)
    out["p_adjusted"] = benjamini_hochberg(out["p_value"].astype(float))
    out["p_words"] = out["p_adjusted"].map(p_in_words)
    out["verdict"] = np.where(out["p_adjusted"] < 0.05, "differs", "not shown to differ")
    return Alike(pd.DataFrame(rows, columns=SLOPES), out, lines)
