"""A fit as text, laid out as lme4 users know it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from exlink.stats.lmm.fit import LmmFit

NUMBER = "{:.4g}".format


def summary(fit: LmmFit) -> str:
    """Return formula, criterion, variances, fixed effects with both errors, and warnings, one line each."""
    kind = "REML" if fit.reml else "maximum likelihood"
    name = "REML criterion" if fit.reml else "-2 log-likelihood"
    groups = "; ".join(f"{group}, {size:,}" for group, size in fit.ngroups.items())
    left_out = f" ({fit.n_incomplete:,} incomplete rows left out)" if fit.n_incomplete else ""
    parts = [
        f"Linear mixed model fit by {kind}: {fit.formula}",
        f"{name}: {fit.objective:.4f}, {fit.evaluations} evaluations",
        "", "Random effects:", _random(fit),
        f"Number of obs: {fit.nobs:,}{left_out}; groups: {groups}",
        "", *_fixed(fit),
        f"R²: {fit.r2_marginal:.3f} fixed part, {fit.r2_conditional:.3f} with random effects",
    ]  # fmt: skip
    return "\n".join([*parts, *([fit.message] if fit.message else [])])


def _fixed(fit: LmmFit) -> list[str]:
    if fit.table.empty:
        return ["Fixed effects: none"]
    table = fit.table.set_index("term")[["estimate", "std_error", "df"]]
    robust = fit.robust_table.set_index("term")[["std_error", "df", "conf_low", "conf_high"]]
    return [
        f"Fixed effects, robust errors ({fit.robust_kind}) and their {fit.level:.0%} intervals:",
        table.join(robust.add_prefix("robust_")).to_string(float_format=NUMBER),
    ]


def _random(fit: LmmFit) -> str:
    variances = fit.varcorr[fit.varcorr["term1"] == fit.varcorr["term2"]].copy()
    variances["sd"] = np.sqrt(variances["value"])
    spreads = variances.set_index(["group", "term1"])["sd"]
    related = fit.varcorr[fit.varcorr["term1"] != fit.varcorr["term2"]]
    words = {key: [] for key in spreads.index}
    for row in related.itertuples():
        both = spreads[row.group, row.term1] * spreads[row.group, row.term2]
        words[row.group, row.term2].append(f"{row.value / both:.2f} with {row.term1}" if both > 0 else "none")
    variances["correlation"] = [", ".join(words[key]) for key in spreads.index]
    shown = variances[["group", "term1", "value", "sd", "correlation"]]
    return shown.rename(columns={"term1": "term", "value": "variance"}).to_string(index=False, float_format=NUMBER)
