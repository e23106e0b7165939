"""The data contract as data: every table, column, key and rule a study may fill (DESIGN §3).

Nothing here touches a row. ``validation`` interprets these declarations twice: row by row with pandera
for small tables, and as engine aggregations for the tables that grow with the number of interactions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

KINDS = {  # what a column holds → the engine type it is read as
    "id": "VARCHAR",
    "text": "VARCHAR",
    "label": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "number": "DOUBLE",
    "count": "BIGINT",
    "flag": "BOOLEAN",
    "score": "DOUBLE",
    "period": "VARCHAR",
}
KIND_WORDS = {
    "date": "a date (2026-07-31)",
    "timestamp": "a date and time (2026-07-31 14:05)",
    "number": "a number",
    "count": "a whole number",
    "flag": "true or false",
    "score": "a number",
    "period": "a period (2026, 2026H1, 2026Q3, 2026-09)",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``kind`` is one of :data:`KINDS`; ``low``/``high`` bound its values (inclusive); ``values`` are the
    only words it may hold. An optional column may be absent or empty in any row.
    """

    name: str
    kind: str
    optional: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """``later`` may not lie before ``earlier``; ``reason`` is what a reject is told.

    A side may be a column of a parent table: ``employees.left_on``.
    """

    earlier: str
    later: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parent:
    """A reference: values of ``column`` must be found as ``parent.parent_column``."""

    column: str
    parent: str
    parent_column: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the contract.

    ``time`` is the column that the study's period bounds; ``facts_later`` are dates that may lie after
    the period, in which case they, and the columns ``told_by`` them, were not known yet and read as
    empty. ``large`` tables grow with interactions or customers and are only ever validated inside the
    engine.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    required: bool = False
    time: str | None = None
    facts_later: tuple[str, ...] = ()
    told_by: tuple[tuple[str, str], ...] = ()
    orders: tuple[Order, ...] = ()
    parents: tuple[Parent, ...] = ()
    large: bool = False
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(c.name for c in self.columns))

    @property
    def required_names(self) -> tuple[str, ...]:
        """Columns without which the table cannot be used."""
        return tuple(c.name for c in self.columns if not c.optional)


def _columns(text: str) -> tuple[Column, ...]:
    """Read ``"name:kind[>=low][<=high]"`` words; a trailing ``?`` on the name makes it optional."""
    columns = []
    for word in text.split():
        name, _, rest = word.partition(":")
        kind, _, bound = rest.partition(">=")
        low, _, high = bound.partition("<=")
        columns.append(
            Column(
                name.rstrip("?"), kind, name.endswith("?"), float(low) if low else None, float(high) if high else None
            )
        )
    return tuple(columns)


_KPI = Column("kpi", "label", values=("ease", "recommend", "satisfaction", "driver"))
_SOURCE = Column("source", "label", values=("customer", "employee"))
_EMPLOYEE = Parent("employee_id", "employees", "employee_id")
_INTERACTION = Parent("interaction_id", "interactions", "interaction_id")

