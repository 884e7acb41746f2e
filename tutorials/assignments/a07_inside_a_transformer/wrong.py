"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np


# %% 7.1 | norm over the wrong axis
def rms_norm(x, gain, eps):
    return gain * x / np.sqrt(np.mean(x**2, axis=0) + eps)


# %% 7.1 | mean subtracted
def rms_norm(x, gain, eps):
    x = x - x.mean(-1, keepdims=True)
    return gain * x / np.sqrt(x.var(-1, keepdims=True) + eps)


# %% 7.1 | sum for mean
def rms_norm(x, gain, eps):
    return gain * x / np.sqrt(np.sum(x**2, axis=-1, keepdims=True) + eps)


# %% 7.1 | epsilon outside of the root
def rms_norm(x, gain, eps):
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True))
    return gain * (x / (rms + eps))


# %% 7.1 | no gain
def rms_norm(x, gain, eps):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)


# %% 7.2 | halves for pairs
def rope(x, positions, base):
    half = x.shape[-1] // 2
    theta = base ** (-np.arange(half) / half)
    angle = np.outer(positions, theta)
    a, b = x[..., :half], x[..., half:]
    c, s = np.cos(angle), np.sin(angle)
    return np.concatenate([a * c - b * s, b * c + a * s], axis=-1)


# %% 7.2 | not woven
def rope(x, positions, base):
    theta = base ** (-np.arange(0, x.shape[-1], 2) / x.shape[-1])
    c, s = np.cos(np.outer(positions, theta)), np.sin(np.outer(positions, theta))
    a, b = x[..., ::2], x[..., 1::2]
    return np.concatenate([a * c - b * s, a * s + b * c], axis=-1)


# %% 7.2 | positions ignored
def rope(x, positions, base):
    theta = base ** (-np.arange(0, x.shape[-1], 2) / x.shape[-1])
    angle = np.outer(np.arange(x.shape[1]), theta)
    a, b = x[..., ::2], x[..., 1::2]
    y = np.stack([a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)], -1)
    return y.reshape(x.shape)


# %% 7.2 | turned the other way
def rope(x, positions, base):
    theta = base ** (-np.arange(0, x.shape[-1], 2) / x.shape[-1])
    angle = np.outer(positions, theta)
    a, b = x[..., ::2], x[..., 1::2]
    y = np.stack([a * np.cos(angle) + b * np.sin(angle), b * np.cos(angle) - a * np.sin(angle)], -1)
    return y.reshape(x.shape)


