"""A training step of a small transformer: the tape, torch, HIPS autograd, and gradients by hand.

    python benchmarks/training.py --threads 1 --json training.json

Loss and all gradients: 2 layers, d = 64, 64 tokens, batch 32, vocab 512, float32. Before anything is
timed, the losses and the gradients of the embeddings are compared.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also runs from a checkout

from harness import Claim, Section, installed, main

from tokenlab.autograd import value_and_grad
from tokenlab.models import layers, transformer
from tokenlab.tape import mapped

OURS, TORCH, PLAIN = "tokenlab", "torch", "tokenlab, plain formulas"
HIPS, BY_HAND = "HIPS autograd, plain formulas", "NumPy, gradients by hand"


def sections(options: argparse.Namespace) -> Iterator[Section]:
    batch, n = (4, 16) if options.quick else (32, 64)
    params = transformer.init(vocab=512, d=64, layers=2, heads=4, length=n, rng=0)
    ids = np.random.default_rng(0).integers(0, 512, (batch, n + 1))
    methods = {
        OURS: lambda: value_and_grad(loss)(params, ids),
        PLAIN: lambda: value_and_grad(lambda p: plain_loss(np, p, ids))(params),
        BY_HAND: lambda: by_hand(params, ids),
    }
    peers = installed({"torch": "torch", "autograd": "autograd"})
    if "torch" in peers:
        methods[TORCH] = torch_step(peers["torch"], params, ids)
    if "autograd" in peers:
        import autograd.numpy as anp
        from autograd import value_and_grad as theirs

        methods[HIPS] = lambda: theirs(lambda p: plain_loss(anp, p, ids))(params)
    value, grads = methods[OURS]()
    for name, method in methods.items():
        other, their_grads = method()
        assert abs(other - value) < 1e-4, (name, other, value)
        gap = np.abs(np.asarray(their_grads["embed"]) - grads["embed"]).max()
        assert gap < 1e-4, (name, gap)
    title = f"loss and gradients, batch {batch}, {n} tokens"
    yield Section(title, methods, baseline=TORCH, claims=[Claim(OURS, TORCH, at_least=1 / 1.4)])


def loss(params: Any, ids: Any) -> Any:
    """The library's."""
    return layers.cross_entropy(transformer.forward(params, ids[:, :-1]), ids[:, 1:])


def plain_loss(xp: Any, p: Any, ids: Any) -> Any:
    """The same from formulas that any tape differentiates."""

    def norm(q: Any, x: Any) -> Any:
        x = x - xp.mean(x, axis=-1, keepdims=True)
        deviation = xp.sqrt(xp.mean(x * x, axis=-1, keepdims=True) + 1e-5)
        return x / deviation * q["gain"] + q["bias"]

    def log_softmax(x: Any) -> Any:
        x = x - xp.max(x, axis=-1, keepdims=True)
        return x - xp.log(xp.sum(xp.exp(x), axis=-1, keepdims=True))

    b, n = ids.shape[0], ids.shape[1] - 1
    later = np.triu(np.full((n, n), -1e9, np.float32), 1)
    x = p["embed"][ids[:, :-1]] + p["place"][:n]  # (b, n, d)
    for block in p["blocks"]:
        d, _, heads, width = block["qkv"].shape
        y = xp.matmul(norm(block["norm1"], x), xp.reshape(block["qkv"], (d, 3 * d)))
        y = xp.transpose(xp.reshape(y, (b, n, 3, heads, width)), (2, 0, 3, 1, 4))
        scores = xp.matmul(y[0], xp.swapaxes(y[1], -1, -2)) * width**-0.5 + later
        y = xp.matmul(xp.exp(log_softmax(scores)), y[2])
        x = x + xp.matmul(xp.reshape(xp.swapaxes(y, 1, 2), (b, n, d)), block["out"])
        u = xp.matmul(norm(block["norm2"], x), block["up"])
        u = 0.5 * u * (1 + xp.tanh(0.7978845608 * (u + 0.044715 * u * u * u)))
        x = x + xp.matmul(u, block["down"])
    log_p = log_softmax(xp.matmul(norm(p["norm"], x), xp.transpose(p["embed"])))
    return -xp.mean(log_p[np.arange(b)[:, None], np.arange(n), ids[:, 1:]])


def torch_step(torch: Any, params: Any, ids: Any) -> Any:
    """Torch's own layers."""
    f = torch.nn.functional
    p = mapped(lambda x: torch.tensor(x, requires_grad=True), params)
    given = torch.tensor(ids)

    def step() -> tuple[float, Any]:
        mapped(lambda x: setattr(x, "grad", None), p)
        x = p["embed"][given[:, :-1]] + p["place"][: ids.shape[1] - 1]
        b, n, d = x.shape
        for block in p["blocks"]:
            heads, width = block["qkv"].shape[2:]
            y = f.layer_norm(x, (d,), block["norm1"]["gain"], block["norm1"]["bias"])
            y = (y @ block["qkv"].reshape(d, -1)).reshape(b, n, 3, heads, width)
            y = f.scaled_dot_product_attention(*y.permute(2, 0, 3, 1, 4), is_causal=True)
            x = x + y.swapaxes(1, 2).reshape(b, n, d) @ block["out"]
            y = f.layer_norm(x, (d,), block["norm2"]["gain"], block["norm2"]["bias"])
            x = x + f.gelu(y @ block["up"], approximate="tanh") @ block["down"]
        logits = f.layer_norm(x, (d,), p["norm"]["gain"], p["norm"]["bias"]) @ p["embed"].T
        value = f.cross_entropy(logits.reshape(b * n, -1), given[:, 1:].reshape(-1))
        value.backward()
        return float(value.detach()), {"embed": p["embed"].grad.numpy()}

    return step


