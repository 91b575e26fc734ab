"""Learning rules side by side under one protocol, ending in a statistical conclusion.

::

    entrants   rules and the learning rates they try        ┐
    dealing    what a seed deals: split, units, θ₀          ├─ conduct: race
    trials     one rule, all its rates, one seed, one fit   ┘
    target     what has to be reached, and by which setting ┐
    comparing  paired t over seeds, Holm over rules         ├─ judging
    wording    the conclusion                               ┘
"""

from likeliest.race.comparing import Comparison
from likeliest.race.conduct import race
from likeliest.race.result import Band, Race, Row, Skipped

__all__ = ["Band", "Comparison", "Race", "Row", "Skipped", "race"]
