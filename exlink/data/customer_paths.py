"""Customers' paths: what follows a contact, how often they come back, and whether they leave – summed in the engine.

Interactions are sorted by customer once; every table is then a sum over customers, so nothing here grows with their
number. Customers are numbered, and touchpoints and reasons stand for their place in a list, because the engine sorts
and groups numbers several times faster than texts. Errors allow the contacts of one customer to be alike: beside counts
come the sums of squares and products over customers that :mod:`exlink.stats.cluster_shares` needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.customer_periods import period_months
from exlink.data.dataset import StudyData

ENDS, AGAIN = "no further contact", "any further contact"
ALONE, OTHERS = "one contact only", "all other journeys"
EVERYWHERE = "all"
DISSATISFIED, REPEATED, LEFT = "dissatisfied answer", "same matter again", "customer left"
ARROW = " → "
GAP_DAYS = 90  # without a contact, after which a journey counts as ended unless a notebook says otherwise
MOST_PATHS = 12  # that a reader still takes in as a list
AFTER = 2  # value periods after a contact within which a customer who leaves counts
_STEPS = "contact_steps"
_TOUCHPOINT, _REASON = "contact_touchpoint", "contact_reason"


@dataclass(frozen=True, slots=True, eq=False)
class CustomerPaths:
    """What customers do after a contact.

    transitions : DataFrame    touchpoint, following (touchpoint, or no further contact), sums over customers (see
        :mod:`exlink.stats.cluster_shares`), n_customers
    again : DataFrame          the same in one row: whether anything follows, over all touchpoints
    journeys : DataFrame       path, contacts (mean), s, m, … of journeys, n_customers; the commonest
        first, all that are not listed together as the last
    breaks : DataFrame         measure, touchpoint (``all`` last), sums over customers, n_customers, n_yes, n_no
    reason : str               why there is nothing, or ''
    """

    transitions: pd.DataFrame
    again: pd.DataFrame
    journeys: pd.DataFrame
    breaks: pd.DataFrame
    reason: str


def customer_paths(
    data: StudyData, kpi: str, gap_days: int, repeat_days: int, path_length: int, most_paths: int = MOST_PATHS
) -> CustomerPaths:
    """Return what customers do after a contact, per touchpoint.

    Parameters
    ----------
    kpi : the KPI whose answers below the middle of its scale count as dissatisfied.
    gap_days : a journey ends when its customer makes no contact for so many days. Contacts of the last ``gap_days``
        are left out where what follows them is asked, and journeys of the first and last ones altogether: the data
        do not show how these begin or end.
    repeat_days : a contact is repeated when the customer comes back to the same touchpoint, with the same reason
        where reasons are kept, within so many days.
    path_length : the longest journeys, in contacts, that are listed.
    most_paths : how many journeys of two contacts or more are listed at most, the commonest of any length. Journeys
        that are equally common are listed together or not at all, so that none that is left out is as common as one
        that is listed. All others, and those of fewer customers than the minimum group, are one.
    """
    span = data.query("""
        SELECT date_diff('day', min(started_at), max(started_at)) AS days, max(started_at) AS last,
               min(started_at) AS first FROM interactions ORDER BY ALL""").iloc[0]
    empty = pd.DataFrame()
    if short := _short(span.days, gap_days):
        return CustomerPaths(empty, empty, empty, empty, short)
    gap = pd.Timedelta(days=gap_days)
    until = f"TIMESTAMP '{span['last'] - gap}'"
    try:
        _note_steps(data, kpi, gap_days, repeat_days, path_length)
        moves = _transitions(data, until)
        journeys = _journeys(data, f"TIMESTAMP '{span['first'] + gap}'", until, path_length, most_paths)
        breaks = _breaks(data, kpi, until, f"TIMESTAMP '{span['last'] - pd.Timedelta(days=repeat_days)}'")
    finally:
        _forget_steps(data)
    everywhere = moves["touchpoint"] == EVERYWHERE
    transitions, again = (moves[part].reset_index(drop=True) for part in (~everywhere, everywhere))
    if transitions.empty or journeys.empty:
        why = "not assessed: no customer is seen in two contacts of one journey"
        return CustomerPaths(empty, empty, empty, empty, why)
    return CustomerPaths(transitions, again, journeys, breaks, "")


def too_short(data: StudyData, gap_days: int) -> str:
    """Return why the data are too short to hold journeys that begin and end inside them, or ''."""
    days = data.query("SELECT date_diff('day', min(started_at), max(started_at)) AS days FROM interactions ORDER BY 1")
    return _short(days["days"].iloc[0], gap_days)


def _short(days: int, gap_days: int) -> str:
    if days > 2 * gap_days:
        return ""
    return (
        f"not assessed: contacts span {days:,.0f} days; journeys that end after {gap_days} days without contact need "
        f"more than {2 * gap_days}"
    )


def _note_steps(data: StudyData, kpi: str, gap_days: int, repeat_days: int, path_length: int) -> None:
    """Write down, contact by contact, what follows it: the one sort of all interactions by customer.

    ``nth`` counts a customer's contacts, ``t1`` … are the touchpoints of the next ones, and ``begins`` says that a
    journey begins with this contact.
    """
    same = ["touchpoint", "reason"] if data.has("interactions", "reason") else ["touchpoint"]
    for column, name in zip(same, (_TOUCHPOINT, _REASON), strict=False):
        listed = f"SELECT DISTINCT {column} FROM interactions WHERE {column} IS NOT NULL ORDER BY 1"
        data.query(f"CREATE TYPE {name} AS ENUM ({listed})")
    gap, repeat = f"INTERVAL {int(gap_days)} DAY", f"INTERVAL {int(repeat_days)} DAY"
    kinds = ", ".join(f"{c}::{name} AS {c}" for c, name in zip(same, (_TOUCHPOINT, _REASON), strict=False))
    later = ", ".join(f"lead(touchpoint, {k}) OVER c AS t{k}" for k in range(1, int(path_length)))
    kept = ", ".join(f"t{k}" for k in range(1, int(path_length)))
    data.query(f"""
        CREATE TEMP TABLE {_STEPS} AS
        WITH coded AS (
            SELECT customer, {kinds}, started_at, interaction_id, {kpi} AS score
            FROM interactions JOIN customers USING (customer_id)),
        sorted AS (
            SELECT customer, (row_number() OVER c)::INTEGER AS nth, touchpoint, started_at, score, {later},
                   lead(started_at) OVER c AS next_at, lag(started_at) OVER c AS before_at,
                   lead(started_at) OVER r AS again_at
            FROM coded
            WINDOW c AS (PARTITION BY customer ORDER BY started_at, interaction_id),
                   r AS (PARTITION BY customer, {", ".join(same)} ORDER BY started_at))
        SELECT customer, nth, touchpoint, started_at, score, before_at, {kept},
               CASE WHEN next_at < started_at + {gap} THEN t1 END AS following,
               coalesce(again_at < started_at + {repeat}, false) AS repeated,
               coalesce(started_at >= before_at + {gap}, true) AS begins, next_at IS NULL AS last
        FROM sorted""")


def _forget_steps(data: StudyData) -> None:
    """Drop what :func:`_note_steps` made, as far as it came."""
    data.query(f"DROP TABLE IF EXISTS {_STEPS}")
    for kind in (_TOUCHPOINT, _REASON):
        data.query(f"DROP TYPE IF EXISTS {kind}")


def _transitions(data: StudyData, until: str) -> pd.DataFrame:
    """Return how often each touchpoint follows each other, with sums over customers."""
    return data.query(f"""
        WITH pairs AS MATERIALIZED (
            SELECT customer, touchpoint, following, count(*) AS s
            FROM {_STEPS} WHERE started_at <= {until} GROUP BY ALL),
        sized AS (SELECT *, sum(s) OVER (PARTITION BY customer, touchpoint) AS m FROM pairs),
        stage AS (
            SELECT touchpoint, sum(m) AS m, sum(m * m) AS mm, count(*) AS clusters
            FROM (SELECT customer, touchpoint, sum(s) AS m FROM pairs GROUP BY ALL) GROUP BY ALL),
        moves AS (
            SELECT touchpoint, following, sum(s) AS s, sum(s * s) AS ss, sum(s * m) AS sm, count(*) AS n_customers
            FROM sized GROUP BY ALL)
        SELECT touchpoint::VARCHAR AS touchpoint, coalesce(following::VARCHAR, '{ENDS}') AS following,
               s, ss, sm, n_customers, m, mm, clusters
        FROM moves JOIN stage USING (touchpoint)
        UNION ALL
        SELECT '{EVERYWHERE}', '{AGAIN}', sum(s), sum(s * s), sum(s * m), count_if(s > 0), sum(m), sum(m * m), count(*)
        FROM (SELECT coalesce(sum(s) FILTER (following IS NOT NULL), 0) AS s, sum(s) AS m FROM pairs GROUP BY customer)
        HAVING count(*) > 0 ORDER BY 1, 2""")


def _journeys(data: StudyData, since: str, until: str, path_length: int, most_paths: int) -> pd.DataFrame:
    """Return the commonest journeys that begin and end inside the data, and all others as one."""
    places = range(int(path_length))
    shown = ", ".join(f"CASE WHEN contacts > {k} THEN t{k} END" for k in places)
    later = ", ".join(f"t{k}" for k in places[1:])
    return data.query(f"""
        WITH ends AS (SELECT customer, nth, started_at FROM {_STEPS} WHERE last),
        begun AS (
            SELECT customer, nth, started_at, touchpoint AS t0, {later}, lead(nth) OVER c AS next_nth,
                   lead(before_at) OVER c AS ended_at
            FROM {_STEPS} WHERE begins WINDOW c AS (PARTITION BY customer ORDER BY nth)),
        each AS (
            SELECT customer, (coalesce(next_nth, ends.nth + 1) - begun.nth)::BIGINT AS contacts, t0, {later}
            FROM begun JOIN ends USING (customer)
            WHERE begun.started_at >= {since} AND coalesce(ended_at, ends.started_at) <= {until}),
        whole AS MATERIALIZED (
            SELECT customer, contacts, CASE WHEN contacts = 1 THEN '{ALONE}' WHEN contacts > {int(path_length)}
                   THEN '{OTHERS}' ELSE concat_ws('{ARROW}', {shown}) END AS path FROM each),
        counted AS (
            SELECT path, contacts, count(*) AS n FROM whole WHERE contacts <= {int(path_length)}
            GROUP BY path, contacts HAVING count(DISTINCT customer) >= {data.study.privacy.min_group}),
        ranked AS (
            SELECT path, count(*) OVER (ORDER BY n DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS as_common
            FROM counted WHERE contacts > 1),
        common AS (
            SELECT path FROM ranked WHERE as_common <= {int(most_paths)}
            UNION ALL SELECT path FROM counted WHERE contacts = 1),
        own AS MATERIALIZED (
            SELECT customer, CASE WHEN path IN (FROM common) THEN path ELSE '{OTHERS}' END AS path,
                   count(*) AS s, sum(contacts) AS contacts
            FROM whole GROUP BY ALL),
        sized AS (SELECT *, sum(s) OVER (PARTITION BY customer) AS m FROM own),
        totals AS (SELECT sum(m) AS m, sum(m * m) AS mm, count(*) AS clusters
                   FROM (SELECT sum(s) AS m FROM own GROUP BY customer))
        SELECT path, sum(contacts) / sum(s) AS contacts, sum(s) AS s, sum(s * s) AS ss, sum(s * sized.m) AS sm,
               any_value(totals.m) AS m, any_value(totals.mm) AS mm, any_value(totals.clusters) AS clusters,
               count(*) AS n_customers
        FROM sized, totals GROUP BY path
        ORDER BY path = '{OTHERS}', sum(s) DESC, path""")


def _breaks(data: StudyData, kpi: str, until: str, repeat_until: str) -> pd.DataFrame:
    """Return, per measure of a broken journey and touchpoint, sums over customers."""
    middle = sum(data.study.scales[kpi]) / 2
    rows = {
        DISSATISFIED: f"SELECT customer, touchpoint, score < {middle} AS s FROM {_STEPS} WHERE score IS NOT NULL",
        REPEATED: f"SELECT customer, touchpoint, repeated AS s FROM {_STEPS} WHERE started_at <= {repeat_until}",
    }
    if data.has("customer_value", "churned"):
        rows[LEFT] = _leaving(data)
    else:
        rows[ENDS] = f"SELECT customer, touchpoint, following IS NULL AS s FROM {_STEPS} WHERE started_at <= {until}"
    parts = [data.query(_sums(sql)).assign(measure=measure) for measure, sql in rows.items()]
    return pd.concat(parts, ignore_index=True)


def _leaving(data: StudyData) -> str:
    """Return SQL of customers by value period: the touchpoint of their last contact in it, and whether they left."""
    number = f"((year({{0}}) * 12 + month({{0}}) - 1) // {period_months(data)})"
    return f"""
        WITH contact AS (
            SELECT customer, {number.format("started_at")} AS period,
                   arg_max(touchpoint, nth) AS touchpoint FROM {_STEPS} GROUP BY ALL),
        value AS (
            SELECT customer, {number.format("period_start")} AS period, bool_or(churned) AS churned
            FROM customer_value JOIN customers USING (customer_id) WHERE churned IS NOT NULL GROUP BY ALL),
        later AS (
            SELECT c.customer, c.period, any_value(c.touchpoint) AS touchpoint, bool_or(v.churned) AS s,
                   count(*) AS seen
            FROM contact c JOIN value v
              ON v.customer = c.customer AND v.period BETWEEN c.period + 1 AND c.period + {AFTER}
            GROUP BY ALL)
        SELECT customer, touchpoint, s FROM later WHERE s OR seen = {AFTER}"""


def _sums(rows: str) -> str:
    """Return SQL of sums over customers, per touchpoint and for all, of rows customer, touchpoint, s (a boolean)."""
    of = {"s": "o.s", "m": "o.m", "ss": "o.s * o.s", "sm": "o.s * o.m", "mm": "o.m * o.m",
          "s_ts": "o.s * t.s", "s_tm": "o.s * t.m", "m_ts": "o.m * t.s", "m_tm": "o.m * t.m"}  # fmt: skip
    total = {"ts": "s", "tm": "m", "ts_ts": "s * s", "ts_tm": "s * m", "tm_tm": "m * m"}
    sums = ", ".join(f"sum({what})::DOUBLE AS {name}" for name, what in of.items())
    people = "count(*) AS clusters, count(*) AS n_customers, count_if(o.s > 0) AS n_yes, count_if(o.s < o.m) AS n_no"
    every = ", ".join(f"sum({what})::DOUBLE AS {name}" for name, what in total.items())
    return f"""
        WITH own AS MATERIALIZED (
            SELECT customer, touchpoint, count_if(s) AS s, count(*) AS m FROM ({rows}) GROUP BY ALL),
        total AS MATERIALIZED (SELECT customer, sum(s) AS s, sum(m) AS m FROM own GROUP BY ALL),
        per AS (
            SELECT touchpoint::VARCHAR AS touchpoint, {sums}, {people}
            FROM own o JOIN total t USING (customer) GROUP BY o.touchpoint
            UNION ALL SELECT '{EVERYWHERE}', {sums}, {people} FROM total o JOIN total t USING (customer)),
        everywhere AS (SELECT {every}, count(*) AS t_clusters FROM total)
        SELECT * FROM per, everywhere ORDER BY touchpoint = '{EVERYWHERE}', touchpoint"""
