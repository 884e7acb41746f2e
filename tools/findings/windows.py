"""Token-Shuffle on digits: what windows save a transformer, and what they cost in likelihood.

    python tools/findings/windows.py

Digits of 8 x 8 pixels in five greys, pixel after pixel (s = 1) or window after window of s x s. The
pixels of a window are drawn independently of each other, given the windows before: that is the
price. Every model is the same transformer, fitted with the same steps.
"""

from found import main, table, timed  # sets one thread, before NumPy is imported

# isort: split
import numpy as np

from tokenlab.arrays import get_xp, stop
from tokenlab.data import load_digits
from tokenlab.models.layers import cross_entropy, embedding, gelu, linear
from tokenlab.models.transformer import init as transformer
from tokenlab.models.transformer import normed, self_attention
from tokenlab.quantization import token_shuffle
from tokenlab.tour.digits_memory import split
from tokenlab.training import train

D, LAYERS, LEVELS, GRID, N = 64, 2, 5, (8, 8), 64
STEPS, BATCH, RATE = 300, 32, 1e-2


def data(half: int) -> tuple[np.ndarray, np.ndarray]:
    """Greys 0 to 4 of training or test digits, (n, 64), and their labels."""
    digits, rows = load_digits(), split()[half]
    return (digits.images[rows].reshape(-1, N).astype(int) + 2) // 4, digits.labels[rows]


def logits(params, pixels, labels, s):
    """Of every pixel, given its class and the windows before its own, (b, 64, 5)."""
    net = params["net"]
    x = embedding(params["greys"], pixels) + params["place"]  # (b, 64, d)
    if s > 1:
        x = token_shuffle.shuffle(params["pair"], x, GRID, s)  # (b, 64 / s², d)
    m = x.shape[1]
    # Each window gets the one before it; the first gets nothing but the class.
    x = get_xp(x).concatenate([np.zeros_like(stop(x[:, :1])), x[:, :-1]], axis=1)
    x = x + net["place"][:m] + embedding(net["embed"], labels)[:, None]
    causal = np.tri(m, dtype=bool)
    for block in net["blocks"]:
        x = x + self_attention(block, normed(block["norm1"], x), causal)
        x = x + linear(gelu(linear(normed(block["norm2"], x), block["up"])), block["down"])
    x = normed(net["norm"], x)
    if s > 1:
        x = token_shuffle.unshuffle(params["pair"], x, GRID, s)  # (b, 64, d)
    return linear(x, params["out"])


def init(s, rng):
    rng = np.random.default_rng(rng)
    small = lambda *shape: (rng.standard_normal(shape) * D**-0.5).astype(np.float32)  # noqa: E731
    net = transformer(vocab=10, d=D, layers=LAYERS, heads=4, length=N, norm="rms", rng=rng)
    params = {"net": net, "greys": small(LEVELS, D), "place": small(N, D), "out": small(D, LEVELS)}
    # Windows of one pixel are the pixels: nothing to shuffle, and no MLPs.
    return params if s == 1 else params | {"pair": token_shuffle.init(D, s, rng=rng)}


def fit(s, steps, seed):
    pixels, labels = data(0)
    params = init(s, seed)

    def batch(rng):
        rows = rng.integers(0, len(pixels), BATCH)
        return pixels[rows], labels[rows]

    loss = lambda p, x, y: cross_entropy(logits(p, x, y, s), x)  # noqa: E731
    options = {"rate": RATE, "warmup": steps // 20, "clip": 1.0, "weight_decay": 0.01}
    return train(loss, params, batch, steps=steps, rng=seed, **options)[0]


def nats(params, s, half):
    """Of a whole digit, on average, and half the width of a 95 % interval over digits."""
    pixels, labels = data(half)
    each = []
    for rows in np.array_split(np.arange(len(pixels)), 10):
        x = logits(params, pixels[rows], labels[rows], s)
        x = x - x.max(axis=-1, keepdims=True)
        log_p = x - np.log(np.exp(x).sum(axis=-1, keepdims=True))
        each.append(np.take_along_axis(log_p, pixels[rows][..., None], -1)[..., 0].sum(axis=1))
    each = -np.concatenate(each)
    return float(each.mean()), float(1.96 * each.std() / len(each) ** 0.5)


def windows(options):
    """Nats and operations for s of 1, 2 and 4."""
    rows = []
    for s in (1, 2, 4):
        params, seconds = timed(lambda s=s: fit(s, 20 if options.short else STEPS, 0))
        test, wide = nats(params, s, 1)
        cost = token_shuffle.multiply_adds(N, d=D, layers=LAYERS, hidden=4 * D, s=s)
        rows.append((s, N // s**2, test, wide, nats(params, s, 0)[0], cost / 1e6, seconds))
    columns = ("s", "windows", "test nats", "±", "training nats", "M multiply-adds", "CPU s")
    best = min(rows, key=lambda row: row[2])[0]
    remark = f"Fewest test nats a digit: s = {best}. One seed; ± is over the 500 test digits."
    return table("Token-Shuffle: nats of a digit of five greys", columns, rows, remark=remark)


if __name__ == "__main__":
    main("windows", __doc__, {"G": windows})
