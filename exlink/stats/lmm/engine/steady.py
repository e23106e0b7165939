"""Whether rows are the same each time an engine reads them: a sample or random() is drawn anew for every scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from exlink.errors import EstimationError
from exlink.stats.lmm.engine.expressions import Column
from exlink.stats.lmm.engine.survey import Survey, raw_sum
from exlink.stats.lmm.products import Pair, Products, Triple

SAME = 1e-9  # share of a sum's size up to which two scans agree; orders of addition differ by 1e-13 at 1e7 rows


def refuse_unsteady(text: str) -> None:
    """Raise EstimationError: two scans of the same relation gave different rows."""
    raise EstimationError(
        f"{text}: the rows differ each time they are read (a sample, a limit without an order, random(), a file being "
        "written), so sums of several reads do not fit together. Store them first, with .to_table() or .df()."
    )


def check_steady(text: str, products: Products, found: Survey, columns: Sequence[Column], weight: float) -> None:
    """Raise EstimationError when the scans behind ``products`` have not seen the same rows.

    Parameters
    ----------
    found : Survey        the first scan
    columns : sequence of Column, (K,)
    weight : float        what the second scan weighed, of which ``products.first`` comes
    """
    total = products.total
    size = np.sqrt(np.diag(total))
    # what the survey added up is not standardised yet
    raw = products.sums * products.scale + weight * products.shift
    reach = products.scale * size * np.sqrt(weight) + np.abs(products.shift) * weight
    surveyed = np.array([raw_sum(column, found) for column in columns])
    same = abs(weight - found.weight) <= SAME * weight and bool((np.abs(raw - surveyed) <= SAME * reach).all())
    if not (same and _agree(products, products.pairs, total, size) and _agree(products, products.triples, total, size)):
        refuse_unsteady(text)


def _agree(
    products: Products, met: Mapping[tuple[int, int], Pair | Triple], total: np.ndarray, size: np.ndarray
) -> bool:
    """Return whether sums by pairs or triples of levels add up to those of all rows."""
    for (a, b), sums in met.items():
        rows = np.arange(len(size)) if a == 0 else products.groupings[a].columns
        place = np.ix_(rows, products.groupings[b].columns)
        if not (np.abs(sums.products.sum(axis=0) - total[place]) <= SAME * np.outer(size, size)[place]).all():
            return False
    return True
