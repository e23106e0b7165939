"""Runs the notebooks of a study in the order of their needs, and re-runs only what changed.

A step's manifest is its commit: the runner adds to it the fingerprint of all the step depends on and the
hashes of its pages, last of all. A run killed anywhere therefore finds complete steps and repeats the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exlink.data.study import Study, load_study
from exlink.errors import ArtifactError, ExlinkError, ParameterError, StepError, did_you_mean, listed
from exlink.publish import pages
from exlink.publish.artifacts import Artifacts
from exlink.publish.fingerprint import code_hash, effective_study, input_hashes, step_fingerprint
from exlink.publish.parameters import effective_parameters
from exlink.publish.places import notebooks_folder, reports_folder, shown
from exlink.publish.progress import Progress, Silent
from exlink.publish.rundir import held, private_folder
from exlink.publish.steps_table import STEPS, Step, chosen_steps, step_named

if TYPE_CHECKING:
    from exlink.publish.kernel import Kernels

PREPARED_ENV = "EXLINK_PREPARED"  # session.py reads it; importing session.py would import pandas
INPUTS_JSON = "inputs.json"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did, step by step.

    run_dir : Path          where pages and artefacts are
    index : Path | None     the executive page, when it is there
    ran : tuple             stems that ran now
    unchanged : tuple       stems whose earlier result still holds
    failed : dict           stem to message
    skipped : dict          stem to the step it needed and did not get
    """

    run_dir: Path
    index: Path | None
    ran: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


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
        Steps failed; ``error.result`` says what became of the others.
    """
    study = load_study(study_path, overrides)
    folder = notebooks or notebooks_folder()
    if folder is None:
        raise ParameterError("There is no folder notebooks/ here or above. Run exlink inside its checkout.")
    tell = progress or Silent()
    named = chosen_steps(only, steps)
    suite = _suite(folder, steps, study, tell)
    parameters = {s.stem: effective_parameters(folder / f"{s.stem}.ipynb", study.steps.get(s.stem, {})) for s in suite}
    chosen = tuple(step for step in suite if step in named)
    run_dir = (Path(out) if out else reports_folder()).resolve() / study.name / study.period.label
    _refuse_missing_needs(chosen, suite, Artifacts(run_dir), study_path)
    inputs = input_hashes(study)
    with held(run_dir), ExitStack() as stack:
        run = _Run(study, Path(study_path).resolve(), run_dir, folder, suite, parameters, inputs, tell, stack, force)
        result = run.go(chosen, max(1, jobs))
    if result.failed:
        error = StepError("\n".join(result.failed.values()))
        error.result = result
        raise error
    return result


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


class _Run:
    """One run under way: which steps are settled, and how."""

    def __init__(
        self,
        study: Study,
        study_path: Path,
        run_dir: Path,
        notebooks: Path,
        suite: Sequence[Step],
        parameters: Mapping[str, Mapping[str, Any]],
        inputs: Mapping[str, str],
        tell: Progress,
        stack: ExitStack,
        force: bool,
    ) -> None:
        self.study, self.study_path, self.run_dir, self.notebooks = study, study_path, run_dir, notebooks
        self.suite, self.parameters, self.inputs, self.tell = suite, parameters, inputs, tell
        self.stack, self.force = stack, force
        self.artifacts = Artifacts(run_dir)
        self.code, self.effective = code_hash(), effective_study(study)
        self.kernels: Kernels | None = None
        self.work: Path | None = None
        self.ran: list[str] = []
        self.unchanged: list[str] = []
        self.failed: dict[str, str] = {}
        self.skipped: dict[str, str] = {}

    def go(self, chosen: Sequence[Step], jobs: int) -> RunResult:
        """Settle every chosen step."""
        self.tell.total(len(chosen))
        waiting, running = list(chosen), {}
        with ThreadPoolExecutor(jobs) as pool:
            try:
                while waiting or running:
                    self._start_what_can(waiting, running, pool, jobs)
                    for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                        self._settle(running.pop(future), future)
            except BaseException:  # an interrupt, or an error of exlink's own: kernels must not outlive the run
                if self.kernels is not None:
                    self.kernels.stop()
                raise
        if self.ran or self.failed or self.skipped:
            pages.settle_links(self.run_dir, self.suite)
        index = self.run_dir / pages.INDEX
        order = [step.stem for step in self.suite]
        return RunResult(
            self.run_dir,
            index if index.is_file() else None,
            tuple(sorted(self.ran, key=order.index)),
            tuple(self.unchanged),
            dict(sorted(self.failed.items())),
            dict(sorted(self.skipped.items())),
        )

    def _start_what_can(
        self, waiting: list[Step], running: dict[Future, Step], pool: ThreadPoolExecutor, jobs: int
    ) -> None:
        """Settle or start each waiting step whose needs are settled, while there is room."""
        for step in list(waiting):
            open_stems = {s.stem for s in waiting} | {s.stem for s in running.values()}
            if open_stems & set(step.needs):
                continue
            lost = next((n for n in step.needs if n in self.failed or n in self.skipped), None)
            if lost is not None:
                self._skip(step, lost)
            elif not self.force and self._still_holds(step):
                self.unchanged.append(step.stem)
                self.tell.step(step.stem, "unchanged")
            elif len(running) < jobs:
                self._prepare()
                self.tell.step(step.stem, "run")
                running[pool.submit(self._run_step, step, self._fingerprint(step))] = step
            else:
                continue
            waiting.remove(step)

    def _fingerprint(self, step: Step) -> str:
        return step_fingerprint(
            notebook=self.notebooks / f"{step.stem}.ipynb",
            code=self.code,
            parameters=self.parameters[step.stem],
            study=self.effective,
            inputs=self.inputs,
            needs={n: self.artifacts.output_hashes(n) for n in step.needs if step_named(n, self.suite)},
        )

    def _still_holds(self, step: Step) -> bool:
        """Return True when nothing the step depends on changed and all it wrote is there, unharmed."""
        manifest = self.artifacts.read_manifest(step.stem)
        if manifest is None or manifest.get("fingerprint") != self._fingerprint(step):
            return False
        made = manifest.get("pages", {})
        whole = all(made.get(name) == pages.page_hash(self.run_dir / name) for name in pages.page_files(step))
        return whole and self.artifacts.is_complete(step.stem)

    def _prepare(self) -> None:
        """Validate and link the study's tables once for all steps, into a folder that ends with the run."""
        if self.kernels is not None:
            return
        from exlink.data.dataset import prepare
        from exlink.publish.kernel import Kernels, kernel_environment

        self.work = self.stack.enter_context(private_folder())
        prepared = self.work / "prepared"
        prepared.mkdir()
        self.tell.note("Reading and checking the study's tables …")
        prepare(self.study, prepared)
        (prepared / INPUTS_JSON).write_text(json.dumps(self.inputs, sort_keys=True), encoding="utf-8")
        self.kernels = Kernels(self.work, kernel_environment(self.work, {PREPARED_ENV: str(prepared)}))

    def _run_step(self, step: Step, fingerprint: str) -> list[str]:
        """Run one notebook, publish its page and seal its manifest; return what it warned of."""
        from exlink.publish.kernel import CellFailure, run_notebook

        self.artifacts.clear(step.stem)
        pages.remove_pages(self.run_dir, step)
        executed = self.work / f"{step.stem}.ipynb"
        given = {**self.parameters[step.stem], "study": str(self.study_path), "run_dir": str(self.run_dir)}
        try:
            run_notebook(
                self.notebooks / executed.name, executed, given, self.kernels,
                lambda done, of: self.tell.cell(step.stem, done, of),
            )  # fmt: skip
        except CellFailure as failure:
            self.artifacts.clear(step.stem)
            if self.kernels.stopped:
                raise StepError(f"Step {step.stem} was stopped.") from failure
            raise StepError(self._told(step, failure, executed)) from failure
        manifest = self.artifacts.read_manifest(step.stem)
        if manifest is None:
            raise StepError(f"Step {step.stem} wrote no manifest. Its last cell must call s.finish().")
        try:
            made = pages.publish_page(executed, self.run_dir, step, self.suite, self.study.heading)
        except ExlinkError as error:
            self.artifacts.clear(step.stem)
            pages.remove_pages(self.run_dir, step)
            raise StepError(f"Step {step.stem} ran, but its page cannot be published: {error}") from error
        pages.forget_failed(self.run_dir, step)
        self.artifacts.write_manifest(step.stem, {**manifest, "fingerprint": fingerprint, "pages": made})
        return pages.warnings_in(executed)

    def _told(self, step: Step, failure: Exception, executed: Path) -> str:
        message = f"Step {step.stem} failed in {str(failure).rstrip('.')}."
        if not executed.is_file():
            return message
        kept = pages.keep_failed(executed, self.run_dir, step)
        return f"{message} Its notebook is kept at {shown(kept)}; open it in JupyterLab to see the traceback."

    def _settle(self, step: Step, future: Future) -> None:
        """Note how a step ended."""
        try:
            warned = future.result()
        except StepError as error:
            self.failed[step.stem] = str(error)
            self.tell.step(step.stem, "failed")
            return
        self.ran.append(step.stem)
        self.tell.step(step.stem, "done")
        for text in warned:
            self.tell.note(f"{step.stem} warned: {text[:200]}")

    def _skip(self, step: Step, lost: str) -> None:
        """Leave out a step whose need failed, and take its old pages away."""
        self.skipped[step.stem] = lost
        self.artifacts.clear(step.stem)
        pages.remove_pages(self.run_dir, step)
        self.tell.step(step.stem, "skipped", f"it needs {lost}")
