"""The package as a whole: its version, what importing it costs, and that every public name is what it says."""

import operator
import re
import subprocess
import sys
from pathlib import Path

import pytest

import likeliest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "numpy", "scipy", "sklearn", "polars", "altair", "typer")
SHADOWED = ("families", "fit", "race", "rules", "study")  # names of a submodule and of a public function


def run(code: str) -> str:
    """Run code in a new interpreter, where nothing has been imported yet, and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_the_changelog_starts_with_this_version():
    versions = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    released = [version for version in versions if version != "Unreleased"]
    assert released[0] == likeliest.__version__


def test_import_loads_nothing_heavy():
    assert run(f"import likeliest, sys; print([m for m in {HEAVY} if m in sys.modules])") == "[]"


def test_a_cold_fit_does_not_wait_for_parts_of_scipy_that_it_does_not_use():
    parts = ("scipy.optimize", "scipy.special", "scipy.stats")
    fit = "import likeliest as lk, torch; lk.fit(lk.Objective(lk.family('categorical'), lk.MLP((2, 3)),"
    fit += " torch.rand(8, 2), torch.arange(8) % 3), lk.rule('adam'), batch_size=4, budget=1)"
    assert run(f"{fit}; import sys; print([m for m in {parts} if m in sys.modules])") == "[]"


@pytest.mark.parametrize("name", likeliest.__all__)
def test_every_public_name_resolves(name):
    assert name in dir(likeliest)
    value = getattr(likeliest, name)
    assert getattr(value, "__name__", name).rpartition(".")[2] == name


def test_the_table_of_homes_is_the_public_face():
    assert set(likeliest.__all__) == {"__version__", "errors", *likeliest._HOME}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'likeliest' has no attribute 'optimise'"):
        operator.attrgetter("optimise")(likeliest)


@pytest.mark.parametrize(
    "first",
    [
        "import likeliest as lk; lk.{0}",
        "import likeliest.{0}",
        "from likeliest.{0} import __name__",
    ],
)
def test_no_submodule_takes_the_place_of_the_function_of_its_name(first):
    lines = [first.format(name) for name in SHADOWED]
    kinds = f"[type(getattr(likeliest, name)).__name__ for name in {SHADOWED}]"
    assert run("\n".join([*lines, f"import likeliest; print({kinds})"])) == str(["function"] * len(SHADOWED))


def test_a_function_is_the_one_its_submodule_defines():
    same = "likeliest.fit is fit and likeliest.Fit is Fit"
    assert run(f"from likeliest.fit import Fit, fit; import likeliest; print({same})") == "True"
