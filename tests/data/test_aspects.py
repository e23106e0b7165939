"""An aspect spelt otherwise than usual is noticed by the check, and one of the study's own is no error."""

from exlink.data.aspects import USUAL, unusual
from exlink.data.dataset import open_data
from exlink.data.study import load_study
from tests.data.small import tables, write


def test_usual_aspects_need_no_note():
    assert unusual(USUAL) == []


def test_a_misspelt_aspect_is_named_with_what_it_may_mean():
    note = unusual(["tools", "colaboration", "pride"])[0]
    assert "not in the usual list: colaboration (did you mean 'collaboration'?) and pride." in note
    assert "Fine for aspects of your own" in note


def test_the_check_of_a_study_says_it(tmp_path):
    frames = tables()
    drivers = frames["ex_responses"]["kpi"] == "driver"
    for aspect, told in (("tools", False), ("toools", True)):
        frames["ex_responses"].loc[drivers, "aspect"] = aspect
        data = open_data(load_study(write(tmp_path / aspect, frames)))
        assert any("toools (did you mean 'tools'?)" in note for note in data.notes) == told
