"""Does the look-ahead test catch leaks that were planted before it was written, and leave clean pipelines alone?

    python benchmarks/look_ahead.py [--cuts 250]

The pipelines are those of tests/finance/leaks: 20 that look ahead and 20 that do not, with 6 more of each. The test
does not know which are which. It takes some minutes, for some pipelines fit models each time they are run.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.finance.leaks.exam import all_cases, sample_table

from likeliest.finance.lookahead import CUTS, check_lookahead

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cuts", type=int, default=CUTS)
    cuts = parser.parse_args().cuts
    right: Counter[str] = Counter()
    every: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in all_cases():
            found = check_lookahead(case.pipeline, sample_table(assets=case.assets), lag=case.lag, cuts=cuts)
            kind = f"{'leaky' if case.leaky else 'clean'}{', extra' if case.extra else ''}"
            every[kind] += 1
            right[kind] += found.passed is not case.leaky
            if found.passed is case.leaky:
                print(f"{case.name}: judged wrongly; {found.message}", flush=True)
    for kind in sorted(every):
        print(f"{kind}: {right[kind]} of {every[kind]} judged rightly")
