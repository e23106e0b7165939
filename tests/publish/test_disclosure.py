"""The gate: what it refuses, what it hides, and that nobody can compute back what it hid."""

import dataclasses
import itertools
import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from exlink.errors import DisclosureError
from exlink.publish.disclosure import Facts, Policy, Released, release, release_facts, safe_csv
from exlink.publish.identifiers import is_person_column, points_at_person

POLICY = Policy(min_group=8, known_ids=frozenset({"E0042", "12345", "7"}))


def teams(*counts, **columns):
    frame = pd.DataFrame({"team": [f"t{i}" for i in range(len(counts))], "n": counts})
    frame["mean"] = np.arange(len(counts)) + 0.5
    return frame.assign(**columns)


def shown(released):
    return (~released.is_hidden).tolist()


# -- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *(
            "employee_id",
            "customer_id",
            "customer_ids",
            "manager_id",
            "interaction_id",
            "feedback_id",
            "owner",
        ),
        *(
            "Employee ID",
            "email",
            "e_mail",
            "E-Mail",
            "phone",
            "telephone",
            "mobile_phone_number",
            "agent_name",
        ),
        *("first_name", "surname", "fullname"),
    ],
)
def test_identifier_columns_are_refused_by_name(name):
    with pytest.raises(DisclosureError, match=f"column '{name}' identifies persons"):
        release(teams(9, 9).assign(**{name: "x"}), policy=POLICY, people="n", by=["team"])


@pytest.mark.parametrize(
    "name",
    ["team_id", "name", "n_employees", "initiative_name", "claim_id", "manager_score", "customer_ease"],
)
def test_other_columns_are_not_taken_for_identifiers(name):
    assert not is_person_column(name)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("E0042", "the id of a person"),
        ("see agent E0042.", "the id of a person"),
        (" 12345 ", "the id of a person"),
        ("ann@example.org", "an e-mail address"),
        ("call +49 30 1234567", "a phone number"),
        ("(212) 555-0100", "a phone number"),
        ("030 / 123 45 67", "a phone number"),
        ("0049 30 1234567", "a phone number"),
    ],
)
def test_cells_that_point_at_a_person_are_refused_without_repeating_them(cell, kind):
    frame = teams(9, 9, 9).assign(remark=["fine", cell, cell])
    with pytest.raises(DisclosureError, match=f"column 'remark': 2 of 3 cells hold {kind}") as error:
        release(frame, policy=POLICY, people="n", by=["team"])
    assert cell.strip() not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        *("2024-10-01", "2024Q4–2026Q3", "2026-09-30 12:30:00", "2025-01-01/2025-03-31", "10–20", "7", "@"),
        *("1,234,567 contacts", "1 000 000 EUR", "0.12 to 0.45", "−0.31 [−0.42, −0.20]", "p = 0.00012345"),
        *("E00421", "-0.12 -0.34 -0.56"),
    ],
)
def test_ordinary_text_is_not_taken_for_a_person(text):
    assert points_at_person(text, POLICY.known_ids) == ""


def test_ids_as_column_labels_are_refused_without_repeating_them():
    with pytest.raises(DisclosureError, match="one column per person") as error:
        release(teams(9, 9).assign(E0042=1.0), policy=POLICY, people="n", by=["team"])
    assert "E0042" not in str(error.value)


def test_categories_are_searched_too():
    frame = teams(9, 9).assign(remark=pd.Categorical(["a", "E0042"]))
    with pytest.raises(DisclosureError, match="1 of 2 cells"):
        release(frame, policy=POLICY, people="n", by=["team"])


def test_an_index_is_refused_because_it_is_not_checked():
    with pytest.raises(DisclosureError, match="reset_index"):
        release(teams(9, 9).set_index("team"), policy=POLICY, people="n")


def test_a_table_with_one_row_per_person_is_refused():
    with pytest.raises(DisclosureError, match="every row of the table has one person"):
        release(teams(1, 1, 1), policy=POLICY, people="n", by=["team"])
    with_total = teams(1, 1, 1, 3).assign(team=["a", "b", "c", "all"])
    with pytest.raises(DisclosureError, match="every row of the table has one person"):
        release(with_total, policy=POLICY, people="n", by=["team"])


@pytest.mark.parametrize("counts", [(9.5, 9), (np.nan, 9), (-1, 9), (np.inf, 9)])
def test_a_people_column_that_does_not_count_is_refused(counts):
    with pytest.raises(DisclosureError, match="1 of 2 rows are not whole numbers"):
        release(teams(*counts), policy=POLICY, people="n", by=["team"])


def test_a_misspelt_column_is_named_with_its_nearest():
    with pytest.raises(DisclosureError, match=r"no column 'taem'\. Did you mean 'team'"):
        release(teams(9, 9), policy=POLICY, people="n", by=["taem"])


