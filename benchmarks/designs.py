"""What is measured: the simulated data sets, and the models every competitor fits to them."""

from dataclasses import dataclass

# Eight columns beside the intercept: four aspects that are constant within employee × wave, a continuous covariate,
# a channel with three levels (two columns), and a rating of 1–5.
FORMULA = "csat ~ tools + coaching + workload + recognition + wait + C(channel) + complexity"
NUMERIC = ("csat", "tools", "coaching", "workload", "recognition", "wait", "complexity")
CHANNELS = ("chat", "mail", "phone")
WAVES = 8


@dataclass(frozen=True, slots=True)
class Design:
    """One simulated data set.

    kind : str        "nested" (customers are not modelled) or "crossed" (employee × customer)
    rows : int        interactions
    employees : int   levels of the first grouping factor
    customers : int   levels of the second one; 0 when nested
    centred : bool    scores in points from the middle of their scale, which suits optimisers; else 1–5 as answered
    seed : int        of the generator
    """

    kind: str
    rows: int
    employees: int
    customers: int
    centred: bool = False
    seed: int = 20260703

    @property
    def name(self) -> str:
        """Return the name under which files and results are kept."""
        return f"{self.kind}_{self.rows}" + ("_centred" if self.centred else "")

    @property
    def label(self) -> str:
        """Return the name a reader sees."""
        return f"{self.kind}, {self.rows:,} rows" + (", scores centred" if self.centred else "")

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the columns that are grouping factors."""
        return ("employee_id", "customer_id") if self.customers else ("employee_id",)

    @property
    def strings(self) -> tuple[str, ...]:
        """Return the text columns."""
        return ("channel", *self.groups)


@dataclass(frozen=True, slots=True)
class Model:
    """One model, in the words of each competitor.

    name : str      used in results
    label : str     what a reader sees
    random : dict   group → right-hand sides of its random effects; two right-hand sides are independent of each other
    bars : str      the same as lme4's random terms
    reml : bool     REML, or maximum likelihood
    """

    name: str
    label: str
    random: dict[str, list[str]]
    bars: str
    reml: bool


MODELS = {
    "nested": (
        Model(
            name="reml",
            label="REML, intercept and slope correlated",
            random={"employee_id": ["1 + tools"]},
            bars="(1 + tools | employee_id)",
            reml=True,
        ),
        Model(
            name="ml",
            label="ML, intercept and slope independent",
            random={"employee_id": ["1", "0 + tools"]},
            bars="(1 + tools || employee_id)",
            reml=False,
        ),
    ),
    "crossed": (
        Model(
            name="reml",
            label="REML, intercepts",
            random={"employee_id": ["1"], "customer_id": ["1"]},
            bars="(1 | employee_id) + (1 | customer_id)",
            reml=True,
        ),
        Model(
            name="ml",
            label="ML, intercepts",
            random={"employee_id": ["1"], "customer_id": ["1"]},
            bars="(1 | employee_id) + (1 | customer_id)",
            reml=False,
        ),
    ),
}

DESIGNS = (
    Design("nested", rows=100_000, employees=300, customers=0),
    Design("nested", rows=1_000_000, employees=3_000, customers=0),
    Design("nested", rows=1_000_000, employees=3_000, customers=0, centred=True),
    Design("nested", rows=10_000_000, employees=3_000, customers=0),
    Design("crossed", rows=100_000, employees=300, customers=20_000),
    Design("crossed", rows=1_000_000, employees=3_000, customers=200_000),
)


def model(kind: str, name: str) -> Model:
    """Return the model of a kind of design by name."""
    return next(m for m in MODELS[kind] if m.name == name)


def theta_by_group(random: dict[str, list[str]], theta: list[float]) -> dict[str, list[float]]:
    """Split a relative covariance factor by grouping factor, as lme4 has the groups in another order."""
    split, start = {}, 0
    for group, sides in random.items():
        terms = [len([term for term in side.split(" + ") if term != "0"]) for side in sides]
        length = sum(k * (k + 1) // 2 for k in terms)
        split[group] = [float(value) for value in theta[start : start + length]]
        start += length
    return split
