"""Step 04: multilevel models of single interactions, within and between apart, in several specifications (M23).

The same question is put to the data in three ways. A mixed model of all linked answers, in which employees and
customers each have an effect of their own (crossed) and every aspect is split into within and between; two-way fixed
effects on unit × wave means, which use the within part only; and, as a warning, plain least squares that does
not split. Where the first two agree, the choice of model is not what drives the answer.
"""

from exlink.data.panel import focus_outcome, within_reason
from exlink.steps.mixed_effects.check import agrees, cross_check
from exlink.steps.mixed_effects.models import FIXED, MIXED, NAIVE, Fits, Fitted, fit_all, lanes, strongest
from exlink.steps.mixed_effects.rows import Design, design, mediator_lines
from exlink.steps.mixed_effects.slopes import random_slope
from exlink.steps.mixed_effects.trust import checks, questions
from exlink.steps.mixed_effects.truth import effects_found, variances_found
from exlink.steps.mixed_effects.variances import variance_reason, variances

__all__ = [
    "FIXED", "MIXED", "NAIVE", "Design", "Fits", "Fitted", "agrees", "checks", "cross_check", "design",
    "effects_found", "fit_all", "focus_outcome", "lanes", "mediator_lines", "questions", "random_slope", "strongest",
    "variance_reason", "variances", "variances_found", "within_reason",
]  # fmt: skip
