"""What a model may be fitted on, and which way it is compressed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from exlink.stats.lmm.engine import from_engine
from exlink.stats.lmm.formula import Model
from exlink.stats.lmm.frame import from_frame
from exlink.stats.lmm.products import Products


def compress(model: Model, data: Any) -> Products:
    """Return the cross-products of ``data``, in memory for a pandas DataFrame and inside the engine otherwise."""
    if isinstance(data, pd.DataFrame):
        return from_frame(model, data)
    return from_engine(model, data)
