"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 7.1 | a loop
def rms_norm(x, gain, eps):
    out = np.zeros_like(x)
    for i in range(len(x)):
        out[i] = gain * x[i] / np.sqrt(np.mean(x[i] ** 2) + eps)
    return out

# %% 7.1 | einsum
def rms_norm(x, gain, eps):
    square = np.einsum("nd,nd->n", x, x) / x.shape[1]
    return np.einsum("nd,n,d->nd", x, 1 / np.sqrt(square + eps), gain)

# %% 7.1 | the norm of linalg
def rms_norm(x, gain, eps):
    length = np.linalg.norm(x, axis=-1, keepdims=True)
    return x * gain / np.sqrt(length**2 / x.shape[-1] + eps)

# %% 7.1 | a power
def rms_norm(x, gain, eps):
    return gain * x * (np.mean(np.square(x), axis=-1)[:, None] + eps) ** -0.5

# %% 7.1 | transposed
def rms_norm(x, gain, eps):
    return (x.T / np.sqrt((x.T**2).mean(axis=0) + eps)).T * gain

# %% 7.1 | variance and mean
def rms_norm(x, gain, eps):
    square = x.var(axis=1) + x.mean(axis=1) ** 2
    return x / np.sqrt(square + eps)[:, np.newaxis] * gain

# %% 7.1 | lists
def rms_norm(x, gain, eps):
    rows = []
    for row in x.tolist():
        rms = (sum(v * v for v in row) / len(row) + eps) ** 0.5
        rows.append([g * v / rms for g, v in zip(gain, row)])
    return rows

# %% 7.1 | along an axis
def rms_norm(x, gain, eps):
    return np.apply_along_axis(lambda row: row / np.sqrt(row @ row / row.size + eps) * gain, 1, x)

# %% 7.1 | diagonal matrices
def rms_norm(x, gain, eps):
    scale = np.diag(1 / np.sqrt(np.diag(x @ x.T) / x.shape[1] + eps))
    return scale @ x @ np.diag(gain)

# %% 7.1 | hypot of the rms and the root of eps
def rms_norm(x, gain, eps):
    rms = np.sqrt(np.average(x**2, axis=1))
    return np.divide(x * gain, np.hypot(rms, np.sqrt(eps))[:, None])

# %% 7.2 | complex numbers
def rope(x, positions, base):
    d = x.shape[-1]
    z = x[..., 0::2] + 1j * x[..., 1::2]
    z = z * np.exp(1j * np.outer(positions, base ** (-np.arange(0, d, 2) / d)))
    return np.stack([z.real, z.imag], axis=-1).reshape(x.shape)

