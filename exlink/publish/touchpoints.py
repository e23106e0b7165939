"""Which touchpoints a report hides, decided once for every table and chart that shows people by touchpoint.

Each table decided for itself would hide other rows next to a small group than its neighbour does, and the
two together would give the group back: the months of a touchpoint add up to the row that another table
hides. So the decision is taken before any table, on the people behind every KPI at every touchpoint, and
holds for all of a side's KPIs and in every step that asks here.
"""

from __future__ import annotations

from exlink.data.dataset import StudyData
from exlink.data.touchpoints import CUSTOMERS, EMPLOYEES, people_at_touchpoints
from exlink.publish.disclosure import Policy, release


def hidden_touchpoints(data: StudyData, policy: Policy) -> dict[str, list[str]]:
    """Return the touchpoints whose rows and series are left out, by side (``customers``, ``employees``)."""
    counted = people_at_touchpoints(data)
    released = release(
        counted,
        policy=policy,
        people="n_units",
        by=["side", "series", "touchpoint"],
        over=["touchpoint"],
        together=["side", "touchpoint"],
        reason="KPIs and sides repeat the same people; only touchpoints could be subtracted",
    )
    hidden = released.frame[released.is_hidden]
    return {
        side: sorted(set(hidden.loc[hidden["side"] == side, "touchpoint"]) - {"all"}) for side in (CUSTOMERS, EMPLOYEES)
    }
