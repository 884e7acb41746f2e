"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 8.1 | a loop
def weighted_draw(p, order, allowed):
    mass = 0.0
    for i, x in enumerate(order):
        if allowed[x]:
            last = i == len(order) - 1
            return int(x), float(1 - mass if last or allowed[order[i + 1]] else p[x])
        mass += p[x]
    return -1, 0.0

# %% 8.1 | next
def weighted_draw(p, order, allowed):
    at = next((i for i, x in enumerate(order) if allowed[x]), None)
    if at is None:
        return -1, 0.0
    x, behind = order[at], order[at + 1:at + 2]
    return int(x), p[x] if len(behind) and not allowed[behind[0]] else 1 - p[order[:at]].sum()

# %% 8.1 | flatnonzero
def weighted_draw(p, order, allowed):
    places = np.flatnonzero(allowed[order])
    if places.size == 0:
        return -1, 0
    i = places[0]
    open_end = i + 1 == len(order) or allowed[order[i + 1]]
    return order[i], np.where(open_end, 1 - np.sum(p[order[:i]]), p[order[i]])

# %% 8.1 | running sums
def weighted_draw(p, order, allowed):
    good = allowed[order]
    if not good.any():
        return -1, 0.0
    before = np.cumsum(np.append(0, p[order]))
    i = np.argmax(good)
    nexts = np.append(good[1:], True)
    return int(order[i]), float(1 - before[i] if nexts[i] else p[order[i]])

# %% 8.1 | while
def weighted_draw(p, order, allowed):
    i = 0
    while i < len(order) and not allowed[order[i]]:
        i += 1
    if i == len(order):
        return -1, 0.0
    if i + 1 < len(order) and not allowed[order[i + 1]]:
        return int(order[i]), float(p[order[i]])
    return int(order[i]), 1.0 - sum(p[x] for x in order[:i])

# %% 8.1 | the rest by a mask
def weighted_draw(p, order, allowed):
    order = list(order)
    for x in order:
        if allowed[x]:
            break
    else:
        return -1, 0.0
    i = order.index(x)
    rest = np.ones(len(p), bool)
    rest[order[:i]] = False
    ends = order[i + 1:]
    return int(x), p[rest].sum() / p.sum() if not ends or allowed[ends[0]] else p[x]

# %% 8.1 | lists
def weighted_draw(p, order, allowed):
    seen = []
    for x, y in zip(order.tolist(), [*order.tolist()[1:], None]):
        if allowed[x]:
            w = 1 - sum(seen) if y is None or allowed[y] else p[x]
            return [x, w]
        seen.append(p[x])
    return [-1, 0.0]

# %% 8.1 | recursion
def weighted_draw(p, order, allowed, mass=0.0):
    if len(order) == 0:
        return -1, 0.0
    x = int(order[0])
    if not allowed[x]:
        return weighted_draw(p, order[1:], allowed, mass + p[x])
    return x, 1 - mass if len(order) == 1 or allowed[order[1]] else p[x]

# %% 8.1 | try and except
def weighted_draw(p, order, allowed):
    try:
        i = allowed[order].tolist().index(True)
    except ValueError:
        return -1, 0.0
    try:
        return int(order[i]), float(p[order[i]]) if not allowed[order[i + 1]] else 1 - p[order[:i]].sum()
    except IndexError:
        return int(order[i]), 1 - p[order[:i]].sum()

# %% 8.1 | itertools
from itertools import takewhile
def weighted_draw(p, order, allowed):
    bad = list(takewhile(lambda x: not allowed[x], order))
    rest = order[len(bad):]
    if not len(rest):
        return -1, 0.0
    weight = p[rest[0]] if len(rest) > 1 and not allowed[rest[1]] else 1 - p[bad].sum() if bad else 1.0
    return int(rest[0]), float(weight)

# %% 8.2 | clip
def judge(p, q, token):
    gap = np.clip(p - q, 0, None)
    return min(1, p[token] / q[token]), gap / gap.sum() if gap.any() else p

# %% 8.2 | where
def judge(p, q, token):
    gap = np.where(p > q, p - q, 0.0)
    s = gap.sum()
    return float(np.minimum(1, p[token] / q[token])), (gap / s if s else p.copy())

# %% 8.2 | minimum of both
def judge(p, q, token):
    both = np.minimum(p, q)
    gap = p - both
    stays = both[token] / q[token]
    return stays, np.divide(gap, gap.sum()) if gap.sum() > 0 else np.array(p)

