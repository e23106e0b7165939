"""The ``exlink`` command: run, check, simulate.

Exit codes: 0 done, 1 a step failed, 2 the user's input is wrong. Heavy libraries are imported by the command
that needs them, so that ``exlink --help`` answers at once.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from exlink.errors import ExlinkError, OutputError, ParameterError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    name="exlink",
    help="Links employee experience to customer experience, interaction by interaction, and says what it is worth.",
    rich_markup_mode="rich",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
StudyPath = Annotated[str, typer.Argument(metavar="STUDY", help="Folder that holds study.yaml, or the file itself.")]
_INTERRUPTED = 130


@app.callback()
def _root(context: typer.Context) -> None:
    """Say what there is when no command is named."""
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def run(
    study: StudyPath,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write to DIR/<study>/<period>/ instead of reports/…")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="Run this step only, e.g. 03; may be repeated.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replace a value of the study file, e.g. period=2026Q2."),
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="How many steps run at the same time.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Run every step, changed or not.")] = False,
) -> None:
    """Run the notebooks of a study and write one HTML report per step, and index.html."""
    from exlink.publish.pipeline import run_study
    from exlink.publish.places import shown
    from exlink.publish.progress import reporting

    overrides = parse_settings(set_ or [])
    with reporting("steps") as progress:
        result = run_study(
            study, out=out, only=only or [], overrides=overrides, jobs=jobs, force=force, progress=progress
        )
    if result.ran:
        unchanged = f", {len(result.unchanged)} unchanged" if result.unchanged else ""
        print(f"Done: {_counted(len(result.ran), 'step')} run{unchanged}.")
    else:
        print(f"Nothing changed since the last run: {_counted(len(result.unchanged), 'step')} still valid.")
    print(f"Report: {shown(result.index or result.run_dir)}")


@app.command()
def check(study: StudyPath) -> None:
    """Check a study's tables against the contract (rows in, used and rejected, with reasons), and its steps."""
    from exlink.data.dataset import open_data
    from exlink.data.study import load_study

    loaded = load_study(study)
    if loaded.steps:  # tables can be checked where there are no notebooks
        from exlink.publish.pipeline import planned

        planned(loaded)
    data = open_data(loaded)
    _print_table(f"Rows of {data.study.heading}, {data.study.period.label}", data.accounting)
    if len(data.rejects):
        _print_table("Rejected rows, by reason", data.rejects)
    else:
        print("No row was rejected.")
    for note in data.notes:
        print(note)
    print("The study is usable.")


@app.command()
def simulate(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Where the study goes; empty or not there yet.")],
    employees: Annotated[int, typer.Option(help="How many employees.")] = 240,
    interactions: Annotated[int, typer.Option(help="How many interactions.")] = 60_000,
    waves: Annotated[int, typer.Option(help="How many quarterly survey waves.")] = 8,
    seed: Annotated[int, typer.Option(help="The same seed gives the same study.")] = 2026,
    direction: Annotated[
        str, typer.Option(metavar="WHICH", help="What acts on what: ex-to-cx, cx-to-ex, both or none.")
    ] = "ex-to-cx",
    healthy: Annotated[
        bool, typer.Option("--healthy", help="A twin without the warning signs that are planted otherwise.")
    ] = False,
) -> None:
    """Write a realistic study with known truth: every table of the contract, and truth.json."""
    from exlink.publish.places import shown
    from exlink.publish.progress import reporting

    target = Path(folder)
    _refuse_foreign_folder(target)
    from exlink.data.simulate import simulate_study

    with reporting("interactions") as progress:
        simulate_study(
            target, employees=employees, interactions=interactions, waves=waves, seed=seed, direction=direction,
            healthy=healthy, progress=progress.count,
        )  # fmt: skip
    print(f"Study: {shown(target.resolve())}\nNext: exlink run {folder}")


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Return ``key=value`` settings as a dict, each value read as YAML.

    Raises
    ------
    ParameterError
        A setting has no key or no '=', or its value is not YAML.
    """
    import yaml

    values = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not key.strip() or not equals:
            raise ParameterError(f"--set {setting}: write key=value, e.g. --set period=2026Q2.")
        try:
            values[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ParameterError(f"--set {setting}: the value is not YAML. Put text with ':' in quotes.") from error
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; what a user did wrong is one message on stderr."""
    signal.signal(signal.SIGTERM, _terminated)
    command = typer.main.get_command(app)
    try:
        code = int(command.main(arguments, prog_name="exlink", standalone_mode=False) or 0)
    except ExlinkError as error:
        return _tell(str(error), error.exit_code)
    except TyperException as error:  # a command or option that does not exist, an argument that is missing
        return _tell(f"{error.format_message()} See `exlink --help`.", 2)
    if code == _INTERRUPTED:  # typer makes an exit code of Ctrl-C
        return _tell("Interrupted. Finished steps are kept; run the same command again to go on.", code)
    return code


def _terminated(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _tell(message: str, code: int) -> int:
    print(f"Error: {message}" if code != _INTERRUPTED else message, file=sys.stderr)
    return code


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _refuse_foreign_folder(target: Path) -> None:
    """Raise when a simulated study would overwrite something that is not one."""
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file. Name a folder for the study.")
    if target.is_dir() and any(target.iterdir()) and not (target / "truth.json").is_file():
        raise OutputError(
            f"{target} is not empty and holds no finished simulated study. "
            "Name an empty or new folder, or remove this one."
        )


def _print_table(title: str, frame: pd.DataFrame) -> None:
    """Print a table: columns aligned, numbers to the right, no cell cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for column in frame.columns:
        numeric = frame[column].dtype.kind in "iuf"
        table.add_column(column.replace("_", " "), justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row))
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
