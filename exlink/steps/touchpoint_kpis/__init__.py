"""02 Touchpoint KPIs: one framework for both sides, every KPI with its interval, its trend and its reliability."""
