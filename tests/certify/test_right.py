"""A thousand right gradients raise no alarm; the suite asks every other one, LIKELIEST_RIGHT=1000 all of them."""

import itertools
import os
import warnings

import pytest

import likeliest as lk

from .right import right_gradients

CHUNKS = 20
EVERY = 1000 // int(os.environ.get("LIKELIEST_RIGHT", "500"))


@pytest.mark.parametrize("chunk", range(0, CHUNKS, EVERY))
def test_no_false_alarm(chunk):
    alarms = []
    for name, arguments in itertools.islice(right_gradients(), chunk, None, CHUNKS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # far from θ, where differences begin, functions overflow
            certificate = lk.check_gradient(**arguments)
        if not certificate.passed:
            alarms.append(f"{name}\n{certificate}")
    assert not alarms, "\n".join(alarms)
