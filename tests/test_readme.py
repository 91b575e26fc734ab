"""What README shows runs, and prints what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import likeliest as lk

README = Path(__file__).parents[1] / "README.md"


def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 3
    with pytest.warns(lk.errors.SeparationWarning, match="pass l2=1"):
        exec("\n".join(blocks), {})
    separated, converged, *rest = capsys.readouterr().out.splitlines()
    assert separated.startswith("separated: the rows are completely separable")
    assert converged.startswith("converged: gradient")
    assert any(line.startswith("sign_descent ") for line in rest)
