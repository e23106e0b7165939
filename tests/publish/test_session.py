"""What a notebook opens, called directly, and the notebook itself under bare papermill."""

import base64
import json
import shutil
import subprocess
import sys

import matplotlib.pyplot as plt
import pandas as pd
import papermill
import pytest
import tiny

from exlink.errors import ArtifactError, DisclosureError, ParameterError, StudyError
from exlink.publish import places, session
from exlink.publish.charts import css_width
from exlink.publish.session import open_session


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tiny.tiny_study(tmp_path_factory.mktemp("session") / "study")


@pytest.fixture
def opened(study, tmp_path):
    return open_session("04_mixed_effects", str(study), str(tmp_path / "run"))


@pytest.fixture
def displayed(monkeypatch):
    """Return the list of what is displayed: (data, metadata)."""
    calls = []

    def catch(data, raw=False, metadata=None):
        calls.append((data if raw else data.data, metadata))

    monkeypatch.setattr("IPython.display.display", catch)
    return calls


def team_table(s):
    frame = s.data.query("SELECT team_id, COUNT(*) AS n_employees FROM employees GROUP BY 1 ORDER BY 1")
    return s.release(frame, people="n_employees", by=["team_id"])


def test_the_gate_knows_the_studys_minimum_and_people(opened):
    assert opened.policy.min_group == 3
    assert all(person in opened.policy.known_ids for person in ("emp-003", "cus-0007"))
    with pytest.raises(DisclosureError):
        opened.release(pd.DataFrame({"label": ["emp-003"], "n_employees": [6]}), people="n_employees", by=["label"])
    with pytest.raises(DisclosureError, match=r"^The text holds the id of a person and cannot be shown"):
        opened.say("The best agent is emp-003.")
    figure = plt.figure()
    plt.close(figure)
    with pytest.raises(DisclosureError, match=r"^The alt text holds the id of a person"):
        opened.show(figure, alt="emp-003 is best.")


def test_artefacts_written_are_read_back_by_the_step_that_needs_them(opened, study):
    opened.save("teams", team_table(opened))
    opened.save_facts("headline", {"n_teams": 2})
    assert not opened.available("04_mixed_effects")
    opened.finish()
    later = open_session("09_executive_summary", str(study), str(opened.run_dir))
    assert later.available("04_mixed_effects")
    assert later.load("04_mixed_effects", "teams")["n_employees"].tolist() == [6, 6]
    assert later.load_facts("04_mixed_effects", "headline") == {"n_teams": 2}
    later.finish()
    manifest = json.loads((opened.run_dir / "artifacts/09_executive_summary/manifest.json").read_text())
    assert list(manifest["artefacts_read"]) == ["04_mixed_effects/headline.json", "04_mixed_effects/teams.parquet"]
    assert set(manifest["artefacts_read"].values()) == {
        about["sha256"] for about in later.manifest("04_mixed_effects")["outputs"].values()
    }


def test_manifest_says_what_the_step_rests_on(opened, study):
    opened.save("teams", team_table(opened))
    opened.finish()
    text = (opened.run_dir / "artifacts/04_mixed_effects/manifest.json").read_text()
    manifest = json.loads(text)
    assert manifest["study"] == {"name": "tiny", "period": "2026Q3", "grain": "employee", "min_group": 3}
    assert manifest["rows"]["interactions"].items() >= {"in": 240, "used": 240, "rejected": 0}.items()
    assert manifest["outputs"]["teams.parquet"]["rows"] == 2
    assert len(manifest["inputs"]["interactions.csv"]) == 64
    assert str(study) not in text and str(opened.run_dir) not in text


def test_missing_artefact_tells_the_command(opened):
    with pytest.raises(ArtifactError, match=r"^00_readiness is not there|^04_mixed_effects/slopes is not there"):
        opened.load("04_mixed_effects", "slopes")
    summary = session.Session("09_executive_summary", "data/sample", opened.run_dir, opened.data, opened.policy)
    with pytest.raises(ArtifactError) as caught:
        summary.load("03_individual_linkage", "slopes")
    assert str(caught.value) == (
        "03_individual_linkage/slopes is not there. Run `exlink run data/sample --only 03_individual_linkage` first."
    )


def test_step_may_load_only_from_what_it_declares(opened):
    with pytest.raises(ArtifactError, match=r"which is not among its needs. Add it to `needs`"):
        opened.load("09_executive_summary", "tiles")
    with pytest.raises(ArtifactError, match=r"no step '03_individual_linkag'. Did you mean '03_individual_linkage'"):
        opened.available("03_individual_linkag")


def test_figure_is_shown_as_png_with_what_a_listener_is_told(opened, displayed):
    figure, axes = plt.subplots(figsize=(6.8, 3), dpi=200)
    axes.plot([1, 2], [3, 4])
    plt.close(figure)
    for _ in range(2):
        opened.show(figure, alt="Ease rises from 3 to 4.", caption="Ease by wave")
    (data, metadata), (again, _) = displayed
    assert data == again  # byte-identical
    picture = base64.b64decode(data["image/png"])
    assert picture.startswith(b"\x89PNG")
    wide, high = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))
    width = css_width(figure)
    about = metadata["image/png"]
    assert (about["width"], about["height"]) == (width, round(width * high / wide))
    assert (about["alt"], about["caption"]) == ("Ease rises from 3 to 4.", "Ease by wave")
    assert wide > 1.5 * width  # sharp on a fine screen
    assert b"Software" not in picture
    assert set(data) == {"image/png", "text/plain"}  # no chart drew it: there is no second drawing


