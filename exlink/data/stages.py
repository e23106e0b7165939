"""What is lost on the way from interactions to linked answers, stage by stage, and how many stand behind it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from exlink.data.dataset import StudyData


def stages(data: StudyData) -> pd.DataFrame:
    """Return the join-loss waterfall with the units behind each stage, such that no few of them can be told apart.

    Stages are nested: what one loses is what it has less than the one before. A loss that fewer units than the
    study's minimum group have a part in is therefore not shown: the stage is left empty, its loss is part of the
    next one's. The last stage is always shown; where its own loss is of that kind, the stages before it are empty.

    Returns
    -------
    DataFrame: stage, rows, lost, reason, share (of the first stage), n_units (0 for a stage left empty; at least so
    many, where the next stage has a few less).
    """
    each = data.stage_counts().drop(columns=data.unit)
    return without_losses_of_few(data.funnel(), each.to_numpy(), data.study.privacy.min_group)


def without_losses_of_few(frame: pd.DataFrame, each: np.ndarray, least: int) -> pd.DataFrame:
    """Return the stages of `stages` from ``each``, the rows of every unit at every stage: shape (units, stages)."""
    kept = [0]
    for k in range(1, len(frame)):
        while len(kept) > 1 and k == len(frame) - 1 and _few(each[:, kept[-1]], each[:, k], least):
            kept.pop()
        if k == len(frame) - 1 or not _few(each[:, kept[-1]], each[:, k], least):
            kept.append(k)
    units = (each > 0).sum(axis=0)
    for before, after in zip(kept[-2::-1], kept[:0:-1], strict=True):
        units[before] = units[after] if 0 < units[before] - units[after] < least else units[before]
    shown = np.isin(np.arange(len(frame)), kept)
    rows = frame["rows"][shown]
    out = frame.assign(lost=(-rows.diff().fillna(0)).astype(rows.dtype), n_units=np.where(shown, units, 0))
    out["share"] = rows / max(int(frame["rows"].iloc[0]), 1)
    out["rows"] = rows
    out["reason"] = out["reason"].where(shown, "part of what the next stage lost: too few stand behind it")
    return out[["stage", "rows", "lost", "reason", "share", "n_units"]]


def _few(before: np.ndarray, after: np.ndarray, least: int) -> bool:
    """Return whether some units lose rows, but fewer than ``least``."""
    return 0 < (before > after).sum() < least
