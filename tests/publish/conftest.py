"""What tests of the runner share: a place with a tiny study and suite, and a stand-in for kernels."""

import shutil
import tempfile
from pathlib import Path

import pytest
import tiny

from exlink.publish import execution


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Give a folder with the tiny study and suite, and a temporary folder of its own to look into."""
    scratch = Path(tempfile.mkdtemp(prefix="t", dir="/tmp" if Path("/tmp").is_dir() else None))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(execution, "code_hash", lambda: "this version")  # somebody may be editing it just now
    tiny.tiny_study(tmp_path / "study")
    tiny.tiny_suite(tmp_path / "notebooks")
    yield tmp_path
    shutil.rmtree(scratch)


@pytest.fixture
def stand_in(monkeypatch):
    import exlink.data.dataset
    import exlink.publish.kernel

    made = tiny.StandIn()
    monkeypatch.setattr(exlink.publish.kernel, "run_notebook", made)
    monkeypatch.setattr(exlink.data.dataset, "prepare", lambda study, folder: folder)
    return made
