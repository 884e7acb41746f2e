"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 6.1 | returns in each branch
def pull_back(operation, inputs, y_grad):
    if operation == "add":
        return y_grad.copy(), y_grad.sum(0)
    if operation == "multiply":
        return y_grad * inputs[1], y_grad * inputs[0]
    if operation == "matmul":
        return y_grad @ inputs[1].T, inputs[0].T @ y_grad
    if operation == "relu":
        return (np.where(inputs[0] > 0, y_grad, 0),)
    table_grad = np.zeros(inputs[0].shape)
    np.add.at(table_grad, inputs[1], y_grad)
    return (table_grad,)

# %% 6.1 | a dictionary of functions
def rows(table, ids, g):
    out = np.zeros_like(table, dtype=float)
    for i, row in zip(ids, g):
        out[i] += row
    return (out,)
BACK = {
    "add": lambda a, b, g: (g, np.sum(g, axis=0)),
    "multiply": lambda a, b, g: (b * g, a * g),
    "matmul": lambda a, b, g: (g.dot(b.T), a.T.dot(g)),
    "relu": lambda a, g: (g * (a > 0),),
    "rows": rows,
}
def pull_back(operation, inputs, y_grad):
    return BACK[operation](*inputs, y_grad)

# %% 6.1 | match
def pull_back(operation, inputs, y_grad):
    match operation, inputs:
        case "add", (a, b):
            return y_grad, np.ones(len(a)) @ y_grad
        case "multiply", (a, b):
            return np.multiply(y_grad, b), np.multiply(y_grad, a)
        case "matmul", (a, b):
            return np.inner(y_grad, b), np.einsum("nd,nm->dm", a, y_grad)
        case "relu", (a,):
            return (y_grad * np.heaviside(a, 0),)
        case "rows", (table, ids):
            return ((np.arange(len(table))[:, None] == ids) @ y_grad,)

# %% 6.1 | one-hot rows
def pull_back(operation, inputs, y_grad):
    first, *rest = inputs
    if operation in ("add", "relu"):
        return (y_grad, y_grad.sum(axis=0)) if rest else (y_grad * (first > 0),)
    other = rest[0]
    if operation == "rows":
        return (np.eye(len(first))[:, other] @ y_grad,)
    if operation == "multiply":
        return y_grad * other, y_grad * first
    return y_grad @ other.T, (y_grad.T @ first).T

# %% 6.1 | bincount
def pull_back(operation, inputs, y_grad):
    if operation == "rows":
        table, ids = inputs
        return (np.stack([np.bincount(ids, c, len(table)) for c in y_grad.T], axis=1),)
    if operation == "relu":
        out = y_grad.copy()
        out[inputs[0] <= 0] = 0
        return (out,)
    a, b = inputs
    if operation == "add":
        return y_grad, sum(y_grad)
    return (y_grad * b, y_grad * a) if operation == "multiply" else (y_grad @ b.T, a.T @ y_grad)

# %% 6.1 | loops
def pull_back(operation, inputs, y_grad):
    grads = [np.zeros(np.shape(x)) for x in inputs[: 1 if operation in ("relu", "rows") else 2]]
    for i in range(len(y_grad)):
        for t in range(y_grad.shape[1]):
            g = y_grad[i, t]
            if operation == "add":
                grads[0][i, t] += g; grads[1][t] += g
            elif operation == "multiply":
                grads[0][i, t] += g * inputs[1][i, t]; grads[1][i, t] += g * inputs[0][i, t]
            elif operation == "matmul":
                grads[0][i] += g * inputs[1][:, t]; grads[1][:, t] += g * inputs[0][i]
            elif operation == "relu":
                grads[0][i, t] = g if inputs[0][i, t] > 0 else 0
            else:
                grads[0][inputs[1][i], t] += g
    return tuple(grads)

