"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np


# %% 12.1 | rest not held against
def credit(log_odds, replaced, before, after):
    new = log_odds.copy()
    drop = min(max(before - after, -0.999), 0.999)
    for i in range(len(new)):
        if replaced[i]:
            new[i] += np.log((1 + drop) / (1 - drop))
    return new


# %% 12.1 | kept for replaced
def credit(log_odds, replaced, before, after):
    d = np.clip(after - before, -0.999, 0.999)
    delta = np.where(replaced, d, -d)
    return log_odds + np.log1p(delta) - np.log1p(-delta)


# %% 12.1 | drop not cut
def credit(log_odds, replaced, before, after):
    d = before - after
    sign = np.where(replaced, 1.0, -1.0)
    return log_odds + np.log((1 + sign * d) / (1 - sign * d))


# %% 12.1 | delta added
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    return log_odds + d * (2 * replaced - 1.0)


# %% 12.1 | log-odds forgotten
def credit(log_odds, replaced, before, after):
    d = np.clip(before - after, -0.999, 0.999)
    return 2 * np.arctanh(np.where(replaced, d, -d))


# %% 12.1 | absolute drop
def credit(log_odds, replaced, before, after):
    d = min(abs(before - after), 0.999)
    return np.array(
        [o + np.log((1 + d) / (1 - d)) * (1 if r else -1) for o, r in zip(log_odds, replaced)]
    )


# %% 12.2 | temperature missing
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    return (weight * (x.T @ y_grad) + penalty / m.size) * m * (1 - m)


# %% 12.2 | weight missing
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    return (np.einsum("ni,no->io", x, y_grad) + penalty / m.size) * temperature * (m - m**2)


# %% 12.2 | penalty of the sum
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    return (weight * (x.T @ y_grad) + penalty) * temperature * m * (1 - m)


# %% 12.2 | penalty missing
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    w_grad = x.T @ y_grad
    return w_grad * weight * temperature * m * (1 - m)


# %% 12.2 | gradient of the mask
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    return (x.T @ y_grad) * weight + penalty / m.size


# %% 12.2 | mask in the gradient
def mask_grad(theta, weight, x, y_grad, temperature, penalty):
    m = 1 / (1 + np.exp(-temperature * theta))
    return ((x.T @ y_grad) * (weight * m) + penalty / m.size) * temperature * m * (1 - m)


# %% 12.3 | lengths not divided out
def concentration(hidden, prefix):
    question, before = hidden[prefix:].mean(0), hidden[:prefix]
    return question @ question, (question @ before.mean(0) if prefix else 0.0)


# %% 12.3 | mean normalised
def concentration(hidden, prefix):
    rows = hidden / np.sqrt((hidden**2).sum(1))[:, None]
    q = rows[prefix:].sum(0)
    q = q / np.linalg.norm(q)
    return q @ q, (q @ rows[:prefix].mean(0) if prefix else 0.0)


# %% 12.3 | without the diagonal
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1)[:, None]
    q = rows[prefix:].sum(0)
    n = len(rows) - prefix
    intra = (q @ q - n) / (n * (n - 1)) if n > 1 else 0.0
    return intra, (q @ rows[:prefix].sum(0) / (n * prefix) if prefix else 0.0)


# %% 12.3 | sums for means
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1)[:, None]
    q = rows[prefix:].sum(0)
    return q @ q, q @ rows[:prefix].sum(0)


# %% 12.3 | all rows
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1)[:, None]
    q = rows.mean(0)
    return q @ q, (q @ rows[:prefix].mean(0) if prefix else 0.0)


# %% 12.3 | nan without a prefix
def concentration(hidden, prefix):
    rows = hidden / np.linalg.norm(hidden, axis=1)[:, None]
    q = rows[prefix:].sum(0) / (len(rows) - prefix)
    with np.errstate(all="ignore"):
        before = rows[:prefix].sum(0) / np.float64(prefix)
    return q @ q, q @ before


# %% 12.4 | id -1 is the last word
def bag_scores(logits, counts, ids, values):
    bag = logits[counts].max(0)
    return (bag[ids] * values).sum(1)


# %% 12.4 | padding counts
def bag_scores(logits, counts, ids, values):
    bag = np.append(logits.max(0), 0.0)
    return np.array([sum(bag[i] * v for i, v in zip(*d) if i >= 0) for d in zip(ids, values)])


# %% 12.4 | padding is zero
def bag_scores(logits, counts, ids, values):
    bag = (logits * counts[:, None]).max(0)
    return np.array([sum(bag[i] * v for i, v in zip(*d) if i >= 0) for d in zip(ids, values)])


# %% 12.4 | below zero cut
def bag_scores(logits, counts, ids, values):
    bag = np.maximum(logits[counts], 0).max(0)
    return np.array([sum(bag[i] * v for i, v in zip(*d) if i >= 0) for d in zip(ids, values)])


# %% 12.4 | mean over tokens
def bag_scores(logits, counts, ids, values):
    bag = logits[counts].mean(0)
    return np.array([sum(bag[i] * v for i, v in zip(*d) if i >= 0) for d in zip(ids, values)])


# %% 12.4 | values not used
def bag_scores(logits, counts, ids, values):
    bag = logits[counts].max(0)
    return np.array([bag[d[d >= 0]].sum() for d in ids])


# %% 12.5 | who rests is 0
def walk(start, moves):
    states = [start]
    for move in moves:
        states.append(states[-1] + move)
    length = sum(np.linalg.norm(m, axis=1) for m in moves) + np.zeros(len(start))
    return np.array(states), np.linalg.norm(states[-1] - start, axis=1) / np.maximum(length, 1e-12)


# %% 12.5 | 0 / 0
def walk(start, moves):
    states = np.vstack([start[None], start + np.cumsum(moves, axis=0)])
    length = np.sqrt((moves**2).sum(2)).sum(0)
    with np.errstate(all="ignore"):
        return states, np.sqrt(((states[-1] - start) ** 2).sum(1)) / length


# %% 12.5 | start missing
def walk(start, moves):
    states = start + np.cumsum(moves, axis=0)
    length = np.linalg.norm(moves, axis=-1).sum(0)
    distance = np.linalg.norm(moves.sum(0), axis=-1)
    return states, np.array([a / b if b else 1.0 for a, b in zip(distance, length)])


# %% 12.5 | length of the end
def walk(start, moves):
    states = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    length = np.linalg.norm(moves, axis=-1).sum(0)
    distance = np.linalg.norm(states[-1], axis=-1)
    return states, np.array([a / b if b else 1.0 for a, b in zip(distance, length)])


# %% 12.5 | squares
def walk(start, moves):
    states = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    length = np.sqrt((moves**2).sum((0, 2)))
    distance = np.linalg.norm(states[-1] - start, axis=-1)
    return states, np.array([a / b if b else 1.0 for a, b in zip(distance, length)])


# %% 12.5 | all tokens together
def walk(start, moves):
    states = np.concatenate([start[None], start + np.cumsum(moves, axis=0)])
    length = np.linalg.norm(moves, axis=-1).sum()
    distance = np.linalg.norm(states[-1] - start, axis=-1)
    return states, distance / length if length else np.ones(len(start))
