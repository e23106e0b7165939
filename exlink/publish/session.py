"""What a notebook opens: the study's data, the disclosure gate, and the artefacts of the run.

``open_session`` behaves the same in JupyterLab, under bare papermill and inside ``exlink run``; only where the
validated tables come from differs (the run prepares them once for all steps).
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exlink import __version__
from exlink.data.dataset import StudyData, open_data, prepare
from exlink.data.study import Study, load_study
from exlink.errors import ArtifactError, DisclosureError, ExlinkError, ParameterError, did_you_mean, listed
from exlink.publish.artifacts import SEAL, Artifacts, to_json
from exlink.publish.disclosure import Facts, Policy, Released, release, release_facts
from exlink.publish.fingerprint import input_hashes
from exlink.publish.identifiers import points_at_person
from exlink.publish.parameters import SET_BY_THE_RUN, declared_parameters
from exlink.publish.people import known_people
from exlink.publish.places import as_typed, notebooks_folder, reports_folder, resolve_study
from exlink.publish.prose import escaping, words_of
from exlink.publish.rundir import LATE, LateNeeds, new_private_folder
from exlink.publish.steps_table import STEPS, step_named
from exlink.publish.style import money

if TYPE_CHECKING:
    import pandas as pd

PREPARED = "EXLINK_PREPARED"  # folder of tables that `exlink run` prepared for all its steps
INPUTS_JSON = "inputs.json"
NARROW = "application/vnd.exlink.narrow+png"  # the same figure for a phone; export.py reads it
_NEGATIVE = re.compile(r"(?<![\w.)-])-(?=\.?\d)")  # the hyphen of a negative number, which prose writes as a minus


class Session:
    """One notebook's way to data, gate and artefacts; made by :func:`open_session`."""

    def __init__(self, stem: str, study_path: str, run_dir: Path, data: StudyData, policy: Policy) -> None:
        self.stem = stem
        self.data = data
        self.study: Study = data.study
        self.policy = policy
        self.run_dir = run_dir
        self._study_path = study_path
        self._artifacts = Artifacts(run_dir)
        self._written: dict[str, dict[str, Any]] = {}
        self._read: dict[str, str] = {}
        self._places: dict[str, bool] = {}  # whether a later cell has said there what it is to say

    def __repr__(self) -> str:
        """Return what is open, without paths."""
        return f"<{self.stem} of {self.study.name} {self.study.period.label}>"

    def release(self, frame: pd.DataFrame, *, people: str | None, **options: Any) -> Released:
        """Pass a table through the disclosure gate under the study's policy (see ``disclosure.release``)."""
        return release(frame, policy=self.policy, people=people, **options)

    def show(self, obj: Any, *, alt: str = "", caption: str = "") -> None:
        """Display a figure, a table or a card; a figure needs ``alt``, what a listener must be told of it."""
        from IPython.display import display

        self._refuse_persons({"alt text": alt, "caption": caption})
        about = {key: text for key, text in (("alt", alt), ("caption", caption)) if text}
        if hasattr(obj, "savefig"):
            if not alt.strip():
                raise ParameterError("s.show(figure) needs alt='…': one or two sentences that say what it shows.")
            from exlink.publish.charts import narrow

            picture, size = _picture(obj)
            shown, told = {"image/png": picture, "text/plain": alt}, {"image/png": about | size}
            if (on_a_phone := narrow(obj)) is not None:  # JupyterLab knows no such type and shows the wide one
                shown[NARROW], told[NARROW] = _picture(on_a_phone)
            display(shown, raw=True, metadata=told)
        elif hasattr(obj, "as_raw_html") or (hasattr(obj, "_repr_html_") and not hasattr(obj, "columns")):
            markup = obj.as_raw_html() if hasattr(obj, "as_raw_html") else obj._repr_html_()
            # a card says all it has to say; a caption would speak of a figure that is not there
            about = about if hasattr(obj, "as_raw_html") else {}
            display({"text/html": markup, "text/plain": alt or caption or self.stem}, raw=True,
                    metadata={"text/html": about} if about else {})  # fmt: skip
        else:
            raise DisclosureError(
                f"s.show takes a figure, a table or a card made from released data, not a {type(obj).__name__}. "
                "Use table(s.release(frame, people=…, by=[…])) or a chart."
            )

    def say(self, text: str, *, place: str = "") -> None:
        """Display Markdown whose numbers come from the data; a blank text not at all.

        HTML, and labels of the data that look like markup, are shown as they were typed. What a later cell is to
        replace (``say_at``) gets the name of a ``place``.
        """
        from IPython.display import display

        if not text.strip():
            return
        if place:
            self._places[place] = False
            display(self._markdown(text), display_id=self._display_id(place))
        else:
            display(self._markdown(text))

    def say_at(self, place: str, text: str) -> None:
        """Display Markdown where an earlier cell said something at ``place``, instead of that."""
        from IPython.display import update_display

        if place not in self._places:
            raise ParameterError(f"There is no place '{place}' on this page. s.say(…, place='{place}') makes it.")
        self._places[place] = True
        update_display(self._markdown(text), display_id=self._display_id(place))

    def money(self, value: float | None) -> str:
        """Return an amount in the study's currency, ready to be read."""
        return money(value, self.study.currency)

    def save(self, name: str, released: Released) -> None:
        """Write a released table to this step's artefacts."""
        self._note(name, self._artifacts.write_table(self.stem, name, released))

    def save_facts(self, name: str, facts: Mapping[str, Any] | Facts) -> None:
        """Pass facts through the gate and write them to this step's artefacts."""
        checked = facts if isinstance(facts, Facts) else release_facts(dict(facts), policy=self.policy)
        self._note(name, self._artifacts.write_facts(self.stem, name, checked))

    def load(self, step: str, name: str) -> pd.DataFrame:
        """Return a table that an earlier step saved."""
        self._reach(step)
        frame = self._artifacts.read_table(step, name, study=self._study_path)
        self._read |= {f"{step}/{name}.parquet": self._artifacts.output_hashes(step).get(f"{name}.parquet", "")}
        return frame

    def load_facts(self, step: str, name: str) -> dict[str, Any]:
        """Return facts that an earlier step saved."""
        self._reach(step)
        facts = self._artifacts.read_facts(step, name, study=self._study_path)
        self._read |= {f"{step}/{name}.json": self._artifacts.output_hashes(step).get(f"{name}.json", "")}
        return facts

    def available(self, step: str) -> bool:
        """Return True when an earlier step is complete, so that its artefacts can be loaded."""
        self._reach(step)
        return self._artifacts.is_complete(step)

    def manifest(self, step: str) -> dict[str, Any]:
        """Return what an earlier step says of itself: parameters, inputs, rows, version."""
        self._reach(step)
        manifest = self._artifacts.read_manifest(step)
        if manifest is None:
            raise ArtifactError(f"{step} is not there. Run `exlink run {self._study_path} --only {step}` first.")
        return manifest

    def finish(self) -> None:
        """Write the manifest, which says that this step is complete, and drop what an older version left."""
        if left := [place for place, said in self._places.items() if not said]:
            raise ParameterError(f"Nothing was said at {listed(left)}. s.say_at('{left[0]}', …) says it.")
        accounting = self.data.accounting.set_index("table")
        counts = accounting.rename(columns=lambda column: column.removeprefix("rows_")).astype(int)
        study = {
            "name": self.study.name,
            "period": self.study.period.label,
            "grain": self.study.linkage.grain,
            "min_group": self.study.privacy.min_group,
        }
        manifest = {
            "step": self.stem,
            "exlink": __version__,
            "study": study,
            "parameters": _parameters_in_use(self.stem),
            "inputs": _inputs(self.study),
            "artefacts_read": self._read,
            "rows": counts.to_dict("index"),
            "outputs": self._written,
        }
        self._artifacts.keep_only(self.stem, set(self._written))
        before = self._artifacts.read_manifest(self.stem) or {}
        # a run's seal lives in the manifest: made anew by hand with the same result, its page still holds
        seal = {key: before[key] for key in SEAL if key in before}
        same = to_json(before) == to_json(manifest | seal)
        self._artifacts.write_manifest(self.stem, manifest | seal if same else manifest)

    @cached_property
    def _labels_as_typed(self) -> Callable[[str], str]:
        return escaping(words_of(self.data))

    def _refuse_persons(self, texts: Mapping[str, str]) -> None:
        for where, text in texts.items():
            if found := points_at_person(text, self.policy.known_ids):
                raise DisclosureError(f"The {where} holds {found} and cannot be shown. Aggregate, or leave it out.")

    def _note(self, name: str, written: dict[str, Any]) -> None:
        self._written[written.pop("file")] = written

    def _markdown(self, text: str) -> Any:
        from IPython.display import Markdown

        self._refuse_persons({"text": text})
        text = _NEGATIVE.sub("−", self._labels_as_typed(text))
        return Markdown(text.replace("![", "!\\["))  # nothing said may fetch a picture

    def _display_id(self, place: str) -> str:
        return f"{self.stem}/{place}"

    def _reach(self, step: str) -> None:
        """Refuse a step that this one does not declare to need; wait for one that the run still works at."""
        own, other = step_named(self.stem), step_named(step)
        if other is None and own is not None:
            raise ArtifactError(f"There is no step '{step}'.{did_you_mean(step, [s.stem for s in STEPS])}")
        if own is not None and step not in (*own.needs, self.stem):
            raise ArtifactError(
                f"{self.stem} loads from {step}, which is not among its needs. Add it to `needs` in "
                "exlink/publish/steps_table.py, so that it always runs first."
            )
        if LATE in os.environ:
            LateNeeds(Path(os.environ[LATE])).wait(self.stem, step)


