"""One run under way: steps start when their needs are settled, and are sealed when their page is written.

A step's manifest is its commit: the runner adds to it the fingerprint of all the step depends on and the
hashes of its pages, last of all. A run killed anywhere therefore finds complete steps and repeats the others.

A late need is waited for where the notebook loads from it, and at the latest before the seal: the two run side by
side, and all ends as if one had come first. Only a result that may still hold waits for it before it is run again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exlink.data.study import Study
from exlink.errors import ExlinkError, StepError
from exlink.publish import pages
from exlink.publish.artifacts import SEAL, Artifacts
from exlink.publish.fingerprint import code_hash, effective_study, sha256_of, step_fingerprint
from exlink.publish.places import shown
from exlink.publish.progress import Progress
from exlink.publish.rundir import LATE, LateNeeds, private_folder
from exlink.publish.steps_table import Step, longest_chain_first, step_named

if TYPE_CHECKING:
    from exlink.publish.kernel import Kernels

PREPARED_ENV = "EXLINK_PREPARED"  # session.py reads it; importing session.py would import pandas
INPUTS_JSON = "inputs.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run, checked beforehand.

    study, study_path : the effective study, and where its file or folder is
    run_dir, notebooks : where results go, where notebooks are
    suite : tuple of Step        every step that has a notebook
    chosen : tuple of Step       those of them to run now
    parameters : dict            stem to the notebook's own parameters
    inputs : dict                label of an input file to its SHA-256
    force : bool                 run steps whose result still holds, too
    """

    study: Study
    study_path: Path
    run_dir: Path
    notebooks: Path
    suite: tuple[Step, ...]
    chosen: tuple[Step, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    inputs: Mapping[str, str]
    force: bool


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did, step by step.

    run_dir : Path          where pages and artefacts are
    index : Path | None     the executive page, when it is there
    ran : tuple             stems that ran now
    unchanged : tuple       stems whose earlier result still holds
    failed : dict           stem to message
    skipped : dict          stem to the step it needed and did not get
    users : frozenset       those of the failed stems that the user's input made fail
    """

    run_dir: Path
    index: Path | None
    ran: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    users: frozenset[str] = frozenset()

    def failure(self) -> StepError:
        """Return the error that tells of all failed steps: the user's own if nothing else went wrong."""
        error = StepError("\n".join(self.failed.values()))
        error.result = self
        if self.users.issuperset(self.failed):
            error.exit_code = ExlinkError.exit_code
        return error


class Execution:
    """One run under way: which steps are settled, and how."""

    def __init__(self, plan: Plan, tell: Progress, stack: ExitStack) -> None:
        self.plan, self.tell, self.stack = plan, tell, stack
        self.study, self.run_dir, self.suite = plan.study, plan.run_dir, plan.suite
        self.artifacts = Artifacts(plan.run_dir)
        self.code, self.effective = code_hash(), effective_study(plan.study)
        self.kernels: Kernels | None = None
        self.work: Path | None = None
        self.late: LateNeeds | None = None
        self.ran: list[str] = []
        self.unchanged: list[str] = []
        self.failed: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self.users: set[str] = set()

    def go(self, jobs: int) -> RunResult:
        """Settle every chosen step, ``jobs`` of them at a time."""
        chosen = self.plan.chosen
        self.tell.total(len(chosen))
        self._tell_of_stale_needs()
        waiting, running = longest_chain_first(chosen), {}
        with ThreadPoolExecutor(jobs) as pool:
            try:
                while waiting or running:
                    self._start_what_can(waiting, running, pool, jobs)
                    for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                        self._settle(running.pop(future), future)
            except BaseException:  # an interrupt, or an error of exlink's own: kernels must not outlive the run
                if self.kernels is not None:
                    try:
                        self.kernels.stop()
                    finally:
                        self.late.settle()  # what would have settled them has ended
                raise
        if self.ran or self.failed or self.skipped:
            pages.settle_links(self.run_dir, self.suite)
            self._tell_of_stale_pages()
        index = self.run_dir / pages.INDEX
        order = [step.stem for step in self.suite]
        return RunResult(
            self.run_dir,
            index if index.is_file() else None,
            tuple(sorted(self.ran, key=order.index)),
            tuple(sorted(self.unchanged, key=order.index)),
            dict(sorted(self.failed.items())),
            dict(sorted(self.skipped.items())),
            frozenset(self.users),
        )

    def _tell_of_stale_needs(self) -> None:
        """Say which steps were left out with --only although their result no longer holds."""
        chosen = self.plan.chosen
        needed = {need for step in chosen for need in step.needs} - {step.stem for step in chosen}
        for step in self.suite:
            if step.stem in needed and not self._still_holds(step):
                self.tell.note(f"{step.stem} is not up to date: its earlier result is used. Add --only {step.stem}.")

    def _tell_of_stale_pages(self) -> None:
        """Say which pages that were left out with --only rest on what has just been made anew."""
        left = [step for step in self.suite if step not in self.plan.chosen and set(step.needs) & set(self.ran)]
        for step in left:
            page = self.run_dir / pages.page_files(step)[-1]
            if page.is_file() and not self._still_holds(step):
                self.tell.note(f"{page.name} still shows earlier results. Add --only {step.stem}, or run all.")

    def _start_what_can(
        self, waiting: list[Step], running: dict[Future, Step], pool: ThreadPoolExecutor, jobs: int
    ) -> None:
        """Settle or start each waiting step whose needs are settled, or under way if late, while there is room."""
        for step in list(waiting):
            under_way = {s.stem for s in running.values()} & set(step.needs)
            if under_way - set(step.late) or {s.stem for s in waiting} & set(step.needs):
                continue
            lost, holds = self._lost_need(step), not self.plan.force and self._still_holds(step, but_for=under_way)
            if lost is not None:
                self._skip(step, lost)
            elif holds and not under_way:
                self.unchanged.append(step.stem)
                self.tell.step(step.stem, "unchanged")
            elif not holds and len(running) < jobs:
                running[self._start(step, under_way, pool)] = step
            else:  # no room, or a result that may turn out to hold when what it needs is there
                continue
            waiting.remove(step)

    def _start(self, step: Step, under_way: Iterable[str], pool: ThreadPoolExecutor) -> Future:
        self._prepare()
        self.tell.step(step.stem, "run")
        for need in under_way:
            self.late.open(step.stem, need)
        return pool.submit(self._run_step, step, self._fingerprint(step), self._late_hashes(step, under_way))

    def _lost_need(self, step: Step) -> str | None:
        """Return the first need of a step that failed or was left out."""
        return next((n for n in step.needs if n in self.failed or n in self.skipped), None)

    def _fingerprint(self, step: Step) -> str:
        return step_fingerprint(
            notebook=self.plan.notebooks / f"{step.stem}.ipynb",
            code=self.code,
            parameters=self.plan.parameters[step.stem],
            study=self.effective,
            inputs=self.plan.inputs,
            needs={n: self.artifacts.output_hashes(n) for n in self._of_suite(step) if n not in step.late},
        )

    def _late_hashes(self, step: Step, but_for: Iterable[str] = ()) -> dict[str, str]:
        """Return one hash of the artefacts of each late need but those under way: what the fingerprint leaves open."""
        late = [n for n in self._of_suite(step) if n in step.late and n not in but_for]
        return {n: sha256_of(self.artifacts.output_hashes(n)) for n in late}

    def _of_suite(self, step: Step) -> list[str]:
        """Return the needs of a step that have a notebook."""
        return [need for need in step.needs if step_named(need, self.suite)]

    def _still_holds(self, step: Step, but_for: Iterable[str] = ()) -> bool:
        """Return True when nothing the step depends on changed and all it wrote is there, unharmed.

        but_for : late needs under way, of which nobody knows yet whether they change
        """
        manifest = self.artifacts.read_manifest(step.stem)
        if manifest is None or manifest.get("fingerprint") != self._fingerprint(step):
            return False
        if not self._late_hashes(step, but_for).items() <= manifest.get("late", {}).items():
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
        self.late = LateNeeds(self.work / "late")
        told = {PREPARED_ENV: str(prepared), LATE: str(self.late.folder)}
        self.kernels = Kernels(self.work, kernel_environment(self.work, told))
        self.stack.callback(self.kernels.end)
        self.kernels.warm(self.plan.notebooks / f"{step.stem}.ipynb" for step in self.plan.chosen)
        self.tell.note("Reading and checking the study's tables …")
        prepare(self.study, prepared)
        (prepared / INPUTS_JSON).write_text(json.dumps(self.plan.inputs, sort_keys=True), encoding="utf-8")

    def _run_step(self, step: Step, fingerprint: str, late: Mapping[str, str]) -> list[str]:
        """Run one notebook, publish its page and seal its manifest; return what it warned of.

        late : hashes of the late needs that were settled before
        """
        self._clear(step)
        executed = self.work / f"{step.stem}.ipynb"
        try:
            self._execute(step, executed)
            manifest = self.artifacts.read_manifest(step.stem)
            if manifest is None:
                raise StepError(f"Step {step.stem} wrote no manifest. Its last cell must call s.finish().")
            try:
                made = pages.publish_page(executed, self.run_dir, step, self.suite, self.study.heading)
            except ExlinkError as error:
                raise StepError(f"Step {step.stem} ran, but its page cannot be published: {error}") from error
        except StepError:
            self._clear(step)
            raise
        pages.forget_failed(self.run_dir, step)
        seal = zip(SEAL, (fingerprint, self._late_hashes(step) | late, made), strict=True)
        self.artifacts.write_manifest(step.stem, manifest | dict(seal))
        return pages.warnings_in(executed)

    def _execute(self, step: Step, executed: Path) -> None:
        """Run a notebook into ``executed``; how it ended counts only once all it needs has ended well."""
        from exlink.publish.kernel import CellFailure, run_notebook

        given = {**self.plan.parameters[step.stem], "study": str(self.plan.study_path), "run_dir": str(self.run_dir)}
        failure = None
        try:
            run_notebook(
                self.plan.notebooks / executed.name, executed, given, self.kernels,
                lambda done, of: self.tell.cell(step.stem, done, of),
            )  # fmt: skip
        except CellFailure as ended:
            failure = ended
        self.late.wait(step.stem)
        if self.kernels.stopped:
            raise StepError(f"Step {step.stem} was stopped.") from failure
        if lost := self._lost_need(step):
            raise StepError(f"Step {step.stem} needs {lost}.") from failure
        if failure is not None:
            if failure.users:
                self.users.add(step.stem)
            raise StepError(self._told(step, failure, executed)) from failure

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
            if lost := self._lost_need(step):
                self._skip(step, lost)
            else:
                self.failed[step.stem] = str(error)
                self.tell.step(step.stem, "failed")
        else:
            self.ran.append(step.stem)
            self.tell.step(step.stem, "done")
            for text in warned:
                self.tell.note(f"{step.stem} warned: {text[:200]}")
        self.late.settle(step.stem)

    def _skip(self, step: Step, lost: str) -> None:
        """Leave out a step whose need failed, and take its old pages away."""
        self.skipped[step.stem] = lost
        self._clear(step)
        self.tell.step(step.stem, "skipped", f"it needs {lost}")

    def _clear(self, step: Step) -> None:
        """Remove all a step left, so that nobody takes it for its result."""
        self.artifacts.clear(step.stem)
        pages.remove_pages(self.run_dir, step)
