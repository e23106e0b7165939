"""Agreement inside groups: multilevel's rwg of the army survey, numbers by hand, and answers at random."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exlink.errors import EstimationError
from exlink.stats.agreement import rwg
from tests.stats.reference import EXACT, r_numbers, real
from tests.stats.test_cfa import ARMY, r_cfa


@pytest.mark.parametrize(
    ("case", "items"), [("rwg.j LEAD", ARMY["LEAD"]), ("rwg.j TSIG", ARMY["TSIG"]), ("rwg LEAD01", "LEAD01")]
)
def test_agreement_of_the_army_survey(case, items):
    found = rwg(real("army_lq2002/lq2002.csv"), items, "COMPID", 5).set_index("COMPID")["estimate"]
    want = r_cfa(f"lq {case}").loc["rwg", "value"]
    assert found.to_numpy() == pytest.approx(want.loc[[str(c) for c in found.index]].to_numpy(), rel=EXACT)
    if case == "rwg.j LEAD":
        published = r_numbers("lq2002", "rwg.j")
        assert found.mean() == pytest.approx(published.loc["mean rwg.j LEAD over companies", "estimate"], rel=EXACT)
        assert found.median() == pytest.approx(published.loc["median rwg.j LEAD over companies", "estimate"], rel=EXACT)


def test_agreement_by_hand():
    frame = pd.DataFrame({"a": [1, 1, 1, 5, 3, 2], "team": ["x", "x", "y", "y", "z", None]})
    found = rwg(frame, "a", "team", 5)
    assert found["team"].tolist() == ["x", "y", "z"]
    assert found["estimate"].tolist()[:2] == [1.0, 0.0]  # the same answer; further apart than at random
    assert np.isnan(found["estimate"][2])  # one member agrees with nobody
    with pytest.raises(EstimationError, match="options"):
        rwg(frame, "a", "team", 3)
    with pytest.raises(EstimationError, match="at least 2"):
        rwg(frame, "a", "team", 1)


def test_answers_at_random_do_not_agree():
    """Truth: every option is equally likely, so the variance is that of chance and a single item's rwg is about 0."""
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"a": rng.integers(1, 6, 40_000), "team": np.repeat(np.arange(100), 400)})
    found = rwg(frame, "a", "team", 5)["estimate"]
    assert found.max() < 0.25
    assert (found == 0).mean() == pytest.approx(0.5, abs=0.15)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(-50, 50))
def test_order_labels_and_constants_change_nothing(seed, shift):
    rng = np.random.default_rng(seed)
    teams, names = rng.integers(0, 10, 120), list("abc")
    answers = pd.DataFrame(rng.integers(1, 6, size=(120, 3)), columns=names).assign(team=teams)
    found = rwg(answers, names, "team", 5)
    moved = answers[names].add(shift).assign(team=teams + 1).sample(frac=1, random_state=seed)
    again = rwg(moved, names, "team", 5)
    assert again["estimate"].to_numpy() == pytest.approx(found["estimate"].to_numpy())
    assert again["team"].tolist() == [t + 1 for t in found["team"]]