def open_session(stem: str, study: str, run_dir: str = "") -> Session:
    """Open a study for one notebook.

    Parameters
    ----------
    stem : the notebook's file name without suffix, e.g. ``"03_individual_linkage"``.
    study : folder or file of the study; relative to the working folder, the notebooks or the folder above them.
    run_dir : where artefacts go; empty for ``reports/<study>/<period>/``.
    """
    _speak_plainly()
    # one engine thread: sums keep their order, so that a number repeats to its last digit
    prepared = os.environ.get(PREPARED)
    path = resolve_study(study, stems=(stem,))
    folder = Path(prepared) if prepared else _prepare(load_study(path))
    data = open_data(prepared=folder, threads=1)
    opened = data.study
    target = Path(run_dir) if run_dir else reports_folder(stems=(stem,)) / opened.name / opened.period.label
    policy = Policy(opened.privacy.min_group, known_people(data))
    return Session(stem, as_typed(path, stems=(stem,)), target.resolve(), data, policy)


def _picture(figure: Any) -> tuple[str, dict[str, int]]:
    """Return a figure as encoded PNG, and its size in CSS pixels."""
    from exlink.publish.charts import css_width, png

    picture, across = png(figure), css_width(figure)
    width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))  # of the PNG header
    return base64.b64encode(picture).decode("ascii"), {"width": across, "height": round(across * height / width)}


