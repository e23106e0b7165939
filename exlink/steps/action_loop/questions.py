"""Step 07: three questions before a programme: whether leadership acts, culture is ready, people are invested (M57).

Every answer rests on evidence with a mark that was set before, and the interval decides on which side of it we are.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.said_last import last_answers, named_people, sheets_alike
from exlink.data.voice_stages import CAN, CANNOT
from exlink.data.wording import in_words
from exlink.errors import EstimationError
from exlink.stats.intervals import mean_interval
from exlink.stats.proportions import group_shares
from exlink.steps.action_loop.funnel import Funnel

LEADERSHIP = "Does leadership act on feedback?"
CULTURE = "Is the culture ready?"
INVESTED = "Are employees invested: do they see what happens, and may they act?"
QUESTIONS = (LEADERSHIP, CULTURE, INVESTED)
YES, NO, OPEN, NOTHING = "yes", "no", "inconclusive", "not assessed"
NAMED_MARK, ALIKE_MARK = 90.0, 5.0  # % of people who answer by name, at least; of sheets filled in alike, at most
CAN_MARK = 75.0  # % of owned feedback whose owner can act, at least: more than a quarter who cannot counts against it
SHARE = ("estimate", "conf_low", "conf_high")


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """What speaks for and against a yes.

    evidence : DataFrame    question, evidence, mark ('at least 50'), label (both), estimate, conf_low, conf_high (%),
                            answer ('yes', 'no', 'inconclusive'), n_people (people, or pieces of feedback), n_in, n_out
                            (on either side of a share; of a mean all on both)
    answers : dict          question → 'yes' (all evidence is there and says so), 'no' (some clearly says no),
                            'inconclusive', 'not assessed'
    lacking : dict          question → what it needs and the study lacks, as lines
    """

    evidence: pd.DataFrame
    answers: dict[str, str]
    lacking: dict[str, list[str]]


def assess_questions(
    data: StudyData, funnel: Funnel | str, *, act_days: int, share_enough: float, scale_enough: float
) -> Questions:
    """Return the three answers.

    Parameters
    ----------
    share_enough : % of feedback that has to be acted on, told back and owned; of what is owned `CAN_MARK` has to be
        with somebody who can act
    scale_enough : % of the scale (0 its worst answer, 100 its best) that safety and empowerment have to reach
    """
    rows: list[dict] = []
    lacking: dict[str, list[str]] = {question: [] for question in QUESTIONS}
    stages = {
        "acted": (LEADERSHIP, f"Feedback acted on within {act_days} days", "acted_on"),
        "told": (LEADERSHIP, "Feedback acted on and told back", "told_back_on"),
        "owned": (INVESTED, "Feedback that has an owner", "owner"),
    }
    for stage, (question, name, column) in stages.items():
        if isinstance(funnel, str) or stage not in funnel.kept:
            lacking[question].append(f"`voc_feedback.{column}`")
            continue
        row = funnel.stages.iloc[funnel.kept.index(stage)]
        counted = {c: row[c] for c in (*SHARE, "n_people", "n_in", "n_out")}
        rows.append({"question": question, "evidence": name, **counted, "mark": share_enough, "most": False})
    _add(rows, lacking, INVESTED, "Of what was acted on, told back", _told(funnel), share_enough,
         "`voc_feedback.told_back_on`")  # fmt: skip
    _add(rows, lacking, INVESTED, "Owned feedback whose owner can act", _authority(funnel), CAN_MARK,
         "`voc_feedback.owner_can_act`")  # fmt: skip
    for question, aspect in ((CULTURE, "psychological_safety"), (INVESTED, "empowerment")):
        name = f"{aspect.replace('_', ' ').capitalize()}, % of the scale"
        _add(rows, lacking, question, name, _felt(data, aspect), scale_enough, f"`ex_responses.aspect` = {aspect}")
    for name, found, mark, need in _ways(data):
        _add(rows, lacking, CULTURE, name, found, mark, need, most=mark == ALIKE_MARK)
    table = pd.DataFrame(rows)
    if len(table):
        table["answer"] = [_answer(row) for _, row in table.iterrows()]
        table["mark"] = [f"at {'most' if r['most'] else 'least'} {r['mark']:.0f}" for _, r in table.iterrows()]
        table["label"] = table["evidence"] + ": " + table["mark"]
        order = table["question"].map(QUESTIONS.index)
        table = table.assign(order=order).sort_values("order", kind="stable", ignore_index=True)
        table = table.astype({"n_people": int, "n_in": int, "n_out": int}).drop(columns=["order", "most"])
    return Questions(table, {q: _whole(table, q, lacking[q]) for q in QUESTIONS}, lacking)


def _add(rows: list, lacking: dict, question: str, name: str, found: dict | None, mark: float, need: str,
         *, most: bool = False) -> None:  # fmt: skip
    """Put a piece of evidence into its list, or what it needs into the other."""
    if found is None:
        lacking[question].append(need)
    else:
        rows.append({"question": question, "evidence": name, **found, "mark": mark, "most": most})


def _authority(funnel: Funnel | str) -> dict | None:
    """Return the share of feedback with an owner, of whom it is recorded, that is owned by one who can act."""
    if isinstance(funnel, str):
        return None
    known = funnel.cells[funnel.cells["kind"].isin([CAN, CANNOT])]
    can = known["due"].where(known["kind"] == CAN, 0)
    return _share(known.assign(can=can), "can", "due", "batch", int(known["due"].sum()), int(can.sum()))


def _told(funnel: Funnel | str) -> dict | None:
    """Return the share of feedback acted on that those who gave it were told of."""
    if isinstance(funnel, str) or not {"acted", "told"} <= set(funnel.kept):
        return None
    acted, told = (int(funnel.cells[c].sum()) for c in ("acted", "told"))
    return _share(funnel.cells, "told", "acted", "batch", acted, told)


def _felt(data: StudyData, aspect: str) -> dict | None:
    """Return the average of what everybody said last, teams as clusters."""
    said = last_answers(data, aspect)
    if len(said) < data.study.privacy.min_group:
        return None
    row = mean_interval(said["score"], cluster=said["home"]).iloc[0]
    return {**{c: float(row[c]) for c in SHARE}, "n_people": len(said), "n_in": len(said), "n_out": len(said)}


def _ways(data: StudyData) -> list[tuple[str, dict | None, float, str]]:
    """Return how people answer: by name, and with the same answer throughout."""
    by_name, alike = "People who always answer by name", "Sheets with the same answer throughout"
    found = dict.fromkeys((by_name, alike))
    if data.unit != "team_id":
        people = named_people(data) if data.has("ex_responses", "identified") else pd.DataFrame()
        if len(people):
            found[by_name] = _share(people, "named", "n", "home", len(people), int(people["named"].sum()))
        sheets = sheets_alike(data)
        if len(sheets):
            whose = int((sheets["straight"] > 0).sum())
            found[alike] = _share(sheets, "straight", "n", "home", len(sheets), whose)
    return [(by_name, found[by_name], NAMED_MARK, "`ex_responses.identified`"),
            (alike, found[alike], ALIKE_MARK, "sheets of several items by person in `ex_responses`")]  # fmt: skip


def _share(cells: pd.DataFrame, part: str, whole: str, cluster: str, people: int, inside: int) -> dict | None:
    """Return a share in % with its clustered interval, and how many are on either side; None without anybody."""
    try:
        row = group_shares(cells, part, whole, cluster=cluster).iloc[0]
    except EstimationError:
        return None
    return {**{c: 100 * float(row[c]) for c in SHARE}, "n_people": people, "n_in": inside, "n_out": people - inside}


def _answer(row: pd.Series) -> str:
    """Return on which side of its mark a piece of evidence is, the whole interval included."""
    above, below = row["conf_low"] >= row["mark"], row["conf_high"] < row["mark"]
    if row["most"]:
        above, below = row["conf_high"] <= row["mark"], row["conf_low"] > row["mark"]
    return YES if above else NO if below else OPEN


def _whole(table: pd.DataFrame, question: str, lacking: list[str]) -> str:
    """Return the answer to a question: one clear no is enough, a yes needs every piece of evidence to be there."""
    answers = set(table.loc[table["question"] == question, "answer"]) if len(table) else set()
    if not answers:
        return NOTHING
    return NO if NO in answers else YES if answers == {YES} and not lacking else OPEN


def question_sentences(found: Questions) -> list[str]:
    """Return one line per question: its answer, what stands in the way of a yes, and what is not known."""
    return [_line(found, question) for question in QUESTIONS]


def _line(found: Questions, question: str) -> str:
    answer, lacking = found.answers[question], found.lacking[question]
    if answer == NOTHING:
        return f"**{question}** Not assessed: needs {in_words(list(dict.fromkeys(lacking)))}."
    mine = found.evidence[found.evidence["question"] == question]
    said = f"**{question} {answer.capitalize()}.**"
    for word, lead in ((NO, "On the wrong side of the mark"), (OPEN, "Not told closely enough")):
        names = [_lowered(name) for name in mine.loc[mine["answer"] == word, "evidence"]]
        said += f" {lead}: {in_words(names)}." if names else ""
    if (mine["answer"] == YES).all():
        said += f" {'What is known clears its marks' if lacking else 'All evidence clears its marks'}."
    return said + (f" Missing: {in_words(list(dict.fromkeys(lacking)))}." if lacking else "")


def _lowered(name: str) -> str:
    return name[0].lower() + name[1:]
