"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 9.1 | indices
def pair_counts(chunks, counts):
    pairs = {}
    for c in range(len(chunks)):
        for i in range(len(chunks[c]) - 1):
            key = (chunks[c][i], chunks[c][i + 1])
            pairs[key] = pairs.get(key, 0) + counts[c]
    return pairs

# %% 9.1 | Counter
def pair_counts(chunks, counts):
    from collections import Counter
    pairs = Counter()
    for chunk, count in zip(chunks, counts):
        for pair in zip(chunk, chunk[1:]):
            pairs[pair] += count
    return pairs

# %% 9.1 | pairwise
def pair_counts(chunks, counts):
    from itertools import pairwise
    pairs = {}
    for chunk, count in zip(chunks, counts):
        for pair in pairwise(chunk):
            pairs[pair] = pairs.setdefault(pair, 0) + count
    return pairs

# %% 9.1 | defaultdict
def pair_counts(chunks, counts):
    from collections import defaultdict
    pairs = defaultdict(int)
    for n, chunk in zip(counts, chunks):
        for i, left in enumerate(chunk[:-1]):
            pairs[left, chunk[i + 1]] += n
    return dict(pairs)

# %% 9.1 | Counter of repeated lists
def pair_counts(chunks, counts):
    from collections import Counter
    return Counter(p for c, n in zip(chunks, counts) for p in list(zip(c, c[1:])) * n)

# %% 9.1 | numpy unique
def pair_counts(chunks, counts):
    rows = [(a, b, n) for c, n in zip(chunks, counts) for a, b in zip(c, c[1:])]
    if not rows:
        return {}
    rows = np.array(rows)
    kinds, where = np.unique(rows[:, :2], axis=0, return_inverse=True)
    sums = np.bincount(where.ravel(), rows[:, 2]).astype(int)
    return {tuple(kind): n for kind, n in zip(kinds.tolist(), sums.tolist())}

# %% 9.1 | sum for each pair
def pair_counts(chunks, counts):
    kinds = {pair for chunk in chunks for pair in zip(chunk, chunk[1:])}
    return {p: sum(n * list(zip(c, c[1:])).count(p) for c, n in zip(chunks, counts)) for p in kinds}

# %% 9.1 | try
def pair_counts(chunks, counts):
    pairs = {}
    for chunk, count in zip(chunks, counts):
        for a, b in zip(chunk, chunk[1:]):
            try:
                pairs[(a, b)] += count
            except KeyError:
                pairs[(a, b)] = count
    return pairs

# %% 9.1 | the pair before
def pair_counts(chunks, counts):
    pairs = {}
    for chunk, count in zip(chunks, counts):
        before = None
        for token in chunk:
            if before is not None:
                pairs[before, token] = pairs.get((before, token), 0) + count
            before = token
    return pairs

# %% 9.1 | update
def pair_counts(chunks, counts):
    from collections import Counter
    total = Counter()
    for chunk, count in zip(chunks, counts):
        own = Counter(zip(chunk[:-1], chunk[1:]))
        total.update({pair: n * count for pair, n in own.items()})
    return total

# %% 9.1 | while
def pair_counts(chunks, counts):
    pairs, c = {}, 0
    while c < len(chunks):
        i = 1
        while i < len(chunks[c]):
            pair = tuple(chunks[c][i - 1 : i + 1])
            pairs[pair] = pairs[pair] + counts[c] if pair in pairs else counts[c]
            i += 1
        c += 1
    return pairs

# %% 9.2 | while
def merge(ids, pair, new):
    out, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and ids[i] == pair[0] and ids[i + 1] == pair[1]:
            out.append(new)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out

# %% 9.2 | the last of the new list
def merge(ids, pair, new):
    out, free = [], False
    for token in ids:
        if free and out[-1] == pair[0] and token == pair[1]:
            out[-1], free = new, False
        else:
            out.append(token)
            free = True
    return out

