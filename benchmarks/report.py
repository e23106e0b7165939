"""Results as a record and as Markdown. Standard library only."""

import datetime
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from benchmarks.designs import FORMULA, Design, model
from benchmarks.measure import Result
from benchmarks.targets import differences, targets

NOTES = """\
- *fit*: from the call to fixed effects, standard errors and criterion; the median of the runs, each in a fresh process.
  exlink's fit starts at the path of the Parquet file, so that it includes reading and compressing; the others' starts
  when their data stands in memory, and *read* is what that took. *process*: the whole process, imports included.
- *peak*: the most memory the process held (10⁶ bytes), as the operating system counts it.
- *× exlink*: its fit over exlink's. After "stopped", a lower bound.
- *Δ*: against lme4 on the same data and model (against exlink where lme4 did not run): the largest relative difference
  of a fixed effect and of a standard error, and the criterion's difference; a negative one is a better optimum. lme4
  stops where its default tolerance lets it. So agreement is also stated with what lme4 says *at exlink's variances*,
  where only the algebra can differ, and with lme4 *tightened*: tolerances at the last digits, from its own start.
- *scan*: DuckDB alone, from the same file: the sum of every number and of the length of every text. *scan by group*:
  the sum of every number per level (or pair of levels) of the grouping factors.
- Everybody runs with its defaults. exlink keeps linear algebra to one thread and lets the engine use every core; R uses
  the BLAS named above, which in Debian's reference version is slow and single-threaded; gpboost uses every core.
- gpboost has no REML and no correlated slopes: it is compared with exlink by maximum likelihood, slopes independent.
  For crossed effects its default is an iterative approximation, so that its criterion is off by what that costs;
  *exact* is the same program with Cholesky factors.
  statsmodels has no crossed effects. lme4 fits the ML models only where that is cheap.
"""


def record(designs: Sequence[Design], results: Sequence[Result], machine: dict, options: dict) -> dict:
    """Return everything that was measured, ready for JSON.

    Parameters
    ----------
    designs : sequence of Design
    results : sequence of Result
    machine, options : dict
        As words and numbers.

    Returns
    -------
    dict
        ``date``, ``machine``, ``software``, ``options``, ``designs``, ``results`` (one row per design, model and
        competitor) and ``targets``.
    """
    software: dict[str, str] = {}
    for result in results:
        for name, version in result.answer.get("software", {}).items():
            software[name if software.get(name, version) == version else f"{name} ({result.competitor})"] = version
    return {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": machine,
        "software": software,
        "options": options,
        "designs": [asdict(d) | {"name": d.name, "label": d.label} for d in designs],
        "results": [_row(result, results) for result in results],
        "targets": targets(results),
    }


def _row(result: Result, results: Sequence[Result]) -> dict:
    same = {r.competitor: r for r in results if (r.design, r.model) == (result.design, result.model)}
    own, lme4 = same.get("exlink"), same.get("lme4")
    reference = lme4 if lme4 and lme4.done else own
    row = {
        "design": result.design,
        "model": result.model,
        "competitor": result.competitor,
        "version": result.answer.get("version", ""),
        "status": result.status,
        "runs": [asdict(run) for run in result.runs],
        "evaluations": result.answer.get("evaluations"),
        "message": result.answer.get("message", ""),
        "estimates": {
            k: result.answer[k] for k in ("fixef", "std_error", "criterion", "at", "tight") if k in result.answer
        },
    }
    if result.runs:
        row |= {"fit": result.least, "peak": result.peak}
        row |= {part: statistics.median(getattr(r, part) for r in result.runs) for part in ("read", "wall")}
    if own and own.done and result.runs and result is not own and not result.status.startswith("failed"):
        row["times_exlink"] = result.least / own.fit
    if reference and reference is not result:
        row["difference"] = differences(result, reference)
    return row


def markdown(measured: dict) -> str:
    """Return a record as a Markdown page."""
    parts = [
        "# Mixed models, side by side\n",
        f"Written by `make bench` on {measured['date']}; [how it is measured](../README.md).\n",
        _table(["", ""], [*measured["machine"].items(), *measured["software"].items()]),
        "## Targets\n",
        _table(
            ["target", "wanted", "measured", "verdict"],
            [[t["what"], t["wanted"], t["measured"], _verdict(t["verdict"])] for t in measured["targets"]],
        ),
        f"## Fits\n\n`{FORMULA}`, eight columns beside the intercept.\n",
    ]
    for design in measured["designs"]:
        parts.append(f"### {_heading(design)}\n")
        names = dict.fromkeys(r["model"] for r in measured["results"] if r["design"] == design["name"])
        for name in names:
            rows = [r for r in measured["results"] if (r["design"], r["model"]) == (design["name"], name)]
            parts += [f"{model(design['kind'], name).label}\n", _fits(rows)]
    return "\n".join([*parts, "## Reading the tables\n", NOTES])


def _heading(design: dict) -> str:
    customers = f" × {design['customers']:,} customers" if design["customers"] else ""
    return f"{design['label'].capitalize()}: {design['employees']:,} employees{customers}"


def _fits(rows: Iterable[dict]) -> str:
    head = ["", "fit, s (min–max)", "runs", "read, s", "process, s", "peak, MB", "× exlink"]
    return _table([*head, "Δ fixed effects", "Δ SE", "Δ criterion", "remark"], [_cells(row) for row in rows])


def _cells(row: dict) -> list[str]:
    name = f"{row['competitor']} {row['version']}".strip()
    message = " ".join(row["message"].split())  # a line break would end the row
    remark = "; ".join(filter(None, [message, "" if row["status"] == "done" else row["status"]]))
    if not row["runs"]:
        return [name, *[""] * 9, remark]
    if row["status"] != "done":
        times = f"> {row['times_exlink']:,.0f}" if "times_exlink" in row else ""
        return [
            name,
            "",
            str(len(row["runs"])),
            "",
            f"{row['wall']:,.1f}",
            f"{row['peak']:,.0f}",
            times,
            *[""] * 3,
            remark,
        ]
    fits = [run["fit"] for run in row["runs"]]
    spread = f" ({min(fits):.2f}–{max(fits):.2f})" if len(fits) > 1 else ""
    far = row.get("difference")
    return [
        name,
        f"{row['fit']:.2f}{spread}",
        str(len(fits)),
        f"{row['read']:.2f}" if row["read"] else "in fit",
        f"{row['wall']:,.1f}",
        f"{row['peak']:,.0f}",
        f"{row['times_exlink']:,.1f}" if "times_exlink" in row else "",
        *([f"{far['fixef']:.1e}", f"{far['std_error']:.1e}", f"{far['criterion']:+.1e}"] if far else [""] * 3),
        remark,
    ]


def _verdict(verdict: str) -> str:
    return f"**{verdict}**" if verdict == "missed" else verdict


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(c).replace("|", "\\|") for c in line) + " |" for line in lines) + "\n"
