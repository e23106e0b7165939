"""Rows that stay in their engine → cross-products.

``expressions`` and ``design`` compile the formula, ``survey`` looks at the rows once, ``plan`` and ``cells`` decide
what the engine sums, ``compress`` puts the sums together, ``steady`` compares the scans, ``opened`` opens
whatever the rows are in.
"""

from exlink.stats.lmm.engine.compress import from_engine

__all__ = ["from_engine"]