# %% 9.2 | recursion
def merge(ids, pair, new):
    for i in range(len(ids) - 1):
        if ids[i] == pair[0] and ids[i + 1] == pair[1]:
            return list(ids[:i]) + [new] + merge(ids[i + 2 :], pair, new)
    return list(ids)

# %% 9.2 | letters
def merge(ids, pair, new):
    text = "".join(chr(i) for i in ids)
    return [ord(c) for c in text.replace(chr(pair[0]) + chr(pair[1]), chr(new))]

# %% 9.2 | skip
def merge(ids, pair, new):
    out, skip = [], False
    for i in range(len(ids)):
        if skip:
            skip = False
        elif i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            out.append(new)
            skip = True
        else:
            out.append(ids[i])
    return out

# %% 9.2 | in place on a copy
def merge(ids, pair, new):
    ids = list(ids)
    i = 0
    while i < len(ids) - 1:
        if ids[i : i + 2] == list(pair):
            ids[i : i + 2] = [new]
        i += 1
    return ids

# %% 9.2 | iterator
def merge(ids, pair, new):
    out = []
    rest = iter(range(len(ids)))
    for i in rest:
        if list(ids[i : i + 2]) == list(pair):
            out.append(new)
            next(rest)
        else:
            out.append(ids[i])
    return out

# %% 9.2 | a stack
def merge(ids, pair, new):
    stack = list(reversed(ids))
    out = []
    while stack:
        token = stack.pop()
        if stack and token == pair[0] and stack[-1] == pair[1]:
            stack.pop()
            token = new
        out.append(token)
    return out

# %% 9.2 | marks
def merge(ids, pair, new):
    ids = list(ids)
    gone = [False] * (len(ids) + 1)
    out = []
    for i, token in enumerate(ids):
        if gone[i]:
            continue
        if tuple(ids[i : i + 2]) == (pair[0], pair[1]):
            gone[i + 1] = True
            token = new
        out.append(token)
    return out

# %% 9.2 | a split of numbers
def merge(ids, pair, new):
    a, b = pair
    out = list(ids)
    start = 0
    while a in out[start:]:
        at = out.index(a, start)
        if out[at + 1 : at + 2] == [b]:
            out = out[:at] + [new] + out[at + 2 :]
        start = at + 1
    return out

# %% 9.3 | sorted
def train(chunks, counts, n_merges, first):
    merges = []
    for i in range(n_merges):
        pairs = pair_counts(chunks, counts)
        if len(pairs) == 0:
            break
        best = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[0][0]
        chunks = [merge(c, best, first + i) for c in chunks]
        merges.append(best)
    return np.array(merges, dtype=int).reshape(-1, 2)

# %% 9.3 | sorted keys and max
def train(chunks, counts, n_merges, first):
    merges = []
    pairs = pair_counts(chunks, counts)
    while pairs and len(merges) < n_merges:
        best = max(sorted(pairs), key=pairs.get)
        chunks = [merge(c, best, first + len(merges)) for c in chunks]
        merges.append(best)
        pairs = pair_counts(chunks, counts)
    return np.array(merges, dtype=np.int64).reshape(-1, 2)

# %% 9.3 | largest count, then the least
def train(chunks, counts, n_merges, first):
    merges = np.zeros((0, 2), dtype=int)
    for i in range(n_merges):
        pairs = pair_counts(chunks, counts)
        if not pairs:
            return merges
        top = max(pairs.values())
        best = min(pair for pair in pairs if pairs[pair] == top)
        chunks = [merge(c, best, first + i) for c in chunks]
        merges = np.vstack([merges, best])
    return merges

# %% 9.3 | a loop for the best
def train(chunks, counts, n_merges, first):
    merges = []
    for i in range(n_merges):
        best, top = None, 0
        for pair, n in pair_counts(chunks, counts).items():
            if n > top or (n == top and pair < best):
                best, top = pair, n
        if best is None:
            break
        chunks = [merge(c, best, first + i) for c in chunks]
        merges.append(list(best))
    return np.array(merges, dtype=int).reshape(len(merges), 2)