# %% 7.2 | a view of complex numbers
def rope(x, positions, base):
    d = x.shape[-1]
    z = np.ascontiguousarray(x, dtype=float).view(complex)
    turn = np.exp(1j * np.outer(positions, base ** (-2 * np.arange(d // 2) / d)))
    return (z * turn).view(float)

# %% 7.2 | loops
def rope(x, positions, base):
    y = np.array(x, dtype=float)
    h, n, d = x.shape
    for t in range(n):
        for i in range(0, d, 2):
            a = positions[t] * base ** (-i / d)
            c, s = np.cos(a), np.sin(a)
            y[:, t, i] = x[:, t, i] * c - x[:, t, i + 1] * s
            y[:, t, i + 1] = x[:, t, i] * s + x[:, t, i + 1] * c
    return y

# %% 7.2 | the swapped vector
def rope(x, positions, base):
    d = x.shape[-1]
    angle = np.repeat(np.outer(positions, base ** (-np.arange(0, d, 2) / d)), 2, axis=1)
    swapped = np.empty_like(x)
    swapped[..., 0::2] = -x[..., 1::2]
    swapped[..., 1::2] = x[..., 0::2]
    return x * np.cos(angle) + swapped * np.sin(angle)

# %% 7.2 | matrices of two by two
def rope(x, positions, base):
    h, n, d = x.shape
    a = np.outer(positions, base ** (-np.arange(0, d, 2) / d))
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.einsum("ijnp,hnpj->hnpi", turn, x.reshape(h, n, d // 2, 2)).reshape(x.shape)

# %% 7.2 | one matrix a token
def rope(x, positions, base):
    h, n, d = x.shape
    out = np.empty(x.shape)
    for t, m in enumerate(positions):
        turn = np.zeros((d, d))
        for i in range(d // 2):
            a = m / base ** (2 * i / d)
            turn[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
        out[:, t] = x[:, t] @ turn.T
    return out

# %% 7.2 | halves, put in order before and after
def rope(x, positions, base):
    d = x.shape[-1]
    order = np.concatenate([np.arange(0, d, 2), np.arange(1, d, 2)])
    a, b = np.split(x[..., order], 2, axis=-1)
    angle = np.outer(positions, base ** (-np.arange(d // 2) / (d / 2)))
    y = np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], -1)
    return y[..., np.argsort(order)]

# %% 7.2 | logarithms
def rope(x, positions, base):
    d = x.shape[2]
    angle = np.array([[m * np.exp(-i / d * np.log(base)) for i in range(0, d, 2)] for m in positions])
    c, s = np.cos(angle)[None], np.sin(angle)[None]
    pairs = x.reshape(*x.shape[:2], -1, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return np.dstack([np.array([a * c - b * s, a * s + b * c]).transpose(1, 2, 3, 0).reshape(x.shape)])

# %% 7.2 | polar form
def rope(x, positions, base):
    d = x.shape[-1]
    a, b = x[..., ::2], x[..., 1::2]
    radius = np.hypot(a, b)
    angle = np.arctan2(b, a) + np.asarray(positions)[:, None] * base ** (-np.arange(0, d, 2) / d)
    y = np.zeros(x.shape)
    y[..., ::2], y[..., 1::2] = radius * np.cos(angle), radius * np.sin(angle)
    return y

# %% 7.2 | head by head
def rope(x, positions, base):
    out = []
    d = x.shape[-1]
    for head in x:
        rows = []
        for row, m in zip(head, positions):
            new = []
            for i in range(0, d, 2):
                z = complex(row[i], row[i + 1]) * np.exp(1j * m * base ** (-i / d))
                new += [z.real, z.imag]
            rows.append(new)
        out.append(rows)
    return np.array(out)

# %% 7.3 | tri
def visible(n, past):
    return np.tri(n, past + n, past, dtype=bool)

# %% 7.3 | tril of ones
def visible(n, past):
    return np.tril(np.ones((n, past + n)), k=past) > 0

# %% 7.3 | side by side
def visible(n, past):
    return np.hstack([np.ones((n, past), dtype=bool), np.tril(np.ones((n, n), dtype=bool))])

# %% 7.3 | loops
def visible(n, past):
    seen = np.zeros((n, past + n), dtype=bool)
    for i in range(n):
        for j in range(past + n):
            if j <= past + i:
                seen[i, j] = True
    return seen

# %% 7.3 | rows filled
def visible(n, past):
    seen = np.zeros((n, n + past), dtype=bool)
    for i in range(n):
        seen[i, : past + i + 1] = True
    return seen

# %% 7.3 | indices
def visible(n, past):
    rows, columns = np.indices((n, n + past))
    return columns - rows <= past

# %% 7.3 | not the upper triangle
def visible(n, past):
    return np.logical_not(np.triu(np.ones((n, n + past), dtype=bool), past + 1))

# %% 7.3 | the last rows of the whole mask
def visible(n, past):
    whole = np.tri(past + n, dtype=bool)
    return whole[past:]

# %% 7.3 | from a function
def visible(n, past):
    return np.fromfunction(lambda i, j: j < i + past + 1, (n, past + n))

# %% 7.3 | a list of lists
def visible(n, past):
    return np.array([[True] * (past + i + 1) + [False] * (n - i - 1) for i in range(n)])

# %% 7.4 | einsum and repeat
def attend(q, k, v, seen):
    g = len(q) // len(k)
    s = np.einsum("hqd,hkd->hqk", q, np.repeat(k, g, 0)) / q.shape[-1] ** 0.5
    s[:, ~seen] = -np.inf
    p = np.exp(s - s.max(-1, keepdims=True))
    return np.einsum("hqk,hkd->hqd", p / p.sum(-1, keepdims=True), np.repeat(v, g, 0))

# %% 7.4 | groups as an axis
def attend(q, k, v, seen):
    h, n, d = q.shape
    grouped = q.reshape(len(k), -1, n, d)
    s = np.einsum("kgqd,kjd->kgqj", grouped, k) * d**-0.5
    s = np.where(seen, s, -np.inf)
    p = np.exp(s - np.max(s, axis=-1, keepdims=True))
    p /= np.sum(p, axis=-1, keepdims=True)
    return np.einsum("kgqj,kjd->kgqd", p, v).reshape(h, n, d)

# %% 7.4 | head by head
def attend(q, k, v, seen):
    out = []
    for i in range(len(q)):
        j = i // (len(q) // len(k))
        s = q[i] @ k[j].T / np.sqrt(q.shape[2])
        s = s + np.where(seen, 0, -np.inf)
        e = np.exp(s - s.max(axis=1)[:, None])
        out.append(e @ v[j] / e.sum(axis=1)[:, None])
    return np.stack(out)

# %% 7.4 | query by query, seen keys alone
def attend(q, k, v, seen):
    y = np.zeros_like(q)
    group = q.shape[0] // k.shape[0]
    for h in range(q.shape[0]):
        for i in range(q.shape[1]):
            keys, values = k[h // group][seen[i]], v[h // group][seen[i]]
            s = keys @ q[h, i] / np.sqrt(q.shape[2])
            w = np.exp(s - s.max())
            y[h, i] = w @ values / w.sum()
    return y

# %% 7.4 | a running softmax over keys
def attend(q, k, v, seen):
    g = len(q) // len(k)
    k, v = np.repeat(k, g, axis=0), np.repeat(v, g, axis=0)
    top = np.full(q.shape[:2], -np.inf)
    total, y = np.zeros(q.shape[:2]), np.zeros(q.shape)
    for j in range(k.shape[1]):
        s = np.where(seen[:, j], (q * k[:, None, j]).sum(-1) / q.shape[2] ** 0.5, -np.inf)
        new = np.maximum(top, s)
        safe = np.where(np.isinf(new), 0, new)
        old, now = np.exp(top - safe), np.exp(s - safe)
        total = total * old + now
        y = y * old[..., None] + now[..., None] * v[:, None, j]
        top = new
    return y / total[..., None]

# %% 7.4 | logsumexp
def attend(q, k, v, seen):
    g = len(q) // len(k)
    s = np.matmul(q / np.sqrt(q.shape[-1]), np.repeat(k, g, axis=0).swapaxes(1, 2))
    s = np.where(seen[None], s, -1e30)
    return np.exp(s - np.logaddexp.reduce(s, axis=-1, keepdims=True)) @ np.repeat(v, g, axis=0)

# %% 7.4 | scores of the seen alone count in the sum
def attend(q, k, v, seen):
    g = len(q) // len(k)
    s = q @ np.repeat(k, g, axis=0).swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    top = np.max(s, axis=-1, keepdims=True, where=seen[None], initial=-np.inf)
    e = np.exp(np.minimum(s - top, 0)) * seen
    return e @ np.repeat(v, g, axis=0) / e.sum(-1, keepdims=True)

# %% 7.4 | take by an index of heads
def attend(q, k, v, seen):
    own = np.arange(len(q)) * len(k) // len(q)
    s = np.einsum("hid,hjd->hij", q, k[own]) / np.sqrt(q.shape[2])
    s = np.ma.filled(np.ma.array(s, mask=np.broadcast_to(~seen, s.shape)), -np.inf)
    s = np.exp(s - s.max(2)[:, :, None])
    return np.einsum("hij,hjd->hid", s, v[own]) / s.sum(2)[:, :, None]

# %% 7.4 | all key heads one after the other
def attend(q, k, v, seen):
    group = len(q) // len(k)
    parts = []
    for j, (keys, values) in enumerate(zip(k, v)):
        s = q[j * group : (j + 1) * group] @ keys.T / np.sqrt(keys.shape[1])
        s = np.where(seen, s, np.finfo(float).min)
        p = np.exp(s - s.max(axis=2, keepdims=True))
        parts.append(p / p.sum(axis=2, keepdims=True) @ values)
    return np.concatenate(parts)

# %% 7.4 | kron for the heads
def attend(q, k, v, seen):
    g = len(q) // len(k)
    k, v = np.kron(k, np.ones((g, 1, 1))), np.kron(v, np.ones((g, 1, 1)))
    s = (q[:, :, None] * k[:, None]).sum(-1) / np.sqrt(q.shape[-1])
    s = np.where(seen, s - s.max(-1, keepdims=True, where=seen, initial=-np.inf), -np.inf)
    p = np.exp(s)
    return (p[..., None] * v[:, None]).sum(2) / p.sum(-1)[..., None]

# %% 7.5 | tensordot
def continued(x, cache, weights, base):
    past = cache["k"].shape[1]
    first = cache["positions"][-1] + 1 if past else 0
    at = np.arange(first, first + len(x))
    q, k, v = (np.tensordot(x, weights[name], axes=1).transpose(1, 0, 2) for name in "qkv")
    new = {
        "k": np.concatenate((cache["k"], rope(k, at, base)), axis=1),
        "v": np.concatenate((cache["v"], v), axis=1),
        "positions": np.append(cache["positions"], at),
    }
    return attend(rope(q, at, base), new["k"], new["v"], visible(len(x), past)), new

# %% 7.5 | token by token
def continued(x, cache, weights, base):
    new, rows = dict(cache), []
    for row in x:
        past = len(new["positions"])
        at = np.array([new["positions"][-1] + 1 if past else 0])
        q, k, v = (np.einsum("d,dhw->hw", row, weights[name])[:, None] for name in "qkv")
        new = {
            "k": np.concatenate([new["k"], rope(k, at, base)], axis=1),
            "v": np.concatenate([new["v"], v], axis=1),
            "positions": np.concatenate([new["positions"], at]),
        }
        rows.append(attend(rope(q, at, base), new["k"], new["v"], visible(1, past)))
    return np.concatenate(rows, axis=1), new

# %% 7.5 | a helper for heads
def heads(x, w):
    return np.stack([x @ w[:, i] for i in range(w.shape[1])])
def continued(x, cache, weights, base):
    where = cache["positions"]
    at = np.arange(len(x)) + (where.max() + 1 if where.size else 0)
    k = np.concatenate([cache["k"], rope(heads(x, weights["k"]), at, base)], 1)
    v = np.concatenate([cache["v"], heads(x, weights["v"])], 1)
    q = rope(heads(x, weights["q"]), at, base)
    return attend(q, k, v, visible(len(x), where.size)), {"k": k, "v": v, "positions": np.r_[where, at]}

# %% 7.5 | a loop of heads
def continued(x, cache, weights, base):
    n, past = x.shape[0], len(cache["positions"])
    start = int(cache["positions"][-1]) + 1 if past > 0 else 0
    positions = np.array(range(start, start + n))
    made = {}
    for name in ("q", "k", "v"):
        w = weights[name]
        y = np.empty((w.shape[1], n, w.shape[2]))
        for h in range(w.shape[1]):
            y[h] = x @ w[:, h, :]
        made[name] = y if name == "v" else rope(y, positions, base)
    out = {"positions": np.concatenate([cache["positions"], positions])}
    for name in ("k", "v"):
        out[name] = np.concatenate([cache[name], made[name]], axis=1)
    return attend(made["q"], out["k"], out["v"], visible(n, past)), out

# %% 7.5 | room made first
def continued(x, cache, weights, base):
    h_kv, past, width = cache["k"].shape
    n = len(x)
    k, v = np.empty((h_kv, past + n, width)), np.empty((h_kv, past + n, width))
    at = np.empty(past + n, dtype=int)
    k[:, :past], v[:, :past], at[:past] = cache["k"], cache["v"], cache["positions"]
    at[past:] = np.arange(n) + (at[past - 1] + 1 if past else 0)
    k[:, past:] = rope(np.einsum("nd,dhw->hnw", x, weights["k"]), at[past:], base)
    v[:, past:] = np.einsum("nd,dhw->hnw", x, weights["v"])
    q = rope(np.einsum("nd,dhw->hnw", x, weights["q"]), at[past:], base)
    return [attend(q, k, v, visible(n, past)), {"k": k, "v": v, "positions": at}]

# %% 7.5 | all keys turned from their differences
def continued(x, cache, weights, base):
    past = cache["positions"]
    at = (past[-1] if len(past) else -1) + 1 + np.arange(len(x))
    k_new = rope(np.einsum("nd,dhw->hnw", x, weights["k"]), at, base)
    keys = np.concatenate([cache["k"], k_new], axis=1)
    values = np.concatenate([cache["v"], np.einsum("nd,dhw->hnw", x, weights["v"])], axis=1)
    q = np.einsum("nd,dhw->hnw", x, weights["q"])
    rows = []
    for i in range(len(x)):  # keys turned back by the query's position
        back = rope(keys, np.full(keys.shape[1], -at[i]), base)
        rows.append(attend(q[:, i : i + 1], back, values, visible(len(x), len(past))[i : i + 1]))
    new = {"k": keys, "v": values, "positions": np.hstack([past, at])}
    return np.concatenate(rows, axis=1), new

# %% 7.5 | a copy that is updated
def continued(x, cache, weights, base):
    new = {name: value.copy() for name, value in cache.items()}
    n, past = len(x), len(new["positions"])
    places = list(new["positions"])
    for _ in range(n):
        places.append(places[-1] + 1 if places else 0)
    new["positions"] = np.array(places)
    at = new["positions"][past:]
    project = lambda name: np.einsum("nd,dhw->hnw", x, weights[name])
    new["k"] = np.append(new["k"], rope(project("k"), at, base), axis=1)
    new["v"] = np.append(new["v"], project("v"), axis=1)
    return attend(rope(project("q"), at, base), new["k"], new["v"], visible(n, past)), new

# %% 7.5 | reshaped weights
def continued(x, cache, weights, base):
    def project(w):
        d, h, width = w.shape
        return (x @ w.reshape(d, h * width)).reshape(len(x), h, width).swapaxes(0, 1)
    old = cache["positions"]
    at = np.arange(1, len(x) + 1) + (old[-1] if len(old) else -1)
    k, v = rope(project(weights["k"]), at, base), project(weights["v"])
    k, v = np.concatenate([cache["k"], k], 1), np.concatenate([cache["v"], v], 1)
    y = attend(rope(project(weights["q"]), at, base), k, v, visible(len(x), len(old)))
    return y, {"k": k, "v": v, "positions": np.concatenate([old, at])}

# %% 7.5 | try
def continued(x, cache, weights, base):
    try:
        start = cache["positions"][-1] + 1
    except IndexError:
        start = 0
    at = np.arange(start, start + len(x))
    q, k, v = [np.einsum("nd,dhw->hnw", x, weights[i]) for i in ("q", "k", "v")]
    q, k = rope(q, at, base), rope(k, at, base)
    out = dict(
        k=np.concatenate([cache["k"], k], axis=1),
        v=np.concatenate([cache["v"], v], axis=1),
        positions=np.concatenate([cache["positions"], at]),
    )
    return attend(q, out["k"], out["v"], visible(len(x), out["k"].shape[1] - len(x))), out

# %% 7.5 | matmul over heads
def continued(x, cache, weights, base):
    past = cache["v"].shape[1]
    at = np.arange(len(x)) + (int(cache["positions"][past - 1]) + 1 if past else 0)
    new = {name: x[None] @ weights[name].transpose(1, 0, 2) for name in weights}
    turned = rope(np.concatenate([new["q"], new["k"]]), at, base)
    q, k = turned[: len(new["q"])], turned[len(new["q"]) :]
    keys, values = np.hstack([cache["k"], k]), np.hstack([cache["v"], new["v"]])
    y = attend(q, keys, values, visible(len(x), past))
    return y, {"k": keys, "v": values, "positions": np.append(cache["positions"], at)}
