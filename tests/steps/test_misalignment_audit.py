"""Step 06: what every check returns, and the rule of its verdict."""

import pandas as pd
import pytest

from exlink.stats.judgement import judge
from exlink.steps.misalignment_audit.check import SIGNS, Check, facts, not_assessable, overview


@pytest.mark.parametrize(
    ("estimate", "low", "high", "verdict"),
    [
        (0.10, -0.10, 0.29, "pass"),  # what would matter is excluded, zero is not
        (0.20, 0.15, 0.25, "pass"),  # clear of zero, and too small to matter
        (0.40, 0.10, 0.70, "fail"),
        (0.20, 0.05, 0.35, "fail"),  # clear of what is harmless, and it may matter
        (0.40, -0.10, 0.90, "watch"),
        (0.20, -0.30, 0.70, "not assessable"),
        (float("nan"), float("nan"), float("nan"), "not assessable"),
    ],
)
def test_the_interval_decides(estimate, low, high, verdict):
    assert judge(estimate, low, high, harmless=0.0, matters=0.3) == verdict


def test_a_check_has_a_verdict_and_words():
    with pytest.raises(ValueError, match=r"'bad' is no verdict"):
        Check(SIGNS, "drift", "bad", "It drifts.")
    with pytest.raises(ValueError, match=r"needs a sentence"):
        Check(SIGNS, "drift", "fail", " ")


def test_overview_and_facts_tell_the_same():
    drift = Check(SIGNS, "drift", "fail", "It drifts.", pd.DataFrame({"a": [1]}), {"estimate": 1.5})
    checks = [drift, not_assessable(SIGNS, "flight", "not assessed: needs `employees.left_on`")]
    table, told = overview(checks), facts(checks)
    assert table["meaning"].tolist() == ["misaligned", "not assessable"]
    assert {name: fact["verdict"] for name, fact in told.items()} == dict(
        zip(table["name"], table["verdict"], strict=True)
    )
    assert told["drift"]["numbers"] == {"estimate": 1.5}
    assert checks[0].said == "**Misaligned.** It drifts."
    assert [c.lacking for c in checks] == ["", "not assessed: needs `employees.left_on`"]
    assert checks[1].said == ""
