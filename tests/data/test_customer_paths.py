"""Customers' paths from the engine: a plain loop over every customer's contacts finds the same."""

from collections import Counter, defaultdict
from pathlib import Path

import pandas as pd
import pytest

from exlink.data.customer_paths import (
    ALONE,
    ARROW,
    DISSATISFIED,
    ENDS,
    EVERYWHERE,
    LEFT,
    MOST_PATHS,
    OTHERS,
    REPEATED,
    customer_paths,
)
from exlink.data.dataset import open_data
from exlink.data.study import load_study
from exlink.stats.cluster_shares import cluster_shares
from tests.steps.linkage_world import Plan, open_study, write_study

GAP, REPEAT, LENGTH = 60, 10, 3
SAMPLE = Path(__file__).parents[2] / "data" / "sample"


@pytest.fixture(scope="module")
def sample():
    return open_data(load_study(SAMPLE), threads=1)


@pytest.fixture(scope="module")
def walked(sample):
    return customer_paths(sample, "satisfaction", GAP, REPEAT, LENGTH)


@pytest.fixture(scope="module")
def contacts(sample):
    frame = sample.query("""SELECT customer_id, touchpoint, reason, started_at, satisfaction FROM interactions
                            ORDER BY customer_id, started_at, interaction_id""")
    return frame, frame["started_at"].min(), frame["started_at"].max()


def test_transitions_are_those_of_every_customer(walked, contacts):
    frame, _, last = contacts
    gap, moves, people, size = pd.Timedelta(days=GAP), Counter(), defaultdict(set), Counter()
    rows = list(frame.itertuples(index=False))
    for here, after in zip(rows, [*rows[1:], None], strict=True):
        if here.started_at > last - gap:
            continue
        near = after is not None and after.customer_id == here.customer_id and after.started_at < here.started_at + gap
        move = (here.touchpoint, after.touchpoint if near else ENDS)
        moves[move] += 1
        size[here.touchpoint] += 1
        people[move].add(here.customer_id)
    found = walked.transitions.set_index(["touchpoint", "following"])
    assert {k: int(v) for k, v in found["s"].items()} == dict(moves)
    assert {k: int(v) for k, v in found["n_customers"].items()} == {k: len(v) for k, v in people.items()}
    assert {k: int(v) for (k, _), v in found["m"].items()} == dict(size)
    # anything at all after a contact, customer by customer
    used = pd.DataFrame(rows)[lambda f: f["started_at"] <= last - gap]
    after = pd.DataFrame(rows).groupby("customer_id")["started_at"].shift(-1).loc[used.index]
    back = (after < used["started_at"] + gap).groupby(used["customer_id"]).agg(["sum", "size"])
    s, m = back["sum"], back["size"]
    every = walked.again.iloc[0]
    by_hand = [s.sum(), (s**2).sum(), (s * m).sum(), (s > 0).sum(), m.sum(), (m**2).sum(), len(m)]
    assert every[["s", "ss", "sm", "n_customers", "m", "mm", "clusters"]].astype(int).tolist() == by_hand
    shares = cluster_shares(walked.transitions).groupby(walked.transitions["touchpoint"])["estimate"].sum()
    assert shares.to_numpy() == pytest.approx(1)


