"""Runs the notebooks of a study: checks all that can be checked first, then runs what no longer holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from exlink.data.study import Study, load_study
from exlink.errors import ArtifactError, ParameterError, did_you_mean, listed
from exlink.publish.artifacts import Artifacts
from exlink.publish.execution import Execution, Plan, RunResult
from exlink.publish.fingerprint import input_hashes
from exlink.publish.parameters import effective_parameters
from exlink.publish.places import notebooks_folder, reports_folder, shown
from exlink.publish.progress import Progress, Silent
from exlink.publish.rundir import held
from exlink.publish.steps_table import STEPS, Step, chosen_steps, step_named


def run_study(
    study_path: str | Path,
    *,
    out: str | Path | None = None,
    only: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    jobs: int = 2,
    force: bool = False,
    progress: Progress | None = None,
    notebooks: Path | None = None,
    steps: Sequence[Step] = STEPS,
) -> RunResult:
    """Run a study's notebooks and publish their pages.

    Parameters
    ----------
    study_path : folder or file of the study.
    out : folder in place of ``reports/``; pages go to ``<out>/<study>/<period>/``.
    only : stems, or unique beginnings of stems, of the steps to run; all when empty.
    overrides : dotted study keys to values, as ``load_study`` takes them.
    jobs : how many steps run at the same time.
    force : run steps whose result still holds, too.
    progress : what is told of each step.
    notebooks, steps : another suite than exlink's own.

    Raises
    ------
    ExlinkError
        The study, a parameter, the data or the output folder is wrong; nothing was run.
    StepError
        Steps failed; ``error.result`` says what became of the others, and ``error.exit_code`` is 2 when the
        user's input alone is the cause (a parameter's value that only the data can refuse).
    """
    study = load_study(study_path, overrides)
    tell = progress or Silent()
    named = chosen_steps(only, steps)
    folder, suite, parameters = planned(study, notebooks, steps, tell)
    stems = [step.stem for step in steps]
    chosen = tuple(step for step in suite if step in named)
    run_dir = (Path(out) if out else reports_folder(stems=stems)).resolve() / study.name / study.period.label
    _refuse_missing_needs(chosen, suite, Artifacts(run_dir), study_path)
    inputs = input_hashes(study)
    plan = Plan(study, Path(study_path).resolve(), run_dir, folder, suite, chosen, parameters, inputs, force)
    with held(run_dir), ExitStack() as stack:
        result = Execution(plan, tell, stack).go(max(1, jobs))
    if result.failed:
        raise result.failure()
    return result


def planned(
    study: Study, notebooks: Path | None = None, steps: Sequence[Step] = STEPS, tell: Progress | None = None
) -> tuple[Path, tuple[Step, ...], dict[str, dict[str, Any]]]:
    """Return the notebooks' folder, the steps that have a notebook, and the parameters of each under this study.

    Raises
    ------
    ParameterError
        There are no notebooks, or the study's ``steps`` name a step or a parameter that does not exist, or give
        one a value of the wrong type.
    """
    folder = notebooks or notebooks_folder(stems=[step.stem for step in steps])
    if folder is None:
        raise ParameterError("There is no folder notebooks/ here or above. Run exlink inside its checkout.")
    suite = _suite(folder, steps, study, tell or Silent())
    given = {step.stem: study.steps.get(step.stem, {}) for step in suite}
    return folder, suite, {stem: effective_parameters(folder / f"{stem}.ipynb", own) for stem, own in given.items()}


def _suite(folder: Path, steps: Sequence[Step], study: Study, tell: Progress) -> tuple[Step, ...]:
    """Return the steps that have a notebook, and say which have none; refuse parameters of no step."""
    stems = [step.stem for step in steps]
    for stem in study.steps:
        if stem not in stems:
            raise ParameterError(f"steps.{stem}: there is no such step.{did_you_mean(stem, stems)}")
    missing = [stem for stem in stems if not (folder / f"{stem}.ipynb").is_file()]
    if len(missing) == len(stems):
        raise ParameterError(f"{folder} holds none of the notebooks to run. Restore them from the repository.")
    if missing:
        tell.note(f"{shown(folder)} holds no notebook for {listed(missing)}: left out.")
    return tuple(step for step in steps if step.stem not in missing)


def _refuse_missing_needs(
    chosen: Sequence[Step], suite: Sequence[Step], artifacts: Artifacts, study_path: str | Path
) -> None:
    """Raise when a chosen step needs one that is neither chosen nor there from an earlier run."""
    stems = {step.stem for step in chosen}
    for step in chosen:
        needed = [n for n in step.needs if step_named(n, suite) and n not in stems]
        missing = [n for n in needed if not artifacts.is_complete(n)]
        if missing:
            also = " ".join(f"--only {n}" for n in [*missing, step.stem])
            raise ArtifactError(
                f"{step.stem} needs {listed(missing)}, which did not run yet. Run `exlink run {study_path} {also}`."
            )
