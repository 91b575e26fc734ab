"""What docs/images.md shows runs and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "images.md").read_text(encoding="utf-8")


def test_its_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    printed = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)[-1]
    exec(code, {"__name__": "page"})
    assert capsys.readouterr().out == printed
