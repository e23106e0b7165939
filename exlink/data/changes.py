"""How many changes between waves it takes before joint effects within units are told: one rule for steps 04 and 05."""

from __future__ import annotations

# Nine aspects without an effect, two waves, simulated: intervals from resampling hold zero in 97, 95, 93 and 95 % at
# 30, 40, 60 and 90 units, those of CR1 in 87, 88, 90 and 93 %. At 20 (2.2 changes an aspect) CR1 has 81 %, and a draw
# often cannot carry the slopes; 20 units of eight waves (15.6 changes) have 92 %.
CHANGES_EACH = 3  # waves beyond a unit's first, for each aspect estimated jointly, below which nothing is told
