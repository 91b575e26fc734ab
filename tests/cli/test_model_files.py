"""Model files that are none, or no longer are: each a named error with the remedy, and nothing in them is ever run."""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from likeliest.model import NEWEST

from .conftest import Cli, files

Values = dict[str, Any]


class Bomb:
    """What a pickle can do to whoever loads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("the pickle was run",)


def changed(change: Callable[[Values, Values], None]) -> Callable[[Path], bytes]:
    """A model file like the one given, but for what ``change`` does to its values and tensors."""

    def make(path: Path) -> bytes:
        with safe_open(path, "pt") as file:
            values = json.loads(file.metadata()["likeliest"])
        tensors = load_file(path)
        change(values, tensors)
        return save(tensors, {"likeliest": json.dumps(values)})

    return make


def put(key: str, value: Any) -> Callable[[Path], bytes]:
    return changed(lambda values, tensors: values.update({key: value}))


def theta(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], bytes]:
    return changed(lambda values, tensors: tensors.update(theta=change(tensors["theta"])))


ELSEWHERE = "expected a likeliest model file, found safetensors from elsewhere; write one with: likeliest fit"
NONE = "expected a likeliest model file, found none .*write one with: likeliest fit"
DAMAGED = "if it is one of ours it is damaged: copy it again, or write one with: likeliest fit"

BAD: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty": (lambda path: b"", NONE),
    "random bytes": (lambda path: bytes(range(256)) * 4, NONE),
    "a pickle": (lambda path: pickle.dumps(Bomb()), NONE),
    "a table": (lambda path: b"age,smoker\n1,yes\n", NONE),
    "cut short in the numbers": (lambda path: path.read_bytes()[:-7], NONE),
    "cut short in the header": (lambda path: path.read_bytes()[:90], NONE),
    "safetensors from elsewhere": (lambda path: save({"weight": torch.ones(3)}), ELSEWHERE),
    "safetensors from elsewhere with a θ": (lambda path: save({"theta": torch.ones(3)}), ELSEWHERE),
    "metadata that are no JSON": (lambda path: save({"theta": torch.ones(3)}, {"likeliest": "{"}), NONE),
    "metadata that are no object": (lambda path: save({"theta": torch.ones(3)}, {"likeliest": "[1]"}), ELSEWHERE),
    "a layout that is no number": (put("schema", "one"), ELSEWHERE),
    "a newer layout": (
        changed(lambda values, tensors: values.update(schema=NEWEST + 1, likeliest="9.9", encoder={"pixels": 3})),
        rf"written by likeliest 9\.9 \(layout {NEWEST + 1}\); this is .*, which reads layouts up to {NEWEST}; update",
    ),
    "an encoder of an unknown kind": (put("encoder", {"kind": "smell", "value": {}}), DAMAGED),
    "no encoder": (changed(lambda values, tensors: values.pop("encoder")), DAMAGED),
    "an unknown family": (
        put("family", {"name": "martian", "link": "logit"}),
        f"no family goes by .*'martian'.*{DAMAGED}",
    ),
    "a family that is none": (put("family", 3), DAMAGED),
    "an unknown predictor": (put("predictor", {"kind": "forest"}), f"no predictor of kind 'forest'.*{DAMAGED}"),
    "a predictor without a size": (put("predictor", {"kind": "linear"}), DAMAGED),
    "columns that are no pairs": (put("predictor", {"kind": "columns", "leading": [], "named": {"mean": 1}}), DAMAGED),
    "a target that is none": (put("target", []), DAMAGED),
    "too few parameters": (theta(lambda t: t[:-1]), rf"expected θ of shape \(5,\).*found shape \(4,\).*{DAMAGED}"),
    "parameters in a matrix": (theta(lambda t: t[None]), rf"found shape \(1, 5\).*{DAMAGED}"),
    "integers": (theta(lambda t: t.long()), f"in int64.*{DAMAGED}"),
    "parameters that are NaN": (theta(lambda t: t * torch.nan), f"with 5 NaN.*{DAMAGED}"),
}


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
@pytest.mark.parametrize("case", BAD)
def test_a_bad_model_file_ends_in_a_named_error(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_file: Path, people_csv: Path, case: str, verb: str
) -> None:
    make, message = BAD[case]
    path = tmp_path / "bad.likeliest"
    path.write_bytes(make(model_file))
    monkeypatch.chdir(tmp_path)
    before = files(tmp_path)
    ran = cli(verb, path, people_csv, *(["-o", tmp_path / "p.csv"] if verb == "predict" else []))
    assert (ran.code, ran.out) == (2, "")
    assert re.fullmatch(rf"likeliest: {path}.*{message}.*\n", ran.err)
    assert files(tmp_path) == before
    assert os.listdir(tmp_path) == ["bad.likeliest"]


def test_the_file_that_all_these_are_made_from_is_good(cli: Cli, model_file: Path, people_csv: Path) -> None:
    assert cli("predict", model_file, people_csv).code == 0
    assert changed(lambda values, tensors: None)(model_file)


@pytest.mark.parametrize("name", ["nowhere.likeliest", ".", "people.csv/m.likeliest"])
def test_a_model_file_that_is_not_there(cli: Cli, people_csv: Path, name: str) -> None:
    ran = cli("predict", people_csv.parent / name, people_csv)
    assert ran.code == 2
    assert re.fullmatch(r"likeliest: .*: no such file; `likeliest fit DATA -o .*` writes one\n", ran.err)
