"""The bugs that the checker was developed on. Those that it gets wrong stand here by name."""

import pytest

from .exam import mark
from .planted import planted

CASES = planted(held_out=False)
MISSED: frozenset[str] = frozenset()
WRONG_CAUSE = frozenset(
    {
        "hand-numpy-batch_norm-unknown-layer-norm",
        "hand-torch-attention-missing_term-coupling",
        "torch-attention-nonlinearity-softmax-as-identity",
    }
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_caught_and_named(case):
    marked = mark(case)
    assert marked.caught is (case.name not in MISSED), marked.said
    assert marked.part or not marked.caught, marked.said
    assert marked.cause is (case.name not in MISSED | WRONG_CAUSE), marked.said


def test_nearly_all_are_caught_and_named():
    assert len(MISSED) <= 0.01 * len(CASES)
    assert len(MISSED | WRONG_CAUSE) <= 0.05 * len(CASES)