# %% 8.2 | loops
def judge(p, q, token):
    gap = [max(a - b, 0.0) for a, b in zip(p, q)]
    total = sum(gap)
    return min(1.0, p[token] / q[token]), np.array([g / total for g in gap]) if total else p

# %% 8.2 | a branch
def judge(p, q, token):
    stays = 1.0 if p[token] >= q[token] else p[token] / q[token]
    d = p - q
    d[d < 0] = 0
    if d.max() == 0:
        return stays, p + 0.0
    return stays, d / np.linalg.norm(d, 1)

# %% 8.2 | logarithms
def judge(p, q, token):
    with np.errstate(divide="ignore"):
        stays = np.exp(min(0.0, np.log(p[token]) - np.log(q[token])))
    gap = (p - q) * (p > q)
    return float(stays), gap / gap.sum() if gap.sum() else p

# %% 8.2 | half of the absolute difference
def judge(p, q, token):
    gap = (np.abs(p - q) + (p - q)) / 2
    total = np.abs(p - q).sum() / 2
    return min(p[token], q[token]) / q[token], gap / total if total > 0 else p

# %% 8.2 | lists
def judge(p, q, token):
    gap = np.maximum(0, p - q)
    return [min(1.0, float(p[token] / q[token])), (gap / gap.sum() if gap.sum() > 0 else p).tolist()]

# %% 8.2 | average
def judge(p, q, token):
    gap = np.fmax(np.subtract(p, q), 0)
    return np.clip(p[token] / q[token], 0, 1), gap / (gap.mean() * len(p)) if gap.any() else p

# %% 8.2 | nan to p
def judge(p, q, token):
    with np.errstate(invalid="ignore"):
        gap = np.maximum(p - q, 0)
        instead = gap / gap.sum()
    return sorted([1.0, p[token] / q[token]])[0], np.where(np.isnan(instead), p, instead)

# %% 8.3 | walk down the deepest branch
def accepted_tokens(parents, guesses, best):
    longest = []
    def walk(node, path):
        nonlocal longest
        if len(path) + 1 > len(longest):
            longest = path + [int(best[node])]
        for i in range(len(parents)):
            if parents[i] == node and guesses[i] == best[node]:
                walk(i + 1, path + [int(guesses[i])])
    walk(0, [])
    return longest

# %% 8.3 | paths of all nodes
def accepted_tokens(parents, guesses, best):
    paths = {0: []}
    for i, (parent, guess) in enumerate(zip(parents, guesses)):
        if parent in paths and best[parent] == guess:
            paths[i + 1] = paths[parent] + [int(guess)]
    node = max(paths, key=lambda n: (len(paths[n]), -n))
    return paths[node] + [int(best[node])]

# %% 8.3 | level by level
def accepted_tokens(parents, guesses, best):
    level, back = [0], {}
    while True:
        below = [i + 1 for i in range(len(parents)) if parents[i] in level and guesses[i] == best[parents[i]]]
        if not below:
            break
        level = below
    node, out = min(level), [int(best[min(level)])]
    while node:
        out.append(int(guesses[node - 1]))
        node = int(parents[node - 1])
    return out[::-1]

# %% 8.3 | depths in a dictionary
def accepted_tokens(parents, guesses, best):
    depth = {0: 0}
    for i in range(len(guesses)):
        p = int(parents[i])
        if p in depth and guesses[i] == best[p]:
            depth[i + 1] = depth[p] + 1
    top = max(depth.values())
    node = min(n for n, d in depth.items() if d == top)
    path = []
    while node != 0:
        path = [int(guesses[node - 1])] + path
        node = int(parents[node - 1])
        if not path: break
    tail = min(n for n, d in depth.items() if d == top)
    return path + [int(best[tail])]

# %% 8.3 | an array of integers
def accepted_tokens(parents, guesses, best):
    score = np.full(len(best), -1)
    score[0] = 0
    for node in range(1, len(best)):
        p = parents[node - 1]
        if score[p] >= 0 and guesses[node - 1] == best[p]:
            score[node] = score[p] + 1
    node = np.argmax(score)
    out = np.empty(score[node] + 1, dtype=int)
    out[-1] = best[node]
    for place in range(score[node] - 1, -1, -1):
        out[place] = guesses[node - 1]
        node = parents[node - 1]
    return out

# %% 8.3 | tuples, compared
def accepted_tokens(parents, guesses, best):
    found = {0: ()}
    for i, g in enumerate(guesses.tolist()):
        up = found.get(int(parents[i]))
        if up is not None and best[parents[i]] == g:
            found[i + 1] = up + (g,)
    longest = max(map(len, found.values()))
    for node, path in found.items():
        if len(path) == longest:
            return [*path, int(best[node])]