def by_hand(p: Any, ids: Any) -> tuple[float, Any]:
    """Every derivative written out, as one would without a tape."""
    b, n = ids.shape[0], ids.shape[1] - 1
    d = p["embed"].shape[1]
    hidden = np.triu(np.ones((n, n), bool), 1)
    x = (p["embed"][ids[:, :-1]] + p["place"][:n]).reshape(-1, d)  # (b n, d)
    kept = []
    for block in p["blocks"]:
        _, _, heads, width = block["qkv"].shape
        h1, s1 = normed(x)
        a = h1 * block["norm1"]["gain"] + block["norm1"]["bias"]
        y = (a @ block["qkv"].reshape(d, -1)).reshape(b, n, 3, heads, width)
        q, k, v = y.transpose(2, 0, 3, 1, 4)
        w = np.where(hidden, -np.inf, q @ k.swapaxes(-1, -2) * width**-0.5)
        w = np.exp(w - w.max(axis=-1, keepdims=True))
        w /= w.sum(axis=-1, keepdims=True)
        y = (w @ v).swapaxes(1, 2).reshape(-1, d)
        x = x + y @ block["out"]
        h2, s2 = normed(x)
        c = h2 * block["norm2"]["gain"] + block["norm2"]["bias"]
        u = c @ block["up"]
        half = 0.5 * (1 + np.tanh(0.7978845608 * (u + 0.044715 * u * u * u)))
        x = x + (u * half) @ block["down"]
        kept.append((h1, s1, a, q, k, v, w, y, h2, s2, c, u, half))
    h, s = normed(x)
    last = h * p["norm"]["gain"] + p["norm"]["bias"]
    logits, right, rows = last @ p["embed"].T, ids[:, 1:].reshape(-1), np.arange(b * n)
    logits -= logits.max(axis=-1, keepdims=True)
    chosen = logits[rows, right]
    g = np.exp(logits)
    total = g.sum(axis=-1, keepdims=True)
    value = float((np.log(total[:, 0]) - chosen).mean())

    g /= total * len(rows)
    g[rows, right] -= 1 / len(rows)
    grads = {"embed": g.T @ last, "blocks": []}
    g, grads["norm"] = norm_back(p["norm"], g @ p["embed"], h, s)
    for block, saved in zip(reversed(p["blocks"]), reversed(kept), strict=True):
        h1, s1, a, q, k, v, w, y, h2, s2, c, u, half = saved
        heads, width = q.shape[1], q.shape[3]
        mine = {"down": (u * half).T @ g}
        slope = half + 2 * u * half * (1 - half) * 0.7978845608 * (1 + 0.134145 * u * u)
        g_u = (g @ block["down"].T) * slope
        mine["up"] = c.T @ g_u
        back, mine["norm2"] = norm_back(block["norm2"], g_u @ block["up"].T, h2, s2)
        g = g + back
        mine["out"] = y.T @ g
        g_y = (g @ block["out"].T).reshape(b, n, heads, width).swapaxes(1, 2)
        g_w = g_y @ v.swapaxes(-1, -2)
        g_w = w * (g_w - (g_w * w).sum(axis=-1, keepdims=True)) * width**-0.5
        parts = np.stack([g_w @ k, g_w.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ g_y])
        flat = parts.transpose(1, 3, 0, 2, 4).reshape(b * n, -1)
        mine["qkv"] = (a.T @ flat).reshape(block["qkv"].shape)
        back, mine["norm1"] = norm_back(
            block["norm1"], flat @ block["qkv"].reshape(d, -1).T, h1, s1
        )
        g = g + back
        grads["blocks"].insert(0, mine)
    np.add.at(grads["embed"], ids[:, :-1].reshape(-1), g)
    grads["place"] = np.zeros_like(p["place"])
    grads["place"][:n] = g.reshape(b, n, d).sum(axis=0)
    return value, grads


def normed(x: Any) -> tuple[Any, Any]:
    """Rows of mean 0 and deviation 1, and one over the deviation that they had."""
    x = x - x.mean(axis=-1, keepdims=True)
    scale = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5)
    return x * scale, scale


def norm_back(q: Any, g: Any, h: Any, scale: Any) -> tuple[Any, Any]:
    """The gradients of what went into a layer norm."""
    own = {"gain": (g * h).sum(axis=0), "bias": g.sum(axis=0)}
    g = g * q["gain"]
    g = g - g.mean(axis=-1, keepdims=True) - h * (g * h).mean(axis=-1, keepdims=True)
    return g * scale, own


if __name__ == "__main__":
    main(__doc__, sections)
