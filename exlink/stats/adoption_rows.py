"""Rows of groups that adopt something, ready to be compared: which of them can be, and what each weighs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.absorb import encode

MIN_OTHERS = 3  # groups to compare with: fewer cannot tell what chance does to one


@dataclass(frozen=True, slots=True, eq=False)
class AdoptionRows:
    """Rows as arrays (n,): outcome, weight, codes of unit, group and period, and periods since (NaN: no adopter)."""

    y: np.ndarray
    weight: np.ndarray
    unit: np.ndarray
    group: np.ndarray
    time: np.ndarray
    since: np.ndarray
    groups: np.ndarray

    def rows(self, chosen: np.ndarray) -> AdoptionRows:
        """Return some of the rows, units numbered anew."""
        parts = (self.y, self.weight, self.unit, self.group, self.time, self.since)
        y, weight, unit, group, time, since = (part[chosen] for part in parts)
        return AdoptionRows(y, weight, encode(unit)[0], group, time, since, self.groups)


def adoption_rows(
    frame: pd.DataFrame, y: str, unit: str, group: str, time: str, since: str, weight: str | None
) -> AdoptionRows:
    """Return the rows as arrays; a row without an outcome or without weight says nothing."""
    used = frame[frame[y].notna() & (frame[weight].gt(0) if weight else True)]
    codes, groups = encode(used[group])
    return AdoptionRows(
        y=used[y].to_numpy(dtype=float), weight=used[weight].to_numpy(dtype=float) if weight else np.ones(len(used)),
        unit=encode(used[unit].astype(str) + "|" + used[group].astype(str))[0], group=codes,
        time=encode(used[time])[0], since=used[since].to_numpy(dtype=float), groups=groups,
    )  # fmt: skip


def usable_rows(panel: AdoptionRows, what: str) -> AdoptionRows:
    """Return the rows that can be compared: units seen twice, adopters' before and after, periods with others.

    Raises EstimationError where nothing is left; ``what`` is its name in the message.
    """
    for _ in range(len(np.unique(panel.time)) + 2):
        if not (before := len(panel.y)):
            break
        target = ~np.isnan(panel.since)
        seen = np.zeros((panel.time.max() + 1, len(panel.groups)), bool)
        seen[panel.time[~target], panel.group[~target]] = True
        panel = panel.rows((seen.sum(axis=1) >= MIN_OTHERS)[panel.time])
        if not len(panel.y):
            break
        target, after, units = ~np.isnan(panel.since), panel.since >= 0, panel.unit.max() + 1
        rows, late, own = (np.bincount(panel.unit, x, units) for x in (np.ones(len(panel.y)), after, target))
        keep = np.where(own > 0, (late > 0) & (late < rows), rows > 1)
        panel = panel.rows(keep[panel.unit])
        if len(panel.y) in (0, before):
            break
    if not (panel.since >= 0).any():
        raise EstimationError(
            f"adoption and {what}: no unit of an adopting group was observed before and after while at least "
            f"{MIN_OTHERS} groups without the change were."
        )
    return panel


def row_weights(panel: AdoptionRows, target: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return v, (n,), for which ``v @ y`` is ``target @ (y − unit effect − period effect)``.

    ``free`` marks the untreated rows that the effects are fitted on by weighted least squares. With s_i the sum of
    ``target`` over unit i, the unit effects take back ``s_i`` spread over the unit's free rows; what ``target`` then
    still says of each period, kappa, is met by ``(D'WMD)⁻¹`` with D the period dummies and M the demeaning by unit.
    """
    units, times = panel.unit.max() + 1, panel.time.max() + 1
    weight = np.where(free, panel.weight, 0.0)
    total = np.bincount(panel.unit, weight, units)
    own = weight / np.where(total > 0, total, 1)[panel.unit]
    left = target - np.bincount(panel.unit, target, units)[panel.unit] * own
    kappa = np.bincount(panel.time, left, times)
    share = np.zeros((units, times))
    np.add.at(share, (panel.unit, panel.time), own)
    gram = np.diag(np.bincount(panel.time, weight, times)) - share.T @ (share * total[:, None])
    solved = np.linalg.pinv(gram, rcond=1e-10) @ kappa
    return left - weight * (solved[panel.time] - share[panel.unit] @ solved)


def period_effects(panel: AdoptionRows, free: np.ndarray) -> np.ndarray:
    """Return the period effects of the untreated rows, unit effects taken out; (periods,)."""
    units, times = panel.unit.max() + 1, panel.time.max() + 1
    weight = np.where(free, panel.weight, 0.0)
    total = np.bincount(panel.unit, weight, units)
    share = np.zeros((units, times))
    np.add.at(share, (panel.unit, panel.time), weight / np.where(total > 0, total, 1)[panel.unit])
    mean = np.bincount(panel.unit, weight * panel.y, units) / np.where(total > 0, total, 1)
    gram = np.diag(np.bincount(panel.time, weight, times)) - share.T @ (share * total[:, None])
    right = np.bincount(panel.time, weight * (panel.y - mean[panel.unit]), times)
    return np.linalg.pinv(gram, rcond=1e-10) @ right