# %% 6.1 | a list of functions' results
def pull_back(operation, inputs, y_grad):
    if operation == "add":
        grads = [+y_grad, y_grad.T.sum(axis=1)]
    elif operation == "multiply":
        grads = [x * y_grad for x in reversed(inputs)]
    elif operation == "matmul":
        grads = [np.matmul(y_grad, inputs[1].T), np.matmul(inputs[0].T, y_grad)]
    elif operation == "relu":
        grads = [np.sign(np.maximum(inputs[0], 0)) * y_grad]
    elif operation == "rows":
        grads = [np.zeros(inputs[0].shape)]
        for row in range(len(grads[0])):
            grads[0][row] = y_grad[inputs[1] == row].sum(axis=0)
    return tuple(grads)

# %% 6.1 | classes
class Operation:
    def add(self, a, b, g): return g, g.sum(0)
    def multiply(self, a, b, g): return g * b, a * g
    def matmul(self, a, b, g): return g @ b.T, a.T @ g
    def relu(self, a, g): return (g * np.greater(a, 0),)
    def rows(self, table, ids, g):
        out = 0.0 * table
        np.add.at(out, ids, g)
        return (out,)
def pull_back(operation, inputs, y_grad):
    return getattr(Operation(), operation)(*inputs, y_grad)

# %% 6.1 | einsum
def pull_back(operation, inputs, y_grad):
    if operation == "rows":
        hot = np.zeros((len(inputs[1]), len(inputs[0])))
        hot[np.arange(len(hot)), inputs[1]] = 1
        return (np.einsum("nv,nd->vd", hot, y_grad),)
    if operation == "relu":
        return (np.einsum("nd,nd->nd", (inputs[0] > 0) * 1.0, y_grad),)
    a, b = inputs
    if operation == "add":
        return y_grad, np.einsum("nd->d", y_grad)
    spell = ("nd,nd->nd", "nd,nd->nd") if operation == "multiply" else ("nm,dm->nd", "nd,nm->dm")
    return np.einsum(spell[0], y_grad, b), np.einsum(spell[1], a, y_grad)

# %% 6.1 | sort and reduceat
def pull_back(operation, inputs, y_grad):
    if operation == "add": return (y_grad, np.add.reduce(y_grad))
    if operation == "multiply": return (y_grad * inputs[1], inputs[0] * y_grad)
    if operation == "matmul": return (y_grad @ np.transpose(inputs[1]), np.transpose(inputs[0]) @ y_grad)
    if operation == "relu": return (y_grad * (inputs[0] > 0).astype(float),)
    table, ids = inputs
    order = ids.argsort()
    used, start = np.unique(ids[order], return_index=True)
    out = np.zeros(table.shape)
    out[used] = np.add.reduceat(y_grad[order], start)
    return (out,)

# %% 6.2 | logaddexp
def cross_entropy(logits, ids):
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    hot = np.eye(logits.shape[1])[ids]
    return -(log_p * hot).sum() / len(ids), (np.exp(log_p) - hot) / len(ids)

# %% 6.2 | row by row
def cross_entropy(logits, ids):
    total, grad = 0.0, []
    for row, i in zip(logits, ids):
        z = row - row.max()
        total += np.log(np.exp(z).sum()) - z[i]
        p = np.exp(z) / np.exp(z).sum()
        p[i] -= 1
        grad.append(p / len(ids))
    return total / len(ids), np.array(grad)

# %% 6.2 | take_along_axis
def cross_entropy(logits, ids):
    z = logits - logits.max(1)[:, None]
    e = np.exp(z)
    own = np.take_along_axis(z, ids[:, None], 1)[:, 0]
    p = e / e.sum(1)[:, None]
    np.put_along_axis(p, ids[:, None], np.take_along_axis(p, ids[:, None], 1) - 1, 1)
    return np.mean(np.log(e.sum(1)) - own), p / len(p)

# %% 6.2 | comparison
def cross_entropy(logits, ids):
    z = logits - np.amax(logits, axis=-1, keepdims=True)
    lse = np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    right = np.arange(logits.shape[1]) == ids[:, None]
    return np.mean((lse - z)[right]), (np.exp(z - lse) - right) / logits.shape[0]

