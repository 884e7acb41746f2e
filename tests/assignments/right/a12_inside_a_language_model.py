"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 12.1 | where, a quotient, clip
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    delta = np.where(replaced, d, -d)
    return log_odds + np.log((1 + delta) / (1 - delta))

# %% 12.1 | where, log1p, clip
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    delta = np.where(replaced, d, -d)
    return log_odds + np.log1p(delta) - np.log1p(-delta)

# %% 12.1 | signs, arctanh, clip
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    delta = d * (2 * replaced.astype(float) - 1)
    return log_odds + 2 * np.arctanh(delta)

# %% 12.1 | one logarithm, signs, clip
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    gain = np.log((1 + d) / (1 - d))
    return log_odds + np.where(replaced, gain, -gain)

# %% 12.1 | a copy, two parts, clip
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    gain, new = np.log(1 + d) - np.log(1 - d), log_odds.astype(float)
    new[replaced] += gain
    new[~replaced] -= gain
    return new

# %% 12.1 | a loop, clip
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    new = []
    for odds, was in zip(log_odds, replaced):
        x = d if was else -d
        new.append(odds + np.log((1 + x) / (1 - x)))
    return np.array(new)

# %% 12.1 | where, a quotient, min and max
def credit(log_odds, replaced, before, after):
    d = max(-0.999, min(0.999, before - after))
    delta = np.where(replaced, d, -d)
    return log_odds + np.log((1 + delta) / (1 - delta))

# %% 12.1 | where, log1p, min and max
def credit(log_odds, replaced, before, after):
    d = max(-0.999, min(0.999, before - after))
    delta = np.where(replaced, d, -d)
    return log_odds + np.log1p(delta) - np.log1p(-delta)

# %% 12.1 | signs, arctanh, min and max
def credit(log_odds, replaced, before, after):
    d = max(-0.999, min(0.999, before - after))
    delta = d * (2 * replaced.astype(float) - 1)
    return log_odds + 2 * np.arctanh(delta)

# %% 12.1 | one logarithm, signs, min and max
def credit(log_odds, replaced, before, after):
    d = max(-0.999, min(0.999, before - after))
    gain = np.log((1 + d) / (1 - d))
    return log_odds + np.where(replaced, gain, -gain)

# %% 12.1 | a copy, two parts, min and max
def credit(log_odds, replaced, before, after):
    d = max(-0.999, min(0.999, before - after))
    gain, new = np.log(1 + d) - np.log(1 - d), log_odds.astype(float)
    new[replaced] += gain
    new[~replaced] -= gain
    return new

# %% 12.1 | a loop, min and max
def credit(log_odds, replaced, before, after):
    d = max(-0.999, min(0.999, before - after))
    new = []
    for odds, was in zip(log_odds, replaced):
        x = d if was else -d
        new.append(odds + np.log((1 + x) / (1 - x)))
    return np.array(new)

# %% 12.2 | a quotient, a product
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    g = weight * (x.T @ y_grad) + penalty / theta.size
    return temperature * m * (1 - m) * g

# %% 12.2 | a quotient, einsum
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    g = np.einsum('ni,no,io->io', x, y_grad, weight) + penalty / (theta.shape[0] * theta.shape[1])
    return g * (temperature * (m - m * m))

# %% 12.2 | a quotient, rows added up
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    g = np.full(theta.shape, penalty / m.size)
    for row, up in zip(x, y_grad):
        g += weight * np.outer(row, up)
    return g * m * (1 - m) * temperature

# %% 12.2 | a quotient, a sum over the batch
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    g = (x[:, :, None] * y_grad[:, None, :]).sum(axis=0) * weight
    slope = temperature * m * (1 - m)
    return slope * g + slope * penalty / m.size

# %% 12.2 | tanh, a product
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = (1 + np.tanh(temperature * theta / 2)) / 2
    g = weight * (x.T @ y_grad) + penalty / theta.size
    return temperature * m * (1 - m) * g

# %% 12.2 | tanh, einsum
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = (1 + np.tanh(temperature * theta / 2)) / 2
    g = np.einsum('ni,no,io->io', x, y_grad, weight) + penalty / (theta.shape[0] * theta.shape[1])
    return g * (temperature * (m - m * m))

# %% 12.2 | tanh, rows added up
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = (1 + np.tanh(temperature * theta / 2)) / 2
    g = np.full(theta.shape, penalty / m.size)
    for row, up in zip(x, y_grad):
        g += weight * np.outer(row, up)
    return g * m * (1 - m) * temperature

# %% 12.2 | tanh, a sum over the batch
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = (1 + np.tanh(temperature * theta / 2)) / 2
    g = (x[:, :, None] * y_grad[:, None, :]).sum(axis=0) * weight
    slope = temperature * m * (1 - m)
    return slope * g + slope * penalty / m.size

