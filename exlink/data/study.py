"""The study file: what a study reads, how it links, and whom it protects (DESIGN §4).

``load_study`` turns ``study.yaml`` into a frozen :class:`Study`, or raises one sentence that names the
key, what is wrong with it and the nearest valid word.
"""

from __future__ import annotations

import os
import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from exlink.data.scenario import Scenario, refuse_alike
from exlink.errors import StudyError, did_you_mean, listed, nearest

STUDY_FILE = "study.yaml"
_ENV = re.compile(r"\$\{(\w+)\}")
_EXPECTED = {  # pydantic's names of wrong types, in words
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "string_type": "text",
    "dict_type": "a set of keys",
    "model_type": "a set of keys",
    "tuple_type": "a pair such as [1, 5]",
}
_PERIODS = (
    (re.compile(r"^(\d{4})$"), 12),
    (re.compile(r"^(\d{4})H([12])$"), 6),
    (re.compile(r"^(\d{4})Q([1-4])$"), 3),
    (re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$"), 1),
)


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar period: its label and its first and last day."""

    label: str
    first: date
    last: date

    @classmethod
    def parse(cls, label: str) -> Period:
        """Read ``2026``, ``2026H1``, ``2026Q3`` or ``2026-09``; anything else raises ValueError."""
        for pattern, months in _PERIODS:
            if match := pattern.match(label):
                year = int(match[1])
                nth = int(match[2]) if match.lastindex == 2 else 1
                start, end = (nth - 1) * months + 1, nth * months
                return cls(label, date(year, start, 1), date(year, end, monthrange(year, end)[1]))
        raise ValueError(
            f"'{label}' is not a period; write a year, half, quarter or month: 2026, 2026H1, 2026Q3 or 2026-09"
        )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where one table comes from: a file (or glob) or a query over the other sources.

    ``pad_short_rows`` accepts lines of a text file that end early and reads their missing end as empty;
    without it such a file is refused.
    """

    path: str | None = None
    sql: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    pad_short_rows: bool = False
    sheet: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"path": value}
        for kind in ("adbc", "qualtrics"):
            if isinstance(value, dict) and kind in value:
                raise ValueError(f"`{kind}` sources are not read by this version; give a file or `sql`")
        return value

    @model_validator(mode="after")
    def _one_of(self) -> Source:
        if (self.path is None) == (self.sql is None):
            raise ValueError("give exactly one of `path` and `sql`")
        return self


class Linkage(_Strict):
    """Which EX belongs to which interaction: ``[responded_on + lag, responded_on + lag + window)``."""

    grain: Literal["employee", "team"] = "employee"
    lag_days: int = Field(0, ge=0, le=3650)
    window_days: int = Field(91, ge=1, le=3650)


class Privacy(_Strict):
    """The smallest number of people that anything published may rest on."""

    min_group: int = Field(8, ge=3)


class Study(_Strict):
    """One study, as declared in its file; ``folder`` is where relative paths start, ``file`` its name."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    title: str = ""
    period: Period
    engine: str = "duckdb"
    currency: str = Field("EUR", pattern=r"^[A-Z]{3}$")
    sources: dict[str, Source]
    scales: dict[Literal["ease", "recommend", "satisfaction"], tuple[float, float]] = Field(
        default_factory=lambda: {"ease": (1, 5), "recommend": (0, 10), "satisfaction": (1, 5)}
    )
    linkage: Linkage = Linkage()
    privacy: Privacy = Privacy()
    scenarios: tuple[Scenario, ...] = ()
    steps: dict[str, dict[str, Any]] = Field(default_factory=dict)
    folder: Path = Field(default=Path(), exclude=True)
    file: str = Field(default=STUDY_FILE, exclude=True)

    @field_validator("period", mode="before")
    @classmethod
    def _period(cls, value: Any) -> Any:
        if isinstance(value, date):
            raise ValueError("a period is a year, half, quarter or month, not a day: 2026Q3")
        return Period.parse(str(value)) if isinstance(value, str | int) else value

    @field_validator("engine")
    @classmethod
    def _engine(cls, value: str) -> str:
        if value != "duckdb":
            raise ValueError(f"'{value}' is not an engine of this version; use duckdb")
        return value

    @field_validator("scales")
    @classmethod
    def _scales(cls, value: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
        for kpi, (low, high) in value.items():
            if low >= high:
                raise ValueError(f"{kpi} runs from {low:g} to {high:g}; the first must be the lower")
        return value

    @field_validator("scenarios")
    @classmethod
    def _scenarios(cls, value: tuple[Scenario, ...]) -> tuple[Scenario, ...]:
        refuse_alike(value)
        return value

    @property
    def heading(self) -> str:
        """What a report calls this study."""
        return self.title or self.name

    def to_json(self) -> str:
        """Return the study with every default written out; :meth:`from_json` reads it back."""
        plain = self.model_copy(update={"period": self.period.label})
        return plain.model_dump_json(indent=2, warnings=False)

    @classmethod
    def from_json(cls, text: str, folder: Path) -> Study:
        """Read what :meth:`to_json` wrote."""
        return cls.model_validate_json(text).model_copy(update={"folder": folder})


def load_study(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """Read a study from a folder holding ``study.yaml`` or from the file itself.

    Parameters
    ----------
    path : folder or file.
    overrides : dotted keys to values, e.g. ``{"period": "2026Q2", "linkage.lag_days": 7}``; they
        replace what the file says.

    Raises
    ------
    StudyError
        The file is missing or not YAML, or a key or value in it is wrong.
    """
    file = find_study_file(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise StudyError(f"{file.name} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise StudyError(f"{file.name} cannot be read ({error.strerror}). Ask for the right to read it.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise StudyError(
            f"{file.name} is not valid YAML{where}: {getattr(error, 'problem', error)}. "
            "Check indentation and colons there."
        ) from None
    if not isinstance(content, dict):
        raise StudyError(f"{file.name} holds no keys. It needs at least name, period and sources.")
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        raise StudyError(_in_words(error, file.name)) from None
    return study.model_copy(update={"folder": file.parent.resolve(), "file": file.name})


def find_study_file(path: str | Path) -> Path:
    """Return the study file meant by a folder or file path, or raise StudyError."""
    given = Path(path)
    file = given / STUDY_FILE if given.is_dir() else given
    if file.is_file():
        return file
    if given.is_dir():
        raise StudyError(f"{given} holds no {STUDY_FILE}. Name a study folder, or make one with `exlink simulate DIR`.")
    siblings = [p.name for p in given.parent.iterdir()] if given.parent.is_dir() else []
    raise StudyError(f"There is no study at {given}.{did_you_mean(given.name, siblings)}")


def expand_env(text: str, where: str) -> str:
    """Replace ``${NAME}`` by the environment variable NAME; an unset one raises StudyError."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise StudyError(
                f"{where}: the environment variable {match[1]} is not set. Set it to the folder "
                f"that holds the data, e.g. `export {match[1]}=/path/to/data`."
            )
        return found

    return _ENV.sub(value, text)