# %% 9.3 | tuples with a sign
def train(chunks, counts, n_merges, first):
    merges = []
    new = first
    while len(merges) < n_merges:
        found = [(-n, a, b) for (a, b), n in pair_counts(chunks, counts).items()]
        if not found:
            break
        _, a, b = min(found)
        chunks = [merge(c, (a, b), new) for c in chunks]
        merges.append([a, b])
        new += 1
    return np.array(merges, dtype=int).reshape(-1, 2)

# %% 9.3 | a heap
def train(chunks, counts, n_merges, first):
    import heapq
    merges = []
    for i in range(n_merges):
        heap = [(-n, pair) for pair, n in pair_counts(chunks, counts).items()]
        heapq.heapify(heap)
        if not heap:
            break
        pair = heapq.heappop(heap)[1]
        chunks = [merge(c, pair, first + i) for c in chunks]
        merges.append(pair)
    return np.array(merges, dtype=int).reshape(-1, 2)

# %% 9.3 | map
def train(chunks, counts, n_merges, first):
    found = []
    for new in range(first, first + n_merges):
        pairs = pair_counts(chunks, counts)
        if pairs == {}:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p[0], p[1]))
        found += [best]
        chunks = list(map(lambda chunk: merge(chunk, best, new), chunks))
    out = np.zeros((len(found), 2), dtype=int)
    for row, pair in zip(out, found):
        row[:] = pair
    return out

# %% 9.3 | recursion
def train(chunks, counts, n_merges, first):
    pairs = pair_counts(chunks, counts)
    if n_merges == 0 or not pairs:
        return np.zeros((0, 2), dtype=int)
    best = min(pairs, key=lambda p: (-pairs[p], p))
    rest = train([merge(c, best, first) for c in chunks], counts, n_merges - 1, first + 1)
    return np.concatenate([[best], rest])

# %% 9.3 | lexsort
def train(chunks, counts, n_merges, first):
    merges = []
    for i in range(n_merges):
        pairs = pair_counts(chunks, counts)
        if not pairs:
            break
        keys = np.array(list(pairs))
        order = np.lexsort((keys[:, 1], keys[:, 0], -np.array(list(pairs.values()))))
        best = tuple(keys[order[0]].tolist())
        chunks = [merge(c, best, first + i) for c in chunks]
        merges.append(best)
    return np.array(merges, dtype=int).reshape(-1, 2)

# %% 9.3 | without the helpers
def train(chunks, counts, n_merges, first):
    merges, chunks = [], [list(c) for c in chunks]
    for new in range(first, first + n_merges):
        pairs = {}
        for c, n in zip(chunks, counts):
            for p in zip(c, c[1:]):
                pairs[p] = pairs.get(p, 0) + n
        if not pairs:
            break
        a, b = min(pairs, key=lambda p: (-pairs[p], p))
        for c in chunks:
            i = 0
            while i + 1 < len(c):
                if c[i] == a and c[i + 1] == b:
                    c[i : i + 2] = [new]
                i += 1
        merges.append((a, b))
    return np.array(merges, dtype=int).reshape(-1, 2)

# %% 9.4 | every merge in order
def encode(word, merges, n_shown):
    ids = list(word.encode())
    spelled = [bytes([b]) for b in range(256)]
    for i, (a, b) in enumerate(merges.tolist()):
        ids = merge(ids, (a, b), 256 + i)
        spelled.append(spelled[a] + spelled[b])
    return np.array(ids, dtype=int), b"".join(spelled[i] for i in ids[:n_shown]).decode(errors="replace")

