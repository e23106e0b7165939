"""Step 06: does feedback lead to no change (M42)? What was acted on, told back, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.data.answering import ex_sheets
from exlink.data.dataset import StudyData
from exlink.data.voice import answer_rates, first_actions, voice_cells
from exlink.errors import EstimationError
from exlink.stats.count_trends import count_trends, trend_by
from exlink.stats.pooling import partial_pool
from exlink.stats.proportions import group_shares
from exlink.steps.misalignment_audit.echo_after import After, change_after

MOSTLY, HARDLY = 0.5, 0.1  # share of a theme's feedback that was acted on: a theme of either kind
GROUPS = ("acted on in most cases", "hardly ever acted on")


@dataclass(frozen=True, slots=True, eq=False)
class Echo:
    """What became of feedback.

    shares : DataFrame    what ('no action', 'acted on', 'told back'), estimate, conf_low, conf_high, n: of all feedback
                          that was due
    themes : DataFrame    theme, source, label, estimate, conf_low, conf_high (share acted on), received, n_people
                          (pieces of feedback that were due), n_acted, n_left
    trends : DataFrame    group, estimate, conf_low, conf_high (% a quarter), n_themes, n_people; or empty
    apart : Series or None    how much more the log of a theme's volume changes a quarter where all of it was acted on
                          than where nothing was: tidy
    after : After         what changed after a theme's first action
    cells : DataFrame     as `voice_cells`
    pieces, due, quarters : int
    """

    shares: pd.DataFrame
    themes: pd.DataFrame
    trends: pd.DataFrame
    apart: pd.Series | None
    after: After
    cells: pd.DataFrame
    pieces: int
    due: int
    quarters: int


def assess_echo(data: StudyData, *, act_days: int) -> Echo | str:
    """Return what became of feedback, or why it cannot be assessed."""
    if missing := data.missing("voc_feedback") or data.missing("voc_feedback.acted_on"):
        return missing
    cells = voice_cells(data, act_days)
    due, few = int(cells["due"].sum()), data.study.privacy.min_group
    if due < few:
        return f"not assessed: fewer than {few} pieces of `voc_feedback` are older than {act_days} days"
    cells = cells.assign(batch=cells["theme"] + "|" + cells["quarter"], left=cells["due"] - cells["acted"])
    shares = pd.concat([
        _share(cells, "left", "due", "no action"), _share(cells, "acted", "due", "acted on"),
        _share(cells[cells["acted"] > 0], "told", "acted", "told back, of what was acted on"),
    ], ignore_index=True)  # fmt: skip
    themes = _themes(cells)
    trends, apart = _trends(cells, themes)
    after = change_after(cells, first_actions(data))
    return Echo(shares, themes, trends, apart, after, cells, int(cells["received"].sum()), due,
                int(cells["quarter"].nunique()))  # fmt: skip


def _share(cells: pd.DataFrame, part: str, whole: str, what: str) -> pd.DataFrame:
    """Return one share with pieces of a theme and quarter as a cluster: an action settles many of them at once."""
    if not cells[whole].sum() > 0:
        return pd.DataFrame()
    row = group_shares(cells.assign(all=0), part, whole, ["all"], cluster="batch")
    return row.drop(columns="all").assign(what=what)


def _themes(cells: pd.DataFrame) -> pd.DataFrame:
    """Return themes with the share that was acted on, the largest theme first."""
    sums = cells.groupby(["source", "theme"], sort=True)[["received", "due", "acted", "left", "told"]].sum()
    rows = group_shares(cells[cells["due"] > 0], "acted", "due", ["source", "theme"], cluster="batch")
    rows = rows[["source", "theme", "estimate", "conf_low", "conf_high"]].merge(
        sums.reset_index(), on=["source", "theme"]
    )
    rows = rows.rename(columns={"due": "n_people", "acted": "n_acted", "left": "n_left", "told": "n_told"})
    twice = rows["theme"].duplicated(keep=False)
    rows["label"] = rows["theme"].where(~twice, rows["theme"] + " (" + rows["source"] + "s)")
    return rows.sort_values(["received", "theme"], ascending=[False, True], kind="stable", ignore_index=True)


def told_by_few(themes: pd.DataFrame, min_group: int) -> pd.Series:
    """Return whether only few people or pieces of feedback are on one side of a share; nobody is no small group.

    ``themes`` holds ``n_acted`` and ``n_left``, the counts on either side.
    """
    return themes["n_acted"].between(1, min_group - 1) | themes["n_left"].between(1, min_group - 1)


def _trends(cells: pd.DataFrame, themes: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return how the volume of themes of either kind changes a quarter, and how that goes with what was acted on."""
    whole = sorted(cells["quarter"].unique())
    volume = cells.assign(key=cells["source"] + "|" + cells["theme"]).pivot_table(
        index="key", columns="quarter", values="received", aggfunc="sum", fill_value=0)[whole]  # fmt: skip
    long = volume.stack().rename("count").reset_index()
    long["at"] = long["quarter"].map({q: i for i, q in enumerate(whole)})
    try:
        slopes = count_trends(long, "count", "key", "at")
        acted = themes.assign(key=themes["source"] + "|" + themes["theme"]).set_index("key")["estimate"]
        slopes = slopes[slopes["term"].isin(acted.index)].reset_index(drop=True)
        share = acted[slopes["term"]].to_numpy()
        apart = trend_by(slopes, share).iloc[0]
    except EstimationError:
        return pd.DataFrame(), None
    rows = []
    for name, chosen in zip(GROUPS, (share >= MOSTLY, share <= HARDLY), strict=True):
        if chosen.sum() < 2:
            continue
        mine = slopes[chosen]
        average = partial_pool(mine["estimate"], mine["std_error"] ** 2, list(mine["term"])).average.iloc[0]
        rows.append({"group": name, "n_themes": len(mine), "n_people": int(mine["n"].sum()),
                     **{c: 100 * np.expm1(average[c]) for c in ("estimate", "conf_low", "conf_high")}})  # fmt: skip
    return pd.DataFrame(rows), apart


