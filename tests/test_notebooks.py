"""Every notebook keeps the house rules: one question, parameters, claim → code → reading, nothing hidden."""

import ast
import copy
import itertools
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

MAX_LINES = 12
TAGS = {"fold", "parameters", "hide-input", "remove-cell"}
HEAD = ("Question", "Needs", "Gives", "Decides")
SLUG = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
STEM = re.compile(r"^\d\d_([a-z][a-z0-9_]*)$")
MAGIC = re.compile(r"^\s*[%!?]|\?\s*$", re.MULTILINE)
ABSOLUTE = re.compile(r"^(/|~|[A-Za-z]:[\\/]|file:|\\\\)")
PUBLISH = (
    *("exlink.publish.session", "exlink.publish.charts", "exlink.publish.tables", "exlink.publish.cards"),
    "exlink.publish.touchpoints",  # which touchpoints every table and chart of the notebook hides
)
READING = re.compile(r"reading this (figure|table|page)", re.IGNORECASE)
SHOWING = {"show", "say", "display"}
SILENCING = {"filterwarnings", "simplefilter", "catch_warnings"}


def lint(notebook, stem):
    """Return what is wrong with a notebook, one sentence each; an empty list is a pass."""
    wrong = [*_of_cells(notebook), *_of_headings(notebook), *_of_parameters(notebook)]
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        if cell.cell_type == "code":
            wrong += [f"cell {cell.id}: {what}" for what in _of_code(cell, after, stem)]
    return wrong


def _of_cells(notebook):
    ids = [cell.id for cell in notebook.cells]
    yield from (f"cell {i}: the id occurs {ids.count(i)} times" for i in sorted(set(ids)) if ids.count(i) > 1)
    yield from (f"cell {i}: the id is not a slug" for i in ids if not SLUG.match(i))
    for cell in notebook.cells:
        if unknown := set(cell.metadata.get("tags", [])) - TAGS:
            yield f"cell {cell.id}: unknown tags {sorted(unknown)}"
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None):
            yield f"cell {cell.id}: outputs are not stripped"
    if (kernel := notebook.metadata.get("kernelspec", {}).get("name")) != "python3":
        yield f"the kernel is {kernel!r}, not 'python3'"


def _headings(cell):
    """Return (level, text) of each heading of a markdown cell; fenced code has none."""
    text = re.sub(r"^(```|~~~).*?^\1", "", cell.source, flags=re.MULTILINE | re.DOTALL)
    return [(len(marks), title) for marks, title in re.findall(r"^(#{1,6})\s+(.*?)\s*#*$", text, re.MULTILINE)]


def _of_headings(notebook):
    first = notebook.cells[0]
    found = [
        (cell, level, text)
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for level, text in _headings(cell)
    ]
    tops = [(cell, text) for cell, level, text in found if level == 1]
    if len(tops) != 1:
        yield f"{len(tops)} headings of the first level, not one"
    elif tops[0][0] is not first or found[0][1] != 1:
        yield "the first cell does not start with the heading of the first level"
    elif not tops[0][1].endswith("?"):
        yield "the first heading is not a question"
    for (_, above, _), (cell, level, text) in itertools.pairwise(found):
        if level > above + 1:
            yield f"cell {cell.id}: heading '{text}' skips a level"
    places = [first.source.find(f"**{word}") for word in HEAD]
    if -1 in places or places != sorted(places):
        yield f"the first cell does not tell {' · '.join(HEAD)}, in bold and in this order"


def _of_parameters(notebook):
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        yield f"{len(tagged)} cells with the tag parameters, not one"
        return
    if tagged[0] is not notebook.cells[1]:
        yield "the parameters cell is not the second cell"
    given = {}
    for line in filter(str.strip, tagged[0].source.splitlines()):
        code, _, meaning = line.partition("#")
        try:
            statement = ast.parse(code.strip()).body
            (assignment,) = statement
            (target,) = assignment.targets
            given[target.id] = ast.literal_eval(assignment.value)
        except (SyntaxError, ValueError, AttributeError):
            yield f"parameters: '{line}' is not one literal on one line"
            continue
        if not meaning.strip():
            yield f"parameters: {target.id} has no comment with its unit or meaning"
    if not isinstance(given.get("study"), str) or given.get("run_dir") != "":
        yield 'parameters: study = "…" or run_dir = "" is missing'