# %% 7.2 | exponent of the frequency
def rope(x, positions, base):
    n_pairs = x.shape[-1] // 2
    angle = np.outer(positions, base ** (-np.arange(n_pairs) / x.shape[-1]))
    z = (x[..., ::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)


# %% 7.3 | the cache forgotten
def visible(n, past):
    return np.tril(np.ones((n, past + n), dtype=bool))


# %% 7.3 | future seen
def visible(n, past):
    new = np.triu(np.ones((n, n), dtype=bool))
    return np.hstack([np.ones((n, past), dtype=bool), new])


# %% 7.3 | itself not seen
def visible(n, past):
    rows, columns = np.indices((n, past + n))
    return columns < rows + past


# %% 7.3 | hidden for seen
def visible(n, past):
    return np.triu(np.ones((n, past + n), dtype=bool), past + 1)


# %% 7.3 | cache hidden
def visible(n, past):
    seen = np.zeros((n, past + n), dtype=bool)
    seen[:, past:] = np.tril(np.ones((n, n)))
    return seen


# %% 7.4 | no scale
def attend(q, k, v, seen):
    g = q.shape[0] // k.shape[0]
    s = np.einsum("hqd,hkd->hqk", q, np.repeat(k, g, axis=0))
    s = np.where(seen, s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return p @ np.repeat(v, g, axis=0)


# %% 7.4 | masked after the softmax
def attend(q, k, v, seen):
    g = q.shape[0] // k.shape[0]
    s = np.einsum("hqd,hkd->hqk", q, np.repeat(k, g, axis=0)) / q.shape[-1] ** 0.5
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return np.where(seen, p, 0) @ np.repeat(v, g, axis=0)


# %% 7.4 | heads dealt in turn
def attend(q, k, v, seen):
    y = np.empty(q.shape)
    for h in range(len(q)):
        s = q[h] @ k[h % len(k)].T / np.sqrt(q.shape[-1])
        s[~seen] = -np.inf
        p = np.exp(s - s.max(-1, keepdims=True))
        y[h] = p / p.sum(-1, keepdims=True) @ v[h % len(k)]
    return y


# %% 7.4 | 0 for a hidden score
def attend(q, k, v, seen):
    g = q.shape[0] // k.shape[0]
    s = np.einsum("hqd,hkd->hqk", q, np.repeat(k, g, axis=0)) / q.shape[-1] ** 0.5
    s = s * seen
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    return p @ np.repeat(v, g, axis=0)


# %% 7.4 | overflow
def attend(q, k, v, seen):
    g = q.shape[0] // k.shape[0]
    s = np.einsum("hqd,hkd->hqk", q, np.repeat(k, g, axis=0)) / q.shape[-1] ** 0.5
    p = np.exp(s) * seen
    p /= p.sum(-1, keepdims=True)
    return p @ np.repeat(v, g, axis=0)


# %% 7.5 | positions restarted after a cut
def continued(x, cache, weights, base):
    positions = np.arange(len(x))
    q = rope(np.einsum("nd,dhw->hnw", x, weights["q"]), positions, base)
    k = rope(np.einsum("nd,dhw->hnw", x, weights["k"]), positions, base)
    v = np.einsum("nd,dhw->hnw", x, weights["v"])
    out = {
        "k": np.concatenate([cache["k"], k], 1),
        "v": np.concatenate([cache["v"], v], 1),
        "positions": np.append(cache["positions"], positions),
    }
    return attend(q, out["k"], out["v"], visible(len(x), len(cache["positions"]))), out


# %% 7.5 | positions counted by rows
def continued(x, cache, weights, base):
    past = cache["k"].shape[1]
    positions = np.arange(past, past + len(x))
    q = rope(np.einsum("nd,dhw->hnw", x, weights["q"]), positions, base)
    k = rope(np.einsum("nd,dhw->hnw", x, weights["k"]), positions, base)
    v = np.einsum("nd,dhw->hnw", x, weights["v"])
    out = {
        "k": np.concatenate([cache["k"], k], 1),
        "v": np.concatenate([cache["v"], v], 1),
        "positions": np.append(cache["positions"], positions),
    }
    return attend(q, out["k"], out["v"], visible(len(x), past)), out


# %% 7.5 | cached keys turned again
def continued(x, cache, weights, base):
    past = cache["k"].shape[1]
    start = cache["positions"][-1] + 1 if past else 0
    positions = np.append(cache["positions"], np.arange(start, start + len(x)))
    q = rope(np.einsum("nd,dhw->hnw", x, weights["q"]), positions[past:], base)
    k = np.concatenate([cache["k"], np.einsum("nd,dhw->hnw", x, weights["k"])], 1)
    v = np.concatenate([cache["v"], np.einsum("nd,dhw->hnw", x, weights["v"])], 1)
    k = rope(k, positions, base)
    y = attend(q, k, v, visible(len(x), past))
    return y, {"k": k, "v": v, "positions": positions}


# %% 7.5 | queries not turned
def continued(x, cache, weights, base):
    past = cache["k"].shape[1]
    start = cache["positions"][-1] + 1 if past else 0
    positions = np.arange(start, start + len(x))
    q = np.einsum("nd,dhw->hnw", x, weights["q"])
    k = rope(np.einsum("nd,dhw->hnw", x, weights["k"]), positions, base)
    k = np.concatenate([cache["k"], k], 1)
    v = np.concatenate([cache["v"], np.einsum("nd,dhw->hnw", x, weights["v"])], 1)
    out = {"k": k, "v": v, "positions": np.append(cache["positions"], positions)}
    return attend(q, k, v, visible(len(x), past)), out


# %% 7.5 | values turned
def continued(x, cache, weights, base):
    past = cache["k"].shape[1]
    start = cache["positions"][-1] + 1 if past else 0
    positions = np.arange(start, start + len(x))
    q, k, v = (rope(np.einsum("nd,dhw->hnw", x, weights[n]), positions, base) for n in "qkv")
    out = {"positions": np.append(cache["positions"], positions)}
    out["k"] = np.concatenate([cache["k"], k], 1)
    out["v"] = np.concatenate([cache["v"], v], 1)
    return attend(q, out["k"], out["v"], visible(len(x), past)), out