# %% 6.2 | loops
import math
def cross_entropy(logits, ids):
    n, vocab = logits.shape
    loss, grad = 0.0, np.zeros((n, vocab))
    for i in range(n):
        top = max(logits[i])
        s = sum(math.exp(v - top) for v in logits[i])
        loss += (math.log(s) + top - logits[i, ids[i]]) / n
        for j in range(vocab):
            grad[i, j] = (math.exp(logits[i, j] - top) / s - (j == ids[i])) / n
    return loss, grad

# %% 6.2 | differences from the right one
def cross_entropy(logits, ids):
    gap = logits - logits[range(len(ids)), ids][:, None]
    top = gap.max(axis=1, keepdims=True)
    e = np.exp(gap - top)
    p = e / e.sum(axis=1, keepdims=True)
    p[range(len(ids)), ids] -= 1
    return float((top[:, 0] + np.log(e.sum(axis=1))).mean()), p / len(ids)

# %% 6.2 | transposed
def cross_entropy(logits, ids):
    z = logits.T - logits.max(axis=1)
    log_p = (z - np.log(np.exp(z).sum(axis=0))).T
    g = np.exp(log_p)
    np.subtract.at(g, (np.arange(len(ids)), ids), 1)
    return -np.diag(log_p[:, ids]).mean(), g / len(ids)

# %% 6.2 | a helper
def log_softmax(x):
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))
def cross_entropy(logits, ids):
    log_p, n = log_softmax(logits), len(ids)
    one = np.zeros_like(log_p)
    one[np.arange(n), ids] = 1 / n
    return -np.vdot(one, log_p), np.exp(log_p) / n - one

# %% 6.2 | lists
def cross_entropy(logits, ids):
    z = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    losses = [np.log(np.exp(row).sum()) - row[i] for row, i in zip(z, ids)]
    return sum(losses) / len(losses), [[(v - (j == i)) / len(ids) for j, v in enumerate(row)] for row, i in zip(p, ids)]

# %% 6.2 | choose
def cross_entropy(logits, ids):
    shifted = np.subtract(logits, np.max(logits, axis=1).reshape(-1, 1))
    norm = np.exp(shifted).sum(1)
    loss = np.average(np.log(norm) - np.choose(ids, shifted.T))
    grad = np.exp(shifted) / norm[:, None] / len(ids)
    for i, t in enumerate(ids):
        grad[i, t] -= 1 / len(ids)
    return loss, grad

# %% 6.3 | var
def layer_norm(x, gain, bias, y_grad, eps):
    sigma = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    h = (x - x.mean(axis=1, keepdims=True)) / sigma
    g = y_grad * gain
    x_grad = (g - g.mean(1, keepdims=True) - h * (g * h).mean(1, keepdims=True)) / sigma
    return h * gain + bias, x_grad, (y_grad * h).sum(0), y_grad.sum(0)

# %% 6.3 | row by row
def layer_norm(x, gain, bias, y_grad, eps):
    y, dx, dg = np.zeros(x.shape), np.zeros(x.shape), np.zeros(len(gain))
    for i, row in enumerate(x):
        s = (row.var() + eps) ** 0.5
        h = (row - row.mean()) / s
        y[i] = gain * h + bias
        g = y_grad[i] * gain
        dx[i] = (g - g.mean() - h * np.mean(g * h)) / s
        dg += y_grad[i] * h
    return y, dx, dg, y_grad.sum(axis=0)

# %% 6.3 | sums over d
def layer_norm(x, gain, bias, y_grad, eps):
    d = x.shape[1]
    c = x - x.sum(1)[:, None] / d
    s = np.sqrt((c * c).sum(1)[:, None] / d + eps)
    h = c / s
    g = gain * y_grad
    dx = (d * g - g.sum(1)[:, None] - h * (g * h).sum(1)[:, None]) / (d * s)
    return gain * h + bias, dx, np.einsum("nd,nd->d", y_grad, h), np.add.reduce(y_grad)