# %% 12.2 | exp over, a product
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    e = np.exp(temperature * theta)
    m = e / (e + 1)
    g = weight * (x.T @ y_grad) + penalty / theta.size
    return temperature * m * (1 - m) * g

# %% 12.2 | exp over, einsum
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    e = np.exp(temperature * theta)
    m = e / (e + 1)
    g = np.einsum('ni,no,io->io', x, y_grad, weight) + penalty / (theta.shape[0] * theta.shape[1])
    return g * (temperature * (m - m * m))

# %% 12.2 | exp over, rows added up
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    e = np.exp(temperature * theta)
    m = e / (e + 1)
    g = np.full(theta.shape, penalty / m.size)
    for row, up in zip(x, y_grad):
        g += weight * np.outer(row, up)
    return g * m * (1 - m) * temperature

# %% 12.2 | exp over, a sum over the batch
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    e = np.exp(temperature * theta)
    m = e / (e + 1)
    g = (x[:, :, None] * y_grad[:, None, :]).sum(axis=0) * weight
    slope = temperature * m * (1 - m)
    return slope * g + slope * penalty / m.size

# %% 12.3 | norm, means
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    middle = rows[prefix:].mean(axis=0)
    inter = middle @ rows[:prefix].mean(axis=0) if prefix else 0.0
    return middle @ middle, inter

# %% 12.3 | norm, sums
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    q, p, n = rows[prefix:].sum(axis=0), rows[:prefix].sum(axis=0), len(rows) - prefix
    return (q**2).sum() / n**2, (q * p).sum() / (n * max(prefix, 1))

# %% 12.3 | norm, a length
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    middle = np.mean(rows[prefix:], axis=0)
    intra = np.linalg.norm(middle) ** 2
    if prefix == 0:
        return intra, 0.0
    return intra, np.dot(middle, np.mean(rows[:prefix], axis=0))

# %% 12.3 | norm, row by row
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1, keepdims=True)
    middle = rows[prefix:].mean(axis=0)
    inter = (rows[:prefix] @ middle).sum() / prefix if prefix else 0.0
    return float((rows[prefix:] @ middle).mean()), float(inter)

# %% 12.3 | squares, means
def concentration(hidden, prefix):
    rows = hidden / np.sqrt((hidden**2).sum(axis=1))[:, None]
    middle = rows[prefix:].mean(axis=0)
    inter = middle @ rows[:prefix].mean(axis=0) if prefix else 0.0
    return middle @ middle, inter

# %% 12.3 | squares, sums
def concentration(hidden, prefix):
    rows = hidden / np.sqrt((hidden**2).sum(axis=1))[:, None]
    q, p, n = rows[prefix:].sum(axis=0), rows[:prefix].sum(axis=0), len(rows) - prefix
    return (q**2).sum() / n**2, (q * p).sum() / (n * max(prefix, 1))

# %% 12.3 | squares, a length
def concentration(hidden, prefix):
    rows = hidden / np.sqrt((hidden**2).sum(axis=1))[:, None]
    middle = np.mean(rows[prefix:], axis=0)
    intra = np.linalg.norm(middle) ** 2
    if prefix == 0:
        return intra, 0.0
    return intra, np.dot(middle, np.mean(rows[:prefix], axis=0))

# %% 12.3 | squares, row by row
def concentration(hidden, prefix):
    rows = hidden / np.sqrt((hidden**2).sum(axis=1))[:, None]
    middle = rows[prefix:].mean(axis=0)
    inter = (rows[:prefix] @ middle).sum() / prefix if prefix else 0.0
    return float((rows[prefix:] @ middle).mean()), float(inter)

# %% 12.3 | einsum, means
def concentration(hidden, prefix):
    rows = (hidden.T / np.sqrt(np.einsum('nd,nd->n', hidden, hidden))).T
    middle = rows[prefix:].mean(axis=0)
    inter = middle @ rows[:prefix].mean(axis=0) if prefix else 0.0
    return middle @ middle, inter

# %% 12.3 | einsum, sums
def concentration(hidden, prefix):
    rows = (hidden.T / np.sqrt(np.einsum('nd,nd->n', hidden, hidden))).T
    q, p, n = rows[prefix:].sum(axis=0), rows[:prefix].sum(axis=0), len(rows) - prefix
    return (q**2).sum() / n**2, (q * p).sum() / (n * max(prefix, 1))

# %% 12.3 | einsum, a length
def concentration(hidden, prefix):
    rows = (hidden.T / np.sqrt(np.einsum('nd,nd->n', hidden, hidden))).T
    middle = np.mean(rows[prefix:], axis=0)
    intra = np.linalg.norm(middle) ** 2
    if prefix == 0:
        return intra, 0.0
    return intra, np.dot(middle, np.mean(rows[:prefix], axis=0))

