"""Whether the rows can tell variances apart: random effects that repeat each other, or that fixed effects use up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import linalg

from exlink.errors import EstimationError, listed
from exlink.stats.lmm.formula import INTERCEPT
from exlink.stats.lmm.products import Grouping, Products

COLLINEAR = 1e-10  # share of a column's sum of squares that must be its own: products of doubles tell no less apart


def check_identified(text: str, products: Products) -> None:
    """Raise EstimationError when a variance could be any number: nothing in the rows depends on it."""
    for alike in _alike(products):
        _check_parts(text, products, alike)
    for f, grouping in enumerate(products.groupings):
        _check_left(text, products, f, grouping)


def first_repeated(gram: np.ndarray) -> tuple[int, list[int]] | None:
    """Return the first column that is a combination of those before it, and these; None when there is none."""
    lengths = np.sqrt(np.diag(gram))
    scaled = gram / np.outer(np.maximum(lengths, 1e-300), np.maximum(lengths, 1e-300))
    done: list[int] = []
    for j in range(len(gram)):
        weights = np.linalg.lstsq(scaled[np.ix_(done, done)], scaled[done, j], rcond=None)[0] if done else np.zeros(0)
        own = scaled[j, j] - scaled[done, j] @ weights if done else scaled[j, j]
        if own < COLLINEAR:
            return j, [k for k, w in zip(done, weights, strict=True) if abs(w) > 1e-6]
        done.append(j)
    return None


def _alike(products: Products) -> list[list[int]]:
    """Return the factors in sets that group the rows alike, under whatever names."""
    sets: list[list[int]] = []
    for f, grouping in enumerate(products.groupings):
        for known in sets:
            other = products.groupings[known[0]]
            if other.size == grouping.size == len(products.pairs[known[0], f].left):  # each level meets one
                known.append(f)
                break
        else:
            sets.append([f])
    return sets


def _check_parts(text: str, products: Products, alike: Sequence[int]) -> None:
    """Raise EstimationError when independent parts of the same groups say the same twice.

    Rows i and j of a group have the covariance z_i' Psi z_j. It tells the entries of Psi apart when the forms they
    stand for, on the space of the columns z, are linearly independent: intercepts twice are not, an intercept beside
    one independent effect per category is.
    """
    groupings = [products.groupings[f] for f in alike]
    columns = np.concatenate([g.columns for g in groupings])
    sizes = [size for g in groupings for size in g.parts]
    if len(sizes) < 2:
        return
    basis = _coordinates(products.total[np.ix_(columns, columns)])
    forms, of, at = [], [], 0
    for size in sizes:
        for a in range(at, at + size):
            for b in range(at, a + 1):
                form = np.outer(basis[:, a], basis[:, b])
                forms.append((form + form.T).ravel())
                of.append(a)
        at += size
    repeated = first_repeated(np.array(forms) @ np.array(forms).T)
    if repeated is None:
        return
    term = products.names[columns[of[repeated[0]]]]
    if len(groupings) > 1:
        raise EstimationError(
            f"{text}: {listed(g.name for g in groupings)} group the rows alike, so their random effects of {term} "
            "cannot be told apart. Keep one of them."
        )
    raise EstimationError(
        f"{text}: independent random parts of {groupings[0].name} repeat {term}, so its variances cannot be told "
        "apart. Keep it in one part; '0 + …' leaves the intercept out of the others."
    )


def _coordinates(gram: np.ndarray) -> np.ndarray:
    """Return columns of length 1 with the angles of those of ``gram``, in as few dimensions as they span."""
    lengths = np.sqrt(np.diag(gram))
    values, vectors = np.linalg.eigh(gram / np.outer(lengths, lengths))
    kept = values > COLLINEAR
    return np.sqrt(values[kept])[:, None] * vectors[:, kept].T


def _check_left(text: str, products: Products, f: int, grouping: Grouping) -> None:
    """Raise EstimationError when fixed effects that do not vary within levels are as many as the levels."""
    p, levels = products.fixed, grouping.size
    effect = [k for k, c in enumerate(grouping.columns) if products.names[c] == INTERCEPT]
    if p < levels or not effect:
        return
    sums = _level_sums(products, f, effect[0])
    total = products.total[:p, :p]
    within = total - (sums[:, :p] / sums[:, [grouping.columns[effect[0]]]]).T @ sums[:, :p]
    share = linalg.eigh(within, total, eigvals_only=True)  # of each direction, what varies within levels
    if int((share < COLLINEAR).sum()) >= levels:
        raise EstimationError(
            f"{text}: {levels} fixed effects (the intercept among them) do not vary within the {levels} levels of "
            f"{grouping.name}, which leaves its random effects nothing. Leave terms out, or {grouping.name}."
        )


def _level_sums(products: Products, f: int, effect: int) -> np.ndarray:
    """Return weighted sums of all design columns per level, (J, K): products with the factor's random intercept."""
    grouping = products.groupings[f]
    if f == 0:
        return products.first[:, grouping.columns[effect], :]
    pair = products.pairs[0, f]
    out = np.zeros((grouping.size, len(products.names)))
    np.add.at(out, pair.right, pair.products[:, :, effect])
    return out
