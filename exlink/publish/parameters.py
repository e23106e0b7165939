"""The parameters a notebook declares, and whether what somebody gives it fits.

Papermill warns of an unknown parameter and goes on, and checks no type; a run that silently ignored
``--set steps.04_mixed_effects.remL=false`` would publish wrong numbers. So the parameters cell is read here,
without importing papermill, before anything runs.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exlink.errors import ParameterError, did_you_mean, listed

SET_BY_THE_RUN = ("study", "run_dir")
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "keys and values",
}


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook as plain JSON, or raise ParameterError when it is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content["cells"], list):
            return content
    except (ValueError, KeyError, TypeError) as error:
        raise ParameterError(f"{path.name} is not a notebook: {error}. Restore it from the repository.") from error
    raise ParameterError(f"{path.name} is not a notebook: it has no list of cells. Restore it from the repository.")


def source_of(cell: Mapping[str, Any]) -> str:
    """Return a cell's text, which nbformat keeps as one string or as a list of lines."""
    return "".join(cell["source"])


def tags_of(cell: Mapping[str, Any]) -> list[str]:
    """Return a cell's tags."""
    return list(cell.get("metadata", {}).get("tags", []))


def declared_parameters(path: Path) -> dict[str, Any]:
    """Return the names and default values of a notebook's parameters cell.

    Raises
    ------
    ParameterError
        The notebook has no cell tagged ``parameters``, or the cell holds more than literals.
    """
    cells = [c for c in read_notebook(path)["cells"] if c["cell_type"] == "code" and "parameters" in tags_of(c)]
    if len(cells) != 1:
        raise ParameterError(f"{path.name} needs exactly one cell tagged 'parameters'; it has {len(cells)}.")
    try:
        defaults = {}
        for statement in ast.parse(source_of(cells[0])).body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            if len(targets) != 1 or not isinstance(targets[0], ast.Name):
                raise ValueError(f"line {statement.lineno} is not `name = literal`")
            defaults[targets[0].id] = ast.literal_eval(statement.value)
    except (SyntaxError, ValueError, AttributeError) as error:
        raise ParameterError(f"{path.name}: the parameters cell holds literals only, one a line ({error}).") from error
    return defaults


def effective_parameters(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook's own parameters with ``given`` in place of its defaults, without study and run_dir.

    Raises
    ------
    ParameterError
        A given parameter does not exist, or is not of the type of its default.
    """
    stem = path.stem
    defaults = declared_parameters(path)
    for name in SET_BY_THE_RUN:
        if name not in defaults:
            raise ParameterError(f'{path.name}: the parameters cell lacks `{name}`. Add `{name} = ""`.')
    own = {name: value for name, value in defaults.items() if name not in SET_BY_THE_RUN}
    for name, value in given.items():
        if name in SET_BY_THE_RUN:
            raise ParameterError(f"steps.{stem}.{name} is set by the run itself. Remove it from the study.")
        if name not in own:
            raise ParameterError(
                f"steps.{stem}.{name}: the notebook has no such parameter.{did_you_mean(name, own)} "
                f"It has {listed(own, 20) if own else 'none of its own'}."
            )
        own[name] = _fitting(value, own[name], f"steps.{stem}.{name}")
    return own


def _fitting(value: Any, default: Any, where: str) -> Any:
    """Return ``value`` when it can take the place of ``default``, or raise ParameterError."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise ParameterError(f"{where} is {value!r}; write it as number, text, list or true/false.") from None
    if default is None:
        return value
    wanted = list if isinstance(default, tuple) else type(default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, wanted) and isinstance(value, bool) == (wanted is bool):
        return value
    kind = _KINDS.get(wanted, f"a {wanted.__name__}")
    raise ParameterError(f"{where} is {value!r}; it must be {kind}, like its default {default!r}.")
