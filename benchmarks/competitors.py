"""Who is measured, on what, and by which command. Standard library only."""

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.measure import ROOT

# gpboost stands apart from .venv, so that the environment stays what the lock files say.
PEERS = ROOT / ".venv" / "bench"
EXACT_PEER = "gpboost, exact"
OTHER_BLAS = "lme4, other BLAS"


@dataclass(frozen=True, slots=True)
class Competitor:
    """One program that fits the models, or the scan that bounds them from below.

    command : tuple       the process to start; the path of a job is appended
    kinds : tuple         kinds of designs it can fit
    models : tuple        models it fits
    max_rows : dict       model → largest design it gets
    missing : str         why it cannot run here, or ""
    environment : dict    variables added for its process
    quick : bool          fast enough to be repeated whatever the design
    """

    name: str
    command: tuple[str, ...]
    kinds: tuple[str, ...]
    models: tuple[str, ...]
    max_rows: dict[str, int] = field(default_factory=dict)
    missing: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    quick: bool = False

    def fits(self, kind: str, model: str, rows: int) -> bool:
        """Return whether it takes part in a comparison."""
        return kind in self.kinds and model in self.models and rows <= self.max_rows.get(model, sys.maxsize)


def competitors(r_blas: str = "", peer_rows: int = 1_000_000) -> list[Competitor]:
    """Return everybody, present or not.

    Parameters
    ----------
    r_blas : str
        A BLAS library that lme4 also runs with, beside the one R is linked to; "" for none.
    peer_rows : int
        The largest design the peers get; exlink and the scan get all.
    """
    both, every = ("nested", "crossed"), ("reml", "ml")
    python = (sys.executable, "-m", "benchmarks.fits")
    limits = dict.fromkeys(every, peer_rows)
    lme4 = Competitor(
        "lme4",
        ("Rscript", "benchmarks/lmm.R"),
        both,
        every,
        # ML again only where it is cheap: to see that gpboost is given the same model
        limits | {"ml": min(peer_rows, 100_000)},
        missing=_no_lme4(),
    )
    faster = replace(lme4, name=OTHER_BLAS, models=("reml",), environment={"LD_PRELOAD": r_blas})
    peer = Competitor(
        "gpboost",
        (*python, "gpboost"),
        both,
        ("ml",),
        limits,
        missing=_no_gpboost(),
        environment={"PYTHONPATH": _path_with(PEERS)},
    )
    return [
        Competitor("scan", (*python, "scan"), both, ("reml",), quick=True),
        Competitor("scan by group", (*python, "grouped"), both, ("reml",), quick=True),
        Competitor("exlink", (*python, "exlink"), both, every, {"ml": peer_rows}, missing=_no_exlink(), quick=True),
        lme4,
        *([faster] if r_blas else []),
        Competitor("statsmodels", (*python, "statsmodels"), ("nested",), ("reml",), limits),
        peer,
        replace(peer, name=EXACT_PEER, command=(*python, "gpboost_exact"), kinds=("crossed",)),
    ]


def _path_with(folder: Path) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))


def _no_exlink() -> str:
    # Not imported here: exlink keeps linear algebra to one thread by variables that the others would inherit.
    return "" if (ROOT / "exlink" / "stats" / "lmm").is_dir() else "exlink.stats.lmm does not exist"


def _no_gpboost() -> str:
    if (PEERS / "gpboost").is_dir() or importlib.util.find_spec("gpboost"):
        return ""
    return "gpboost is not installed (make bench installs it)"


def _no_lme4() -> str:
    if not shutil.which("Rscript"):
        return "there is no Rscript on this machine"
    code = 'quit(status = !all(sapply(c("lme4", "jsonlite"), requireNamespace, quietly = TRUE)))'
    done = subprocess.run(["Rscript", "-e", code], capture_output=True, check=False)
    return "" if done.returncode == 0 else "R has no lme4 or no jsonlite"
