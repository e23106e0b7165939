"""Terms of a model as words: what a fit says names columns, what a page says names aspects and circumstances."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from exlink.data.dataset import StudyData
from exlink.data.panel import column_label
from exlink.stats.lmm.fit import NOT_CONVERGED, SINGULAR
from exlink.steps.mixed_effects.controls import Control

PLAIN = {
    SINGULAR: "a variance is found to be zero",
    NOT_CONVERGED: "the search for the best fit did not settle",
}


def labels_of(
    data: StudyData, terms: Mapping[str, Sequence[str]], controls: Sequence[Control], customer: str
) -> dict[str, str]:
    """Return the words for every column a fit may name.

    Parameters
    ----------
    terms : mapping
        'within' and 'between' to the terms of EX of that kind.
    customer : str
        The column of customers.
    """
    labels = {data.unit: data.people, customer: "customers", "team_id": "teams", "(Intercept)": "the overall level"}
    for kind, names in terms.items():
        labels |= {t: f"{column_label(data, t.removesuffix(f'_{kind}'))} ({kind})" for t in names}
    for control in controls:
        for name in control.names:
            which = name.removeprefix(f"c_{control.name}").strip("_")
            labels[name] = f"{control.name} ({which})" if which else control.name
    return labels


def in_labels(text: str, labels: Mapping[str, str]) -> str:
    """Return what a fit says with the page's words for its columns, and plain ones for its warnings."""
    for said, plain in PLAIN.items():
        text = text.replace(said, plain)
    names = sorted(labels, key=len, reverse=True)  # the longest first: one name may begin another
    found = "|".join(re.escape(name) for name in names)
    return re.sub(rf"(?<![\w.])(?:{found})(?![\w.])", lambda hit: labels[hit.group()], text) if found else text
