"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np

from tokenlab import step


# %% 6.1 | bias not summed
def pull_back(operation, inputs, y_grad):
    if operation == "add":
        return y_grad, y_grad
    if operation == "multiply":
        a, b = inputs
        return b * y_grad, a * y_grad
    if operation == "matmul":
        a, b = inputs
        return y_grad @ b.T, a.T @ y_grad
    if operation == "relu":
        return (np.where(inputs[0] > 0, y_grad, 0.0),)
    table, ids = inputs
    grad = np.zeros_like(table)
    for i, row in zip(ids, y_grad):
        grad[i] += row
    return (grad,)


# %% 6.1 | repeated rows
def pull_back(operation, inputs, y_grad):
    a = inputs[0]
    if operation == "relu":
        return (step("gradient of the first input", y_grad * (a > 0)),)
    b = inputs[1]
    if operation == "rows":
        grad = np.zeros(a.shape)
        grad[b] += y_grad
        return (step("gradient of the first input", grad),)
    if operation == "add":
        return y_grad, y_grad.sum(0)
    if operation == "multiply":
        return y_grad * b, y_grad * a
    return y_grad @ b.T, a.T @ y_grad


# %% 6.1 | gradient clipped
def pull_back(operation, inputs, y_grad):
    if operation == "relu":
        return (np.maximum(y_grad, 0),)
    a, b = inputs
    if operation == "add":
        return y_grad, np.sum(y_grad, axis=0)
    if operation == "multiply":
        return y_grad * b, y_grad * a
    if operation == "matmul":
        return y_grad @ b.T, a.T @ y_grad
    grad = np.zeros(a.shape)
    np.add.at(grad, b, y_grad)
    return (grad,)


# %% 6.1 | slope at 0
def pull_back(operation, inputs, y_grad):
    if operation == "relu":
        grad = y_grad.copy()
        grad[inputs[0] < 0] = 0
        return (grad,)
    a, b = inputs
    if operation == "add":
        return y_grad, y_grad.sum(axis=0)
    if operation == "multiply":
        return y_grad * b, y_grad * a
    if operation == "matmul":
        return y_grad @ b.T, a.T @ y_grad
    one_hot = np.eye(len(a))[b]
    return (one_hot.T @ y_grad,)


# %% 6.1 | factors not transposed
def pull_back(operation, inputs, y_grad):
    if operation == "relu":
        return (y_grad * (inputs[0] > 0),)
    a, b = inputs
    if operation == "add":
        return y_grad, y_grad.sum(axis=0)
    if operation == "multiply":
        return y_grad * b, y_grad * a
    if operation == "matmul":
        return y_grad @ b, a @ y_grad
    one_hot = np.eye(len(a))[b]
    return (one_hot.T @ y_grad,)


# %% 6.1 | factors exchanged
def pull_back(operation, inputs, y_grad):
    if operation == "relu":
        return (y_grad * (inputs[0] > 0),)
    a, b = inputs
    if operation == "multiply":
        return a * y_grad, b * y_grad
    if operation == "add":
        return y_grad, y_grad.sum(axis=0)
    if operation == "matmul":
        return y_grad @ b.T, a.T @ y_grad
    grad = np.zeros(a.shape)
    np.add.at(grad, b, y_grad)
    return (grad,)


# %% 6.2 | unstable exponent
def cross_entropy(logits, ids):
    e = np.exp(logits)
    p = e / e.sum(axis=1, keepdims=True)
    each = np.arange(len(ids))
    loss = -np.log(p[each, ids]).mean()
    p[each, ids] -= 1
    return loss, p / len(ids)


# %% 6.2 | logarithm of zero
def cross_entropy(logits, ids):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = np.mean([-np.log(p[i, j]) for i, j in enumerate(ids)])
    one_hot = np.eye(logits.shape[1])[ids]
    return loss, (p - one_hot) / len(logits)


# %% 6.2 | one maximum for all rows
def cross_entropy(logits, ids):
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    grad = np.exp(log_p)
    for i, j in enumerate(ids):
        grad[i, j] -= 1
    loss = -np.mean(log_p[range(len(ids)), ids])
    return loss, step("logits gradient", grad / len(ids))


# %% 6.2 | mean forgotten in the gradient
def cross_entropy(logits, ids):
    top = logits.max(axis=1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    log_p = step("log-probability", log_p)
    each = np.arange(len(ids))
    grad = np.exp(log_p)
    grad[each, ids] -= 1
    return -log_p[each, ids].mean(), grad


# %% 6.2 | ones in whole columns
def cross_entropy(logits, ids):
    top = logits.max(axis=1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(ids)), ids].mean()
    p = np.exp(log_p)
    p[:, ids] -= 1
    return loss, p / len(ids)


# %% 6.2 | wrong sign
def cross_entropy(logits, ids):
    top = logits.max(axis=1, keepdims=True)
    log_p = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    loss = -log_p[np.arange(len(ids)), ids].mean()
    return loss, (np.eye(logits.shape[1])[ids] - np.exp(log_p)) / len(ids)


