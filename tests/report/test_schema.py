"""The samples say what the schema says: key by key, type by type."""

from __future__ import annotations

import ast
import types
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from likeliest.report import schema
from likeliest.report.schema import Report

from .conftest import SAMPLES, load


def mismatches(value: Any, kind: Any, place: str = "report") -> list[str]:
    """Every place where a value from JSON is not of its declared kind."""
    if is_typeddict(kind):
        return _object_mismatches(value, kind, place)
    origin, args = get_origin(kind), get_args(kind)
    if origin is NotRequired:
        return mismatches(value, args[0], place)
    if origin is list:
        return [m for i, item in enumerate(value) for m in mismatches(item, args[0], f"{place}[{i}]")]
    if origin is dict:
        return [m for key, item in value.items() for m in mismatches(item, args[1], f"{place}[{key!r}]")]
    if isinstance(kind, types.UnionType):
        tried = [mismatches(value, arm, place) for arm in args if (arm is type(None)) == (value is None)]
        return min(tried, key=len, default=[f"{place}: found {value!r}"])
    allowed = (int, float) if kind is float else kind
    fits = kind is Any or (isinstance(value, allowed) and (kind is bool or not isinstance(value, bool)))
    return [] if fits else [f"{place}: expected {kind}, found {value!r}"]


def _object_mismatches(value: Any, kind: Any, place: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{place}: expected an object, found {value!r}"]
    hints = get_type_hints(kind, include_extras=True)
    needed = {key for key, hint in hints.items() if get_origin(hint) is not NotRequired}
    found = [f"{place}: no key {key!r}" for key in needed - value.keys()]
    found += [f"{place}: unknown key {key!r}" for key in value.keys() - hints.keys()]
    shared = [key for key in hints if key in value]
    return found + [m for key in shared for m in mismatches(value[key], hints[key], f"{place}.{key}")]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_follow_the_schema(name):
    assert mismatches(load(name), Report) == []


def test_the_check_can_fail(report):
    report["race"]["rows"][0]["lr"] = "0.1"
    del report["models"][1]["nll_test"]
    report["data"]["colour"] = "red"
    assert len(mismatches(report, Report)) == 3


def test_every_field_is_documented():
    for path in Path(schema.__file__).parent.glob("*.py"):
        for table in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(table, ast.ClassDef):
                assert ast.get_docstring(table)
                for field, after in zip(table.body, [*table.body[1:], None], strict=True):
                    documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                    assert not isinstance(field, ast.AnnAssign) or documented, (path.name, table.name, field.target.id)
