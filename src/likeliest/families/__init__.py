"""What is likely: probability functions p(y | η), by name or of one's own.

``family("bernoulli")`` is the family with its first link; `families` lists all there are. `Automatic` makes a new one
from its log p, `ExponentialFamily` from A, T and log h.

Modules say ``import scipy`` and name its parts where they call them: those load when they are first used. Loaded at
once, they would double what a cold fit waits for besides PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from likeliest.errors import UnknownNameError
from likeliest.families.asymmetric_laplace import AsymmetricLaplace
from likeliest.families.automatic import Automatic
from likeliest.families.base import Canonical, Family
from likeliest.families.bernoulli import Bernoulli
from likeliest.families.binomial import Binomial
from likeliest.families.categorical import Categorical
from likeliest.families.ctc import CTC
from likeliest.families.exponential_family import ExponentialFamily
from likeliest.families.gamma import Gamma
from likeliest.families.laplace import Laplace
from likeliest.families.negative_binomial import NegativeBinomial
from likeliest.families.normal import Normal
from likeliest.families.poisson import Poisson
from likeliest.families.skewed_student_t import SkewedStudentT
from likeliest.families.standardised_student_t import StandardisedStudentT
from likeliest.families.student_t import StudentT

__all__ = [
    "CTC",
    "AsymmetricLaplace",
    "Automatic",
    "Bernoulli",
    "Binomial",
    "Canonical",
    "Categorical",
    "ExponentialFamily",
    "Family",
    "Gamma",
    "Laplace",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "SkewedStudentT",
    "StandardisedStudentT",
    "StudentT",
    "families",
    "family",
    "from_json",
]

_CATALOGUE: dict[str, type[Family]] = {
    kind.name: kind
    for kind in (
        Bernoulli,
        Binomial,
        Categorical,
        Normal,
        StudentT,
        StandardisedStudentT,
        SkewedStudentT,
        Laplace,
        AsymmetricLaplace,
        Gamma,
        Poisson,
        NegativeBinomial,
        CTC,
    )
}


def family(name: str, link: str | None = None, **settings: Any) -> Family:
    """Return a family by name.

    Args:
        name: such as ``"bernoulli"``, ``"normal"`` or ``"poisson"``; `families` lists all.
        link: how η maps to the mean; the family's first if None.
        settings: what else the family lets one set, by name.

    Raises:
        UnknownNameError: there is no such family, or it has no such link or setting.

    Example:
        >>> import likeliest as lk
        >>> lk.family("poisson").score_formula
        'y − e^η'
    """
    if name not in _CATALOGUE:
        raise UnknownNameError(_unknown("family", name, _CATALOGUE))
    kind = _CATALOGUE[name]
    if link is not None and link not in kind.links:
        raise UnknownNameError(_unknown(f"link of {name}", link, kind.links))
    known = {field.name for field in fields(kind)} - {"link"}  # type: ignore[arg-type]
    for setting in settings.keys() - known:
        raise UnknownNameError(_unknown(f"setting of {name}", setting, known))
    chosen = {"link": link} if link is not None and len(kind.links) > 1 else {}
    return kind(**chosen, **settings)


def families() -> tuple[Family, ...]:
    """Return every family with each of its links; what they are stands in their fields.

    Example:
        >>> import likeliest as lk
        >>> [(f.name, f.link) for f in lk.families() if f.name in ("normal", "poisson")]
        [('normal', 'identity'), ('poisson', 'log')]
    """
    return tuple(family(name, link) for name, kind in _CATALOGUE.items() for link in kind.links)


def from_json(values: Mapping[str, Any], own: Iterable[type[Automatic]] = ()) -> Family:
    """Return the family that `Family.to_json` wrote down.

    Args:
        values: what it wrote.
        own: the classes of families of one's own, among which one of that name is looked for.

    Raises:
        UnknownNameError: this version knows no such family, link or setting; or a family of one's own is not among
            those given.

    Example:
        >>> from_json(Poisson().to_json())
        Poisson()
    """
    if "class" not in values:
        return family(**values)
    kinds = {kind.name: kind for kind in own}
    if values["name"] not in kinds:
        given = f"only {', '.join(kinds)} came" if kinds else "none came"
        raise UnknownNameError(
            f"the family {values['name']} is no part of likeliest but of the class {values['class']}, and {given}: "
            f"import that class and pass it, as families=[{values['class'].rpartition('.')[2]}]"
        )
    return kinds[values["name"]](**{name: values[name] for name in values.keys() - {"name", "link", "class"}})


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    meant = get_close_matches(name, names, n=1)
    hint = f"did you mean {meant[0]!r}? " if meant else ""
    return f"no {what} goes by the name {name!r}; {hint}There are: {', '.join(names) or 'none'}"