# %% 6.3 | statistics held fast
def layer_norm(x, gain, bias, y_grad, eps):
    mean = x.mean(axis=1, keepdims=True)
    sigma = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    h = step("normalised", (x - mean) / sigma)
    return h * gain + bias, y_grad * gain / sigma, (y_grad * h).sum(axis=0), y_grad.sum(axis=0)


# %% 6.3 | deviation held fast
def layer_norm(x, gain, bias, y_grad, eps):
    mean = x.mean(axis=1)[:, None]
    sigma = np.sqrt(x.var(axis=1)[:, None] + eps)
    h = (x - mean) / sigma
    g = y_grad * gain
    x_grad = (g - g.mean(axis=1)[:, None]) / sigma
    return h * gain + bias, x_grad, (y_grad * h).sum(axis=0), y_grad.sum(axis=0)


# %% 6.3 | gain forgotten
def layer_norm(x, gain, bias, y_grad, eps):
    mean = x.mean(axis=1, keepdims=True)
    sigma = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    h = (x - mean) / sigma
    x_grad = y_grad - y_grad.mean(axis=1, keepdims=True)
    x_grad = (x_grad - h * (y_grad * h).mean(axis=1, keepdims=True)) / sigma
    return h * gain + bias, x_grad, (y_grad * h).sum(axis=0), y_grad.sum(axis=0)


# %% 6.3 | eps outside
def layer_norm(x, gain, bias, y_grad, eps):
    mean = x.mean(axis=1, keepdims=True)
    sigma = x.std(axis=1, keepdims=True) + eps
    h = (x - mean) / sigma
    g = y_grad * gain
    x_grad = g - g.mean(axis=1, keepdims=True) - h * (g * h).mean(axis=1, keepdims=True)
    return h * gain + bias, x_grad / sigma, (y_grad * h).sum(axis=0), y_grad.sum(axis=0)


# %% 6.3 | columns normalised
def layer_norm(x, gain, bias, y_grad, eps):
    mean, sigma = x.mean(axis=0), np.sqrt(x.var(axis=0) + eps)
    h = step("normalised", (x - mean) / sigma)
    g = y_grad * gain
    x_grad = (g - g.mean(axis=0) - h * (g * h).mean(axis=0)) / sigma
    return h * gain + bias, x_grad, (y_grad * h).sum(axis=0), y_grad.sum(axis=0)


# %% 6.3 | gain sees x
def layer_norm(x, gain, bias, y_grad, eps):
    mean = x.mean(axis=1, keepdims=True)
    sigma = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    h = (x - mean) / sigma
    g = y_grad * gain
    x_grad = (g - g.mean(axis=1, keepdims=True) - h * np.mean(g * h, axis=1)[:, None]) / sigma
    return h * gain + bias, x_grad, (y_grad * x).sum(axis=0), y_grad.sum(axis=0)


# %% 6.3 | exception
def layer_norm(x, gain, bias, y_grad, eps):
    mean = x.mean(axis=1)
    sigma = np.sqrt(x.var(axis=1) + eps)
    h = (x - mean) / sigma
    g = y_grad * gain
    x_grad = (g - g.mean(axis=1) - h * (g * h).mean(axis=1)) / sigma
    return h * gain + bias, x_grad, (y_grad * h).sum(axis=0), y_grad.sum(axis=0)


# %% 6.4 | one-sided
def gradient_gaps(loss, params, epsilon):
    start, stated = loss(params)
    differences, scale = {}, 0.0
    for name in params:
        differences[name] = 0.0
        for at in np.ndindex(params[name].shape):
            moved = {key: value.copy() for key, value in params.items()}
            moved[name][at] += epsilon
            slope = (loss(moved)[0] - start) / epsilon
            scale = max(scale, abs(slope))
            differences[name] = max(differences[name], abs(slope - stated[name][at]))
    return {name: value / (scale or 1.0) for name, value in differences.items()}


# %% 6.4 | divided by epsilon
def gradient_gaps(loss, params, epsilon):
    _, stated = loss(params)
    differences, scale = {}, 0.0
    for name, x in params.items():
        differences[name] = 0.0
        for at in np.ndindex(x.shape):
            e = np.zeros(x.shape)
            e[at] = epsilon
            up, down = loss({**params, name: x + e})[0], loss({**params, name: x - e})[0]
            slope = (up - down) / epsilon
            scale = max(scale, abs(slope))
            differences[name] = max(differences[name], abs(slope - stated[name][at]))
    return {name: value / (scale or 1.0) for name, value in differences.items()}


# %% 6.4 | scale of one array
def gradient_gaps(loss, params, epsilon):
    _, stated = loss(params)
    gaps = {}
    for name, x in params.items():
        slopes = np.zeros(x.shape)
        for at in np.ndindex(x.shape):
            e = np.zeros(x.shape)
            e[at] = epsilon
            up, down = loss({**params, name: x + e})[0], loss({**params, name: x - e})[0]
            slopes[at] = (up - down) / (2 * epsilon)
        top = np.abs(slopes).max()
        gaps[name] = np.abs(slopes - stated[name]).max() / (top if top > 0 else 1)
    return gaps


