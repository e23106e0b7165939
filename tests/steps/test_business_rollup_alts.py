"""Figures of the roll-up are told with their numbers to those who listen."""

import numpy as np
import pandas as pd

from exlink.steps.business_rollup import alts


def test_rows_are_told_with_intervals_where_they_have_one():
    rows = pd.DataFrame({"label": ["a", "b"], "estimate": [0.5, 0.33], "conf_low": [0.1, np.nan]})
    told = alts.rows_alt(rows.assign(conf_high=[0.9, np.nan]), "label")
    assert told == "a 0.50 (0.10 to 0.90); b 0.33."
    assert alts.rows_alt(pd.DataFrame(), "label") == "Nothing to show."


def test_a_histogram_is_told_by_its_ends_its_top_and_what_is_lost():
    bins = pd.DataFrame({"left": [-10.0, 0.0, 10.0], "right": [0.0, 10.0, 20.0], "count": [1, 2, 1]})
    told = alts.spread_alt(bins, {"nothing gained": 0.0, "estimate": 7.0})
    assert told == "From -10 to 20, most often 0 to 10; 25% below zero; estimate at 7."
    assert alts.spread_alt(pd.DataFrame(), {}) == "Nothing to show."


def test_links_and_teams_are_told_without_a_name_of_a_team():
    hinges = pd.DataFrame({"link": ["x"], "low": [1.0], "high": [3.0], "base": [2.0]})
    assert alts.hinges_alt(hinges) == "Around 2: x 1 to 3."
    assert alts.hinges_alt(pd.DataFrame()) == "Nothing to show."
    teams = pd.DataFrame({"team": ["T1", "T2", "T3"], "g": [-0.2, 0.3, np.nan]})
    told = alts.teams_alt(teams.assign(g_low=[-0.4, 0.1, np.nan], g_high=[-0.1, 0.5, np.nan]), "g")
    assert told == "2 teams from -0.20 to +0.30; 1 clear above the whole company, 1 clear below."
