"""pyproject.toml, environment.yml and the lock files name the same packages, and none says where from."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from rattler import MatchSpec, Version, VersionSpec

import exlink

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# conda-forge calls some packages differently; everything else goes by the same name
CONDA_NAMES = {"duckdb": "python-duckdb", "great-tables": "great_tables", "matplotlib": "matplotlib-base"} | {
    "playwright": "playwright-python"
}
ONLY_ON_CONDA = {"python", "pip"}
# Where a package is imported under another name than it is installed by
IMPORT_NAMES = {"pyyaml": "yaml", "beautifulsoup4": "bs4", "ipython": "IPython", "pillow": "PIL"}


def requirements(*groups):
    return {canonicalize_name(r.name): r for group in groups for r in map(Requirement, group)}


def locked(name):
    """Return package → versions of a lock file, and every pinned line with the lines of its hashes."""
    blocks = re.split(r"\n(?=\S)", (ROOT / name).read_text().strip())
    versions = {}
    for block in blocks:
        package, version = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", block).groups()
        versions.setdefault(canonicalize_name(package), set()).add(version)
    return versions, blocks


def conda_environment():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {(spec := MatchSpec(line)).name.normalized: spec for line in listed if isinstance(line, str)}
    pip = requirements(*(line["pip"] for line in listed if isinstance(line, dict)))
    return conda, pip


def clauses(text):
    return set(str(text).replace(" ", "").split(","))


def tracked_files():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / n for n in names.decode().split("\0") if n and (ROOT / n).is_file()]


def test_conda_and_pip_name_the_same_packages_and_versions():
    wanted = requirements(PROJECT["dependencies"], EXTRAS["build"], EXTRAS["test"])
    conda, pip = conda_environment()
    assert not set(conda) & set(pip)
    given = {name: clauses(spec.version) for name, spec in conda.items() if name not in ONLY_ON_CONDA}
    given |= {name: clauses(r.specifier) for name, r in pip.items()}
    expected = {
        name if name in pip else CONDA_NAMES.get(name, name): clauses(r.specifier) for name, r in wanted.items()
    }
    assert given == expected
    assert clauses(conda["python"].version) == clauses(PROJECT["requires-python"])


@pytest.mark.parametrize(
    ("lock", "groups"), [("requirements.lock", ["build"]), ("requirements-test.lock", ["build", "test"])]
)
def test_the_locks_pin_what_pyproject_allows(lock, groups):
    versions, _ = locked(lock)
    for name, requirement in requirements(PROJECT["dependencies"], *(EXTRAS[g] for g in groups)).items():
        assert name in versions, f"{lock} lacks {name}: make lock"
        for version in versions[name]:
            assert requirement.specifier.contains(version), f"{lock}: {name} {version} is outside {requirement}"


def test_conda_ranges_accept_the_locked_versions():
    versions, _ = locked("requirements-test.lock")
    names = {conda: pip for pip, conda in CONDA_NAMES.items()}
    conda, _ = conda_environment()
    for name in set(conda) - ONLY_ON_CONDA:
        for version in versions[names.get(name, name)]:
            allowed = VersionSpec(str(conda[name].version)).matches(Version(version))
            assert allowed, f"environment.yml: {conda[name]} refuses {version}"


def test_the_test_lock_is_the_lock_and_more():
    runtime, _ = locked("requirements.lock")
    test, _ = locked("requirements-test.lock")
    assert {name: test.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_every_pin_has_a_hash_and_no_address(lock):
    _, blocks = locked(lock)
    assert len(blocks) > 100
    for block in blocks:
        assert "--hash=sha256:" in block
        assert "://" not in block
        assert " @ " not in block


# Hosts that serve packages, and options that name one. Written so that this file does not match itself.
ADDRESS = re.compile(
    r"pypi\.org|pythonhosted\.org|anaconda\.(?:org|com)/|repo\.anaconda|prefix\.dev|registry\.npmjs|cdn\.jsdelivr|"
    r"unpkg\.com|cdnjs\.|download\.pytorch|(?:deb|security)\.debian\.org|archive\.ubuntu|conda\.io/|"
    r"releases[/]download|(?:--|_)(?:extra-)?index[-_]url[= ]+\S*:/|find-links[= ]+\S*/"
)
# Paths of one machine have no business in a repository either.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home)/\w")


def test_no_committed_file_says_where_packages_come_from():
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue  # parquet, pictures
        for pattern in (ADDRESS, MACHINE_PATH):
            if match := pattern.search(text):
                found.append(f"{path.relative_to(ROOT)}: {match.group()}")
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        *("https://pypi" + ".org/simple", "https://files.python" + "hosted.org/x", "--index" + "-url http://x"),
        *("https://conda.anaconda" + ".org/conda-forge", "--extra-index" + "-url=https://a/b"),
    ],
)
def test_the_search_for_addresses_finds_them(line):
    assert ADDRESS.search(line)


def test_lock_formats_that_record_addresses_are_not_committed():
    assert not {p.name for p in tracked_files()} & {"uv.lock", "pylock.toml", "conda-lock.yml", "pixi.lock"}


def test_version_and_changelog_agree():
    assert PROJECT["version"] == exlink.__version__
    assert re.search(rf"^## {re.escape(exlink.__version__)}\b", (ROOT / "CHANGELOG.md").read_text(), re.M)


def imported_packages():
    trees = [ast.parse(p.read_text(), str(p)) for p in sorted((ROOT / "exlink").rglob("*.py"))]
    for node in (n for tree in trees for n in ast.walk(tree)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]


def test_every_import_is_a_declared_dependency():
    optional = requirements(*(EXTRAS[g] for g in EXTRAS if g not in ("build", "test")))
    declared = {
        IMPORT_NAMES.get(name, name.replace("-", "_")) for name in requirements(PROJECT["dependencies"]) | optional
    }
    # What the notebook tools and matplotlib are built on, and hand over and take: here because they are.
    handed_over = {
        IMPORT_NAMES.get(name, name.replace("-", "_"))
        for tool in ("nbconvert", "papermill", "ipykernel", "matplotlib")
        for name in requirements(importlib.metadata.requires(tool))
    }
    own = {"exlink", "__future__"} | set(sys.stdlib_module_names)
    assert set(imported_packages()) - own - handed_over - declared == set()


@pytest.mark.parametrize("name", sorted(requirements(PROJECT["dependencies"])))
def test_every_dependency_has_a_reason(name):
    assert re.search(rf"^\| .*`{re.escape(name)}`.*\|", (ROOT / "ARCHITECTURE.md").read_text(), re.M), (
        f"ARCHITECTURE.md gives no reason for {name}"
    )


@pytest.mark.parametrize("target", ["report", "test", "lab", "lint", "clean", "lock", "bench", "calibrate"])
def test_make_knows_the_target(target):
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ci_runs_the_tests_last():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111, ".ci/run is not executable"
    assert script.read_text().rstrip().splitlines()[-1] == "make test"
