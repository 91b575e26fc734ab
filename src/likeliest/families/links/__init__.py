"""How η maps to a probability p = g⁻¹(η): both tails and their derivatives, each by a form that is exact there.

With q = 1 − p and p′ = dp/dη, a link states for one success and for one failure

    log p,   its slope  p′/p ≥ 0,   and the curvature  −d² log p/dη²
    log q,   its slope −p′/q ≤ 0,   and the curvature  −d² log q/dη²

Everything else follows: the score of y is the mean of the two slopes by y, and the Fisher information of one trial
p′²/(pq) is minus their product. No p is formed to take its log, and none subtracted from 1.

η is any tensor, and so is every result. All but the logit, whose few functions torch has in both precisions, compute in
double precision and round once. Outside a link's domain p is 0 or 1, both logs are −inf, the slopes point back into it,
and the curvatures are +inf.
"""

from __future__ import annotations

from likeliest.families.links.base import Link, Pair, recession_faces
from likeliest.families.links.cloglog import Cloglog, Loglog
from likeliest.families.links.log import Identity, Log
from likeliest.families.links.logit import Logit
from likeliest.families.links.probit import Cauchit, Probit

__all__ = [
    "LINKS",
    "Cauchit",
    "Cloglog",
    "Identity",
    "Link",
    "Log",
    "Logit",
    "Loglog",
    "Pair",
    "Probit",
    "recession_faces",
]

LINKS: dict[str, Link] = {
    link.name: link for link in (Logit(), Probit(), Cloglog(), Loglog(), Cauchit(), Log(), Identity())
}
"""Every link of a probability by its name, the default first."""
