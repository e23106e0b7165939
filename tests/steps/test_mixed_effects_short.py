"""The three lines on top of step 04, and where the two models of ease part."""

import numpy as np
import pandas as pd

from exlink.steps.mixed_effects.ease_apart import ease_apart_sentence
from exlink.steps.mixed_effects.in_short import in_short
from exlink.steps.mixed_effects.models import FIXED, MIXED

NAMES = ["outcome", "specification", "effect", "aspect", "estimate", "conf_low", "conf_high", "verdict"]
ROWS = [
    ("satisfaction", MIXED, "within", "tools", 0.13, 0.11, 0.16, "higher"),
    ("satisfaction", FIXED, "within", "tools", 0.14, 0.11, 0.17, "higher"),
    ("satisfaction", MIXED, "within", "coaching", 0.01, -0.03, 0.05, "inconclusive"),
    ("satisfaction", FIXED, "within", "coaching", 0.04, 0.01, 0.07, "higher"),
    ("ease", MIXED, "within", "tools", 0.17, 0.15, 0.20, "higher"),
    ("ease", MIXED, "within", "workload", 0.03, 0.00, 0.06, "inconclusive"),
]
EFFECTS = pd.DataFrame(ROWS, columns=NAMES).assign(clear=lambda t: t["verdict"] == "higher")
PARTS = pd.DataFrame({"outcome": ["satisfaction"], "share": [0.061], "share_low": [0.048], "share_high": [0.077]})


def test_the_answer_names_direction_effects_and_how_sure():
    said = in_short(EFFECTS, PARTS, ["It runs both ways.", "more"], "satisfaction", "employees", "").splitlines()
    assert said[0] == "- **Which way.** It runs both ways."
    assert "0.13 points with tools (0.11 to 0.16)" in said[1] and "coaching" not in said[1]
    assert "same verdict on 1 of 2 aspects" in said[2] and "6.1% (95 % interval 4.8% to 7.7%)" in said[2]


def test_the_answer_claims_nothing_where_nothing_is_clear_or_assessed():
    none = EFFECTS.assign(verdict="inconclusive", clear=False)
    said = in_short(none, PARTS.iloc[:0], ["Inconclusive."], "satisfaction", "employees", "")
    assert "no proof that none does" in said and "which of the employees" not in said
    assert in_short(EFFECTS, PARTS, [""], "satisfaction", "teams", "not assessed: one wave") == "not assessed: one wave"
    unknown = in_short(EFFECTS, PARTS.assign(share_low=np.nan), ["Yes."], "satisfaction", "teams", "")
    assert "6.1% goes with" in unknown


def test_two_models_of_ease_part_only_where_one_of_them_is_clear():
    work = pd.DataFrame({"column": "ease", "effect": "within", "aspect": ["tools", "workload"],
                         "verdict": ["higher", "higher"]})  # fmt: skip
    said = ease_apart_sentence(work, EFFECTS)
    assert "part on workload (‘higher’ as ordered answers, ‘inconclusive’" in said and "tools" not in said
    same = work.assign(verdict=["higher", "no meaningful association"])
    assert ease_apart_sentence(same, EFFECTS) == ""