# %% 9.4 | one place at a time
def encode(word, merges, n_shown):
    rank = {tuple(p): i for i, p in enumerate(merges.tolist())}
    ids = list(word.encode("utf-8"))
    while len(ids) > 1:
        ranks = [rank.get(pair, 10**9) for pair in zip(ids, ids[1:])]
        at = ranks.index(min(ranks))
        if ranks[at] == 10**9:
            break
        ids[at : at + 2] = [256 + ranks[at]]
    table = {i: bytes([i]) for i in range(256)}
    for i, (a, b) in enumerate(merges.tolist()):
        table[256 + i] = table[a] + table[b]
    data = b""
    for i in ids[:n_shown]:
        data += table[i]
    return np.array(ids, dtype=np.int64), data.decode("utf-8", errors="replace")

# %% 9.4 | min over the pairs of the word
def encode(word, merges, n_shown):
    merges = [tuple(p) for p in merges.tolist()]
    ids = list(word.encode())
    while True:
        pairs = [p for p in zip(ids, ids[1:]) if p in merges]
        if not pairs:
            break
        best = min(pairs, key=merges.index)
        ids = merge(ids, best, 256 + merges.index(best))

    def spell(i):
        return bytes([i]) if i < 256 else spell(merges[i - 256][0]) + spell(merges[i - 256][1])

    return np.array(ids, dtype=int), b"".join(map(spell, ids[:n_shown])).decode("utf-8", "replace")

# %% 9.4 | a prefix of the bytes
def encode(word, merges, n_shown):
    ids = list(word.encode())
    size = {i: 1 for i in range(256)}
    for i, (a, b) in enumerate(merges.tolist()):
        ids = merge(ids, (a, b), 256 + i)
        size[256 + i] = size[a] + size[b]
    n = sum(size[i] for i in ids[:n_shown])
    return np.array(ids, dtype=int), word.encode()[:n].decode(errors="replace")

# %% 9.4 | letters of numbers
def encode(word, merges, n_shown):
    text = "".join(map(chr, word.encode()))
    lengths = [1] * 256
    for i, (a, b) in enumerate(merges.tolist()):
        text = text.replace(chr(a) + chr(b), chr(256 + i))
        lengths.append(lengths[a] + lengths[b])
    ids = np.array([ord(c) for c in text], dtype=int)
    n = sum(lengths[i] for i in ids[:n_shown])
    return ids, word.encode()[:n].decode("utf8", "replace")

# %% 9.4 | a loop over ranks
def encode(word, merges, n_shown):
    ids = list(word.encode())
    rank = 0
    while rank < len(merges):
        a, b = int(merges[rank, 0]), int(merges[rank, 1])
        if (a, b) in list(zip(ids[:-1], ids[1:])):
            ids = merge(ids, (a, b), 256 + rank)
            rank = 0
        else:
            rank += 1
    stack, data = list(reversed(ids[:n_shown])), bytearray()
    while stack:
        i = stack.pop()
        if i < 256:
            data.append(i)
        else:
            a, b = merges[i - 256].tolist()
            stack += [b, a]
    return np.array(ids, dtype=int), bytes(data).decode(errors="replace")

# %% 9.4 | pieces of bytes
def encode(word, merges, n_shown):
    table = [bytes([b]) for b in range(256)]
    for a, b in merges.tolist():
        table.append(table[a] + table[b])
    ids = [int(b) for b in word.encode()]
    while True:
        found = []
        for i in range(len(ids) - 1):
            for r, p in enumerate(merges.tolist()):
                if p == ids[i : i + 2]:
                    found.append((r, i))
        if not found:
            break
        r, i = min(found)
        ids = ids[:i] + [256 + r] + ids[i + 2 :]
    return np.array(ids, dtype=int), b"".join([table[i] for i in ids[:n_shown]]).decode("utf-8", "replace")

