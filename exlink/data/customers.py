"""Who the customers are and when they were met: counted once, because many questions begin with it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from exlink.data.warehouse import quoted


def note_customers(con: duckdb.DuckDBPyConnection, linked: Path, folder: Path) -> None:
    """Write the customers of the ``linked`` interactions into ``folder``: one row each.

    Columns: customer_id (in order), customer (its number from 1, which the engine sorts and joins several times faster
    than ids), first_at and last_at (of the customer's contacts).
    """
    con.execute(f"""
        COPY (
            SELECT customer_id, (row_number() OVER (ORDER BY customer_id))::INTEGER AS customer, first_at, last_at
            FROM (SELECT customer_id, min(started_at) AS first_at, max(started_at) AS last_at
                  FROM read_parquet({quoted(str(linked))}) GROUP BY customer_id)
            ORDER BY customer_id
        ) TO {quoted(str(folder / "customers.parquet"))} (FORMAT parquet)""")
