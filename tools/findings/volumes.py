"""TokenUnify on a noisy 3-D Voronoi texture: direct prediction against rolled-out, and a probe.

    python tools/findings/volumes.py

Cells of a volume are grey, their walls dark, all of it noisy. Cubes of 4 x 4 x 4 voxels become one of
32 codes, and 32 cubes in a row of 2 x 4 x 4 a sequence. One network is fitted by each of the tasks
alone and by the three with the paper's curriculum. Then codes 1, 4 and 16 places ahead are predicted
directly, or by drawing all codes between; and states are probed with few labels: is there a wall?
"""

from found import main, table, timed  # sets one thread, before NumPy is imported

# isort: split
import numpy as np

from tokenlab.models.layers import cross_entropy, embedding, gelu, linear
from tokenlab.models.transformer import init as transformer
from tokenlab.models.transformer import normed, self_attention
from tokenlab.numerics import log_softmax
from tokenlab.objectives import token_unify
from tokenlab.quantization import kmeans
from tokenlab.training import train

SIDE, SPACING, NOISE, CUBE, VOCAB = 64, 16, 0.12, 4, 32
SHAPE = (2, 4, 4)  # cubes of a sequence
N = int(np.prod(SHAPE))
D, LAYERS, STEPS, BATCH, RATE = 64, 2, 400, 32, 1e-2
AHEAD, PREFIXES, EVERY = (1, 4, 16), (9, 14), 30  # every 30th box of the test is asked
ROLLOUTS = 4  # drawn for each prefix


