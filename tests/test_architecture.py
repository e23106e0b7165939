"""ARCHITECTURE.md says what stands where and what may lean on what; these tests hold the code to it.

``make map`` (which runs this file) writes the module map anew from the modules' own first lines.
"""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exlink.publish import steps_table

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "exlink"
DOCUMENT = ROOT / "ARCHITECTURE.md"
MAP = re.compile(r"(<!-- modules -->\n)(.*?)(<!-- /modules -->)", re.DOTALL)

# What each floor may import besides itself. Arrows that are not here run upwards or sideways.
FLOORS = {
    "errors": set(),
    "data": {"errors"},
    "stats": {"errors"},
    "steps": {"errors", "data", "stats"},
    "publish": {"errors", "data"},
    "cli": {"errors", "data", "stats", "steps", "publish"},
}
# Two seconds each to import, in every kernel: only inside the function that needs them.
SLOW = {"statsmodels", "linearmodels", "pyfixest"}
# The clock and chance would make two runs differ.
UNREPEATABLE = {"now", "today", "utcnow", "uuid1", "uuid4", "token_hex"}


def modules():
    """Return dotted name → path of every module."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
STEPS = [step.stem.partition("_")[2] for step in steps_table.STEPS]
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in MODULES.items()}
MODULE = pytest.mark.parametrize("module", sorted(MODULES))


def floor_of(module):
    return module.split(".")[1] if "." in module else ""


def on_floors(*floors):
    return pytest.mark.parametrize("module", [m for m in sorted(MODULES) if floor_of(m) in floors])


def imports(tree, module, is_package, top_level_only=False):
    """Yield the dotted name of everything a module imports, also inside functions."""
    nodes = _top_level(tree) if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".") if is_package else module.split(".")[:-1]
                base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [base])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


def _top_level(tree):
    """Yield the nodes that run when the module is imported; code for type checkers does not."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        pending.extend(ast.iter_child_nodes(node))


def step_of(module):
    """Return the step a module under steps/ belongs to: a long one may be split as ``<stem>_<noun>.py``."""
    name = module.split(".")[2]
    return next((s for s in STEPS if name == s or name.startswith(f"{s}_")), name)


def forbidden(module, target):
    """Return why an import must not be, or ''."""
    if target == "exlink" or not target.startswith("exlink."):
        return ""
    own, other = floor_of(module), floor_of(target)
    if own == "":
        return f"{module} stands above nothing and imports {target}"
    if other != own and other not in FLOORS[own]:
        return f"{module} imports {target}: {own} may import {', '.join(sorted(FLOORS[own])) or 'nothing'}"
    if own == other == "steps" and target != "exlink.steps" and step_of(module) != step_of(target):
        return f"{module} imports {target}: steps never call each other; share through data, stats or artefacts"
    return ""


@MODULE
def test_imports_run_only_downwards(module):
    assert floor_of(module) in {*FLOORS, ""}, f"{module} stands on no floor"
    is_package = MODULES[module].name == "__init__.py"
    found = [why for target in imports(TREES[module], module, is_package) if (why := forbidden(module, target))]
    assert not found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("exlink.data.study", "from exlink.stats import lmm"),
        ("exlink.stats.lmm", "from exlink.data.study import Study"),
        ("exlink.stats.lmm", "from ..data import study"),
        ("exlink.steps.readiness", "from exlink.publish import session"),
        ("exlink.steps.readiness", "def f():\n    from exlink.steps.mixed_effects import g"),
        ("exlink.steps.readiness", "from .mixed_effects import g"),
        ("exlink.steps.readiness_rows", "from exlink.steps.mixed_effects_rows import g"),
        ("exlink.publish.charts", "import exlink.stats.lmm"),
        ("exlink.publish.charts", "import exlink.steps"),
        ("exlink.errors", "import exlink.cli"),
        ("exlink", "import exlink.errors"),
    ],
)
def test_the_walk_finds_arrows_upwards_and_sideways(module, source):
    assert any(forbidden(module, target) for target in imports(ast.parse(source), module, is_package=False))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("exlink.steps.readiness", "from exlink.data.study import Study\nfrom exlink.stats import lmm"),
        ("exlink.steps.readiness", "from exlink.steps.readiness_rows import g"),
        ("exlink.publish.charts.bars", "from exlink.publish.disclosure import Released\nimport pandas"),
        ("exlink.cli", "from exlink import __version__\nfrom exlink.publish import pipeline"),
    ],
)
def test_the_walk_lets_arrows_downwards_pass(module, source):
    assert not any(forbidden(module, target) for target in imports(ast.parse(source), module, is_package=False))


