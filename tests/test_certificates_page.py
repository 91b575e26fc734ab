"""What docs/certificates.md shows runs and finds what it says, and its table has every cause."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from likeliest.certify.suspect import Cause

PAGE = (Path(__file__).parents[1] / "docs" / "certificates.md").read_text(encoding="utf-8")


def test_its_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    exec("\n".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)), {"__name__": "page"})
    by_hand, module = capsys.readouterr().out.splitlines()
    passed, part, cause, factor = by_hand.split()
    assert (passed, part, cause) == ("False", "theta", "scale")
    assert float(factor) == pytest.approx(32)
    assert module == "1 nonlinearity"


def test_its_table_has_every_cause() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE) == [str(cause) for cause in Cause]