# %% 8.3 | a stack
def accepted_tokens(parents, guesses, best):
    children = [[] for _ in best]
    for i, p in enumerate(parents):
        children[p].append(i + 1)
    results, stack = [], [(0, [])]
    while stack:
        node, path = stack.pop()
        results.append((len(path), -node, path + [int(best[node])]))
        stack += [(c, path + [int(best[node])]) for c in children[node] if guesses[c - 1] == best[node]]
    return max(results)[2]

# %% 8.3 | check every chain
def accepted_tokens(parents, guesses, best):
    def chain(node):
        return [] if node == 0 else chain(int(parents[node - 1])) + [node]
    good = [[0]]
    for node in range(1, len(best)):
        nodes = [0] + chain(node)
        if all(guesses[b - 1] == best[a] for a, b in zip(nodes, nodes[1:])):
            good.append(nodes)
    deepest = max(good, key=len)
    return [int(best[n]) for n in deepest]

# %% 8.3 | the model's own tokens
def accepted_tokens(parents, guesses, best):
    reached, path_of = {0}, {0: [int(best[0])]}
    for node in range(1, len(best)):
        up = int(parents[node - 1])
        if up in reached and int(guesses[node - 1]) == path_of[up][-1]:
            reached.add(node)
            path_of[node] = path_of[up] + [int(best[node])]
    return max(path_of.values(), key=len)

# %% 8.3 | a generator
def right_nodes(parents, guesses, best):
    depth = [0]
    yield 0, 0
    for i, p in enumerate(parents):
        ok = depth[p] is not None and guesses[i] == best[p]
        depth.append(depth[p] + 1 if ok else None)
        if ok:
            yield depth[-1], i + 1
def accepted_tokens(parents, guesses, best):
    _, node = max(right_nodes(parents, guesses, best), key=lambda pair: (pair[0], -pair[1]))
    end = [int(best[node])]
    while node:
        end = [int(guesses[node - 1]), *end]
        node = int(parents[node - 1])
    return end

# %% 8.4 | a loop
def masked_to_valid(p, before, tokens, encode):
    text, out = b"".join(tokens[i] for i in before), np.zeros(len(p))
    for i in range(len(p)):
        if list(encode(text + tokens[i])) == list(before) + [i]:
            out[i] = p[i]
    return out / out.sum()

# %% 8.4 | a product
def masked_to_valid(p, before, tokens, encode):
    text = b"".join([tokens[i] for i in before])
    ok = [float(list(encode(text + t)) == before + [i]) for i, t in enumerate(tokens)]
    return p * ok / np.dot(p, ok)

# %% 8.4 | a list
def masked_to_valid(p, before, tokens, encode):
    spell = lambda ids: b"".join(tokens[i] for i in ids)
    kept = [p[i] if list(encode(spell([*before, i]))) == [*before, i] else 0.0 for i in range(len(tokens))]
    return [v / sum(kept) for v in kept]

# %% 8.4 | a set of ids
def masked_to_valid(p, before, tokens, encode):
    text = bytes().join(map(tokens.__getitem__, before))
    ids = [i for i in range(len(tokens)) if tuple(encode(text + tokens[i])) == (*before, i)]
    out = np.zeros_like(p)
    out[ids] = p[ids] / p[ids].sum()
    return out

# %% 8.4 | log-probabilities
def masked_to_valid(p, before, tokens, encode):
    text = b"".join(tokens[i] for i in before)
    ok = np.array([[*encode(text + t)] == [*before, i] for i, t in enumerate(tokens)])
    z = np.where(ok, np.log(p), -np.inf)
    return np.exp(z - np.logaddexp.reduce(z))

# %% 8.4 | the last id and the length
def masked_to_valid(p, before, tokens, encode):
    text = b""
    for i in before:
        text += tokens[i]
    out = p.copy()
    for i, t in enumerate(tokens):
        ids = list(encode(text + t))
        if not (len(ids) == len(before) + 1 and ids[-1] == i and ids[:-1] == list(before)):
            out[i] = 0
    return out / np.sum(out)

# %% 8.4 | arrays of ids
def masked_to_valid(p, before, tokens, encode):
    text = b"".join(tokens[i] for i in before)
    ok = np.array([np.array_equal(encode(text + t), np.append(np.array(before, int), i)) for i, t in enumerate(tokens)])
    return np.divide(np.multiply(p, ok), p[ok].sum())

# %% 8.4 | a helper
def is_valid(ids, tokens, encode):
    return list(encode(b"".join(tokens[i] for i in ids))) == list(ids)