def test_journeys_are_those_that_begin_and_end_inside_the_data(walked, contacts, sample):
    frame, first, last = contacts
    gap, journeys = pd.Timedelta(days=GAP), []
    for customer, part in frame.groupby("customer_id", sort=True):
        number = (part["started_at"].diff() >= gap).cumsum()
        for _, one in part.groupby(number.to_numpy()):
            if one["started_at"].iloc[0] >= first + gap and one["started_at"].iloc[-1] <= last - gap:
                journeys.append((customer, ARROW.join(one["touchpoint"]) if len(one) > 1 else ALONE, len(one)))
    counted = Counter(path for _, path, _ in journeys)
    found = walked.journeys.set_index("path")
    assert int(found["s"].sum()) == len(journeys)
    for path in found.index.drop(OTHERS):
        assert int(found.loc[path, "s"]) == counted[path]
        assert found.loc[path, "n_customers"] == len({c for c, p, _ in journeys if p == path})
    listed = [p for p in found.index if p not in (ALONE, OTHERS)]
    rest = [n for p, n in counted.items() if p not in listed and p != ALONE and p.count(ARROW) < LENGTH]
    assert 1 < len(listed) <= MOST_PATHS
    assert min(counted[p] for p in listed) > max(rest), "nothing left out is as common as what is listed"
    assert [counted[p] for p in listed] == sorted((counted[p] for p in listed), reverse=True)
    assert (found["n_customers"] >= sample.study.privacy.min_group).all()


def test_repeats_and_bad_answers_are_counted_at_their_stage(walked, contacts):
    frame, _, last = contacts
    again = frame.groupby(["customer_id", "touchpoint", "reason"])["started_at"].shift(-1)
    known = frame["started_at"] <= last - pd.Timedelta(days=REPEAT)
    repeated = (again < frame["started_at"] + pd.Timedelta(days=REPEAT))[known].groupby(frame["touchpoint"]).sum()
    rows = walked.breaks.set_index(["measure", "touchpoint"])
    assert rows.loc[REPEATED, "s"].drop(EVERYWHERE).astype(int).to_dict() == repeated.to_dict()
    assert rows.loc[(REPEATED, EVERYWHERE), "m"] == known.sum()
    bad = (frame["satisfaction"] < 3).groupby(frame["touchpoint"]).sum()
    assert rows.loc[DISSATISFIED, "s"].drop(EVERYWHERE).astype(int).to_dict() == bad.to_dict()
    people = frame[frame["satisfaction"] < 3].groupby("touchpoint")["customer_id"].nunique()
    assert rows.loc[DISSATISFIED, "n_yes"].drop(EVERYWHERE).astype(int).to_dict() == people.to_dict()


def test_who_left_is_counted_after_the_last_contact_of_a_quarter(walked, contacts, sample):
    frame, _, _ = contacts
    number = frame["started_at"].dt.year * 4 + frame["started_at"].dt.quarter
    at = frame.assign(number=number).groupby(["customer_id", "number"])["touchpoint"].last()
    value = sample.query("SELECT customer_id, period, churned FROM customer_value ORDER BY ALL")
    value["number"] = value["period"].str[:4].astype(int) * 4 + value["period"].str[-1].astype(int)
    churned = value.set_index(["customer_id", "number"])["churned"].astype(bool).to_dict()
    left, seen = Counter(), Counter()
    for (customer, quarter), touchpoint in at.items():
        later = [churned[(customer, quarter + k)] for k in (1, 2) if (customer, quarter + k) in churned]
        if any(later) or len(later) == 2:
            left[touchpoint] += any(later)
            seen[touchpoint] += 1
    rows = walked.breaks.set_index(["measure", "touchpoint"]).loc[LEFT].drop(EVERYWHERE)
    assert rows["s"].astype(int).to_dict() == dict(left)
    assert rows["m"].astype(int).to_dict() == dict(seen)


def test_shuffled_rows_change_nothing(tmp_path):
    """The small world written in another order: every table is the same."""
    plan = Plan(units=12, waves=4, contacts=20)
    one = open_study(tmp_path / "a", plan)
    file = write_study(tmp_path / "b", plan)
    table = pd.read_csv(file / "interactions.csv").sample(frac=1, random_state=1)
    table.to_csv(file / "interactions.csv", index=False)
    other = open_data(load_study(file))
    a, b = (customer_paths(d, "satisfaction", 30, 7, 4) for d in (one, other))
    for name in ("transitions", "journeys", "breaks"):
        pd.testing.assert_frame_equal(getattr(a, name), getattr(b, name))
