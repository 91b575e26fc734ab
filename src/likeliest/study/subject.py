"""What a Python file of the user's offers to be checked: a loss and its gradient, found by their names.

``FILE.py:NAME`` names one of

- a function of θ that returns a number; beside it in the file stand its gradient, ``NAME_grad`` or ``grad``, and where
  to check it, ``NAME_theta`` or ``theta``: an array, a torch tensor, or a dictionary of them by name; and, for second
  order, the products ``NAME_hessian`` or ``NAME_fisher``, functions of (θ, v);
- a torch module, or a class or function that makes one; beside it stand ``loss`` (output, y) → number and ``batch``,
  the pair (x, y);
- a dictionary of the arguments of `likeliest.check_gradient`, or a function without arguments that returns one.

The file is code and is run, as ``python FILE.py`` would run it.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from torch.nn import Module

from likeliest.errors import CodeError, LikeliestError

_WANTED = {"loss": "a function of (output, y) that returns a number", "batch": "the pair (x, y) to check it on"}
_GRADIENTS = ("{}_grad", "{}_gradient", "grad_{}", "gradient_{}", "grad", "gradient")
_POINTS = ("{}_theta", "theta", "{}_theta0", "theta0", "{}_params", "params")


def subject(place: str) -> dict[str, Any]:
    """Return the arguments of `check_gradient` that ``FILE.py:NAME`` stands for.

    Raises:
        CodeError: there is no such file or name, something beside it is missing, or the file's own code fails.
    """
    file, name = _parts(place, "loss.py:loss")
    with naming(file):
        found = _named(_run(file), file, name)
        if isinstance(found, type) or (callable(found) and not isinstance(found, Module) and _takes_nothing(found)):
            found = found()
    beside = vars(sys.modules[_module_name(file)])
    if isinstance(found, Mapping):
        return dict(found)
    if isinstance(found, Module):
        return {"module": found} | {
            what: _beside(beside, file, name, (what,), wanted) for what, wanted in _WANTED.items()
        }
    if callable(found):
        grad = _beside(beside, file, name, _GRADIENTS, "its gradient, a function of θ")
        theta = _beside(beside, file, name, _POINTS, "a θ to check it at, an array")
        products = {order: beside[f"{name}_{order}"] for order in ("hessian", "fisher") if f"{name}_{order}" in beside}
        return {"fun": found, "grad": grad, "theta": theta, **products}
    raise CodeError(
        f"{file}: expected {name} to be a function of θ, a torch module or a dictionary of check_gradient's arguments, "
        f"found a {type(found).__name__}"
    )


def function_of(place: str) -> Callable[..., Any]:
    """Return the function that ``FILE.py:NAME`` stands for.

    Raises:
        CodeError: there is no such file or function, or the file's own code fails.
    """
    file, name = _parts(place, "features.py:features")
    with naming(file):
        found = _named(_run(file), file, name)
    if not callable(found):
        raise CodeError(f"{file}: expected {name} to be a function, found a {type(found).__name__}")
    function: Callable[..., Any] = found
    return function


def _parts(place: str, example: str) -> tuple[Path, str]:
    path, _, name = place.rpartition(":")
    file = Path(path or name)
    if not file.is_file():
        raise CodeError(f"{file}: no such file; write FILE.py:NAME, such as {example}")
    return file, name


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Turn what the code of a file raises into one line that says where in the file, and what."""
    try:
        yield
    except LikeliestError:
        raise
    except SyntaxError as error:
        raise CodeError(f"{file} line {error.lineno}: {error.msg}") from error
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == file.resolve()]
        if not frames:
            raise
        within = "" if frames[-1].name == "<module>" else f", in {frames[-1].name}"
        raise CodeError(f"{file} line {frames[-1].lineno}{within}: {type(error).__name__}: {error}") from error


def _run(file: Path) -> ModuleType:
    """Run a file as a module, with its folder among the places to import from."""
    spec = importlib.util.spec_from_file_location(_module_name(file), file.resolve())
    if spec is None or spec.loader is None:
        raise CodeError(f"{file}: expected a Python file, whose name ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(file.resolve().parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


def _module_name(file: Path) -> str:
    return f"checked_{file.stem}"


def _named(module: ModuleType, file: Path, name: str) -> Any:
    names = [n for n in vars(module) if not n.startswith("_")]
    if name in vars(module):
        return vars(module)[name]
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names[:10]) or 'no names at all'}"
    raise CodeError(f"{file}: it has no {name or 'name after the colon'}; {hint}")


def _takes_nothing(function: Any) -> bool:
    return not inspect.signature(function).parameters


def _beside(names: Mapping[str, Any], file: Path, name: str, patterns: tuple[str, ...], wanted: str) -> Any:
    """The first of several names that the file has."""
    for pattern in patterns:
        if (found := pattern.format(name)) in names:
            return names[found]
    raise CodeError(
        f"{file}: {name} needs {wanted}; define {patterns[0].format(name)} in the file, or let {name} be a dictionary "
        "of the arguments of likeliest.check_gradient"
    )