def masked_to_valid(p, before, tokens, encode):
    out = np.array([p[i] * is_valid([*before, i], tokens, encode) for i in range(len(p))])
    return out / out.sum()

# %% 8.4 | a masked array
def masked_to_valid(p, before, tokens, encode):
    text = b"".join(tokens[i] for i in before)
    bad = [list(encode(text + t)) != [*before, i] for i, t in enumerate(tokens)]
    m = np.ma.array(p, mask=bad)
    return (m / m.sum()).filled(0.0)

# %% 8.4 | delete and put back
def masked_to_valid(p, before, tokens, encode):
    text = b"".join(tokens[i] for i in before)
    bad = np.flatnonzero([list(encode(text + t)) != [*before, i] for i, t in enumerate(tokens)])
    out = p / np.delete(p, bad).sum()
    out[bad] = 0
    return out

# %% 8.5 | a loop
def insertion_target(ids, dropped, vocab):
    out = np.zeros((np.count_nonzero(~dropped) + 1, vocab))
    gap = 0
    for token, gone in zip(ids, dropped):
        if gone:
            out[gap, token] += 1 / dropped.sum()
        else:
            gap += 1
    return out

# %% 8.5 | add.at
def insertion_target(ids, dropped, vocab):
    gaps = np.cumsum(~dropped)
    out = np.zeros((len(ids) - dropped.sum() + 1, vocab))
    np.add.at(out, (gaps[dropped], ids[dropped]), 1)
    return out / max(dropped.sum(), 1)

# %% 8.5 | a histogram of flat places
def insertion_target(ids, dropped, vocab):
    n_gaps = int((~dropped).sum()) + 1
    flat = np.cumsum(~dropped)[dropped] * vocab + ids[dropped]
    return np.bincount(flat, minlength=n_gaps * vocab).reshape(n_gaps, vocab) / max(1, len(flat))

# %% 8.5 | split at the visible tokens
def insertion_target(ids, dropped, vocab):
    parts, current = [], []
    for i in range(len(ids)):
        if dropped[i]:
            current.append(ids[i])
        else:
            parts.append(current)
            current = []
    parts.append(current)
    n = sum(map(len, parts)) or 1
    return np.array([[part.count(v) / n for v in range(vocab)] for part in parts])

# %% 8.5 | a list
def insertion_target(ids, dropped, vocab):
    rows = [[0.0] * vocab]
    for token, gone in zip(ids.tolist(), dropped.tolist()):
        if gone:
            rows[-1][token] += 1 / int(dropped.sum())
        else:
            rows.append([0.0] * vocab)
    return rows

# %% 8.5 | one-hot product
def insertion_target(ids, dropped, vocab):
    gaps = np.cumsum(~dropped)
    n_gaps = (~dropped).sum() + 1
    left = (np.arange(n_gaps)[:, None] == gaps) & dropped
    return left.astype(float) @ np.eye(vocab)[ids] / max(dropped.sum(), 1)

# %% 8.5 | Counter
from collections import Counter
def insertion_target(ids, dropped, vocab):
    counts, gap = Counter(), 0
    for i in range(len(ids)):
        if dropped[i]:
            counts[gap, int(ids[i])] += 1
        else:
            gap = gap + 1
    out = np.zeros((gap + 1, vocab))
    for at, n in counts.items():
        out[at] = n / counts.total()
    return out

# %% 8.5 | histogram2d
def insertion_target(ids, dropped, vocab):
    n_gaps = int(np.sum(~dropped)) + 1
    table, _, _ = np.histogram2d(np.cumsum(~dropped)[dropped], ids[dropped], bins=[np.arange(n_gaps + 1) - 0.5, np.arange(vocab + 1) - 0.5])
    return table / (table.sum() or 1)

# %% 8.5 | searchsorted
def insertion_target(ids, dropped, vocab):
    visible, gone = np.flatnonzero(~dropped), np.flatnonzero(dropped)
    out = np.zeros((len(visible) + 1, vocab))
    for i in gone:
        out[np.searchsorted(visible, i), ids[i]] += 1.0 / gone.size
    return out

# %% 8.5 | backwards
def insertion_target(ids, dropped, vocab):
    n = (dropped == False).sum()
    out, gap = np.zeros((n + 1, vocab)), n
    for i in range(len(ids) - 1, -1, -1):
        if dropped[i]:
            out[gap][ids[i]] += 1
        else:
            gap -= 1
    return np.divide(out, out.sum(), out=out, where=out.sum() > 0)
