"""What docs/finance.md shows runs and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "finance.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, flags=re.DOTALL)


def test_its_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(SHOWN) == PAGE.count("```python")
    names: dict[str, Any] = {"__name__": "page"}
    for code, printed in SHOWN:
        exec(code, names)
        assert capsys.readouterr().out == printed
