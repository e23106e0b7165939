"""The gate: what it refuses, what it hides, and that nobody can compute back what it hid."""

import dataclasses
import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

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
        *("E00421", "-0.12 -0.34 -0.56", "+0.03 (0.00 to +0.05)", "+1.25 (0.80 to 1.70)", "(+0.04). 9 aspects"),
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


def test_rows_that_their_labels_do_not_tell_apart_are_refused():
    frame = teams(9, 9, 9).assign(team=["a", "a", "b"], kpi=["ease", "recommend", "ease"])
    with pytest.raises(DisclosureError, match="1 of 3 rows repeat the labels of another"):
        release(frame, policy=POLICY, people="n", by=["team"])
    with pytest.raises(DisclosureError, match="a table of 3 rows needs by="):
        release(frame, policy=POLICY, people="n")
    assert release(frame, policy=POLICY, people="n", by=["team", "kpi"]).hidden == 0
    assert release(frame[:1], policy=POLICY, people="n").hidden == 0


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
        release(frame, policy=POLICY, people="n", by=["team"], additive=["revenue"], complement=False, reason="x")


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
    facts = {"groups": [{"site": "a", "n_employees": 5, "ease": 3.2}, {"site": "b", "n_employees": 9, "ease": 4.0}]}
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


# -- what the caller says besides --------------------------------------------------------------------


def test_a_share_of_all_but_one_is_hidden_with_a_neighbour_and_its_sides_are_not_published():
    frame = teams(26, 40, 30, 50, yes=[25, 30, 30, 30], no=[1, 10, 0, 20])
    released = release(frame, policy=POLICY, people="n", by=["team"], sides=["yes", "no"])
    assert shown(released) == [False, False, False, True], "nobody on one side is the smallest group there is"
    assert not {"yes", "no"} & set(released.frame)
    assert "one side of a share" in released.note
    assert release(frame.drop(columns=["yes", "no"]), policy=POLICY, people="n", by=["team"]).hidden == 0


def test_zeros_are_hidden_beside_a_few_so_that_hiding_does_not_tell_where_they_are():
    # 8 people of a company ticked alike, all in two of five teams: shown zeros would name the two
    frame = teams(60, 12, 12, 12, 12, 12, yes=[8, 4, 4, 0, 0, 0], no=[52, 8, 8, 12, 12, 12])
    frame.loc[0, "team"] = "all"
    options = {"policy": POLICY, "people": "n", "by": ["team"], "sides": ["yes", "no"]}
    assert shown(release(frame, **options)) == [True, False, False, False, False, False]
    # one team holds them all: shown beside the hidden ones it would say that nobody else did
    frame["yes"] = [8, 8, 0, 0, 0, 0]
    frame["no"] = [52, 4, 12, 12, 12, 12]
    assert not any(shown(release(frame, **options))[1:])


def test_what_is_true_of_everybody_in_the_total_is_shown_and_so_is_what_is_no_secret():
    frame = teams(24, 12, 12, yes=[0, 0, 0], no=[24, 12, 12])
    frame.loc[0, "team"] = "all"
    options = {"policy": POLICY, "people": "n", "by": ["team"], "sides": ["yes", "no"]}
    assert release(frame, **options).hidden == 0
    frame = teams(12, 12, yes=[0, 9], no=[12, 9])
    assert shown(release(frame, **options)) == [False, False]
    assert release(frame, **options, may_be_empty=["yes"], reason="who left is known to all").hidden == 0
    with pytest.raises(DisclosureError, match=r"may_be_empty=.*Say why"):
        release(frame, **options, may_be_empty=["yes"])
    with pytest.raises(DisclosureError, match="not one of sides"):
        release(frame, **options, may_be_empty=["n"], reason="-")


def test_rows_hidden_elsewhere_stay_hidden_here_and_what_gives_them_back_goes_too():
    frame = teams(26, 40, 30)
    assert shown(release(frame, policy=POLICY, people="n", by=["team"], hide=[True, True, False])) == [
        False,
        False,
        True,
    ]
    assert release(frame, policy=POLICY, people="n", by=["team"], hide=[True, False, False]).hidden == 2
    with pytest.raises(DisclosureError, match="2 rows"):
        release(frame, policy=POLICY, people="n", by=["team"], hide=[True, False])


def test_an_empty_row_may_be_hidden_elsewhere():
    released = release(teams(0, 3, 9, 30), policy=POLICY, people="n", by=["team"], hide=[True, False, False, False])
    assert shown(released) == [False, False, False, True]


def test_rows_that_agree_are_hidden_as_one():
    frame = pd.DataFrame({"kpi": ["a"] * 3 + ["b"] * 3, "at": ["x", "y", "z"] * 2, "n": [3, 9, 30, 12, 9, 30]})
    options = {"policy": POLICY, "people": "n", "by": ["kpi", "at"], "over": ["at"], "reason": "KPIs repeat people"}
    assert shown(release(frame, **options)) == [False, False, True, True, True, True]
    assert shown(release(frame, **options, together=["at"])) == [False, False, True] * 2
    with pytest.raises(DisclosureError, match="together names 'kp'"):
        release(frame, **options, together=["kp"])


def test_a_part_of_a_released_table_is_released_as_it_was():
    released = release(teams(3, 9, 30, 40), policy=POLICY, people="n", by=["team"])
    part = released.part([3, 0])
    assert part.frame["team"].tolist() == ["t3", "t0"]
    assert part.is_hidden.tolist() == [False, True]
    assert part.hidden == 1
    assert "1 of 2 cells hidden" in part.note


def test_sides_need_people_and_columns_that_exist():
    with pytest.raises(DisclosureError, match="no column 'yess'"):
        release(teams(9, 9), policy=POLICY, people="n", by=["team"], sides=["yess"])
    with pytest.raises(DisclosureError, match="sides count people"):
        release(teams(9, 9), policy=POLICY, people=None, by=["team"], sides=["n"], reason="none")
