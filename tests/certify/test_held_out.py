"""The bugs that the checker was not developed on, judged as a whole.

They run when LIKELIEST_HELD_OUT is set, which it is not while the checker is worked on.
"""

import os

import pytest

from .exam import mark, shares
from .planted import planted

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LIKELIEST_HELD_OUT"), reason="set LIKELIEST_HELD_OUT to sit the exam"),
    pytest.mark.slow,
]


def test_nearly_all_are_caught_and_named():
    marks = [mark(case) for case in planted(held_out=True)]
    for m in marks:
        if not m.right:
            print(m.name, "caught" if m.caught else "MISSED", m.said, sep="\n")
    caught, right = shares(marks)
    print(f"{len(marks)} held out: {caught:.1%} caught, {right:.1%} with the right part and cause")
    assert caught >= 0.99
    assert right >= 0.95