# %% 6.4 | sign of the gap
def gradient_gaps(loss, params, epsilon):
    _, stated = loss(params)
    differences, scale = {}, 0.0
    for name, x in params.items():
        found = []
        for at in np.ndindex(x.shape):
            e = np.zeros(x.shape)
            e[at] = epsilon
            up, down = loss({**params, name: x + e})[0], loss({**params, name: x - e})[0]
            slope = (up - down) / (2 * epsilon)
            scale = max(scale, abs(slope))
            found.append(stated[name][at] - slope)
        differences[name] = max(found)
    return {name: value / (scale or 1.0) for name, value in differences.items()}


# %% 6.4 | 0 divided by 0
def gradient_gaps(loss, params, epsilon):
    _, stated = loss(params)
    tried = {}
    for name, x in params.items():
        tried[name] = np.zeros(x.shape)
        for at in np.ndindex(x.shape):
            e = np.zeros(x.shape)
            e[at] = epsilon
            up, down = loss({**params, name: x + e})[0], loss({**params, name: x - e})[0]
            tried[name][at] = (up - down) / (2 * epsilon)
        step(f"slopes of {name} by trying", tried[name])
    scale = np.max([np.abs(slopes).max() for slopes in tried.values()])
    return {name: np.abs(stated[name] - tried[name]).max() / scale for name in params}


# %% 6.4 | changed input
def gradient_gaps(loss, params, epsilon):
    _, stated = loss(params)
    differences, scale = {}, 0.0
    for name, x in params.items():
        differences[name] = 0.0
        for at in np.ndindex(x.shape):
            x[at] += epsilon
            up = loss(params)[0]
            x[at] -= 2 * epsilon
            down = loss(params)[0]
            slope = (up - down) / (2 * epsilon)
            scale = max(scale, abs(slope))
            differences[name] = max(differences[name], abs(slope - stated[name][at]))
    return {name: value / (scale or 1.0) for name, value in differences.items()}


# %% 6.5 | uphill
def train(loss, params, batches, rate, momentum):
    params = {name: x.copy() for name, x in params.items()}
    velocity = dict.fromkeys(params, 0.0)
    history = []
    for batch in batches:
        value, grads = loss(params, batch)
        history.append(value)
        for name in params:
            velocity[name] = momentum * velocity[name] + grads[name]
            params[name] += rate * velocity[name]
    return params, np.array(history)


# %% 6.5 | momentum forgotten
def train(loss, params, batches, rate, momentum):
    history = []
    for batch in batches:
        value, grads = loss(params, batch)
        history.append(value)
        velocity = {name: np.zeros(x.shape) for name, x in params.items()}
        velocity = {name: momentum * velocity[name] + grads[name] for name in params}
        params = {name: params[name] - rate * velocity[name] for name in params}
    return params, step("history", np.array(history))


# %% 6.5 | a mean for the velocity
def train(loss, params, batches, rate, momentum):
    velocity = {name: np.zeros(x.shape) for name, x in params.items()}
    history = []
    for batch in batches:
        value, grads = loss(params, batch)
        history.append(value)
        velocity = {n: momentum * velocity[n] + (1 - momentum) * grads[n] for n in params}
        params = {n: params[n] - rate * velocity[n] for n in params}
    return params, np.array(history)


# %% 6.5 | loss after the step
def train(loss, params, batches, rate, momentum):
    velocity = {name: np.zeros(x.shape) for name, x in params.items()}
    history = []
    for batch in batches:
        _, grads = loss(params, batch)
        velocity = {n: momentum * velocity[n] + grads[n] for n in params}
        params = {n: params[n] - rate * velocity[n] for n in params}
        history.append(loss(params, batch)[0])
    return params, np.array(history)


# %% 6.5 | always the first parameters
def train(loss, params, batches, rate, momentum):
    trained = {name: x.copy() for name, x in params.items()}
    velocity = {name: np.zeros(x.shape) for name, x in params.items()}
    history = []
    for batch in batches:
        value, grads = loss(params, batch)
        history.append(value)
        for name in trained:
            velocity[name] = momentum * velocity[name] + grads[name]
            trained[name] = trained[name] - rate * velocity[name]
    return trained, np.array(history)


# %% 6.5 | changed input
def train(loss, params, batches, rate, momentum):
    velocity = {name: np.zeros(x.shape) for name, x in params.items()}
    history = []
    for batch in batches:
        value, grads = loss(params, batch)
        history.append(value)
        for name, x in params.items():
            velocity[name] = momentum * velocity[name] + grads[name]
            x -= rate * velocity[name]
    return params, np.array(history)


# %% 6.5 | type
def train(loss, params, batches, rate, momentum):
    velocity = {name: np.zeros(x.shape) for name, x in params.items()}
    for batch in batches:
        _, grads = loss(params, batch)
        velocity = {n: momentum * velocity[n] + grads[n] for n in params}
        params = {n: params[n] - rate * velocity[n] for n in params}
    return params