_ALL = (
    Table(
        "employees",
        ("employee_id",),
        _columns(
            "employee_id:id role:label team_id:id site?:label manager_id?:id hired_on?:date left_on?:date "
            "left_voluntarily?:flag annual_salary?:number>=0 performance_rating?:number"
        ),
        required=True,
        time="hired_on",
        facts_later=("left_on",),
        told_by=(("left_voluntarily", "left_on"),),
        orders=(Order("hired_on", "left_on", "left before hired"),),
    ),
    Table(
        "assignments",
        ("employee_id", "valid_from"),
        _columns("employee_id:id valid_from:date team_id:id manager_id?:id role?:label valid_to?:date"),
        time="valid_from",
        facts_later=("valid_to",),
        parents=(_EMPLOYEE,),
        orders=(Order("valid_from", "valid_to", "assignment ends before it begins"),),
    ),
    Table(
        "ex_responses",
        ("employee_id", "responded_on", "item"),
        (
            *_columns(
                "employee_id:id responded_on:date item:label touchpoint:label aspect:label score:score "
                "scale_min:number scale_max:number wave?:label identified?:flag weight?:number>=0"
            ),
            _KPI,
        ),
        required=True,
        time="responded_on",
        parents=(_EMPLOYEE,),
        orders=(
            Order("scale_min", "score", "score below its scale_min"),
            Order("score", "scale_max", "score above its scale_max"),
        ),
    ),
    Table(
        "ex_invitations",
        ("employee_id", "invited_on", "touchpoint"),
        _columns("employee_id:id invited_on:date touchpoint:label"),
        time="invited_on",
        parents=(_EMPLOYEE,),
    ),
    Table(
        "interactions",
        ("interaction_id",),
        _columns(
            "interaction_id:id employee_id:id customer_id:id started_at:timestamp touchpoint:label "
            "channel?:label reason?:label queue?:label wait_seconds?:number>=0 handle_seconds?:number>=0 "
            "transfers?:count>=0 resolved_first_contact?:flag reopened?:flag escalated?:flag "
            "escalation_resolved_on?:date script_adherence?:number>=0<=1 complexity?:number weight?:number>=0"
        ),
        required=True,
        time="started_at",
        facts_later=("escalation_resolved_on",),
        parents=(_EMPLOYEE,),
        orders=(
            Order("started_at", "escalation_resolved_on", "escalation resolved before it began"),
            Order("employees.hired_on", "started_at", "interaction before the employee was hired"),
            Order("started_at", "employees.left_on", "interaction after the employee had left"),
        ),
        large=True,
    ),
    Table(
        "cx_responses",
        ("interaction_id",),
        _columns("interaction_id:id responded_at:timestamp ease?:score recommend?:score satisfaction?:score"),
        required=True,
        time="responded_at",
        parents=(_INTERACTION,),
        orders=(Order("interactions.started_at", "responded_at", "response before the interaction"),),
        large=True,
    ),
    Table(
        "cx_invitations",
        ("interaction_id",),
        _columns("interaction_id:id invited_at:timestamp"),
        time="invited_at",
        parents=(_INTERACTION,),
        large=True,
        orders=(Order("interactions.started_at", "invited_at", "invited before the interaction"),),
    ),
    Table(
        "customer_relationship",
        ("customer_id", "responded_on"),
        _columns("customer_id:id responded_on:date ease?:score recommend?:score satisfaction?:score"),
        time="responded_on",
        large=True,
    ),
    Table(
        "customer_value",
        ("customer_id", "period"),
        _columns("customer_id:id period:period revenue:number margin?:number cost_to_serve?:number churned?:flag"),
        time="period",
        large=True,
    ),
    Table(
        "desktop_activity",
        ("employee_id", "day", "application"),
        _columns(
            "employee_id:id day:date application:label category:label managed:flag minutes:number>=0<=1440 "
            "switches?:count>=0 copy_pastes?:count>=0"
        ),
        time="day",
        parents=(_EMPLOYEE,),
        large=True,
    ),
    Table(
        "voc_feedback",
        ("feedback_id",),
        (
            *_columns(
                "feedback_id:id theme:label received_on:date acknowledged_on?:date owner?:text "
                "owner_can_act?:flag action_id?:id acted_on?:date told_back_on?:date"
            ),
            _SOURCE,
        ),
        time="received_on",
        facts_later=("acknowledged_on", "acted_on", "told_back_on"),
        orders=(
            Order("received_on", "acknowledged_on", "acknowledged before it was received"),
            Order("received_on", "acted_on", "acted on before it was received"),
            Order("received_on", "told_back_on", "told back before it was received"),
        ),
    ),
    Table(
        "initiatives",
        ("initiative_id", "team_id"),
        _columns(
            "initiative_id:id team_id:id name:text kind:label aspect:label started_on:date intended_change:number "
            "cost?:number>=0 metrics_added?:count>=0 frictions_removed?:count>=0"
        ),
        time="started_on",
        parents=(Parent("team_id", "employees", "team_id"),),
    ),
    Table(
        "claims",
        ("claim_id",),
        _columns("claim_id:id statement:text metric:label change_pct:number base?:number n?:count source:text"),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}


def for_grain(table: Table, grain: str) -> Table:
    """Return the table as a study of this grain sees it.

    At team grain EX and interactions carry ``team_id`` instead of ``employee_id``, nobody is looked up
    in ``employees``, and that table is not required (DESIGN §3, *Grain*).
    """
    if grain == "employee":
        return table
    carries_unit = table.name in ("ex_responses", "ex_invitations", "interactions")
    unit = {"employee_id": "team_id"} if carries_unit else {}
    return replace(
        table,
        key=tuple(unit.get(k, k) for k in table.key),
        columns=tuple(replace(c, name=unit.get(c.name, c.name)) for c in table.columns),
        required=table.required and table.name != "employees",
        parents=tuple(p for p in table.parents if p.parent != "employees"),
    )


def with_scales(table: Table, scales: dict[str, tuple[float, float]]) -> Table:
    """Return the table with the study's declared ``scales`` as bounds of its score columns."""
    return replace(
        table,
        columns=tuple(
            replace(c, low=scales[c.name][0], high=scales[c.name][1]) if c.kind == "score" and c.name in scales else c
            for c in table.columns
        ),
    )