# %% 9.4 | numpy frombuffer
def encode(word, merges, n_shown):
    ids = np.frombuffer(word.encode(), np.uint8).astype(int).tolist()
    table = dict(enumerate(bytes([b]) for b in range(256)))
    for new, pair in enumerate(merges.tolist(), start=256):
        ids = merge(ids, pair, new)
        table[new] = table[pair[0]] + table[pair[1]]
    ids = np.array(ids, dtype=int)
    return ids, b"".join([table[int(i)] for i in ids[:n_shown]]).decode(errors="replace")

# %% 9.4 | recursion
def encode(word, merges, n_shown):
    def go(ids, r):
        return ids if r == len(merges) else go(merge(ids, tuple(merges[r].tolist()), 256 + r), r + 1)

    def spell(i):
        if i < 256:
            return [i]
        return spell(merges[i - 256][0]) + spell(merges[i - 256][1])

    ids = go(list(word.encode()), 0)
    return np.array(ids, dtype=int), bytes(b for i in ids[:n_shown] for b in spell(int(i))).decode("utf-8", "replace")

# %% 9.4 | a queue
def encode(word, merges, n_shown):
    import heapq
    rank = {tuple(p): i for i, p in enumerate(merges.tolist())}
    ids = list(word.encode())
    heap = [(rank[p], p) for p in zip(ids, ids[1:]) if p in rank]
    heapq.heapify(heap)
    while heap:
        r, pair = heapq.heappop(heap)
        ids = merge(ids, pair, 256 + r)
        for p in zip(ids, ids[1:]):
            if p in rank and 256 + r in p:
                heapq.heappush(heap, (rank[p], p))
    table = [bytes([b]) for b in range(256)]
    for a, b in merges.tolist():
        table.append(table[a] + table[b])
    return np.array(ids, dtype=int), b"".join(table[i] for i in ids[:n_shown]).decode(errors="replace")

# %% 9.5 | a list of ways
def viterbi(data, tokens, log_probs):
    best, way = [0.0] + [-np.inf] * len(data), [[]] + [None] * len(data)
    for end in range(1, len(data) + 1):
        for start in range(end):
            if data[start:end] in tokens:
                i = tokens.index(data[start:end])
                score = best[start] + log_probs[i]
                if score > best[end]:
                    best[end], way[end] = score, way[start] + [i]
    return np.array(way[-1], dtype=int), float(-best[-1] / np.log(2) / len(data))

# %% 9.5 | a dictionary of tokens
def viterbi(data, tokens, log_probs):
    where = {t: i for i, t in enumerate(tokens)}
    longest = max(map(len, tokens))
    best, last = {0: 0.0}, {}
    for end in range(1, len(data) + 1):
        for start in range(max(0, end - longest), end):
            i = where.get(data[start:end])
            if i is not None and start in best:
                if end not in best or best[start] + log_probs[i] > best[end]:
                    best[end], last[end] = best[start] + log_probs[i], (start, i)
    ids, at = [], len(data)
    while at:
        at, i = last[at]
        ids.append(i)
    return np.array(ids[::-1], dtype=int), -best[len(data)] / len(data) / np.log(2)

# %% 9.5 | over the tokens
def viterbi(data, tokens, log_probs):
    order = sorted(range(len(tokens)), key=lambda i: -len(tokens[i]))
    best = np.full(len(data) + 1, -np.inf)
    best[0], last = 0, {}
    for end in range(1, len(data) + 1):
        for i in order:
            start = end - len(tokens[i])
            if start >= 0 and data[:end].endswith(tokens[i]) and best[start] + log_probs[i] > best[end]:
                best[end], last[end] = best[start] + log_probs[i], i
    ids, at = [], len(data)
    while at:
        ids.insert(0, last[at])
        at -= len(tokens[last[at]])
    return np.array(ids, dtype=int), -best[-1] / (np.log(2) * len(data))

