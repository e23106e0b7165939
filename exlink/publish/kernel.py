"""Runs one notebook in a kernel of its own, through papermill, and says in words how it failed.

Kernels of parallel steps race for TCP ports (about one start in sixty died), so each kernel gets sockets in a
private folder. It also gets a fixed environment, so that a run does not depend on whose machine it is.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook
from papermill.log import logger as papermill_log

from exlink import errors
from exlink.publish.forks import AVAILABLE, Forks, imported_by
from exlink.publish.parameters import read_notebook, tags_of
from exlink.publish.places import package_folder

if TYPE_CHECKING:
    from nbformat import NotebookNode

_OWN_ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
_USERS = (errors.StudyError, errors.SourceError, errors.ContractError, errors.LinkageError, errors.ParameterError)
_USERS_NAMES = {kind.__name__ for kind in _USERS}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_SOCKET_PATH_LIMIT = 80  # of 107 characters a socket path may have, the rest is for names below the folder


class _SavesOnce(NotebookExecutionManager):
    """Papermill writes the notebook twice per cell, with all its figures; at the end is enough for a page."""

    def save(self, **kwargs: Any) -> None:
        """Write the notebook once it has ended, well or badly."""
        if self.end_time is not None:
            super().save(**kwargs)


class _RunEngine(NBClientEngine):
    """Papermill's own engine, with the notebook written at its end."""

    @classmethod
    def execute_notebook(
        cls, nb: NotebookNode, kernel_name: str, output_path: str | None = None, **settings: Any
    ) -> NotebookNode:
        """Run the notebook; what papermill's ``Engine.execute_notebook`` does, less progress bar and autosave."""
        for name in ("progress_bar", "autosave_cell_every"):
            settings.pop(name, None)
        manager = _SavesOnce(nb, output_path=output_path, progress_bar=False, autosave_cell_every=0)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, **settings)
        finally:
            manager.notebook_complete()
        return manager.nb


papermill_engines.register("exlink", _RunEngine)


@dataclass(frozen=True)
class CellFailure(Exception):
    """A notebook that did not reach its end: where it stopped and why, in one line.

    where, cause : str
    users : bool     the user's input is the cause, not the step
    """

    where: str
    cause: str
    users: bool = False

    def __str__(self) -> str:
        """Return cell and cause."""
        return f"{self.where}: {self.cause}"


@dataclass
class Kernels:
    """The kernels of one run, so that an interrupted run can end them.

    folder : Path     private folder for sockets, connection files and IPython's own files
    env : Mapping     environment variables every kernel gets
    forks : Forks     what kernels are forks of; None where each one starts by itself
    """

    folder: Path
    env: Mapping[str, str]
    forks: Forks | None = None
    running: list[AsyncKernelManager] = field(default_factory=list)
    stopped: bool = False
    lock: Lock = field(default_factory=Lock)

    def warm(self, notebooks: Iterable[Path]) -> None:
        """Begin to import what these notebooks import, where kernels can be forks of the process that has done so."""
        if AVAILABLE and len(str(self.folder)) <= _SOCKET_PATH_LIMIT:
            self.forks = Forks(self.folder, self.env, imported_by(notebooks))

    def end(self) -> None:
        """End what kernels are forks of; they have ended themselves."""
        if self.forks is not None:
            self.forks.stop()

    def stop(self) -> None:
        """End every kernel that is running now, and let no other one start."""
        with self.lock:
            self.stopped = True
            for manager in self.running:
                process = getattr(manager.provisioner, "process", None)
                if process is not None and process.poll() is None:
                    process.kill()

    def manager_class(self) -> type[AsyncKernelManager]:
        """Return a kernel manager class that starts kernels the way this run wants them."""
        kernels = self

        class RunKernelManager(AsyncKernelManager):
            def __init__(self, **settings: Any) -> None:
                super().__init__(**settings)
                if sys.platform != "win32":  # there is no ipc transport on Windows
                    place = Path(tempfile.mkdtemp(prefix="k", dir=_short(kernels.folder)))
                    self.transport, self.ip = "ipc", str(place / "k")
                    self.connection_file = str(place / "connection.json")

            def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
                # this very Python, whatever a kernel spec in the user's home folder says
                python = [sys.executable, "-m", "ipykernel_launcher", "-f", os.path.realpath(self.connection_file)]
                return python + (extra_arguments or [])

            async def _async_launch_kernel(self, kernel_cmd: list[str], **settings: Any) -> None:
                if kernels.stopped:
                    raise DeadKernelError("the run was stopped")
                settings["env"] = {**settings.get("env", os.environ), **kernels.env}
                if not self._forked(kernel_cmd, settings["env"], str(settings.get("cwd") or Path.cwd())):
                    with (kernels.folder / "kernels.log").open("ab") as log:  # its words are not the user's
                        await super()._async_launch_kernel(kernel_cmd, **settings, stdout=log, stderr=log)
                with kernels.lock:
                    kernels.running.append(self)

            def _forked(self, kernel_cmd: list[str], env: Mapping[str, str], cwd: str) -> bool:
                fork = None if kernels.forks is None else kernels.forks.begin(kernel_cmd[3:], env, cwd)
                if fork is not None:
                    self.provisioner.process, self.provisioner.cwd = fork, cwd
                    self.provisioner.pid = self.provisioner.pgid = fork.pid
                return fork is not None

        return RunKernelManager


