"""The exam of the look-ahead test: leaks and clean pipelines that were planted and committed before it was written."""

import pytest
from tests.finance.leaks.exam import all_cases, sample_table

from likeliest.finance.lookahead import check_lookahead

CUTS = {True: 60, False: 8}
"""By whether there is a leak: fewer than by default, so that the exam takes a minute. With all of them every one of the
52 is judged rightly too: benchmarks/look_ahead.py."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_leaks_are_caught_and_clean_pipelines_raise_no_alarm(case):
    found = check_lookahead(case.pipeline, sample_table(assets=case.assets), lag=case.lag, cuts=CUTS[case.leaky])
    assert found.passed is not case.leaky, found.message
