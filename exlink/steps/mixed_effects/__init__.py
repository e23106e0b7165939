"""Step 04: multilevel models of single interactions, within and between apart, in several specifications (M23).

The same question is put to the data in three ways. A mixed model of all linked answers, in which employees and
customers each have an effect of their own (crossed) and every aspect is split into within and between; two-way fixed
effects on unit × wave means, which use the within part only; and, as a warning, plain least squares that does
not split. Where the first two agree, the choice of model is not what drives the answer.
"""

from exlink.data.panel import focus_outcome, within_reason
from exlink.data.struggle import struggle_panel
from exlink.steps.mixed_effects.advocacy import (
    advocacy,
    advocacy_sentence,
    advocacy_words,
    answering,
    selection_sentence,
)
from exlink.steps.mixed_effects.alike import acts_alike, alike_sentence, chosen_aspects, group_words, of_aspects
from exlink.steps.mixed_effects.check import agrees, cross_check
from exlink.steps.mixed_effects.diagnostics import diagnostics, diagnostics_sentence, quantiles_words, residuals_words
from exlink.steps.mixed_effects.effort import effort_models
from exlink.steps.mixed_effects.mediation import mediation_paths
from exlink.steps.mixed_effects.mediation_words import (
    clear_paths,
    ignorability_sentence,
    paths_alt,
    paths_sentence,
    single_paths,
)
from exlink.steps.mixed_effects.models import FIXED, MIXED, NAIVE, Fits, Fitted, fit_all, lanes, strongest
from exlink.steps.mixed_effects.outcome_truth import nothing_planted, work_found
from exlink.steps.mixed_effects.outcome_words import dispersion_sentence, effort_sentence, work_alt, work_sentence
from exlink.steps.mixed_effects.outcomes import PERCENT, POINTS, fit_work
from exlink.steps.mixed_effects.rows import Design, design, mediator_lines
from exlink.steps.mixed_effects.scripts import scripts, scripts_words, turns_planted, turns_sentence
from exlink.steps.mixed_effects.slopes import first_slope, main_aspects, random_slopes, slopes_sentence
from exlink.steps.mixed_effects.slopes_truth import slopes_truth
from exlink.steps.mixed_effects.specifications import (
    specifications,
    specifications_sentence,
    specifications_words,
    without_circumstances,
)
from exlink.steps.mixed_effects.struggle import struggle_effects, struggle_notes, struggle_sentence, struggle_words
from exlink.steps.mixed_effects.struggle_link import (
    chain_sentence,
    links_notes,
    links_sentence,
    links_table,
    struggle_links,
)
from exlink.steps.mixed_effects.team_luck import team_luck, team_luck_facts, team_luck_sentence
from exlink.steps.mixed_effects.teams import team_sentence, team_variances, with_team
from exlink.steps.mixed_effects.trust import checks, questions
from exlink.steps.mixed_effects.truth import effects_found, variances_found
from exlink.steps.mixed_effects.variances import variance_reason, variances

__all__ = [
    "FIXED", "MIXED", "NAIVE", "PERCENT", "POINTS", "Design", "Fits", "Fitted", "acts_alike", "advocacy",
    "advocacy_sentence", "advocacy_words", "agrees", "alike_sentence", "answering", "chain_sentence", "checks",
    "chosen_aspects", "clear_paths", "cross_check", "design", "diagnostics", "diagnostics_sentence",
    "dispersion_sentence", "effects_found", "effort_models", "effort_sentence", "first_slope", "fit_all",
    "fit_work", "focus_outcome", "group_words", "ignorability_sentence", "lanes", "links_notes", "links_sentence",
    "links_table", "main_aspects", "mediation_paths", "mediator_lines", "nothing_planted", "of_aspects",
    "paths_alt", "paths_sentence", "quantiles_words", "questions", "random_slopes", "residuals_words", "scripts",
    "scripts_words", "selection_sentence", "single_paths", "slopes_sentence", "slopes_truth", "specifications",
    "specifications_sentence", "specifications_words", "strongest", "struggle_effects", "struggle_links",
    "struggle_notes", "struggle_panel", "struggle_sentence", "struggle_words", "team_luck", "team_luck_facts",
    "team_luck_sentence", "team_sentence", "team_variances", "turns_planted", "turns_sentence", "variance_reason",
    "variances", "variances_found", "with_team", "within_reason", "without_circumstances", "work_alt", "work_found",
    "work_sentence",
]  # fmt: skip
