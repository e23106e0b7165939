"""What was promised, beside what was measured. Standard library only."""

from collections.abc import Iterator, Sequence

from benchmarks.competitors import EXACT_PEER, OTHER_BLAS
from benchmarks.measure import Result

RELATIVE, ABSOLUTE = 1e-5, 1e-3  # agreement with lme4: fixed effects and standard errors; criterion
TIMED = ("nested_1000000", "nested_1000000_centred", "crossed_1000000")  # designs that have targets against lme4

Target = dict[str, str]


def differences(result: Result, reference: Result | dict) -> dict[str, float] | None:
    """Return how far a fit is from another one.

    Parameters
    ----------
    result : Result
    reference : Result or dict
        A result, or the estimates of one.

    Returns
    -------
    dict or None
        ``fixef`` and ``std_error``: the largest relative difference over terms; ``criterion``: the signed difference.
        None if either has no estimates.
    """
    other = reference.answer if isinstance(reference, Result) else reference
    if not result.done or not result.answer.get("fixef") or not other.get("fixef"):
        return None
    far = {
        part: max(abs(result.answer[part][term] / value - 1) for term, value in other[part].items())
        for part in ("fixef", "std_error")
    }
    return far | {"criterion": result.answer["criterion"] - other["criterion"]}


def targets(results: Sequence[Result]) -> list[Target]:
    """Return every target as what · wanted · measured · verdict."""
    by = {(r.design, r.model, r.competitor): r for r in results}
    found = []
    for design in TIMED[:2]:
        what = "nested, 1 M rows" + (", scores centred" if "centred" in design else "")
        found += [
            _faster(by, what, design, "reml", "lme4", 60),
            _faster(by, what, design, "reml", "statsmodels", 100),
            _smaller(by, what, design, 5),
        ]
    found.append(_scan(by))
    found += [
        _faster(by, "crossed, 1 M rows", "crossed_1000000", "reml", "lme4", 20),
        _faster(by, "crossed, 1 M rows", "crossed_1000000", "ml", EXACT_PEER, 8),
        _faster(by, "crossed, 1 M rows, its default: iterative", "crossed_1000000", "ml", "gpboost", 8),
        _memory(by, "crossed, 1 M rows", "crossed_1000000", 1_500),
    ]
    found += [_for_comparison(by, r) for r in results if r.competitor == OTHER_BLAS and r.done and r.design in TIMED]
    return found + [line for r in results if r.competitor == "lme4" for line in _agreement(by, r)]


def _line(what: str, wanted: str, measured: str = "", met: bool | None = None) -> Target:
    verdict = {None: "not measured", True: "met", False: "missed"}[met]
    return {"what": what, "wanted": wanted, "measured": measured, "verdict": verdict}


def _faster(by: dict, what: str, design: str, model: str, peer: str, times: float) -> Target:
    own, other = by.get((design, model, "exlink")), by.get((design, model, peer))
    what = f"{what}: faster than {peer}{' (ML)' if model == 'ml' else ''}"
    if not own or not own.done or not other or not other.runs or other.status.startswith("failed"):
        return _line(what, f"≥ {times}×")
    ratio = other.least / own.fit
    at_least = "" if other.done else "at least "
    measured = f"{at_least}{ratio:,.1f}× ({other.least:.2f} s against {own.fit:.2f} s)"
    if not other.done and ratio < times:
        return _line(what, f"≥ {times}×", measured)  # a lower bound below the target decides nothing
    return _line(what, f"≥ {times}×", measured, ratio >= times)


def _for_comparison(by: dict, other: Result) -> Target:
    """Say how a ratio changes when R has a faster BLAS than its own; nothing was promised about that."""
    line = _faster(by, other.design, other.design, other.model, other.competitor, 1)
    return line | {"wanted": "", "verdict": "for comparison"}


def _smaller(by: dict, what: str, design: str, times: float) -> Target:
    own, other = by.get((design, "reml", "exlink")), by.get((design, "reml", "lme4"))
    what = f"{what}: peak memory against lme4"
    if not own or not own.done or not other or not other.done:
        return _line(what, f"≤ 1/{times}")
    measured = f"1/{other.peak / own.peak:.1f} ({own.peak:,.0f} MB against {other.peak:,.0f} MB)"
    return _line(what, f"≤ 1/{times}", measured, own.peak * times <= other.peak)


def _scan(by: dict) -> Target:
    own, floor = by.get(("nested_10000000", "reml", "exlink")), by.get(("nested_10000000", "reml", "scan"))
    what, wanted = "nested, 10 M rows: against the bare scan", "≤ 4 × scan + 1 s"
    if not own or not own.done or not floor or not floor.done:
        return _line(what, wanted)
    bound = 4 * floor.fit + 1
    measured = f"{own.fit:.2f} s; 4 × {floor.fit:.2f} s + 1 s = {bound:.2f} s"
    return _line(what, wanted, measured, own.fit <= bound)


def _memory(by: dict, what: str, design: str, most: float) -> Target:
    own = by.get((design, "reml", "exlink"))
    if not own or not own.done:
        return _line(f"{what}: peak memory", f"≤ {most:,} MB")
    return _line(f"{what}: peak memory", f"≤ {most:,} MB", f"{own.peak:,.0f} MB", own.peak <= most)


def _agreement(by: dict, lme4: Result) -> Iterator[Target]:
    """Compare at the same variances (algebra), and at the optima (algebra and search)."""
    own = by.get((lme4.design, lme4.model, "exlink"))
    wanted = f"{RELATIVE:.0e} relative, {ABSOLUTE:.0e} absolute"
    ways = {
        "at exlink's variances": lme4.answer.get("at"),
        "at the optimum, lme4 tightened": lme4.answer.get("tight"),
        "at the optimum, lme4's default tolerance": lme4.answer,
    }
    for way, reference in ways.items():
        what = f"agreement with lme4, {lme4.design} {lme4.model.upper()}, {way}"
        far = differences(own, reference or {}) if own else None
        if not far:
            yield _line(what, wanted)
            continue
        measured = f"fixed effects {far['fixef']:.1e}, SE {far['std_error']:.1e}, criterion {far['criterion']:+.1e}"
        met = max(far["fixef"], far["std_error"]) <= RELATIVE and abs(far["criterion"]) <= ABSOLUTE
        if not met and far["criterion"] < 0:
            measured += ": lme4 stopped short of exlink's optimum"
        yield _line(what, wanted, measured, met)
