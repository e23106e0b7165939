"""What is covered and who meets whom, in words: of coverage by quarter, and of roles at customer touchpoints."""

from __future__ import annotations

import pandas as pd

from exlink.data.wording import in_words
from exlink.steps.journey_mapping.influence import EVERYBODY

EVEN = 1.1  # times an even share, up to which contacts count as spread evenly


def coverage_sentence(shown: pd.DataFrame, is_hidden: pd.Series) -> str:
    """Say which moments can be read quarter by quarter.

    Parameters
    ----------
    shown, is_hidden : what the gate released of :func:`exlink.steps.journey_mapping.lifecycle.coverage`.
    """
    if shown.empty:
        return ""
    hidden = is_hidden.to_numpy(dtype=bool)
    cells = shown[["touchpoint"]].assign(hidden=hidden, blind=~hidden & shown["value"].isna().to_numpy())
    moments = cells.groupby("touchpoint", sort=False)[["hidden", "blind"]].agg(["any", "all"])
    blind = set(moments.index[moments["blind", "any"]])
    few = list(moments.index[moments["hidden", "all"]])
    partly = [name for name in moments.index[moments["hidden", "any"]] if name not in {*few, *blind}]
    whole = [name for name in moments.index if name not in {*few, *partly, *blind}]
    said = f"**{len(whole)} of {len(moments)} moments can be read in every quarter in which people met them"
    said += f": {in_words(whole)}.**" if len(whole) else ".**"
    if few:
        said += f" Every quarter is hidden, for want of people, of {in_words(few)}."
    if partly:
        said += f" Some quarters are hidden of {in_words(partly)}."
    if blind:
        asked = in_words([name for name in moments.index if name in blind])
        said += f" In quarters that can be shown, nobody is asked about {asked}."
    return said


def reach_sentence(shown: pd.DataFrame) -> str:
    """Say which stages all roles meet, which only one does, and where contacts lie.

    Parameters
    ----------
    shown : what the gate released of :func:`exlink.steps.journey_mapping.influence.influence`.
    """
    met = shown[shown["share"].notna()]
    if met.empty:
        return ""
    roles, stages = list(met["role"].unique()), list(met["touchpoint"].unique())
    top = met.loc[met.groupby("role", sort=False)["share"].idxmax()].set_index("role")
    if roles == [EVERYBODY]:
        most = top.loc[EVERYBODY]
        if most["share"] <= EVEN / len(stages):
            return f"**Contacts are spread evenly over {len(stages)} stages.**"
        return f"**Most contacts are at {most['touchpoint']}, {most['share']:.0%} of all at {len(stages)} stages.**"
    by_stage = met.groupby("touchpoint", sort=False)["role"].agg(list)
    shared = int((by_stage.map(len) == len(roles)).sum())
    said = f"**{shared} of {len(stages)} stages are shown to be met by all {len(roles)} roles.**"
    alone = [f"{stage} ({names[0]})" for stage, names in by_stage.items() if len(names) == 1 and len(roles) > 1]
    if alone:
        said += f" One role alone is shown at {in_words(alone)}."
    mostly = [f"{role} at {row['touchpoint']} ({row['share']:.0%})" for role, row in top.iterrows()]
    return f"{said} Most contacts of each role: {in_words(mostly)}." if len(roles) <= 6 else said
