"""Right answers by other routes: `# %% TASK | ROUTE`, then whole functions, as students write."""

# %% 10.1 | loops
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    left = [depth] * n
    for code in order[:many]:
        left[code // depth] -= 1
    return np.array([[j < seen for j in range(depth)] for seen in left])

# %% 10.1 | numpy's ceil
def visible_codes(r, order, n, depth):
    many = int(np.ceil(np.round(n * depth * np.cos(np.pi / 2 * r), 9)))
    counts = np.bincount(order[:many] // depth, minlength=n)
    return (counts[:, None] + np.arange(depth)) < depth

# %% 10.1 | add.at
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    hidden = np.zeros(n, dtype=int)
    np.add.at(hidden, order[:many] // depth, 1)
    return np.arange(1, depth + 1)[None, :] <= depth - hidden[:, None]

# %% 10.1 | sorted rows of a mask
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    seen = np.ones(n * depth, dtype=bool)
    seen[order[:many]] = False
    return -np.sort(-seen.reshape(n, depth).astype(int), axis=1) > 0

# %% 10.1 | unique
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    places, times = np.unique(np.array(order)[:many] // depth, return_counts=True)
    visible = np.ones((n, depth), dtype=bool)
    for place, count in zip(places, times):
        visible[place, depth - count:] = False
    return visible

# %% 10.1 | Counter
from collections import Counter
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * (n * depth), 9))
    counts = Counter(int(code) // depth for code in order[:many])
    return np.array([[True] * (depth - counts[i]) + [False] * counts[i] for i in range(n)])

# %% 10.1 | sum of comparisons
def visible_codes(r, order, n, depth):
    many = -math.floor(-round(math.cos(math.pi * r / 2) * n * depth, 9))
    owners = np.floor_divide(order[:many], depth)
    counts = (owners == np.arange(n)[:, None]).sum(axis=1)
    return np.greater(depth - counts[:, None], np.arange(depth))

# %% 10.1 | a small number off before the ceiling
def visible_codes(r, order, n, depth):
    many = max(math.ceil(math.cos(math.pi * r / 2) * n * depth - 1e-9), 0)
    counts = np.histogram(order[:many] // depth, bins=np.arange(n + 1))[0]
    return np.tile(np.arange(depth), (n, 1)) < depth - counts.reshape(n, 1)

# %% 10.1 | triangle
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.sin(math.pi * (1 - r) / 2) * n * depth, 9))
    counts = np.bincount(order[:many] // depth, minlength=n)
    return np.tri(depth + 1, depth, -1, dtype=bool)[depth - counts]

# %% 10.1 | divmod
def visible_codes(r, order, n, depth):
    many = math.ceil(round(math.cos(math.pi * r / 2) * n * depth, 9))
    visible = np.full((n, depth), True)
    last = [depth] * n
    for code in order[:many].tolist():
        i, _ = divmod(code, depth)
        last[i] -= 1
        visible[i, last[i]] = False
    return visible

# %% 10.2 | loops
def encode(x, codebooks, start):
    codes = []
    for row, first in zip(x, start):
        found = [-1] * int(first)
        for codebook in codebooks[int(first):]:
            gaps = [((row - vector) ** 2).sum() for vector in codebook]
            found.append(int(np.argmin(gaps)))
            row = row - codebook[found[-1]]
        codes.append(found)
    return np.array(codes)

# %% 10.2 | where
def encode(x, codebooks, start):
    rest, columns = x, []
    for stage, book in enumerate(codebooks):
        code = ((rest[:, None] - book[None]) ** 2).sum(-1).argmin(1)
        columns.append(np.where(start <= stage, code, -1))
        rest = np.where((start <= stage)[:, None], rest - book[code], rest)
    return np.stack(columns, axis=1)

# %% 10.2 | products
def encode(x, codebooks, start):
    codes = -np.ones((len(x), len(codebooks)), dtype=np.int64)
    rest = np.array(x)
    for stage in range(len(codebooks)):
        book = codebooks[stage]
        cost = (book * book).sum(axis=1) - 2 * rest @ book.T
        rows = np.flatnonzero(start <= stage)
        codes[rows, stage] = cost[rows].argmin(axis=1)
        rest[rows] -= book[codes[rows, stage]]
    return codes

# %% 10.2 | norms
def encode(x, codebooks, start):
    codes = np.full((len(x), len(codebooks)), -1, dtype=int)
    rest = x.astype(float)
    for stage, book in enumerate(codebooks):
        gaps = np.linalg.norm(rest[:, None, :] - book, axis=2)
        for i in range(len(x)):
            if stage >= start[i]:
                codes[i, stage] = gaps[i].argmin()
                rest[i] = rest[i] - book[codes[i, stage]]
    return codes

# %% 10.2 | a zero vector for none
def encode(x, codebooks, start):
    rest, out = x.copy(), []
    for stage, book in enumerate(codebooks):
        code = ((rest[:, None] - book) ** 2).sum(axis=2).argmin(axis=1)
        code[start > stage] = len(book)
        longer = np.vstack([book, np.zeros(book.shape[1])])
        rest = rest - longer[code]
        out.append(np.where(code == len(book), -1, code))
    return np.array(out).T

# %% 10.2 | row after row with recursion
def encode(x, codebooks, start):
    def rest_of(row, stage):
        if stage == len(codebooks):
            return []
        code = int(((codebooks[stage] - row) ** 2).sum(axis=1).argmin())
        return [code, *rest_of(row - codebooks[stage][code], stage + 1)]
    return np.array([[-1] * int(s) + rest_of(row, int(s)) for row, s in zip(x, start)])

# %% 10.2 | groups of equal starts
def encode(x, codebooks, start):
    codes = np.full((len(x), len(codebooks)), -1)
    for first in np.unique(start):
        rows = np.where(start == first)[0]
        rest = x[rows]
        for stage in range(first, len(codebooks)):
            code = ((rest[:, None] - codebooks[stage]) ** 2).sum(axis=-1).argmin(axis=-1)
            codes[rows, stage] = code
            rest = rest - codebooks[stage][code]
    return codes

# %% 10.2 | einsum
def encode(x, codebooks, start):
    depth, rest = codebooks.shape[0], x.copy()
    codes = np.empty((len(x), depth), dtype=int)
    for j in range(depth):
        gap = rest[:, None] - codebooks[j]
        code = np.einsum("nkd,nkd->nk", gap, gap).argmin(axis=1)
        known = j >= start
        codes[:, j] = code * known - ~known
        rest = rest - codebooks[j, code] * known[:, None]
    return codes

# %% 10.2 | min with a key
def encode(x, codebooks, start):
    out = []
    for i in range(x.shape[0]):
        left, line = x[i], []
        for j, book in enumerate(codebooks):
            if j < start[i]:
                line.append(-1)
                continue
            k = min(range(len(book)), key=lambda k: float(np.sum((left - book[k]) ** 2)))
            line.append(k)
            left = left - book[k]
        out.append(line)
    return out

# %% 10.2 | sums of what was taken
def encode(x, codebooks, start):
    taken = np.zeros_like(x)
    codes = np.full((len(x), len(codebooks)), -1)
    for stage, book in enumerate(codebooks):
        on = np.asarray(start) <= stage
        if not on.any():
            continue
        gap = x[on][:, None, :] - taken[on][:, None, :] - book[None, :, :]
        codes[on, stage] = np.argmin(np.sum(gap**2, axis=2), axis=1)
        taken[on] += book[codes[on, stage]]
    return codes

# %% 10.3 | loops
def seen_and_hidden(codes, codebooks, visible):
    seen = np.zeros((len(codes), codebooks.shape[2]))
    hidden = np.zeros_like(seen)
    for i in range(len(codes)):
        for j in range(codes.shape[1]):
            vector = codebooks[j][codes[i][j]]
            if visible[i][j]:
                seen[i] += vector
            else:
                hidden[i] += vector
    return seen, hidden

# %% 10.3 | stage by stage
def seen_and_hidden(codes, codebooks, visible):
    seen = hidden = 0
    for j, book in enumerate(codebooks):
        part = book[codes[:, j]]
        seen = seen + np.where(visible[:, j, None], part, 0)
        hidden = hidden + np.where(visible[:, j, None], 0, part)
    return seen, hidden

# %% 10.3 | the whole less the seen
def seen_and_hidden(codes, codebooks, visible):
    vectors = codebooks[range(codes.shape[1]), codes]
    seen = np.sum(vectors * visible[..., None], axis=1)
    return seen, vectors.sum(axis=1) - seen

# %% 10.3 | einsum
def seen_and_hidden(codes, codebooks, visible):
    vectors = codebooks[np.arange(codes.shape[1])[None], codes]
    m = visible.astype(float)
    return np.einsum("nj,njd->nd", m, vectors), np.einsum("nj,njd->nd", 1 - m, vectors)

# %% 10.3 | take_along_axis
def seen_and_hidden(codes, codebooks, visible):
    vectors = np.take_along_axis(codebooks, codes.T[:, :, None], axis=1).swapaxes(0, 1)
    seen = np.where(visible[:, :, None], vectors, 0.0).sum(1)
    hidden = np.where(visible[:, :, None], 0.0, vectors).sum(1)
    return seen, hidden

# %% 10.3 | one-hot
def seen_and_hidden(codes, codebooks, visible):
    depth, n_codes, d = codebooks.shape
    hot = np.eye(n_codes)[codes]
    seen = (hot * visible[..., None]).reshape(len(codes), -1) @ codebooks.reshape(-1, d)
    hidden = (hot * ~visible[..., None]).reshape(len(codes), -1) @ codebooks.reshape(-1, d)
    return seen, hidden

# %% 10.3 | a long table
def seen_and_hidden(codes, codebooks, visible):
    depth, n_codes, d = codebooks.shape
    table = codebooks.reshape(depth * n_codes, d)
    vectors = table[codes + n_codes * np.arange(depth)]
    return [(vectors * (visible == shown)[:, :, None]).sum(axis=1) for shown in (True, False)]

# %% 10.3 | masked by where=
def seen_and_hidden(codes, codebooks, visible):
    vectors = np.stack([book[code] for book, code in zip(codebooks, codes.T)], axis=1)
    mask = np.broadcast_to(visible[:, :, None], vectors.shape)
    return np.sum(vectors, axis=1, where=mask), np.sum(vectors, axis=1, where=~mask)

# %% 10.3 | matmul
def seen_and_hidden(codes, codebooks, visible):
    vectors = np.array([[codebooks[j, k] for j, k in enumerate(row)] for row in codes])
    both = np.stack([visible, ~visible], axis=1).astype(float) @ vectors
    return both[:, 0], both[:, 1]

# %% 10.3 | running sums
def seen_and_hidden(codes, codebooks, visible):
    n, depth = codes.shape
    vectors = codebooks[np.arange(depth), codes]
    sums = np.concatenate([np.zeros((n, 1, vectors.shape[2])), vectors.cumsum(axis=1)], axis=1)
    seen = sums[np.arange(n), visible.sum(axis=1)]
    return seen, sums[:, -1] - seen

# %% 10.4 | loops
def merge(x, grid, s):
    h, w = grid
    out = []
    for y in range(0, h, s):
        for left in range(0, w, s):
            out.append(np.concatenate([x[(y + i) * w + left + j] for i in range(s) for j in range(s)]))
    return np.array(out)

# %% 10.4 | transpose
def merge(x, grid, s):
    h, w = grid
    c = x.shape[-1]
    return x.reshape(h // s, s, w // s, s, c).transpose(0, 2, 1, 3, 4).reshape(-1, s * s * c)

# %% 10.4 | slices of a picture
def merge(x, grid, s):
    h, w = grid
    picture = x.reshape(h, w, -1)
    return np.array([picture[y:y + s, z:z + s].ravel() for y in range(0, h, s) for z in range(0, w, s)])

# %% 10.4 | strided pictures side by side
def merge(x, grid, s):
    h, w = grid
    picture = x.reshape(h, w, x.shape[1])
    parts = [picture[i::s, j::s] for i in range(s) for j in range(s)]
    return np.concatenate(parts, axis=2).reshape(h * w // s // s, -1)

# %% 10.4 | indices
def merge(x, grid, s):
    h, w = grid
    places = np.arange(h * w).reshape(h // s, s, w // s, s).swapaxes(1, 2).reshape(-1, s * s)
    return x[places].reshape(len(places), -1)

# %% 10.4 | moveaxis
def merge(x, grid, s):
    (h, w), (n, c) = grid, x.shape
    blocks = np.reshape(x, (h // s, s, w // s, s, c))
    return np.moveaxis(blocks, 2, 1).reshape(n // s**2, s**2 * c)

# %% 10.4 | einsum
def merge(x, grid, s):
    h, w = grid
    blocks = x.reshape(h // s, s, w // s, s, -1)
    return np.einsum("aybxc->abyxc", blocks).reshape(h // s * (w // s), -1)

# %% 10.4 | split twice
def merge(x, grid, s):
    h, w = grid
    bands = np.split(x.reshape(h, w, -1), h // s, axis=0)
    return np.stack([part.flatten() for band in bands for part in np.split(band, w // s, axis=1)])

# %% 10.4 | an order of all tokens
def merge(x, grid, s):
    h, w = grid
    rows, columns = np.divmod(np.arange(h * w), w)
    order = np.lexsort((columns % s, rows % s, columns // s, rows // s))
    return x[order].reshape(-1, s * s * x.shape[1])

# %% 10.4 | written in place
def merge(x, grid, s):
    h, w = grid
    c = x.shape[1]
    out = np.zeros((h * w // s**2, s * s * c))
    for i in range(h * w):
        y, z = divmod(i, w)
        window = (y // s) * (w // s) + z // s
        at = ((y % s) * s + z % s) * c
        out[window, at:at + c] = x[i]
    return out