# %% 6.3 | the Jacobian of each row
def layer_norm(x, gain, bias, y_grad, eps):
    n, d = x.shape
    out = [[], []]
    hs = []
    for i in range(n):
        s = np.sqrt(x[i].var() + eps)
        h = (x[i] - x[i].mean()) / s
        J = (np.eye(d) - 1 / d - np.outer(h, h) / d) / s
        out[0].append(gain * h + bias)
        out[1].append(J @ (gain * y_grad[i]))
        hs.append(h)
    return np.array(out[0]), np.array(out[1]), (np.array(hs) * y_grad).sum(0), y_grad.sum(0)

# %% 6.3 | step by step, backward
def layer_norm(x, gain, bias, y_grad, eps):
    d = x.shape[-1]
    mu = x.mean(-1, keepdims=True)
    c = x - mu
    var = (c ** 2).mean(-1, keepdims=True)
    r = 1 / np.sqrt(var + eps)
    h = c * r
    dh = y_grad * gain
    dc = dh * r
    dr = (dh * c).sum(-1, keepdims=True)
    dvar = -0.5 * r ** 3 * dr
    dc = dc + 2 * c * dvar / d
    dx = dc - dc.mean(-1, keepdims=True)
    return h * gain + bias, dx, (y_grad * h).sum(0), y_grad.sum(0)

# %% 6.3 | transposed
def layer_norm(x, gain, bias, y_grad, eps):
    t, G = x.T, (y_grad * gain).T
    c = t - t.mean(0)
    s = ((c ** 2).mean(0) + eps) ** 0.5
    h = c / s
    dx = ((G - G.mean(0) - h * (G * h).mean(0)) / s).T
    return h.T * gain + bias, dx, (y_grad.T * h).sum(1), y_grad.T.sum(1)

# %% 6.3 | std where eps is inside
def layer_norm(x, gain, bias, y_grad, eps):
    sigma = np.hypot(x.std(axis=1), eps ** 0.5)[:, None]
    h = np.subtract(x, np.mean(x, 1)[:, None]) / sigma
    g = np.multiply(y_grad, gain)
    m1, m2 = np.average(g, axis=1), np.average(g * h, axis=1)
    return gain * h + bias, (g - m1[:, None] - h * m2[:, None]) / sigma, np.sum(h * y_grad, 0), np.sum(y_grad, 0)

# %% 6.3 | projections
def layer_norm(x, gain, bias, y_grad, eps):
    d = x.shape[1]
    centre = np.eye(d) - np.full((d, d), 1 / d)
    c = x @ centre
    s = np.sqrt(np.einsum("nd,nd->n", c, c) / d + eps)[:, None]
    h, g = c / s, y_grad * gain
    dx = (g - h * np.einsum("nd,nd->n", g, h)[:, None] / d) @ centre / s
    return h * gain + bias, dx, np.diag(y_grad.T @ h), np.ones(len(x)) @ y_grad

# %% 6.3 | lists
def layer_norm(x, gain, bias, y_grad, eps):
    y, dx, hs = [], [], []
    for row, up in zip(x, y_grad):
        mu = sum(row) / len(row)
        s = (sum((v - mu) ** 2 for v in row) / len(row) + eps) ** 0.5
        h = [(v - mu) / s for v in row]
        g = [a * b for a, b in zip(up, gain)]
        m1, m2 = sum(g) / len(g), sum(a * b for a, b in zip(g, h)) / len(g)
        y.append([a * b + c for a, b, c in zip(gain, h, bias)])
        dx.append([(a - m1 - b * m2) / s for a, b in zip(g, h)])
        hs.append(h)
    n = range(len(x))
    return y, dx, [sum(y_grad[i][t] * hs[i][t] for i in n) for t in range(len(gain))], [sum(y_grad[i][t] for i in n) for t in range(len(gain))]

# %% 6.3 | a class
class Norm:
    def __init__(self, gain, bias, eps):
        self.gain, self.bias, self.eps = gain, bias, eps
    def forward(self, x):
        self.s = np.sqrt(np.var(x, axis=1, keepdims=True) + self.eps)
        self.h = (x - np.mean(x, axis=1, keepdims=True)) / self.s
        return self.gain * self.h + self.bias
    def backward(self, g):
        k = g * self.gain
        mean = lambda a: a.mean(axis=1, keepdims=True)
        return (k - mean(k) - self.h * mean(k * self.h)) / self.s, (g * self.h).sum(axis=0), g.sum(axis=0)
