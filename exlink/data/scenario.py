"""What a study plans to change, as its file declares it: the rows of the key ``scenarios`` (M35).

``scenario_check.py`` holds them against the data: whether the aspect was asked, and whether anybody has the role.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from exlink.errors import listed

CUSTOMER_LEVERS = {"waiting_time": "waiting times"}  # what `kind: cx` can change, and its words


class Scenario(BaseModel):
    """One plan: what is raised by how much, for whom, at what cost, and for how long its benefit is counted.

    kind : ``ex`` raises an aspect of work; ``cx`` cuts something customers meet, for comparison
    aspect : of the EX survey; under ``cx`` one of `CUSTOMER_LEVERS`
    delta : points of the aspect's own scale; under ``cx`` the share by which it falls, 0.2 for a fifth
    group : a role; empty for everyone
    cost, cost_per_person : spent once, in the study's currency; exactly one of them
    duration_months : for how long the effect lasts and its benefit is counted
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=80)
    kind: Literal["ex", "cx"] = "ex"
    aspect: str
    delta: float = Field(gt=0, allow_inf_nan=False)
    group: str = ""
    cost: float | None = Field(None, gt=0, allow_inf_nan=False)
    cost_per_person: float | None = Field(None, gt=0, allow_inf_nan=False)
    duration_months: float = Field(12, gt=0, le=120)

    @model_validator(mode="after")
    def _whole(self) -> Scenario:
        if (self.cost is None) == (self.cost_per_person is None):
            raise ValueError("give exactly one of `cost` (in all) and `cost_per_person`")
        if self.kind == "cx" and self.aspect not in CUSTOMER_LEVERS:
            raise ValueError(
                f"'{self.aspect}' is nothing that a scenario of kind `cx` can change; its aspect can be "
                f"{listed(CUSTOMER_LEVERS)}"
            )
        if self.kind == "cx" and self.delta >= 1:
            raise ValueError(
                f"delta is {self.delta:g}; under kind `cx` it is the share by which {CUSTOMER_LEVERS[self.aspect]} "
                "fall, between 0 and 1"
            )
        return self


def refuse_alike(scenarios: tuple[Scenario, ...]) -> None:
    """Raise ValueError where two scenarios would be told by the same words."""
    seen: dict[tuple, int] = {}
    for place, one in enumerate(scenarios, start=1):
        told = (one.name,) if one.name else (one.kind, one.aspect, one.delta, one.group)
        if told in seen:
            raise ValueError(f"entries {seen[told]} and {place} would be told alike; give each a `name` of its own")
        seen[told] = place
