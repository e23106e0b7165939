"""00: a verdict may not promise what the later page then refuses, nor refuse what it gives."""

import ast
import json
import os
from pathlib import Path

import numpy as np
import pytest

from exlink.data.customer_paths import GAP_DAYS
from exlink.data.dataset import open_data
from exlink.data.panel import within_reason
from exlink.data.study import load_study
from exlink.steps.individual_linkage import drivers, overall
from exlink.steps.journey_mapping import gap, paths
from exlink.steps.readiness import detectable, verdicts
from exlink.steps.touchpoint_kpis import agreement, answering, effort, handoffs, priorities

ROOT = Path(__file__).parents[2]
SURVEY = "nyc_school_survey_2011"
STUDIES = ("sample", "required_only", "one_wave", "team_grain", "schools")


@pytest.fixture(scope="module")
def schools():
    """The school study of the examples: real data at team grain, one wave."""
    if not (os.environ.get("EXLINK_REAL_DATA") and (Path(os.environ["EXLINK_REAL_DATA"]) / SURVEY).is_dir()):
        pytest.skip(f"EXLINK_REAL_DATA does not name the folder that holds {SURVEY}")
    return open_data(load_study(ROOT / "examples" / "nyc_schools"), threads=1)


def reasons(data):
    """Return, per question, why the later page does not assess it, as that page finds it."""
    no_within = within_reason(data)
    outcome = data.cx_kpis[-1]
    shares = no_within or drivers.importance_of_aspects(data, outcome, reps=20, seed=1)
    return {
        "Do both sides see the same stage alike?": gap.why_not(data),
        "Which paths do customers take, and where do they break?": paths.walked(data, outcome, 90, 14, 5).reason,
        "Which touchpoints should be improved first?": priorities.customers(data)[0],
        "Where does the effort of work come from?": effort.reason(data),
        "Do hand-offs cost resolution at first contact?": handoffs.reason(data),
        "Do teams see it alike?": agreement.team_agreement(data)[0],
        "Do people answer frankly?": answering.answering(data).reason,
        "When somebody's EX changes, do their customers notice?": no_within,
        "Which aspects matter most to customers?": shares if isinstance(shares, str) else "",
        "Does the overall EX score hide what to improve?": no_within or overall.overall_reason(data),
    }


@pytest.mark.parametrize("name", STUDIES)
def test_verdicts_agree_with_the_pages(name, request, monkeypatch):
    monkeypatch.setattr(priorities, "REPS", 20)
    data = request.getfixturevalue(name)
    slopes = detectable.detectable_slopes(data)
    said = verdicts.verdicts(data, {"ex": np.nan, "cx": 0.4}, slopes, 1.25).set_index("question")["verdict"]
    found = reasons(data)
    refused = {question for question, why in found.items() if why}
    assert {q for q in found if said[q] == verdicts.NOT} == refused, found


def test_one_study_has_one_size_that_matters():
    """00 asks whether the data could show what 03 and 04 then call meaningful; a journey ends alike in 00 and 01."""
    declared = {stem: _parameters(stem) for stem in ("00_readiness", "01_journey_mapping", "03_individual_linkage",
                                                     "04_mixed_effects")}  # fmt: skip
    sizes = [declared[stem]["smallest_effect"] for stem in ("03_individual_linkage", "04_mixed_effects")]
    assert [100 * size for size in sizes] == [declared["00_readiness"]["smallest_slope"]] * 2
    assert declared["01_journey_mapping"]["gap_days"] == GAP_DAYS


def _parameters(stem):
    cells = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text())["cells"]
    source = "".join(next(c["source"] for c in cells if c["id"] == "parameters"))
    return {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(source).body}