# %% 12.3 | einsum, row by row
def concentration(hidden, prefix):
    rows = (hidden.T / np.sqrt(np.einsum('nd,nd->n', hidden, hidden))).T
    middle = rows[prefix:].mean(axis=0)
    inter = (rows[:prefix] @ middle).sum() / prefix if prefix else 0.0
    return float((rows[prefix:] @ middle).mean()), float(inter)

# %% 12.4 | rows taken, where
def bag_scores(logits, counts, ids, values):
    bag = logits[counts].max(axis=0)
    on = ids >= 0
    return (np.where(on, values, 0) * np.where(on, bag[ids], 0)).sum(axis=1)

# %% 12.4 | rows taken, document by document
def bag_scores(logits, counts, ids, values):
    bag = logits[counts].max(axis=0)
    scores = np.zeros(len(ids))
    for i in range(len(ids)):
        on = ids[i] >= 0
        scores[i] = bag[ids[i][on]] @ values[i][on]
    return scores

# %% 12.4 | rows taken, bincount
def bag_scores(logits, counts, ids, values):
    bag = logits[counts].max(axis=0)
    doc, place = np.nonzero(ids >= 0)
    each = bag[ids[doc, place]] * values[doc, place]
    return np.bincount(doc, weights=each, minlength=len(ids))

# %% 12.4 | rows taken, a list of sums
def bag_scores(logits, counts, ids, values):
    bag = logits[counts].max(axis=0)
    return np.array([sum(bag[i] * v for i, v in zip(a, b) if i != -1) for a, b in zip(ids, values)], dtype=float)

# %% 12.4 | minus infinity, where
def bag_scores(logits, counts, ids, values):
    bag = np.where(counts[:, None], logits, -np.inf).max(axis=0)
    on = ids >= 0
    return (np.where(on, values, 0) * np.where(on, bag[ids], 0)).sum(axis=1)

# %% 12.4 | minus infinity, document by document
def bag_scores(logits, counts, ids, values):
    bag = np.where(counts[:, None], logits, -np.inf).max(axis=0)
    scores = np.zeros(len(ids))
    for i in range(len(ids)):
        on = ids[i] >= 0
        scores[i] = bag[ids[i][on]] @ values[i][on]
    return scores

# %% 12.4 | minus infinity, bincount
def bag_scores(logits, counts, ids, values):
    bag = np.where(counts[:, None], logits, -np.inf).max(axis=0)
    doc, place = np.nonzero(ids >= 0)
    each = bag[ids[doc, place]] * values[doc, place]
    return np.bincount(doc, weights=each, minlength=len(ids))

# %% 12.4 | minus infinity, a list of sums
def bag_scores(logits, counts, ids, values):
    bag = np.where(counts[:, None], logits, -np.inf).max(axis=0)
    return np.array([sum(bag[i] * v for i, v in zip(a, b) if i != -1) for a, b in zip(ids, values)], dtype=float)

# %% 12.4 | a loop of maxima, where
def bag_scores(logits, counts, ids, values):
    bag = None
    for row, on in zip(logits, counts):
        if on:
            bag = row if bag is None else np.maximum(bag, row)
    on = ids >= 0
    return (np.where(on, values, 0) * np.where(on, bag[ids], 0)).sum(axis=1)

# %% 12.4 | a loop of maxima, document by document
def bag_scores(logits, counts, ids, values):
    bag = None
    for row, on in zip(logits, counts):
        if on:
            bag = row if bag is None else np.maximum(bag, row)
    scores = np.zeros(len(ids))
    for i in range(len(ids)):
        on = ids[i] >= 0
        scores[i] = bag[ids[i][on]] @ values[i][on]
    return scores

# %% 12.4 | a loop of maxima, bincount
def bag_scores(logits, counts, ids, values):
    bag = None
    for row, on in zip(logits, counts):
        if on:
            bag = row if bag is None else np.maximum(bag, row)
    doc, place = np.nonzero(ids >= 0)
    each = bag[ids[doc, place]] * values[doc, place]
    return np.bincount(doc, weights=each, minlength=len(ids))

# %% 12.4 | a loop of maxima, a list of sums
def bag_scores(logits, counts, ids, values):
    bag = None
    for row, on in zip(logits, counts):
        if on:
            bag = row if bag is None else np.maximum(bag, row)
    return np.array([sum(bag[i] * v for i, v in zip(a, b) if i != -1) for a, b in zip(ids, values)], dtype=float)