def layer_norm(x, gain, bias, y_grad, eps):
    norm = Norm(gain, bias, eps)
    return (norm.forward(x), *norm.backward(y_grad))

# %% 6.4 | a helper for one array
def slopes(loss, params, name, e):
    out = np.zeros(params[name].shape)
    for at in np.ndindex(out.shape):
        ends = []
        for sign in (1, -1):
            p = {n: x.copy() for n, x in params.items()}
            p[name][at] += sign * e
            ends.append(loss(p)[0])
        out[at] = (ends[0] - ends[1]) / (2 * e)
    return out
def gradient_gaps(loss, params, epsilon):
    tried = {name: slopes(loss, params, name, epsilon) for name in params}
    top = max(abs(t).max() for t in tried.values()) or 1
    grads = loss(params)[1]
    return {name: abs(grads[name] - tried[name]).max() / top for name in params}

# %% 6.4 | move and move back, in copies
def gradient_gaps(loss, params, epsilon):
    p = {name: np.array(x, dtype=float) for name, x in params.items()}
    grads, tried = loss(params)[1], {}
    for name, x in p.items():
        g = np.empty_like(x)
        for at in np.ndindex(*x.shape):
            kept = x[at]
            x[at] = kept + epsilon
            up = loss(p)[0]
            x[at] = kept - epsilon
            down = loss(p)[0]
            x[at] = kept
            g[at] = (up - down) / 2 / epsilon
        tried[name] = g
    largest = np.max([np.abs(g).max() for g in tried.values()])
    if largest == 0:
        largest = 1.0
    return {name: float(np.max(np.abs(grads[name] - g)) / largest) for name, g in tried.items()}

# %% 6.4 | flat
def gradient_gaps(loss, params, epsilon):
    tried = {}
    for name in params:
        shape, n = params[name].shape, params[name].size
        found = []
        for i in range(n):
            e = np.zeros(n)
            e[i] = epsilon
            moved = lambda s: {**params, name: params[name] + s * e.reshape(shape)}
            found.append((loss(moved(1))[0] - loss(moved(-1))[0]) / (2 * epsilon))
        tried[name] = np.reshape(found, shape)
    scale = max(np.max(np.abs(t)) for t in tried.values())
    scale = scale if scale != 0 else 1
    stated = loss(dict(params))[1]
    return {n: np.abs(np.subtract(stated[n], tried[n])).max() / scale for n in tried}

# %% 6.4 | deepcopy
import copy
def gradient_gaps(loss, params, epsilon):
    gaps, largest = {}, 0.0
    _, grads = loss(copy.deepcopy(params))
    for name, x in params.items():
        gaps[name] = 0.0
        for at in np.ndindex(x.shape):
            a, b = copy.deepcopy(params), copy.deepcopy(params)
            a[name][at] += epsilon
            b[name][at] -= epsilon
            s = (loss(a)[0] - loss(b)[0]) / (2 * epsilon)
            largest = max(largest, abs(s))
            gaps[name] = max(gaps[name], abs(s - grads[name][at]))
    return {name: gap / (largest or 1.0) for name, gap in gaps.items()}

# %% 6.4 | ndenumerate
def gradient_gaps(loss, params, epsilon):
    stated = loss(params)[1]
    table = []
    for name in params:
        for at, value in np.ndenumerate(params[name]):
            x = params[name].copy()
            x[at] = value + epsilon
            up = loss(params | {name: x})[0]
            x = params[name].copy()
            x[at] = value - epsilon
            table.append((name, (up - loss(params | {name: x})[0]) / (2 * epsilon), stated[name][at]))
    top = max(abs(t) for _, t, _ in table)
    return {name: max(abs(t - s) for n, t, s in table if n == name) / (top if top > 0 else 1) for name in params}

