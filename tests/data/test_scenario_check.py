"""Scenarios are held against the data before anything runs: what is not there is told, with the nearest word."""

from pathlib import Path

import pytest

from exlink.cli import main
from exlink.data.dataset import open_data
from exlink.data.study import Study, load_study
from exlink.errors import ExlinkError, StudyError

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
REQUIRED = ("employees", "ex_responses", "interactions", "cx_responses")
PLAN = {"aspect": "tools", "delta": 0.3, "cost": 20_000}


def declared(*plans, min_group=8):
    """Return the sample's four required tables as a study with these scenarios."""
    sources = {name: {"path": str(SAMPLE / load_study(SAMPLE).sources[name].path)} for name in REQUIRED}
    return Study.model_validate({"name": "planned", "period": "2026Q3", "sources": sources, "scenarios": list(plans),
                                 "privacy": {"min_group": min_group}})  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (PLAN | {"aspect": "tols"}, r"scenarios\.1\.aspect: 'tols' was not asked in this study\. Did you mean 'tools'"),
        (PLAN | {"group": "bank adviser"}, r"scenarios\.1\.group: nobody has the role .* Did you mean 'bank advisor'"),
        (PLAN | {"delta": 4.5}, r"scenarios\.1\.delta is 4\.5 points, more than the whole scale of 'tools' \(4\)"),
    ],
)
def test_what_is_not_there_is_told_with_the_nearest_word(plan, sentence):
    with pytest.raises(StudyError, match=sentence):
        open_data(declared(plan))


def test_every_problem_is_told_at_once():
    with pytest.raises(StudyError) as told:
        open_data(declared(PLAN | {"aspect": "tols"}, PLAN | {"group": "bank adviser"}))
    assert str(told.value).count("scenarios.") == 2


def test_a_role_of_few_people_is_refused_without_their_number():
    with pytest.raises(StudyError, match="fewer than 40 people are 'field technician'") as told:
        open_data(declared(PLAN | {"group": "field technician"}, min_group=40))
    assert "25" not in str(told.value)


def test_what_is_there_passes_however_it_is_written():
    cut = {"kind": "cx", "aspect": "waiting_time", "delta": 0.2, "cost_per_person": 100}
    data = open_data(declared(PLAN, PLAN | {"aspect": "Psychological Safety", "group": "bank advisor"}, cut))
    assert len(data.study.scenarios) == 3


def test_check_ends_with_two_and_names_the_scenario(tmp_path, capsys):
    text = (SAMPLE / "study.yaml").read_text(encoding="utf-8")
    for name, source in load_study(SAMPLE).sources.items():
        text = text.replace(f"  {name}: {source.path}", f"  {name}: {SAMPLE / source.path}")
    (tmp_path / "study.yaml").write_text(f"{text}scenarios:\n- {{aspect: tols, delta: 0.3, cost: 1000}}\n", "utf-8")
    assert main(["check", str(tmp_path)]) == 2
    assert "scenarios.1.aspect: 'tols' was not asked" in capsys.readouterr().err


def test_the_file_is_named_as_it_is_called(tmp_path):
    """``exlink check plans.yml`` says plans.yml, whatever is wrong: a scenario, a table that is missing or unknown."""
    text = (SAMPLE / "study.yaml").read_text(encoding="utf-8")
    for name, source in load_study(SAMPLE).sources.items():
        text = text.replace(f"  {name}: {source.path}", f"  {name}: {SAMPLE / source.path}")
    file = tmp_path / "plans.yml"
    for broken in (
        f"{text}scenarios:\n- {{aspect: tols, delta: 0.3, cost: 1000}}\n",
        text.replace("  interactions: ", "  interactons: "),
        "\n".join(line for line in text.splitlines() if not line.startswith("  interactions: ")),
    ):
        file.write_text(broken, "utf-8")
        with pytest.raises(ExlinkError, match=r"^plans\.yml: ") as told:
            open_data(load_study(file))
        assert "study.yaml" not in str(told.value)