def consequences(data: StudyData, found: Echo | str) -> pd.DataFrame | str:
    """Return, by quarter, the share of employees who answered when asked, and what had been done a quarter before.

    Returns
    -------
    DataFrame: quarter, what, estimate, conf_low, conf_high (in %), n_people, n_acted and n_left (on either side).
    """
    if isinstance(found, str):
        return found
    if missing := data.missing("ex_invitations"):
        return missing
    rates = group_shares(answer_rates(data), "sum_answered", "n_answered", ["quarter"], cluster=data.unit)
    own = found.cells[(found.cells["source"] == "employee") & (found.cells["due"] > 0)]
    if own.empty:
        return "not assessed: needs feedback of employees in `voc_feedback`"
    acted = group_shares(own, "acted", "due", ["quarter"])  # all feedback of these quarters, no sample of themes
    later = (pd.PeriodIndex(acted["quarter"], freq="Q") + 1).astype(str)
    parts = [
        rates.assign(what="answered when asked", n_people=rates["n_clusters"]),
        acted.assign(what="acted on, of employees' feedback a quarter before", quarter=later, n_people=acted["n"]),
    ]
    both = set(rates["quarter"]) & set(later)
    table = pd.concat(parts, ignore_index=True)
    table = table[table["quarter"].isin(both)].sort_values(["quarter", "what"], ignore_index=True)
    inside = (table["estimate"] * table["n"]).round().astype(int)
    table = table.assign(n_acted=inside, n_left=table["n"].astype(int) - inside)
    share = ["estimate", "conf_low", "conf_high"]
    return table.assign(**{c: 100 * table[c] for c in share})[
        ["quarter", "what", *share, "n_people", "n_acted", "n_left"]
    ]


def straight_shares(data: StudyData) -> pd.DataFrame | None:
    """Return the share of sheets filled in alike in the first and the last half of the waves; None without enough."""
    if data.unit == "team_id":
        return None
    sheets = ex_sheets(data)
    sheets = sheets[sheets["judged"]]
    waves = sorted(sheets["wave"].unique())
    if len(waves) < 2:
        return None
    late = sheets["wave"].isin(waves[len(waves) // 2 :])
    frame = sheets.assign(half=np.where(late, "last", "first"), n=1, straight=sheets["straight"].astype(int))
    return group_shares(frame, "straight", "n", ["half"], cluster="employee_id")