# %% 9.5 | recursion with a memory
def viterbi(data, tokens, log_probs):
    from functools import cache

    @cache
    def best(end):
        if end == 0:
            return 0.0, ()
        found = (-np.inf, ())
        for start in range(end):
            if data[start:end] in tokens:
                i = tokens.index(data[start:end])
                score, ids = best(start)
                if score + log_probs[i] > found[0]:
                    found = score + log_probs[i], ids + (i,)
        return found

    score, ids = best(len(data))
    return np.array(ids, dtype=int), -score / np.log(2) / len(data)

# %% 9.5 | costs in bits
def viterbi(data, tokens, log_probs):
    cost = -np.log2(np.exp(log_probs))
    least, last = [0.0], [None]
    for end in range(1, len(data) + 1):
        options = []
        for i, token in enumerate(tokens):
            if data[:end].endswith(token):
                options.append((round(least[end - len(token)] + cost[i], 11), -len(token), i))
        options = options or [(np.inf, 0, None)]
        c, _, i = min(options)
        least.append(c)
        last.append(i)
    ids, at = [], len(data)
    while at > 0:
        ids = [last[at]] + ids
        at -= len(tokens[last[at]])
    return np.array(ids, dtype=int), -sum(log_probs[i] for i in ids) / np.log(2) / len(data)

# %% 9.5 | max over a list
def viterbi(data, tokens, log_probs):
    states = [(0.0, [])]
    for end in range(1, len(data) + 1):
        found = [(-np.inf, [])]
        for start in range(end):
            if data[start:end] in tokens:
                i = tokens.index(data[start:end])
                found.append((states[start][0] + log_probs[i], states[start][1] + [i]))
        states.append(max(found, key=lambda s: s[0]))
    score, ids = states[-1]
    return np.array(ids, dtype=int), -score / len(data) / np.log(2)

# %% 9.5 | pushing forwards
def viterbi(data, tokens, log_probs):
    n = len(data)
    best = np.full(n + 1, -np.inf)
    best[0] = 0
    way = [[] for _ in range(n + 1)]
    for start in range(n):
        for i, token in enumerate(tokens):
            end = start + len(token)
            if data.startswith(token, start) and best[start] + log_probs[i] > best[end]:
                best[end] = best[start] + log_probs[i]
                way[end] = way[start] + [i]
    return np.array(way[n], dtype=int), float(-best[n] / np.log(2) / n)

# %% 9.5 | products of probabilities
def viterbi(data, tokens, log_probs):
    p = np.exp(log_probs)
    best, last = [1.0] + [0.0] * len(data), [-1] * (len(data) + 1)
    for end in range(1, len(data) + 1):
        for start in range(end):
            piece = data[start:end]
            if piece in tokens:
                i = tokens.index(piece)
                if best[start] * p[i] > best[end] * (1 + 1e-12):
                    best[end], last[end] = best[start] * p[i], i
    ids, at = [], len(data)
    while at > 0:
        ids.append(last[at])
        at -= len(tokens[ids[-1]])
    ids = np.array(ids[::-1], dtype=int)
    return ids, -log_probs[ids].sum() / np.log(2) / len(data)

# %% 9.5 | the numpy argmax
def viterbi(data, tokens, log_probs):
    by_length = np.argsort([-len(t) for t in tokens], kind="stable")
    best, last = np.zeros(len(data) + 1), np.zeros(len(data) + 1, dtype=int)
    for end in range(1, len(data) + 1):
        scores = np.array([
            best[end - len(tokens[i])] + log_probs[i] if data[:end].endswith(tokens[i]) else -np.inf
            for i in by_length
        ])
        best[end], last[end] = scores.max(), by_length[scores.argmax()]
    ids, at = [], len(data)
    while at:
        ids.insert(0, last[at])
        at -= len(tokens[last[at]])
    return np.array(ids, dtype=int), -best[-1] / np.log(2) / len(data)

