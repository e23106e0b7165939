"""A value outside a parameter's choices is refused with all the help there is."""

import pytest

from exlink.data.choices import choice, chosen_kpi
from exlink.errors import ParameterError


def test_value_outside_the_choices_names_the_nearest_and_all():
    with pytest.raises(ParameterError) as caught:
        choice("focus", "recomend", ["ease", "recommend", "satisfaction"])
    said = "focus is 'recomend'; it must be one of ease, recommend, satisfaction. Did you mean 'recommend'?"
    assert str(caught.value) == said
    assert choice("every", "month", ("month", "quarter")) == "month"


def test_empty_kpi_is_satisfaction_where_it_was_asked_and_another_is_never_replaced():
    assert chosen_kpi("kpi", "", ["ease", "recommend", "satisfaction"]) == "satisfaction"
    assert chosen_kpi("kpi", "", ["ease", "recommend"]) == "recommend"
    assert chosen_kpi("kpi", "ease", ["ease", "recommend"]) == "ease"
    with pytest.raises(ParameterError, match=r"kpi is 'satisfaction'; it must be one of ease, recommend\."):
        chosen_kpi("kpi", "satisfaction", ["ease", "recommend"])