# %% 12.5 | cumsum, masked division
def walk(start, moves):
    states = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    way = np.linalg.norm(moves, axis=-1).sum(axis=0)
    far = np.linalg.norm(moves.sum(axis=0), axis=-1)
    straight = np.ones(len(start))
    np.divide(far, way, out=straight, where=way > 0)
    return states, straight

# %% 12.5 | cumsum, token by token
def walk(start, moves):
    states = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    straight = []
    for i in range(len(start)):
        way = sum(np.linalg.norm(m) for m in moves[:, i])
        straight.append(np.linalg.norm(states[-1, i] - start[i]) / way if way else 1.0)
    return states, np.array(straight)

# %% 12.5 | cumsum, squares
def walk(start, moves):
    states = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    way = np.sqrt((moves**2).sum(axis=2)).sum(axis=0)
    far = np.sqrt(((states[-1] - states[0]) ** 2).sum(axis=1))
    rest = way == 0
    return states, (far + rest) / (way + rest)

# %% 12.5 | cumsum, a mask
def walk(start, moves):
    states = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    way = np.linalg.norm(moves, axis=2).sum(0)
    far = np.linalg.norm(states[-1] - states[0], axis=1)
    straight = np.ones(way.shape)
    on = way > 0
    straight[on] = far[on] / way[on]
    return states, straight

# %% 12.5 | a list, masked division
def walk(start, moves):
    every = [start]
    for move in moves:
        every.append(every[-1] + move)
    states = np.array(every)
    way = np.linalg.norm(moves, axis=-1).sum(axis=0)
    far = np.linalg.norm(moves.sum(axis=0), axis=-1)
    straight = np.ones(len(start))
    np.divide(far, way, out=straight, where=way > 0)
    return states, straight

# %% 12.5 | a list, token by token
def walk(start, moves):
    every = [start]
    for move in moves:
        every.append(every[-1] + move)
    states = np.array(every)
    straight = []
    for i in range(len(start)):
        way = sum(np.linalg.norm(m) for m in moves[:, i])
        straight.append(np.linalg.norm(states[-1, i] - start[i]) / way if way else 1.0)
    return states, np.array(straight)

# %% 12.5 | a list, squares
def walk(start, moves):
    every = [start]
    for move in moves:
        every.append(every[-1] + move)
    states = np.array(every)
    way = np.sqrt((moves**2).sum(axis=2)).sum(axis=0)
    far = np.sqrt(((states[-1] - states[0]) ** 2).sum(axis=1))
    rest = way == 0
    return states, (far + rest) / (way + rest)

# %% 12.5 | a list, a mask
def walk(start, moves):
    every = [start]
    for move in moves:
        every.append(every[-1] + move)
    states = np.array(every)
    way = np.linalg.norm(moves, axis=2).sum(0)
    far = np.linalg.norm(states[-1] - states[0], axis=1)
    straight = np.ones(way.shape)
    on = way > 0
    straight[on] = far[on] / way[on]
    return states, straight

# %% 12.5 | an array filled, masked division
def walk(start, moves):
    states = np.empty((len(moves) + 1, *start.shape))
    states[0] = start
    for t in range(len(moves)):
        states[t + 1] = states[t] + moves[t]
    way = np.linalg.norm(moves, axis=-1).sum(axis=0)
    far = np.linalg.norm(moves.sum(axis=0), axis=-1)
    straight = np.ones(len(start))
    np.divide(far, way, out=straight, where=way > 0)
    return states, straight

# %% 12.5 | an array filled, token by token
def walk(start, moves):
    states = np.empty((len(moves) + 1, *start.shape))
    states[0] = start
    for t in range(len(moves)):
        states[t + 1] = states[t] + moves[t]
    straight = []
    for i in range(len(start)):
        way = sum(np.linalg.norm(m) for m in moves[:, i])
        straight.append(np.linalg.norm(states[-1, i] - start[i]) / way if way else 1.0)
    return states, np.array(straight)

# %% 12.5 | an array filled, squares
def walk(start, moves):
    states = np.empty((len(moves) + 1, *start.shape))
    states[0] = start
    for t in range(len(moves)):
        states[t + 1] = states[t] + moves[t]
    way = np.sqrt((moves**2).sum(axis=2)).sum(axis=0)
    far = np.sqrt(((states[-1] - states[0]) ** 2).sum(axis=1))
    rest = way == 0
    return states, (far + rest) / (way + rest)

# %% 12.5 | an array filled, a mask
def walk(start, moves):
    states = np.empty((len(moves) + 1, *start.shape))
    states[0] = start
    for t in range(len(moves)):
        states[t + 1] = states[t] + moves[t]
    way = np.linalg.norm(moves, axis=2).sum(0)
    far = np.linalg.norm(states[-1] - states[0], axis=1)
    straight = np.ones(way.shape)
    on = way > 0
    straight[on] = far[on] / way[on]
    return states, straight