@pytest.mark.parametrize("waiver", [{"people": None}, {"complement": False}, {"over": []}])
def test_waiving_a_protection_needs_a_reason(waiver):
    arguments = {"people": "n", "by": ["team"]} | waiver
    with pytest.raises(DisclosureError, match="Say why in reason"):
        release(teams(9, 3, 9), policy=POLICY, **arguments)
    assert release(teams(9, 3, 9), policy=POLICY, reason="a test", **arguments).hidden <= 1


def test_columns_that_add_up_cannot_go_without_complement():
    frame = teams(9, 3, 9, revenue=[1.0, 2.0, 3.0])
    with pytest.raises(DisclosureError, match="complement=False is refused"):
        release(
            frame, policy=POLICY, people="n", by=["team"], additive=["revenue"], complement=False, reason="x"
        )


@pytest.mark.parametrize("minimum", [0, -3, 2.5, True, "8"])
def test_a_minimum_that_protects_nobody_is_refused(minimum):
    with pytest.raises(DisclosureError, match="min_group"):
        Policy(min_group=minimum)


# -- what only the gate can make ---------------------------------------------------------------------


def test_only_release_builds_a_released():
    good = release(teams(9, 9), policy=POLICY, people="n", by=["team"])
    with pytest.raises(DisclosureError, match="cannot be built by hand"):
        Released(teams(1, 1), 0, "", "n")
    with pytest.raises(DisclosureError, match="cannot be built by hand"):
        Released(teams(1, 1), 0, "", "n", gate=object())
    with pytest.raises(DisclosureError, match="cannot be built by hand"):
        dataclasses.replace(good, frame=teams(1, 1))
    with pytest.raises(dataclasses.FrozenInstanceError):
        good.frame = teams(1, 1)
    with pytest.raises(DisclosureError, match="cannot be built by hand"):
        Facts({"n": 1})


def test_the_policy_does_not_print_ids():
    assert "E0042" not in repr(POLICY)


# -- what is hidden ----------------------------------------------------------------------------------


def test_a_hidden_row_keeps_its_labels_and_loses_everything_else():
    frame = teams(3, 9, 20, 30).assign(
        word="w", flag=True, day=pd.Timestamp("2026-01-01"), kind=pd.Categorical(list("abcd"))
    )
    given_frame = frame.copy()
    released = release(frame, policy=POLICY, people="n", by=["team"])
    assert shown(released) == [False, False, True, True]
    assert released.frame["team"].tolist() == ["t0", "t1", "t2", "t3"]
    assert released.frame.loc[:1].drop(columns="team").isna().all().all()
    pd.testing.assert_frame_equal(released.frame.loc[2:].astype(frame.dtypes), frame.loc[2:])
    pd.testing.assert_frame_equal(frame, given_frame)  # the caller's frame is not touched
    assert released.hidden == 2
    assert released.note == (
        "2 of 4 cells hidden: fewer than 8 people behind them, or they would give a hidden cell away."
    )


def test_nothing_to_hide_changes_nothing():
    frame = teams(9, 8, 20)
    released = release(frame, policy=POLICY, people="n", by=["team"])
    pd.testing.assert_frame_equal(released.frame, frame)
    assert released.frame is not frame
    assert (released.hidden, released.note) == (0, "No cell is hidden: at least 8 people are behind each.")


def test_values_narrow_the_table_and_attributes_do_not_leak():
    frame = teams(9, 9).assign(secret=1.0)
    frame.attrs["ids"] = ["E0042"]
    released = release(frame, policy=POLICY, people="n", by=["team"], values=["mean"])
    assert list(released.frame) == ["team", "n", "mean"]
    assert released.frame.attrs == {}


def test_empty_groups_are_shown_and_protect_nobody():
    released = release(teams(0, 3, 0, 20, 30), policy=POLICY, people="n", by=["team"])
    assert shown(released) == [True, False, True, False, True]


def test_one_hidden_cell_takes_the_smallest_other_with_it_and_two_tiny_ones_a_third():
    assert shown(release(teams(30, 3, 20, 9), policy=POLICY, people="n", by=["team"])) == [1, 0, 1, 0]
    assert shown(release(teams(30, 3, 2, 9), policy=POLICY, people="n", by=["team"])) == [1, 0, 0, 0]
    assert shown(release(teams(30, 3, 6, 9), policy=POLICY, people="n", by=["team"])) == [1, 0, 0, 1]


def test_without_complement_only_small_cells_are_hidden():
    released = release(
        teams(30, 3, 20), policy=POLICY, people="n", by=["team"], complement=False, reason="a test"
    )
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


