"""Wrong answers as students write them: `# %% TASK | HINT`, then the function with its mistake."""

import numpy as np


# %% 9.1 | overlaps not counted
def pair_counts(chunks, counts):
    pairs = {}
    for chunk, count in zip(chunks, counts):
        i = 0
        while i + 1 < len(chunk):
            pair = (chunk[i], chunk[i + 1])
            pairs[pair] = pairs.get(pair, 0) + count
            if chunk[i + 1 : i + 3] == [chunk[i + 1], chunk[i]] and chunk[i] == chunk[i + 1]:
                i += 1
            i += 1
    return pairs


# %% 9.1 | each chunk once
def pair_counts(chunks, counts):
    pairs = {}
    for chunk in chunks:
        for i in range(len(chunk) - 1):
            pairs[chunk[i], chunk[i + 1]] = pairs.get((chunk[i], chunk[i + 1]), 0) + 1
    return pairs


# %% 9.1 | each pair once in a chunk
def pair_counts(chunks, counts):
    pairs = {}
    for i in range(len(chunks)):
        for pair in {*zip(chunks[i], chunks[i][1:])}:
            pairs.setdefault(pair, 0)
            pairs[pair] += counts[i]
    return pairs


# %% 9.1 | order of the pair lost
def pair_counts(chunks, counts):
    pairs = {}
    for i in range(len(chunks)):
        for a, b in zip(chunks[i], chunks[i][1:]):
            key = (min(a, b), max(a, b))
            pairs[key] = pairs.get(key, 0) + counts[i]
    return pairs


# %% 9.1 | over the borders
def pair_counts(chunks, counts):
    flat = sum(chunks, [])
    pairs = {}
    for a, b in zip(flat, flat[1:]):
        pairs[a, b] = pairs.get((a, b), 0) + 1
    return pairs


# %% 9.2 | overlaps from the right
def merge(ids, pair, new):
    out, i = [], len(ids) - 1
    while i >= 0:
        if i > 0 and ids[i - 1] == pair[0] and ids[i] == pair[1]:
            out = [new] + out
            i -= 2
        else:
            out = [ids[i]] + out
            i -= 1
    return out


# %% 9.2 | second id stays
def merge(ids, pair, new):
    ids = list(ids)
    for i in range(len(ids) - 1):
        if (ids[i], ids[i + 1]) == (pair[0], pair[1]):
            ids[i] = new
    return ids


# %% 9.2 | first place alone
def merge(ids, pair, new):
    for i in range(len(ids) - 1):
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            return list(ids[:i]) + [new] + list(ids[i + 2 :])
    return list(ids)


# %% 9.2 | last id lost
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids) - 1:
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% 9.2 | either order
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if sorted(ids[i : i + 2]) == sorted(pair):
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


# %% 9.3 | ties to the first met
def train(chunks, counts, n_merges, first):
    merges = []
    for i in range(n_merges):
        pairs = pair_counts(chunks, counts)
        if len(pairs) == 0:
            break
        best = max(pairs, key=pairs.get)
        chunks = [merge(c, best, first + i) for c in chunks]
        merges.append(best)
    return np.array(merges, dtype=int).reshape(-1, 2)


# %% 9.3 | ties to the highest ids
def train(chunks, counts, n_merges, first):
    merges = []
    for i in range(n_merges):
        pairs = pair_counts(chunks, counts)
        if not pairs:
            break
        _, best = max((n, pair) for pair, n in pairs.items())
        chunks = [merge(c, best, first + i) for c in chunks]
        merges.append(best)
    return np.array(merges, dtype=int).reshape(-1, 2)


# %% 9.3 | counted only once
def train(chunks, counts, n_merges, first):
    pairs = pair_counts(chunks, counts)
    ordered = sorted(pairs, key=lambda pair: (-pairs[pair], pair))
    return np.array(ordered[:n_merges], dtype=int).reshape(-1, 2)


# %% 9.3 | new ids from 256
def train(chunks, counts, n_merges, first):
    merges = []
    while len(merges) < n_merges:
        pairs = pair_counts(chunks, counts)
        if not pairs:
            break
        best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[0]
        chunks = [merge(c, best, 256 + len(merges)) for c in chunks]
        merges.append(best)
    return np.array(merges, dtype=int).reshape(-1, 2)


# %% 9.3 | counts ignored
def train(chunks, counts, n_merges, first):
    merges = []
    while len(merges) < n_merges:
        pairs = pair_counts(chunks, np.ones(len(chunks), dtype=int))
        if not pairs:
            break
        best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[0]
        chunks = [merge(c, best, first + len(merges)) for c in chunks]
        merges.append(best)
    return np.array(merges, dtype=int).reshape(-1, 2)


# %% 9.4 | first instead of lowest rank
def encode(word, merges, n_shown):
    table = [tuple(pair) for pair in merges.tolist()]
    ids = list(word.encode())
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) in table:
            ids[i : i + 2] = [256 + table.index((ids[i], ids[i + 1]))]
            i = 0
        else:
            i += 1
    spelled = [bytes([b]) for b in range(256)]
    for a, b in merges.tolist():
        spelled.append(spelled[a] + spelled[b])
    shown = b"".join([spelled[i] for i in ids[:n_shown]]).decode("utf-8", "replace")
    return np.array(ids, dtype=int), shown