def _override(content: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, last = dotted.split(".")
    target = content
    for key in parents:
        target = target.setdefault(key, {})
        if not isinstance(target, dict):
            raise StudyError(f"--set {dotted}: `{key}` holds a value, not keys of its own.")
    target[last] = value


_BOUNDS = {  # how pydantic calls a number beyond its bound: in words, and where the bound stands
    "greater_than": ("above", "gt"), "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"), "less_than_equal": ("at most", "le"),
}  # fmt: skip


def _in_words(error: ValidationError, file: str) -> str:
    """Return one sentence per problem of a ValidationError."""
    lines = []
    for problem in error.errors():
        # entries of a list are counted from one, as people do
        places = (str(part + 1) if isinstance(part, int) else part for part in problem["loc"])
        path = [part for part in places if not part.endswith("]")]
        where = ".".join(path) or "the study"
        if problem["type"] == "extra_forbidden":
            lines.append(f"{file}: `{where}` is not a key exlink knows.{_meant(path)}")
        elif problem["type"] == "missing":
            lines.append(f"{file}: `{where}` is missing. Add it.")
        elif problem["type"] == "value_error":
            lines.append(f"{file}: {where}: {problem['ctx']['error']}.")
        elif problem["type"] == "literal_error":
            given = str(problem["input"])
            expected = re.findall(r"'([^']+)'", problem["ctx"]["expected"])
            lines.append(f"{file}: {where} is '{given}'; it can be {listed(expected)}.{did_you_mean(given, expected)}")
        elif problem["type"] == "string_pattern_mismatch":
            allowed = {"currency": "a three-letter code such as EUR"}.get(
                where, "letters, digits, '-', '_' and '.' only, because it names a folder"
            )
            lines.append(f"{file}: {where} is '{problem['input']}'; it must be {allowed}.")
        elif problem["type"] in _EXPECTED:
            given = "empty" if problem["input"] is None else repr(problem["input"])
            needed = "a list, each entry after a '-'" if where == "scenarios" else _EXPECTED[problem["type"]]
            lines.append(f"{file}: {where} is {given}; it must be {needed}.")
        elif problem["type"] in _BOUNDS:
            words, key = _BOUNDS[problem["type"]]
            lines.append(f"{file}: {where} is {problem['input']!r}; it must be {words} {problem['ctx'][key]:g}.")
        else:
            lines.append(f"{file}: {where} is {problem['input']!r}: {problem['msg'].lower()}.")
    return "\n".join(dict.fromkeys(lines))


def _meant(path: list[str]) -> str:
    """Return a hint at the valid key nearest to the last of ``path``, also where that stands one room lower."""
    rooms = {"linkage": Linkage, "privacy": Privacy}
    if len(path) > 1:
        room = {"sources": Source, "scenarios": Scenario, **rooms}.get(path[0], Study)
        return did_you_mean(path[-1], room.model_fields)
    keys = {name: name for name in Study.model_fields if name != "folder"}
    keys |= {key: f"{room}.{key}" for room, model in rooms.items() for key in model.model_fields}
    match = nearest(path[-1], keys)
    return f" Did you mean '{keys[match]}'?" if match else ""