# %% 6.4 | two loops
def gradient_gaps(loss, params, epsilon):
    tried = {name: np.zeros(x.shape) for name, x in params.items()}
    for sign in (1.0, -1.0):
        for name, x in params.items():
            for at in np.ndindex(x.shape):
                y = x.copy()
                y[at] += sign * epsilon
                tried[name][at] += sign * loss({**params, name: y})[0]
    tried = {name: t / (2 * epsilon) for name, t in tried.items()}
    largest = max(np.linalg.norm(t.ravel(), np.inf) for t in tried.values())
    return {n: np.linalg.norm((loss(params)[1][n] - t).ravel(), np.inf) / (largest + (largest == 0)) for n, t in tried.items()}

# %% 6.4 | one vector for all
def gradient_gaps(loss, params, epsilon):
    names = list(params)
    ends = np.cumsum([0] + [params[n].size for n in names])
    flat = np.concatenate([params[n].ravel() for n in names])
    def unpack(v):
        return {n: v[a:b].reshape(params[n].shape) for n, a, b in zip(names, ends, ends[1:])}
    tried = np.array([(loss(unpack(flat + e))[0] - loss(unpack(flat - e))[0]) / (2 * epsilon) for e in epsilon * np.eye(len(flat))])
    stated = loss(unpack(flat.copy()))[1]
    gap = np.abs(np.concatenate([np.ravel(stated[n]) for n in names]) - tried)
    scale = np.abs(tried).max() or 1.0
    return {n: gap[a:b].max() / scale for n, a, b in zip(names, ends, ends[1:])}

# %% 6.4 | nditer
def gradient_gaps(loss, params, epsilon):
    numeric = {}
    for name, x in params.items():
        g = np.zeros_like(x)
        it = np.nditer(x, flags=["multi_index"])
        for _ in it:
            at = it.multi_index
            e = np.zeros_like(x)
            e[at] = epsilon
            g[at] = 0.5 * (loss({**params, name: x + e})[0] - loss({**params, name: x - e})[0]) / epsilon
        numeric[name] = g
    biggest = max(g.max() if g.max() > -g.min() else -g.min() for g in numeric.values())
    _, grads = loss(params)
    return dict((n, np.amax(np.abs(grads[n] - g)) / (biggest if biggest else 1)) for n, g in numeric.items())

# %% 6.4 | a generator
def places(params):
    for name in params:
        for at in np.ndindex(params[name].shape):
            yield name, at
def gradient_gaps(loss, params, epsilon):
    def at_end(name, at, e):
        x = np.copy(params[name])
        x[at] += e
        return loss({**params, name: x})[0]
    tried = {(n, at): (at_end(n, at, epsilon) - at_end(n, at, -epsilon)) / (2 * epsilon) for n, at in places(params)}
    scale = max(map(abs, tried.values())) or 1.0
    grads = loss(params)[1]
    out = dict.fromkeys(params, 0.0)
    for (n, at), slope in tried.items():
        out[n] = max(out[n], abs(grads[n][at] - slope) / scale)
    return out

# %% 6.4 | arrays of no axes
def gradient_gaps(loss, params, epsilon):
    value, grads = loss(params)
    tried = {}
    for name in params:
        moves = np.eye(params[name].size).reshape(-1, *params[name].shape) * epsilon
        ends = [[loss({**params, name: params[name] + s * m})[0] for m in moves] for s in (1, -1)]
        tried[name] = (np.array(ends[0]) - np.array(ends[1])).reshape(params[name].shape) / (2 * epsilon)
    top = np.max(np.concatenate([np.abs(t).ravel() for t in tried.values()]))
    return {name: np.array(np.abs(grads[name] - tried[name]).max() / (top if top > 0 else 1)) for name in params}

# %% 6.5 | comprehensions
def train(loss, params, batches, rate, momentum):
    p = {n: x.copy() for n, x in params.items()}
    v = {n: np.zeros_like(x) for n, x in params.items()}
    history = []
    for batch in batches:
        value, g = loss(p, batch)
        history.append(value)
        v = {n: momentum * v[n] + g[n] for n in p}
        p = {n: p[n] - rate * v[n] for n in p}
    return p, np.array(history)