# %% 9.4 | decoding token by token
def encode(word, merges, n_shown):
    spelled = {i: bytes([i]) for i in range(256)}
    ids = list(word.encode())
    for i, (a, b) in enumerate(merges.tolist()):
        ids = merge(ids, (a, b), 256 + i)
        spelled[256 + i] = spelled[a] + spelled[b]
    shown = ""
    for i in ids[:n_shown]:
        shown += spelled[i].decode("utf-8", errors="replace")
    return np.array(ids, dtype=int), shown


# %% 9.4 | everything shown
def encode(word, merges, n_shown):
    ids = list(word.encode())
    for i, (a, b) in enumerate(merges.tolist()):
        ids = merge(ids, (a, b), 256 + i)
    return np.array(ids, dtype=int), word


# %% 9.4 | characters counted
def encode(word, merges, n_shown):
    ids = list(word.encode())
    for i, (a, b) in enumerate(merges.tolist()):
        ids = merge(ids, (a, b), 256 + i)
    return np.array(ids, dtype=int), word[:n_shown]


# %% 9.4 | unfinished characters dropped
def encode(word, merges, n_shown):
    spelled = {i: bytes([i]) for i in range(256)}
    ids = list(word.encode())
    for i, (a, b) in enumerate(merges.tolist()):
        ids = merge(ids, (a, b), 256 + i)
        spelled[256 + i] = spelled[a] + spelled[b]
    shown = b"".join(spelled[i] for i in ids[:n_shown])
    return np.array(ids, dtype=int), shown.decode("utf-8", errors="ignore")


# %% 9.5 | perplexity per token
def viterbi(data, tokens, log_probs):
    best = [0.0] + [-np.inf] * len(data)
    way = [[]] + [None] * len(data)
    for end in range(1, len(data) + 1):
        for i in sorted(range(len(tokens)), key=lambda i: -len(tokens[i])):
            start = end - len(tokens[i])
            if start >= 0 and data[start:end] == tokens[i]:
                if best[start] + log_probs[i] > best[end]:
                    best[end] = best[start] + log_probs[i]
                    way[end] = way[start] + [i]
    return np.array(way[-1]), -best[-1] / np.log(2) / len(way[-1])


# %% 9.5 | nats for bits
def viterbi(data, tokens, log_probs):
    best = [0.0] + [-np.inf] * len(data)
    way = [[]] + [None] * len(data)
    for end in range(1, len(data) + 1):
        for start in range(end):
            if data[start:end] in tokens:
                i = tokens.index(data[start:end])
                if best[start] + log_probs[i] > best[end]:
                    best[end] = best[start] + log_probs[i]
                    way[end] = way[start] + [i]
    return np.array(way[-1]), -best[-1] / len(data)


# %% 9.5 | longest token at each place
def viterbi(data, tokens, log_probs):
    ids, at = [], 0
    order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i]))
    while at < len(data):
        for i in order:
            if data[at:].startswith(tokens[i]):
                ids.append(i)
                at += len(tokens[i])
                break
    return np.array(ids), -sum(log_probs[i] for i in ids) / np.log(2) / len(data)


# %% 9.5 | likeliest token at each place
def viterbi(data, tokens, log_probs):
    ids, at = [], 0
    order = np.argsort(-log_probs, kind="stable")
    while at < len(data):
        for i in order:
            if data[at:].startswith(tokens[i]):
                ids.append(int(i))
                at += len(tokens[i])
                break
    return np.array(ids), -np.sum(log_probs[ids]) / np.log(2) / len(data)


# %% 9.5 | shorter last token at ties
def viterbi(data, tokens, log_probs):
    best = [0.0] + [-np.inf] * len(data)
    way = [[]] + [None] * len(data)
    for end in range(1, len(data) + 1):
        for start in range(end - 1, -1, -1):
            if data[start:end] in tokens:
                i = tokens.index(data[start:end])
                if best[start] + log_probs[i] > best[end]:
                    best[end] = best[start] + log_probs[i]
                    way[end] = way[start] + [i]
    return np.array(way[-1]), -best[-1] / np.log(2) / len(data)


# %% 9.6 | sum for mean
def fvt(new, old, embeddings, encode_old):
    out = np.zeros((len(new), embeddings.shape[1]))
    for row, token in zip(out, new):
        ids = [old.index(token)] if token in old else encode_old(token)
        for i in ids:
            row += embeddings[i]
    return out


# %% 9.6 | distinct pieces
def fvt(new, old, embeddings, encode_old):
    where = {token: i for i, token in enumerate(old)}
    out = []
    for token in new:
        ids = {where[token]} if token in where else set(encode_old(token))
        out.append(embeddings[sorted(ids)].mean(axis=0))
    return np.array(out)


# %% 9.6 | first piece alone
def fvt(new, old, embeddings, encode_old):
    where = {token: i for i, token in enumerate(old)}
    return np.array([embeddings[where[t] if t in where else encode_old(t)[0]] for t in new])


# %% 9.6 | shared by number
def fvt(new, old, embeddings, encode_old):
    out = []
    for i, token in enumerate(new):
        if i < len(old):
            out.append(embeddings[i])
        else:
            out.append(embeddings[list(encode_old(token))].mean(axis=0))
    return np.array(out)


# %% 9.6 | mean row for new tokens
def fvt(new, old, embeddings, encode_old):
    where = {token: i for i, token in enumerate(old)}
    middle = np.mean(embeddings, axis=0)
    return np.array([embeddings[where[t]] if t in where else middle for t in new])
