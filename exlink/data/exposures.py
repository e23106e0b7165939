"""Employees' experience as exposures: one row per unit and wave, with the time it is in force.

An EX answer acts from ``responded_on + lag_days`` until the unit's next answer begins to act, and for
``window_days`` at most (DESIGN §4, ``linkage``). ``timeline`` lays these intervals and the team history
end to end, so that each moment of each unit belongs to exactly one row.
"""

from __future__ import annotations

import re

import duckdb
import pandas as pd

from exlink.data.aspects import unusual
from exlink.data.study import Study
from exlink.errors import LinkageError, listed

BEGINNING = pd.Timestamp("1900-01-01")
END = pd.Timestamp("2200-01-01")
EX_KPIS = ("ease", "recommend", "satisfaction")


def slug(label: str) -> str:
    """Return a label as a column name: lower case, words joined by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_")


def exposures(
    con: duckdb.DuckDBPyConnection, study: Study, unit: str
) -> tuple[pd.DataFrame, dict[str, str], list[str]]:
    """Return the exposures of a study, the label of each aspect column, and notes.

    Returns
    -------
    frame : one row per unit and wave: ``unit``, wave, responded_on, valid_from, valid_to, ``ex_<aspect>``
        (mean of that aspect's driver items, native scale) and ``ex_ease``, ``ex_recommend``,
        ``ex_satisfaction`` (means of those items over all touchpoints).
    labels : ``ex_`` column → aspect as the study calls it.
    """
    columns = {row[0] for row in con.execute("DESCRIBE ex_responses").fetchall()}
    weight = "coalesce(weight, 1)" if "weight" in columns else "1"
    quarter = "year(responded_on) || 'Q' || quarter(responded_on)"
    wave = f"coalesce(wave, {quarter})" if "wave" in columns else quarter
    # Who answered without their own name did not agree to be linked person by person.
    withheld = "identified IS FALSE" if unit == "employee_id" and "identified" in columns else "false"
    means = con.execute(f"""
        WITH scale AS (  -- the scale most answers of a measure are on
            SELECT kpi, CASE WHEN kpi = 'driver' THEN aspect ELSE kpi END AS measure,
                   arg_max([scale_min, scale_max], n) AS s, count(*) AS scales
            FROM (SELECT kpi, aspect, scale_min, scale_max, count(*) AS n FROM ex_responses GROUP BY ALL
                  ORDER BY n, scale_min, scale_max)
            GROUP BY ALL),
        answer AS (
            SELECT r.*, {wave} AS in_wave, {weight} AS w, s.measure, s.s,
                   CASE WHEN [scale_min, scale_max] = s.s THEN score
                        ELSE (score - scale_min) / (scale_max - scale_min) * (s.s[2] - s.s[1]) + s.s[1] END AS value
            FROM ex_responses r JOIN scale s
              ON r.kpi = s.kpi AND s.measure = CASE WHEN r.kpi = 'driver' THEN r.aspect ELSE r.kpi END
            WHERE NOT ({withheld}))
        SELECT {unit}, in_wave AS wave, kpi, measure, sum(w * value) / nullif(sum(w), 0) AS value,
               max(responded_on) AS responded_on, count_if([scale_min, scale_max] <> s) AS rescaled
        FROM answer GROUP BY ALL ORDER BY ALL""").df()
    if means.empty:
        raise LinkageError(
            "ex_responses.identified: no answer was given under the respondent's own name, so none may be linked to "
            "interactions. Compare teams instead: linkage.grain: team, with team_id in place of employee_id."
        )
    labels = {f"ex_{slug(a)}": a for a in sorted(means.loc[means["kpi"] == "driver", "measure"].unique())}
    _refuse_clashes(labels)
    rescaled = means.loc[means["rescaled"] > 0, "measure"].unique()
    notes = unusual(column.removeprefix("ex_") for column in labels)
    unnamed = con.execute(f"SELECT count(*) FROM ex_responses WHERE {withheld}").fetchall()[0][0]
    if unnamed:
        notes.append(
            f"ex_responses: {unnamed:,} answers were not given under the respondent's own name; they count in averages "
            "and are not linked to interactions."
        )
    if len(rescaled):
        notes.append(
            f"ex_responses: items of {listed(rescaled)} come on different scales and are brought to the commonest one."
        )
    means["column"] = means["measure"].map({m: f"ex_{slug(m)}" for m in means["measure"].unique()})
    wide = means.pivot(index=[unit, "wave"], columns="column", values="value")
    kpis = [f"ex_{k}" for k in EX_KPIS if f"ex_{k}" in wide.columns]
    frame = wide[[*labels, *kpis]].rename_axis(columns=None)
    frame.insert(0, "responded_on", means.groupby([unit, "wave"])["responded_on"].max())
    frame = frame.reset_index().sort_values([unit, "responded_on", "wave"], ignore_index=True)
    kept = frame.drop_duplicates([unit, "responded_on"], keep="last", ignore_index=True)
    if len(kept) < len(frame):
        notes.append(
            f"ex_responses: {len(frame) - len(kept)} waves were completed on the same day as the next one "
            "and never come into force."
        )
    start = pd.to_datetime(kept["responded_on"]).astype("datetime64[us]") + pd.Timedelta(days=study.linkage.lag_days)
    stop = start + pd.Timedelta(days=study.linkage.window_days)
    following = start.groupby(kept[unit]).shift(-1)
    kept.insert(3, "valid_from", start)
    kept.insert(4, "valid_to", stop.where(following.isna() | (stop < following), following))
    return kept, labels, notes


def units_of(con: duckdb.DuckDBPyConnection, unit: str) -> pd.DataFrame:
    """Return every unit that can have interactions, with its present team, role and site."""
    if unit == "team_id":
        return con.execute("SELECT DISTINCT team_id FROM interactions ORDER BY team_id").df()
    columns = {row[0] for row in con.execute("DESCRIBE employees").fetchall()}
    site = "site" if "site" in columns else "NULL::VARCHAR AS site"
    return con.execute(f"SELECT employee_id, team_id, role, {site} FROM employees ORDER BY employee_id").df()


def history_of(con: duckdb.DuckDBPyConnection, filled: dict[str, dict[str, int]], unit: str) -> pd.DataFrame | None:
    """Return who was in which team and role, and when; None where the study does not say."""
    if unit == "team_id" or "assignments" not in filled:
        return None
    return con.execute("SELECT * FROM assignments ORDER BY employee_id, valid_from").df()


def timeline(exposed: pd.DataFrame, units: pd.DataFrame, history: pd.DataFrame | None, unit: str) -> pd.DataFrame:
    """Tile the time of every unit: one row per unit and stretch in which neither its EX nor its team changes.

    Parameters
    ----------
    exposed : what :func:`exposures` returned.
    units : one row per unit, with what never changes (``site``) and the present ``team_id``, ``role``.
    history : effective-dated ``unit``, valid_from, valid_to, team_id, role?; overrides ``units``. ``valid_to`` is
        the last day; a row ends at the latest where the unit's next one begins.

    Returns
    -------
    DataFrame: ``unit``, from_ts, to_ts, wave, responded_on (both empty where no EX is in force) and the
    columns of ``units``. Stretches of a unit do not overlap and leave no gap.
    """
    ex = exposed[[unit, "wave", "responded_on", "valid_from", "valid_to"]]
    cuts = [units[[unit]].assign(from_ts=BEGINNING)]
    cuts += [ex[[unit, c]].rename(columns={c: "from_ts"}) for c in ("valid_from", "valid_to")]
    if history is not None:
        history = with_ends(history, unit)
        cuts += [history[[unit, c]].rename(columns={c: "from_ts"}) for c in ("since", "until")]
    tiles = pd.concat(cuts, ignore_index=True).drop_duplicates()
    tiles = tiles[tiles[unit].isin(units[unit])]
    tiles["from_ts"] = _moment(tiles["from_ts"])
    tiles = tiles.sort_values([unit, "from_ts"], ignore_index=True)
    tiles["to_ts"] = tiles.groupby(unit)["from_ts"].shift(-1).fillna(END)
    tiles = _in_force(tiles, ex.rename(columns={"valid_from": "since", "valid_to": "until"}), unit)
    tiles = tiles.merge(units, on=unit, how="left")
    if history is not None:
        known = [c for c in ("team_id", "role") if c in history and c in units]
        past = _in_force(tiles[[unit, "from_ts"]], history[[unit, "since", "until", *known]], unit)
        for column in known:
            tiles[column] = past[column].fillna(tiles[column])
    return tiles.sort_values([unit, "from_ts"], ignore_index=True)


def with_ends(history: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return the history with ``since`` and ``until`` (exclusive): what counts when.

    ``ended`` and ``following`` are the day after the row's own last day and the beginning of the unit's next row,
    so that gaps (ended < following) and overlaps (ended > following by more than a day) can be told.
    """
    history = history.sort_values([unit, "valid_from"], ignore_index=True)
    since = _moment(history["valid_from"])
    stated = _moment(history["valid_to"]) if "valid_to" in history else pd.Series(pd.NaT, index=history.index)
    following = since.groupby(history[unit]).shift(-1)
    ended = stated + pd.Timedelta(days=1)
    until = ended.fillna(END).where(following.isna() | (ended < following), following)
    return history.assign(since=since, until=until, ended=ended, following=following)


def history_notes(history: pd.DataFrame, unit: str) -> list[str]:
    """Return a sentence for gaps and one for overlaps in the team history; neither is mended silently."""
    ends = with_ends(history, unit)
    gaps = int((ends["ended"] < ends["following"]).sum())
    overlaps = int((ends["ended"] > ends["following"] + pd.Timedelta(days=1)).sum())
    notes = []
    if gaps:
        notes.append(
            f"assignments: {gaps:,} gap{'s' * (gaps > 1)} in the history of employees; there the team and role of "
            "`employees` count."
        )
    if overlaps:
        notes.append(
            f"assignments: {overlaps:,} row{'s' * (overlaps > 1)} overlap the next one of the same employee, which "
            "counts from its beginning."
        )
    return notes


def _in_force(tiles: pd.DataFrame, intervals: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Attach to each tile the interval that covers its beginning; empty where none does."""
    intervals = intervals.assign(since=_moment(intervals["since"]), until=_moment(intervals["until"]))
    carried = [c for c in intervals.columns if c not in (unit, "since", "until")]
    ordered = tiles.assign(_at=range(len(tiles))).sort_values(["from_ts", unit])
    found = pd.merge_asof(ordered, intervals.sort_values(["since", unit]), left_on="from_ts", right_on="since", by=unit)
    ended = ~(found["from_ts"] < found["until"])
    for column in carried:
        found[column] = found[column].mask(ended)
    return found.sort_values("_at", ignore_index=True).drop(columns=["_at", "since", "until"])


def _moment(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values).astype("datetime64[us]")


def _refuse_clashes(labels: dict[str, str]) -> None:
    clash = [label for column, label in labels.items() if column[3:] in EX_KPIS]
    if clash:
        raise LinkageError(
            f"ex_responses.aspect: {listed(clash)} is the name of a KPI. Give driver items the aspect "
            "they ask about (tools, workload, …)."
        )