def _of_code(cell, after, stem):
    lines = [line for line in cell.source.splitlines() if line.strip()]
    # one parameter a line, each with its meaning: a list, not code to be read as a whole
    if len(lines) > MAX_LINES and "parameters" not in cell.metadata.get("tags", []):
        yield f"{len(lines)} lines, more than {MAX_LINES}"
    if MAGIC.search(cell.source):
        yield "magics"
        return
    tree = ast.parse(cell.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield f"{type(node).__name__}: functions live in exlink/steps"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ABSOLUTE.match(node.value):
            yield "an absolute path"
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _of_import(node, stem)
        if isinstance(node, ast.Attribute | ast.Name) and getattr(node, "attr", getattr(node, "id", "")) in SILENCING:
            yield "silenced warnings"
    yield from _of_showing(tree, after)


def _of_import(node, stem):
    own = r"exlink\.steps\." + STEM.sub(r"\1", stem) + r"(_\w+)?"  # a long step is split as <stem>_<noun>.py
    allowed = re.compile(rf"({'|'.join([own, *map(re.escape, PUBLISH)])})(\.|$)")
    for alias in node.names:
        name = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
        if alias.name == "*":
            yield "import *"
        elif not allowed.match(name):
            yield f"imports {name}: notebooks import their own step and {', '.join(PUBLISH)}"


def _of_showing(tree, after):
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    shows = [c for c in calls if getattr(c.func, "attr", getattr(c.func, "id", "")) in SHOWING]
    if len(shows) > 1:
        yield f"{len(shows)} displayed objects, more than one"
    figure = any(k.arg == "alt" for c in shows for k in c.keywords)
    if figure and not (after and after.cell_type == "markdown" and READING.search(after.source)):
        yield "the figure is not followed by 'Reading this figure'"


# -- the notebooks -----------------------------------------------------------------------------------


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_keeps_the_rules(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert lint(notebook, path.stem) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_one_stem_runs_through_notebook_step_and_test(path):
    match = STEM.match(path.stem)
    assert match, f"{path.name} is not called NN_name.ipynb"
    assert (ROOT / "exlink" / "steps" / f"{match[1]}.py").is_file() or (ROOT / "exlink" / "steps" / match[1]).is_dir()
    assert (ROOT / "tests" / "steps" / f"test_{match[1]}.py").is_file()


# -- the rules themselves: each has a notebook that passes and one that fails -------------------------


def good():
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    head = "# Is the data ready?\n\n" + "\n".join(f"- **{word}** something" for word in HEAD)
    cells = [
        text(head, id="question"),
        code(
            'study = "../data/sample"  # folder with study.yaml\nrun_dir = ""  # empty: reports/<study>/<period>/\n'
            "lags = [0, 1]  # waves",
            id="parameters",
            metadata={"tags": ["parameters"]},
        ),
        code(
            "from exlink.publish import charts\nfrom exlink.publish.session import open_session\n"
            "from exlink.steps import readiness\ns = open_session('00_readiness', study, run_dir)",
            id="open",
            metadata={"tags": ["hide-input"]},
        ),
        text("## Rows are lost on the way", id="claim"),
        code("s.show(charts.funnel(s.release(readiness.funnel(s.data))), alt='A funnel')", id="funnel"),
        text("**Reading this figure.** Each bar is a stage.\n\n```\n# not a heading\n```", id="reading"),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


def test_a_good_notebook_passes():
    notebook = good()
    nbformat.validate(notebook)
    assert lint(notebook, "00_readiness") == []


def put(cell, **changes):
    """Return a change of one cell of the good notebook."""

    def change(notebook):
        for key, value in changes.items():
            notebook.cells[cell][key] = value

    return change


def code(source):
    return put(4, source=source)


BAD = {
    "two first headings": (put(3, source="# Another?"), "2 headings of the first level"),
    "no question": (put(0, source=good().cells[0].source.replace("ready?", "ready")), "not a question"),
    "skipped level": (put(3, source="#### Deep"), "skips a level"),
    "no Decides": (put(0, source="# Ready?\n**Question** **Needs** **Gives**"), "Question · Needs"),
    "wrong order": (put(0, source="# R?\n**Needs** **Question** **Gives** **Decides**"), "in this order"),
    "no parameters": (put(1, metadata={"tags": []}), "0 cells with the tag parameters"),
    "parameters late": (lambda n: n.cells.insert(1, nbformat.v4.new_markdown_cell("x", id="x")), "second cell"),
    "computed parameter": (put(1, source="study = str(3)  # x"), "not one literal"),
    "two on a line": (put(1, source="a = 1; b = 2  # x"), "not one literal"),
    "no meaning": (put(1, source='study = "x"\nrun_dir = ""  # y'), "study has no comment"),
    "no study": (put(1, source='run_dir = ""  # y'), "is missing"),
    "run_dir set": (put(1, source='study = "x"  # x\nrun_dir = "y"  # y'), "is missing"),
    "def": (code("def f():\n    return 1"), "functions live in exlink/steps"),
    "class": (code("class A:\n    pass"), "functions live in exlink/steps"),
    "lambda": (code("sorted([1], key=lambda x: x)"), "functions live in exlink/steps"),
    "magic": (code("%matplotlib inline"), "magics"),
    "shell": (code("!ls"), "magics"),
    "help": (code("s.show?"), "magics"),
    "absolute path": (code("s.load('/tmp/x')"), "an absolute path"),
    "home": (code("s.load('~/x')"), "an absolute path"),
    "silenced": (code("warnings.filterwarnings('ignore')"), "silenced warnings"),
    "too long": (code("\n".join(["1"] * 13)), "13 lines"),
    "two shown": (code("s.show(a)\ns.say('b')"), "2 displayed objects"),
    "unread figure": (put(5, source="Nothing."), "Reading this figure"),
    "import *": (code("from exlink.publish.charts import *"), "import *"),
    "other step": (code("from exlink.steps.mixed_effects import f"), "imports exlink.steps.mixed_effects.f"),
    "the gate": (code("from exlink.publish.disclosure import Released"), "imports exlink.publish.disclosure"),
    "pandas": (code("import pandas as pd"), "imports pandas"),
    "id": (put(4, id="Cell_4"), "not a slug"),
    "same id": (put(4, id="open"), "occurs 2 times"),
    "tag": (put(4, metadata={"tags": ["injected-parameters"]}), "unknown tags"),
    "output": (put(4, outputs=[nbformat.v4.new_output("stream", text="x")]), "not stripped"),
    "run": (put(4, execution_count=3), "not stripped"),
    "kernel": (lambda n: n.metadata["kernelspec"].update(name="my-env"), "not 'python3'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_notebook_fails(name):
    change, expected = BAD[name]
    notebook = copy.deepcopy(good())
    change(notebook)
    assert any(expected in sentence for sentence in lint(notebook, "00_readiness"))