def volume(seed):
    """Grey values (64, 64, 64), and True where a wall is."""
    rng = np.random.default_rng(seed)
    n = round((SIDE / SPACING) ** 3)
    centres, greys = rng.random((n, 3)) * SIDE, rng.uniform(0.5, 1.0, n)
    places = np.stack(np.meshgrid(*[np.arange(SIDE)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    wall, grey = [], []
    for part in np.array_split(places, 64):
        square = (
            (part * part).sum(axis=1)[:, None] - 2 * part @ centres.T + (centres**2).sum(axis=1)
        )
        gaps = np.sqrt(square.clip(0))  # (n_voxels, n_cells)
        two = np.partition(gaps, 1, axis=1)[:, :2]  # to the nearest centre and to the next one
        wall.append(two[:, 1] - two[:, 0] < 1.6)
        grey.append(greys[gaps.argmin(axis=1)])
    wall, grey = np.concatenate(wall), np.concatenate(grey)
    values = np.where(wall, 0.1, grey) + NOISE * rng.standard_normal(len(wall))
    return values.reshape(3 * (SIDE,)), wall.reshape(3 * (SIDE,))


def cubes(x):
    """Cubes of 4 x 4 x 4 voxels as rows, (16, 16, 16, 64)."""
    m = SIDE // CUBE
    x = x.reshape(m, CUBE, m, CUBE, m, CUBE).transpose(0, 2, 4, 1, 3, 5)
    return x.reshape(m, m, m, CUBE**3)


def sequences(codes):
    """Every box of 2 x 4 x 4 cubes of a volume, row after row, (n, 32)."""
    boxes = np.lib.stride_tricks.sliding_window_view(codes, SHAPE)
    return boxes.reshape(-1, N)


def data():
    """Sequences of two volumes for training and of a third, with walls, and the codebook."""
    every = [volume(seed) for seed in range(3)]
    fitted = kmeans.fit(
        np.concatenate([cubes(v).reshape(-1, 64) for v, _ in every[:2]]), VOCAB, rng=0
    )
    coded = [kmeans.assign(cubes(v).reshape(-1, 64), fitted.codebook).codes for v, _ in every]
    walls = [cubes(w).mean(axis=-1) > 0.3 for _, w in every]
    grid = 3 * (SIDE // CUBE,)
    rows = [sequences(c.reshape(grid)) for c in coded]
    labels = [sequences(w) for w in walls]
    return np.concatenate(rows[:2]), rows[2][::EVERY], labels[2][::EVERY], fitted.codebook


def states(params, ids, mask, task):
    """What the network makes of tokens, -1 where none is known: (b, n, d)."""
    net = params["net"]
    x = embedding(net["embed"], np.where(ids < 0, VOCAB, ids))  # (b, n, d)
    x = x + net["place"] + params["task"][task]
    for block in net["blocks"]:
        x = x + self_attention(block, normed(block["norm1"], x), mask)
        x = x + linear(gelu(linear(normed(block["norm2"], x), block["up"])), block["down"])
    return normed(net["norm"], x)


CAUSAL, EVERYBODY = np.tri(N, dtype=bool), np.ones((N, N), bool)


def prefixes(params, ids):
    """The state of each prefix, (b, n, d): at i the first i tokens are known."""
    before = np.concatenate([np.full((len(ids), 1), -1), ids[:, :-1]], axis=1)
    return states(params, before, CAUSAL, 0)


def scores(params, state, j):
    """Logits of token j from the states of prefixes; `j` has the shape of the states."""
    return linear(gelu(state @ params["mix"] + embedding(params["target"], j)), params["out"])


def mixed(params, ids, mask, far, weights):
    """The three losses of the paper, each a mean over its terms, by their weights; 0 is not run."""
    place = np.broadcast_to(np.arange(N), ids.shape)
    total = 0.0
    if weights[0]:
        hidden = states(params, np.where(mask, -1, ids), EVERYBODY, 1)
        guess = scores(params, hidden, place)
        total = weights[0] * cross_entropy(guess, ids, mask.astype(np.float32))
    if weights[1] or weights[2]:
        state = prefixes(params, ids)
    if weights[1]:
        total = total + weights[1] * cross_entropy(scores(params, state, place), ids)
    if weights[2]:
        # One token j >= i for each prefix, weighted by how many there are: unbiased for all pairs.
        many = np.broadcast_to(np.arange(N, 0, -1), ids.shape).astype(np.float32)
        right = np.take_along_axis(ids, far, axis=1)
        total = total + weights[2] * cross_entropy(scores(params, state, far), right, many)
    return total


def fit(kind, rows, steps, seed):
    """Parameters fitted by one of the losses, or by all of them in turn."""
    rng = np.random.default_rng(seed)
    small = lambda *shape: (rng.standard_normal(shape) * D**-0.5).astype(np.float32)  # noqa: E731
    net = transformer(vocab=VOCAB + 1, d=D, layers=LAYERS, heads=4, length=N, norm="rms", rng=rng)
    params = {"net": net, "task": small(2, D), "mix": small(D, D), "target": small(N, D)}
    params |= {"out": small(D, VOCAB)}
    taken = [0]

    def batch(rng):
        ids = rows[rng.integers(0, len(rows), BATCH)]
        mask = np.stack([token_unify.random_mask(N, 0.5, rng=rng) for _ in ids])
        first = np.arange(N)
        far = first + (rng.random(ids.shape) * (N - first)).astype(int)  # uniform from i to n - 1
        share = token_unify.curriculum(taken[0] / steps)
        taken[0] += 1
        return ids, mask, far, share if kind == "curriculum" else KINDS[kind]

    options = {"rate": RATE, "warmup": steps // 20, "clip": 1.0, "weight_decay": 0.01}
    return train(mixed, params, batch, steps=steps, rng=seed, **options)[0]


KINDS = {"random": (1, 0, 0), "next": (0, 1, 0), "next all": (0, 0, 1)}


def direct(params, ids, prefix, ahead):
    """Log-probabilities (b, vocab) of the token so many places ahead, at once."""
    state = prefixes(params, ids)[:, prefix : prefix + 1]
    j = np.full((len(ids), 1), prefix + ahead - 1)
    return log_softmax(scores(params, state, j)[:, 0])


def rolled_out(params, ids, prefix, ahead, rng):
    """The same by drawing every token between, averaged over some draws."""
    ids = np.repeat(ids, ROLLOUTS, axis=0).copy()
    for at in range(prefix, prefix + ahead - 1):
        log_p = direct(params, ids, at, 1)
        ids[:, at] = (log_p + rng.gumbel(size=log_p.shape)).argmax(axis=1)
    p = np.exp(direct(params, ids, prefix + ahead - 1, 1))
    return np.log(p.reshape(-1, ROLLOUTS, VOCAB).mean(axis=1))


def probed(params, ids, walls, n_labels, seed):
    """How well a linear probe of the states tells walls, from few labels: balanced accuracy."""
    x = np.asarray(states(params, ids, EVERYBODY, 1), np.float64).reshape(-1, D)
    y = walls.reshape(-1) * 2.0 - 1
    order = np.random.default_rng(seed).permutation(len(y))
    few, others = order[:n_labels], order[n_labels:]
    mean = x[few].mean(axis=0)
    a = x[few] - mean
    weights = np.linalg.solve(a.T @ a + 3.0 * np.eye(D), a.T @ (y[few] - y[few].mean()))
    guess = (x[others] - mean) @ weights + y[few].mean() > 0
    right = y[others] > 0
    return float((guess[right].mean() + (1 - guess[~right].mean())) / 2)


def far_ahead(options):
    """Nats of codes 1, 4 and 16 ahead, of four ways to train, directly and rolled out."""
    rows, test, walls, codebook = data()
    steps = 20 if options.short else STEPS
    found, probes = [], []
    share = np.bincount(rows.ravel(), minlength=VOCAB) / rows.size
    blind = float(-np.log(share[test]).mean())
    for kind in ("next", "next all", "curriculum", "random"):
        params, seconds = timed(lambda kind=kind: fit(kind, rows, steps, 0))
        probes.append((kind, *(probe(params, test, walls, n) for n in (20, 100))))
        ways = {"direct": lambda i, a, p=params: direct(p, test, i, a)}
        if kind != "random":
            rng = np.random.default_rng(0)
            ways["rolled out"] = lambda i, a, p=params, r=rng: rolled_out(p, test, i, a, r)
        if kind in ("next", "random"):
            ways.pop("direct")  # never asked for more than its own token
        for way, log_p in ways.items():
            nats, errors = [], []
            for ahead in AHEAD:
                # Several prefixes: places differ in how many of their neighbours are known.
                right = np.concatenate([test[:, i + ahead - 1] for i in PREFIXES])
                guess = np.concatenate([log_p(i, ahead) for i in PREFIXES])
                nats.append(float(-guess[np.arange(len(right)), right].mean()))
                gap = np.exp(guess) @ codebook - codebook[right]
                errors.append(float((gap**2).sum(axis=1).mean() ** 0.5))
            found.append((kind, way, *nats, *errors, seconds))
    columns = ("trained by", "how", *(f"nats {a}" for a in AHEAD), *(f"error {a}" for a in AHEAD))
    remark = (
        f"Shares of codes alone: {blind:.3f} nats. One seed, {len(test)} boxes of another volume."
    )
    remark += f" Error: root mean square of the expected cube. {exponents(found)}"
    return table(
        "Codes ahead of 9 and of 14 known ones",
        (*columns, "CPU s"),
        found,
        remark=remark,
        probe=table(
            "Balanced accuracy of walls from few labels",
            ("trained by", "20 labels", "100 labels"),
            probes,
        ),
    )


def exponents(found):
    """How the error grows from 1 to 16 places ahead, as a power of the distance."""
    powers = [f"{np.log(row[7] / row[5]) / np.log(16):.2f} ({row[0]}, {row[1]})" for row in found]
    return "The error grows as the distance to the power " + ", ".join(powers) + "; 0.5 is a root."


def probe(params, test, walls, n):
    """The mean over 20 choices of labels."""
    return float(np.mean([probed(params, test, walls, n, seed) for seed in range(20)]))


if __name__ == "__main__":
    main("volumes", __doc__, {"H": far_ahead})
