"""A thousand right gradients raise no alarm; the suite asks every other one, LIKELIEST_RIGHT=1000 all of them."""

import os
import warnings
from functools import cache

import pytest

import likeliest as lk

from .right import right_gradients

CHUNKS = 20
EVERY = 1000 // int(os.environ.get("LIKELIEST_RIGHT", "500"))


@cache
def everything():
    """All of them, made once a process and not once a chunk; none is asked twice."""
    return list(right_gradients())


@pytest.mark.parametrize("chunk", range(0, CHUNKS, EVERY))
def test_no_false_alarm(chunk):
    alarms = []
    for name, arguments in everything()[chunk::CHUNKS]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # far from θ, where differences begin, functions overflow
            certificate = lk.check_gradient(**arguments)
        if not certificate.passed:
            alarms.append(f"{name}\n{certificate}")
    assert not alarms, "\n".join(alarms)