def determined(frame, hidden):
    """Return which hidden cells linear algebra alone gives back (no bounds): zero in the null space."""
    system = equations(frame)[:, hidden]
    _, values, basis = np.linalg.svd(system)
    null = basis[(values > 1e-9).sum() :]
    return np.abs(null).max(axis=0, initial=0.0) < 1e-9


counts_strategy = st.one_of(st.integers(0, 12), st.integers(0, 60))


@settings(max_examples=150, deadline=None)
@given(counts=st.lists(counts_strategy, min_size=1, max_size=12), minimum=st.integers(2, 12))
def test_nothing_below_the_minimum_is_published(counts, minimum):
    frame = teams(*counts)
    if sum(n == 1 for n in counts) > 2 and max(counts) == 1:
        return  # refused: a table of persons
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
    if frame["n"].max() == 1 or max(cells.values()) == 1:
        return
    released = release(frame, policy=POLICY, people="n", by=["r", "c"])
    hidden = released.is_hidden.to_numpy()
    published = frame["n"][~hidden]
    assert ((published == 0) | (published >= 8)).all()
    assert narrowest(frame, hidden) >= 2
    small = (frame["n"] < 8).to_numpy()[hidden]
    assert not (determined(frame, hidden) & small).any()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_order_of_rows_does_not_matter(data):
    cells = {rc: data.draw(counts_strategy) for rc in itertools.product(range(3), range(4))}
    frame = with_margins(cells, 3, 4)
    if max(cells.values()) == 1:
        return
    order = data.draw(st.permutations(range(len(frame))))
    shuffled = frame.iloc[order].reset_index(drop=True)
    one = release(frame, policy=POLICY, people="n", by=["r", "c"])
    other = release(shuffled, policy=POLICY, people="n", by=["r", "c"])
    assert other.is_hidden.tolist() == one.is_hidden.iloc[order].tolist()


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(0, 40), min_size=2, max_size=10))
def test_releasing_what_was_released_hides_nothing_more(counts):
    frame = teams(*counts)
    if sum(n == 1 for n in counts) > 2 and max(counts) == 1:
        return
    released = release(frame, policy=POLICY, people="n", by=["team"])
    again = released.frame.dropna().reset_index(drop=True)
    assert release(again, policy=POLICY, people="n", by=["team"]).hidden == 0


# -- facts and export --------------------------------------------------------------------------------


def test_facts_become_plain_json():
    facts = {
        "slope": np.float64(0.25),
        "n_employees": np.int64(240),
        "first": date(2026, 7, 1),
        "gone": np.nan,
        "interval": (0.1, np.inf),
        "ok": np.True_,
        "nested": {"words": ["tools", None]},
    }
    released = release_facts(facts, policy=POLICY)
    assert json.loads(json.dumps(released.values, allow_nan=False)) == {
        "slope": 0.25,
        "n_employees": 240,
        "first": "2026-07-01",
        "gone": None,
        "interval": [0.1, None],
        "ok": True,
        "nested": {"words": ["tools", None]},
    }


@pytest.mark.parametrize(
    "facts",
    [
        {"employee_id": 3},
        {"nested": [{"email": "x"}]},
        {"text": "write to ann@example.org"},
        {"worst": ["E0042"]},
        {"E0042": 1.0},
        {"frame": pd.DataFrame()},
    ],
)
def test_facts_that_point_at_a_person_are_refused(facts):
    with pytest.raises(DisclosureError) as error:
        release_facts(facts, policy=POLICY)
    assert "E0042" not in str(error.value)


def test_facts_about_too_few_people_lose_their_numbers():
    facts = {
        "groups": [{"site": "a", "n_employees": 5, "ease": 3.2}, {"site": "b", "n_employees": 9, "ease": 4.0}]
    }
    assert release_facts(facts, policy=POLICY).values == {
        "groups": [
            {"site": "a", "n_employees": None, "ease": None},
            {"site": "b", "n_employees": 9, "ease": 4.0},
        ]
    }


def test_a_csv_runs_no_formula_and_keeps_numbers():
    frame = teams(9, 9, 9, 9, 9, 9, 9).assign(mean=-1.5)
    frame["text"] = ["=1+1", "+x", "-x", "@x", "\tx", "\rx", "a=b"]
    frame = frame.rename(columns={"text": "=cmd"})
    csv = safe_csv(release(frame, policy=POLICY, people="n", by=["team"]))
    lines = csv.split("\n")
    assert lines[0] == "team,n,mean,'=cmd"
    assert lines[1] == "t0,9,-1.5,'=1+1"
    back = [line.split(",")[3] for line in lines[1:8]]
    assert [b.lstrip('"')[0] for b in back] == ["'"] * 6 + ["a"]


def test_only_released_tables_are_exported():
    with pytest.raises(DisclosureError, match="only a released table"):
        safe_csv(teams(9, 9))