def kernel_environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that makes kernels alike: seeds, one thread per step, no user profile."""
    paths = [str(package_folder().parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        **threads,  # steps run side by side, and sums keep their order
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(paths),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **extra,
    }


def run_notebook(
    notebook: Path, target: Path, parameters: Mapping[str, Any], kernels: Kernels, on_cell: Callable[[int, int], None]
) -> None:
    """Run ``notebook`` into ``target`` (also when it fails), or raise CellFailure.

    Parameters
    ----------
    parameters : values for the parameters cell, already checked.
    on_cell : called with the number of code cells done and of all code cells.
    """
    papermill_log.setLevel("CRITICAL")  # what it would say of failures is told below, once
    total = sum(c["cell_type"] == "code" for c in read_notebook(notebook)["cells"])
    copy = target.with_name(f"source-{target.name}")  # under a plain path: papermill formats braces in paths
    shutil.copyfile(notebook, copy)
    started: list[int] = []

    def cell_starts(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":  # nbclient announces markdown cells, too
            started.append(cell_index)
            on_cell(min(len(started) - 1, total), total)

    for attempt in (1, 2):
        try:
            execute_notebook(
                str(copy),
                str(target),
                parameters=dict(parameters),
                engine_name="exlink",
                kernel_name="python3",
                kernel_manager_class=kernels.manager_class(),
                resources={"metadata": {"path": str(notebook.parent)}},
                on_cell_start=cell_starts,
            )
        except PapermillExecutionError as error:
            where, cause = _told(target, notebook, error.ename, error.evalue)
            raise CellFailure(where, cause, users=error.ename in _USERS_NAMES) from error
        except CellTimeoutError as error:
            raise CellFailure(_at(notebook, len(started) - 1), f"it took too long ({_first_line(error)})") from error
        except (DeadKernelError, RuntimeError) as error:
            if not started and attempt == 1 and not kernels.stopped:
                continue  # it never started: that is the machine, not the notebook
            cause = "its kernel died, most likely because the machine ran out of memory"
            if not started:
                cause = f"its kernel did not start ({_first_line(error)})"
            raise CellFailure(_at(notebook, len(started) - 1), cause) from error
        return


def _told(executed: Path, notebook: Path, ename: str, evalue: str) -> tuple[str, str]:
    """Return where and why a cell raised: an exlink error by its sentence, another one with its name."""
    cells = [c for c in read_notebook(executed)["cells"] if c["cell_type"] == "code"]
    failed = next(i for i, c in enumerate(cells) if any(o["output_type"] == "error" for o in c["outputs"]))
    sentence = _ANSI.sub("", evalue).strip()
    if ename in _OWN_ERRORS:
        return _at(notebook, failed), sentence
    first = sentence.splitlines()[0] if sentence else ""
    return _at(notebook, failed), f"{ename}: {first}".rstrip(": ")


def _at(notebook: Path, index: int) -> str:
    """Return "cell `fit-models` (5 of 12)" for the n-th executed code cell, the injected one counted."""
    cells = [c for c in read_notebook(notebook)["cells"] if c["cell_type"] == "code"]
    injected = next((i + 1 for i, c in enumerate(cells) if "parameters" in tags_of(c)), None)
    if injected is not None and index >= injected:
        index = max(index - 1, injected - 1)
    index = min(max(index, 0), len(cells) - 1)
    return f"cell `{cells[index].get('id', index + 1)}` ({index + 1} of {len(cells)})"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _short(folder: Path) -> Path:
    """Return ``folder``, or a private folder with a path short enough for sockets."""
    if len(str(folder)) <= _SOCKET_PATH_LIMIT:
        return folder
    return Path(tempfile.mkdtemp(prefix="exlink-", dir="/tmp"))
