"""A study an attacker would like, and a notebook run so that everything it would publish is at hand.

The study has teams of a handful of people, and labels behind which only two or three people stand: a theme, an
application, a role, a site, an initiative; owners of feedback who are persons; wages known of three people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from exlink.data.dataset import StudyData, open_data
from exlink.data.simulate import simulate_study
from exlink.data.study import load_study
from exlink.publish import session as sessions
from exlink.publish.disclosure import Policy, Released, release_facts
from exlink.publish.people import known_people

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@dataclass(frozen=True)
class Secrets:
    """What only two or three people stand behind, or what names one: none of it may show in what is published.

    A role takes part in models, in the order of names: another one should have the same place in it.
    """

    theme: str = "Kim drinks at work"
    application: str = "Kims macro"
    role: str = "night clerk"
    site: str = "Attic"
    initiative: str = "Kims pet project"
    kind: str = "kimification"
    owners: tuple[str, str] = ("Kim Maybury", "Ola Brandt")
    wage: float = 1.0  # times what three people earn

    def words(self) -> list[str]:
        """Return the labels."""
        return [self.theme, self.application, self.role, self.site, self.initiative, self.kind, *self.owners]


@dataclass
class Publication:
    """What a notebook would publish.

    released : list of (cell, frame given, options, Released)
    said : list of (cell, text)    sentences, alt texts, captions
    shown : list of (cell, html)   tables and cards as HTML
    facts : dict                   name to values
    """

    released: list[tuple[str, pd.DataFrame, dict[str, Any], Released]] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    shown: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    cell: str = ""

    def texts(self) -> list[tuple[str, str]]:
        """Return every text with the cell it comes from: sentences, HTML, facts, and what tables and charts show."""
        frames = [(cell, passed.frame.to_csv()) for cell, _, _, passed in self.released]
        return [*self.said, *self.shown, *frames, ("facts", json.dumps(self.facts, ensure_ascii=False))]


class Recorder(sessions.Session):
    """A session that displays and writes nothing, and keeps what would have been."""

    told: Publication

    def release(self, frame: pd.DataFrame, *, people: str | None, **options: Any) -> Released:
        """Release as usual, and remember."""
        passed = super().release(frame, people=people, **options)
        self.told.released.append((self.told.cell, frame.copy(), {"people": people, **options}, passed))
        return passed

    def show(self, obj: Any, *, alt: str = "", caption: str = "") -> None:
        """Remember what would be shown."""
        self.told.said += [(self.told.cell, alt), (self.told.cell, caption)]
        if hasattr(obj, "savefig"):
            texts = [t.get_text() for axes in obj.axes for t in axes.texts + axes.get_xticklabels()]
            texts += [t.get_text() for axes in obj.axes for t in axes.get_yticklabels()]
            self.told.said += [(self.told.cell, text) for text in texts]
            plt.close(obj)
        elif hasattr(obj, "as_raw_html"):
            self.told.shown.append((self.told.cell, obj.as_raw_html()))
        else:
            self.told.shown.append((self.told.cell, obj._repr_html_()))

    def say(self, text: str) -> None:
        """Remember a sentence."""
        self.told.said.append((self.told.cell, text))

    def save(self, name: str, released: Released) -> None:
        """Check that what would be saved was released."""
        assert isinstance(released, Released), name

    def save_facts(self, name: str, facts: Mapping[str, Any]) -> None:
        """Remember facts as they would be saved."""
        self.told.facts[name] = release_facts(dict(facts), policy=self.policy).values

    def finish(self) -> None:
        """Write nothing."""


def published(stem: str, data: StudyData, folder: Path) -> Publication:
    """Run the code of a notebook on a study and return what it would publish."""
    policy = Policy(data.study.privacy.min_group, known_people(data))
    recorder = Recorder(stem, "study", folder, data, policy)
    recorder.told = Publication()
    recorder.available = lambda step: False  # type: ignore[method-assign]
    cells = json.loads((NOTEBOOKS / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    original, sessions.open_session = sessions.open_session, lambda *_: recorder
    try:
        for cell in cells:
            if cell["cell_type"] == "code":
                recorder.told.cell = cell["id"]
                exec(compile("".join(cell["source"]), f"{stem}:{cell['id']}", "exec"), names)
    finally:
        sessions.open_session = original
    return recorder.told


def attacked_study(folder: Path, secrets: Secrets, *, employees: int = 110, waves: int = 6) -> StudyData:
    """Simulate a small company and give it labels with hardly anybody behind them."""
    path = simulate_study(folder / "raw", seed=5, employees=employees, interactions=40 * employees, waves=waves)
    here = path if path.is_dir() else path.parent
    people = pd.read_csv(here / "employees.csv")
    shifts = pd.read_csv(here / "assignments.csv")
    sizes = people.groupby("team_id").size().sort_values(kind="stable")
    for team, kept in zip(sizes.index[:2], (5, 7), strict=True):  # two teams of 5 and 7 people, leavers included
        moved = people.loc[people["team_id"] == team, "employee_id"].iloc[kept:]
        people.loc[people["employee_id"].isin(moved), "team_id"] = sizes.index[-1]
        shifts.loc[shifts["employee_id"].isin(moved) & (shifts["team_id"] == team), "team_id"] = sizes.index[-1]
    shifts = shifts[~shifts["team_id"].isin(sizes.index[:2]) | shifts["employee_id"].isin(
        people.loc[people["team_id"].isin(sizes.index[:2]), "employee_id"])]  # fmt: skip
    shifts.to_csv(here / "assignments.csv", index=False)
    staying = people[people["left_on"].isna()]["employee_id"].to_list()
    people.loc[people["employee_id"].isin(staying[:2]), "role"] = secrets.role
    people.loc[people["employee_id"].isin(staying[2:5]), "site"] = secrets.site
    paid = people["employee_id"].isin(staying[5:8])
    people["annual_salary"] = (people["annual_salary"] * secrets.wage).where(paid)
    people.to_csv(here / "employees.csv", index=False)
    voice = pd.read_csv(here / "voc_feedback.csv")
    by_turns = [secrets.owners[at % 2] for at in range(len(voice))]
    voice["owner"] = pd.Series(by_turns).where(voice["owner"].notna())
    two = voice[voice["source"] == "employee"].iloc[[0, 1]].assign(theme=secrets.theme, feedback_id=["V-x1", "V-x2"])
    pd.concat([voice, two]).to_csv(here / "voc_feedback.csv", index=False)
    desktop = pd.read_parquet(here / "desktop_activity.parquet")
    own = desktop[desktop["employee_id"].isin(staying[8:10])].drop_duplicates(["employee_id", "day"])
    own = own.assign(application=secrets.application, category="process", managed=False, minutes=90)
    pd.concat([desktop, own]).astype({"minutes": "int32"}).to_parquet(here / "desktop_activity.parquet", index=False)
    plans = pd.read_csv(here / "initiatives.csv")
    one = {"initiative_id": "N-99", "team_id": sizes.index[0], "name": secrets.initiative, "kind": secrets.kind}
    pd.concat([plans, plans.iloc[[0]].assign(**one)]).to_csv(here / "initiatives.csv", index=False)
    return open_data(load_study(path), threads=1)
