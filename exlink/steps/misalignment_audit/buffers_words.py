"""Step 06: human buffers as a verdict, and in sentences."""

from __future__ import annotations

import pandas as pd

from exlink.data.dataset import StudyData
from exlink.data.wording import in_words, signed
from exlink.stats.judgement import FAIL, OPEN, PASS, WATCH, judge
from exlink.stats.mediation import INDIRECT, TOTAL
from exlink.stats.power import minimum_detectable
from exlink.steps.misalignment_audit.buffers import SAME, STEP, TEAMS, Buffers, for_few
from exlink.steps.misalignment_audit.check import BEHIND, Check, not_assessable

NAME = "Human buffers"
FAULTS = {"escalated": "escalated", "reopened": "opened again", "transfers": "handed on"}
STRAIN = {"ease": "how hard everyday work is", "workload": "how heavy the load is"}


def buffers_check(found: Buffers | str, *, harmless: float, matters: float) -> Check:
    """Return the verdict on what faults cost in engagement by way of strain; bounds are losses, in % of the scale."""
    if isinstance(found, str):
        return not_assessable(BEHIND, NAME, found)
    row = found.engagement.set_index(["comparison", "path"]).loc[(TEAMS, INDIRECT)]
    cost, low, high = -row["estimate"], -row["conf_high"], -row["conf_low"]
    verdict = judge(cost, low, high, harmless=harmless, matters=matters)
    lead = {
        FAIL: "Where more goes wrong around people, they are more strained, and engagement is lower later",
        WATCH: "Where more goes wrong around people, strain may cost engagement later, which is not certain",
        PASS: "Where more goes wrong around people, strain costs a little engagement later"
              if low > 0 else
              "What goes wrong around people does not cost engagement by way of strain, as far as would matter",
        OPEN: "Whether what goes wrong around people costs engagement by way of strain cannot be told",
    }[verdict]  # fmt: skip
    seen = float(minimum_detectable(row["std_error"])) * for_few(int(row["n_teams"]))
    said = (
        f"{lead}: it changes by {_band(row)}% of the scale for {STEP:.0f} more faults in 100 contacts of the others in "
        f"the team (95% interval in brackets; a loss of up to {harmless:g} counts as harmless, from {matters:g} on it "
        "matters)"
    )
    if verdict in (OPEN, WATCH):
        said += f". About {seen:.1f}% would have been seen in four studies of five"
    said += f"; {int(row['n'])} answers of {int(row['n_people'])} people in {int(row['n_teams'])} teams."
    numbers = {"estimate": cost, "conf_low": low, "conf_high": high, "harmless": harmless, "matters": matters,
               "detectable": seen, "rho": found.rho}  # fmt: skip
    brief = (
        f"By way of strain, {STEP:.0f} more faults in 100 contacts around a person change engagement later by "
        f"{_band(row)}% of the scale."
    )
    return Check(BEHIND, NAME, verdict, said, found.engagement, {k: float(v) for k, v in numbers.items()}, brief)


def made_of_sentence(found: Buffers | str) -> str:
    """Say what counts as a fault and as strain, and how much faults differ."""
    if isinstance(found, str):
        return ""
    return (
        f"A *fault* is a contact that was {_or([FAULTS[c] for c in found.faults])}; around a person it differs "
        f"by a standard deviation of {found.spread:.1f} in 100 contacts from team to team and quarter to quarter. "
        f"*Strain* is what people say one quarter later: {in_words([STRAIN[p] for p in found.strain])}, 0 to 100."
    )


def steps_sentence(found: Buffers | str) -> str:
    """Say which of the two steps there is, and how strong an unseen cause would have to be."""
    if isinstance(found, str):
        return ""
    first, second = (found.steps.iloc[at] for at in (0, 1))
    return (
        f"Around a person, {STEP:.0f} more faults go with {_band(first)} points of strain a quarter later, and ten "
        f"points more of strain with {_band(second)}% of the scale of engagement the quarter after that. The second "
        "step may be due to something unseen that moves both, such as mood: a correlation of "
        f"{found.rho:+.2f} of what is left of the two would suffice. Only without such a cause, and without one that "
        "moves faults and what follows, is this a path of causes (sequential ignorability), and nothing here can show "
        "that there is none."
    )


def same_sentence(found: Buffers | str) -> str:
    """Say what is left when people are compared with themselves."""
    if isinstance(found, str):
        return ""
    rows = found.engagement.set_index(["comparison", "path"])
    if (SAME, INDIRECT) not in rows.index:
        return ""
    way, total = rows.loc[(SAME, INDIRECT)], rows.loc[(SAME, TOTAL)]
    return (
        "When the same person is compared over time, so that nothing lasting in people or teams counts, "
        f"{STEP:.0f} more faults go with {_band(total)}% of the scale of engagement in all, and {_band(way)}% by "
        "way of strain."
    )


def exits_sentence(found: Buffers | str) -> str:
    """Say what faults do to leaving."""
    if isinstance(found, str):
        return ""
    if isinstance(found.exits, str):
        return f"Exits are {found.exits}."
    rows = found.exits.set_index("path")
    return (
        f"Leaving within the quarter after: {_band(rows.loc[TOTAL])} percentage points in all, "
        f"{_band(rows.loc[INDIRECT])} by way of strain, for {STEP:.0f} more faults."
    )


def planted_sentence(data: StudyData, found: Buffers | str) -> str:
    """Say, of simulated data, that the first step is none, and the second one is there."""
    slope = (data.truth or {}).get("engagement", {}).get("ease_of_wave_before")
    if isinstance(found, str) or slope is None:
        return ""
    first, second = (found.steps.iloc[at] for at in (0, 1))
    none = "holds zero" if first["conf_low"] <= 0 <= first["conf_high"] else "does not hold zero"
    there = "is found" if second["conf_high"] < 0 else "is not found"
    return (
        "In these simulated data nothing that goes wrong around people makes their work harder, and hard work lowers "
        f"engagement a wave later: the interval of the first step {none}, and the second {there}."
    )


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _band(row: pd.Series) -> str:
    estimate, low, high = (signed(float(row[name]), 1) for name in ("estimate", "conf_low", "conf_high"))
    return f"{estimate} ({low} to {high})"


def shown_paths(found: Buffers | str, outcome: str) -> pd.DataFrame:
    """Return the paths to 'engagement' or to 'exits', ready to be released."""
    columns = ["label", "comparison", "estimate", "conf_low", "conf_high", "n_people"]
    table = found if isinstance(found, str) else {"engagement": found.engagement, "exits": found.exits}[outcome]
    return pd.DataFrame(columns=columns) if isinstance(table, str) else table[columns]
