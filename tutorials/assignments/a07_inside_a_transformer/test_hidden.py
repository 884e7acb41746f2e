"""What a teacher runs on top: loops written apart, large scores, and texts in parts."""

import numpy as np

from tokenlab.assignments import task


@task("7.1", points=2)
def test_random_rows_against_a_loop(answer):
    rng = np.random.default_rng(0)
    for n, d in ((4, 4), (1, 6), (5, 3)):
        x, gain = rng.standard_normal((n, d)) + 0.5, rng.standard_normal(d)
        y = answer.rms_norm(x.copy(), gain.copy(), 0.05)
        for i in range(n):
            square = sum(v * v for v in x[i]) / d
            np.testing.assert_allclose(np.asarray(y)[i], gain * x[i] / (square + 0.05) ** 0.5)


@task("7.1", points=1)
def test_a_token_of_zeros(answer):
    y = answer.rms_norm(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([1.0, -1.0]), 1e-5)
    np.testing.assert_allclose(y, [[0, 0], [3 / 12.5**0.5, -4 / 12.5**0.5]], rtol=1e-5)


def loop_rope(x, positions, base):
    """Complex numbers: a turn is a product."""
    h, n, d = x.shape
    y = np.empty(x.shape)
    for a in range(h):
        for t in range(n):
            for i in range(d // 2):
                z = complex(x[a, t, 2 * i], x[a, t, 2 * i + 1])
                z *= np.exp(1j * positions[t] * base ** (-2 * i / d))
                y[a, t, 2 * i : 2 * i + 2] = z.real, z.imag
    return y


@task("7.2", points=2)
def test_random_vectors_against_complex_numbers(answer):
    rng = np.random.default_rng(0)
    for shape in ((2, 3, 6), (1, 4, 2), (3, 1, 8), (3, 3, 4)):
        x, positions = rng.standard_normal(shape), rng.integers(0, 50, shape[1])
        y = answer.rope(x.copy(), positions.copy(), 100.0)
        np.testing.assert_allclose(y, loop_rope(x, positions, 100.0), atol=1e-9)


@task("7.2", points=1)
def test_products_know_distances_alone(answer):
    q, k = np.random.default_rng(0).standard_normal((2, 1, 1, 8))

    def score(m, n):
        a = np.asarray(answer.rope(q.copy(), np.array([m]), 50.0))
        return float((a * np.asarray(answer.rope(k.copy(), np.array([n]), 50.0))).sum())

    np.testing.assert_allclose(score(3, 7), score(103, 107), rtol=1e-7)
    np.testing.assert_allclose(
        score(7, 3), (loop_rope(q, [7], 50.0) * loop_rope(k, [3], 50.0)).sum()
    )


@task("7.3", points=3)
def test_masks_against_a_loop(answer):
    for n, past in ((1, 0), (4, 0), (1, 5), (3, 1), (2, 2)):
        seen = np.asarray(answer.visible(n, past))
        wanted = np.zeros((n, past + n), dtype=bool)
        for i in range(n):
            for j in range(past + n):
                wanted[i, j] = j < past or j - past <= i
        assert seen.shape == wanted.shape
        np.testing.assert_array_equal(seen, wanted)


def loop_attention(q, k, v, seen):
    """One query after the other, by its own softmax."""
    y = np.zeros(q.shape)
    group = len(q) // len(k)
    for head in range(len(q)):
        for i in range(q.shape[1]):
            keys = [j for j in range(k.shape[1]) if seen[i, j]]
            s = np.array([q[head, i] @ k[head // group, j] for j in keys]) / q.shape[2] ** 0.5
            p = np.exp(s - s.max())
            y[head, i] = sum(
                w * v[head // group, j] for w, j in zip(p / p.sum(), keys, strict=True)
            )
    return y


@task("7.4", points=2)
def test_random_attention_against_a_loop(answer):
    rng = np.random.default_rng(0)
    for h, h_kv, n, n_keys, d in (
        (2, 2, 3, 3, 4),
        (6, 2, 2, 5, 2),
        (3, 1, 4, 4, 4),
        (4, 2, 1, 6, 3),
    ):
        q = rng.standard_normal((h, n, d)) * 2
        k, v = rng.standard_normal((2, h_kv, n_keys, d))
        seen = rng.random((n, n_keys)) < 0.6
        seen[:, 0] = True
        y = answer.attend(q.copy(), k.copy(), v.copy(), seen.copy())
        np.testing.assert_allclose(y, loop_attention(q, k, v, seen), atol=1e-9)


@task("7.4", points=1)
def test_large_scores(answer):
    q = np.array([[[3e4], [-3e4]]])
    k = np.array([[[1.0], [0.5], [1.0]]])
    v = np.array([[[1.0], [2.0], [4.0]]])
    y = answer.attend(q, k, v, np.array([[True, True, False], [True, False, True]]))
    np.testing.assert_allclose(y, [[[1.0], [2.5]]])


def parts(seed, h=4, h_kv=2, d=6, width=4):
    """Weights, and a cache without rows."""
    rng = np.random.default_rng(seed)
    shapes = {"q": (d, h, width), "k": (d, h_kv, width), "v": (d, h_kv, width)}
    weights = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    nothing = np.zeros((h_kv, 0, width))
    return rng, weights, {"k": nothing, "v": nothing.copy(), "positions": np.zeros(0, int)}


def loop_continued(x, cache, weights, base):
    """Keys, values and attention, one token after the other."""
    positions = list(cache["positions"])
    keys, values, ys = cache["k"], cache["v"], []
    for row in x:
        at = positions[-1] + 1 if positions else 0
        q, k, v = (np.tensordot(row, weights[name], 1)[:, None] for name in "qkv")
        keys = np.concatenate([keys, loop_rope(k, [at], base)], axis=1)
        values = np.concatenate([values, v], axis=1)
        positions.append(at)
        seen = np.ones((1, len(positions)), dtype=bool)
        ys.append(loop_attention(loop_rope(q, [at], base), keys, values, seen))
    return np.concatenate(ys, axis=1), keys, values, positions


def agrees(found, wanted):
    y, cache = found
    np.testing.assert_allclose(y, wanted[0], atol=1e-9)
    np.testing.assert_allclose(cache["k"], wanted[1], atol=1e-9)
    np.testing.assert_allclose(cache["v"], wanted[2], atol=1e-9)
    np.testing.assert_array_equal(cache["positions"], wanted[3])


@task("7.5", points=2)
def test_a_text_at_once_and_in_parts(answer):
    rng, weights, cache = parts(0)
    x = rng.standard_normal((5, 6))
    wanted = loop_continued(x, cache, weights, 30.0)
    agrees(answer.continued(x.copy(), cache, weights, 30.0), wanted)
    first, kept = answer.continued(x[:3].copy(), cache, weights, 30.0)
    second, kept = answer.continued(x[3:].copy(), kept, weights, 30.0)
    agrees((np.concatenate([first, second], axis=1), kept), wanted)


@task("7.5", points=1)
def test_behind_rows_that_were_kept(answer):
    rng, weights, cache = parts(1)
    _, keys, values, positions = loop_continued(rng.standard_normal((6, 6)), cache, weights, 30.0)
    for rows in ([0, 1, 2], [0, 2, 5], [4]):
        kept = {"k": keys[:, rows], "v": values[:, rows], "positions": np.array(positions)[rows]}
        x = rng.standard_normal((2, 6))
        wanted = loop_continued(x, kept, weights, 30.0)
        agrees(answer.continued(x.copy(), kept, weights, 30.0), wanted)
