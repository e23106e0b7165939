"""Small groups stay hidden: nothing below the minimum is shown, and nothing hidden can be worked out.

The reader of these tests is written afresh, apart from the code under test: it sets up the sums of a
table, and asks linear algebra and a linear programme what they give away.
"""

import itertools

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from exlink.publish.disclosure import Policy, release
from exlink.publish.suppression import hidden_cells

POLICY = Policy(min_group=8)


def teams(*counts):
    frame = pd.DataFrame({"team": [f"t{i}" for i in range(len(counts))], "n": counts})
    return frame.assign(mean=np.arange(len(counts)) + 0.5)


def shown(released):
    return (~released.is_hidden).tolist()


# -- single tables -----------------------------------------------------------------------------------


def test_empty_groups_are_shown_and_protect_nobody():
    released = release(teams(0, 3, 0, 20, 30), policy=POLICY, people="n", by=["team"])
    assert shown(released) == [True, False, True, False, True]


def test_one_hidden_cell_takes_the_smallest_other_with_it_and_two_tiny_ones_a_third():
    assert shown(release(teams(30, 3, 20, 9), policy=POLICY, people="n", by=["team"])) == [1, 0, 1, 0]
    assert shown(release(teams(30, 3, 2, 9), policy=POLICY, people="n", by=["team"])) == [1, 0, 0, 0]
    assert shown(release(teams(30, 3, 6, 9), policy=POLICY, people="n", by=["team"])) == [1, 0, 0, 1]


def test_hidden_cells_hold_the_minimum_together_even_when_each_could_vary():
    released = release(teams(30, 2, 2, 1, 1, 9), policy=POLICY, people="n", by=["team"])
    assert shown(released) == [1, 0, 0, 0, 0, 0]


def test_a_cell_that_is_its_own_total_is_no_protection():
    """Site b has people in x only: its total, published elsewhere, would give x back, and with it (a, x)."""
    rows = [("a", "x", 3), ("a", "y", 20), ("a", "z", 25), ("b", "x", 10)]
    rows += [("c", "x", 12), ("c", "y", 30), ("c", "z", 22)]
    released = release(
        pd.DataFrame(rows, columns=["site", "role", "n"]), policy=POLICY, people="n", by=["site", "role"]
    )
    assert released.is_hidden[[0, 4]].all()
    assert not released.is_hidden[3]


def test_without_complement_only_small_cells_are_hidden():
    released = release(teams(30, 3, 20), policy=POLICY, people="n", by=["team"], complement=False, reason="a test")
    assert shown(released) == [True, False, True]


def test_rows_add_up_only_along_the_named_dimension():
    frame = pd.DataFrame(
        [("a", "w1", 3), ("b", "w1", 10), ("c", "w1", 30), ("a", "w2", 9), ("b", "w2", 10), ("c", "w2", 30)],
        columns=["team", "wave", "n"],
    )
    everywhere = release(frame, policy=POLICY, people="n", by=["team", "wave"])
    assert shown(everywhere) == [0, 0, 1, 0, 0, 1]
    waves_apart = release(
        frame, policy=POLICY, people="n", by=["team", "wave"], over=["team"], reason="waves repeat people"
    )
    assert shown(waves_apart) == [0, 0, 1, 1, 1, 1]


def test_the_total_is_hidden_when_a_line_has_no_other_cell():
    frame = pd.DataFrame({"team": ["a", "b", "all"], "n": [5, 0, 5 + 20]})
    # 20 people of no listed team: the total would not give 'a' back, but with them hidden it holds 25
    assert shown(release(frame, policy=POLICY, people="n", by=["team"])) == [0, 1, 1]
    frame = pd.DataFrame({"team": ["a", "b", "all"], "n": [5, 0, 5]})
    assert shown(release(frame, policy=POLICY, people="n", by=["team"])) == [0, 1, 0]
    grid = pd.DataFrame(
        [
            ("a", "x", 5),
            ("a", "all", 5),
            ("b", "x", 20),
            ("b", "all", 20),
            ("all", "x", 25),
            ("all", "all", 25),
        ],
        columns=["team", "site", "n"],
    )
    released = release(grid, policy=POLICY, people="n", by=["team", "site"])
    assert not any(shown(released)[:2])
    assert not any(shown(released)[2:4])  # b is all that stands beside a in either column


