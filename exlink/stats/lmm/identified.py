"""Whether the rows can tell variances apart: random effects that repeat each other, or that fixed effects use up."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from scipy import linalg

from exlink.errors import EstimationError, listed
from exlink.stats.lmm.formula import INTERCEPT
from exlink.stats.lmm.products import Grouping, Products
from exlink.stats.repeated import PART, repeated_columns

COLLINEAR = 1e-10  # share of a column's sum of squares that must be its own: products of doubles tell no less apart


def check_identified(text: str, products: Products) -> None:
    """Raise EstimationError when a variance could be any number: nothing in the rows depends on it."""
    for alike in _alike(products):
        _check_parts(text, products, alike)
    for f, grouping in enumerate(products.groupings):
        _check_left(text, products, f, grouping)


def first_repeated(gram: np.ndarray) -> tuple[int, list[int]] | None:
    """Return the first column that is a combination of those before it, and these; None when there is none."""
    return next(repeated_columns(gram, COLLINEAR), None)


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
    gram, ends = products.total[np.ix_(columns, columns)], np.cumsum(sizes)

    def shared(upto: int) -> bool:
        spans = [np.arange(end - size, min(end, upto)) for size, end in zip(sizes, ends, strict=True)]
        return _share(gram, [span for span in spans if len(span)])

    if not shared(len(columns)):
        return
    # more columns never tell apart what fewer do not
    last = bisect_left(range(len(columns)), True, key=lambda k: shared(k + 1))
    term, name = products.names[columns[last]], groupings[0].name
    if len(groupings) > 1:
        raise EstimationError(
            f"{text}: {listed(g.name for g in groupings)} group the rows alike, so their random effects of {term} "
            "cannot be told apart. Keep one of them."
        )
    within = [g.name.removeprefix(f"{name}:") for g in products.groupings if g.name.startswith(f"{name}:")]
    holds = f" Where {name}/{within[0]} is asked for, it holds {name} already." if within else ""
    raise EstimationError(
        f"{text}: independent random parts of {name} repeat {term}, so its variances cannot be told "
        f"apart. Keep it in one part; '0 + …' leaves the intercept out of the others.{holds}"
    )


def _share(gram: np.ndarray, parts: Sequence[np.ndarray]) -> bool:
    """Return whether the forms on the column spaces of some parts depend on each other.

    Those of two do when the spaces share a direction. Of more, each part counts with what the others together hold of
    it: a dependence uses nothing else.
    """
    bases, slack = zip(*(_orthonormal(gram, part) for part in parts), strict=True)
    reach = max(slack)
    for i, one in enumerate(bases):
        if any(_shared(gram, one, other, reach).shape[1] for other in bases[i + 1 :]):
            return True
    if len(parts) < 3:
        return False
    return _forms_depend(gram, _reduced(gram, list(bases), reach), reach)


def _orthonormal(gram: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, float]:
    """Return coefficients of an orthonormal basis of some columns, (K, r), and how far rounding may turn it."""
    lengths = np.sqrt(np.diag(gram)[part])
    values, vectors = np.linalg.eigh(gram[np.ix_(part, part)] / np.outer(lengths, lengths))
    kept = values > COLLINEAR
    basis = np.zeros((len(gram), int(kept.sum())))
    basis[part] = vectors[:, kept] / np.sqrt(values[kept]) / lengths[:, None]
    return basis, max(COLLINEAR, 10 * float(np.finfo(float).eps / values[kept].min()))


def _shared(gram: np.ndarray, one: np.ndarray, other: np.ndarray, reach: float) -> np.ndarray:
    """Return coefficients of the directions of ``one`` that ``other`` holds too, (K, r); both bases orthonormal."""
    turned, cosines, _ = np.linalg.svd(one.T @ gram @ other)
    return one @ turned[:, : int((1 - cosines**2 < reach).sum())]


def _reduced(gram: np.ndarray, bases: list[np.ndarray], reach: float) -> list[np.ndarray]:
    """Return of each basis what all the others together hold, until nothing more goes."""
    while True:
        before = [basis.shape[1] for basis in bases]
        for i, basis in enumerate(bases):
            others = np.hstack([b for j, b in enumerate(bases) if j != i])
            turned, _ = _orthonormal(others.T @ gram @ others, np.arange(others.shape[1])) if others.size else (None, 0)
            bases[i] = basis[:, :0] if turned is None else _shared(gram, basis, others @ turned, reach)
        if [basis.shape[1] for basis in bases] == before:
            return bases


def _forms_depend(gram: np.ndarray, bases: Sequence[np.ndarray], reach: float) -> bool:
    """Return whether the products of the columns of each basis with each other depend, across bases."""
    whole = np.hstack(bases)
    if not whole.size:
        return False
    cosines, pairs, at = whole.T @ gram @ whole, [], 0
    for basis in bases:
        pairs += [(at + a, at + b) for a in range(basis.shape[1]) for b in range(a + 1)]
        at += basis.shape[1]
    a, b = np.array(pairs).T
    forms = cosines[np.ix_(a, a)] * cosines[np.ix_(b, b)] + cosines[np.ix_(a, b)] * cosines[np.ix_(b, a)]
    lengths = np.sqrt(np.diag(forms))
    return bool(np.linalg.eigvalsh(forms / np.outer(lengths, lengths)).min() < reach)


def _check_left(text: str, products: Products, f: int, grouping: Grouping) -> None:
    """Raise EstimationError when fixed effects hold an effect of every level: the random ones have nothing left.

    What they leave of an effect v'z of each level sums to v'Kv over the levels, K being the cross-products of z within
    levels less what the fixed effects explain of them.
    """
    p, levels = products.fixed, grouping.size
    if p < levels:
        return
    root = linalg.cholesky(products.total[:p, :p], lower=True)
    sums = np.stack([_level_sums(products, f, k) for k in range(grouping.effects)], axis=2)
    explained = linalg.solve_triangular(root, sums[:, :p].transpose(1, 0, 2).reshape(p, -1), lower=True)
    explained = explained.reshape(-1, grouping.effects)
    whole = products.total[np.ix_(grouping.columns, grouping.columns)]
    left = whole - explained.T @ explained
    at = 0
    for size in grouping.parts:
        part = slice(at, at + size)
        at += size
        shares, directions = linalg.eigh(left[part, part], whole[part, part])
        if shares[0] >= COLLINEAR:
            continue
        size_of = np.abs(directions[:, 0])
        terms = [products.names[c] for c in grouping.columns[part][size_of > PART * size_of.max()]]
        if terms == [INTERCEPT]:
            raise EstimationError(
                f"{text}: {levels} fixed effects (the intercept among them) do not vary within the {levels} levels of "
                f"{grouping.name}, which leaves its random effects nothing. Leave terms out, or {grouping.name}."
            )
        raise EstimationError(
            f"{text}: fixed effects hold the effect of {listed(terms)} in each of the {levels} levels of "
            f"{grouping.name}, which leaves its random effects nothing. Leave terms out, or this random effect."
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
