"""TokenBridge on photos: how wide levels should be, and what the head that draws channels gains.

    python tools/findings/channels.py

Patches of 8 x 8 pixels in colour become 16 principal components, fitted with their deviations to
three photos; the fourth is the test. The head gets the channels of the patches to the left, above
and between these as its state. The same head is fitted with the channels in three orders, and
compared with all channels in parallel and with the shares of levels without any context.
"""

from found import main, table, timed  # sets one thread, before NumPy is imported

# isort: split
import numpy as np

from tokenlab.data import load_vit_photos
from tokenlab.models.layers import cross_entropy, gelu, linear
from tokenlab.quantization import channel_head, tokenbridge
from tokenlab.training import train

PATCH, CHANNELS, LEVELS, UNSEEN = 8, 16, 16, "chelsea"
STEPS, BATCH, RATE, D = 500, 128, 3e-3, 48
CUTOFF = 0.1


def patches(photo, dy=0, dx=0):
    """Rows and columns of patches, (h, w, 192), from 0 to 1."""
    x = np.asarray(photo, np.float32)[dy:, dx:, :3] / 255
    h, w = (side // PATCH for side in x.shape[:2])
    x = x[: h * PATCH, : w * PATCH].reshape(h, PATCH, w, PATCH, 3).swapaxes(1, 2)
    return x.reshape(h, w, -1)


def components(unseen):
    """A function from photos to channels of deviation one, fitted to the photos but one."""
    photos = load_vit_photos()
    others = [x for name, x in zip(photos.names, photos.images, strict=True) if name != unseen]
    x = np.concatenate([patches(photo).reshape(-1, PATCH * PATCH * 3) for photo in others])
    mean = x.mean(axis=0)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2][:CHANNELS]
    deviation = ((x - mean) @ axes.T).std(axis=0)
    return others, lambda photo, *at: (patches(photo, *at) - mean) @ axes.T / deviation


def levels(_):
    """Squared error of the channels by levels of equal probability, as they are and stretched."""
    rows = []
    photos = load_vit_photos()
    for name, photo in zip(photos.names, photos.images, strict=True):
        _, channels = components(name)
        x = channels(photo)
        error = {}
        for spread in (1.0, 3**0.5):
            codebook = tokenbridge.gaussian_codebook(LEVELS, spread=spread)
            # The range is that of the levels themselves: nothing is mapped or cut.
            codes = tokenbridge.encode(x, codebook, low=-5, high=5, limit=5)
            near = tokenbridge.decode(codes, codebook, low=-5, high=5, limit=5)
            error[spread] = float(((x - near) ** 2).mean())
        narrow, wide = error.values()
        rows.append((name, narrow, wide, 10 * np.log10(narrow / wide)))
    worse = [row[0] for row in rows if row[3] < 0]
    remark = f"Worse when stretched: {', '.join(worse) or 'none'}."
    columns = ("photo", "error, spread 1", "error, spread sqrt 3", "gain in dB")
    return table("16 levels a channel, photo not fitted", columns, rows, remark=remark)


def with_context(x):
    """States (n, 48) and channels (n, 16) of all patches that have three neighbours."""
    z = np.concatenate([x[1:, :-1], x[:-1, 1:], x[:-1, :-1]], axis=-1)
    return z.reshape(-1, 3 * CHANNELS), x[1:, 1:].reshape(-1, CHANNELS)


CODEBOOK = tokenbridge.gaussian_codebook(LEVELS, spread=3**0.5)


def coded(x):
    """Channels as levels, and what these stand for."""
    codes = tokenbridge.encode(x, CODEBOOK, low=-5, high=5, limit=5)
    return codes, tokenbridge.decode(codes, CODEBOOK, low=-5, high=5, limit=5)


def samples():
    """States and codes for training, several grids of every photo, and for the test."""
    others, channels = components(UNSEEN)
    found = []
    for photo in others:
        for dy, dx in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2), (6, 6), (2, 6), (6, 2)):
            codes, near = coded(channels(photo, dy, dx))
            found.append((with_context(near)[0], with_context(codes)[1]))
    photos = load_vit_photos()
    test = channels(photos.images[list(photos.names).index(UNSEEN)])
    codes, near = coded(test)
    # Squares of equal size, of which the order takes the share of low frequencies.
    squares = np.stack([channels(photo)[:24, :24] for photo in others])
    order = tokenbridge.channel_order(squares, CUTOFF)
    train_set = [np.concatenate(part) for part in zip(*found, strict=True)]
    return train_set, [with_context(near)[0], with_context(codes)[1]], order


def head(train_set, test, order, steps, seed):
    """Nats a channel of the test when the head draws the channels in this order."""
    z, codes = train_set[0].astype(np.float32), train_set[1][:, order]
    params = channel_head.init(CHANNELS, LEVELS, z.shape[1], d=D, blocks=2, rng=seed)
    loss = lambda p, z, codes: -channel_head.log_prob(p, z, codes).mean() / CHANNELS  # noqa: E731
    params = fit(loss, params, z, codes, steps, seed)
    return float(loss(params, test[0].astype(np.float32), test[1][:, order]))


def parallel(train_set, test, steps, seed):
    """The same when all channels come from the state at once, by a hidden layer."""
    z, codes = train_set[0].astype(np.float32), train_set[1]
    rng, hidden = np.random.default_rng(seed), 4 * D
    shapes = {"up": (z.shape[1], hidden), "down": (hidden, CHANNELS * LEVELS)}
    params = {
        name: (rng.standard_normal(shape) * shape[0] ** -0.5).astype(np.float32)
        for name, shape in shapes.items()
    }

    def loss(p, z, codes):
        scores = linear(gelu(linear(z, p["up"])), p["down"])
        return cross_entropy(scores.reshape(-1, LEVELS), codes.reshape(-1))

    params = fit(loss, params, z, codes, steps, seed)
    return float(loss(params, test[0].astype(np.float32), test[1]))


def fit(loss, params, z, codes, steps, seed):
    def batch(rng):
        rows = rng.integers(0, len(z), BATCH)
        return z[rows], codes[rows]

    options = {"rate": RATE, "warmup": steps // 20, "clip": 1.0, "weight_decay": 0.01}
    return train(loss, params, batch, steps=steps, rng=seed, **options)[0]


def channel_orders(options):
    """Nats a channel of the unseen photo."""
    steps = 20 if options.short else STEPS
    train_set, test, order = samples()
    ways = {
        "in order": np.arange(CHANNELS),
        "by frequency": np.asarray(order),
        "reversed": np.arange(CHANNELS)[::-1],
    }
    rows = []
    for name, way in ways.items():
        rows.append((name, *timed(lambda way=way: head(train_set, test, way, steps, 0))))
    rows.append(("parallel", *timed(lambda: parallel(train_set, test, steps, 0))))
    shares = np.stack([np.bincount(c, minlength=LEVELS) + 1.0 for c in train_set[1].T])
    log_p = np.log(shares / shares.sum(axis=1, keepdims=True))  # (channels, levels)
    rows.append(("no context", float(-log_p[np.arange(CHANNELS), test[1]].mean()), 0.0))
    gain = rows[0][1] - rows[1][1]
    remark = f"The order by frequency is {abs(gain):.3f} nats {'better' if gain > 0 else 'worse'}."
    remark += f" One seed, {len(test[1]):,} patches of {UNSEEN}."
    columns = ("channels", "test nats a channel", "CPU s")
    return table("Channel head on a photo that was not fitted", columns, rows, remark=remark)


if __name__ == "__main__":
    main("channels", __doc__, {"E-levels": levels, "E-head": channel_orders})
