"""Customers by value period: what they said after their contacts, and what they were worth after that.

Everything is matched inside the engine and only complete pairs come out: a study with ten million
interactions gives a few hundred thousand rows. Where pairs would exceed ``max_rows`` a fixed sample of
customers, drawn by a hash of their id, stands for all; ``attrs['share']`` says how many were kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.dataset import StudyData

MAX_ROWS = 1_000_000
_MONTHS = """CASE WHEN period LIKE '%Q%' THEN 3 WHEN period LIKE '%H%' THEN 6
                  WHEN length(period) = 4 THEN 12 ELSE 1 END"""


@dataclass(frozen=True, slots=True)
class ValueBase:
    """One year of money that customers' experience can move.

    periods : how many value periods the year was taken from; period_months : length of one
    first, last : labels of the first and last of them
    revenue, margin : of customers who had a contact two periods earlier, scaled to twelve months (margin NaN
        where it is not recorded)
    customer_periods : such customers, summed over the periods of twelve months
    recorded : share of the customers with a contact whose value is recorded at all
    """

    periods: int
    period_months: int
    first: str
    last: str
    revenue: float
    margin: float
    customer_periods: float
    customers: int
    recorded: float

    @property
    def revenue_per_period(self) -> float:
        """Revenue of one such customer in one period."""
        return self.revenue / self.customer_periods

    @property
    def margin_share(self) -> float:
        """Margin as a share of revenue."""
        return self.margin / self.revenue


def period_months(data: StudyData) -> int:
    """Return the length of a value period in months; a quarter where no value is recorded."""
    if not data.has("customer_value"):
        return 3
    return int(data.query_once(f"SELECT mode({_MONTHS}) AS m FROM customer_value ORDER BY m")["m"].iloc[0])


def overall_after_contact(data: StudyData, kpi: str, max_rows: int = MAX_ROWS, lag: int = 1) -> pd.DataFrame:
    """Return each customer's overall CX beside the contacts of ``lag`` periods before (below zero: after).

    Returns
    -------
    DataFrame: customer_id, period (running number), overall, contact (mean score), worst, last, n_contacts (those
    with a score), n_all (with or without).
    """
    overall, share = _overall_opinions(data, kpi, max_rows)
    contacts = _contacts(data, kpi, max_rows)
    frame = data.query_once(f"""
        SELECT o.customer_id, o.period, overall, contact, worst, last, n_contacts, n_all
        FROM {overall} o JOIN {contacts} c ON c.customer_id = o.customer_id AND c.period = o.period - {int(lag)}
        WHERE n_contacts > 0
        ORDER BY o.customer_id, o.period""")
    frame.attrs["share"] = share
    return frame


def value_after_overall(data: StudyData, kpi: str, max_rows: int = MAX_ROWS) -> pd.DataFrame:
    """Return each customer's value beside the overall CX of the period before.

    Returns
    -------
    DataFrame: customer_id, period (running number), overall, revenue, margin, churned (0/1); NaN where not recorded.
    """
    opinions, share = _overall_opinions(data, kpi, max_rows)
    churned = "churned::INT" if data.has("customer_value", "churned") else "NULL::INT"
    margin = "margin" if data.has("customer_value", "margin") else "NULL::DOUBLE AS margin"
    frame = data.query_once(f"""
        SELECT v.customer_id, o.period + 1 AS period, overall, revenue, {margin}, {churned} AS churned
        FROM {opinions} o JOIN customer_value v
          ON v.customer_id = o.customer_id AND {_number(period_months(data)).format("v.period_start")} = o.period + 1
        ORDER BY v.customer_id, period""")
    frame.attrs["share"] = share
    return frame


def contacts_of_customers(data: StudyData, kpi: str, max_rows: int = 60_000) -> pd.DataFrame:
    """Return linked contacts with a score; of many, those of a fixed sample of customers, each with all contacts.

    Returns
    -------
    DataFrame: the study's unit, wave, customer_id and the score.
    """
    rows = int(data.query(f"SELECT count({kpi}) AS n FROM linked ORDER BY n")["n"].iloc[0])
    kept = int(min(1.0, max_rows / max(rows, 1)) * 1_000_000)
    return data.query(f"""
        SELECT {data.unit}, wave, customer_id, {kpi} FROM linked
        WHERE {kpi} IS NOT NULL AND customer_id IS NOT NULL AND hash(customer_id) % 1000000 < {kept}
        ORDER BY customer_id, interaction_id""")


def value_base(data: StudyData, kpi: str, max_rows: int = MAX_ROWS) -> ValueBase | None:
    """Return the last year of revenue that contacts can have moved; None where no such revenue is recorded.

    ``kpi`` and ``max_rows`` are those that :func:`overall_after_contact` will be asked with: one pass over the contacts
    serves both.
    """
    months = period_months(data)
    at = _number(months)
    margin = "sum(margin)" if data.has("customer_value", "margin") else "NULL::DOUBLE"
    rows = data.query(f"""
        WITH span AS (SELECT {at.format("min(started_at)")} + 2 AS first FROM interactions)
        SELECT {at.format("v.period_start")} AS number, any_value(v.period) AS label, sum(revenue) AS revenue,
               {margin} AS margin, count(*) AS customers
        FROM customer_value v
        WHERE {at.format("v.period_start")} >= (SELECT first FROM span)
          AND (customer_id, {at.format("v.period_start")} - 2)
              IN (SELECT customer_id, period FROM {_contacts(data, kpi, max_rows)})
        GROUP BY number ORDER BY number""").tail(12 // months)
    if not rows["revenue"].sum() > 0:
        return None
    people = data.query("""
        SELECT count(*) AS met, count(v.customer_id) AS recorded
        FROM customers LEFT JOIN (SELECT DISTINCT customer_id FROM customer_value) v USING (customer_id)
        ORDER BY met""").iloc[0]
    year = 12 / months / len(rows)
    return ValueBase(
        periods=len(rows),
        period_months=months,
        first=str(rows["label"].iloc[0]),
        last=str(rows["label"].iloc[-1]),
        revenue=float(rows["revenue"].sum()) * year,
        margin=float(rows["margin"].sum(min_count=1)) * year,
        customer_periods=float(rows["customers"].sum()) * year,
        customers=int(people["recorded"]),
        recorded=float(people["recorded"] / max(people["met"], 1)),
    )


def _overall_opinions(data: StudyData, kpi: str, max_rows: int) -> tuple[str, float]:
    """Return the name of a table of customers' overall CX by period, and the share of the customers in it.

    It has customer_id, period (running number), overall (the last answer in it).
    """
    share, keep = _sampled(data, "customer_relationship", max_rows)
    name = f"overall_{kpi}_{max_rows}"
    data.noted(
        name,
        f"""
        SELECT customer_id, {_number(period_months(data)).format("responded_on")} AS period,
               arg_max({kpi}, responded_on) AS overall
        FROM customer_relationship WHERE {kpi} IS NOT NULL {keep} GROUP BY ALL""",
    )
    return name, share


def _contacts(data: StudyData, kpi: str, max_rows: int) -> str:
    """Return the name of a table of contacts by customer and period, of customers whose opinion or value is known.

    Its columns are those of :func:`overall_after_contact`, of periods without a score too.
    """
    known = ["customer_value"] if data.has("customer_value") else []
    if data.has("customer_relationship", kpi):
        known.append(_overall_opinions(data, kpi, max_rows)[0])
    name = f"contact_{kpi}_{max_rows}"
    data.noted(
        name,
        f"""
        SELECT customer_id, {_number(period_months(data)).format("started_at")} AS period, avg({kpi}) AS contact,
               min({kpi}) AS worst, arg_max({kpi}, (started_at, interaction_id)) FILTER ({kpi} IS NOT NULL) AS last,
               count({kpi}) AS n_contacts, count(*) AS n_all
        FROM interactions
        WHERE customer_id IN ({" UNION ".join(f"SELECT customer_id FROM {table}" for table in known)})
        GROUP BY ALL""",
    )
    return name


def _number(months: int) -> str:
    """Return SQL that numbers the periods of a date column, named by ``{}``."""
    return f"((year({{0}}) * 12 + month({{0}}) - 1) // {months})"


def _sampled(data: StudyData, table: str, max_rows: int) -> tuple[float, str]:
    """Return the share of customers kept and the condition that keeps them."""
    rows = int(data.query_once(f"SELECT count(*) AS n FROM {table} ORDER BY n")["n"].iloc[0])
    share = min(1.0, max_rows / max(rows, 1))
    return share, "" if share == 1 else f"AND hash(customer_id) % 1000000 < {int(share * 1_000_000)}"
