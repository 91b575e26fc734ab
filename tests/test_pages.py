"""What pages of docs show runs and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", ["finance.md", "speech.md"])
def test_its_python_runs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, flags=re.DOTALL)
    assert 0 < len(shown) == page.count("```python")
    names: dict[str, Any] = {"__name__": "page"}
    for code, printed in shown:
        exec(code, names)
        assert capsys.readouterr().out == printed
