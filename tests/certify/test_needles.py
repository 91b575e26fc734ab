"""One wrong component among a million in single precision, off by the median of its part."""

import os

import pytest

import likeliest as lk

from .right import needles

DRAWS = int(os.environ.get("LIKELIEST_NEEDLES", "4"))


@pytest.mark.slow
def test_it_is_found_with_its_index():
    found = 0
    for _, arguments, part, index in needles(DRAWS):
        certificate = lk.check_gradient(**arguments)
        found += [(f.part, f.index) for f in certificate.findings] == [(part, index)]
    assert found >= 0.99 * DRAWS