def test_a_total_that_counts_an_unlisted_small_group_hides_a_neighbour():
    frame = pd.DataFrame({"team": ["a", "b", "c", "all"], "n": [20, 30, 10, 63]})
    assert shown(release(frame, policy=POLICY, people="n", by=["team"])) == [1, 1, 0, 1]


def test_the_cell_where_two_hidden_blocks_touch_is_protected():
    """Every line hides two cells here, and still (r0, c2) is a difference of totals."""
    small = {(0, 0), (0, 1), (1, 0), (1, 1), (2, 2), (2, 3), (3, 2), (3, 3), (0, 2)}
    cells = {(r, c): 4 if (r, c) in small else 20 + r + c for r in range(4) for c in range(4)}
    frame = with_margins(cells, 4, 4)
    released = release(frame, policy=POLICY, people="n", by=["r", "c"])
    assert released.hidden > len(small)
    assert narrowest(frame, released.is_hidden.to_numpy()) >= 2


def test_two_cells_whose_sum_can_be_worked_out_are_protected():
    """The line test and the range test would let the sum of two small groups be worked out here."""
    rows = [[0, 6, 0, 0], [0, 7, 3, 3], [5, 0, 6, 4], [5, 8, 0, 3], [0, 11, 4, 4]]
    cells = {(r, c): n for r, row in enumerate(rows) for c, n in enumerate(row)}
    frame = with_margins(cells, 5, 4)
    hidden = release(frame, policy=POLICY, people="n", by=["r", "c"]).is_hidden.to_numpy()
    assert given_away(frame, hidden, up_to=3) == []


# -- properties --------------------------------------------------------------------------------------


def with_margins(cells, n_rows, n_columns):
    rows = [(f"r{r}", f"c{c}", n) for (r, c), n in sorted(cells.items())]
    rows += [(f"r{r}", "all", sum(cells[r, c] for c in range(n_columns))) for r in range(n_rows)]
    rows += [("all", f"c{c}", sum(cells[r, c] for r in range(n_rows))) for c in range(n_columns)]
    rows += [("all", "all", sum(cells.values()))]
    return pd.DataFrame(rows, columns=["r", "c", "n"])


def equations(frame):
    """Return every sum of the table as a row of a matrix that gives zero, written afresh for the tests."""
    at = {(r, c): i for i, (r, c) in enumerate(zip(frame["r"], frame["c"], strict=True))}
    rows = sorted({r for r, _ in at if r != "all"})
    columns = sorted({c for _, c in at if c != "all"})
    matrix = []
    for line in [[(r, c) for r in rows] + [("all", c)] for c in [*columns, "all"]] + [
        [(r, c) for c in columns] + [(r, "all")] for r in [*rows, "all"]
    ]:
        if line[-1] in at:
            row = np.zeros(len(frame))
            row[[at[cell] for cell in line[:-1] if cell in at]] = 1
            row[at[line[-1]]] = -1
            matrix.append(row)
    return np.array(matrix)


def narrowest(frame, hidden, minimum=8):
    """Return the width of the narrowest range a reader can work out for a hidden small group."""
    counts = frame["n"].to_numpy(float)
    system = equations(frame)
    known, unknown = system[:, ~hidden] @ counts[~hidden], system[:, hidden]
    if not hidden.any():
        return np.inf
    widths = []
    for j, count in enumerate(counts[hidden]):
        if count >= minimum:
            continue
        objective = np.eye(hidden.sum())[j]
        ends = []
        for sign in (1, -1):
            solved = linprog(sign * objective, A_eq=unknown, b_eq=-known, bounds=(1, None))
            assert solved.status in (0, 3), solved.message
            ends.append(np.inf if solved.status == 3 else sign * solved.fun)
        widths.append(abs(ends[1] - ends[0]))
    return min(widths, default=np.inf) + 1e-6


