"""The folder a run writes to: writable, held by one run at a time, free of what a killed run left.

Beside it stands the run's private folder, where the tables of persons are and kernels see what they must wait for.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exlink.errors import OutputError
from exlink.publish.artifacts import touching

LATE = "EXLINK_LATE"  # the folder of a run's ``LateNeeds``, as its kernels know it
_PREFIX = "exlink-"
_POLL = 0.1  # seconds between two looks at what is waited for


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Create the folder, check that it can be written, and keep other runs out while this one writes.

    Raises
    ------
    OutputError
        The folder cannot be made or written, or another run holds it.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=run_dir) as probe:
            probe.write(b"exlink")
    except OSError as error:
        raise OutputError(
            f"The output folder {run_dir} cannot be written: {error.strerror or error}. "
            "Name another one with --out, or correct its permissions."
        ) from error
    with _lock(run_dir):
        for leftover in [*run_dir.glob(".*.part"), *run_dir.glob("artifacts/*/.*.part")]:
            with touching(leftover):
                leftover.unlink(missing_ok=True)
        yield


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: two runs at once into one folder are the user's to avoid
        yield
        return
    handle = os.open(folder, os.O_RDONLY)  # the folder itself, so that no lock file lies in the report
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"Another run is writing {folder} now. Wait for it to end, or name another folder with --out."
            ) from error
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):  # a network folder without locks
                raise
        yield
    finally:
        os.close(handle)


@contextmanager
def private_folder() -> Iterator[Path]:
    """Give a temporary folder only this user can read, and remove it; person-level tables live here."""
    folder = new_private_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_private_folder() -> Path:
    """Return a fresh temporary folder only this user can read, named after this process.

    A process that was killed could not remove its own (JupyterLab kills kernels to restart them): folders of
    processes that no longer exist are removed first.
    """
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        if _is_orphan(old):
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def _is_orphan(folder: Path) -> bool:
    pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
    try:
        if not pid.isdigit() or folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, AttributeError):  # somebody else's process, or gone already, or Windows
        return False
    return False


@dataclass(frozen=True, slots=True)
class LateNeeds:
    """Which steps of a run still wait for which: a file ``<step>/<need>`` each, which kernels can see as well.

    folder : Path     part of the run's private folder; without it nothing is waited for
    """

    folder: Path

    def open(self, step: str, need: str) -> None:
        """Let ``step`` wait where it loads from ``need``."""
        (self.folder / step).mkdir(parents=True, exist_ok=True)
        (self.folder / step / need).touch()

    def settle(self, need: str = "*") -> None:
        """Let nobody wait for ``need`` any longer; for nothing at all when none is named."""
        for waiting in self.folder.glob(f"*/{need}"):
            waiting.unlink()

    def wait(self, step: str, need: str = "*") -> None:
        """Return when ``need`` is settled, or all that ``step`` waits for."""
        while any(self.folder.glob(f"{step}/{need}")):
            time.sleep(_POLL)
