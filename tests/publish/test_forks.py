"""Kernels as forks: they have imported what notebooks import, end like any kernel, and are never needed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import tiny

from exlink.publish import execution
from exlink.publish.forks import AVAILABLE, Forks, imported_by
from exlink.publish.kernel import Kernels, kernel_environment
from exlink.publish.pipeline import run_study

linux = pytest.mark.skipif(not AVAILABLE, reason="kernels are forks on Linux only")


@pytest.fixture
def folder():
    """Return a private folder with a path short enough for sockets."""
    made = Path(tempfile.mkdtemp(prefix="exf", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def kernels(folder):
    made = Kernels(folder, kernel_environment(folder, {"TOLD": "by the run"}))
    made.forks = Forks(folder, made.env, ["colorsys", "there_is_no_such_module"])
    yield made
    made.end()


def alive(pid):
    return Path(f"/proc/{pid}").exists() and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def gone(pid, within=10):
    deadline = time.monotonic() + within
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def asked_of_kernels(kernels, code, times=1):
    """Return what ``code`` gives in kernels that run at the same time, and their processes."""

    async def ask():
        started = []
        managers = [kernels.manager_class()(kernel_name="python3") for _ in range(times)]
        told = []
        for manager in managers:
            await manager.start_kernel(cwd=str(kernels.folder))
            client = manager.client()
            client.start_channels()
            await client.wait_for_ready(timeout=60)
            started.append(client)
        for client in started:
            reply = await client.execute_interactive(f"told = {code}", user_expressions={"told": "told"}, timeout=60)
            told.append(reply["content"]["user_expressions"]["told"]["data"]["text/plain"])
            client.stop_channels()
        processes = [manager.provisioner.process for manager in managers]
        for manager in managers:
            await manager.shutdown_kernel(now=False)
        return told, processes

    return asyncio.run(ask())


def test_modules_are_those_that_notebooks_import(tmp_path):
    cells = [("a", "import json, os.path as p\nfrom exlink import steps\nif True:\n    import hidden"), ("b", "x = (")]
    path = tiny.write_notebook(tmp_path, "00_first", *cells, ("c", "from . import near\nfrom json import loads"))
    opened = ["exlink.publish.session", "exlink.publish.session.open_session"]
    assert imported_by([path]) == [*opened, "json", "os.path", "exlink", "exlink.steps", "json.loads"]
    tidy = tiny.write_notebook(tmp_path, "00_second", ("c", "import json\nfrom json import loads"))
    assert imported_by([tidy, tidy]) == [*opened, "json", "json.loads"]


@linux
def test_forks_have_imported_and_are_otherwise_kernels_of_their_own(kernels):
    code = (
        "(__import__('os').getpid(), __import__('os').getppid(), 'colorsys' in __import__('sys').modules, "
        "__import__('os').environ['TOLD'], __import__('os').getcwd(), __import__('os').getsid(0))"
    )
    told, processes = asked_of_kernels(kernels, code, times=2)
    (one, first_parent, *rest), (other, second_parent, *_) = map(eval, told)
    assert one != other and first_parent == second_parent != os.getpid()
    assert rest == [True, "by the run", str(kernels.folder), one]
    assert [p.pid for p in processes] == [one, other] and all(gone(pid) for pid in (one, other))


@linux
def test_a_kernel_that_died_is_known_to_have_died(kernels):
    fork = kernels.forks.begin(["-f", str(kernels.folder / "c.json")], kernels.env | {"PATH": os.environ["PATH"]}, "/")
    assert fork.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        fork.wait(0.1)
    fork.kill()
    assert fork.wait(10) == 1 and gone(fork.pid)
    fork.kill()  # nobody is there: nobody is meant


@linux
def test_a_fork_that_cannot_be_made_leaves_the_kernels_that_run(folder):
    (folder / "sitecustomize.py").write_text(
        "import os\nreal, asked = os.fork, []\ndef fork():\n    asked.append(1)\n    if len(asked) == 2:\n"
        "        raise OSError(12, 'Cannot allocate memory')\n    return real()\nos.fork = fork\n"
    )
    path = os.pathsep.join(p for p in (str(folder), os.environ.get("PYTHONPATH", "")) if p)
    forks = Forks(folder, {"PYTHONPATH": path}, [])
    first, second, third = (
        forks.begin(["-f", str(folder / f"{name}.json")], dict(os.environ), "/") for name in ("one", "two", "three")
    )
    try:
        assert second is None and "Cannot allocate memory" in (folder / "kernels.log").read_text()
        assert first.poll() is None and third.poll() is None
    finally:
        forks.stop()
    assert gone(first.pid) and gone(third.pid)


@linux
def test_kernels_end_when_the_run_is_killed(folder):
    code = (
        "import os, sys, time; from pathlib import Path; from exlink.publish.forks import Forks; "
        "folder = Path(sys.argv[1]); forks = Forks(folder, {}, []); "
        "fork = forks.begin(['-f', str(folder / 'c.json')], dict(os.environ), '/'); "
        "print(fork.pid, forks._process.pid, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    kernel, parent = map(int, run.stdout.readline().split())
    assert alive(kernel) and alive(parent)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    assert gone(parent) and gone(kernel)


@linux
def test_without_forks_kernels_start_by_themselves_to_the_same_end(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(execution, "code_hash", lambda: "this version")
    tiny.tiny_study(tmp_path / "study")
    tiny.tiny_suite(tmp_path / "notebooks")

    def pages(out):
        result = run_study(tmp_path / "study", out=out, notebooks=tmp_path / "notebooks", steps=tiny.STEPS[:1])
        return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}, result.ran

    forked = pages(tmp_path / "forked")
    begun = []
    monkeypatch.setattr(Forks, "begin", lambda self, *asked: begun.append(asked))  # there is none to be had
    assert pages(tmp_path / "alone") == forked and len(begun) == 1
