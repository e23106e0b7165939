"""01: which moments can be read by quarter, and which roles meet which stage, in words that the table bears out."""

import numpy as np
import pandas as pd

from exlink.steps.journey_mapping import contact_words, influence, track
from exlink.steps.journey_mapping.influence import EVERYBODY

SHOWN = pd.DataFrame(
    [("hiring", np.nan), ("hiring", np.nan), ("coaching", 0.8), ("coaching", 0.7), ("promotion", 0.9),
     ("promotion", np.nan), ("plan", np.nan), ("plan", np.nan)],
    columns=["touchpoint", "value"],
)  # fmt: skip
HIDDEN = pd.Series([True, True, False, False, False, True, True, False])


def test_what_is_hidden_is_not_called_a_blind_spot():
    said = contact_words.coverage_sentence(SHOWN, HIDDEN)
    assert said.startswith("**1 of 4 moments can be read in every quarter in which people met them: coaching.**")
    assert "Every quarter is hidden, for want of people, of hiring." in said
    assert "Some quarters are hidden of promotion." in said
    assert said.endswith("nobody is asked about plan.")


def test_a_study_covered_throughout_says_no_more():
    said = contact_words.coverage_sentence(SHOWN.iloc[2:4], HIDDEN.iloc[2:4])
    assert said == "**1 of 1 moments can be read in every quarter in which people met them: coaching.**"
    assert contact_words.coverage_sentence(SHOWN.iloc[:0], HIDDEN.iloc[:0]) == ""


def test_stages_of_roles_are_those_of_the_sample(sample):
    """Truth: only field technicians visit, and they meet customers neither on the telephone nor at renewal."""
    frame = influence.influence(sample, "satisfaction", track.stage_order(sample))
    said = contact_words.reach_sentence(frame)
    contacts = sample.query("SELECT DISTINCT role, touchpoint FROM interactions ORDER BY ALL")
    shared = int((contacts.groupby("touchpoint").size() == contacts["role"].nunique()).sum())
    assert said.startswith(f"**{shared} of 7 stages are shown to be met by all 4 roles.**")
    assert "One role alone is shown at field visit (field technician)." in said
    hidden = frame.assign(share=frame["share"].where(frame["touchpoint"] != "field visit"))
    assert "field visit" not in contact_words.reach_sentence(hidden)


def test_units_without_roles_spread_evenly_or_not():
    even = pd.DataFrame({"role": EVERYBODY, "touchpoint": ["a", "b"], "share": [0.5, 0.5]})
    assert contact_words.reach_sentence(even) == "**Contacts are spread evenly over 2 stages.**"
    uneven = even.assign(share=[0.3, 0.7])
    assert contact_words.reach_sentence(uneven) == "**Most contacts are at b, 70% of all at 2 stages.**"
    assert contact_words.reach_sentence(even.assign(share=np.nan)) == ""
