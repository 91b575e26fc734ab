"""Recurrent nets and attention by hand, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from .hand_nets import ACTIVATION, SLOPE, At, State, logistic
from .hand_written import Array, Net, weights

# Elman: h_t = act(x_t U + h_{t-1} W + b + p_t), η_t = h_t V + c, with a start h_0 and a drive p_t that are learnt too


def elman_forward(s: State) -> Array:
    s.h, s.z, loss = [s.h0 + 0 * s.x[:, 0, :1]], [None], 0.0
    s.r = []
    for t in range(s.x.shape[1]):
        z = s.x[:, t] @ s.U + s.h[-1] @ s.W + s.b + s.p[t]
        s.z.append(z)
        s.h.append(ACTIVATION[s.activation](z, s.xp))
        s.r.append(s.h[-1] @ s.V + s.c - s.y[:, t])
        loss = loss + 0.5 * (s.r[-1] ** 2).sum()
    s.past = s.h[:-1]
    return loss / len(s.x)


def elman_backward(s: State, at: At) -> dict[str, Array]:
    grads = {n: 0 * getattr(s, n) for n in ("h0", "U", "W", "b", "p", "V", "c")}
    carry = 0 * s.h[0]
    for t in range(s.x.shape[1] - 1, -1, -1):
        s.t = t
        r = at("r", s.r[t] / len(s.x))
        grads["V"] = grads["V"] + s.h[t + 1].T @ r
        grads["c"] = grads["c"] + r.sum(0)
        dh = r @ s.V.T + at("carry", carry)
        dz = at("dz", dh * at("slope", SLOPE[s.activation](s.z[t + 1], s.h[t + 1])))
        grads["U"] = grads["U"] + s.x[:, t].T @ dz
        grads["W"] = grads["W"] + s.past[t].T @ dz
        grads["b"] = grads["b"] + dz.sum(0)
        grads["p"][t] = dz.sum(0)
        carry = dz @ s.W.T
    grads["h0"] = carry.sum(0)
    return grads


def elman(seed: int, inputs: int = 3, units: int = 5, steps: int = 6, activation: str = "tanh", **how: Any) -> Net:
    random = np.random.default_rng(seed)
    theta = {
        "h0": 0.5 * random.normal(size=units),
        "U": weights(random, inputs, units),
        "W": weights(random, units, units),
        "b": 0.4 * random.normal(size=units),
        "p": 0.4 * random.normal(size=(steps, units)),
        "V": weights(random, units, 2),
        "c": 0.3 * random.normal(size=2),
    }
    data = {"x": random.normal(size=(8, steps, inputs)), "y": random.normal(size=(8, steps, 2)) + 0.5}
    data |= {"activation": activation} | how.pop("data", {})
    return Net("recurrent", (elman_forward, elman_backward), theta | how.pop("theta", {}), data, **how)


# GRU: gates z and r, n = tanh(x W_n + b_n + r · (h U_n)), h' = (1 - z) n + z h; an output after the last step


def gru_forward(s: State) -> Array:
    H = s.U.shape[0]
    s.steps, h = [], 0 * (s.x[:, 0] @ s.W)[:, :H]
    for t in range(s.x.shape[1]):
        a, u = s.x[:, t] @ s.W + s.b, h @ s.U
        z, r = logistic(a[:, :H] + u[:, :H], s.xp), logistic(a[:, H : 2 * H] + u[:, H : 2 * H], s.xp)
        n = s.xp.tanh(a[:, 2 * H :] + r * u[:, 2 * H :])
        s.steps.append((h, z, r, n, u[:, 2 * H :]))
        h = (1 - z) * n + z * h
    s.last = h
    s.eta = h @ s.V + s.c
    return 0.5 * ((s.eta - s.y) ** 2).sum() / len(s.x)


def gru_backward(s: State, at: At) -> dict[str, Array]:
    grads = {n: 0 * getattr(s, n) for n in ("W", "U", "b")}
    delta = at("delta", (s.eta - s.y) / len(s.x))
    dh = at("dh", delta @ s.V.T)
    for t in range(s.x.shape[1] - 1, -1, -1):
        s.t = t
        h, z, r, n, un = s.steps[t]
        dn = at("dn", dh * (1 - z) * at("slope_n", 1 - n**2))
        dz = at("dz", dh * (h - n) * at("slope_z", z * (1 - z)))
        dr = at("dr", dn * un * at("slope_r", r * (1 - r)))
        da = at("gates", s.xp.concatenate([dz, dr, dn], 1))
        du = at("past gates", s.xp.concatenate([dz, dr, dn * r], 1))
        grads["W"] = grads["W"] + s.x[:, t].T @ da
        grads["b"] = grads["b"] + da.sum(0)
        grads["U"] = grads["U"] + h.T @ du
        dh = at("carry", du @ s.U.T + at("leak", dh * z))
    return grads | {"V": s.last.T @ delta, "c": delta.sum(0)}


def gru(seed: int, inputs: int = 3, units: int = 4, steps: int = 5, **how: Any) -> Net:
    random = np.random.default_rng(seed)
    theta = {
        "W": weights(random, inputs, 3 * units, gain=1.4),
        "U": weights(random, units, 3 * units, gain=1.4),
        "b": 0.5 * random.normal(size=3 * units),
        "V": weights(random, units, 2, gain=1.5),
        "c": 0.3 * random.normal(size=2),
    }
    data = {"x": random.normal(size=(8, steps, inputs)), "y": random.normal(size=(8, 2)) + 0.7}
    return Net("recurrent", (gru_forward, gru_backward), theta | how.pop("theta", {}), data, **how)


# Attention with positions P, heads, a causal mask, a path around it, and a linear output over all places


def heads_of(a: Array, heads: int) -> Array:
    """(n, T, D) to (n, heads, T, D / heads)."""
    return a.reshape(a.shape[0], a.shape[1], heads, -1).swapaxes(1, 2)


def merged(a: Array) -> Array:
    a = a.swapaxes(1, 2)
    return a.reshape(a.shape[0], a.shape[1], -1)


def attention_forward(s: State) -> Array:
    xp = s.xp
    s.e = s.x + s.P
    s.q, s.k, s.v = (heads_of(s.e @ W, s.heads) for W in (s.Wq, s.Wk, s.Wv))
    s.size = s.q.shape[-1]
    scores = s.q @ s.k.swapaxes(2, 3) / s.size**0.5 + (s.mask if s.causal else 0)
    a = xp.exp(scores - xp.amax(scores, -1, keepdims=True))
    s.a = a / a.sum(-1, keepdims=True)
    s.o = merged(s.a @ s.v)
    s.f = xp.tanh(s.o @ s.Wo + s.bo) + (s.e if s.skip else 0)
    s.eta = xp.einsum("ntd,td->n", s.f, s.w) + s.c
    return 0.5 * ((s.eta - s.y) ** 2).sum() / len(s.x) + s.lasso * abs(s.Wo).sum() + 0.5 * s.ridge * (s.Wv**2).sum()


def attention_backward(s: State, at: At) -> dict[str, Array]:
    xp = s.xp
    r = at("r", (s.eta - s.y) / len(s.x))
    df = at("df", r[:, None, None] * s.w)
    dg = df * at("slope", 1 - (s.f - (s.e if s.skip else 0)) ** 2)
    do = heads_of(at("do", dg @ s.Wo.T), s.heads)
    da = at("da", do @ s.v.swapaxes(2, 3))
    dv = at("dv", s.a.swapaxes(2, 3) @ do)
    ds = at("ds", s.a * (da - at("coupling", (s.a * da).sum(-1)[..., None]))) / s.size**0.5
    dq, dk, dv = merged(at("dq", ds @ s.k)), merged(at("dk", ds.swapaxes(2, 3) @ s.q)), merged(dv)
    de = dq @ s.Wq.T + dk @ s.Wk.T + dv @ s.Wv.T + at("skip", df * 1.0 if s.skip else 0)
    by = "ntd,nte->de"
    return {
        "P": de.sum(0),
        "Wq": xp.einsum(by, s.e, dq),
        "Wk": xp.einsum(by, s.e, dk),
        "Wv": xp.einsum(by, s.e, dv) + at("ridge", s.ridge * s.Wv),
        "Wo": xp.einsum(by, s.o, dg) + at("lasso", s.lasso * xp.sign(s.Wo)),
        "bo": dg.sum((0, 1)),
        "w": xp.einsum("n,ntd->td", r, s.f),
        "c": r.sum().reshape(1),
    }


def attention(seed: int, heads: int = 1, width: int = 6, places: int = 5, n: int = 8, **how: Any) -> Net:
    random = np.random.default_rng(seed)
    theta = {
        "P": 0.5 * random.normal(size=(places, width)),
        "Wq": weights(random, width, width, gain=1.6),
        "Wk": weights(random, width, width, gain=1.6),
        "Wv": weights(random, width, width),
        "Wo": weights(random, width, width),
        "bo": 0.4 * random.normal(size=width),
        "w": random.normal(size=(places, width)) * width**-0.5,
        "c": 0.3 * random.normal(size=1),
    }
    mask = np.triu(np.full((places, places), -1e9), 1)
    data = {"x": random.normal(size=(n, places, width)), "y": 1 + random.normal(size=n), "mask": mask, "heads": heads}
    data |= {name: how.pop(name, False) for name in ("causal", "skip")}
    data |= {name: how.pop(name, 0.0) for name in ("lasso", "ridge")} | how.pop("data", {})
    return Net("attention", (attention_forward, attention_backward), theta | how.pop("theta", {}), data, **how)
