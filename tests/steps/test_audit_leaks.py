"""What an attacker learns from notebooks 06 and 07 of a few people: nothing.

Both notebooks run as they stand on a small company full of labels with two or three people behind them
(`leak_world`); everything they would display or save is kept and searched.
"""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from exlink.data.dataset import StudyData
from tests.steps.leak_world import Publication, Secrets, attacked_study, published

STEMS = ("06_misalignment_audit", "07_action_loop")
OTHER = Secrets("Ola steals time", "Olas script", "night guard", "Cellar", "Olas hobby", "olafication",
                ("Per Holm", "Ada Quist"), wage=3.0)  # fmt: skip
WORDS_ONLY = {"signs-table", "numbers", "save-behind", "save"}  # may release words without people behind them

UNORDERED = {"flight-groups-words"}  # figures that leave hidden rows out and sort by themselves


class Runs(dict[str, Publication]):
    """What a study's notebooks publish, each run when it is first asked for."""

    def __init__(self, study: StudyData, folder: Path) -> None:
        super().__init__()
        self.study, self.folder = study, folder

    def __missing__(self, stem: str) -> Publication:
        self[stem] = published(stem, self.study, self.folder)
        return self[stem]


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> StudyData:
    return attacked_study(tmp_path_factory.mktemp("leaks"), Secrets())


@pytest.fixture(scope="module")
def publications(study, tmp_path_factory) -> Runs:
    return Runs(study, tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def twins(tmp_path_factory) -> Runs:
    """The same company with other secrets."""
    return Runs(attacked_study(tmp_path_factory.mktemp("twin"), OTHER), tmp_path_factory.mktemp("run"))


@pytest.mark.parametrize("stem", STEMS)
def test_no_label_with_a_few_people_behind_it_is_named(publications, stem):
    found = {(cell, word) for cell, text in publications[stem].texts() for word in Secrets().words() if word in text}
    assert not found


@pytest.mark.parametrize("stem", STEMS)
def test_no_id_of_a_person_team_or_piece_of_feedback_is_named(publications, study, stem):
    columns = [("employees", "employee_id"), ("employees", "team_id"), ("employees", "manager_id"),
               ("voc_feedback", "feedback_id"), ("voc_feedback", "action_id")]  # fmt: skip
    ids = {str(value) for table, name in columns for value in study.frame(table, [name])[name].dropna()}
    assert len(ids) > 200
    found = {(cell, word) for cell, text in publications[stem].texts() for word in re.findall(r"[\w-]+", text)
             if word in ids}  # fmt: skip
    assert not found


@pytest.mark.parametrize("stem", STEMS)
def test_every_shown_cell_has_the_minimum_group_behind_it(publications, study, stem):
    few = study.study.privacy.min_group
    for cell, _, options, passed in publications[stem].released:
        if options["people"] is None:
            assert cell in WORDS_ONLY, f"{cell} releases a table without counting people"
            assert not passed.frame.select_dtypes("number").columns.any(), cell
            continue
        shown = passed.frame[options["people"]].dropna()
        assert ((shown == 0) | (shown >= few)).all(), cell


@pytest.mark.parametrize("stem", STEMS)
def test_no_sentence_counts_a_few_people(publications, stem):
    few = r"(?<![\d.,–-])[1-7] (?:more |other )?(?:people|persons|employees|leavers|stayers|exits|top performers)\b"
    found = {(cell, text) for cell, text in publications[stem].texts() if re.search(few, text)}
    assert not found


@pytest.mark.parametrize("stem", STEMS)
def test_what_is_published_does_not_depend_on_the_secrets_of_a_few(publications, twins, stem):
    """Other wages of three people, other words behind which two stand: the same report."""
    mine, theirs = publications[stem], twins[stem]
    assert [pair for pair in mine.said if pair not in theirs.said] == []
    assert json.dumps(mine.facts) == json.dumps(theirs.facts)
    for (cell, _, _, ours), (_, _, _, other) in zip(mine.released, theirs.released, strict=True):
        pd.testing.assert_frame_equal(ours.frame, other.frame, obj=cell)


@pytest.mark.parametrize("stem", STEMS)
def test_no_row_of_a_few_stands_in_the_order_of_what_is_hidden(publications, study, stem):
    """Between two shown rows a hidden one would be as good as told: few come last, or the order says nothing."""
    few = study.study.privacy.min_group
    for cell, frame, options, _ in publications[stem].released:
        if options["people"] is None or cell in UNORDERED:
            continue
        small = frame[options["people"]].between(1, few - 1).to_numpy()
        for name in {"estimate", "ratio", "shrunken", "minutes"} & set(frame.select_dtypes("number").columns):
            sizes = (frame[name], frame[name].abs())
            in_order = any(s.is_monotonic_increasing or s.is_monotonic_decreasing for s in sizes)
            assert len(frame) < 4 or not (in_order and small[1:-1].any()), f"{cell} is sorted by {name}"


def test_an_application_hidden_to_protect_another_is_not_told_in_the_scorecard(publications):
    """The time of all is known, so that of the two who use a tool of their own would be what is left."""
    told = publications["06_misalignment_audit"]
    table = next(passed.frame for cell, _, _, passed in told.released if cell == "shadow-table")
    hidden = set(table.loc[table["n_people"].isna(), "application"]) - {"other applications"}
    assert len(hidden) == 1  # beside the others, so that neither follows from the total
    words = [text for _, text in told.texts() for name in hidden if f"{name}: " in text]
    assert not words


def test_people_are_counted_as_the_tables_hold_them(publications, study):
    """Recounted from the study's tables: users of an application, people of a team at the desktop, pieces of themes."""
    frames = {cell: frame for cell, frame, _, _ in publications["06_misalignment_audit"].released}
    desktop = study.frame("desktop_activity")
    users = desktop[~desktop["managed"] & (desktop["minutes"] > 0)].groupby("application")["employee_id"].nunique()
    shown = frames["shadow-table"].set_index("application")["n_people"]
    big = users[users >= study.study.privacy.min_group]
    assert shown[big.index].to_dict() == big.to_dict()
    pieces = study.frame("voc_feedback").groupby("theme").size()
    themes = frames["echo-figure"].set_index("theme")["received"]
    named = themes.drop("other themes")
    assert named.to_dict() == pieces[named.index].to_dict()
    assert themes["other themes"] == pieces[pieces < study.study.privacy.min_group].sum() > 0
    on = study.query("""
        SELECT a.team_id, count(DISTINCT d.employee_id) AS n FROM desktop_activity d JOIN assignments a
        ON a.employee_id = d.employee_id AND a.valid_from <= d.day AND (a.valid_to IS NULL OR d.day <= a.valid_to)
        GROUP BY 1 ORDER BY 1""")
    assert (frames["shadow-figure"]["n_people"].sort_values().to_numpy() <= on["n"].sort_values().to_numpy()[
        -len(frames["shadow-figure"]):]).all()  # fmt: skip
