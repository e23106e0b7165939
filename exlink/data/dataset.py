"""A study's data, validated and linked: what every step reads.

``prepare`` does the expensive work once per run and leaves Parquet files in a folder that only the run
knows; ``open_data`` opens such a folder, or makes one for itself that goes when the object does. Person-level
data never enter the reports folder.
"""

from __future__ import annotations

import copy
import json
import tempfile
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from exlink.data.customers import note_customers
from exlink.data.engine_errors import readable
from exlink.data.exposures import exposures, history_notes, history_of, timeline, units_of
from exlink.data.linkage import coarser, compress, link, refuse_no_overlap
from exlink.data.remarks import remarks
from exlink.data.scenario_check import refuse_unknown
from exlink.data.study import Study
from exlink.data.validation import validate
from exlink.data.warehouse import connect, name_of, quoted, register
from exlink.errors import ContractError, did_you_mean

PREPARED = "prepared.json"
STUDY = "study.json"
KEPT_CELLS = 500_000  # compressed cells up to this many are kept once made: about 100 MB at most
WHERE = ("wave", "team_id", "role")  # beside the unit, what its cells are told by
TOO_LARGE = 3_000_000  # rows; beyond this a table is aggregated in the engine, not fetched


def prepare(study: Study, folder: Path) -> Path:
    """Validate and link a study into ``folder``: tables, exposures, the linked relation, the accounting.

    Raises StudyError, SourceError, ContractError or LinkageError, each a sentence for its reader.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unit = "employee_id" if study.linkage.grain == "employee" else "team_id"
    con = connect(folder / "spill")
    try:
        register(con, study)
        checked = validate(con, study, folder)
        exposed, labels, notes = exposures(con, study, unit)
        refuse_unknown(con, study, labels, unit)
        con.register("exposed", exposed)
        con.execute(f"COPY exposed TO {quoted(str(folder / 'exposures.parquet'))} (FORMAT parquet)")
        history = history_of(con, checked.filled, unit)
        notes += [] if history is None else history_notes(history, unit)
        con.register("timeline", timeline(exposed, units_of(con, unit), history, unit))
        contacts, answers, stretches = (
            nw.from_native(con.table(t)) for t in ("interactions", "cx_responses", "timeline")
        )
        asked = nw.from_native(con.table("cx_invitations")) if "cx_invitations" in checked.filled else None
        linked = link(contacts, answers, stretches, unit, asked)
        with readable("interactions"):
            target = folder / "linked.parquet"
            # joins of large tables have no fixed order, and sums of doubles depend on it
            ordered = f"SELECT * FROM ({linked.to_native().sql_query()}) ORDER BY {unit}, started_at, interaction_id"
            con.execute(f"COPY ({ordered}) TO {quoted(str(target))} (FORMAT parquet)")
        refuse_no_overlap(con, target, unit, study)
        notes += remarks(con, f"read_parquet({quoted(str(target))})", study, exposed.columns, labels)
        note_customers(con, target, folder)
    finally:
        con.close()
    (folder / "interactions.parquet").unlink()  # `linked` holds every one of its rows and columns
    (folder / STUDY).write_text(study.to_json(), encoding="utf-8")
    (folder / PREPARED).write_text(
        json.dumps(
            {
                "folder": str(study.folder),
                "labels": labels,
                "filled": checked.filled,
                "notes": [*checked.notes, *notes],
                "accounting": checked.accounting.to_dict("records"),
                "rejects": checked.rejects.to_dict("records"),
            },
            indent=1,
            default=int,
        ),
        encoding="utf-8",
    )
    return folder


def open_data(study: Study | None = None, prepared: Path | None = None, threads: int | None = None) -> StudyData:
    """Open a prepared folder, or prepare ``study`` into a temporary one first.

    ``threads`` limits the engine; one thread makes sums of non-integer values repeat to the last digit.
    """
    if prepared is not None:
        return StudyData(prepared, threads)
    if study is None:
        raise ValueError("open_data needs a study or a prepared folder")
    temporary = tempfile.TemporaryDirectory(prefix="exlink-")
    data = StudyData(prepare(study, Path(temporary.name)), threads)
    weakref.finalize(data, temporary.cleanup)
    return data


class StudyData:
    """Validated tables, exposures and the linked relation of one study; see :func:`open_data`."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        said = json.loads((folder / PREPARED).read_text(encoding="utf-8"))
        self.study = Study.from_json((folder / STUDY).read_text(encoding="utf-8"), Path(said["folder"]))
        self.unit = "employee_id" if self.study.linkage.grain == "employee" else "team_id"
        self.people = "employees" if self.unit == "employee_id" else "teams"
        self.notes: tuple[str, ...] = tuple(said["notes"])
        self.accounting = pd.DataFrame(said["accounting"])
        self.rejects = pd.DataFrame(said["rejects"], columns=["table", "reason", "rows", "first_rows"])
        self._filled: dict[str, dict[str, int]] = said["filled"]
        self._labels: dict[str, str] = said["labels"]
        self.aspects: list[str] = [column.removeprefix("ex_") for column in self._labels]
        self.cx_kpis: list[str] = [k for k in ("ease", "recommend", "satisfaction") if self.has("cx_responses", k)]
        self._cells: dict[tuple, pd.DataFrame] = {}
        self._kept: dict[str, pd.DataFrame] = {}
        self._con = connect(folder / "spill", threads)
        for name in self._filled:
            file = "linked" if name == "interactions" else name
            columns = "*" if file == "linked" else ", ".join(map(name_of, self._filled[name]))
            self._con.execute(
                f"CREATE VIEW {name_of(name)} AS "
                f"SELECT {columns} FROM read_parquet({quoted(str(folder / f'{file}.parquet'))})"
            )
        self._con.execute("CREATE VIEW linked AS SELECT * FROM interactions WHERE wave IS NOT NULL")
        for name in ("exposures", "customers"):
            file = quoted(str(folder / f"{name}.parquet"))
            self._con.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet({file})")

    def aside(self) -> StudyData:
        """Return the same study with a connection of its own, for questions that another thread asks meanwhile.

        What is kept once made is kept for both; tables written down (:meth:`noted`) are each one's own.
        """
        other = copy.copy(self)
        other._whole = self  # with which the folder goes that both read
        other._con = self._con.cursor()
        other._con.execute("SET TimeZone = 'UTC'")  # of what `connect` sets, the one thing that is no other's
        return other

    @cached_property
    def truth(self) -> dict[str, Any] | None:
        """What was planted in simulated data, or None for real data."""
        file = self.study.folder / "truth.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None

    def label(self, aspect: str) -> str:
        """Return an aspect as the study calls it, ready to be read: ``psychological_safety`` → words."""
        return self._labels.get(f"ex_{aspect}", aspect).replace("_", " ")

    def has(self, table: str, *columns: str) -> bool:
        """Return whether a table has usable rows and every one of ``columns`` is filled somewhere."""
        filled = self._filled.get(table)
        return filled is not None and all(filled.get(c, 0) > 0 for c in columns)

    def missing(self, *needs: str) -> str:
        """Return ``""``, or the one honest line about what is not there.

        ``needs`` are ``table`` or ``table.column``.
        """
        absent = [need for need in needs if not self.has(*need.split("."))]
        return f"not assessed: needs {', '.join(map(self._lacking, absent))}" if absent else ""

    def _lacking(self, need: str) -> str:
        table, _, column = need.partition(".")
        return f"`{need}` (the column is empty)" if column in self._filled.get(table, {}) else f"`{need}`"

    def frame(self, table: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a validated table as a DataFrame, in key order.

        Tables beyond three million rows are refused: aggregate them with :meth:`query` or :meth:`cells`.
        """
        self._refuse_absent(table)
        rows = max(self._filled[table].values())
        if rows > TOO_LARGE:
            raise ContractError(f"{table} has {rows:,} rows; it is aggregated in the engine, never fetched whole.")
        chosen = ", ".join(name_of(c) for c in columns) if columns else "*"
        return self.query(f"SELECT {chosen} FROM {name_of(table)} ORDER BY ALL")

    def relation(self, table: str) -> nw.LazyFrame:
        """Return a validated table lazily."""
        self._refuse_absent(table)
        return nw.from_native(self._con.table(table))

    def query(self, sql: str) -> pd.DataFrame:
        """Return what an SQL query gives: over the validated tables, ``linked``, ``exposures`` and ``customers``.

        The query must end in an ORDER BY that leaves no ties, so that runs repeat to the byte.
        """
        return self._con.execute(sql).df()

    def query_once(self, sql: str) -> pd.DataFrame:
        """Return what :meth:`query` gives; a small result is kept, because several parts of a notebook ask for it."""
        if sql not in self._kept:
            found = self.query(sql)
            if len(found) > KEPT_CELLS:
                return found
            self._kept[sql] = found
        return self._kept[sql].copy()

    def noted(self, name: str, sql: str) -> nw.LazyFrame:
        """Return what a query gives as a table of the engine, written down when first asked for, lazily."""
        self._con.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} AS {sql}")
        return nw.from_native(self._con.table(name))

    def exposures(self) -> pd.DataFrame:
        """Return one row per unit and wave: when its EX is in force, and its aspects and KPIs."""
        return self.query(f"SELECT * FROM exposures ORDER BY {self.unit}, valid_from")

    def linked(self) -> nw.LazyFrame:
        """Return every interaction that has an EX in force, lazily; see :func:`exlink.data.linkage.link`."""
        return nw.from_native(self._con.table("linked"))

    def cells(self, by: Sequence[str], outcomes: Sequence[str]) -> pd.DataFrame:
        """Return sufficient statistics of linked outcomes per cell; see :func:`exlink.data.linkage.compress`."""
        key = (tuple(by), tuple(outcomes))
        if key not in self._cells:
            there = self.linked().collect_schema().names()
            finest = [c for c in dict.fromkeys((self.unit, *WHERE)) if c in there]
            if set(by) <= set(finest):
                cells = coarser(self._finest(finest, outcomes), by)
            else:
                cells = compress(self.linked(), by, outcomes)
            cells = cells.sort(*by).collect().to_pandas()
            counts = [c for c in cells.columns if c == "n" or c.startswith("n_")]
            cells = cells.astype(dict.fromkeys(counts, "int64"))
            if len(cells) > KEPT_CELLS:
                return cells
            self._cells[key] = cells  # a step asks for the same cells many times; each time is a pass over all rows
        return self._cells[key].copy()

    def _finest(self, by: Sequence[str], outcomes: Sequence[str]) -> nw.LazyFrame:
        """Return cells of which those that steps ask for most are sums: one pass over all rows serves them all."""
        once = compress(self.linked(), by, outcomes).to_native().sql_query()
        return self.noted("_".join(("cells", *outcomes)), once)

    def sample_linked(self, max_rows: int = 60_000, columns: Sequence[str] = ()) -> pd.DataFrame:
        """Return linked interactions with a customer's answer: all, or a fixed sample of about ``max_rows``.

        The sample is drawn by a hash of the interaction id, so it is the same in every run;
        ``attrs['share']`` says what fraction was kept. ``columns`` are those to return; all when none are named.
        """
        chosen = ", ".join(map(name_of, columns)) or "*"
        answered = self._con.execute("SELECT count(*) FROM linked WHERE has_cx").fetchall()[0][0]
        share = min(1.0, max_rows / max(answered, 1))
        keep = "" if share == 1 else f"AND hash(interaction_id) % 1000000 < {int(share * 1_000_000)}"
        frame = self.query(f"SELECT {chosen} FROM linked WHERE has_cx {keep} ORDER BY interaction_id")
        frame.attrs["share"] = share
        return frame

    def lazily(self, frame: pd.DataFrame) -> nw.LazyFrame:
        """Return a small frame as a relation of the engine, to be joined to lazy tables."""
        return nw.from_native(self._con.from_df(frame))

    def funnel(self) -> pd.DataFrame:
        """Return the join-loss waterfall: stage, rows, lost, reason — from all interactions to linked with CX."""
        who = "employee" if self.unit == "employee_id" else "unit"
        stages = [
            ("interactions in the period", ""),
            (f"{who} has EX answers that may be linked", f"the {who} gave none, or not by name"),
            ("EX in force at that time", "no EX answer in the window before it"),
            ("customer was invited", "the customer was not asked"),
            ("customer answered", "the customer did not answer"),
        ]
        if not self.has("cx_invitations"):
            del stages[3]  # nobody records whom customers' surveys were sent to
        funnel = pd.DataFrame(stages, columns=["stage", "reason"])
        funnel["rows"] = self.stage_counts().drop(columns=self.unit).sum().to_numpy()
        funnel["lost"] = (-funnel["rows"].diff().fillna(0)).astype(int)
        return funnel[["stage", "rows", "lost", "reason"]]

    def stage_counts(self) -> pd.DataFrame:
        """Return how many interactions of every unit reach each stage of :meth:`funnel`: unit, one column per stage."""
        unit = self.unit
        invited = ", count_if(wave IS NOT NULL AND invited_at IS NOT NULL) AS d" if self.has("cx_invitations") else ""
        counts = self.query_once(
            f"SELECT {unit}, count(*) AS a, CASE WHEN {unit} IN (SELECT {unit} FROM exposures) THEN count(*) ELSE 0 "
            f"END AS b, count(wave) AS c{invited}, count_if(wave IS NOT NULL AND has_cx) AS e "
            f"FROM interactions GROUP BY 1 ORDER BY 1"
        )
        return counts.astype(dict.fromkeys(counts.columns.drop(unit), "int64"))

    def _refuse_absent(self, table: str) -> None:
        if table not in self._filled:
            raise ContractError(
                f"This study has no table '{table}'.{did_you_mean(table, self._filled)} Ask `data.has` first."
            )