# %% 9.5 | starts kept
def viterbi(data, tokens, log_probs):
    n = len(data)
    score = [0.0] + [float("-inf")] * n
    came = [0] * (n + 1)
    for e in range(1, n + 1):
        for s in range(e):
            if data[s:e] in tokens and score[s] + log_probs[tokens.index(data[s:e])] > score[e]:
                score[e] = score[s] + log_probs[tokens.index(data[s:e])]
                came[e] = s
    ids = []
    e = n
    while e > 0:
        ids.append(tokens.index(data[came[e] : e]))
        e = came[e]
    ids.reverse()
    return np.array(ids, dtype=int), -score[n] / np.log(2) / n

# %% 9.6 | a loop
def fvt(new, old, embeddings, encode_old):
    out = np.zeros((len(new), embeddings.shape[1]))
    for i in range(len(new)):
        if new[i] in old:
            out[i] = embeddings[old.index(new[i])]
        else:
            out[i] = np.mean(embeddings[encode_old(new[i])], axis=0)
    return out

# %% 9.6 | a dictionary
def fvt(new, old, embeddings, encode_old):
    where = dict(zip(old, range(len(old))))
    rows = []
    for token in new:
        rows.append(embeddings[where[token]] if token in where else embeddings[encode_old(token)].mean(0))
    return np.array(rows)

# %% 9.6 | stack
def fvt(new, old, embeddings, encode_old):
    return np.stack([
        embeddings[old.index(t)] if t in old else sum(embeddings[i] for i in encode_old(t)) / len(encode_old(t))
        for t in new
    ])

# %% 9.6 | a matrix of weights
def fvt(new, old, embeddings, encode_old):
    w = np.zeros((len(new), len(old)))
    for i, token in enumerate(new):
        ids = [old.index(token)] if token in old else encode_old(token)
        for j in ids:
            w[i, j] += 1 / len(ids)
    return w @ embeddings

# %% 9.6 | average
def fvt(new, old, embeddings, encode_old):
    rows = []
    for token in new:
        if token in old:
            rows.append(embeddings[old.index(token)])
            continue
        ids, times = np.unique(list(encode_old(token)), return_counts=True)
        rows.append(np.average(embeddings[ids], axis=0, weights=times))
    return np.array(rows)

# %% 9.6 | add at
def fvt(new, old, embeddings, encode_old):
    pieces = [[old.index(t)] if t in old else list(encode_old(t)) for t in new]
    owner = np.repeat(np.arange(len(new)), [len(p) for p in pieces])
    out = np.zeros((len(new), embeddings.shape[1]))
    np.add.at(out, owner, embeddings[np.concatenate(pieces)])
    return out / np.bincount(owner)[:, None]

# %% 9.6 | reduceat
def fvt(new, old, embeddings, encode_old):
    pieces = [[old.index(t)] if t in old else list(encode_old(t)) for t in new]
    lengths = np.array([len(p) for p in pieces])
    starts = np.cumsum(lengths) - lengths
    return np.add.reduceat(embeddings[np.concatenate(pieces)], starts, axis=0) / lengths[:, None]

# %% 9.6 | a list
def fvt(new, old, embeddings, encode_old):
    out = []
    for token in new:
        ids = [i for i, t in enumerate(old) if t == token] or list(encode_old(token))
        out.append([sum(embeddings[i, j] for i in ids) / len(ids) for j in range(embeddings.shape[1])])
    return np.array(out)

# %% 9.6 | copies at the end
def fvt(new, old, embeddings, encode_old):
    out = np.array([
        embeddings[list(encode_old(t))].mean(axis=0) if t not in old else np.zeros(embeddings.shape[1])
        for t in new
    ])
    for i, token in enumerate(new):
        if token in old:
            out[i] = embeddings[old.index(token)]
    return out

# %% 9.6 | einsum
def fvt(new, old, embeddings, encode_old):
    def row(token):
        ids = np.array([old.index(token)] if token in old else list(encode_old(token)))
        return np.einsum("nd->d", embeddings[ids]) / ids.size

    return np.array([row(token) for token in new])