# %% 6.5 | in place, in copies
def train(loss, params, batches, rate, momentum):
    params = {n: np.array(x, dtype=float) for n, x in params.items()}
    v = {n: 0.0 * x for n, x in params.items()}
    history = np.zeros(len(batches))
    for t, batch in enumerate(batches):
        history[t], g = loss(params, batch)
        for n in params:
            v[n] *= momentum
            v[n] += g[n]
            params[n] -= rate * v[n]
    return params, history

# %% 6.5 | velocities begin as None
def train(loss, params, batches, rate, momentum):
    p, v, h = dict(params), None, []
    for b in batches:
        value, g = loss(p, b)
        v = g if v is None else {n: momentum * v[n] + g[n] for n in g}
        p = {n: x - rate * v[n] for n, x in p.items()}
        h.append(value)
    return p, np.asarray(h)

# %% 6.5 | numbers for velocities
def train(loss, params, batches, rate, momentum):
    v = dict.fromkeys(params, 0.0)
    now, losses = {**params}, []
    for batch in batches:
        out = loss(now, batch)
        losses += [out[0]]
        new = {}
        for n in now:
            v[n] = v[n] * momentum + out[1][n]
            new[n] = now[n] - v[n] * rate
        now = new
    return now, losses

# %% 6.5 | a class
class Momentum:
    def __init__(self, rate, mu):
        self.rate, self.mu, self.v = rate, mu, {}
    def step(self, p, g):
        for n in p:
            self.v[n] = self.mu * self.v.get(n, 0) + g[n]
        return {n: p[n] - self.rate * self.v[n] for n in p}
def train(loss, params, batches, rate, momentum):
    optimizer, history = Momentum(rate, momentum), []
    for batch in batches:
        value, grads = loss(params, batch)
        history.append(value)
        params = optimizer.step(params, grads)
    return dict(params), np.array(history)

# %% 6.5 | recursion
def train(loss, params, batches, rate, momentum):
    def go(p, v, rest):
        if not len(rest):
            return p, []
        value, g = loss(p, rest[0])
        v = {n: momentum * v[n] + g[n] for n in p}
        end, later = go({n: p[n] - rate * v[n] for n in p}, v, rest[1:])
        return end, [value] + later
    p, history = go(dict(params), {n: np.zeros(x.shape) for n, x in params.items()}, batches)
    return p, np.array(history)

# %% 6.5 | all gradients kept
def train(loss, params, batches, rate, momentum):
    p, past, history = dict(params), [], []
    for batch in batches:
        value, g = loss(p, batch)
        history.append(value)
        past.append(g)
        for n in list(p):
            v = sum(momentum ** (len(past) - 1 - t) * old[n] for t, old in enumerate(past))
            p[n] = p[n] - rate * v
    return p, np.array(history)

# %% 6.5 | deepcopy
import copy
def train(loss, params, batches, rate, momentum):
    model = copy.deepcopy(params)
    velocity = {k: np.zeros(v.shape) for k, v in model.items()}
    history = []
    for x in batches:
        l, grad = loss(model, x)
        history.append(float(l))
        for k in model:
            velocity[k] = momentum * velocity[k] + grad[k]
            model[k] = model[k] - rate * velocity[k]
    return model, np.array(history)

# %% 6.5 | the step is kept in place of the velocity
def train(loss, params, batches, rate, momentum):
    p, moved, history = dict(params), {n: 0 for n in params}, []
    for batch in batches:
        value, g = loss(p, batch)
        history.append(value)
        moved = {n: momentum * moved[n] - rate * g[n] for n in p}
        p = {n: p[n] + moved[n] for n in p}
    return p, np.array(history)

# %% 6.5 | reduce
from functools import reduce
def train(loss, params, batches, rate, momentum):
    def one(state, batch):
        p, v, h = state
        value, g = loss(p, batch)
        v = {n: momentum * v[n] + g[n] for n in p}
        return {n: p[n] - rate * v[n] for n in p}, v, [*h, value]
    p, _, h = reduce(one, batches, (dict(params), {n: np.zeros_like(x) for n, x in params.items()}, []))
    return p, np.array(h)