def test_no_module_needs_itself_to_be_imported():
    graph = {
        name: {t for t in imports(tree, name, MODULES[name].name == "__init__.py", True) if t in MODULES} - {name}
        for name, tree in TREES.items()
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


@MODULE
def test_slow_libraries_are_imported_where_used(module):
    top = {t.split(".")[0] for t in imports(TREES[module], module, False, top_level_only=True)}
    assert not top & SLOW


@on_floors("publish", "data", "cli")
def test_publish_and_data_know_nothing_of_models(module):
    assert not {t.split(".")[0] for t in imports(TREES[module], module, False)} & SLOW


def test_the_command_starts_without_the_heavy_libraries():
    heavy = sorted(SLOW | {"matplotlib", "seaborn", "papermill", "nbconvert", "great_tables", "scipy"})
    code = f"import sys, exlink.cli; print(*[h for h in {heavy} if h in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@on_floors("data", "stats", "steps", "publish")
def test_results_depend_on_no_clock_and_no_chance(module):
    for node in ast.walk(TREES[module]):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        assert called.split(".")[-1] not in UNREPEATABLE, f"line {node.lineno}: {called}()"
        if called.endswith("default_rng"):
            assert node.args or node.keywords, f"line {node.lineno}: a random generator without a seed"
        assert not re.match(r"(np|numpy)\.random\.(?!default_rng|Generator|SeedSequence|PCG64|Philox)", called), (
            f"line {node.lineno}: {called}() draws from the global generator"
        )


@MODULE
def test_no_error_is_swallowed_and_no_warning_silenced(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: except without a type"
            assert not all(isinstance(n, ast.Pass) for n in node.body), f"line {node.lineno}: error swallowed"
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"warnings.simplefilter", "filterwarnings"}:
            assert "ignore" not in ast.unparse(node), f"line {node.lineno}: all warnings silenced"


@on_floors("steps")
def test_steps_leave_files_and_pictures_to_others(module):
    assert not {t.split(".")[0] for t in imports(TREES[module], module, False)} & {"matplotlib", "seaborn"}
    touches = {"to_parquet", "to_csv", "to_pickle", "write_text", "write_bytes", "read_parquet", "read_csv", "open"}
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func).split(".")[-1] not in touches, f"line {node.lineno}"


def test_only_the_gate_can_open_itself():
    for name, path in MODULES.items():
        if name != "exlink.publish.disclosure":
            assert "_GATE" not in path.read_text(), f"{name} reaches for the gate's token"


# -- the map -----------------------------------------------------------------------------------------


def fresh_map():
    """Return the module map as it should stand in ARCHITECTURE.md: one line per module, one block per folder."""
    blocks = {}
    for name, path in MODULES.items():
        relative = path.relative_to(ROOT)
        summary = (ast.get_docstring(TREES[name]) or "").strip().splitlines()
        line = f"- `{relative.as_posix()}` — {summary[0] if summary else ''}"
        blocks.setdefault(relative.parent.as_posix(), []).append(line)
    return "\n\n".join("\n".join(lines) for _, lines in sorted(blocks.items())) + "\n"


def listed():
    return dict(re.findall(r"^- `(exlink/[^`]+\.py)` — ?(.*)$", MAP.search(DOCUMENT.read_text())[2], re.MULTILINE))


def test_every_module_is_on_the_map_and_every_place_on_the_map_exists():
    actual = {path.relative_to(ROOT).as_posix() for path in MODULES.values()}
    assert actual - set(listed()) == set(), "not on the map in ARCHITECTURE.md: run `make map`"
    assert set(listed()) - actual == set(), "on the map in ARCHITECTURE.md, but gone: run `make map`"


@MODULE
def test_every_module_says_what_it_is_for(module):
    assert len((ast.get_docstring(TREES[module]) or "").partition("\n")[0]) > 10


def test_every_folder_is_a_package():
    for path in MODULES.values():
        assert (path.parent / "__init__.py").is_file(), f"{path.parent.relative_to(ROOT)} has no __init__.py"


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(MAP.sub(lambda m: m[1] + fresh_map() + m[3], text))
