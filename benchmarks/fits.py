"""One competitor's fit in a process of its own, timed: ``python -m benchmarks.fits NAME JOB.json``.

The job names the files, the model and where the answer goes. Loading the library, reading the file and fitting are
timed apart; a fit is over when fixed effects, their standard errors and the criterion are at hand.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.designs import theta_by_group

Job = dict
Answer = dict


@contextmanager
def timed(answer: Answer, part: str) -> Iterator[None]:
    """Note how long a part took, in seconds."""
    started = time.perf_counter()
    yield
    answer[f"{part}_seconds"] = time.perf_counter() - started


def exlink(job: Job) -> Answer:
    """Fit with exlink, from the path of the Parquet file: reading is part of the fit."""
    answer: Answer = {"read_seconds": 0.0}
    with timed(answer, "load"):
        from exlink.stats.lmm import fit_lmm
    with timed(answer, "fit"):
        fit = fit_lmm(job["formula"], job["parquet"], random=job["random"], reml=job["reml"])
        answer |= {
            "fixef": fit.fixef.to_dict(),
            "std_error": fit.std_error.to_dict(),
            "criterion": float(fit.objective),
        }
    answer |= {"theta": theta_by_group(job["random"], list(fit.theta)), "message": fit.message}
    answer["evaluations"] = int(fit.evaluations)
    return answer | {"software": _versions("exlink", "duckdb", "numpy") | _numpy_blas()}


def scan(job: Job) -> Answer:
    """Read the same columns with the engine alone: the sum of every number, the length of every text."""
    parts = [f"sum({c})" for c in job["numeric"]] + [f"sum(strlen({c}))" for c in job["strings"]]
    return _query(f"SELECT count(*), {', '.join(parts)} FROM read_parquet(?)", job)


def grouped(job: Job) -> Answer:
    """Sum every number by level of the grouping factors, with the engine alone: what any compression has to do."""
    sums = ", ".join(f"sum({c}) AS {c}" for c in job["numeric"])
    inner = f"SELECT {sums} FROM read_parquet(?) GROUP BY {', '.join(job['random'])}"
    return _query(f"SELECT count(*), {', '.join(f'sum({c})' for c in job['numeric'])} FROM ({inner})", job)


def _query(sql: str, job: Job) -> Answer:
    answer: Answer = {"read_seconds": 0.0}
    with timed(answer, "load"):
        import duckdb
    with timed(answer, "fit"):
        count, *_ = duckdb.connect().execute(sql, [job["parquet"]]).fetchone()
    return answer | {"message": f"{count:,} rows", "software": _versions("duckdb")}


def statsmodels(job: Job) -> Answer:
    """Fit with MixedLM, which takes one grouping factor."""
    answer: Answer = {}
    with timed(answer, "load"):
        import pandas as pd
        import statsmodels.formula.api as smf
    with timed(answer, "read"):
        frame = pd.read_parquet(job["parquet"])
    ((group, (slopes,)),) = job["random"].items()
    with timed(answer, "fit"):
        model = smf.mixedlm(job["formula"], frame, groups=group, re_formula=f"~ {slopes}")
        fit = model.fit(reml=job["reml"])
        answer |= {
            "fixef": fit.fe_params.to_dict(),
            "std_error": fit.bse_fe.to_dict(),
            "criterion": -2 * float(fit.llf),
        }
    renamed = {"Intercept": "(Intercept)"}
    for part in ("fixef", "std_error"):
        answer[part] = {renamed.get(term, term): float(value) for term, value in answer[part].items()}
    message = "" if fit.converged else "did not converge"
    return answer | {"message": message, "software": _versions("statsmodels", "numpy", "pandas") | _numpy_blas()}


def gpboost(job: Job, inversion: str = "default") -> Answer:
    """Fit with gpboost: maximum likelihood, intercepts and slopes independent of each other.

    With crossed effects its default solves the equations iteratively, to some digits; "cholesky" solves them exactly.
    """
    answer: Answer = {}
    with timed(answer, "load"):
        import formulaic
        import gpboost as gpb
        import numpy as np
        import pandas as pd
    with timed(answer, "read"):
        frame = pd.read_parquet(job["parquet"])
    if job["reml"]:
        raise ValueError("gpboost has no REML")
    with timed(answer, "fit"):
        x = formulaic.model_matrix(job["formula"].partition("~")[2], frame)
        # text columns are refused as groups: numbers stand for them
        groups = np.column_stack([pd.factorize(frame[g])[0] for g in job["random"]])
        slopes = [
            (i, rhs.removeprefix("0 + "))
            for i, terms in enumerate(job["random"].values(), start=1)
            for rhs in terms
            if rhs != "1"
        ]
        effects = {
            "group_rand_coef_data": frame[[name for _, name in slopes]].to_numpy(),
            "ind_effect_group_rand_coef": [i for i, _ in slopes],
        }
        model = gpb.GPModel(
            group_data=groups, likelihood="gaussian", matrix_inversion_method=inversion,
            **(effects if slopes else {}),
        )  # fmt: skip
        model.fit(y=frame["csat"].to_numpy(), X=x.to_numpy())
        coefficients = model.get_coef(std_err=True, format_pandas=False)
        criterion = 2 * float(model.get_current_neg_log_likelihood())
    names = ["(Intercept)" if c == "Intercept" else c for c in x.columns]
    answer |= {"fixef": _named(names, coefficients[0]), "std_error": _named(names, coefficients[1])}
    answer |= {"criterion": criterion, "evaluations": int(model._get_num_optim_iter()), "message": ""}
    return answer | {"software": _versions("gpboost", "numpy") | _numpy_blas()}


def _named(names: list[str], values: list[float]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _versions(*packages: str) -> dict[str, str]:
    return {package: importlib.import_module(package).__version__ for package in packages}


def _numpy_blas() -> dict[str, str]:
    """Name the linear algebra numpy was built with."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"BLAS of numpy": f"{blas['name']} {blas['version']}"}


FITS: dict[str, Callable[[Job], Answer]] = {
    "exlink": exlink,
    "scan": scan,
    "grouped": grouped,
    "statsmodels": statsmodels,
    "gpboost": gpboost,
    "gpboost_exact": partial(gpboost, inversion="cholesky"),
}

if __name__ == "__main__":
    described = json.loads(Path(sys.argv[2]).read_text())
    given = FITS[sys.argv[1]](described)
    given["version"] = given["software"].get(sys.argv[1].removesuffix("_exact"), given["software"].get("duckdb"))
    Path(described["answer"]).write_text(json.dumps(given))
