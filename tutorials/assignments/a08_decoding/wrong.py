"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np


# %% 8.1 | weight p/(1 - R)
def weighted_draw(p, order, allowed):
    left = 1.0
    for token in order:
        if allowed[token]:
            return int(token), p[token] / left
        left -= p[token]
    return -1, 0.0


# %% 8.1 | no further token asked
def weighted_draw(p, order, allowed):
    left = 1.0
    for token in order:
        if allowed[token]:
            return int(token), left
        left -= p[token]
    return -1, 0.0


# %% 8.1 | always p(x)
def weighted_draw(p, order, allowed):
    for token in order:
        if allowed[token]:
            return int(token), p[token]
    return -1, 0.0


# %% 8.1 | end of the order
def weighted_draw(p, order, allowed):
    rejected = 0.0
    for i in range(len(order)):
        x = order[i]
        if allowed[x]:
            if i + 1 < len(order) and allowed[order[i + 1]]:
                return int(x), 1 - rejected
            return int(x), p[x]
        rejected += p[x]
    return -1, 0.0


# %% 8.1 | weight one
def weighted_draw(p, order, allowed):
    for token in order:
        if allowed[token]:
            return int(token), 1.0
    return -1, 0.0


# %% 8.2 | p after a rejection
def judge(p, q, token):
    return min(1.0, p[token] / q[token]), p


# %% 8.2 | other difference
def judge(p, q, token):
    rest = (q - p).clip(0)
    if rest.sum() == 0:
        rest = p
    return min(1.0, p[token] / q[token]), rest / rest.sum()


# %% 8.2 | absolute difference
def judge(p, q, token):
    rest = np.abs(p - q)
    if rest.sum() == 0:
        return 1.0, p
    return min(1.0, p[token] / q[token]), rest / rest.sum()


# %% 8.2 | 0 divided by 0
def judge(p, q, token):
    rest = np.maximum(p - q, 0)
    with np.errstate(all="ignore"):
        return min(1.0, p[token] / q[token]), rest / rest.sum()


# %% 8.2 | ratio upside down
def judge(p, q, token):
    rest = np.maximum(p - q, 0)
    rest = rest / rest.sum() if rest.sum() > 0 else p
    return min(1.0, q[token] / p[token]), rest


# %% 8.3 | children under rejected parents
def accepted_tokens(parents, guesses, best):
    depth, fits = [0], [True]
    for i in range(len(guesses)):
        depth.append(depth[parents[i]] + 1)
        fits.append(bool(guesses[i] == best[parents[i]]))
    node = max(range(len(depth)), key=lambda n: (depth[n] if fits[n] else -1, -n))
    path = [int(best[node])]
    while node:
        path = [int(guesses[node - 1]), *path]
        node = parents[node - 1]
    return path


# %% 8.3 | own token missing
def accepted_tokens(parents, guesses, best):
    paths = {0: []}
    for i in range(len(guesses)):
        if parents[i] in paths and guesses[i] == best[parents[i]]:
            paths[i + 1] = paths[parents[i]] + [int(guesses[i])]
    return max(paths.values(), key=len)


# %% 8.3 | last of equal depth
def accepted_tokens(parents, guesses, best):
    paths = {0: []}
    longest = 0
    for i in range(len(guesses)):
        if parents[i] in paths and guesses[i] == best[parents[i]]:
            paths[i + 1] = paths[parents[i]] + [int(guesses[i])]
            if len(paths[i + 1]) >= len(paths[longest]):
                longest = i + 1
    return paths[longest] + [int(best[longest])]


# %% 8.3 | first level alone
def accepted_tokens(parents, guesses, best):
    for i in range(len(guesses)):
        if parents[i] == 0 and guesses[i] == best[0]:
            return [int(best[0]), int(best[i + 1])]
    return [int(best[0])]


# %% 8.4 | unmasked encodings
def masked_to_valid(p, before, tokens, encode):
    return p / np.sum(p)


# %% 8.4 | not renormalised
def masked_to_valid(p, before, tokens, encode):
    text = b"".join([tokens[i] for i in before])
    out = p.copy()
    for i in range(len(tokens)):
        if list(encode(text + tokens[i])) != list(before) + [i]:
            out[i] = 0
    return out


# %% 8.4 | token by itself
def masked_to_valid(p, before, tokens, encode):
    out = np.array([p[i] if list(encode(tokens[i])) == [i] else 0.0 for i in range(len(p))])
    return out / out.sum()


# %% 8.4 | length compared
def masked_to_valid(p, before, tokens, encode):
    text = b"".join([tokens[i] for i in before])
    out = np.array(
        [p[i] if len(encode(text + tokens[i])) == len(before) + 1 else 0.0 for i in range(len(p))]
    )
    return out / out.sum()


# %% 8.5 | slots off by one
def insertion_target(ids, dropped, vocab):
    m = int((~dropped).sum())
    out = np.zeros((m + 1, vocab))
    slot = 1
    for token, gone in zip(ids, dropped):
        if gone:
            out[min(slot, m), token] += 1 / dropped.sum()
        else:
            slot += 1
    return out


# %% 8.5 | counts for shares
def insertion_target(ids, dropped, vocab):
    slot = np.cumsum(~dropped)
    out = np.zeros((slot[-1] + 1, vocab))
    np.add.at(out, (slot[dropped], ids[dropped]), 1)
    return out


# %% 8.5 | repeated token counted once
def insertion_target(ids, dropped, vocab):
    slot = np.cumsum(~dropped)
    out = np.zeros((slot[-1] + 1, vocab))
    if dropped.any():
        out[slot[dropped], ids[dropped]] = 1 / dropped.sum()
    return out


# %% 8.5 | each gap sums to one
def insertion_target(ids, dropped, vocab):
    slot = np.cumsum(~dropped)
    out = np.zeros((slot[-1] + 1, vocab))
    np.add.at(out, (slot[dropped], ids[dropped]), 1)
    total = out.sum(axis=1, keepdims=True)
    return out / np.maximum(total, 1)
