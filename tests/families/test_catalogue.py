"""The catalogue: names, links, and what is said where there is none."""

import pytest

import likeliest as lk
from likeliest.errors import UnknownNameError


def test_an_unknown_name_says_which_was_meant():
    with pytest.raises(UnknownNameError, match="no family goes by the name 'poison'; did you mean 'poisson'"):
        lk.family("poison")
    with pytest.raises(UnknownNameError, match=r"There are: asymmetric_laplace, bernoulli, .*, poisson"):
        lk.family("zzz")


def test_an_unknown_link_names_those_of_the_family():
    with pytest.raises(
        UnknownNameError, match="no link of bernoulli goes by the name 'probit1'; did you mean 'probit'"
    ):
        lk.family("bernoulli", link="probit1")


def test_families_are_values():
    assert lk.family("normal") == lk.family("normal", link="identity")
    assert lk.family("normal") != lk.family("poisson")
    assert len(set(lk.families())) == len(lk.families())