def given_away(frame, hidden, up_to, minimum=8):
    """Return the sets of hidden cells, together below the minimum, whose sum linear algebra gives back.

    A sum is known when it is the same in every solution: the cells' rows of the null space add up to zero.
    """
    _, values, basis = np.linalg.svd(equations(frame)[:, hidden])
    null = basis[(values > 1e-9).sum() :].T
    counts = frame["n"].to_numpy()[hidden]
    groups = itertools.chain(*(itertools.combinations(range(len(counts)), k) for k in range(1, up_to + 1)))
    few = (list(g) for g in groups if counts[list(g)].sum() < minimum)
    return [g for g in few if np.abs(null[g].sum(axis=0)).max(initial=0.0) < 1e-9]


counts_strategy = st.one_of(st.integers(0, 12), st.integers(0, 60))


@settings(max_examples=150, deadline=None)
@given(counts=st.lists(counts_strategy, min_size=1, max_size=12), minimum=st.integers(2, 12))
def test_nothing_below_the_minimum_is_published(counts, minimum):
    frame = teams(*counts)
    assume(max(counts) > 1)  # else refused: a table of persons
    released = release(frame, policy=Policy(minimum), people="n", by=["team"])
    published = released.frame["n"].dropna()
    assert ((published == 0) | (published >= minimum)).all()
    assert released.frame.loc[released.is_hidden, "mean"].isna().all()
    hidden = frame["n"][released.is_hidden]
    # what subtraction from the grand total gives: nothing, or at least two groups and enough people
    if len(hidden) and frame["n"].sum() >= minimum:
        assert (len(hidden) >= 2 and hidden.sum() >= minimum) or (frame["n"] > 0).sum() == 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_hidden_cell_can_be_solved_for_when_totals_are_published(data):
    n_rows, n_columns = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    cells = {rc: data.draw(counts_strategy) for rc in itertools.product(range(n_rows), range(n_columns))}
    frame = with_margins(cells, n_rows, n_columns)
    assume(max(cells.values()) > 1)
    released = release(frame, policy=POLICY, people="n", by=["r", "c"])
    hidden = released.is_hidden.to_numpy()
    published = frame["n"][~hidden]
    assert ((published == 0) | (published >= 8)).all()
    assert narrowest(frame, hidden) >= 2
    assert given_away(frame, hidden, up_to=3) == []
    for line in equations(frame):  # every total that is shown
        members = np.flatnonzero(hidden & (line == 1))
        if len(members) and not hidden[line == -1].any():
            assert len(members) >= 2
            assert frame["n"][members].sum() >= 8


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_order_of_rows_does_not_matter(data):
    cells = {rc: data.draw(counts_strategy) for rc in itertools.product(range(3), range(4))}
    frame = with_margins(cells, 3, 4)
    assume(max(cells.values()) > 1)
    order = data.draw(st.permutations(range(len(frame))))
    shuffled = frame.iloc[order].reset_index(drop=True)
    one = release(frame, policy=POLICY, people="n", by=["r", "c"])
    other = release(shuffled, policy=POLICY, people="n", by=["r", "c"])
    assert other.is_hidden.tolist() == one.is_hidden.iloc[order].tolist()


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(0, 40), min_size=2, max_size=10))
def test_releasing_what_was_released_hides_nothing_more(counts):
    frame = teams(*counts)
    assume(max(counts) > 1)
    released = release(frame, policy=POLICY, people="n", by=["team"])
    again = released.frame.dropna().reset_index(drop=True)
    assert release(again, policy=POLICY, people="n", by=["team"]).hidden == 0


@given(st.lists(st.integers(0, 12), min_size=2, max_size=6), st.integers(2, 8))
@settings(deadline=None, max_examples=60)
def test_nobody_can_be_said_to_be_in_a_hidden_cell_of_a_side(counts, minimum):
    """Every shown cell holds the minimum, and hidden ones leave more than nobody to each, unless the total is none."""
    side = [sum(counts), *counts]
    labels = [("all",), *((f"t{i}",) for i in range(len(counts)))]
    hidden = hidden_cells(side, labels, min_group=minimum, members=[100] * len(side))
    if not sum(counts):
        assert not hidden.any()
        return
    assert all(count >= minimum for count, is_hidden in zip(side, hidden, strict=True) if not is_hidden)
    if hidden[1:].any() and not hidden[0]:
        assert hidden[1:].sum() >= 2
        assert sum(count for count, is_hidden in zip(counts, hidden[1:], strict=True) if is_hidden) >= minimum
