"""Kernels begun as forks of one process that has imported what the notebooks import.

Imports take a kernel two seconds, and a run starts a kernel for every step: here they are made once, while the
study's tables are read. A fork is a copy of a process that has computed nothing yet, so results are those of a
kernel started afresh (no library has started a thread of its own then, but for the allocator that pyarrow brings, which
survives forks). On Linux only: other systems' own libraries do not; and whatever keeps a fork from starting, the
kernel then starts by itself.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from exlink.publish.parameters import read_notebook, source_of

AVAILABLE = sys.platform == "linux"
_PATIENCE = 60.0  # seconds for the imports, which a busy machine may take
_POLL = 0.05  # seconds between two looks at a kernel that is ending


def imported_by(notebooks: Iterable[Path]) -> list[str]:
    """Return the modules that notebooks import at the top of their cells, in order and once each.

    Of ``from a import b`` both ``a`` and ``a.b`` are named: ``b`` may be a module.
    """
    named: dict[str, None] = {}
    for notebook in notebooks:
        for cell in read_notebook(notebook)["cells"]:
            if cell["cell_type"] == "code":
                named |= dict.fromkeys(_modules_of(source_of(cell)))
    return list(named)


def _modules_of(source: str) -> list[str]:
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # the notebook itself will say so, with its cell
        return []
    found = []
    for statement in statements:
        if isinstance(statement, ast.Import):
            found += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            found += [statement.module, *(f"{statement.module}.{alias.name}" for alias in statement.names)]
    return found


@dataclass
class Fork:
    """A forked kernel, with what jupyter_client asks of the ``Popen`` of a kernel.

    pid : int
    life : socket     the kernel holds its other end until it ends
    """

    pid: int
    life: socket.socket
    returncode: int | None = None
    stdin: None = field(default=None, init=False)
    stdout: None = field(default=None, init=False)
    stderr: None = field(default=None, init=False)

    def poll(self) -> int | None:
        """Return None while the kernel runs."""
        if self.returncode is None:
            try:
                with contextlib.suppress(ConnectionResetError):  # a way to end, too
                    self.life.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            self.life.close()
            self.returncode = 1  # how it ended, only its parent knows
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the kernel has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("kernel", timeout)
            time.sleep(_POLL)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the kernel, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the kernel."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The process that kernels are forks of, as the run sees it."""

    def __init__(self, folder: Path, env: Mapping[str, str], modules: Sequence[str]) -> None:
        """Start it in ``folder`` (private, its path short enough for a socket) and let it import ``modules``."""
        self._address = str(folder / "forks")
        with socket.socket(socket.AF_UNIX) as listener, (folder / "kernels.log").open("ab") as log:
            listener.bind(self._address)
            listener.listen()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "exlink.publish.forks", str(listener.fileno()), *modules],
                env={**os.environ, **env},
                pass_fds=[listener.fileno()],
                stdin=subprocess.PIPE,  # its end tells of ours
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt from the keyboard is the run's to handle
            )

    def begin(self, arguments: Sequence[str], env: Mapping[str, str], cwd: str) -> Fork | None:
        """Return a new kernel, or None when there is none to be had this way.

        arguments : of ``ipykernel_launcher``; env, cwd : its environment and working folder.
        """
        life = socket.socket(socket.AF_UNIX)
        life.settimeout(_PATIENCE)
        asked = json.dumps({"arguments": list(arguments), "env": dict(env), "cwd": cwd})
        try:
            life.connect(self._address)
            life.sendall(f"{asked}\n".encode())
            pid = life.recv(32)
        except OSError:
            pid = b""
        if not pid:
            life.close()
            return None
        life.settimeout(None)
        return Fork(int(pid), life)

    def stop(self) -> None:
        """End the process; kernels that still run end with it."""
        self._process.stdin.close()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:  # still at its imports: nothing was asked of it
            self._process.kill()
            self._process.wait()


def _serve(listener: socket.socket) -> None:
    """Fork at each request until the run ends; return in a fork only."""
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        with contextlib.suppress(ChildProcessError):  # there is none
            while os.waitpid(-1, os.WNOHANG)[0]:  # kernels that ended: their time counts as the run's
                pass
        if sys.stdin in ready:  # closed: the run ended, well or badly
            raise SystemExit
        connection, _ = listener.accept()
        asked = connection.makefile("r", encoding="utf-8").readline()
        if asked and _forked():
            listener.close()
            return _become(connection, **json.loads(asked))
        connection.close()


def _forked() -> bool:
    """Fork, and return whether this is the fork."""
    try:
        return os.fork() == 0
    except OSError as error:  # no memory or process to be had: the run hears of none, and other kernels go on
        print(f"no kernel could be forked: {error}", file=sys.stderr, flush=True)
        return False


def _become(connection: socket.socket, arguments: list[str], env: dict[str, str], cwd: str) -> None:
    """Make this fork what a kernel started afresh would be, and say that it is there."""
    os.setsid()  # signals to the kernel reach what it started, too
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["ipykernel_launcher", *arguments]
    connection.sendall(str(os.getpid()).encode())
    connection.detach()  # open until this process ends, which is how the run learns of it


def _main() -> None:
    del sys.path[0]  # the working folder, which a kernel adds by itself
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # a kernel ends when its parent does; read at the import
    from ipykernel import kernelapp

    for module in sys.argv[2:]:
        with contextlib.suppress(ImportError):  # the notebook that needs it will say so, with its cell
            importlib.import_module(module)
    gc.freeze()  # forks share these pages as long as no collection touches them
    _serve(socket.socket(fileno=int(sys.argv[1])))
    kernelapp.launch_new_instance()


if __name__ == "__main__":
    _main()
