"""Real data at team grain: the published correlations come out, what is lacking is said, nobody is spoken of."""

from __future__ import annotations

import re

import pandas as pd
import pytest

# R 4.2.2, cor(): Pearson correlations over schools of teachers' with parents' and students' scores.
WITH_PARENTS = {
    "safety": 0.528087662466112,
    "communication": 0.384974862968316,
    "engagement": 0.408614517206271,
    "expectations": 0.460181217751319,
}
WITH_STUDENTS = {
    "safety": 0.668303776599667,
    "communication": 0.323605082279878,
    "engagement": 0.352514786283566,
    "expectations": 0.408419803285103,
}


def test_it_ends_well(schools):
    assert schools.code == 0, schools.said


@pytest.mark.parametrize(("group", "expected", "n"), [("parents", WITH_PARENTS, 509), ("students", WITH_STUDENTS, 353)])
def test_correlations_are_those_of_r(schools, group, expected, n):
    found = pd.read_parquet(schools.folder / "artifacts/03_individual_linkage/touchpoint_correlations.parquet")
    found = found[found["outcome"] == "satisfaction"].set_index(["aspect", "touchpoint"])
    for domain, r in expected.items():
        row = found.loc[(domain, f"{group}: {domain}")]
        assert row["estimate"] == pytest.approx(r, abs=1e-9)
        assert row["n_units"] == n // 10 * 10  # told in tens: the few units without answers stay unsaid


def words(page) -> str:
    text = page.read_text(encoding="utf-8")
    return re.sub(
        r"<[^>]+>", " ", re.sub(r"<style.*?</style>|data:image/png;base64,[A-Za-z0-9+/=]+", "", text, flags=re.S)
    )


def test_what_is_lacking_is_said_in_single_lines(schools):
    said = " ".join(words(page) for page in sorted(schools.folder.glob("*.html")))
    for table in ("customer_relationship", "customer_value", "ex_invitations", "cx_responses.ease"):
        assert re.search(rf"not assessed: (\w[^:.]*: )?needs[^\n]*{re.escape(table)}", said), table


def test_it_speaks_of_units_not_of_persons(schools):
    """No count of employees, and no school by its code, in any page."""
    for page in schools.folder.glob("*.html"):
        text = words(page)
        assert not re.search(r"\d[\d,]* employees", text), page.name
        assert not re.search(r"\b\d\d[MXKQR]\d{3}\b", text), page.name
