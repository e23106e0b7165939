"""What a model may be fitted on, and which way it is compressed."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd

from exlink.errors import EstimationError
from exlink.stats.lmm.engine import from_engine
from exlink.stats.lmm.formula import Model
from exlink.stats.lmm.frame import from_frame
from exlink.stats.lmm.products import Products


def compress(model: Model, data: Any) -> Products:
    """Return the cross-products of ``data``, in memory for a pandas DataFrame and inside the engine otherwise."""
    if isinstance(data, pd.DataFrame):
        return from_frame(model, data)
    try:
        return from_engine(model, data)
    except duckdb.ConnectionException as error:
        raise EstimationError(
            f"{model.text}: the DuckDB connection of the rows is closed. Fit while it is open, or give a DataFrame."
        ) from error
    except duckdb.Error as error:
        # the engine's own words may repeat values of the data
        raise EstimationError(
            f"{model.text}: the rows cannot be read ({type(error).__name__}): a file is damaged or lacks a column, "
            "or a column holds values that are not of its type. Read it once into a DataFrame to see which."
        ) from error