def _prepare(study: Study) -> Path:
    """Validate and link a study for this notebook alone, in a folder that ends with its kernel."""
    folder = new_private_folder()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return prepare(study, folder / "prepared")


def _inputs(study: Study) -> dict[str, str]:
    """Return the hashes of the input files: as the run took them, or taken now."""
    taken = Path(os.environ.get(PREPARED, "")) / INPUTS_JSON
    if PREPARED in os.environ and taken.is_file():
        return json.loads(taken.read_text(encoding="utf-8"))
    return input_hashes(study)


def _parameters_in_use(stem: str) -> dict[str, Any]:
    """Return the notebook's own parameters with the values it runs with now."""
    from IPython import get_ipython

    shell, folder = get_ipython(), notebooks_folder(stems=(stem,))
    path = None if folder is None else folder / f"{stem}.ipynb"
    if shell is None or path is None or not path.is_file():
        return {}
    names = [name for name in declared_parameters(path) if name not in SET_BY_THE_RUN]
    return {name: shell.user_ns[name] for name in names if name in shell.user_ns}


def _speak_plainly() -> None:
    """Let notebooks show errors meant for people as one sentence instead of a traceback."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and hasattr(shell, "_showtraceback"):
        shell.set_custom_exc((ExlinkError,), _one_sentence)


def _one_sentence(shell: Any, kind: type, error: BaseException, traceback: Any, tb_offset: int | None = None) -> list:
    """Show ``error`` as its message; the cell still fails, with its name and value, for papermill to see."""
    told = [f"{kind.__name__}: {error}"]
    shell._showtraceback(kind, error, told)
    return told
