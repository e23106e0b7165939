"""What no mixed model can be fitted on, said before anything is fitted."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from exlink.errors import EstimationError, listed
from exlink.stats.lmm.formula import Model
from exlink.stats.lmm.identified import check_identified, first_repeated
from exlink.stats.lmm.products import Grouping, Products

MOST_CATEGORIES = 500  # each is a column, and columns are multiplied with each other
MOST_ROWS = 1e12  # as frequencies: beyond, rounding of their sums is no longer small beside one row
LARGEST_WEIGHT = 1e100  # on average, and one over it the least: products with it must stay doubles
LEAST = 1e-70  # size of a column whose squares, and one over them, stay doubles in every product
CONSTANT = 1e-20  # share of a column's scale, squared, below which it does not vary


def check_products(text: str, products: Products) -> None:
    """Raise EstimationError when the rows cannot carry the model: too few, constant, collinear, unidentifiable."""
    rows = products.n_rows
    if rows <= products.fixed:
        raise EstimationError(
            f"{text}: {rows:,.0f} complete {'row' if rows == 1 else 'rows'} cannot carry {products.fixed} fixed "
            f"{'effect' if products.fixed == 1 else 'effects'}."
        )
    minute = [n for n, scale in zip(products.names, products.scale, strict=True) if scale < LEAST]
    if minute:
        raise EstimationError(f"{text}: values of {listed(minute)} are too small to be squared. Use smaller units.")
    for grouping in products.groupings:
        _check_grouping(text, grouping, products)
    total = products.total
    _check_response(text, products, total)
    _check_collinear(text, products, total)
    check_identified(text, products)


def check_weight(text: str, products: Products) -> None:
    """Raise EstimationError when precision weights are of a size that no sum can hold."""
    mean = products.weight / products.n_rows
    if not 1 / LARGEST_WEIGHT <= mean <= LARGEST_WEIGHT:
        raise EstimationError(
            f"{text}: weights are {mean:.3g} on average in {products.n_rows:,.0f} rows, too far from 1 to calculate "
            "with. Divide them by their mean: only sigma, theta and shares of variance depend on their unit."
        )
    if products.n_rows > MOST_ROWS:
        raise EstimationError(
            f"{text}: frequencies stand for {products.n_rows:.3g} rows, and beyond {MOST_ROWS:.0e} sums lose the "
            "digits that errors are made of. Divide the frequencies, or give them as weights if they are no counts."
        )


def alone(products: Products) -> str | None:
    """Return the grouping factor that has one row per level, which only uneven weights allow; None when none has."""
    return next((g.name for g in products.groupings if products.uneven and g.size >= products.n_rows), None)


def refuse_alone(text: str, name: str) -> None:
    """Raise EstimationError: one row per level, and weights that tell no variance from another."""
    raise EstimationError(
        f"{text}: {name} has one row per level, and weights do not differ enough to tell its variance from the "
        f"residual. Leave {name} out."
    )


def refuse_infinite(text: str, counts: dict[str, int], rows: int) -> None:
    """Raise EstimationError when columns hold infinite or undefined values; ``counts`` says how many each."""
    bad = {name: int(n) for name, n in counts.items() if n}
    if bad:
        each = listed(f"{name}: {n:,} of {rows:,} rows" for name, n in bad.items())
        positive = "; log and sqrt need positive values" if any("log" in n or "sqrt(" in n for n in bad) else ""
        raise EstimationError(
            f"{text}: infinite or undefined values ({each}). Correct the data, or leave these rows out as "
            f"missing{positive}."
        )


def refuse_vast(text: str) -> None:
    """Raise EstimationError: values whose squares no double holds."""
    raise EstimationError(f"{text}: values beyond 1e150 cannot be squared. Use larger units.")


def refuse_text_response(model: Model, is_number: Callable[[str], bool]) -> None:
    """Raise EstimationError when the response is a column of text."""
    for factor in model.response[0].factors:
        if factor.eval_method.value == "lookup" and not is_number(factor.expr):
            raise EstimationError(f"{model.text}: the response {factor.expr} is not a number. Make it one first.")


def refuse_key(text: str, name: str) -> None:
    """Raise EstimationError: a grouping factor of lists or records."""
    raise EstimationError(f"{text}: {name} holds lists or records, which are no levels of a group. Make it text first.")


def refuse_infinite_key(text: str, name: str) -> None:
    """Raise EstimationError: a grouping factor that is infinite somewhere."""
    raise EstimationError(f"{text}: {name} is infinite in some rows, which is no level of a group. Leave them out.")


def refuse_kind(text: str, name: str) -> None:
    """Raise EstimationError: a column that can be no term."""
    raise EstimationError(
        f"{text}: {name} is neither a number nor text, so it cannot be a term. Turn it into one of them first."
    )


def refuse_no_number(text: str, name: str) -> None:
    """Raise EstimationError: weights or frequencies that are not numbers."""
    raise EstimationError(f"{text}: {name} is not a column of numbers. Turn it into one first.")


def refuse_categories(text: str, name: str, levels: int, groups: Collection[str]) -> None:
    """Raise EstimationError when a categorical term is a grouping factor too, or has one level or too many.

    groups : columns of which each level has a random intercept
    """
    if name in groups:
        raise EstimationError(
            f"{text}: {name} is a term and a grouping factor, which leaves its random effects nothing. Keep one."
        )
    if levels == 1:
        raise EstimationError(f"{text}: {name} has one category in the complete rows. Leave it out.")
    if levels > MOST_CATEGORIES:
        raise EstimationError(
            f"{text}: {name} has {levels:,} categories, and a fixed part takes at most {MOST_CATEGORIES} of a term. "
            "Make it a grouping factor (random=…) if its levels are a sample, or group it more coarsely."
        )


def refuse_no_rows(text: str, seen: int) -> None:
    """Raise EstimationError: no row is complete."""
    raise EstimationError(f"{text}: none of {seen:,} rows is complete in all columns of the model.")


def refuse_weights(text: str, name: str, bad: int, rows: int, kind: str) -> None:
    """Raise EstimationError when weights or frequencies are not usable."""
    if bad:
        raise EstimationError(f"{text}: {bad:,} of {rows:,} values of {name} are no {kind}. Leave these rows out.")


def _check_grouping(text: str, grouping: Grouping, products: Products) -> None:
    name, levels = grouping.name, grouping.size
    rows = products.n_rows
    if levels < 2:
        raise EstimationError(f"{text}: {name} has {levels} level; a random effect needs at least 2.")
    if not products.uneven and levels >= rows:
        raise EstimationError(
            f"{text}: {name} has {levels:,} levels in {rows:,.0f} rows; the number of levels of each grouping factor "
            "must be < number of observations, or its variance cannot be told from the residual."
        )
    _refuse_constant(text, grouping, products)
    _check_effects(text, grouping, products)
    widest = max(grouping.parts)
    if not products.uneven and levels * widest >= rows:
        raise EstimationError(
            f"{text}: number of observations ({rows:,.0f}) <= number of random effects ({levels * widest:,}) of "
            f"{name} with {widest} terms each. Leave a slope out, or use fewer, larger groups."
        )


def _check_effects(text: str, grouping: Grouping, products: Products) -> None:
    """Raise EstimationError when the random effects of a part say the same thing twice."""
    at = 0
    for size in grouping.parts:
        columns = grouping.columns[at : at + size]
        at += size
        repeated = first_repeated(products.total[np.ix_(columns, columns)])
        if repeated:
            name = products.names[columns[repeated[0]]]
            others = listed(products.names[columns[k]] for k in repeated[1]) or "nothing that varies"
            raise EstimationError(
                f"{text}: collinear random effects of {grouping.name}: {name} is a sum of multiples of {others}. "
                "Leave one out."
            )


def _refuse_constant(text: str, grouping: Grouping, products: Products) -> None:
    """Raise EstimationError when a random slope is of a column that does not vary beside its intercept."""
    for column in grouping.columns:
        if products.shift[column] and products.total[column, column] <= CONSTANT * products.weight:
            raise EstimationError(
                f"{text}: {products.names[column]} is constant, so its effect cannot vary between levels of "
                f"{grouping.name}. Leave it out."
            )


def _check_response(text: str, products: Products, total: np.ndarray) -> None:
    name, square = products.names[-1], total[-1, -1]
    if len(products.constant):
        square = square - products.sums[-1] ** 2 / products.weight
    if not square > CONSTANT * products.weight * max((products.shift[-1] / products.scale[-1]) ** 2, 1.0):
        raise EstimationError(f"{text}: the response {name} is constant in {products.n_rows:,.0f} rows.")


def _check_collinear(text: str, products: Products, total: np.ndarray) -> None:
    p = products.fixed
    gram = total[:p, :p].copy()
    lengths = np.sqrt(np.diag(gram))
    flat = [products.names[j] for j in range(p) if not lengths[j] > 0]
    if flat:
        raise EstimationError(f"{text}: {listed(flat)} is zero or constant in all rows. Leave it out.")
    repeated = first_repeated(gram)
    if repeated:
        others = listed(products.names[k] for k in repeated[1])
        raise EstimationError(
            f"{text}: collinear columns: {products.names[repeated[0]]} is a sum of multiples of {others}. "
            "Leave one out."
        )