def test_a_chart_is_shown_with_its_drawing_for_a_phone(opened, displayed):
    from exlink.publish import charts

    teams = team_table(opened)
    opened.show(charts.bars(teams, label="team_id", value="n_employees", xlabel="employees"), alt="Two teams of six.")
    data, metadata = displayed[0]
    wide, narrow = (base64.b64decode(data[kind]) for kind in ("image/png", session.NARROW))
    assert int.from_bytes(narrow[16:20]) < int.from_bytes(wide[16:20])
    assert metadata[session.NARROW]["width"] < metadata["image/png"]["width"]
    assert "alt" not in metadata[session.NARROW]


def test_figure_without_alt_text_is_refused(opened, displayed):
    figure = plt.figure()
    plt.close(figure)
    with pytest.raises(ParameterError, match=r"needs alt="):
        opened.show(figure)
    assert displayed == []


@pytest.mark.parametrize("thing", ["frame", "released", "series", 3])
def test_unreleased_things_cannot_be_shown(opened, displayed, thing):
    frame = pd.DataFrame({"a": [1]})
    shown = {"frame": frame, "series": frame["a"], "released": team_table(opened)}.get(thing, thing)
    with pytest.raises(DisclosureError, match=r"s.show takes a figure, a table or a card"):
        opened.show(shown)
    assert displayed == []


def test_table_and_card_are_shown_as_html(opened, displayed):
    from exlink.publish.tables import table

    opened.show(table(team_table(opened), title="Teams"), caption="Teams in the study")
    data, metadata = displayed[0]
    assert "<table" in data["text/html"] and metadata == {"text/html": {"caption": "Teams in the study"}}


def test_said_markdown_cannot_fetch_a_picture(opened, displayed):
    opened.say("A label: ![x](http://example.org/x.png)")
    assert "![" not in displayed[0][0]


def test_what_is_said_at_a_place_passes_the_same_gate(opened, monkeypatch):
    said = []
    monkeypatch.setattr("IPython.display.display", lambda data, **options: said.append((data.data, options)))
    monkeypatch.setattr("IPython.display.update_display", lambda data, **options: said.append((data.data, options)))
    with pytest.raises(ParameterError, match=r"There is no place 'sum' on this page. s.say\(…, place='sum'\) makes it"):
        opened.say_at("sum", "-3")
    opened.say("To come.", place="sum")
    opened.say_at("sum", "It is -3.")
    with pytest.raises(DisclosureError, match=r"^The text holds the id of a person"):
        opened.say_at("sum", "The best agent is emp-003.")
    assert said == [(text, {"display_id": "04_mixed_effects/sum"}) for text in ("To come.", "It is −3.")]


def test_a_place_at_which_nothing_was_said_is_not_published(opened, monkeypatch):
    for name in ("display", "update_display"):
        monkeypatch.setattr(f"IPython.display.{name}", lambda data, **options: None)
    opened.say("To come.", place="sum")
    with pytest.raises(ParameterError, match=r"^Nothing was said at sum\. s\.say_at\('sum', …\) says it\.$"):
        opened.finish()
    opened.say_at("sum", "It is 3.")
    opened.finish()


def test_nothing_is_displayed_when_there_is_nothing_to_say(opened, displayed):
    opened.say(" ")
    assert displayed == []


@pytest.mark.parametrize("start", ["root", "notebooks"])
@pytest.mark.parametrize("given", ["../study", "study"])
def test_relative_study_is_found_from_where_a_notebook_may_run(tmp_path, study, start, given):
    repo = tmp_path / "repo"
    tiny.write_notebook(repo / "notebooks", "00_first")
    shutil.copytree(study, repo / "study")
    here = repo if start == "root" else repo / "notebooks"
    assert places.resolve_study(given, here, ["00_first"]) == repo / "study"
    assert places.reports_folder(here, ["00_first"]) == repo / "reports"
    assert places.as_typed(repo / "study", here, ["00_first"]) == "study"


def test_other_peoples_notebooks_are_not_taken_for_exlinks(tmp_path):
    tiny.write_notebook(tmp_path / "notebooks", "00_my_thesis")
    assert places.notebooks_folder(tmp_path) == places.package_folder().parent / "notebooks"
    assert places.reports_folder(tmp_path) == tmp_path / "reports"


def test_study_that_is_nowhere_is_told(tmp_path):
    with pytest.raises(StudyError, match=r"There is no study at nowhere. Name a folder"):
        open_session("00_readiness", "nowhere", str(tmp_path))


@pytest.mark.parametrize("start", ["root", "notebooks"])
def test_notebook_runs_by_bare_papermill(tmp_path, study, start):
    tiny.tiny_suite(tmp_path / "notebooks")
    shutil.copytree(study, tmp_path / "study")
    out = tmp_path / "out.ipynb"
    if start == "root":
        words = "notebooks/00_first.ipynb out.ipynb -p study study -p factor 5.0 --no-progress-bar"
        command = [sys.executable, "-m", "papermill", *words.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    else:
        source, parameters = tmp_path / "notebooks/00_first.ipynb", {"study": "study", "factor": 5.0}
        papermill.execute_notebook(source, out, parameters, cwd=source.parent, progress_bar=False)
    made = tmp_path / "reports/tiny/2026Q3/artifacts/00_first"
    assert json.loads((made / "manifest.json").read_text())["parameters"] == {"factor": 5.0}
    assert pd.read_parquet(made / "teams.parquet")["double"].tolist() == [30.0, 30.0]
