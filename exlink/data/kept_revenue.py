"""What customers of a year ago bring now: revenue of the same quarter, or half-year, one year apart (M49)."""

from __future__ import annotations

import pandas as pd

from exlink.data.customer_periods import period_months
from exlink.data.dataset import StudyData


def kept_revenue(data: StudyData) -> pd.Series:
    """Return sums over customers of what those with revenue a year ago brought then, and bring now.

    A customer of whom nothing is recorded any more brings nothing. Periods are laid beside the same one a year before,
    so that the season plays no part and newcomers do not count.

    Returns
    -------
    Series: customers, before, now (currency, over the last year or as much of it as has a year before), before2, now2,
    both (sums over customers of squares and of the product), periods, a_year (periods in a year).
    """
    months = period_months(data)
    a_year = 12 // months
    number = f"(year(period_start) * 12 + month(period_start) - 1) // {months}"
    return data.query_once(f"""
        WITH v AS (SELECT customer_id, {number} AS number, sum(revenue) AS revenue FROM customer_value GROUP BY ALL),
        pair AS (
            SELECT a.customer_id, sum(a.revenue) AS before, sum(coalesce(b.revenue, 0)) AS now
            FROM v a LEFT JOIN v b ON a.customer_id = b.customer_id AND b.number = a.number + {a_year}
            WHERE a.revenue > 0 AND a.number + {a_year} <= (SELECT max(number) FROM v)
              AND a.number + {2 * a_year} > (SELECT max(number) FROM v)
            GROUP BY ALL)
        SELECT count(*) AS customers, sum(before) AS before, sum(now) AS now, sum(before ** 2) AS before2,
               sum(now ** 2) AS now2, sum(before * now) AS both,
               (SELECT count(DISTINCT number) FROM v WHERE number + {a_year} <= (SELECT max(number) FROM v)
                AND number + {2 * a_year} > (SELECT max(number) FROM v)) AS periods, {a_year} AS a_year
        FROM pair ORDER BY 1""").iloc[0]
